//! From checked single values to a [`Config`]: what depends on more than one value, on a file or
//! on the environment.

mod access;
mod chain;
mod credential;
mod files;
mod inbound;
mod network;
mod targets;
mod url;

use std::path::PathBuf;

use serde::Deserialize;

pub(super) use self::files::certificates_digest;

use self::files::Files;
use self::url::Reach;
use super::environment::Environment;
use super::layer::{self, Layer, Scope, Setting};
use super::problem::{Complaint, Place, Problems};
use super::secret::{MIN_ADMIN_TOKEN, SecretKind, is_short};
use super::settings::{Config, HealthPolicy, Log, Probe, Server};
use crate::target::Secret;

/// What the layers say, and what is needed to make sense of it.
#[derive(Debug)]
pub(super) struct Input<'a> {
    /// The built-in defaults first, the flags last.
    pub(super) layers: &'a [Layer],
    /// The `[[targets]]` of the file; `None` when there is a file that could not be read, so that
    /// nothing can be said about targets.
    pub(super) targets: Option<&'a [Scope]>,
    pub(super) environment: &'a Environment,
}

/// The sections that the layers merge into.
#[derive(Deserialize)]
struct Merged {
    server: Server,
    probe: Probe,
    health: HealthPolicy,
    network: network::Raw,
    log: Log,
}

/// Makes a configuration of what the layers say; `None` when that fails, which is reported.
pub(super) fn resolve(input: &Input<'_>, problems: &mut Problems) -> Option<Config> {
    let merged = layer::merge(input.layers).and_then(config::Config::try_deserialize);
    let merged: Merged = match merged {
        Ok(merged) => merged,
        Err(error) => {
            // Every value was checked on its own, so this is a mistake in the table of keys.
            let what = format!("cannot be put together: {error}");
            let complaint = Complaint::new(what, "please report this as a bug of why403");
            problems.error(&Place::flag(""), complaint);
            return None;
        }
    };
    let mut files = Files::new(input.environment);
    let mut server = merged.server;
    server.admin_token = admin_token(input, &mut files, problems);
    server.tls = inbound::tls(input, &files, problems);
    inbound::check_addresses(input, &server, problems);
    server.state_dir = state_dir(input, &files, problems);
    check_details(input, &server, problems);
    check_times(input, &merged.probe, problems);
    let network = network::resolve(input, merged.network, &files, problems);
    let targets = input.targets.map(|written| {
        let profiles = targets::profiles(input, written, &files, problems);
        let resolver = targets::Resolver {
            input,
            profiles: &profiles,
            probe: &merged.probe,
            reach: Reach {
                allow_http: network.allow_http,
                deny_private: network.deny_private_addresses,
            },
            files,
            problems,
            found: targets::Found::default(),
        };
        resolver.resolve(written)
    });
    Some(Config {
        server,
        probe: merged.probe,
        health: merged.health,
        network,
        log: merged.log,
        targets: targets?,
    })
}

impl<'a> Input<'a> {
    /// The scopes that all targets share, strongest first.
    fn shared(&self) -> Vec<&'a Scope> {
        self.layers
            .iter()
            .rev()
            .map(|layer| &layer.genesys)
            .collect()
    }

    /// The uppermost setting of a path; that of the defaults when nothing else sets it.
    fn setting(&self, path: &str) -> Option<&Setting> {
        let mut layers = self.layers.iter().rev();
        layers.find_map(|layer| layer.settings.get(path))
    }

    /// Where a path is set, if it is set above the defaults.
    fn place(&self, path: &str) -> Option<&Place> {
        let (_, above) = self.layers.split_first()?;
        let mut layers = above.iter().rev();
        Some(&layers.find_map(|layer| layer.settings.get(path))?.place)
    }

    /// Whether the value of a path was refused, so that nothing more can be said about it.
    fn is_bad(&self, path: &str) -> bool {
        self.setting(path)
            .is_some_and(|setting| setting.value.is_none())
    }
}

fn admin_token(
    input: &Input<'_>,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> Option<Secret> {
    let setting = input.setting("server.admin_token_file")?;
    let path = files.path(&setting.place, setting.text()?, problems)?;
    let value = files.secret(&setting.place, &path, SecretKind::Header, problems)?;
    if is_short(&value) {
        let what = format!("the token in it is shorter than {MIN_ADMIN_TOKEN} characters");
        let fix = "make a longer one, for example with `openssl rand -hex 32`";
        problems.error(&setting.place, Complaint::new(what, fix));
        return None;
    }
    Some(Secret {
        value,
        file: Some(path),
    })
}

fn state_dir(input: &Input<'_>, files: &Files<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let setting = input.setting("server.state_dir")?;
    files.path(&setting.place, setting.text()?, problems)
}

fn check_details(input: &Input<'_>, server: &Server, problems: &mut Problems) {
    let token = input.setting("server.admin_token_file");
    if let (true, None, Some(place)) = (
        server.protect_details,
        token,
        input.place("server.protect_details"),
    ) {
        let what = "there is no admin token, so that nobody could read the details";
        problems.error(place, Complaint::new(what, "set server.admin_token_file"));
    }
}

fn check_times(input: &Input<'_>, probe: &Probe, problems: &mut Problems) {
    let mut check = |fits: bool, [shorter, longer]: [&str; 2], complaint: Complaint| {
        let known = !input.is_bad(shorter) && !input.is_bad(longer);
        let place = input.place(shorter).or_else(|| input.place(longer));
        if let (false, true, Some(place)) = (fits, known, place) {
            problems.error(place, complaint);
        }
    };
    check(
        probe.timeout < probe.interval,
        ["probe.timeout", "probe.interval"],
        targets::timeout_complaint(probe.timeout, probe.interval),
    );
    check(
        probe.connect_timeout <= probe.timeout,
        ["probe.connect_timeout", "probe.timeout"],
        targets::connect_complaint(probe.connect_timeout, probe.timeout),
    );
}
