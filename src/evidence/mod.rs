//! What was asked and what came back, as data.
//!
//! A probe that failed is not an error: it is evidence. Everything a diagnosis may rest on is in
//! an [`Evidence`], so that the same evidence gives the same diagnosis for ever. No secret is
//! ever part of it: requests name method and URL only, and answers of the token endpoint keep
//! their body only when it holds no token.

mod clocks;
mod exchange;
mod experiment;
mod fault;
pub mod file;
mod findings;
mod reduce;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Moment;
use crate::target::{Expect, IdentityKind, Name, Operation, Target};

pub use exchange::{Answer, Exchange, Phases, Step, printable};
pub use experiment::{
    Carries, Client, Experiment, ExperimentKind, Found, Grant, Named, Permitted, Policy, TokenOwner,
};
pub use fault::{Fault, FaultKind, Lack, Origin};
pub use findings::{grants, permissions, permitted, token_owner};
pub use standing::{RoleIn, Standing, TokenAge};

/// Everything known about one examination of one operation of one target.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The target's name.
    pub target: Name,
    /// The operation examined.
    pub operation: &'static Operation,
    /// Who calls.
    pub identity: Identity,
    /// What a good answer must contain.
    pub expect: Expect,
    /// Facts about the token that the last call carried, or why there was none.
    pub token: TokenEvidence,
    /// The calls of the probe itself and what minted their tokens, in the order they were made.
    pub exchanges: Vec<Exchange>,
    /// The extra calls made to tell causes apart, in the order they were made. They may be older
    /// than the probe: an examination stands until the answers change.
    pub experiments: Vec<Experiment>,
    /// Why no further experiment was made, where one could have told more.
    pub unasked: Option<String>,
    /// How the caller stood when access last worked.
    pub before: Option<Arc<Standing>>,
    /// When the examination ended.
    pub at: Moment,
}

impl Evidence {
    /// Evidence without any exchange yet.
    #[must_use]
    pub fn new(target: &Target, operation: &'static Operation, at: Moment) -> Self {
        let grant = &target.credential.grant;
        Self {
            target: target.name.clone(),
            operation,
            identity: Identity {
                kind: grant.identity(),
                grant: grant.name(),
                client_id: grant.client_id().map(str::to_owned),
            },
            expect: target.expect.clone(),
            token: TokenEvidence::Unknown,
            exchanges: Vec::new(),
            experiments: Vec::new(),
            unasked: None,
            before: None,
            at,
        }
    }

    /// The last call of the operation itself, which decides the outcome.
    #[must_use]
    pub fn last_probe(&self) -> Option<&Exchange> {
        self.exchanges
            .iter()
            .rev()
            .find(|exchange| matches!(exchange.step, Step::Probe | Step::Retry))
    }

    /// The latest experiment of a kind.
    #[must_use]
    pub fn experiment(&self, kind: ExperimentKind) -> Option<&Experiment> {
        self.experiments
            .iter()
            .rev()
            .find(|experiment| experiment.kind == kind)
    }

    /// How old the token was when the deciding call was sent; none for a token made elsewhere,
    /// whose age is not known.
    #[must_use]
    pub fn token_age(&self) -> Option<Duration> {
        let TokenEvidence::Held(facts) = &self.token else {
            return None;
        };
        let sent = self.last_probe()?.sent_at;
        (!facts.given).then(|| sent.since(facts.issued_at))
    }

    /// How old the token was when it was first looked into what it gets: a later probe, which
    /// carries the experiments over, makes nothing of what was found then any older.
    #[must_use]
    pub fn token_age_when_examined(&self) -> Option<Duration> {
        let now = self.token_age()?;
        let TokenEvidence::Held(facts) = &self.token else {
            return None;
        };
        let mut experiments = self.experiments.iter().flat_map(|one| &one.exchanges);
        let then = experiments
            .next()
            .map(|it| it.sent_at.since(facts.issued_at));
        Some(then.map_or(now, |then| then.min(now)))
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose permissions decide.
    pub kind: IdentityKind,
    /// The grant that mints the token.
    pub grant: &'static str,
    /// The OAuth client's id, where the grant has one.
    pub client_id: Option<String>,
}

/// What is known about the token of the last call.
#[derive(Clone, Debug)]
pub enum TokenEvidence {
    /// Nothing yet.
    Unknown,
    /// The call carried a token.
    Held(TokenFacts),
    /// No usable token could be had, so that nothing was sent.
    Unavailable(Arc<MintFailure>),
}

/// What may be told about a token: everything but its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Counts the tokens of this process from 1.
    pub generation: u64,
    /// When the request that minted it was sent; for a given token, when it was first used here.
    pub issued_at: Moment,
    /// When it expires, where its answer said so.
    pub expires_at: Option<Timestamp>,
    /// Whether it was made elsewhere and handed to us: then its age is not known.
    pub given: bool,
    /// The scopes that the token endpoint's answer named, if it named any.
    pub scopes: Option<Vec<String>>,
}

/// A failed attempt to mint a token.
#[derive(Clone, Debug)]
pub struct MintFailure {
    /// The exchange with the token endpoint; none when no request was made in time.
    pub exchange: Option<Exchange>,
    /// When the attempt ended.
    pub at: Moment,
}
