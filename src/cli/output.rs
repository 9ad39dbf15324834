//! Writing to the terminal without minding whether anybody still reads.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use super::BROKEN;
use crate::config::Environment;

/// Writes the result of a command to standard output.
///
/// A reader that has gone away is nobody's error; anything else, such as a full disk, is told and
/// fails the command: whoever reads the file must not take it for complete.
pub(super) fn deliver(text: &str, status: ExitCode) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => status,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => status,
        Err(error) => {
            complain(&format!("error: the result cannot be written: {error}"));
            ExitCode::from(BROKEN)
        }
    }
}

/// Writes to standard output what may as well be lost.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .unwrap_or_default();
}

/// Writes a line to standard error.
pub(super) fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    writeln!(err, "{}", text.trim_end()).unwrap_or_default();
}

/// Whether standard output shows colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn wants_color(environment: &Environment) -> bool {
    let refused = environment
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// A line on a terminal that tells what is going on, and goes away when dropped.
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows `text` when standard error is a terminal.
    pub(super) fn show(text: &str) -> Self {
        let mut err = std::io::stderr().lock();
        let shown = err.is_terminal();
        if shown {
            write!(err, "{text}")
                .and_then(|()| err.flush())
                .unwrap_or_default();
        }
        Self { shown }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let mut err = std::io::stderr().lock();
            write!(err, "\r\u{1b}[2K")
                .and_then(|()| err.flush())
                .unwrap_or_default();
        }
    }
}

/// Progress on standard error: one line that changes on a terminal, a line each elsewhere.
pub(super) struct Ticker {
    line: Option<Progress>,
}

impl Ticker {
    /// Most characters of the line that changes: one that is wrapped cannot be taken back.
    const WIDTH: usize = 78;

    /// Begins with `text`, which only a terminal shows.
    pub(super) fn start(text: &str) -> Self {
        Self {
            line: Some(Progress::show(text)),
        }
    }

    /// Tells how it goes.
    pub(super) fn tell(&mut self, text: &str) {
        let is_terminal = self.line.take().is_some_and(|line| line.shown);
        if is_terminal {
            let short: String = text.chars().take(Self::WIDTH).collect();
            self.line = Some(Progress::show(&short));
        } else {
            complain(text);
        }
    }

    /// Tells something that stays.
    pub(super) fn settle(&mut self, text: &str) {
        let was_shown = self.line.take().is_some_and(|line| line.shown);
        complain(text);
        if was_shown {
            self.line = Some(Progress::show(""));
        }
    }
}
