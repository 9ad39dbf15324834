//! Profiles of the vendor's `gc` command-line tool (`~/.gc/config.toml`).

use std::path::Path;

use config::ValueKind;
use toml::de::{DeTable, DeValue};

use super::file::{self, Lines};
use super::keys::{self, GENESYS};
use super::layer::{Literal, Scope};
use super::problem::{Complaint, Place, Problems, quoted};
use super::secret::{self, SecretKind};

const MAX_BYTES: u64 = 1024 * 1024;

/// What a profile of `gc` calls things, and what they are called here. Other keys are not ours.
const NAMES: &[(&str, &str)] = &[
    ("environment", "region"),
    // This key holds the id alone, in spite of its name.
    ("client_credentials", "client_id"),
    ("client_secret", "client_secret"),
    ("access_token", "access_token"),
];

/// Reads one profile; `asked` is where its name was written. `None` when that fails, which is
/// reported.
pub(super) fn load(
    path: &Path,
    name: &str,
    asked: &Place,
    problems: &mut Problems,
) -> Option<Scope> {
    let text = file::read_text(path, MAX_BYTES, problems)?;
    let lines = Lines::new(&text);
    let document = file::parse(&text, &lines, path, problems)?;
    let document = document.get_ref();
    let Some((found, table)) = find(document, name) else {
        problems.error(asked, missing(path, name, document));
        return None;
    };
    let place = |key: &str, at: usize| Place::file(path, key).at(lines.line(at));
    let mut scope = Scope::new(place(found, table.span().start));
    for (key, value) in table.get_ref().as_table().into_iter().flatten() {
        let ours = NAMES
            .iter()
            .find(|(gc, _)| key.get_ref().eq_ignore_ascii_case(gc));
        let (Some((gc, ours)), Some(text)) = (ours, value.get_ref().as_str()) else {
            continue;
        };
        if !text.is_empty() {
            let place = place(&format!("{found}.{gc}"), key.span().start);
            set(&mut scope, ours, place, text, problems);
        }
    }
    Some(scope)
}

/// The profile's table; `gc` ignores case.
fn find<'d, 't>(
    document: &'d DeTable<'t>,
    name: &str,
) -> Option<(&'d str, &'d toml::Spanned<DeValue<'t>>)> {
    let tables = || {
        document
            .iter()
            .filter(|(_, value)| value.get_ref().is_table())
            .map(|(key, value)| (key.get_ref().as_ref(), value))
    };
    tables()
        .find(|(key, _)| *key == name)
        .or_else(|| tables().find(|(key, _)| key.eq_ignore_ascii_case(name)))
}

fn missing(path: &Path, name: &str, document: &DeTable<'_>) -> Complaint {
    let known: Vec<String> = document
        .iter()
        .filter(|(_, value)| value.get_ref().is_table())
        .map(|(key, _)| quoted(key.get_ref()))
        .take(20)
        .collect();
    let fix = if known.is_empty() {
        "make one with `gc profiles new`".to_owned()
    } else {
        format!("choose one of {}", known.join(", "))
    };
    let what = format!("there is no profile {} in {}", quoted(name), path.display());
    Complaint::new(what, fix)
}

fn set(scope: &mut Scope, ours: &str, place: Place, text: &str, problems: &mut Problems) {
    let mut literal = |place: Place| Literal {
        value: problems.check(&place, secret::check(text, SecretKind::Header)),
        place,
    };
    match ours {
        "client_secret" => scope.client_secret = Some(literal(place)),
        "access_token" => scope.access_token = Some(literal(place)),
        name => {
            if let Some(key) = keys::find(GENESYS, name) {
                scope.set(key, place, ValueKind::String(text.to_owned()), problems);
            }
        }
    }
}
