//! The task of one target: probes on schedule, and at once when asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::case::{Case, Latest, Next, Purpose};
use super::limits::{Bucket, locked};
use super::recorder::Roster;
use super::{Declined, Request};
use crate::clock::Clock;
use crate::diagnosis::{Depth, Diagnosis, diagnose};
use crate::evidence::{Evidence, Exchange, ExperimentKind, Step};
use crate::probe::Prober;
use crate::schedule::{Schedule, clamp_retry_after};
use crate::target::Target;
use crate::token::Tokens;

/// An examination younger than this answers a request for a fresh one.
const FRESH: Duration = Duration::from_secs(1);

/// A probe younger than this answers a scrape: however many scrapers there are, and however often
/// they come, a target is not probed more often for them.
const SCRAPED: Duration = Duration::from_secs(5);

/// One target and what its task works with.
#[derive(Debug)]
pub(super) struct Watch {
    /// Tells it from the others, and from one of the same target before.
    pub(super) id: u64,
    pub(super) target: Target,
    pub(super) schedule: Schedule,
    /// Over how many targets the first round is spread.
    pub(super) fleet: usize,
    pub(super) tokens: Tokens,
    /// Limits the calls that somebody asks for, together with others of the same credential.
    pub(super) budget: Arc<Mutex<Bucket>>,
    pub(super) prober: Prober,
    pub(super) clock: Clock,
    pub(super) reports: mpsc::Sender<Message>,
    pub(super) requests: mpsc::Receiver<Request>,
    /// One per operation, in order.
    pub(super) cases: Vec<Case>,
    /// Whether it is looked at how the caller stands while access works.
    pub(super) surveys: bool,
}

/// What the recorder is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A round of probes has ended.
    Report(Report),
    /// Something else is watched from now on; answered when it is shown.
    Change(Roster, oneshot::Sender<()>),
}

/// What a round of probes of one target brought.
#[derive(Debug)]
pub(super) struct Report {
    /// The watch that it comes from.
    pub(super) id: u64,
    /// What was found, per operation, in order.
    pub(super) found: Vec<Examined>,
    /// How late the first call was, compared with its slot; none when somebody asked for it.
    pub(super) lag: Option<Duration>,
    /// Regular slots since the last one that have passed without a round.
    pub(super) skipped: u64,
    /// Who waits for the result.
    pub(super) waiting: Vec<Request>,
}

/// One operation, probed and perhaps examined.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) evidence: Evidence,
    pub(super) diagnosis: Diagnosis,
    /// The experiments that were made just now, and not carried from an earlier round, and whether
    /// they determined anything.
    pub(super) made: Vec<(ExperimentKind, bool)>,
}

impl Examined {
    /// How many calls to the API were made just now.
    fn calls(&self) -> usize {
        let is_call = |exchange: &&Exchange| exchange.step != Step::Token;
        let made = |kind| self.made.iter().any(|(made, _)| *made == kind);
        let experiments = self.evidence.experiments.iter();
        let experiments = experiments.filter(|one| made(one.kind));
        let experiments = experiments.flat_map(|one| &one.exchanges);
        let all = self.evidence.exchanges.iter().chain(experiments);
        all.filter(is_call).count()
    }

    /// How long the platform asked to be left alone, by any call that was made just now.
    fn wait_asked(&self) -> Option<Duration> {
        let made = (!self.made.is_empty()).then_some(&self.evidence.experiments);
        let experiments = made.into_iter().flatten().flat_map(|one| &one.exchanges);
        let at = self.evidence.at.wall;
        let asked = experiments.filter_map(|exchange| wait_in(exchange, at));
        wait_asked_by(&self.evidence).max(asked.max())
    }
}

impl Watch {
    pub(super) async fn run(mut self) {
        let mut due = self.clock.now().elapsed + self.schedule.first(self.fleet);
        // Until then the upstream asked not to be called.
        let mut not_before = Duration::ZERO;
        let mut last = Ends::default();
        let mut latest = Latest::default();
        // The newest token whose minting has been shown as evidence.
        let mut seen = 0;
        // Whoever asked for more than the round under way would tell.
        let mut pending: Vec<Request> = Vec::new();
        loop {
            let mut waiting = std::mem::take(&mut pending);
            tokio::select! {
                biased;
                () = std::future::ready(()), if !waiting.is_empty() => {}
                () = self.clock.sleep_until(due) => {}
                request = self.requests.recv() => match request {
                    Some(request) => waiting.push(request),
                    None => return,
                },
            }
            let now = self.clock.now().elapsed;
            if !waiting.is_empty() && now < not_before {
                let wait = not_before.saturating_sub(now);
                decline(waiting, &Declined::LeftAlone(wait));
                continue;
            }
            let purpose = purpose(&waiting);
            let found = if last.answers(purpose, now) {
                Vec::new()
            } else if let Err(wait) = self.allowed(purpose, now) {
                decline(waiting, &Declined::TooSoon(wait));
                continue;
            } else {
                // A watch rests most of the time, and needs no room for a round then.
                Box::pin(self.round(purpose, &mut seen, &mut latest)).await
            };
            let end = self.clock.now().elapsed;
            self.charge(purpose, &found, end);
            let is_regular = waiting.is_empty();
            let lag = is_regular.then(|| lag(&found, due)).flatten();
            let mut skipped = 0;
            if !found.is_empty() {
                // A regular probe may have left unexamined what somebody asks about.
                let is_examined =
                    purpose > Purpose::Scrape || found.iter().all(|one| !one.made.is_empty());
                last = Ends {
                    probed: Some(end),
                    examined: is_examined.then_some(end),
                };
                let next = self.schedule.next(end, fastrand::f64());
                if is_regular {
                    skipped = self.schedule.skipped(due, next);
                }
                due = next;
                if let Some(wait) = found.iter().filter_map(Examined::wait_asked).max() {
                    not_before = end.saturating_add(wait);
                    due = due.max(not_before);
                }
            }
            // Whoever asked while the calls were under way joins their result, unless it is to be
            // verified that something was mended meanwhile.
            while let Ok(request) = self.requests.try_recv() {
                if request.purpose == Purpose::Verify {
                    pending.push(request);
                } else {
                    waiting.push(request);
                }
            }
            let report = Report {
                id: self.id,
                found,
                lag,
                skipped,
                waiting,
            };
            if self.reports.send(Message::Report(report)).await.is_err() {
                return;
            }
        }
    }

    /// Whether a round may begin now: regular ones always may.
    fn allowed(&self, purpose: Purpose, now: Duration) -> Result<(), Duration> {
        if purpose == Purpose::Regular {
            return Ok(());
        }
        locked(&self.budget).wait_for_one(now)
    }

    /// What a round that somebody asked for has cost.
    fn charge(&self, purpose: Purpose, found: &[Examined], now: Duration) {
        if purpose != Purpose::Regular {
            let calls = found.iter().map(Examined::calls).sum();
            locked(&self.budget).charge(calls, now);
        }
    }

    /// Calls every operation in turn and examines what needs it; a rate limit ends the round.
    async fn round(
        &mut self,
        purpose: Purpose,
        seen: &mut u64,
        latest: &mut Latest,
    ) -> Vec<Examined> {
        let mut cases = std::mem::take(&mut self.cases);
        let mut round = Vec::with_capacity(cases.len());
        let asked = purpose == Purpose::Verify;
        let mut examination = self.prober.examination(&self.target, &self.tokens, asked);
        let last = *latest;
        for (operation, case) in self.target.operations.iter().zip(&mut cases) {
            let probing = self
                .prober
                .probe_once(&self.target, operation, &self.tokens, seen);
            let mut probed = probing.await;
            probed.evidence.before.clone_from(&case.good);
            let next = case.next(&probed.evidence, purpose, last, self.surveys);
            let limited = wait_asked_by(&probed.evidence).is_some();
            let mut evidence = probed.evidence;
            match (next, probed.token) {
                (Next::Examine(depth), Some(token)) if !limited => {
                    examination
                        .explain(&mut evidence, &token, depth, seen)
                        .await;
                    case.keep_replay(&mut evidence);
                    case.examined(&evidence);
                    latest.note(purpose, depth, self.clock.now().elapsed);
                }
                (Next::Review, Some(token)) if !limited => {
                    case.seed(&mut evidence);
                    let depth = Depth::Explain;
                    examination
                        .explain(&mut evidence, &token, depth, seen)
                        .await;
                    if case.is_changed(&evidence) {
                        evidence
                            .experiments
                            .retain(|one| one.kind != ExperimentKind::FreshToken);
                        examination
                            .explain(&mut evidence, &token, depth, seen)
                            .await;
                    }
                    case.examined(&evidence);
                    latest.note(purpose, depth, self.clock.now().elapsed);
                }
                (Next::Carry | Next::Review, _) => case.carry(&mut evidence),
                (Next::Postpone(reason), _) => evidence.unasked = Some(reason),
                (Next::Nothing | Next::Examine(_), _) => {}
            }
            let diagnosis = diagnose(&evidence);
            case.concluded(&diagnosis);
            round.push(Examined {
                evidence,
                diagnosis,
                made: examination.take_made(),
            });
            if limited {
                break;
            }
        }
        self.cases = cases;
        round
    }
}

/// When the latest round ended, on the monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    probed: Option<Duration>,
    /// None where it left something unexamined.
    examined: Option<Duration>,
}

impl Ends {
    /// Whether the latest round is young enough to answer whoever asks now.
    fn answers(self, purpose: Purpose, now: Duration) -> bool {
        let is_young =
            |end: Option<Duration>, limit| end.is_some_and(|end| now.saturating_sub(end) < limit);
        match purpose {
            Purpose::Scrape => is_young(self.probed, SCRAPED),
            Purpose::Fresh => is_young(self.examined, FRESH),
            Purpose::Regular | Purpose::Verify => false,
        }
    }
}

/// The most that somebody wants.
fn purpose(waiting: &[Request]) -> Purpose {
    let purposes = waiting.iter().map(|request| request.purpose);
    purposes.max().unwrap_or(Purpose::Regular)
}

/// How long after its slot the first call of a round was sent.
fn lag(round: &[Examined], due: Duration) -> Option<Duration> {
    let first = round
        .first()?
        .evidence
        .exchanges
        .iter()
        .find(|exchange| exchange.step == Step::Probe)?;
    Some(first.sent_at.elapsed.saturating_sub(due))
}

fn decline(waiting: Vec<Request>, why: &Declined) {
    for request in waiting {
        // Whoever asked may have gone away.
        request.reply.send(Err(why.clone())).unwrap_or_default();
    }
}

/// How long the platform asked to be left alone, within limits.
///
/// Only a rate limit and an overload may ask: whatever else sends the header, a firewall's refusal
/// for example, would blind the watch.
fn wait_asked_by(evidence: &Evidence) -> Option<Duration> {
    wait_in(evidence.last_probe()?, evidence.at.wall)
}

fn wait_in(exchange: &Exchange, received: Timestamp) -> Option<Duration> {
    // What the token endpoint asks for is the affair of the token's task.
    let answer = exchange.answer().filter(|_| exchange.step != Step::Token)?;
    matches!(answer.status, 429 | 503)
        .then(|| answer.retry_after(received))
        .flatten()
        .map(clamp_retry_after)
}
