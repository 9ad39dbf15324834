//! "I have mended it": looks again until that is seen, or something else, or the time is over.
//!
//! A verification is no task: it lives in the future of whoever waits for it, and ends with that.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::plan::{Next, Plan, Shown};
use super::{Declined, Monitor, Purpose};
use crate::clock::Moment;
use crate::diagnosis::verify::{
    Progress, Verified, could_need_fresh, is_on_its_way, is_well, progress, says, summary,
};
use crate::diagnosis::{Diagnosis, Outcome};
use crate::snapshot::Snapshot;
use crate::target::Name;

/// Longest verification, and how long one goes on unless it is told otherwise.
pub const LONGEST: Duration = Duration::from_mins(5);

/// Longest time of one look; every call has a timeout of its own that is far shorter.
const LOOK_LIMIT: Duration = Duration::from_mins(1);

/// What is to be verified, and for how long.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The target.
    pub target: Name,
    /// Time from the beginning to the last look.
    pub limit: Duration,
    /// Time from the beginning to the first look, which asks for a fresh token.
    pub delay: Duration,
}

/// One operation, looked at once.
#[derive(Clone, Debug)]
pub struct Look {
    /// When the examination ended.
    pub at: Timestamp,
    /// What was found.
    pub diagnosis: Arc<Diagnosis>,
    /// What that says, in a few words.
    pub says: &'static str,
}

/// What came of a verification.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The target.
    pub target: Name,
    /// What was found.
    pub result: Verified,
    /// What that means, in a few sentences.
    pub summary: String,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// Every look, in order.
    pub looks: Vec<Look>,
    /// What was known before, per operation; what the first look showed where nothing was.
    pub before: Vec<Arc<Diagnosis>>,
    /// The latest state.
    pub snapshot: Arc<Snapshot>,
}

/// Whether anything is wrong with the target, or is not known yet.
#[must_use]
pub fn is_wanting(snapshot: &Snapshot, target: &Name) -> bool {
    let found = diagnoses(snapshot, target);
    let is_well = |one: &Option<Arc<Diagnosis>>| one.as_deref().is_some_and(is_well);
    !found.iter().all(is_well)
}

/// The latest diagnoses of a target, per operation.
fn diagnoses(snapshot: &Snapshot, target: &Name) -> Vec<Option<Arc<Diagnosis>>> {
    let checks = snapshot.target(target.as_str()).map(|it| &it.checks);
    let checks = checks.into_iter().flatten();
    checks.map(|check| check.diagnosis.clone()).collect()
}

/// What is known while it goes on.
struct Watching<'a> {
    wish: &'a Wish,
    told: &'a mpsc::UnboundedSender<Look>,
    before: Vec<Option<Arc<Diagnosis>>>,
    latest: Vec<Option<Arc<Diagnosis>>>,
    looks: Vec<Look>,
    snapshot: Arc<Snapshot>,
    began: Moment,
}

impl Monitor {
    /// Looks at a target until it is mended, something else is wrong, or the time is over; every
    /// look is told as it is made. Ends early when `stopping` is cancelled.
    ///
    /// # Errors
    /// [`Declined`] when there is no such target, or nothing could be looked at before the end.
    pub async fn verify(
        &self,
        wish: &Wish,
        stopping: &CancellationToken,
        told: &mpsc::UnboundedSender<Look>,
    ) -> Result<Verification, Declined> {
        let snapshot = self.snapshot();
        let before = diagnoses(&snapshot, &wish.target);
        if before.is_empty() {
            return Err(Declined::Unknown);
        }
        let began = self.clock.now();
        let watching = Watching {
            wish,
            told,
            latest: before.clone(),
            before,
            looks: Vec::new(),
            snapshot,
            began,
        };
        let verification = watching.run(self, stopping).await?;
        let (target, result) = (&verification.target, verification.result.as_str());
        tracing::info!(%target, result, "{target} was verified: {result}");
        Ok(verification)
    }
}

impl Watching<'_> {
    async fn run(
        mut self,
        monitor: &Monitor,
        stopping: &CancellationToken,
    ) -> Result<Verification, Declined> {
        let mut plan = Plan::new(self.began.elapsed, self.wish.limit);
        let first = self.began.elapsed.saturating_add(self.wish.delay);
        let mut next = Next::Look(first, Purpose::Verify);
        loop {
            let (at, purpose) = match next {
                Next::Look(at, purpose) => (at, purpose),
                Next::End(result) => return Ok(self.ended(monitor, result, None)),
                Next::Declined(declined) => {
                    let why = Some(not_looked(&declined).ok_or(declined)?);
                    return Ok(self.ended(monitor, Verified::Undetermined, why));
                }
            };
            let look = async {
                monitor.clock.sleep_until(at).await;
                timeout(
                    LOOK_LIMIT,
                    monitor.examine(Some(&self.wish.target), purpose),
                )
                .await
            };
            let found = tokio::select! {
                biased;
                () = stopping.cancelled() => Ok(Err(Declined::Stopping)),
                found = look => found,
            };
            let now = monitor.clock.now().elapsed;
            next = match found {
                Ok(Ok(snapshot)) => {
                    plan.look(now, purpose);
                    plan.after(now, self.take_in(snapshot))
                }
                Ok(Err(Declined::Stopping)) if !self.looks.is_empty() => {
                    let why = "It was ended before it was settled.".to_owned();
                    return Ok(self.ended(monitor, Verified::Undetermined, Some(why)));
                }
                Ok(Err(declined)) => plan.declined(now, declined, purpose),
                Err(_) => plan.after(now, NOTHING),
            };
        }
    }

    /// Compares what a look brought with what was before.
    fn take_in(&mut self, snapshot: Arc<Snapshot>) -> Shown {
        let found = diagnoses(&snapshot, &self.wish.target);
        self.snapshot = snapshot;
        let mut all = Vec::with_capacity(found.len());
        let mut shown = NOTHING;
        for (place, now) in found.iter().enumerate() {
            let (Some(now), Some(before)) = (now, self.before.get_mut(place)) else {
                continue;
            };
            let is_first = self
                .looks
                .iter()
                .all(|one| one.diagnosis.operation != now.operation);
            let was_unseen = before.as_ref().is_some_and(|before| is_well(before))
                && now.finding.outcome() != Outcome::Ok;
            if is_first && was_unseen {
                // Broken since the last probe, so that the first look shows what is to be mended.
                *before = Some(Arc::clone(now));
            }
            let before = &*before.get_or_insert_with(|| Arc::clone(now));
            let progress = progress(before, now);
            all.push(progress);
            shown.on_its_way |= is_on_its_way(now);
            shown.could_need_fresh |= could_need_fresh(now);
            let known = self.latest.get(place).and_then(Option::as_ref);
            if known.is_none_or(|known| !Arc::ptr_eq(known, now)) {
                let look = Look {
                    at: now.examined_at,
                    diagnosis: Arc::clone(now),
                    says: says(progress, before, now),
                };
                // Whoever listened may have gone away.
                self.told.send(look.clone()).unwrap_or_default();
                self.looks.push(look);
            }
        }
        self.latest = found;
        shown.progress = Progress::of_all(&all);
        shown
    }

    fn ended(self, monitor: &Monitor, result: Verified, why: Option<String>) -> Verification {
        let ended = monitor.clock.now();
        let mut sentences: Vec<String> = why.into_iter().collect();
        if sentences.is_empty() {
            let before = self.before.iter().flatten();
            sentences.extend(before.filter_map(|before| self.about(before, result)));
        }
        Verification {
            target: self.wish.target.clone(),
            result,
            summary: sentences.join(" "),
            began: self.began,
            ended,
            looks: self.looks,
            before: self.before.into_iter().flatten().collect(),
            snapshot: self.snapshot,
        }
    }

    /// What came of one operation, if that is what decided.
    fn about(&self, before: &Diagnosis, result: Verified) -> Option<String> {
        let own = self.looks.iter();
        let own = own.filter(|look| look.diagnosis.operation == before.operation);
        let own: Vec<&Diagnosis> = own.map(|look| &*look.diagnosis).collect();
        let last = own.last()?;
        let after = last.examined_at.duration_since(self.began.wall);
        let after = Duration::try_from(after).unwrap_or_default();
        (progress(before, last).verified() == result).then(|| summary(before, &own, after))
    }
}

/// Whose limit it is that no look was made any more, and what to do; none where it is no limit.
fn not_looked(declined: &Declined) -> Option<String> {
    let seconds = declined.wait()?.as_secs().saturating_add(1);
    Some(match declined {
        Declined::LeftAlone(_) => format!(
            "The platform asked not to be called for another {seconds} s, as it does where it limits \
             the rate or has too much to do: verify again after that."
        ),
        _ => format!(
            "Too much was asked of why403 in a short time, and it makes no more calls for now, so that \
             the platform's limit is left to the integration: verify again in {seconds} s."
        ),
    })
}

/// What a look shows that brought nothing.
const NOTHING: Shown = Shown {
    progress: Progress::Waiting(Verified::Undetermined),
    on_its_way: false,
    could_need_fresh: false,
};
