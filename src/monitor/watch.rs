//! The task of one target: probes on schedule, and at once when asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::{Declined, Request};
use crate::clock::Clock;
use crate::evidence::Evidence;
use crate::metrics::Metrics;
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
    pub(super) metrics: Arc<Metrics>,
    /// Permits for calls in flight, over all targets.
    pub(super) in_flight: Arc<Semaphore>,
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
                () = self.clock.sleep_until(due) => self.tell_lag(due),
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
            if !evidence.is_empty() {
                last_end = Some(end);
                due = self.schedule.next(end, fastrand::f64());
                if let Some(wait) = asked_to_wait(&evidence) {
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
                waiting,
            };
            if self.reports.send(report).await.is_err() {
                return;
            }
        }
    }

    async fn examine(&self, seen: &mut u64) -> Vec<Evidence> {
        let mut evidence = Vec::with_capacity(self.target.operations.len());
        for operation in &self.target.operations {
            let Ok(_permit) = self.in_flight.acquire().await else {
                break;
            };
            let examination = self
                .prober
                .examine(&self.target, operation, &self.tokens, seen);
            evidence.push(examination.await);
        }
        evidence
    }

    fn tell_lag(&self, due: Duration) {
        let lag = self.clock.now().elapsed.saturating_sub(due);
        self.metrics.scheduler_lag(lag);
    }
}

fn decline(waiting: Vec<Request>, wait: Duration) {
    for request in waiting {
        // Whoever asked may have gone away.
        request
            .send(Err(Declined::TooSoon(wait)))
            .unwrap_or_default();
    }
}

/// How long the last answer asked to wait, within limits.
fn asked_to_wait(evidence: &[Evidence]) -> Option<Duration> {
    evidence
        .iter()
        .filter_map(|evidence| {
            let answer = evidence.last_probe()?.answer()?;
            answer
                .retry_after(evidence.at.wall)
                .filter(|_| answer.status >= 400)
        })
        .map(clamp_retry_after)
        .max()
}
