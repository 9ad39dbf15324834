//! Tests of the whole: sources in, configuration or problems out.

mod access;
mod variable;
mod document;
mod inbound;
mod kinds;
mod secrets;
mod users;
mod values;

use std::path::{Path, PathBuf};

use super::*;

/// A directory with a configuration file and what it names, and the environment beside it.
struct Case {
    directory: tempfile::TempDir,
    sources: Sources,
}

/// The smallest environment that works.
const CLIENT: [(&str, &str); 2] = [
    ("GENESYS_CLOUD_CLIENT_ID", "demo-client"),
    ("GENESYS_CLOUD_CLIENT_SECRET", "demo-secret"),
];

impl Case {
    /// No file, and the given environment.
    fn environment<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            sources: Sources {
                environment: Environment::from_pairs(pairs),
                ..Sources::default()
            },
        }
    }

    /// The given file, and a client in the environment.
    fn file(text: &str) -> Self {
        Self::bare_file(text).with(CLIENT)
    }

    /// The given file alone.
    fn bare_file(text: impl AsRef<[u8]>) -> Self {
        let mut case = Self::environment([]);
        let path = case.write("why403.toml", text);
        case.sources.file = Some(path);
        case
    }

    fn with<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.sources.environment = Environment::from_pairs(pairs);
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.overrides.push((key.into(), value.into()));
        self
    }

    /// Writes a file that only its owner can read.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        path
    }

    fn also(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration, which must come without a warning.
    fn config(&self) -> Config {
        let loaded = self.loaded();
        assert_eq!(loaded.warnings, []);
        loaded.config
    }

    fn loaded(&self) -> Loaded {
        load(&self.sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn warnings(&self) -> Vec<String> {
        self.loaded()
            .warnings
            .iter()
            .map(|one| self.shown(one))
            .collect()
    }

    /// The problems, one per line, without the directory.
    fn problems(&self) -> Vec<String> {
        let problems = load(&self.sources).expect_err("there must be a problem");
        assert!(problems.errors() > 0);
        problems.iter().map(|problem| self.shown(problem)).collect()
    }

    /// The only problem.
    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }

    fn shown(&self, problem: &Problem) -> String {
        let directory = format!("{}/", self.path().display());
        problem.to_string().replace(&directory, "")
    }
}
