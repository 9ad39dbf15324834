//! A credential's secrets, read again when their files change; a rotated one is put into its file.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::config::{
    FILE_TIMEOUT, Reading, SecretFileError, SecretKind, read_secret_file, replace_secret_file,
    secret_file_modified,
};
use crate::target::{Credential, Grant, Name, Secret};

/// The secrets of one credential.
#[derive(Debug)]
pub(super) struct Secrets {
    client: Option<SecretSource>,
    proof: Option<SecretSource>,
}

impl Secrets {
    pub(super) fn new(credential: &Credential) -> Self {
        let grant = &credential.grant;
        let source = |what, kind, secret: &Secret| SecretSource {
            credential: credential.name.clone(),
            what,
            kind,
            value: secret.value.clone(),
            file: secret.file.clone(),
            modified: None,
            seen: secret.value.clone(),
            unreadable: false,
            unstored: false,
            reading: Reading::default(),
            outdated: false,
            writing: None,
        };
        let (what, kind) = match grant {
            Grant::RefreshToken { .. } => ("refresh token", SecretKind::Field),
            Grant::Saml2Bearer { .. } => ("assertion", SecretKind::Assertion),
            Grant::Password { .. } => ("password", SecretKind::Field),
            Grant::ClientCredentials { .. } | Grant::AccessToken { .. } => {
                ("access token", SecretKind::Header)
            }
        };
        Self {
            client: grant
                .client_secret()
                .map(|secret| source("client secret", SecretKind::Header, secret)),
            proof: grant.proof().map(|secret| source(what, kind, secret)),
        }
    }

    /// The client's secret, where it has one.
    pub(super) fn client(&self) -> Option<&SecretString> {
        self.client.as_ref().map(|source| &source.value)
    }

    /// What speaks for the caller beside the client, where the grant has something.
    pub(super) fn proof(&self) -> Option<&SecretString> {
        self.proof.as_ref().map(|source| &source.value)
    }

    /// Reads the files again; true when one holds another secret than before, and not by us.
    pub(super) async fn reread(&mut self) -> bool {
        let mut changed = false;
        for source in [&mut self.client, &mut self.proof].into_iter().flatten() {
            changed |= source.reread().await;
        }
        changed
    }

    /// When the file that has been the same for longest last changed; none without files.
    pub(super) fn modified(&self) -> Option<Timestamp> {
        let sources = [&self.client, &self.proof].into_iter().flatten();
        sources.filter_map(|source| source.modified).min()
    }

    /// Takes the secret that replaces the proof, and puts it into the file.
    pub(super) async fn rotate(&mut self, next: SecretString) {
        if let Some(source) = &mut self.proof {
            source.rotate(next).await;
        }
    }
}

/// One secret as it was last read or received, and where it is kept.
#[derive(Debug)]
struct SecretSource {
    credential: Name,
    what: &'static str,
    kind: SecretKind,
    value: SecretString,
    file: Option<PathBuf>,
    /// When the file last changed, as it was when it was last looked at.
    modified: Option<Timestamp>,
    /// What the file held when it was last read or written by us.
    seen: SecretString,
    /// Whether the latest try to read the file failed, which is told once.
    unreadable: bool,
    /// Whether the file lacks the value, because it could not be written; told once, too.
    unstored: bool,
    /// The reads of the file.
    reading: Reading<Read>,
    /// Whether the file was written since that read began, which may tell what was there before.
    outdated: bool,
    /// The write that is under way.
    writing: Option<JoinHandle<(SecretString, io::Result<()>)>>,
}

/// When a file last changed, and what it holds.
type Read = (Option<Timestamp>, Result<SecretString, SecretFileError>);

impl SecretSource {
    /// Reads the file again; true when somebody else put another secret into it.
    ///
    /// A file that cannot be read for a moment, as while it is replaced, keeps the old secret.
    async fn reread(&mut self) -> bool {
        let Some(path) = self.file.clone() else {
            return false;
        };
        if !self.has_written().await {
            return false;
        }
        let kind = self.kind;
        let read = move || (secret_file_modified(&path), read_secret_file(&path, kind));
        let ended = self.reading.again(read).await;
        if !self.reading.is_under_way() && std::mem::take(&mut self.outdated) {
            return false;
        }
        match ended {
            Ok((modified, Ok(secret))) => {
                self.modified = modified;
                self.compare(secret).await
            }
            Ok((_, Err(error))) => {
                self.keep(&error.to_string());
                // Nobody is at work on a file that is gone.
                if self.unstored && is_missing(&error) {
                    self.store().await;
                }
                false
            }
            Err(why) => {
                self.keep(&why.to_string());
                false
            }
        }
    }

    /// Compares what the file holds now with what it held before.
    async fn compare(&mut self, secret: SecretString) -> bool {
        self.unreadable = false;
        let is = |other: &SecretString| secret.expose_secret() == other.expose_secret();
        if is(&self.value) {
            self.seen = secret;
            self.stored();
            return false;
        }
        if is(&self.seen) {
            // The file is as it was, and ours is newer.
            self.store().await;
            return false;
        }
        let (credential, what) = (&self.credential, self.what);
        tracing::info!(%credential, "the {what} of {credential} was replaced");
        self.seen = secret.clone();
        self.value = secret;
        self.unstored = false;
        true
    }

    fn keep(&mut self, why: &str) {
        let (credential, what) = (&self.credential, self.what);
        if !self.unreadable {
            tracing::warn!(
                %credential,
                "the file of the {what} of {credential} {why}; the old one is kept"
            );
        }
        self.unreadable = true;
    }

    async fn rotate(&mut self, next: SecretString) {
        if next.expose_secret() != self.value.expose_secret() {
            self.value = next;
            self.store().await;
        }
    }

    /// Puts the value into the file; what cannot be written is kept, and tried again later.
    async fn store(&mut self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        self.outdated = self.reading.is_under_way();
        // Two writes at a time could end in the wrong order.
        if self.has_written().await {
            let secret = self.value.clone();
            self.writing = Some(spawn_blocking(move || {
                let written = replace_secret_file(&path, &secret);
                (secret, written)
            }));
            self.has_written().await;
        }
    }

    /// Waits for the write that is under way, if any; false when it does not end in time.
    async fn has_written(&mut self) -> bool {
        let Some(writing) = &mut self.writing else {
            return true;
        };
        let Ok(ended) = tokio::time::timeout(FILE_TIMEOUT, writing).await else {
            self.not_stored("it takes too long");
            return false;
        };
        self.writing = None;
        match ended {
            Ok((secret, Ok(()))) => {
                let is_latest = secret.expose_secret() == self.value.expose_secret();
                self.seen = secret;
                if is_latest {
                    self.stored();
                }
            }
            Ok((_, Err(error))) => self.not_stored(&error.to_string()),
            Err(_) => self.not_stored("the write ended early"),
        }
        true
    }

    fn stored(&mut self) {
        let (credential, what) = (&self.credential, self.what);
        if self.unstored {
            tracing::info!(%credential, "the new {what} of {credential} is in its file now");
        }
        self.unstored = false;
    }

    fn not_stored(&mut self, why: &str) {
        let (credential, what) = (&self.credential, self.what);
        if !self.unstored {
            tracing::error!(
                %credential,
                "the new {what} of {credential} cannot be put into its file: {why}; it is kept in \
                 memory and tried again, and is lost if why403 ends before"
            );
        }
        self.unstored = true;
    }
}

fn is_missing(error: &SecretFileError) -> bool {
    matches!(error, SecretFileError::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;

    use tokio::runtime;
    use tokio::time::advance;

    use super::*;

    /// As on a dead disk: no thread is free for the file, and none ends.
    #[test]
    fn a_file_that_cannot_be_read_in_time_keeps_the_old_secret_and_one_thread() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "the-next-one").unwrap();
        let mut source = source(&path);
        let mut builder = runtime::Builder::new_current_thread();
        let builder = builder.enable_all().max_blocking_threads(1);
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (end, hangs) = mpsc::channel::<()>();
            let disk = spawn_blocking(move || hangs.recv());
            let mut reads = Vec::new();
            for _ in 0..3 {
                let (changed, ()) = tokio::join!(source.reread(), advance(FILE_TIMEOUT));
                assert!(!changed && source.unreadable);
                assert_eq!(source.value.expose_secret(), "the-old-one");
                reads.extend(source.reading.id());
            }
            reads.dedup();
            assert_eq!(reads.len(), 1, "it is the same read");
            end.send(()).unwrap();
            disk.await.unwrap().unwrap();
            assert!(source.reread().await);
            assert!(!source.unreadable);
            assert_eq!(source.value.expose_secret(), "the-next-one");
        });
    }

    /// What a read that hung brings is from before the write, whenever it ends.
    #[tokio::test]
    async fn a_read_that_began_before_a_write_says_nothing_about_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "the-old-one").unwrap();
        let mut source = source(&path);
        let old = SecretString::from("the-old-one");
        source.reading = Reading::begun(move || (None, Ok(old)));
        source.rotate(SecretString::from("the-new-one")).await;
        for _ in 0..2 {
            assert!(!source.reread().await, "nobody else replaced it");
            assert_eq!(source.value.expose_secret(), "the-new-one");
        }
        std::fs::write(&path, "another-one").unwrap();
        assert!(source.reread().await);
        assert_eq!(source.value.expose_secret(), "another-one");
    }

    /// A secret that was `the-old-one` when its file was read.
    fn source(path: &Path) -> SecretSource {
        let old = || SecretString::from("the-old-one");
        SecretSource {
            credential: Name::new("prod-eu").unwrap(),
            what: "refresh token",
            kind: SecretKind::Field,
            value: old(),
            file: Some(path.to_owned()),
            modified: None,
            seen: old(),
            unreadable: false,
            unstored: false,
            reading: Reading::default(),
            outdated: false,
            writing: None,
        }
    }
}
