//! One examination of one operation: the calls that are made, as evidence.
//!
//! Nothing is decided here but the next call: a 401 about the token gives one new token and one
//! repetition. What the exchanges mean is for `diagnosis` to say.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::diagnosis::rejects_token;
use crate::evidence::{Evidence, Exchange, MintFailure, Step, TokenEvidence};
use crate::target::{Operation, Target};
use crate::token::{NotRenewed, Token, Tokens};
use crate::upstream::{Auth, Call, Upstream};

/// Longest wait for a token; an attempt to mint one is over before.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(25);

/// Makes the calls of examinations; clones share the client.
#[derive(Clone, Debug)]
pub struct Prober {
    upstream: Upstream,
    clock: Clock,
}

impl Prober {
    /// A prober that calls through `upstream`.
    #[must_use]
    pub fn new(upstream: Upstream, clock: Clock) -> Self {
        Self { upstream, clock }
    }

    /// Calls `operation` with the cached token, and once more with a new one after a 401.
    pub async fn examine(
        &self,
        target: &Target,
        operation: &'static Operation,
        tokens: &Tokens,
    ) -> Evidence {
        let began = self.clock.now();
        let mut evidence = Evidence::new(target, operation, began);
        match self.token(tokens).await {
            Ok(token) => {
                self.probe(target, operation, tokens, &token, &mut evidence)
                    .await;
            }
            Err(failure) => evidence.token = TokenEvidence::Unavailable(failure),
        }
        evidence.at = self.clock.now();
        evidence
    }

    async fn probe(
        &self,
        target: &Target,
        operation: &'static Operation,
        tokens: &Tokens,
        token: &Token,
        evidence: &mut Evidence,
    ) {
        let began = evidence.at;
        evidence.exchanges.extend(minted_since(token, began));
        let first = self.call(Step::Probe, target, operation, token).await;
        let rejected = first.answer().is_some_and(rejects_token);
        evidence.token = TokenEvidence::Held(token.facts.clone());
        evidence.exchanges.push(first);
        if !rejected {
            return;
        }
        match tokens.replace(token.facts.generation).await {
            Ok(newer) => {
                evidence.exchanges.extend(minted_since(&newer, began));
                let retry = self.call(Step::Retry, target, operation, &newer).await;
                evidence.token = TokenEvidence::Held(newer.facts.clone());
                evidence.exchanges.push(retry);
            }
            Err(NotRenewed::Failed(failure)) => {
                evidence.exchanges.extend(failure.exchange.clone());
            }
            Err(NotRenewed::TooSoon(_) | NotRenewed::Given | NotRenewed::Stopping) => {}
        }
    }

    async fn token(&self, tokens: &Tokens) -> Result<Arc<Token>, Arc<MintFailure>> {
        match tokio::time::timeout(TOKEN_TIMEOUT, tokens.token()).await {
            Ok(result) => result,
            Err(_) => Err(Arc::new(MintFailure {
                exchange: None,
                unusable: None,
                at: self.clock.now(),
            })),
        }
    }

    async fn call(
        &self,
        step: Step,
        target: &Target,
        operation: &Operation,
        token: &Token,
    ) -> Exchange {
        self.upstream
            .send(Call {
                step,
                url: target.probe_url(operation),
                auth: Auth::Bearer(&token.value),
                form: None,
                timeout: target.timeout,
            })
            .await
    }
}

/// The exchange that minted the token, if it took place during this examination.
fn minted_since(token: &Token, began: Moment) -> Option<Exchange> {
    let minted = token.minted_by.as_ref()?;
    (minted.sent_at.elapsed >= began.elapsed).then(|| minted.clone())
}
