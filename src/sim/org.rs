//! The model: one organisation, what is in it and how it behaves.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::access::{Access, Lag, Past};
use super::clock::Wall;
use super::permission::{Authority, Held};
use super::token::{Token, Window};

/// How many tokens are remembered, dead ones included.
const MAX_TOKENS: usize = 10_000;

/// How many changes of what is granted are remembered.
const MAX_PAST: usize = 100;

/// The simulated organisation.
///
/// Its verbs (see [`Simulator::with`](super::Simulator::with)) change what is granted, to whom, and
/// how the platform behaves; refusals follow from that. A verb that names something which does not
/// exist **panics**: a misspelt name would otherwise leave a test that proves nothing.
#[derive(Debug)]
pub struct Org {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) divisions: Vec<Division>,
    pub(super) clients: Vec<Client>,
    pub(super) users: Vec<User>,
    pub(super) access: Access,
    pub(super) queues: Vec<Queue>,
    /// Every permission that the organisation's products bring.
    pub(super) permissions: Vec<String>,
    pub(super) products: Vec<String>,
    pub(super) rules: Rules,
    pub(super) tokens: Vec<Token>,
    /// The refresh token of the demo user that is good now.
    pub(super) refresh_token: String,
    pub(super) next_serial: u64,
    pub(super) next_id: u64,
    pub(super) token_window: Window,
    /// What was granted before, oldest first: for changes that are late.
    pub(super) past: Vec<Past>,
    /// The time of day, for the dates of grants.
    pub(super) wall: Wall,
}

/// How the platform behaves, beside what is granted.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent switches, each set by a verb of its own"
)]
pub(super) struct Rules {
    pub(super) expires_in: u64,
    pub(super) expire_after: Option<Duration>,
    pub(super) die_after: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_tokens: Option<usize>,
    pub(super) requests_per_minute: Option<u32>,
    pub(super) reports_rate_limit: bool,
    pub(super) token_requests_per_minute: Option<u32>,
    pub(super) rotates_refresh_tokens: bool,
    pub(super) offers_password_grant: bool,
    pub(super) enforces_scopes: bool,
    pub(super) allowed_addresses: Option<Vec<IpAddr>>,
    pub(super) denied_by_policy: Vec<String>,
    pub(super) wording: Wording,
    pub(super) list_division: Option<String>,
    pub(super) lag: Lag,
    pub(super) helpers_lag: bool,
    pub(super) authorization_dropped: bool,
    pub(super) home_organization: Option<(String, String)>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            expires_in: 86_400,
            expire_after: None,
            die_after: None,
            idle_timeout: None,
            max_tokens: None,
            requests_per_minute: Some(300),
            reports_rate_limit: false,
            token_requests_per_minute: None,
            rotates_refresh_tokens: false,
            offers_password_grant: false,
            enforces_scopes: true,
            allowed_addresses: None,
            denied_by_policy: Vec::new(),
            wording: Wording::Standard,
            list_division: None,
            lag: Lag::default(),
            helpers_lag: false,
            authorization_dropped: false,
            home_organization: None,
        }
    }
}

/// How a refusal for want of a permission is worded; *whether* there is one follows from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wording {
    /// As the operation's mode and the missing division ask for.
    #[default]
    Standard,
    /// `missing.permissions`: all of the listed ones are needed.
    All,
    /// Without brackets around the list and with the context id in parentheses at the end.
    WithoutBrackets,
    /// The words "access denied" and no permission's name.
    AccessDenied,
    /// The list of permissions is empty and the divisions stand behind it.
    DivisionList,
    /// The division is a fourth segment of the permission.
    DivisionSegment,
    /// As usual, but about another permission than the one that is missing.
    Naming(&'static str),
    /// This code and this message, whatever is missing.
    Said {
        /// The `code` of the body.
        code: &'static str,
        /// The `message` of the body.
        message: &'static str,
    },
}

/// A division.
#[derive(Debug, Clone)]
pub(super) struct Division {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) home: bool,
}

/// An OAuth client.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) secret: String,
    pub(super) grant_type: GrantType,
    pub(super) state: ClientState,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What a client may ask the token endpoint for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantType {
    /// `CLIENT-CREDENTIALS`: a machine.
    ClientCredentials,
    /// `CODE`: tokens of users, refreshed with a refresh token.
    Code,
    /// `SAML2-BEARER`: tokens of users, for an assertion.
    Saml2Bearer,
}

impl GrantType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "CLIENT-CREDENTIALS",
            Self::Code => "CODE",
            Self::Saml2Bearer => "SAML2-BEARER",
        }
    }
}

/// The state of an OAuth client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// Tokens can be made.
    Active,
    /// Existing tokens die and none can be made.
    Disabled,
    /// Existing tokens live on, but none can be made.
    Inactive,
}

impl ClientState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Inactive => "inactive",
        }
    }
}

/// A person.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
}

/// A queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) division: String,
    pub(super) members: u32,
}

impl Org {
    /// The grants that the checks go by for `token` at `now`, their caches considered.
    pub(super) fn believed(&self, token: &Token, now: Instant) -> &Access {
        let mut past = self.past.iter();
        past.find(|past| self.rules.lag.holds(past, token, now))
            .map_or(&self.access, |past| &past.access)
    }

    /// The grants that calls about grants answer from, when asked with `token`.
    pub(super) fn shown(&self, token: &Token, now: Instant) -> &Access {
        if self.rules.helpers_lag {
            self.believed(token, now)
        } else {
            &self.access
        }
    }

    /// Whether roles carry `permission` in `division` (none: anywhere) in this organisation.
    pub(super) fn carries(
        &self,
        authority: &Authority,
        permission: &str,
        division: Option<&str>,
    ) -> bool {
        // A role cannot carry what the organisation's products do not bring, not even by wildcard.
        self.permissions.iter().any(|known| known == permission)
            && authority
                .iter()
                .any(|held| held.gives(permission, division))
    }

    /// Whether `permission` can be used in `division` (none: anywhere): access policies and the
    /// conditions of roles are a layer above what roles carry.
    pub(super) fn permits(
        &self,
        authority: &Authority,
        permission: &str,
        division: Option<&str>,
    ) -> bool {
        let denied = self.rules.denied_by_policy.iter();
        let applies = |held: &Held| held.policy.applies() && held.gives(permission, division);
        self.carries(authority, permission, division)
            && authority.iter().any(applies)
            && denied.into_iter().all(|denied| denied != permission)
    }

    pub(super) fn division(&self, id: &str) -> Option<&Division> {
        self.divisions.iter().find(|division| division.id == id)
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn token(&self, value: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.value == value)
    }

    /// Makes a token for `client`, or for `user` of it, which holds from `now`.
    pub(super) fn mint(
        &mut self,
        value: Option<String>,
        client: &str,
        user: Option<(&str, Vec<String>)>,
        now: Instant,
    ) -> Token {
        self.next_serial += 1;
        let serial = self.next_serial;
        let (user, scopes) = user.map(|(id, scopes)| (id.to_owned(), scopes)).unzip();
        let lifetime = self
            .rules
            .expire_after
            .unwrap_or(Duration::from_secs(self.rules.expires_in));
        let token = Token {
            serial,
            value: value.unwrap_or_else(|| {
                format!(
                    "sim-{serial:06}-{:016x}{:016x}",
                    fastrand::u64(..),
                    fastrand::u64(..)
                )
            }),
            client: client.to_owned(),
            user,
            scopes,
            minted_at: now,
            expires_at: now.checked_add(lifetime),
            dies_at: self
                .rules
                .die_after
                .and_then(|after| now.checked_add(after)),
            last_used: now,
            revoked: false,
            window: Window::default(),
        };
        self.tokens.retain(|known| known.value != token.value);
        // Expired ones are kept, to be told from unknown ones, but not without end.
        let surplus = self.tokens.len().saturating_sub(MAX_TOKENS);
        self.tokens.drain(..surplus);
        self.tokens.push(token.clone());
        self.revoke_surplus(client);
        token
    }

    /// Revokes the oldest live tokens of `client` above the number that one client may have.
    fn revoke_surplus(&mut self, client: &str) {
        let Some(max) = self.rules.max_tokens else {
            return;
        };
        let mut live: Vec<&mut Token> = self
            .tokens
            .iter_mut()
            .filter(|token| token.client == client && !token.revoked)
            .collect();
        let surplus = live.len().saturating_sub(max);
        live.iter_mut()
            .take(surplus)
            .for_each(|token| token.revoked = true);
    }

    /// Notes what was granted until `now`, if that has changed.
    pub(super) fn remember(&mut self, before: Access, now: Instant) {
        if before != self.access {
            self.past.push(Past {
                until: now,
                last_token: self.next_serial,
                access: before,
            });
        }
        let surplus = self.past.len().saturating_sub(MAX_PAST);
        self.past.drain(..surplus);
    }

    /// Takes over the tokens of the organisation that this one replaces.
    ///
    /// Dead tokens stay dead, but an early death that lay ahead went with the old rules.
    pub(super) fn adopt_tokens(&mut self, old: &mut Self, now: Instant) {
        let own = std::mem::replace(&mut self.tokens, std::mem::take(&mut old.tokens));
        self.next_serial = old.next_serial;
        self.refresh_token = std::mem::take(&mut old.refresh_token);
        // Nobody could mint the token of the demo user again if a scenario had ended its life.
        self.tokens
            .retain(|token| own.iter().all(|fresh| fresh.value != token.value));
        for token in &mut self.tokens {
            token.dies_at = token.dies_at.filter(|&end| end <= now);
        }
        self.tokens.extend(own);
    }
}
