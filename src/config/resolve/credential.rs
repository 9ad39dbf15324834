//! What mints a target's tokens.

use secrecy::{ExposeSecret, SecretString};

use super::chain::{Chain, Given, Used, Wanted};
use super::files::Files;
use crate::config::environment::Environment;
use crate::config::keys::PREFIX;
use crate::config::layer::{Scope, Setting};
use crate::config::problem::{Complaint, Place, Problems, Source, quoted};
use crate::config::secret::{self, SecretKind};
use crate::target::{Grant, Secret};

/// Finds the grant of one target and its secrets.
#[derive(Debug)]
pub(super) struct Finder<'f, 'a> {
    pub(super) chain: &'f Chain<'a>,
    /// The target's own table, if it has one.
    pub(super) own: Option<&'a Scope>,
    pub(super) environment: &'a Environment,
    pub(super) files: &'f mut Files<'a>,
    pub(super) used: &'f Used,
    pub(super) problems: &'f mut Problems,
}

impl<'a> Finder<'_, 'a> {
    /// The grant with its secrets; `None` when something is missing or bad, which is reported.
    pub(super) fn grant(&mut self) -> Option<Grant> {
        match self.wanted()? {
            Wanted::ClientSecret => {
                let (client_id, client_secret) = self.client()?;
                Some(Grant::ClientCredentials {
                    client_id,
                    client_secret,
                })
            }
            Wanted::RefreshToken => self.refresh_token(),
            Wanted::Assertion => self.saml2_bearer(),
            Wanted::Password => self.password(),
            Wanted::AccessToken => {
                let (_, token) = self.secret(Wanted::AccessToken)?;
                Some(Grant::AccessToken { token })
            }
        }
    }

    /// Which secret the grant needs. What the target says itself counts before what it inherits:
    /// first `grant`, then the credentials that are there.
    fn wanted(&mut self) -> Option<Wanted> {
        for tier in self.chain.tiers() {
            if let Some(setting) = tier.iter().find_map(|scope| scope.get("grant")) {
                self.used.mark(&setting.place);
                return Some(Wanted::of_grant(setting.text()?));
            }
            let mut scopes = tier.iter().copied();
            while let Some(mut scope) = scopes.next() {
                let is_client =
                    scope.get("client_id").is_some() || !Wanted::ClientSecret.of(scope).is_empty();
                if is_client && for_users(scope).is_empty() {
                    // Whoever acts for a user needs a client, too, which may stand above the rest.
                    let below = scopes.find(|scope| !for_users(scope).is_empty());
                    scope = below.unwrap_or(scope);
                }
                let for_user = self.for_user(scope)?;
                let token = Wanted::AccessToken.of(scope).first().copied();
                let wanted = match for_user.or(is_client.then_some(Wanted::ClientSecret)) {
                    Some(wanted) => wanted,
                    None if token.is_some() => return Some(Wanted::AccessToken),
                    None => continue,
                };
                if let Some(token) = token {
                    self.warn_of_ignored_token(token, wanted);
                }
                return Some(wanted);
            }
        }
        Some(Wanted::ClientSecret)
    }

    /// What speaks for a user in one scope: nothing, or one thing. Several are reported, and
    /// nothing is decided.
    #[allow(
        clippy::option_option,
        reason = "the outer one is that of every finding"
    )]
    fn for_user(&mut self, scope: &Scope) -> Option<Option<Wanted>> {
        let found = for_users(scope);
        let Some((first, others)) = found.split_first() else {
            return Some(None);
        };
        for (_, other) in others {
            let what = format!(
                "is set beside {}, which means another grant",
                first.1.place().describe()
            );
            let fix = "remove one of the two, or set grant to say which one counts";
            self.problems
                .error(other.place(), Complaint::new(what, fix));
        }
        others.is_empty().then_some(Some(first.0))
    }

    /// Profiles keep old tokens beside the client, so that only the other places are warned of.
    fn warn_of_ignored_token(&mut self, token: Given<'_>, wanted: Wanted) {
        let place = token.place();
        self.used.mark(place);
        let is_profile = matches!(token, Given::Literal(_)) && place.source != Source::Environment;
        if !is_profile {
            let instead = match wanted {
                Wanted::ClientSecret => "a client",
                other => other.noun(),
            };
            let what = format!("is ignored, because {instead} is given, too");
            let fix =
                "remove it, or set grant = \"access_token\" (WHY403__GENESYS__GRANT) to use it";
            self.problems.warning(place, Complaint::new(what, fix));
        }
    }

    fn refresh_token(&mut self) -> Option<Grant> {
        let client = if self.is_public() {
            let id = self.client_id();
            id.and_then(|(_, id)| Some((id.text()?.to_owned(), None)))
        } else {
            self.client().map(|(id, secret)| (id, Some(secret)))
        };
        let (token_at, refresh_token) = self.secret(Wanted::RefreshToken)?;
        let id = self.chain.first("client_id");
        if let Some((id_at, id)) = id
            && let Some(other) = self.client_between(id.text()?, id_at, token_at)
        {
            let what = format!(
                "has no refresh token of its own, and the inherited one belongs to {}",
                quoted(other)
            );
            let fix = "set refresh_token_file beside it, or name one client only";
            self.problems.error(&id.place, Complaint::new(what, fix));
            return None;
        }
        if let (Some(file), Some((_, setting))) = (
            &refresh_token.file,
            self.chain.first(Wanted::RefreshToken.file_key()),
        ) {
            self.files
                .check_replaceable(&setting.place, file, self.problems);
        }
        let (client_id, client_secret) = client?;
        Some(Grant::RefreshToken {
            client_id,
            client_secret,
            refresh_token,
        })
    }

    fn saml2_bearer(&mut self) -> Option<Grant> {
        let client = self.client();
        let organization_name = self.text(
            "organization_name",
            "WHY403__GENESYS__ORGANIZATION_NAME",
            "the short name of the org",
        );
        let (_, assertion) = self.secret(Wanted::Assertion)?;
        let (client_id, client_secret) = client?;
        Some(Grant::Saml2Bearer {
            client_id,
            client_secret,
            organization_name: organization_name?,
            assertion,
        })
    }

    fn password(&mut self) -> Option<Grant> {
        let client = self.client();
        let username = self.text(
            "username",
            "WHY403__GENESYS__USERNAME",
            "the name of the user",
        );
        let (_, password) = self.secret(Wanted::Password)?;
        let (client_id, client_secret) = client?;
        Some(Grant::Password {
            client_id,
            client_secret,
            username: username?,
            password,
        })
    }

    /// A text that the grant needs beside its secrets.
    fn text(&mut self, key: &str, variable: &str, what: &str) -> Option<String> {
        let Some((_, setting)) = self.chain.first(key) else {
            self.report_missing(key, variable, what);
            return None;
        };
        self.used.mark(&setting.place);
        Some(setting.text()?.to_owned())
    }

    /// Whether no secret belongs to the client: there is none, or the inherited one is another's.
    fn is_public(&self) -> bool {
        let Some((secret_at, _)) = self.chain.first_secret(Wanted::ClientSecret) else {
            return true;
        };
        let id = self.chain.first("client_id");
        let id = id.and_then(|(at, id)| Some((at, id.text()?)));
        id.is_some_and(|(at, id)| self.client_between(id, at, secret_at).is_some())
    }

    /// The client's id, and how far down it is.
    fn client_id(&mut self) -> Option<(usize, &'a Setting)> {
        let id = self.chain.first("client_id");
        if let Some((_, setting)) = id {
            self.used.mark(&setting.place);
        } else {
            self.report_missing(
                "client_id",
                "GENESYS_CLOUD_CLIENT_ID",
                "the id of the OAuth client",
            );
        }
        id
    }

    /// The client's id and its secret.
    fn client(&mut self) -> Option<(String, Secret)> {
        let id = self.client_id();
        let secret = self.secret(Wanted::ClientSecret);
        let (id_at, id) = id?;
        let client_id = id.text()?.to_owned();
        let (secret_at, client_secret) = secret?;
        if let Some(other) = self.client_between(&client_id, id_at, secret_at) {
            let what = format!(
                "has no secret of its own, and the inherited one belongs to {}",
                quoted(other)
            );
            let fix = "set client_secret_file or client_secret_env beside it";
            self.problems.error(&id.place, Complaint::new(what, fix));
            return None;
        }
        let secret = client_secret.value.expose_secret();
        // A secret in the place of an id would be shown. A short id is somebody's gateway's.
        if is_uuid(secret) && !is_uuid(&client_id) && client_id.len() >= SHORTEST_REAL_SECRET {
            let what = "is no UUID, but its secret is: they seem to be swapped";
            let fix = "exchange the client's id and its secret";
            self.problems.error(&id.place, Complaint::new(what, fix));
            return None;
        }
        Some((client_id, client_secret))
    }

    /// Another client that an inherited secret or refresh token belongs to.
    fn client_between(&self, id: &str, id_at: usize, secret_at: usize) -> Option<&'a str> {
        (id_at + 1..=secret_at)
            .find_map(|at| self.chain.scope(at)?.get("client_id")?.text())
            .filter(|other| *other != id)
    }

    /// The strongest secret of a kind, and how far down it is.
    fn secret(&mut self, wanted: Wanted) -> Option<(usize, Secret)> {
        let Some((at, given)) = self.chain.first_secret(wanted) else {
            self.report_missing(wanted.file_key(), wanted.variable(), wanted.noun());
            return None;
        };
        for given in &given {
            self.used.mark(given.place());
        }
        let (first, others) = given.split_first()?;
        // A variable beside a profile is no choice between two: profiles are scopes of their own.
        if let Some(other) = others.first() {
            let what = format!("is set beside {}", first.place().describe());
            let complaint = Complaint::new(what, "remove one of the two");
            self.problems.error(other.place(), complaint);
            return None;
        }
        Some((at, self.read(*first, wanted.kind())?))
    }

    fn read(&mut self, given: Given<'_>, kind: SecretKind) -> Option<Secret> {
        match given {
            Given::Literal(literal) => Some(Secret {
                value: literal.value.clone()?,
                file: None,
            }),
            Given::File(setting) => {
                let path = self
                    .files
                    .path(&setting.place, setting.text()?, self.problems)?;
                let value = self
                    .files
                    .secret(&setting.place, &path, kind, self.problems)?;
                Some(Secret {
                    value,
                    file: Some(path),
                })
            }
            Given::Variable(setting) => {
                let value = self.variable(&setting.place, setting.text()?, kind)?;
                Some(Secret { value, file: None })
            }
        }
    }

    fn variable(&mut self, place: &Place, name: &str, kind: SecretKind) -> Option<SecretString> {
        let Some(value) = self.environment.read_set(name, self.problems) else {
            // A name in capitals cannot be the secret itself.
            let plain = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
            let shown = if name.bytes().all(plain) {
                name
            } else {
                "it names"
            };
            let what = format!("the variable {shown} is not set");
            let fix = "set it, or write the name of the variable that holds the secret";
            self.problems.error(place, Complaint::new(what, fix));
            return None;
        };
        let place = Place::variable(name);
        self.problems.check(&place, secret::check(value, kind))
    }

    /// Reports a credential that no scope gives: at the target that needs it, or, when there are
    /// no targets, at the variable that most people use.
    fn report_missing(&mut self, key: &str, variable: &str, what: &str) {
        if let Some(own) = self.own {
            let fix = format!("set it here, in [genesys], or in the variable {variable}");
            let complaint = Complaint::new(format!("{what} is missing"), fix);
            return self.problems.error(&own.place.child(key), complaint);
        }
        let state = if self.environment.has(variable) {
            "is empty"
        } else {
            "is not set"
        };
        // What the variable holds: the thing itself, or where it is.
        let file = if key.ends_with("_file") && variable.starts_with(PREFIX) {
            "the path of a file with "
        } else {
            ""
        };
        let profile = if variable.starts_with(PREFIX) {
            ""
        } else {
            ", or name a gc profile"
        };
        let fix = format!(
            "set it to {file}{what}, or set {key} in [genesys] of a file (--config){profile}"
        );
        let place = Place::variable(variable);
        self.problems.error(&place, Complaint::new(state, fix));
    }
}

/// What speaks for a user in one scope, in any way.
fn for_users(scope: &Scope) -> Vec<(Wanted, Given<'_>)> {
    let first = |wanted: Wanted| Some((wanted, *wanted.of(scope).first()?));
    Wanted::FOR_USERS.into_iter().filter_map(first).collect()
}

/// Secrets that the platform makes are longer than this many bytes.
const SHORTEST_REAL_SECRET: usize = 20;

/// Whether a text has the form of the ids that Genesys Cloud gives to clients.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
