//! The configuration: from a file, the environment and flags to typed, checked values.
//!
//! [`load`] puts the layers on top of each other (built-in defaults, file, `WHY403__…` variables,
//! the Genesys variables, flags), reports **every** problem at once, each with its place and what
//! to do about it, and returns a [`Config`] in which nothing needs to be checked again.
//!
//! It reads files, but never the network, so that `check-config` is exactly this. Where a secret
//! may have to be replaced later, it tries for a moment whether its directory can be written to.
//! The process environment comes in through [`Environment`] only. Secrets are read from files,
//! variables and `gc` profiles; no problem and no `Debug` ever shows one.

mod certificate;
mod default_toml;
mod duration;
mod environment;
mod file;
mod key_table;
mod keys;
mod kind;
mod layer;
mod nearest;
mod problem;
mod profile;
mod reading;
mod resolve;
mod rotation;
mod secret;
mod settings;
mod variables;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

pub use certificate::{Identity, not_after};
pub use default_toml::default_toml;
pub use duration::format as format_duration;
pub use duration::read as read_duration;
pub use environment::Environment;
pub use problem::{Problem, Problems, Severity, Source};
pub use reading::{FILE_TIMEOUT, Reading, Unread};
pub use rotation::replace_secret_file;
pub use secret::{
    SecretFileError, SecretKind, read_admin_token, read_secret_file, secret_can_be,
    secret_file_modified,
};
pub use settings::{
    Config, HealthPolicy, Level, Log, LogFormat, LogLevel, Network, Probe, Proxy, Server, TlsFiles,
    TlsRoots,
};

use self::file::FileLayer;
use self::layer::Layer;
use self::resolve::Input;

/// Where the configuration comes from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file named by `--config`; without it the variable `WHY403_CONFIG` names one, if set.
    pub file: Option<PathBuf>,
    /// The environment variables.
    pub environment: Environment,
    /// Settings from flags, by path, for example `("server.listen", "0.0.0.0:8403")`. Keys of
    /// targets cannot be set, and no secret can.
    pub overrides: Vec<(String, String)>,
    /// The `gc` profile named by a flag.
    pub profile: Option<String>,
}

/// Shows the names of variables and overrides, never a value, which may be a secret.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let overrides: Vec<&str> = self.overrides.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("environment", &self.environment)
            .field("overrides", &overrides)
            .field("profile", &self.profile)
            .finish()
    }
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works, but is probably not meant.
    pub warnings: Vec<Problem>,
    /// As [`read_file`], from just before it was read: so a change meanwhile shows later.
    pub file: Option<[u8; 32]>,
}

/// A digest of what the configuration file holds now; none where none is named or it cannot be
/// read.
#[must_use]
pub fn read_file(sources: &Sources) -> Option<[u8; 32]> {
    let path = file_path(sources, &mut Problems::default())?;
    let bytes = file::read_bytes(&path)?;
    Some(Sha256::digest(&bytes).into())
}

/// A digest of what the file of certificate authorities holds now; none where none is named or it
/// cannot be read.
#[must_use]
pub fn read_roots(roots: &TlsRoots) -> Option<[u8; 32]> {
    match roots {
        TlsRoots::Bundled | TlsRoots::System => None,
        TlsRoots::File { path, .. } => resolve::certificates_digest(path),
    }
}

/// Loads the configuration.
///
/// # Errors
/// [`Problems`] with everything that is wrong, and the warnings, too.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let digest = read_file(sources);
    let environment = &sources.environment;
    let file = match file_path(sources, &mut problems) {
        Some(path) => file::load(&path, &mut problems),
        None => Some(FileLayer::empty()),
    };
    let (file, targets) = match file {
        Some(file) => (file.layer, Some(file.targets)),
        None => (FileLayer::empty().layer, None),
    };
    let mut overrides = sources.overrides.clone();
    overrides.extend(
        sources
            .profile
            .iter()
            .map(|name| ("genesys.profile".to_owned(), name.clone())),
    );
    let layers = [
        Layer::defaults(),
        file,
        variables::own(environment, &mut problems),
        variables::genesys(environment, &mut problems),
        variables::flags(&overrides, &mut problems),
    ];
    let input = Input {
        layers: &layers,
        targets: targets.as_deref(),
        environment,
    };
    match resolve::resolve(&input, &mut problems) {
        Some(config) if problems.errors() == 0 => Ok(Loaded {
            config,
            warnings: problems.into_warnings(),
            file: digest,
        }),
        _ => Err(problems),
    }
}

fn file_path(sources: &Sources, problems: &mut Problems) -> Option<PathBuf> {
    if let Some(path) = &sources.file {
        return Some(path.clone());
    }
    let named = sources.environment.read_set(keys::FILE_VARIABLE, problems);
    named.map(PathBuf::from)
}
