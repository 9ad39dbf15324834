//! How a caller stands at a moment: what its token is and sees, which roles it has where.
//!
//! The standing when access last worked is kept beside later evidence, because what has changed
//! since is often the cause.

use std::time::Duration;

use jiff::Timestamp;

use super::{Evidence, ExperimentKind, Found, Grant, Named, Permitted, TokenEvidence};

/// How a caller stands at a moment; what is not known is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The moment.
    pub at: Timestamp,
    /// The token in use.
    pub token: Option<TokenAge>,
    /// How many queues (or other entries) the operation showed.
    pub queues: Option<u64>,
    /// The org.
    pub organization: Option<Named>,
    /// The roles granted to the caller.
    pub roles: Option<Vec<RoleIn>>,
    /// Where the permission that the operation needs is held.
    pub divisions: Option<Permitted>,
    /// The scopes of the token.
    pub scopes: Option<Vec<String>>,
}

/// What tells one token from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAge {
    /// Counts the tokens of this process from 1.
    pub generation: u64,
    /// How old it was; none for a token made elsewhere.
    pub age: Option<Duration>,
}

/// A role in a division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleIn {
    /// The role.
    pub role: Named,
    /// The division; the id `*` stands for all of them.
    pub division: Named,
}

impl Standing {
    /// What the evidence shows, and `queues`, which the operation showed.
    #[must_use]
    pub fn of(evidence: &Evidence, queues: Option<u64>) -> Self {
        let found = |kind| evidence.experiment(kind).and_then(|one| one.found());
        let owner = match found(ExperimentKind::TokensMe) {
            Some(Found::Owner(owner)) => Some(owner),
            _ => None,
        };
        let roles = match found(ExperimentKind::SubjectsMe) {
            Some(Found::Grants(grants)) => Some(grants.iter().map(role_in).collect()),
            _ => None,
        };
        let divisions = match found(ExperimentKind::DivisionsPermitted) {
            Some(Found::Permitted(permitted)) => Some(permitted.clone()),
            _ => None,
        };
        let (token, scopes) = match &evidence.token {
            TokenEvidence::Held(facts) => (
                Some(TokenAge {
                    generation: facts.generation,
                    age: evidence.token_age(),
                }),
                facts.scopes.clone(),
            ),
            TokenEvidence::Unknown | TokenEvidence::Unavailable(_) => (None, None),
        };
        Self {
            at: evidence.at.wall,
            token,
            queues,
            organization: owner.and_then(|owner| owner.organization.clone()),
            roles,
            divisions,
            scopes: owner.and_then(|owner| owner.scopes.clone()).or(scopes),
        }
    }

    /// This standing, with what it does not know taken from an `older` one.
    #[must_use]
    pub fn or(self, older: &Self) -> Self {
        Self {
            queues: self.queues.or(older.queues),
            organization: self.organization.or_else(|| older.organization.clone()),
            roles: self.roles.or_else(|| older.roles.clone()),
            divisions: self.divisions.or_else(|| older.divisions.clone()),
            scopes: self.scopes.or_else(|| older.scopes.clone()),
            ..self
        }
    }
}

fn role_in(grant: &Grant) -> RoleIn {
    RoleIn {
        role: grant.role.clone(),
        division: grant.division.clone(),
    }
}
