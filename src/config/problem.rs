//! What is wrong with a configuration, said so that it can be put right in one edit.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Whether why403 can run in spite of a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration works, but probably not as meant.
    Warning,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file: the configuration, a `gc` profile file, or a file that one of them names.
    File(PathBuf),
    /// An environment variable; the key of the problem is its name.
    Environment,
    /// A command-line flag.
    Flags,
}

/// One thing that is wrong, and what to do about it.
///
/// No text in it ever contains a secret, the userinfo of a URL, or the value of an unknown key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Whether this stops why403.
    pub severity: Severity,
    /// Where the faulty setting was written, or should have been.
    pub source: Source,
    /// The line in the file, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The path of the key (`targets[1].interval`) or the name of the variable; empty when the
    /// problem is about a whole file.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

/// One line, for example `config.toml:12: targets[1].interval: "30" has no unit; write "30s"`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        match &self.source {
            Source::File(path) => write!(f, "{}", Shown(&path.to_string_lossy()))?,
            Source::Environment => f.write_str("environment")?,
            Source::Flags => f.write_str("flags")?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", Shown(&self.key))?;
        }
        write!(f, ": {}; {}", self.what, self.fix)
    }
}

/// A path or a name, which may come from anywhere, without what would leave its line: unlike a
/// value it stands without quotation marks.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        for character in text.chars() {
            match character {
                // What an escape escapes, but that is part of names.
                '"' | '\'' | '\\' => write!(f, "{character}")?,
                other => write!(f, "{}", other.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// Everything that was found wrong, errors first, each list sorted by source and line.
///
/// As an error it holds at least one [`Severity::Error`]. Its `Display` is a count followed by
/// one line per problem.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    found: BTreeSet<Problem>,
    more: usize,
}

impl Problems {
    /// Most problems that are kept; a broken generator can produce millions, a person reads ten.
    pub const MAX: usize = 500;

    /// All problems, errors first.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter()
    }

    /// How many errors were found, counting those beyond [`Self::MAX`].
    #[must_use]
    pub fn errors(&self) -> usize {
        self.iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count()
            + self.more
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if self.found.len() < Self::MAX || self.found.contains(&problem) {
            self.found.insert(problem);
        } else if problem.severity == Severity::Error {
            self.more += 1;
        }
    }

    pub(super) fn error(&mut self, place: &Place, complaint: Complaint) {
        self.add(place.problem(Severity::Error, complaint));
    }

    /// As [`Self::error`], for complaints that take long to make: it is not made once the list
    /// is full.
    pub(super) fn error_with(&mut self, place: &Place, make: impl FnOnce() -> Complaint) {
        if self.found.len() < Self::MAX {
            self.error(place, make());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn warning(&mut self, place: &Place, complaint: Complaint) {
        self.add(place.problem(Severity::Warning, complaint));
    }

    /// Notes the complaint, if there is one, and passes the value on.
    pub(super) fn check<T>(&mut self, place: &Place, result: Result<T, Complaint>) -> Option<T> {
        result
            .map_err(|complaint| self.error(place, complaint))
            .ok()
    }

    /// The warnings alone, in order.
    pub(super) fn into_warnings(self) -> Vec<Problem> {
        self.found.into_iter().collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "{errors} problem{plural} in the configuration:")?;
        for problem in self.iter() {
            write!(f, "\n{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Where one setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) key: String,
    pub(super) line: Option<usize>,
}

impl Place {
    pub(super) fn file(path: impl Into<PathBuf>, key: impl Into<String>) -> Self {
        Self {
            source: Source::File(path.into()),
            key: key.into(),
            line: None,
        }
    }

    pub(super) fn variable(name: impl Into<String>) -> Self {
        Self {
            source: Source::Environment,
            key: name.into(),
            line: None,
        }
    }

    pub(super) fn flag(key: impl Into<String>) -> Self {
        Self {
            source: Source::Flags,
            key: key.into(),
            line: None,
        }
    }

    pub(super) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// The place of a key that belongs to the table at this place.
    pub(super) fn child(&self, key: &str) -> Self {
        Self {
            key: join(&self.key, key),
            ..self.clone()
        }
    }

    /// How another problem refers to this place.
    pub(super) fn describe(&self) -> String {
        match (&self.source, self.line) {
            (Source::File(_), Some(line)) => format!("{} (line {line})", self.key),
            (Source::Flags, _) => format!("the flag for {}", self.key),
            _ => self.key.clone(),
        }
    }

    pub(super) fn problem(&self, severity: Severity, complaint: Complaint) -> Problem {
        Problem {
            severity,
            source: self.source.clone(),
            line: self.line,
            key: self.key.clone(),
            what: complaint.what,
            fix: complaint.fix,
        }
    }
}

/// A problem whose place is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) fix: String,
}

impl Complaint {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

/// `table.key`, or the key alone at the top.
pub(super) fn join(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    }
}

/// A value as problems show it: in quotes, on one line, at most 60 characters.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let cut: String = text.chars().take(MOST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}

/// A path as problems show it: in quotes and whole, because files are often told apart by its end;
/// not shown when it could be a secret, or a part of one, in the wrong place.
pub(super) fn quoted_path(path: &Path) -> String {
    const MOST_BYTES: usize = 512;
    let text = path.to_string_lossy();
    if text.len() > MOST_BYTES || text.split('/').any(is_secret_like) {
        "the file it names".to_owned()
    } else {
        format!("{text:?}")
    }
}

fn is_secret_like(name: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| name.as_bytes().iter().any(kind);
    name.len() >= 20
        && has(u8::is_ascii_digit)
        && (has(u8::is_ascii_uppercase) || !name.contains(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what does not fit is counted, and a warning that does not fit is no error.
    #[test]
    fn a_full_list_counts_the_errors_beyond_it() {
        let mut problems = Problems::default();
        let error = |problems: &mut Problems, number: usize| {
            let complaint = Complaint::new(format!("is wrong {number}"), "mend it");
            problems.error(&Place::flag("x"), complaint);
        };
        for number in 0..Problems::MAX {
            error(&mut problems, number);
        }
        assert_eq!(problems.errors(), Problems::MAX);
        problems.warning(&Place::flag("x"), Complaint::new("is odd", "look at it"));
        error(&mut problems, 0);
        assert_eq!(problems.errors(), Problems::MAX);
        error(&mut problems, Problems::MAX);
        error(&mut problems, Problems::MAX + 1);
        assert_eq!(problems.iter().count(), Problems::MAX);
        problems.error_with(&Place::flag("x"), || unreachable!("the list is full"));
        assert_eq!(problems.errors(), Problems::MAX + 3);
        assert!(problems.to_string().ends_with("\nand 3 more"));
    }

    #[test]
    fn another_problem_says_where_a_value_stands() {
        assert_eq!(
            Place::flag("probe.fall").describe(),
            "the flag for probe.fall"
        );
        assert_eq!(Place::variable("WHY403_X").describe(), "WHY403_X");
        assert_eq!(Place::file("/f", "a.b").describe(), "a.b");
        assert_eq!(Place::file("/f", "a.b").at(7).describe(), "a.b (line 7)");
    }

    #[test]
    fn a_path_is_shown_whole_unless_it_may_be_a_secret() {
        let is_shown = |path: &str| quoted_path(Path::new(path)) == format!("{path:?}");
        for path in [
            "secret",
            "/run/secrets/genesys-client-secret-2026.txt",
            "/run/secrets/the_secret_of_the_client",
            "/run/secrets/Genesys_Client_Secret_File",
            "/run/secrets/..2026_11_26_16_00_00.1234567890/client-secret",
            "short-but-B1",
            &"/a".repeat(256),
        ] {
            assert!(is_shown(path), "{path}");
        }
        for path in [
            "dGhpc0lzQVNlY3JldA1x2Y3",
            "dGhpc0lzQVNlY3JldA1x2Y3/short",
            "MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6Uduvwm",
            "6f9619ff8b86d011b42d00c04fc964ff",
            &"/a".repeat(257),
        ] {
            assert_eq!(quoted_path(Path::new(path)), "the file it names");
        }
    }
}
