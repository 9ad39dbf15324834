//! The only reader of the process environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use super::problem::{Complaint, Place, Problems};

/// The environment variables of a process, read once.
///
/// Everything that depends on the environment takes one of these, so that tests need not change
/// the real one. Its `Debug` shows names only, because values may be secrets.
#[derive(Clone, Default)]
pub struct Environment {
    /// `None` for a value that is not UTF-8.
    variables: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// The variables of this process. A variable that is not UTF-8 becomes a problem if it is
    /// one that why403 reads, and is ignored otherwise.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from_os_pairs(std::env::vars_os())
    }

    /// The given variables; of two with the same name the last one counts.
    #[must_use]
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let variables = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), Some(value.into())))
            .collect();
        Self { variables }
    }

    /// The given variables, as an operating system hands them out.
    #[must_use]
    pub fn from_os_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())))
            .collect();
        Self { variables }
    }

    /// The value of `name`; `None` when it is not set, empty, or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)?
            .as_deref()
            .filter(|value| !value.is_empty())
    }

    /// Whether `name` is set, even if empty or not UTF-8.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The names of all variables, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The value of `name`, even if empty; one that is not UTF-8 is noted as a problem.
    pub(super) fn read(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        let value = self.variables.get(name)?.as_deref();
        if value.is_none() {
            let complaint = Complaint::new("is not UTF-8", "set it to text in UTF-8, or unset it");
            problems.error(&Place::variable(name), complaint);
        }
        value
    }

    /// As [`Self::read`], but an empty value counts as not set.
    pub(super) fn read_set(&self, name: &str, problems: &mut Problems) -> Option<&str> {
        self.read(name, problems).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment ")?;
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_alone() {
        let environment = Environment::from_pairs([("A_SECRET", "hunter2"), ("HOME", "/root")]);
        let shown = format!("{environment:?}");
        assert_eq!(shown, r#"Environment {"A_SECRET", "HOME"}"#);
    }
}
