//! The task of one target: probes on schedule, and at once when asked.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Declined, Request};
use crate::clock::Clock;
use crate::evidence::{Evidence, Step};
use crate::probe::Prober;
use crate::schedule::{Schedule, clamp_retry_after};
use crate::target::Target;
use crate::token::Tokens;

/// A result younger than this answers a request for a fresh one.
const FRESH: Duration = Duration::from_secs(1);

/// One target and what its task works with.
pub(super) struct Watch {
    pub(super) index: usize,
    pub(super) target: Target,
    pub(super) schedule: Schedule,
    /// Over how many targets the first round is spread.
    pub(super) fleet: usize,
    pub(super) tokens: Tokens,
    pub(super) prober: Prober,
    pub(super) clock: Clock,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) requests: mpsc::Receiver<Request>,
}

/// What a round of probes of one target brought.
#[derive(Debug)]
pub(super) struct Report {
    /// The target's place in the configuration.
    pub(super) index: usize,
    /// One piece of evidence per operation, in order.
    pub(super) evidence: Vec<Evidence>,
    /// How late the first call was, compared with its slot; none when somebody asked for it.
    pub(super) lag: Option<Duration>,
    /// Who waits for the result.
    pub(super) waiting: Vec<Request>,
}

impl Watch {
    pub(super) async fn run(mut self) {
        let mut due = self.clock.now().elapsed + self.schedule.first(self.fleet);
        // Until then the upstream asked not to be called.
        let mut not_before = Duration::ZERO;
        let mut last_end = None;
        // The newest token whose minting has been shown as evidence.
        let mut seen = 0;
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                biased;
                () = self.clock.sleep_until(due) => {}
                request = self.requests.recv() => match request {
                    Some(request) => waiting.push(request),
                    None => return,
                },
            }
            let now = self.clock.now().elapsed;
            if !waiting.is_empty() && now < not_before {
                decline(waiting, not_before.saturating_sub(now));
                continue;
            }
            let young = last_end.is_some_and(|end| now.saturating_sub(end) < FRESH);
            let evidence = if young && !waiting.is_empty() {
                Vec::new()
            } else {
                self.examine(&mut seen).await
            };
            let end = self.clock.now().elapsed;
            let lag = waiting.is_empty().then(|| lag(&evidence, due)).flatten();
            if !evidence.is_empty() {
                last_end = Some(end);
                due = self.schedule.next(end, fastrand::f64());
                if let Some(wait) = evidence.iter().filter_map(wait_asked_by).max() {
                    not_before = end.saturating_add(wait);
                    due = due.max(not_before);
                }
            }
            // Whoever asked while the calls were under way joins their result.
            while let Ok(request) = self.requests.try_recv() {
                waiting.push(request);
            }
            let report = Report {
                index: self.index,
                evidence,
                lag,
                waiting,
            };
            if self.reports.send(report).await.is_err() {
                return;
            }
        }
    }

    /// Calls every operation in turn; a rate limit ends the round.
    async fn examine(&self, seen: &mut u64) -> Vec<Evidence> {
        let mut round = Vec::with_capacity(self.target.operations.len());
        for operation in &self.target.operations {
            let examination = self
                .prober
                .examine(&self.target, operation, &self.tokens, seen);
            let evidence = examination.await;
            let limited = wait_asked_by(&evidence).is_some();
            round.push(evidence);
            if limited {
                break;
            }
        }
        round
    }
}

/// How long after its slot the first call of a round was sent.
fn lag(round: &[Evidence], due: Duration) -> Option<Duration> {
    let first = round
        .first()?
        .exchanges
        .iter()
        .find(|exchange| exchange.step == Step::Probe)?;
    Some(first.sent_at.elapsed.saturating_sub(due))
}

fn decline(waiting: Vec<Request>, wait: Duration) {
    for request in waiting {
        // Whoever asked may have gone away.
        request
            .send(Err(Declined::TooSoon(wait)))
            .unwrap_or_default();
    }
}

/// How long the platform asked to be left alone, within limits.
///
/// Only a rate limit and an overload may ask: whatever else sends the header, a firewall's refusal
/// for example, would blind the watch.
fn wait_asked_by(evidence: &Evidence) -> Option<Duration> {
    let answer = evidence.last_probe()?.answer()?;
    matches!(answer.status, 429 | 503)
        .then(|| answer.retry_after(evidence.at.wall))
        .flatten()
        .map(clamp_retry_after)
}
