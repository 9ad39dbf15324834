//! The kinds of value that a key can have, and the check of one value on its own.

use std::net::SocketAddr;
use std::time::Duration;

use config::ValueKind;
use url::Url;

use super::duration;
use super::nearest::nearest;
use super::problem::{Complaint, quoted};
use super::secret::{self, SecretKind};
use crate::target::{Name, OPERATIONS, Operation, REGIONS, Region};

/// Longest text of any setting, in bytes.
const MAX_TEXT: usize = 4096;

/// What a key's value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Flag,
    Integer {
        min: i64,
        max: i64,
    },
    Fraction {
        min: f64,
        max: f64,
    },
    Duration {
        min: Duration,
        max: Duration,
    },
    OneOf(&'static [&'static str]),
    /// An IP address with a port.
    Address,
    /// A path; relative ones begin at the file that names them, `~/` at the home directory.
    Path,
    /// The base URL of a server; whether it may be plain http is decided later.
    Url,
    Proxy,
    Roots,
    Region,
    Grant,
    ClientId,
    /// The name of an environment variable.
    Variable,
    Operations,
    /// A list of names, of divisions for example.
    Names,
    Name,
    Text,
    /// Known, but not accepted.
    Refused {
        instead: &'static str,
    },
}

impl Kind {
    /// A value from a place that only knows text: the environment or a flag.
    pub(super) fn read(self, text: &str) -> ValueKind {
        let as_text = || ValueKind::String(text.to_owned());
        match self {
            Self::Flag => text.parse().map_or_else(|_| as_text(), ValueKind::Boolean),
            Self::Integer { .. } => text.parse().map_or_else(|_| as_text(), ValueKind::I64),
            Self::Fraction { .. } => text.parse().map_or_else(|_| as_text(), ValueKind::Float),
            Self::Operations | Self::Names => {
                let parts = text.split(',').map(|part| part.trim().to_owned());
                ValueKind::from(parts.collect::<Vec<_>>())
            }
            _ => as_text(),
        }
    }

    /// Checks one value on its own. Values that cannot be secrets are quoted in the complaint.
    pub(super) fn check(self, value: &ValueKind) -> Result<(), Complaint> {
        match self {
            Self::Refused { instead } => {
                Err(Complaint::new("a secret does not belong here", instead))
            }
            Self::Flag => match value {
                ValueKind::Boolean(_) => Ok(()),
                other => Err(wrong(
                    other,
                    "neither true nor false",
                    "write true or false",
                )),
            },
            Self::Integer { min, max } => integer(value, min, max),
            Self::Fraction { min, max } => fraction(value, min, max),
            Self::Operations => operations(value),
            Self::Names => names(value),
            Self::Duration { min, max } => match value {
                ValueKind::I64(number) => duration::parse(&number.to_string()).map(drop),
                ValueKind::String(text) => time(text, min, max),
                other => Err(wrong(other, "no duration", "write a duration like \"30s\"")),
            },
            _ => match value {
                ValueKind::String(text) => self.check_text(text),
                other => Err(Complaint::new(
                    format!("must be a string, not {}", type_of(other)),
                    "write it in quotation marks",
                )),
            },
        }
    }

    fn check_text(self, text: &str) -> Result<(), Complaint> {
        if matches!(self, Self::Proxy) && text.is_empty() {
            return Ok(());
        }
        let fault = match self {
            _ if text.len() > MAX_TEXT => Some(("is too long", "shorten it")),
            Self::ClientId => secret::flaw(text, SecretKind::Header),
            _ if text.is_empty() => Some(("is empty", "give it a value, or remove it")),
            _ => secret::form_flaw(text),
        };
        if let Some((what, fix)) = fault {
            return Err(Complaint::new(what, fix));
        }
        match self {
            Self::OneOf(words) => one_of(text, words),
            Self::Address => address(text),
            Self::Proxy => proxy(text),
            Self::Roots => roots(text),
            Self::Region => region(text),
            Self::Grant => grant(text),
            Self::Variable => variable(text),
            Self::Name => Name::new(text).map(drop).map_err(|error| {
                Complaint::new(format!("{} is no name", quoted(text)), error.to_string())
            }),
            _ => Ok(()),
        }
    }
}

/// What a value is, for people.
fn type_of(value: &ValueKind) -> &'static str {
    match value {
        ValueKind::Nil => "a date or time",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "a string",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a number",
    }
}

/// A complaint about a value that has the wrong type or the wrong form.
fn wrong(value: &ValueKind, what: &str, fix: &str) -> Complaint {
    let shown = match value {
        ValueKind::String(text) => quoted(text),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::Float(number) => number.to_string(),
        ValueKind::Boolean(flag) => flag.to_string(),
        other => type_of(other).to_owned(),
    };
    Complaint::new(format!("{shown} is {what}"), fix)
}

fn integer(value: &ValueKind, min: i64, max: i64) -> Result<(), Complaint> {
    let fix = if max == i64::MAX {
        format!("write a whole number from {min}")
    } else {
        format!("write a whole number from {min} to {max}")
    };
    match value {
        ValueKind::I64(number) if *number < min => Err(wrong(value, "too small", &fix)),
        ValueKind::I64(number) if *number > max => Err(wrong(value, "too large", &fix)),
        ValueKind::I64(_) => Ok(()),
        other => Err(wrong(other, "no whole number", &fix)),
    }
}

fn fraction(value: &ValueKind, min: f64, max: f64) -> Result<(), Complaint> {
    let fix = format!("write a number from {min} to {max}");
    let number = match value {
        ValueKind::Float(number) => *number,
        // Only 0 and 1 can be inside the bounds of a fraction.
        ValueKind::I64(number) => i32::try_from(*number).map_or(f64::INFINITY, f64::from),
        other => return Err(wrong(other, "no number", &fix)),
    };
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(wrong(value, "out of range", &fix))
    }
}

fn time(text: &str, min: Duration, max: Duration) -> Result<(), Complaint> {
    let found = duration::parse(text)?;
    let problem = if found < min {
        "too short"
    } else if found > max {
        "too long"
    } else {
        return Ok(());
    };
    let bounds = format!("{} to {}", duration::format(min), duration::format(max));
    Err(Complaint::new(
        format!("{} is {problem}", quoted(text)),
        format!("choose {bounds}"),
    ))
}

fn one_of(text: &str, words: &[&'static str]) -> Result<(), Complaint> {
    if words.contains(&text) {
        return Ok(());
    }
    Err(Complaint::new(
        format!("{} is not one of the choices", quoted(text)),
        format!("write \"{}\"", words.join("\", \"")),
    ))
}

fn address(text: &str) -> Result<(), Complaint> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let fix = match text.strip_prefix(':') {
        Some(port) if port.parse::<u16>().is_ok() => format!("write \"0.0.0.0:{port}\""),
        _ => "write an IP address and a port, like \"127.0.0.1:8403\" or \"[::]:8403\"".to_owned(),
    };
    let what = format!("{} is no address to listen on", quoted(text));
    Err(Complaint::new(what, fix))
}

/// The complaint never shows the value, which may contain a password.
fn proxy(text: &str) -> Result<(), Complaint> {
    const FIX: &str = "write \"env\", \"none\", or a URL like \"http://proxy.example:3128\"";
    if matches!(text, "env" | "none") {
        return Ok(());
    }
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Err(Complaint::new("is no http or https proxy", FIX))
        }
        // A URL of these schemes always has a host.
        Ok(url) if url.port() != Some(0) => Ok(()),
        _ => Err(Complaint::new("is no URL of a proxy", FIX)),
    }
}

fn roots(text: &str) -> Result<(), Complaint> {
    if matches!(text, "bundled" | "system") || text.contains(['/', '\\', '.']) {
        return Ok(());
    }
    Err(Complaint::new(
        format!("{} is neither a choice nor a path", quoted(text)),
        "write \"bundled\", \"system\", or the path of a PEM file",
    ))
}

fn region(text: &str) -> Result<(), Complaint> {
    if Region::find(text).is_some() {
        return Ok(());
    }
    let names = || {
        REGIONS
            .iter()
            .flat_map(|region| [region.aws, region.domain])
    };
    let word = text.trim().to_ascii_lowercase().replace('_', "-");
    let guess = nearest(&word, names())
        .map(|name| format!("did you mean \"{name}\"? "))
        .unwrap_or_default();
    let all: Vec<&str> = REGIONS.iter().map(|region| region.aws).collect();
    // A URL may carry a password.
    let shown = if text.contains('@') {
        "this".to_owned()
    } else {
        quoted(text)
    };
    Err(Complaint::new(
        format!("{shown} is no region of Genesys Cloud"),
        format!("{guess}choose one of {}, or set base_url", all.join(", ")),
    ))
}

/// The grants, as they are written.
pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const REFRESH_TOKEN: &str = "refresh_token";
pub(super) const SAML2_BEARER: &str = "saml2_bearer";
pub(super) const PASSWORD: &str = "password";
pub(super) const ACCESS_TOKEN: &str = "access_token";
const GRANTS: &[&str] = &[
    CLIENT_CREDENTIALS,
    REFRESH_TOKEN,
    SAML2_BEARER,
    PASSWORD,
    ACCESS_TOKEN,
];

fn grant(text: &str) -> Result<(), Complaint> {
    if GRANTS.contains(&text) {
        return Ok(());
    }
    let fix = format!("write one of \"{}\"", GRANTS.join("\", \""));
    let what = format!("{} is no grant", quoted(text));
    Err(Complaint::new(what, fix))
}

/// The complaint never shows the value: people put the secret itself here.
fn variable(text: &str) -> Result<(), Complaint> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = !text.starts_with(|c: char| c.is_ascii_digit());
    if starts_well && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(Complaint::new(
        "is no name of an environment variable",
        "write the variable's name, not its value",
    ))
}

fn operations(value: &ValueKind) -> Result<(), Complaint> {
    let ValueKind::Array(list) = value else {
        let fix = "write a list like [\"GET /api/v2/routing/queues\"]";
        return Err(Complaint::new(
            format!("must be a list, not {}", type_of(value)),
            fix,
        ));
    };
    if list.is_empty() {
        let fix = "name at least one operation, or remove the key for the default";
        return Err(Complaint::new("is empty", fix));
    }
    let mut seen: Vec<&Operation> = Vec::new();
    for item in list {
        let ValueKind::String(text) = &item.kind else {
            let what = format!("contains {}, not only strings", type_of(&item.kind));
            return Err(Complaint::new(
                what,
                "write each operation in quotation marks",
            ));
        };
        let known = operation(text)?;
        if seen.contains(&known) {
            let what = format!("names {} twice", quoted(text));
            return Err(Complaint::new(what, "remove one of them"));
        }
        seen.push(known);
    }
    Ok(())
}

/// Most names in a list, and the longest.
const MOST_NAMES: usize = 200;
const LONGEST_NAME: usize = 200;

fn names(value: &ValueKind) -> Result<(), Complaint> {
    const FIX: &str = "write a list of names like [\"Home\", \"Sales\"]";
    let ValueKind::Array(list) = value else {
        let what = format!("must be a list, not {}", type_of(value));
        return Err(Complaint::new(what, FIX));
    };
    if list.len() > MOST_NAMES {
        let what = format!("has more than {MOST_NAMES} names");
        return Err(Complaint::new(what, "name fewer"));
    }
    for item in list {
        let ValueKind::String(text) = &item.kind else {
            let what = format!("contains {}, not only strings", type_of(&item.kind));
            return Err(Complaint::new(what, FIX));
        };
        if text.trim().is_empty() || text.len() > LONGEST_NAME {
            let what = format!("contains a name that is empty or longer than {LONGEST_NAME} bytes");
            return Err(Complaint::new(what, FIX));
        }
        if let Some((what, fix)) = secret::form_flaw(text) {
            return Err(Complaint::new(format!("a name in it {what}"), fix));
        }
    }
    Ok(())
}

fn operation(text: &str) -> Result<&'static Operation, Complaint> {
    let labels: Vec<String> = OPERATIONS
        .iter()
        .filter(|known| known.can_be_probed())
        .map(Operation::label)
        .collect();
    let choose = || format!("choose from \"{}\"", labels.join("\", \""));
    let (what, fix) = match Operation::find(text) {
        Some(known) if known.can_be_probed() => return Ok(known),
        // It was not mistyped, so that a guess at what was meant would mislead.
        Some(_) => (
            "cannot be probed: it changes something, or needs an id or a query",
            choose(),
        ),
        None => {
            let bare = Operation::find(&format!("GET {text}"));
            let near = nearest(text.trim(), labels.iter().map(String::as_str));
            let fix = match (bare.filter(|known| known.can_be_probed()), near) {
                (Some(known), _) => format!("write the method first: \"{}\"", known.label()),
                (None, Some(near)) => format!("did you mean \"{near}\"?"),
                (None, None) => choose(),
            };
            ("is no operation that why403 knows", fix)
        }
    };
    Err(Complaint::new(format!("{} {what}", quoted(text)), fix))
}
