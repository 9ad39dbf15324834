//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::read_duration;
use crate::monitor::verify::LONGEST;

/// Watches whether an integration can still read Genesys Cloud queues, and says why not.
///
/// Credentials come from the environment (`GENESYS_CLOUD_CLIENT_ID` and
/// `GENESYS_CLOUD_CLIENT_SECRET`, or the `GENESYSCLOUD_…` names), from a configuration file or
/// from a profile of the gc CLI; never from arguments.
#[derive(Debug, Parser)]
#[command(
    name = "why403",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Configuration file (TOML); the variable `WHY403_CONFIG` names one, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Profile of the gc CLI (~/.gc/config.toml) to take region and credentials from
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Watch, and answer /health, /diagnose and /metrics
    Serve(Serve),
    /// Watch a simulated Genesys Cloud through a short day: nothing to configure
    Demo(Demo),
    /// Ask once: exit status 0 access works, 1 refused, 2 wrong usage, 3 could not tell
    Diagnose(Diagnose),
    /// Say what a cause, error code, scope, permission or operation really is
    Explain(Explain),
    /// Check the configuration without using the network
    CheckConfig(CheckConfig),
    /// Run the simulator of Genesys Cloud alone
    Simulate(Simulate),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Address to listen on; another port is taken when it is in use
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8403")]
    pub(super) listen: SocketAddr,
    /// End after the short day instead of going on until Ctrl-C
    #[arg(long)]
    pub(super) once: bool,
}

#[derive(Debug, Args)]
pub(super) struct Diagnose {
    /// How to show the diagnosis
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Only this target of the configuration; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    pub(super) targets: Vec<String>,
    /// Region in any spelling: eu-central-1, mypurecloud.de, <https://api.mypurecloud.de>
    #[arg(long, value_name = "REGION", conflicts_with = "base_url")]
    pub(super) region: Option<String>,
    /// Base URL of the API, for a gateway or a test
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// URL of the login server, where it does not follow from the base URL
    #[arg(long, value_name = "URL")]
    pub(super) login_url: Option<String>,
    /// Longest time for one call
    #[arg(long, value_name = "DURATION")]
    pub(super) timeout: Option<String>,
    /// Write what the diagnosis rests on to a file, without any secret; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Diagnose saved evidence once more: no network, no configuration; - for standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["region", "base_url", "login_url", "timeout", "save", "watch"]
    )]
    pub(super) from: Option<PathBuf>,
    /// Look again until what is wrong is mended, something else is wrong, or the time is over
    #[arg(long)]
    pub(super) watch: bool,
    /// How long to watch, at most 5m
    #[arg(long, value_name = "DURATION", requires = "watch", value_parser = limit)]
    pub(super) limit: Option<Duration>,
}

fn limit(text: &str) -> Result<Duration, String> {
    let read = read_duration(text).filter(|limit| *limit <= LONGEST);
    read.ok_or_else(|| "write a duration from 0s to 5m".to_owned())
}

/// How to show a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A cause, outcome, error code, status, scope, permission or operation
    #[arg(required = true, value_name = "WORD")]
    pub(super) words: Vec<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Page::Text)]
    pub(super) format: Page,
}

/// How to show an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Page {
    /// For a terminal
    Text,
    /// A page of a runbook
    Markdown,
}

#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Print the annotated default configuration instead
    #[arg(long)]
    pub(super) print_default: bool,
}

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8480")]
    pub(super) listen: SocketAddr,
    /// Scenario to begin with; --list names them
    #[arg(long, value_name = "NAME", default_value = "healthy")]
    pub(super) scenario: String,
    /// List the scenarios and end
    #[arg(long)]
    pub(super) list: bool,
}
