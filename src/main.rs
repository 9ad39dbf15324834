//! The `why403` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    why403::cli::run()
}
