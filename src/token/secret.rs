//! A credential's secret, read again when its file changes.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::config::read_secret_file;
use crate::target::{Credential, Grant, Name, Secret};

/// Longest time to read a secret's file.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// The secret as it was last read, and where to read it again.
#[derive(Debug)]
pub(super) struct SecretSource {
    credential: Name,
    value: SecretString,
    file: Option<PathBuf>,
    /// Whether the latest try to read the file failed, which is told once.
    unreadable: bool,
}

impl SecretSource {
    pub(super) fn new(credential: &Credential) -> Self {
        let (Grant::ClientCredentials {
            client_secret: Secret { value, file },
            ..
        }
        | Grant::AccessToken {
            token: Secret { value, file },
        }) = &credential.grant;
        Self {
            credential: credential.name.clone(),
            value: value.clone(),
            file: file.clone(),
            unreadable: false,
        }
    }

    pub(super) fn value(&self) -> &SecretString {
        &self.value
    }

    /// Reads the file again; true when it holds another secret than before.
    ///
    /// A file that cannot be read for a moment, as while it is replaced, keeps the old secret.
    pub(super) async fn reread(&mut self) -> bool {
        let Some(path) = self.file.clone() else {
            return false;
        };
        let read = tokio::task::spawn_blocking(move || read_secret_file(&path));
        let secret = match tokio::time::timeout(FILE_TIMEOUT, read).await {
            Ok(Ok(Ok(secret))) => secret,
            Ok(Ok(Err(error))) => return self.keep(&error.to_string()),
            Ok(Err(_)) | Err(_) => return self.keep("cannot be read in time"),
        };
        self.unreadable = false;
        let changed = secret.expose_secret() != self.value.expose_secret();
        if changed {
            let credential = &self.credential;
            tracing::info!(%credential, "the secret of {credential} was replaced");
            self.value = secret;
        }
        changed
    }

    fn keep(&mut self, why: &str) -> bool {
        let credential = &self.credential;
        if !self.unreadable {
            tracing::warn!(%credential, "the secret's file of {credential} {why}; the old one is kept");
        }
        self.unreadable = true;
        false
    }
}
