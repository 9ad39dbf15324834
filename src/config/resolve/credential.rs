//! What mints a target's tokens.

use secrecy::{ExposeSecret, SecretString};

use super::chain::{Chain, Given, Used, Wanted};
use super::files::Files;
use crate::config::environment::Environment;
use crate::config::kind::ACCESS_TOKEN;
use crate::config::layer::Scope;
use crate::config::problem::{Complaint, Place, Problems, Source, quoted};
use crate::config::secret;
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
            Wanted::AccessToken => {
                let (_, token) = self.secret(Wanted::AccessToken)?;
                Some(Grant::AccessToken { token })
            }
            Wanted::ClientSecret => self.client(),
        }
    }

    /// Which secret the grant needs. What the target says itself counts before what it inherits:
    /// first `grant`, then the credentials that are there.
    fn wanted(&mut self) -> Option<Wanted> {
        for tier in self.chain.tiers() {
            if let Some(setting) = tier.iter().find_map(|scope| scope.get("grant")) {
                self.used.mark(&setting.place);
                let grant = setting.text()?;
                return Some(if grant == ACCESS_TOKEN {
                    Wanted::AccessToken
                } else {
                    Wanted::ClientSecret
                });
            }
            for scope in tier {
                let token = Wanted::AccessToken.of(scope);
                let is_client =
                    scope.get("client_id").is_some() || !Wanted::ClientSecret.of(scope).is_empty();
                match (is_client, token.first()) {
                    (true, Some(token)) => {
                        self.warn_of_ignored_token(*token);
                        return Some(Wanted::ClientSecret);
                    }
                    (true, None) => return Some(Wanted::ClientSecret),
                    (false, Some(_)) => return Some(Wanted::AccessToken),
                    (false, None) => {}
                }
            }
        }
        Some(Wanted::ClientSecret)
    }

    /// Profiles keep old tokens beside the client, so that only the other places are warned of.
    fn warn_of_ignored_token(&mut self, token: Given<'_>) {
        let place = token.place();
        self.used.mark(place);
        let is_profile = matches!(token, Given::Literal(_)) && place.source != Source::Environment;
        if !is_profile {
            let fix =
                "remove it, or set grant = \"access_token\" (WHY403__GENESYS__GRANT) to use it";
            let complaint = Complaint::new("is ignored, because a client is given, too", fix);
            self.problems.warning(place, complaint);
        }
    }

    fn client(&mut self) -> Option<Grant> {
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
        Some(Grant::ClientCredentials {
            client_id,
            client_secret,
        })
    }

    /// Another client that the inherited secret belongs to.
    fn client_between(&self, id: &str, id_at: usize, secret_at: usize) -> Option<&'a str> {
        (id_at + 1..=secret_at)
            .find_map(|at| self.chain.scope(at)?.get("client_id")?.text())
            .filter(|other| *other != id)
    }

    /// The strongest secret of a kind, and how far down it is.
    fn secret(&mut self, wanted: Wanted) -> Option<(usize, Secret)> {
        let Some((at, given)) = self.chain.first_secret(wanted) else {
            match wanted {
                Wanted::ClientSecret => self.report_missing(
                    "client_secret_file",
                    "GENESYS_CLOUD_CLIENT_SECRET",
                    "the secret of the OAuth client",
                ),
                Wanted::AccessToken => self.report_missing(
                    "access_token_file",
                    "GENESYSCLOUD_ACCESS_TOKEN",
                    "an access token",
                ),
            }
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
        Some((at, self.read(*first)?))
    }

    fn read(&mut self, given: Given<'_>) -> Option<Secret> {
        match given {
            Given::Literal(literal) => Some(Secret {
                value: literal.value.clone()?,
                file: None,
            }),
            Given::File(setting) => {
                let path = self
                    .files
                    .path(&setting.place, setting.text()?, self.problems)?;
                let value = self.files.secret(&setting.place, &path, self.problems)?;
                Some(Secret {
                    value,
                    file: Some(path),
                })
            }
            Given::Variable(setting) => {
                let value = self.variable(&setting.place, setting.text()?)?;
                Some(Secret { value, file: None })
            }
        }
    }

    fn variable(&mut self, place: &Place, name: &str) -> Option<SecretString> {
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
        self.problems.check(&place, secret::check(value))
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
        let fix = format!(
            "set it to {what}, or set {key} in [genesys] of a file (--config), or name a gc \
             profile"
        );
        let place = Place::variable(variable);
        self.problems.error(&place, Complaint::new(state, fix));
    }
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
