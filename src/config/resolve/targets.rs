//! The targets, each from its own table and from what all share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use config::ValueKind;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use url::Url;

use super::Input;
use super::access;
use super::chain::{Chain, Used};
use super::credential::Finder;
use super::files::Files;
use super::url::Reach;
use crate::config::duration;
use crate::config::layer::{Scope, Setting};
use crate::config::problem::{Complaint, Place, Problems};
use crate::config::profile;
use crate::config::settings::Probe;
use crate::target::{Credential, Expect, Grant, Name, Operation, Target};

/// The name of the only target when none is written.
const DEFAULT_NAME: &str = "default";

/// The profiles that have been read, by file and name; `None` for those that cannot be.
pub(super) type Profiles = HashMap<(PathBuf, String), Option<Scope>>;

/// What makes two credentials the same: login URL, grant, client, and the digest of the rest.
type Fingerprint = (Url, &'static str, Option<String>, [u8; 32]);

/// Makes targets; what several of them share is read and reported once.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) profiles: &'a Profiles,
    pub(super) probe: &'a Probe,
    pub(super) reach: Reach,
    pub(super) files: Files<'a>,
    pub(super) problems: &'a mut Problems,
    pub(super) found: Found,
}

/// What has been seen while making targets.
#[derive(Debug, Default)]
pub(super) struct Found {
    used: Used,
    names: HashMap<Name, Place>,
    credentials: HashMap<Fingerprint, Arc<Credential>>,
    /// The files in which refresh tokens are replaced, and whose they are.
    rotating: HashMap<PathBuf, Arc<Credential>>,
}

/// Reads every profile that some target uses.
pub(super) fn profiles(
    input: &Input<'_>,
    written: &[Scope],
    files: &Files<'_>,
    problems: &mut Problems,
) -> Profiles {
    let mut profiles = Profiles::new();
    for own in owns(written) {
        let chain = Chain::new(own, &input.shared());
        if let Some((_, asked, id)) = profile(&chain, files, problems) {
            let (path, name) = id.clone();
            let load = || profile::load(&path, &name, &asked.place, problems);
            profiles.entry(id).or_insert_with(load);
        }
    }
    profiles
}

/// The tables of all targets; of the only one, which has none, when none is written.
fn owns(written: &[Scope]) -> Vec<Option<&Scope>> {
    if written.is_empty() {
        vec![None]
    } else {
        written.iter().map(Some).collect()
    }
}

/// The profile that a chain names: how far down, where, and which.
fn profile<'a>(
    chain: &Chain<'a>,
    files: &Files<'_>,
    problems: &mut Problems,
) -> Option<(usize, &'a Setting, (PathBuf, String))> {
    let (at, asked) = chain.first("profile")?;
    let (_, file) = chain.first("profile_file")?;
    let path = files.path(&file.place, file.text()?, problems)?;
    Some((at, asked, (path, asked.text()?.to_owned())))
}

impl<'a> Resolver<'a> {
    /// All targets that can be made; every other one has been reported.
    pub(super) fn resolve(mut self, written: &'a [Scope]) -> Vec<Target> {
        let shared = self.input.shared();
        let targets = owns(written)
            .into_iter()
            .filter_map(|own| self.target(own, &shared))
            .collect();
        self.report_unused();
        targets
    }

    fn target(&mut self, own: Option<&'a Scope>, shared: &[&'a Scope]) -> Option<Target> {
        let mut chain = Chain::new(own, shared);
        let name = self.name(own);
        let is_complete = self.add_profile(&mut chain);
        let servers = access::servers(&chain, self.reach, &self.found.used, self.problems);
        // Without the profile that was asked for, everything would seem to be missing.
        let grant = is_complete.then(|| self.grant(&chain, own)).flatten();
        let operations = operations(&chain, &self.found.used);
        let expect = expect(&chain, &self.found.used);
        let (interval, timeout) = self.times(own);
        let (name, (api, login), grant) = (name?, servers?, grant?);
        let file = grant.rotating_file().map(Path::to_owned);
        let credential = self.credential(&name, login, grant);
        if let Some(file) = file {
            self.check_rotation(&chain, &credential, file);
        }
        Some(Target {
            name,
            api,
            credential,
            operations,
            expect,
            interval,
            timeout,
        })
    }

    /// The target's unique name.
    fn name(&mut self, own: Option<&Scope>) -> Option<Name> {
        let Some(own) = own else {
            return Name::new(DEFAULT_NAME).ok();
        };
        let Some(setting) = own.get("name") else {
            let complaint = Complaint::new("is missing", "give every target a name of its own");
            self.problems.error(&own.place.child("name"), complaint);
            return None;
        };
        let name = Name::new(setting.text()?).ok()?;
        if let Some(first) = self.found.names.get(&name) {
            let what = format!("\"{name}\" is already the name of {}", first.describe());
            let complaint = Complaint::new(what, "give every target a name of its own");
            self.problems.error(&setting.place, complaint);
            return None;
        }
        self.found.names.insert(name.clone(), setting.place.clone());
        Some(name)
    }

    /// Puts the profile into the chain; false when one was asked for but could not be read.
    fn add_profile(&mut self, chain: &mut Chain<'a>) -> bool {
        let Some((behind, setting)) = chain.first("profile") else {
            return true;
        };
        self.found.used.mark(&setting.place);
        if let Some((_, file)) = chain.first("profile_file") {
            self.found.used.mark(&file.place);
        }
        // Why a path cannot be found was reported when the profile was read.
        let profile = profile(chain, &self.files, self.problems)
            .and_then(|(_, _, id)| self.profiles.get(&id)?.as_ref());
        if let Some(profile) = profile {
            chain.insert_profile(behind, profile);
        }
        profile.is_some()
    }

    fn grant(&mut self, chain: &Chain<'a>, own: Option<&'a Scope>) -> Option<Grant> {
        let mut finder = Finder {
            chain,
            own,
            environment: self.input.environment,
            files: &mut self.files,
            used: &self.found.used,
            problems: self.problems,
        };
        finder.grant()
    }

    /// The credential of a grant, shared with every earlier target that has the same one.
    fn credential(&mut self, name: &Name, login: Url, grant: Grant) -> Arc<Credential> {
        let fingerprint = (
            login.clone(),
            grant.name(),
            grant.client_id().map(str::to_owned),
            digest(&grant),
        );
        let credential = self.found.credentials.entry(fingerprint);
        let make = || {
            Arc::new(Credential {
                name: name.clone(),
                login,
                grant,
            })
        };
        Arc::clone(credential.or_insert_with(make))
    }

    /// A refresh token that is replaced stands in one file, and a file serves one credential.
    fn check_rotation(&mut self, chain: &Chain<'_>, credential: &Arc<Credential>, file: PathBuf) {
        let Some((_, setting)) = chain.first("refresh_token_file") else {
            return;
        };
        if credential.grant.rotating_file() != Some(&file) {
            let what = format!(
                "holds the same token as the file of {}, and only that one is kept up to date",
                credential.name
            );
            let complaint = Complaint::new(what, "name the same file in both places");
            self.problems.warning(&setting.place, complaint);
            return;
        }
        let owner = self.found.rotating.entry(file);
        let owner = owner.or_insert_with(|| Arc::clone(credential));
        if !Arc::ptr_eq(owner, credential) {
            let what = format!(
                "names the file of {}, which has another client or server: they would take the \
                 token from each other",
                owner.name
            );
            let complaint = Complaint::new(what, "give each client a refresh token and a file");
            self.problems.error(&setting.place, complaint);
        }
    }

    /// Interval and timeout: the target's own, or those of `[probe]`.
    fn times(&mut self, own: Option<&Scope>) -> (Duration, Duration) {
        let setting = |name: &str| own.and_then(|own| own.get(name));
        let read = |name: &str| duration::parse(setting(name)?.text()?).ok();
        let interval = read("interval").unwrap_or(self.probe.interval);
        let timeout = read("timeout").unwrap_or(self.probe.timeout);
        let written = [("timeout", "probe.timeout"), ("interval", "probe.interval")];
        let is_bad = written.iter().any(|(own, shared)| match setting(own) {
            Some(setting) => setting.value.is_none(),
            None => self.input.is_bad(shared),
        });
        let place = setting("timeout").or_else(|| setting("interval"));
        if let (Some(setting), false, true) = (place, is_bad, timeout >= interval) {
            let complaint = timeout_complaint(timeout, interval);
            self.problems.error(&setting.place, complaint);
        }
        (interval, timeout)
    }

    /// Variables and flags about access that no target uses: the file says otherwise.
    fn report_unused(&mut self) {
        const FIX: &str = "unset it, or remove the keys of the targets that win over it";
        if self.problems.errors() > 0 {
            // A target that could not be made may have been the one to use them.
            return;
        }
        let flags = self.input.layers.last().map(|layer| &layer.genesys);
        let layers = self.input.layers.iter().rev().zip(["flags", "variables"]);
        for (layer, kind) in layers {
            let scope = &layer.genesys;
            // A flag is typed to win over the variable that says the same.
            let settings = scope.settings.iter().filter(|(name, _)| {
                kind == "flags" || !flags.is_some_and(|flags| says_as_much(flags, name))
            });
            let settings = settings.map(|(_, setting)| &setting.place);
            let literals = [&scope.client_secret, &scope.access_token];
            let literals = literals.into_iter().flatten().map(|literal| &literal.place);
            for place in settings.chain(literals) {
                if self.found.used.has(place) {
                    continue;
                }
                let complaint = Complaint::new("has no effect: no target uses it", FIX);
                if kind == "flags" {
                    self.problems.error(place, complaint);
                } else {
                    self.problems.warning(place, complaint);
                }
            }
        }
    }
}

/// Whether a scope says what `name` is about: a region and the URL of the API are two names for the
/// same.
fn says_as_much(scope: &Scope, name: &str) -> bool {
    let names: &[&str] = match name {
        "region" | "base_url" => &["region", "base_url"],
        other => &[other],
    };
    names.iter().any(|name| scope.get(name).is_some())
}

/// Stands for the secrets of a grant, and for whom they speak.
fn digest(grant: &Grant) -> [u8; 32] {
    let secrets = [grant.client_secret(), grant.proof()];
    let secrets = secrets.map(|it| it.map(|it| it.value.expose_secret()));
    let mut digest = Sha256::new();
    for part in secrets.into_iter().chain([grant.principal()]) {
        // With its length, so that no two lists of parts look alike.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    digest.finalize().into()
}

/// The operations of the strongest scope that lists some; there is always the default.
fn operations(chain: &Chain<'_>, used: &Used) -> Vec<&'static Operation> {
    let Some((_, setting)) = chain.first("operations") else {
        return vec![Operation::queues()];
    };
    used.mark(&setting.place);
    let Some(ValueKind::Array(list)) = &setting.value else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|item| match &item.kind {
            ValueKind::String(text) => Operation::find(text),
            _ => None,
        })
        .collect()
}

fn expect(chain: &Chain<'_>, used: &Used) -> Expect {
    let setting = |name| {
        let (_, setting) = chain.first(name)?;
        used.mark(&setting.place);
        setting.value.as_ref()
    };
    let min_queues = match setting("expect.min_queues") {
        Some(ValueKind::I64(number)) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    };
    let divisions = match setting("expect.divisions") {
        Some(ValueKind::Array(list)) => list.iter().filter_map(|item| match &item.kind {
            ValueKind::String(text) => Some(text.trim().to_owned()),
            _ => None,
        }),
        _ => {
            return Expect {
                min_queues,
                divisions: Vec::new(),
            };
        }
    };
    Expect {
        min_queues,
        divisions: divisions.collect(),
    }
}

pub(super) fn timeout_complaint(timeout: Duration, interval: Duration) -> Complaint {
    let what = format!(
        "the timeout ({}) is not shorter than the interval ({})",
        duration::format(timeout),
        duration::format(interval)
    );
    Complaint::new(what, "shorten the timeout or lengthen the interval")
}

pub(super) fn connect_complaint(connect: Duration, timeout: Duration) -> Complaint {
    let what = format!(
        "the connect timeout ({}) is longer than the timeout ({})",
        duration::format(connect),
        duration::format(timeout)
    );
    Complaint::new(what, "shorten the connect timeout or lengthen the timeout")
}
