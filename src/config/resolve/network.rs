//! How Genesys Cloud is reached: proxy and certificate authorities.

use serde::Deserialize;
use url::Url;

use super::Input;
use super::files::{Files, check_certificates};
use crate::config::environment::Environment;
use crate::config::problem::{Complaint, Place, Problems, Source};
use crate::config::settings::{Network, Proxy, TlsRoots};

/// The section as it is written.
#[derive(Deserialize)]
pub(super) struct Raw {
    allow_http: bool,
    deny_private_addresses: bool,
    proxy: String,
    tls_roots: String,
}

/// The spellings of the proxy variable; both are in use.
const PROXY_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

pub(super) fn resolve(
    input: &Input<'_>,
    raw: Raw,
    files: &Files<'_>,
    problems: &mut Problems,
) -> Network {
    Network {
        allow_http: raw.allow_http,
        deny_private_addresses: raw.deny_private_addresses,
        proxy: proxy(input, &raw.proxy, problems),
        tls_roots: roots(input, raw.tls_roots, files, problems),
    }
}

fn proxy(input: &Input<'_>, text: &str, problems: &mut Problems) -> Option<Proxy> {
    match text {
        "" => {
            warn_of_ignored_proxy(input, problems);
            None
        }
        "none" => None,
        "env" => from_environment(input.environment, problems),
        _ => {
            let place = input.place("network.proxy");
            let url = Url::parse(text).ok()?;
            let has_user = !url.username().is_empty() || url.password().is_some();
            if let Some(place) =
                place.filter(|place| has_user && place.source != Source::Environment)
            {
                let what = "contains a user name or a password, which do not belong here";
                let fix = "write \"env\" and put the URL into the variable HTTPS_PROXY";
                problems.error(place, Complaint::new(what, fix));
            }
            Some(Proxy {
                url,
                no_proxy: String::new(),
            })
        }
    }
}

fn warn_of_ignored_proxy(input: &Input<'_>, problems: &mut Problems) {
    let set = PROXY_VARIABLES
        .iter()
        .find(|name| input.environment.get(name).is_some());
    if let Some(name) = set.filter(|_| !input.is_bad("network.proxy")) {
        let fix = "set network.proxy = \"env\" to use it, or \"none\" to say that you mean it";
        let complaint = Complaint::new("is ignored", fix);
        problems.warning(&Place::variable(*name), complaint);
    }
}

fn from_environment(environment: &Environment, problems: &mut Problems) -> Option<Proxy> {
    let mut found: Option<(&str, &str)> = None;
    for name in PROXY_VARIABLES {
        let Some(value) = environment.read_set(name, problems) else {
            continue;
        };
        if found.is_some_and(|(_, other)| other != value) {
            let what = "differs from HTTPS_PROXY, which means the same";
            let complaint = Complaint::new(what, "unset one of them");
            problems.error(&Place::variable(name), complaint);
        }
        found = found.or(Some((name, value)));
    }
    let (name, text) = found?;
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&full)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.port() != Some(0));
    let Some(url) = url else {
        let fix = "set it to a URL like http://proxy.example:3128";
        let complaint = Complaint::new("is no URL of an http or https proxy", fix);
        problems.error(&Place::variable(name), complaint);
        return None;
    };
    let no_proxy = environment.read_set("NO_PROXY", problems);
    let no_proxy = no_proxy.or_else(|| environment.read_set("no_proxy", problems));
    Some(Proxy {
        url,
        no_proxy: no_proxy.unwrap_or_default().to_owned(),
    })
}

fn roots(input: &Input<'_>, text: String, files: &Files<'_>, problems: &mut Problems) -> TlsRoots {
    match text.as_str() {
        "bundled" => return TlsRoots::Bundled,
        "system" => return TlsRoots::System,
        _ => {}
    }
    let file = input.place("network.tls_roots").and_then(|place| {
        let path = files.path(place, &text, problems)?;
        let digest = check_certificates(place, &path, problems);
        Some((path, digest.unwrap_or_default()))
    });
    let (path, digest) = file.unwrap_or_else(|| (text.into(), <[u8; 32]>::default()));
    TlsRoots::File { path, digest }
}
