//! The configuration as the rest of why403 sees it: typed, checked, complete.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::duration;
use crate::target::{Secret, Target};

/// A complete configuration. Nothing in it needs to be checked again.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server of why403 itself.
    pub server: Server,
    /// How often access is tried.
    pub probe: Probe,
    /// What failures mean for `/health`.
    pub health: HealthPolicy,
    /// How Genesys Cloud is reached.
    pub network: Network,
    /// What is written to standard error.
    pub log: Log,
    /// What is watched; at least one, with unique names.
    pub targets: Vec<Target>,
}

/// The HTTP server of why403 itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Server {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address of everything but `/livez`, `/readyz` and `/health`; none when one address has all.
    pub admin_listen: Option<SocketAddr>,
    /// The files of the certificate; none for plain HTTP.
    #[serde(skip)]
    pub tls: Option<TlsFiles>,
    /// The bearer token that POST requests must carry; without it only loopback peers may POST.
    #[serde(skip)]
    pub admin_token: Option<Secret>,
    /// Whether `/`, `/diagnose`, `/timeline` and `/probe` need the admin token, too; implies that there is one.
    pub protect_details: bool,
    /// Where what outlives a restart is kept; none when it is not to be kept.
    #[serde(skip)]
    pub state_dir: Option<PathBuf>,
    /// Most connections at the same time.
    pub max_connections: usize,
    /// Longest wait for the head of a request.
    #[serde(deserialize_with = "duration::deserialize")]
    pub header_timeout: Duration,
    /// Longest time to answer one request.
    #[serde(deserialize_with = "duration::deserialize")]
    pub request_timeout: Duration,
    /// How long to go on serving after SIGTERM.
    #[serde(deserialize_with = "duration::deserialize")]
    pub shutdown_delay: Duration,
    /// Longest wait after that for requests under way.
    #[serde(deserialize_with = "duration::deserialize")]
    pub drain_timeout: Duration,
}

/// The files that TLS needs, PEM each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server, and those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority whose certificates clients must have, if they must have one.
    pub client_ca: Option<PathBuf>,
}

/// How often access is tried, and how many results change the verdict.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Probe {
    /// Time from one probe to the next; targets may have their own.
    #[serde(deserialize_with = "duration::deserialize")]
    pub interval: Duration,
    /// Longest time for one call; shorter than the interval. Targets may have their own.
    #[serde(deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
    /// Longest time to connect; at most the timeout.
    #[serde(deserialize_with = "duration::deserialize")]
    pub connect_timeout: Duration,
    /// Failures in a row before the verdict turns bad; at least 1.
    pub fall: u32,
    /// Successes in a row before it turns good again; at least 1.
    pub rise: u32,
    /// Random part of each interval, 0 to 0.2.
    pub jitter: f64,
    /// Most probes at the same time, over all targets; at least 1.
    pub max_in_flight: usize,
    /// Least time between two examinations of a target that nobody asks for, and between two
    /// tokens minted for them.
    #[serde(deserialize_with = "duration::deserialize")]
    pub examination_pause: Duration,
}

/// What a class of failure means for `/health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It does not matter.
    Pass,
    /// It is shown, but answered with 200.
    Warn,
    /// It is answered with 503.
    Fail,
}

impl Level {
    /// The name used in configuration and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What each class of failure means for `/health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct HealthPolicy {
    /// 403.
    pub forbidden: Level,
    /// 401, or refused credentials.
    pub unauthorized: Level,
    /// The request itself is wrong: 400, 404, a redirect, a feature that is off.
    pub misconfigured: Level,
    /// 200, but fewer queues than expected.
    pub visibility: Level,
    /// Upstream or network trouble.
    pub outage: Level,
    /// 429.
    pub throttled: Level,
    /// No recent result.
    pub stale: Level,
}

/// The built-in policy.
impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            forbidden: Level::Fail,
            unauthorized: Level::Fail,
            misconfigured: Level::Fail,
            visibility: Level::Warn,
            outage: Level::Warn,
            throttled: Level::Warn,
            stale: Level::Warn,
        }
    }
}

/// How Genesys Cloud is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whether plain http is accepted for other machines.
    pub allow_http: bool,
    /// Whether addresses of private networks, and of this machine, are never connected to.
    pub deny_private_addresses: bool,
    /// The proxy to use, if any.
    pub proxy: Option<Proxy>,
    /// The certificate authorities to trust.
    pub tls_roots: TlsRoots,
}

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its URL, which may contain a user's name and password.
    pub url: Url,
    /// Hosts to reach without it, in the form of `NO_PROXY`; may be empty.
    pub no_proxy: String,
}

/// Shows the address alone.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.url.scheme())?;
        f.write_str(self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Shows the address alone.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The certificate authorities to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsRoots {
    /// Those built into why403.
    Bundled,
    /// Those of the operating system.
    System,
    /// Those in a PEM file.
    File {
        /// The file.
        path: PathBuf,
        /// A digest of what it held, so that a renewed file is another setting.
        digest: [u8; 32],
    },
}

impl TlsRoots {
    /// A digest of the file, as it was when the configuration was read; none where none is named.
    #[must_use]
    pub fn digest(&self) -> Option<[u8; 32]> {
        match self {
            Self::Bundled | Self::System => None,
            Self::File { digest, .. } => Some(*digest),
        }
    }
}

/// What is written to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Log {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// How it is written.
    pub format: LogFormat,
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something may break.
    Warn,
    /// What happens, in large.
    Info,
    /// What happens, in small.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// Lines for people.
    Text,
    /// Lines for machines.
    Json,
}
