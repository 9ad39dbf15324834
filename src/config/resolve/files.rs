//! The files that a configuration names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::config::environment::Environment;
use crate::config::problem::{Complaint, Place, Problems, Source, quoted_path};
use crate::config::rotation;
use crate::config::secret::{
    ReadError, SecretKind, read_regular, read_secret_file, world_readable,
};

/// The largest file of certificate authorities that is read.
const MOST_CERTIFICATES: u64 = 16 * 1024 * 1024;

/// Reads files, each secret once however many targets name it.
#[derive(Debug)]
pub(super) struct Files<'a> {
    environment: &'a Environment,
    secrets: HashMap<(PathBuf, SecretKind), Result<SecretString, String>>,
    /// Why a file could not be replaced; none where it could.
    fixed: HashMap<PathBuf, Option<String>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            secrets: HashMap::new(),
            fixed: HashMap::new(),
        }
    }

    /// The path meant by `text`: `~/` is the home directory, and a relative path in a file begins
    /// at that file's directory.
    pub(super) fn path(
        &self,
        place: &Place,
        text: &str,
        problems: &mut Problems,
    ) -> Option<PathBuf> {
        if let Some(rest) = text.strip_prefix("~/") {
            let home = self.environment.get("HOME");
            let Some(home) = home.or_else(|| self.environment.get("USERPROFILE")) else {
                let what = "begins with ~, but the variable HOME is not set";
                problems.error(place, Complaint::new(what, "write the whole path"));
                return None;
            };
            return Some(Path::new(home).join(rest));
        }
        Some(match &place.source {
            Source::File(file) => file.parent().unwrap_or(Path::new("")).join(text),
            Source::Environment | Source::Flags => PathBuf::from(text),
        })
    }

    /// The secret in a file.
    pub(super) fn secret(
        &mut self,
        place: &Place,
        path: &Path,
        kind: SecretKind,
        problems: &mut Problems,
    ) -> Option<SecretString> {
        let read = self
            .secrets
            .entry((path.to_owned(), kind))
            .or_insert_with(|| read_secret_file(path, kind).map_err(|error| error.to_string()));
        match read {
            Ok(secret) => {
                if let Some(complaint) = world_readable(path) {
                    problems.warning(place, complaint);
                }
                Some(secret.clone())
            }
            Err(why) => {
                let what = format!("{} {why}", quoted_path(path));
                let fix =
                    "put the secret alone into a file that why403 may read, and give its path";
                problems.error(place, Complaint::new(what, fix));
                None
            }
        }
    }

    /// Warns of a file that cannot be replaced, although the secret in it may be.
    pub(super) fn check_replaceable(
        &mut self,
        place: &Place,
        path: &Path,
        problems: &mut Problems,
    ) {
        let why = self.fixed.entry(path.to_owned()).or_insert_with(|| {
            rotation::can_be_replaced(path)
                .err()
                .map(|error| error.to_string())
        });
        if let Some(why) = why {
            let what = format!(
                "the directory of {} cannot be written to ({why}), so that a token that replaces \
                 this one is lost when why403 ends",
                quoted_path(path)
            );
            let fix = "let why403 write there; in Kubernetes that is a volume, not a Secret";
            problems.warning(place, Complaint::new(what, fix));
        }
    }
}

/// Checks that a file of certificates can be read and holds some; tells a digest of it.
pub(super) fn check_certificates(
    place: &Place,
    path: &Path,
    problems: &mut Problems,
) -> Option<[u8; 32]> {
    const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";
    let what = match read_regular(path, MOST_CERTIFICATES) {
        Ok(bytes) if bytes.windows(MARK.len()).any(|part| part == MARK) => {
            return Some(Sha256::digest(&bytes).into());
        }
        Ok(_) => "holds no PEM certificate".to_owned(),
        Err(ReadError::Io(error)) => format!("cannot be read: {error}"),
        Err(ReadError::NotRegular) => "is not a regular file".to_owned(),
        Err(ReadError::TooLarge) => "is larger than 16 MiB".to_owned(),
    };
    let what = format!("{} {what}", quoted_path(path));
    let fix = "give the path of a PEM file, or write \"bundled\" or \"system\"";
    problems.error(place, Complaint::new(what, fix));
    None
}

/// A digest of what a file of certificate authorities holds now, if it can be read.
pub(in crate::config) fn certificates_digest(path: &Path) -> Option<[u8; 32]> {
    let bytes = read_regular(path, MOST_CERTIFICATES).ok()?;
    Some(Sha256::digest(&bytes).into())
}
