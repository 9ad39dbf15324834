//! Every key of the configuration, once: its type, its bounds, its default and its meaning.
//!
//! The built-in defaults, the check of unknown keys and wrong types, the names of the
//! `WHY403__…` variables and the annotated `config/default.toml` all come from [`KEYS`].

pub(super) use super::key_table::KEYS;
use super::kind::Kind;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The table it belongs to. Keys of `genesys` are understood in `targets`, too.
    pub(super) section: &'static str,
    /// Its name in the table; a dot leads into a table within.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Preset,
    /// A value to show where there is no default; TOML.
    pub(super) example: &'static str,
    /// What it means; lines of at most 90 characters.
    pub(super) doc: &'static str,
}

/// A default value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Preset {
    /// There is none: the key is optional.
    Nothing,
    Flag(bool),
    Integer(i64),
    Fraction(f64),
    Text(&'static str),
    List(&'static [&'static str]),
}

impl Key {
    /// The path of the key, for example `probe.interval`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The variable that sets the key; none for keys that only targets have.
    pub(super) fn variable(&self) -> Option<String> {
        let name = self.path().to_ascii_uppercase().replace('.', "__");
        (self.section != TARGETS).then(|| format!("{PREFIX}{name}"))
    }
}

/// What the variables that set keys begin with.
pub(super) const PREFIX: &str = "WHY403__";

/// The variable that names the configuration file.
pub(super) const FILE_VARIABLE: &str = "WHY403_CONFIG";

/// The section of shared settings.
pub(super) const GENESYS: &str = "genesys";

/// The section that is a list of tables.
pub(super) const TARGETS: &str = "targets";

/// The sections, in the order of the file, each with what it is for.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("server", "The HTTP server of why403 itself."),
    (
        "probe",
        "How often access is tried, and how many results it takes to change the verdict.",
    ),
    (
        "health",
        "What each class of failure means for /health: \"pass\", \"warn\" or \"fail\".",
    ),
    ("network", "How Genesys Cloud is reached."),
    ("log", "What why403 writes to standard error."),
    (
        GENESYS,
        "Whose access is watched. Every target inherits what it does not set itself.\n\
         The variables GENESYS_CLOUD_* and GENESYSCLOUD_* set these keys, too, and win over the file.",
    ),
    (
        TARGETS,
        "One integration's access each; without any there is one named \"default\".\n\
         Every key of [genesys] may be set here, and wins over [genesys].",
    ),
];

/// The key `name` of a section.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    of(section).find(|key| key.name == name)
}

/// All keys that may stand in a section.
pub(super) fn of(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| belongs(key, section))
}

fn belongs(key: &Key, section: &str) -> bool {
    key.section == section || (section == TARGETS && key.section == GENESYS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_is_listed_twice_and_every_section_is_known() {
        let paths: HashSet<String> = KEYS.iter().map(Key::path).collect();
        assert_eq!(paths.len(), KEYS.len());
        for key in KEYS {
            assert!(SECTIONS.iter().any(|(name, _)| *name == key.section));
        }
        let own: HashSet<&str> = of(TARGETS).map(|key| key.name).collect();
        assert_eq!(
            own.len(),
            of(TARGETS).count(),
            "a target's key hides a shared one"
        );
    }

    #[test]
    fn every_key_is_documented_unless_it_is_refused() {
        for key in KEYS {
            let refused = matches!(key.kind, Kind::Refused { .. });
            assert_eq!(key.doc.is_empty(), refused, "{}", key.path());
            assert!(
                key.doc.lines().all(|line| line.len() <= 90),
                "{}",
                key.path()
            );
        }
    }

    #[test]
    fn variables_are_named_after_the_path() {
        let name = |section, name| find(section, name).unwrap().variable();
        assert_eq!(
            name("probe", "interval").unwrap(),
            "WHY403__PROBE__INTERVAL"
        );
        assert_eq!(
            name(GENESYS, "expect.min_queues").unwrap(),
            "WHY403__GENESYS__EXPECT__MIN_QUEUES"
        );
        assert_eq!(name(TARGETS, "name"), None);
    }
}
