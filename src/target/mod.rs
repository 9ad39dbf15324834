//! What is watched: a Genesys org, the credential that mints its tokens, and the operations that
//! an integration needs there.
//!
//! Everything here is plain, validated data. Nothing in this module reads files, environment or
//! clocks; `config` builds these values and no later module checks them again.

mod address;
mod name;
mod operation;
mod region;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use address::is_private;
pub use name::{InvalidName, Name};
pub use operation::{Mode, OPERATIONS, Operation, Permission, Scope, covers};
pub use region::{REGIONS, Region, login_for};

/// One integration's access to one Genesys org.
///
/// Two are equal when the same is watched in the same way, whatever their secrets' files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Unique name, used in paths, labels and logs.
    pub name: Name,
    /// Base URL of the Platform API, for example `https://api.mypurecloud.de`; never ends in `/`.
    pub api: Url,
    /// What mints this target's tokens; shared between targets that use the same client.
    pub credential: Arc<Credential>,
    /// The operations the integration needs; at least one.
    pub operations: Vec<&'static Operation>,
    /// What a good answer must contain.
    pub expect: Expect,
    /// Time from one probe to the next.
    pub interval: Duration,
    /// Longest time one call may take, from name resolution to the last byte.
    pub timeout: Duration,
}

impl Target {
    /// The URL that probes `operation`: the smallest page, because only `total` and the first
    /// entity are read.
    #[must_use]
    pub fn probe_url(&self, operation: &Operation) -> Url {
        let query: &[_] = if operation.lists {
            &[("pageSize", "1")]
        } else {
            &[]
        };
        self.api_url(operation.path, query)
    }

    /// The URL of a path of the API.
    #[must_use]
    pub fn api_url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.api.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

/// What mints tokens: a login server, a grant, a client.
///
/// Targets with the same login URL, grant, client and secrets share one credential, because extra
/// tokens can invalidate older ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The name of the first target that uses it.
    pub name: Name,
    /// Base URL of the login server, for example `https://login.mypurecloud.de`.
    pub login: Url,
    /// How tokens are obtained.
    pub grant: Grant,
}

impl Credential {
    /// The OAuth token endpoint (RFC 6749 section 3.2).
    #[must_use]
    pub fn token_url(&self) -> Url {
        let mut url = self.login.clone();
        let path = format!("{}/oauth/token", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// How tokens are obtained.
#[derive(Clone, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 section 4.4: the client acts as itself, with the roles granted to the client.
    ClientCredentials {
        /// The OAuth client's id; not a secret.
        client_id: String,
        /// The OAuth client's secret.
        client_secret: Secret,
    },
    /// RFC 6749 section 6: a user logged in elsewhere, and the refresh token of that login keeps
    /// the client going.
    RefreshToken {
        /// The OAuth client's id; not a secret.
        client_id: String,
        /// The OAuth client's secret; a public client (PKCE) has none.
        client_secret: Option<Secret>,
        /// The refresh token, from a file, because the token endpoint may replace it.
        refresh_token: Secret,
    },
    /// RFC 7522: an identity provider vouches for a user.
    Saml2Bearer {
        /// The OAuth client's id; not a secret.
        client_id: String,
        /// The OAuth client's secret.
        client_secret: Secret,
        /// The short name of the org, which the platform asks for beside the assertion.
        organization_name: String,
        /// The SAML assertion as it is sent: base64 without line breaks.
        assertion: Secret,
    },
    /// RFC 6749 section 4.3: a user's name and password. The vendor does not offer it.
    Password {
        /// The OAuth client's id; not a secret.
        client_id: String,
        /// The OAuth client's secret.
        client_secret: Secret,
        /// The user's name; not a secret.
        username: String,
        /// The user's password.
        password: Secret,
    },
    /// A token made elsewhere and handed to us; it cannot be refreshed.
    AccessToken {
        /// The bearer token.
        token: Secret,
    },
}

impl Grant {
    /// The names of all grants.
    pub const NAMES: &'static [&'static str] = &[
        "client_credentials",
        "refresh_token",
        "saml2_bearer",
        "password",
        "access_token",
    ];

    /// The name used in configuration and in diagnoses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials { .. } => "client_credentials",
            Self::RefreshToken { .. } => "refresh_token",
            Self::Saml2Bearer { .. } => "saml2_bearer",
            Self::Password { .. } => "password",
            Self::AccessToken { .. } => "access_token",
        }
    }

    /// Who acts when this grant is used.
    #[must_use]
    pub fn identity(&self) -> IdentityKind {
        match self {
            Self::ClientCredentials { .. } => IdentityKind::Machine,
            Self::RefreshToken { .. } | Self::Saml2Bearer { .. } | Self::Password { .. } => {
                IdentityKind::User
            }
            // A given token may belong to either; whoever hands one over most often copied it
            // from a user's session. Nothing may be concluded from this before `tokens/me`.
            Self::AccessToken { .. } => IdentityKind::Unknown,
        }
    }

    /// The OAuth client's id, where the grant has one.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials { client_id, .. }
            | Self::RefreshToken { client_id, .. }
            | Self::Saml2Bearer { client_id, .. }
            | Self::Password { client_id, .. } => Some(client_id),
            Self::AccessToken { .. } => None,
        }
    }

    /// The OAuth client's secret, where the grant and the client have one.
    #[must_use]
    pub fn client_secret(&self) -> Option<&Secret> {
        match self {
            Self::ClientCredentials { client_secret, .. }
            | Self::Saml2Bearer { client_secret, .. }
            | Self::Password { client_secret, .. } => Some(client_secret),
            Self::RefreshToken { client_secret, .. } => client_secret.as_ref(),
            Self::AccessToken { .. } => None,
        }
    }

    /// The user whose name and password are sent, or the org that is named beside an assertion.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        match self {
            Self::Saml2Bearer {
                organization_name, ..
            } => Some(organization_name),
            Self::Password { username, .. } => Some(username),
            _ => None,
        }
    }

    /// The file whose secret the token endpoint may replace.
    #[must_use]
    pub fn rotating_file(&self) -> Option<&Path> {
        match self {
            Self::RefreshToken { refresh_token, .. } => refresh_token.file.as_deref(),
            _ => None,
        }
    }

    /// What speaks for the caller beside the client: a token, an assertion or a password.
    #[must_use]
    pub fn proof(&self) -> Option<&Secret> {
        match self {
            Self::ClientCredentials { .. } => None,
            Self::RefreshToken { refresh_token, .. } => Some(refresh_token),
            Self::Saml2Bearer { assertion, .. } => Some(assertion),
            Self::Password { password, .. } => Some(password),
            Self::AccessToken { token } => Some(token),
        }
    }
}

/// Shows the client's id, never a secret.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name())
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}

/// A secret value and the file it came from, if it came from one.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The value read when the configuration was loaded.
    pub value: SecretString,
    /// The file to read again when the secret may have been rotated.
    pub file: Option<PathBuf>,
}

/// Secrets of the same file are the same, because the file is read again when it changes; others
/// are when their values are.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let same_value = || self.value.expose_secret() == other.value.expose_secret();
        self.file == other.file && (self.file.is_some() || same_value())
    }
}

impl Eq for Secret {}

impl Secret {
    /// A secret that came from a variable or a profile and cannot be read again.
    #[must_use]
    pub fn fixed(value: impl Into<String>) -> Self {
        Self {
            value: SecretString::from(value.into()),
            file: None,
        }
    }
}

/// Whose permissions decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// An OAuth client acting as itself: its roles in divisions decide, scopes do not apply.
    Machine,
    /// A user: both the user's roles and the token's scopes decide.
    User,
    /// Not known; both remedies may apply.
    Unknown,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Machine, Self::User, Self::Unknown];

    /// The name used in diagnoses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::User => "user",
            Self::Unknown => "unknown",
        }
    }
}

/// What a good answer must contain, beyond status 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// Fewest queues that may be visible; 0 expects nothing.
    pub min_queues: u64,
    /// Names or ids of divisions whose queues must be visible.
    pub divisions: Vec<String>,
}
