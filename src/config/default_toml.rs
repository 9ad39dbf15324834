//! The annotated default configuration, written from the table of keys.

use super::keys::{GENESYS, KEYS, Key, Preset, SECTIONS, TARGETS};
use super::kind::Kind;

/// The text of `config/default.toml`: every key with its meaning and its default.
///
/// Loading it changes nothing, because it sets the defaults.
#[must_use]
pub fn default_toml() -> String {
    let mut text = String::new();
    text.push_str(
        "# The configuration of why403: every key, its meaning and its default.\n\
         #\n\
         # Written by `why403 check-config --print-default`; do not edit config/default.toml by hand.\n\
         # Nothing here is required: GENESYS_CLOUD_CLIENT_ID and GENESYS_CLOUD_CLIENT_SECRET in the\n\
         # environment are enough. A file is named with --config or WHY403_CONFIG. Each key outside\n\
         # [[targets]] can also be set by a variable, for example WHY403__PROBE__INTERVAL=1m.\n\
         # Later wins: defaults, file, WHY403__ variables, GENESYS_CLOUD variables, flags.\n\
         #\n\
         # Durations are whole numbers with units: \"500ms\", \"30s\", \"5m\", \"1h30m\".\n\
         # Secrets never stand in this file: name a file, a variable or a gc profile.\n",
    );
    for (section, doc) in SECTIONS {
        let header = if *section == TARGETS {
            "# [[targets]]".to_owned()
        } else {
            format!("[{section}]")
        };
        text.extend(["\n", &comment(doc), &header, "\n"]);
        let shown =
            |key: &&Key| key.section == *section && !matches!(key.kind, Kind::Refused { .. });
        let entries = KEYS.iter().filter(shown).map(entry);
        text.extend(entries);
    }
    text
}

/// Keys whose presence alone means something (all of access, and all without a default) are
/// shown as comments.
fn entry(key: &Key) -> String {
    let is_default = !matches!(key.default, Preset::Nothing);
    let mark = if is_default && key.section != GENESYS {
        ""
    } else {
        "# "
    };
    let (doc, name, value) = (comment(key.doc), key.name, value(key));
    format!("{doc}{mark}{name} = {value}\n")
}

fn value(key: &Key) -> String {
    match key.default {
        Preset::Nothing => key.example.to_owned(),
        Preset::Flag(flag) => flag.to_string(),
        Preset::Integer(number) => number.to_string(),
        Preset::Fraction(number) => format!("{number:?}"),
        Preset::Text(text) => format!("{text:?}"),
        Preset::List(texts) => format!("{texts:?}"),
    }
}

fn comment(text: &str) -> String {
    let mut comment = String::new();
    for line in text.lines() {
        comment.extend(["# ", line, "\n"]);
    }
    comment
}
