//! One examination of one operation: the calls that are made, as evidence.
//!
//! Nothing is decided here but the next call: a 401 about the token gives one new token and one
//! repetition, and which experiment comes next is for `diagnosis` to say, as is what the exchanges
//! mean.

mod experiment;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::diagnosis::rejects_token;
use crate::evidence::{Evidence, Exchange, MintFailure, Step, TokenEvidence};
use crate::target::{Operation, Target};
use crate::token::{NotRenewed, Token, Tokens};
use crate::upstream::{Auth, BODY_CAP_BYTES, Call, Upstream, Withheld};

pub use experiment::Examination;

/// Longest wait for a token; an attempt to mint one is over before.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(25);

/// Makes the calls of examinations; clones share the client.
#[derive(Clone, Debug)]
pub struct Prober {
    upstream: Upstream,
    clock: Clock,
    /// Permits for calls in flight, over all targets.
    calls: Arc<Semaphore>,
}

impl Prober {
    /// A prober that calls through `upstream`, with at most `in_flight` calls at a time.
    #[must_use]
    pub fn new(upstream: Upstream, clock: Clock, in_flight: usize) -> Self {
        Self {
            upstream,
            clock,
            calls: Arc::new(Semaphore::new(in_flight)),
        }
    }

    /// Calls `operation` with the cached token, and once more with a new one after a 401.
    ///
    /// The exchange that minted a token is evidence where the token is first used: `seen` is the
    /// generation of the newest token that the caller has seen, and is brought up to date.
    pub async fn probe_once(
        &self,
        target: &Target,
        operation: &'static Operation,
        tokens: &Tokens,
        seen: &mut u64,
    ) -> Probed {
        let mut evidence = Evidence::new(target, operation, self.clock.now());
        let mut used = None;
        match self.token(tokens).await {
            Ok(token) => {
                let (exchanges, token) = self.probe(target, operation, tokens, token, seen).await;
                evidence.exchanges = exchanges;
                evidence.token = TokenEvidence::Held(token.facts.clone());
                used = Some(token);
            }
            Err(failure) => evidence.token = TokenEvidence::Unavailable(failure),
        }
        evidence.at = self.clock.now();
        Probed {
            evidence,
            token: used,
        }
    }

    async fn probe(
        &self,
        target: &Target,
        operation: &Operation,
        tokens: &Tokens,
        mut token: Arc<Token>,
        seen: &mut u64,
    ) -> (Vec<Exchange>, Arc<Token>) {
        let withheld = tokens.withheld();
        let mut exchanges: Vec<Exchange> = first_use(&token, seen).into_iter().collect();
        let first = self
            .call(Step::Probe, target, operation, (&token, withheld))
            .await;
        let rejected = first.answer().is_some_and(rejects_token);
        if first.answer().is_some() && !rejected {
            tokens.accepted(token.facts.generation);
        }
        exchanges.push(first);
        if rejected {
            match tokens.replace(token.facts.generation).await {
                Ok(newer) => {
                    exchanges.extend(first_use(&newer, seen));
                    exchanges.push(
                        self.call(Step::Retry, target, operation, (&newer, withheld))
                            .await,
                    );
                    token = newer;
                }
                Err(NotRenewed::Failed(failure)) => exchanges.extend(failure.exchange.clone()),
                Err(NotRenewed::TooSoon(_) | NotRenewed::Given | NotRenewed::Stopping) => {}
            }
        }
        (exchanges, token)
    }

    async fn token(&self, tokens: &Tokens) -> Result<Arc<Token>, Arc<MintFailure>> {
        match tokio::time::timeout(TOKEN_TIMEOUT, tokens.token()).await {
            Ok(result) => result,
            Err(_) => Err(Arc::new(MintFailure {
                exchange: None,
                at: self.clock.now(),
            })),
        }
    }

    async fn call(
        &self,
        step: Step,
        target: &Target,
        operation: &Operation,
        (token, withheld): (&Token, &Withheld),
    ) -> Exchange {
        let call = Call {
            step,
            url: target.probe_url(operation),
            auth: Auth::Bearer(&token.value),
            withheld,
            form: None,
            timeout: target.timeout,
            body_cap: BODY_CAP_BYTES,
        };
        self.send(call).await
    }

    async fn send(&self, call: Call<'_>) -> Exchange {
        // Only the call itself holds a permit: waiting for a token must not stop other targets.
        let _permit = self.calls.acquire().await;
        self.upstream.send(call).await
    }
}

/// What a probe brought: evidence without experiments, and the token that its last call carried.
#[derive(Debug)]
pub struct Probed {
    /// The evidence.
    pub evidence: Evidence,
    /// The token; none when no usable one could be had.
    pub token: Option<Arc<Token>>,
}

/// The exchange that minted the token, if the caller sees the token for the first time.
fn first_use(token: &Token, seen: &mut u64) -> Option<Exchange> {
    if token.facts.generation <= *seen {
        return None;
    }
    *seen = token.facts.generation;
    token.minted_by.clone()
}
