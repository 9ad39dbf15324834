//! The experiments of an examination: `diagnosis` says which comes next, here it is made.
//!
//! An examination has a time limit and stops at the first sign of a rate limit. A call that fails
//! makes its experiment undetermined, with the reason; it is never evidence.

use std::time::Duration;

use super::{Prober, first_use};
use crate::diagnosis::{Ask, Depth, calls_left, mint_outcome, next, refused_in_words};
use crate::evidence::{
    Answer, Evidence, Exchange, Experiment, ExperimentKind, Found, Step, grants, permissions,
    permitted, token_owner,
};
use crate::target::Target;
use crate::token::{NotRenewed, Token, Tokens};
use crate::upstream::{Auth, BODY_CAP_BYTES, Call};

/// Longest time of one examination, on top of the probe.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// An examination ends when the platform reports that fewer calls than this are left.
const FEWEST_LEFT: u32 = 20;
/// Most bytes of an answer that lists roles or permissions: a powerful role has many policies.
const LISTING_CAP_BYTES: usize = 4 * 1024 * 1024;

const TOKENS_ME: &str = "/api/v2/tokens/me";
const DIVISIONS_PERMITTED: &str = "/api/v2/authorization/divisionspermitted/paged/me";
const SUBJECTS_ME: &str = "/api/v2/authorization/subjects/me";
const PERMISSIONS: &str = "/api/v2/authorization/permissions";

/// One examination of one target: what its operations share is asked once.
#[derive(Debug)]
pub struct Examination<'a> {
    prober: &'a Prober,
    target: &'a Target,
    tokens: &'a Tokens,
    /// Whether a person asks, so that a fresh token may be minted sooner.
    asked: bool,
    until: Duration,
    shared: Vec<Experiment>,
    /// What was made, and whether it determined anything; shared results count once.
    made: Vec<(ExperimentKind, bool)>,
}

/// One call with the token that the probe carried, and what it may take.
struct Question<'a> {
    kind: ExperimentKind,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
}

impl Prober {
    /// Begins an examination.
    #[must_use]
    pub fn examination<'a>(
        &'a self,
        target: &'a Target,
        tokens: &'a Tokens,
        asked: bool,
    ) -> Examination<'a> {
        Examination {
            prober: self,
            target,
            tokens,
            asked,
            until: self.clock.now().elapsed.saturating_add(TIME_LIMIT),
            shared: Vec::new(),
            made: Vec::new(),
        }
    }
}

impl Examination<'_> {
    /// What was made since this was last asked, and whether it determined anything.
    pub fn take_made(&mut self) -> Vec<(ExperimentKind, bool)> {
        std::mem::take(&mut self.made)
    }

    /// Makes one experiment after another until nothing more would help, adding them to the
    /// evidence; `token` is what the probe carried.
    pub async fn explain(
        &mut self,
        evidence: &mut Evidence,
        token: &Token,
        depth: Depth,
        seen: &mut u64,
    ) {
        while let Some(ask) = next(evidence, depth) {
            if let Some(reason) = self.why_not(evidence) {
                evidence.unasked = Some(reason.to_owned());
                break;
            }
            let experiment = match self.known(&ask) {
                Some(experiment) => experiment.clone(),
                None => self.make(&ask, evidence, token, seen).await,
            };
            evidence.experiments.push(experiment);
        }
        evidence.at = self.prober.clock.now();
    }

    /// Why no further call may be made.
    fn why_not(&self, evidence: &Evidence) -> Option<&'static str> {
        let calls = evidence.experiments.iter().flat_map(|one| &one.exchanges);
        let mut answers = evidence
            .exchanges
            .iter()
            .chain(calls)
            .filter_map(Exchange::answer);
        let is_limited = |answer: &Answer| {
            answer.status == 429
                || answer
                    .rate_limit_remaining()
                    .is_some_and(|left| left < FEWEST_LEFT)
        };
        if answers.any(is_limited) {
            return Some("the platform limits the rate, so that nothing more was asked");
        }
        self.left()
            .is_zero()
            .then_some("the time for the examination was over")
    }

    /// What is left of the time.
    fn left(&self) -> Duration {
        self.until.saturating_sub(self.prober.clock.now().elapsed)
    }

    /// An experiment that another operation of the target has made in this examination.
    fn known(&self, ask: &Ask) -> Option<&Experiment> {
        let mut shared = self.shared.iter();
        shared.find(|one| one.kind == ask.kind && one.about == ask.about)
    }

    async fn make(
        &mut self,
        ask: &Ask,
        evidence: &Evidence,
        token: &Token,
        seen: &mut u64,
    ) -> Experiment {
        let about = ask.about.as_deref().unwrap_or_default();
        let question = |path, query| Question {
            kind: ask.kind,
            path,
            query,
        };
        let (exchanges, result) = match ask.kind {
            ExperimentKind::TokensMe => {
                // The look itself must not keep an idle token alive.
                let query = [("preserveIdleTTL", "true")];
                let read = |body: &str| token_owner(body).map(Found::Owner);
                self.ask(question(TOKENS_ME, &query), token, read).await
            }
            ExperimentKind::DivisionsPermitted => {
                let query = [("permission", about), ("pageSize", "100")];
                let read = |body: &str| permitted(about, body).map(Found::Permitted);
                self.ask(question(DIVISIONS_PERMITTED, &query), token, read)
                    .await
            }
            ExperimentKind::SubjectsMe => {
                let domains: Vec<&str> = about.split(' ').collect();
                let read = |body: &str| grants(&domains, body).map(Found::Grants);
                self.ask(question(SUBJECTS_ME, &[]), token, read).await
            }
            ExperimentKind::Permissions => {
                let query = [("queryType", "domain"), ("query", about)];
                let read = |body: &str| permissions(about, body).map(Found::Permissions);
                self.ask(question(PERMISSIONS, &query), token, read).await
            }
            ExperimentKind::FreshToken => self.replay(evidence, token, seen).await,
            ExperimentKind::WithoutToken => self.control(evidence).await,
        };
        let experiment = Experiment {
            kind: ask.kind,
            about: ask.about.clone(),
            exchanges,
            result,
        };
        self.made.push((experiment.kind, experiment.result.is_ok()));
        let concerns_all = !matches!(
            ask.kind,
            ExperimentKind::FreshToken | ExperimentKind::WithoutToken
        );
        if concerns_all {
            self.shared.push(experiment.clone());
        }
        experiment
    }
    /// Asks with the token that the probe carried, and reads the answer.
    async fn ask(
        &self,
        question: Question<'_>,
        token: &Token,
        read: impl FnOnce(&str) -> Result<Found, String>,
    ) -> (Vec<Exchange>, Result<Found, String>) {
        let call = Call {
            step: Step::Experiment(question.kind),
            url: self.target.api_url(question.path, question.query),
            auth: Auth::Bearer(&token.value),
            withheld: self.tokens.withheld(),
            form: None,
            timeout: self.timeout(),
            body_cap: LISTING_CAP_BYTES,
        };
        let mut exchange = self.prober.send(call).await;
        let result = match &exchange.result {
            Ok(answer) if (200..300).contains(&answer.status) => {
                if answer.truncated {
                    Err(format!(
                        "the answer is longer than {LISTING_CAP_BYTES} bytes"
                    ))
                } else {
                    read(&answer.body)
                }
            }
            Ok(answer) => Err(refused_in_words(answer)),
            Err(fault) => Err(format!("no answer: {}", fault.detail)),
        };
        // What was read is kept, the answer is not: it can be long, and speaks of people.
        if let Ok(answer) = &mut exchange.result {
            answer.body = String::new();
        }
        (vec![exchange], result)
    }

    /// The same call with a token minted just now; when that is accepted although the cached one
    /// was refused, both are tried once more, and the fresh one takes the cached one's place.
    ///
    /// The fresh one comes first: calls that two servers answer in turns would alternate for ever
    /// with tokens that are tried in turns.
    async fn replay(
        &self,
        evidence: &Evidence,
        token: &Token,
        seen: &mut u64,
    ) -> (Vec<Exchange>, Result<Found, String>) {
        let minting = self.tokens.beside(self.asked);
        let fresh = match tokio::time::timeout(self.left(), minting).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(not)) => return not_minted(&not),
            Err(_) => return (Vec::new(), Err("no fresh token came in time".to_owned())),
        };
        let mut exchanges: Vec<Exchange> = first_use(&fresh, seen).into_iter().collect();
        let step = Step::Experiment(ExperimentKind::FreshToken);
        let replay = self.call(step, evidence, Auth::Bearer(&fresh.value)).await;
        let status = replay.answer().map(|answer| answer.status);
        let result = match &replay.result {
            Ok(answer) if matches!(answer.status, 200..=299 | 403) => {
                Ok(Found::Replayed(fresh.facts.clone()))
            }
            Ok(answer) => Err(refused_in_words(answer)),
            Err(fault) => Err(format!("no answer: {}", fault.detail)),
        };
        exchanges.push(replay);
        if matches!(status, Some(200..=299)) {
            if is_refused(evidence) {
                if calls_left(evidence) > 2 {
                    exchanges.push(self.call(step, evidence, Auth::Bearer(&fresh.value)).await);
                }
                exchanges.push(
                    self.call(Step::Again, evidence, Auth::Bearer(&token.value))
                        .await,
                );
            }
            self.tokens.adopt(fresh.facts.generation);
        }
        (exchanges, result)
    }

    /// The same call without a token.
    async fn control(&self, evidence: &Evidence) -> (Vec<Exchange>, Result<Found, String>) {
        let step = Step::Experiment(ExperimentKind::WithoutToken);
        let exchange = self.call(step, evidence, Auth::None).await;
        let result = match &exchange.result {
            Ok(answer) if matches!(answer.status, 401 | 403) => Ok(Found::Control),
            Ok(answer) => Err(refused_in_words(answer)),
            Err(fault) => Err(format!("no answer: {}", fault.detail)),
        };
        (vec![exchange], result)
    }

    /// The call that is examined.
    async fn call(&self, step: Step, evidence: &Evidence, auth: Auth<'_>) -> Exchange {
        let call = Call {
            step,
            url: self.target.probe_url(evidence.operation),
            auth,
            withheld: self.tokens.withheld(),
            form: None,
            timeout: self.timeout(),
            body_cap: BODY_CAP_BYTES,
        };
        self.prober.send(call).await
    }

    /// Longest time of the next call.
    fn timeout(&self) -> Duration {
        self.target
            .timeout
            .min(self.left())
            .max(Duration::from_millis(100))
    }
}

fn is_refused(evidence: &Evidence) -> bool {
    let probe = evidence.last_probe().and_then(Exchange::answer);
    probe.is_some_and(|answer| answer.status == 403)
}

/// Why there is no fresh token, and the exchange that shows it.
fn not_minted(not: &NotRenewed) -> (Vec<Exchange>, Result<Found, String>) {
    match not {
        NotRenewed::TooSoon(wait) => {
            let reason = format!(
                "a fresh token was minted a short while ago, and too many invalidate others: not \
                 before {} s from now",
                wait.as_secs().saturating_add(1)
            );
            (Vec::new(), Err(reason))
        }
        NotRenewed::Given => {
            let reason = "the token was made elsewhere, and cannot be renewed here";
            (Vec::new(), Err(reason.to_owned()))
        }
        NotRenewed::Stopping => (Vec::new(), Err("the service is stopping".to_owned())),
        NotRenewed::Failed(failure) => {
            let reason = format!(
                "no fresh token could be minted: {}",
                mint_outcome(failure).slug()
            );
            (failure.exchange.iter().cloned().collect(), Err(reason))
        }
    }
}
