//! The layers that come from environment variables and flags.

use super::environment::Environment;
use super::keys::{self, FILE_VARIABLE, GENESYS, KEYS, Key, PREFIX, TARGETS};
use super::kind::Kind;
use super::layer::{Layer, Literal, Scope};
use super::nearest::nearest;
use super::problem::{Complaint, Place, Problems};
use super::secret::{self, SecretKind};

/// The names that Genesys developers already have in their environment: the key of `[genesys]`
/// that each sets, and its spellings in the vendor's SDKs, Terraform provider and `gc` tool.
pub(super) const VARIABLES: &[(&str, &[&str])] = &[
    (
        "client_id",
        &["GENESYS_CLOUD_CLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_ID"],
    ),
    (
        CLIENT_SECRET,
        &[
            "GENESYS_CLOUD_CLIENT_SECRET",
            "GENESYSCLOUD_OAUTHCLIENT_SECRET",
        ],
    ),
    ("base_url", &["GENESYS_CLOUD_BASE_URL"]),
    ("login_url", &["GENESYS_CLOUD_LOGIN_URL"]),
    ("region", &["GENESYSCLOUD_REGION"]),
    (ACCESS_TOKEN, &["GENESYSCLOUD_ACCESS_TOKEN"]),
];

const CLIENT_SECRET: &str = "client_secret";
const ACCESS_TOKEN: &str = "access_token";

/// The layer of the `WHY403__SECTION__KEY` variables.
pub(super) fn own(environment: &Environment, problems: &mut Problems) -> Layer {
    let mut layer = Layer::new(Place::variable("WHY403__GENESYS"));
    let known: Vec<(String, &'static Key)> = KEYS
        .iter()
        .filter_map(|key| Some((key.variable()?, key)))
        .collect();
    for name in environment
        .names()
        .filter(|name| name.starts_with("WHY403"))
    {
        let place = Place::variable(name);
        if !name.starts_with(PREFIX) {
            warn_of_single_underscores(name, &known, problems);
        } else if let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) {
            if matches!(key.kind, Kind::Refused { .. }) {
                problems.error(&place, refused(name, key));
            } else if let Some(text) = environment.read(name, problems) {
                layer.set(key, place, key.kind.read(text), problems);
            }
        } else {
            problems.error(&place, unknown(name, &known));
        }
    }
    layer
}

/// What holds a secret is read from a file, or from the variable that the vendor's tools read.
fn refused(variable: &str, key: &Key) -> Complaint {
    let fix = match key.name {
        CLIENT_SECRET => "use GENESYS_CLOUD_CLIENT_SECRET".to_owned(),
        ACCESS_TOKEN => "use GENESYSCLOUD_ACCESS_TOKEN".to_owned(),
        _ => format!("use {variable}_FILE"),
    };
    Complaint::new("is not read", fix)
}

fn unknown(name: &str, known: &[(String, &'static Key)]) -> Complaint {
    if name.starts_with("WHY403__TARGETS") {
        return Complaint::new(
            "targets cannot be set by variables",
            "write [[targets]] into a file and name it with --config or WHY403_CONFIG",
        );
    }
    let fix = match nearest(name, known.iter().map(|(variable, _)| variable.as_str())) {
        Some(near) => format!("did you mean {near}?"),
        None => "unset it; `why403 check-config --print-default` lists all keys".to_owned(),
    };
    Complaint::new("is no setting", fix)
}

/// Kubernetes sets `WHY403_SERVICE_HOST` and the like, so that only near misses count.
fn warn_of_single_underscores(
    name: &str,
    known: &[(String, &'static Key)],
    problems: &mut Problems,
) {
    let meant = known
        .iter()
        .find(|(variable, _)| name != FILE_VARIABLE && variable.replace("__", "_") == name);
    if let Some((variable, _)) = meant {
        let fix = format!("write {variable}, with two underscores between the parts");
        let complaint = Complaint::new("is not read", fix);
        problems.warning(&Place::variable(name), complaint);
    }
}

/// The layer of the variables that Genesys developers already have. Empty ones count as not set.
pub(super) fn genesys(environment: &Environment, problems: &mut Problems) -> Layer {
    let mut layer = Layer::new(Place::variable("GENESYS_CLOUD_*"));
    for (key, names) in VARIABLES {
        if let Some((name, value)) = one_spelling(names, environment, problems) {
            set_genesys(
                &mut layer.genesys,
                key,
                Place::variable(name),
                value,
                problems,
            );
        }
    }
    for name in environment
        .names()
        .filter(|name| name.starts_with("GENESYS"))
    {
        warn_of_near_miss(name, environment, problems);
    }
    layer
}

fn set_genesys(scope: &mut Scope, key: &str, place: Place, value: &str, problems: &mut Problems) {
    let mut literal = |place: Place| Literal {
        value: problems.check(&place, secret::check(value, SecretKind::Header)),
        place,
    };
    match key {
        CLIENT_SECRET => scope.client_secret = Some(literal(place)),
        ACCESS_TOKEN => scope.access_token = Some(literal(place)),
        name => {
            if let Some(key) = keys::find(GENESYS, name) {
                scope.set(key, place, key.kind.read(value), problems);
            }
        }
    }
}

/// The value of whichever spelling is set; two that differ are a problem, not a guess.
fn one_spelling<'a>(
    names: &[&'static str],
    environment: &'a Environment,
    problems: &mut Problems,
) -> Option<(&'static str, &'a str)> {
    let mut found: Option<(&'static str, &str)> = None;
    for name in names {
        let Some(value) = environment.read_set(name, problems) else {
            continue;
        };
        match found {
            Some((first, other)) if other != value => {
                let what = format!("differs from {first}, which means the same");
                let complaint = Complaint::new(what, "unset one of them");
                problems.error(&Place::variable(*name), complaint);
            }
            Some(_) => {}
            None => found = Some((name, value)),
        }
    }
    found
}

/// `GENESYS_CLOUD_CLIENTID` and the like: set, but read by nobody.
fn warn_of_near_miss(name: &str, environment: &Environment, problems: &mut Problems) {
    let known = || {
        VARIABLES
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
    };
    if known().any(|known| known == name) {
        return;
    }
    let plain = |name: &str| name.replace('_', "").replace("OAUTHCLIENT", "CLIENT");
    let meant = known().find(|known| plain(known) == plain(name));
    if let Some(meant) = meant.filter(|meant| !environment.has(meant)) {
        let complaint = Complaint::new("is not read", format!("did you mean {meant}?"));
        problems.warning(&Place::variable(name), complaint);
    }
}

/// The layer of the flags; every value is text, and none may be a secret.
pub(super) fn flags(overrides: &[(String, String)], problems: &mut Problems) -> Layer {
    let mut layer = Layer::new(Place::flag(GENESYS));
    for (path, text) in overrides {
        let place = Place::flag(path);
        let known = path
            .split_once('.')
            .filter(|(section, _)| *section != TARGETS)
            .and_then(|(section, name)| keys::find(section, name));
        match known {
            Some(key) => layer.set(key, place, key.kind.read(text), problems),
            None => {
                problems.error(&place, Complaint::new("is no setting", "remove the flag"));
            }
        }
    }
    layer
}
