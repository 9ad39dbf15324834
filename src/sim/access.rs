//! Who holds which role where, and for whom and how long a change of that is not known yet.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::permission::{Authority, Held, Policy};
use super::token::Token;

/// A role and its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) policies: Vec<Policy>,
}

/// A role granted to a client or a user in a division (`*`: in all).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) subject: String,
    pub(super) role: String,
    pub(super) division: String,
    pub(super) made_at: Timestamp,
}

/// The roles and who holds them where: as they are now, or as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) roles: Vec<Role>,
    pub(super) grants: Vec<Grant>,
}

impl Access {
    /// What is granted to `subject`.
    pub(super) fn of(&self, subject: &str) -> impl Iterator<Item = (&Grant, &Role)> {
        let grants = self.grants.iter();
        grants
            .filter(move |grant| grant.subject == subject)
            .filter_map(|grant| {
                let role = self.roles.iter().find(|role| role.id == grant.role)?;
                Some((grant, role))
            })
    }

    /// What `subject` may do by these grants.
    pub(super) fn authority(&self, subject: &str) -> Authority {
        let held = |(grant, role): (&Grant, &Role)| {
            let division = grant.division.clone();
            let policies = role.policies.clone().into_iter();
            policies.map(move |policy| Held {
                policy,
                division: division.clone(),
            })
        };
        self.of(subject).flat_map(held).collect()
    }
}

/// What was granted until a change.
#[derive(Debug)]
pub(super) struct Past {
    /// When it changed.
    pub(super) until: Instant,
    /// Serial number of the last token that counts as issued before the change.
    pub(super) last_token: u64,
    pub(super) access: Access,
}

/// For whom a change is late, and how late.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    /// How long what was before is believed; none: for ever.
    pub(super) delay: Option<Duration>,
    /// The only client whose tokens are concerned; none: those of all.
    pub(super) client: Option<String>,
    /// Whether a token that was issued after a change knows of it at once.
    pub(super) spares_newer_tokens: bool,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            delay: Some(Duration::ZERO),
            client: None,
            spares_newer_tokens: false,
        }
    }
}

impl Lag {
    /// Whether `token` is still held to what was granted before the change that ended `past`.
    pub(super) fn holds(&self, past: &Past, token: &Token, now: Instant) -> bool {
        let age = now.duration_since(past.until);
        self.delay.is_none_or(|delay| age < delay)
            && self
                .client
                .as_ref()
                .is_none_or(|only| *only == token.client)
            && !(self.spares_newer_tokens && token.serial > past.last_token)
    }
}
