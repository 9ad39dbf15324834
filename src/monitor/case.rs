//! What is known about one operation from round to round: how it was examined last, and how the
//! caller stood when access last worked.
//!
//! A function of what it is told: no clock, no call. The task of the target asks what to do next
//! and tells what came of it.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnosis::{Depth, Diagnosis, Impression, Outcome, first_impression};
use crate::evidence::{Evidence, Experiment, ExperimentKind, Standing, TokenEvidence};

/// An examination younger than this still explains an answer that somebody wants to see fresh.
const YOUNG: Duration = Duration::from_secs(10);
/// Longest time after which a lasting failure is examined again.
const LONGEST_REVIEW: Duration = Duration::from_hours(1);

/// Why somebody wants an examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The regular probe.
    Regular,
    /// A scraper wants a probe now, and no more than a regular one.
    Scrape,
    /// Somebody wants to know how it is now.
    Fresh,
    /// Somebody says that it is mended.
    Verify,
}

/// What is done about a probe's evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: there is nothing to explain.
    Nothing,
    /// What the last examination found still explains it.
    Carry,
    /// Experiments are made.
    Examine(Depth),
    /// They are made again, because roles may have changed although the answer is the same.
    Review,
    /// They would be, but not so soon.
    Postpone(String),
}

/// When a target was last examined although nobody had asked, on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Latest {
    /// To explain a failure.
    pub(super) explained: Option<Duration>,
    /// To see how the caller stands.
    pub(super) surveyed: Option<Duration>,
}

impl Latest {
    /// Notes an examination that ended `now`, unless somebody had asked for it: a scraper asks for
    /// no examination.
    pub(super) fn note(&mut self, purpose: Purpose, depth: Depth, now: Duration) {
        match depth {
            _ if purpose > Purpose::Scrape => {}
            Depth::Survey => self.surveyed = Some(now),
            Depth::Explain | Depth::Verify => self.explained = Some(now),
        }
    }
}

/// One operation of one target, from round to round.
#[derive(Debug)]
pub(super) struct Case {
    /// Least time between two examinations that nobody asks for.
    pause: Duration,
    /// The latest examination, and the first impression that it explains.
    examined: Option<Examined>,
    /// How the caller stood when access last worked.
    pub(super) good: Option<Arc<Standing>>,
}

#[derive(Debug)]
struct Examined {
    impression: Impression,
    experiments: Vec<Experiment>,
    unasked: Option<String>,
    /// The token it was made with, and when, on the monotonic clock.
    generation: Option<u64>,
    at: Duration,
    /// How often it was reviewed before.
    reviews: u32,
}

impl Examined {
    /// When it is reviewed: after a pause, then ever more rarely.
    fn review_at(&self, pause: Duration) -> Duration {
        let longest = pause.max(LONGEST_REVIEW);
        let pause = pause.saturating_mul(1 << self.reviews.min(8));
        self.at.saturating_add(pause.min(longest))
    }
}

impl Case {
    /// The first round, after an earlier run in which access last worked like this.
    ///
    /// The tokens of two runs are counted from 1 each, so that they cannot be compared.
    pub(super) fn after(good: Option<Standing>, pause: Duration) -> Self {
        let good = good.map(|good| Standing {
            token: None,
            ..good
        });
        Self {
            pause,
            examined: None,
            good: good.map(Arc::new),
        }
    }

    /// What to do about the evidence of a probe; `surveys` says whether the good state is looked
    /// at, too.
    pub(super) fn next(
        &self,
        evidence: &Evidence,
        purpose: Purpose,
        last: Latest,
        surveys: bool,
    ) -> Next {
        let impression = first_impression(evidence);
        let now = evidence.at.elapsed;
        if purpose == Purpose::Verify {
            return Next::Examine(Depth::Verify);
        }
        let left = |last: Option<Duration>| {
            let wait = self.pause.checked_sub(now.saturating_sub(last?))?;
            (!wait.is_zero()).then_some(wait)
        };
        let known = self
            .examined
            .as_ref()
            .filter(|one| one.impression == impression);
        let works = impression.finding.outcome() == Outcome::Ok;
        let depth = if works { Depth::Survey } else { Depth::Explain };
        if purpose == Purpose::Fresh {
            // A second look must not know less than the first one.
            return match known {
                Some(known) if now.saturating_sub(known.at) < YOUNG => Next::Carry,
                Some(_) if !works => Next::Review,
                _ => Next::Examine(depth),
            };
        }
        match known {
            Some(known) if works && !self.is_outdated(known, evidence) => return Next::Carry,
            Some(known) if !works && now >= known.review_at(self.pause) => return Next::Review,
            Some(_) if !works => return Next::Carry,
            _ => {}
        }
        if works {
            let is_wanted = surveys || !evidence.expect.divisions.is_empty();
            return match left(last.surveyed) {
                None if is_wanted => Next::Examine(depth),
                _ if known.is_some() => Next::Carry,
                _ => Next::Nothing,
            };
        }
        match left(last.explained) {
            _ if !impression.is_explainable() => Next::Nothing,
            None => Next::Examine(depth),
            Some(wait) => Next::Postpone(format!(
                "an examination was made a short while ago; the next one is due in {} s, or at once \
                 when it is asked for",
                wait.as_secs().saturating_add(1)
            )),
        }
    }

    /// Whether the look at a good state is to be repeated: another token, or divisions to watch.
    fn is_outdated(&self, known: &Examined, evidence: &Evidence) -> bool {
        let age = evidence.at.elapsed.saturating_sub(known.at);
        let is_watched = !evidence.expect.divisions.is_empty() && age >= self.pause;
        is_watched || known.generation != generation(evidence)
    }

    /// Adds what the last examination found to evidence that it still explains.
    pub(super) fn carry(&self, evidence: &mut Evidence) {
        if let Some(examined) = &self.examined {
            evidence.experiments.clone_from(&examined.experiments);
            evidence.unasked.clone_from(&examined.unasked);
        }
    }

    /// What a review begins with: a fresh token is not minted again while nothing has changed.
    pub(super) fn seed(&self, evidence: &mut Evidence) {
        let known = self.examined.iter().flat_map(|one| &one.experiments);
        let replay =
            known.filter(|one| one.kind == ExperimentKind::FreshToken && one.result.is_ok());
        evidence.experiments.extend(replay.cloned());
    }

    /// Keeps what an earlier fresh token told where none could be minted now, as long as the answer
    /// and the rights are the same.
    pub(super) fn keep_replay(&self, evidence: &mut Evidence) {
        let impression = first_impression(evidence);
        let is_same = self
            .examined
            .as_ref()
            .is_some_and(|one| one.impression == impression);
        let is_unknown = evidence
            .experiment(ExperimentKind::FreshToken)
            .is_some_and(|one| one.result.is_err() && one.exchanges.is_empty());
        if is_same && is_unknown && !self.is_changed(evidence) {
            self.seed(evidence);
        }
    }

    /// Whether a review found other rights than the examination before it.
    pub(super) fn is_changed(&self, evidence: &Evidence) -> bool {
        let kinds = [
            ExperimentKind::DivisionsPermitted,
            ExperimentKind::SubjectsMe,
        ];
        let found = |experiments: &[Experiment], kind| {
            let mut experiments = experiments.iter().filter(|one| one.kind == kind);
            experiments.next_back().and_then(|one| one.found().cloned())
        };
        self.examined.as_ref().is_some_and(|before| {
            kinds
                .into_iter()
                .any(|kind| found(&before.experiments, kind) != found(&evidence.experiments, kind))
        })
    }

    /// Remembers an examination.
    pub(super) fn examined(&mut self, evidence: &Evidence) {
        let impression = first_impression(evidence);
        let same = self
            .examined
            .as_ref()
            .filter(|one| one.impression == impression);
        let reviews = same.map_or(0, |one| one.reviews.saturating_add(1));
        self.examined = Some(Examined {
            reviews,
            impression,
            experiments: evidence.experiments.clone(),
            unasked: evidence.unasked.clone(),
            generation: generation(evidence),
            at: evidence.at.elapsed,
        });
    }

    /// Remembers how the caller stands, if all is well.
    pub(super) fn concluded(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.finding.outcome() != Outcome::Ok {
            return;
        }
        let standing = diagnosis.standing.clone();
        self.good = Some(Arc::new(match &self.good {
            Some(older) => standing.or(older),
            None => standing,
        }));
    }
}

fn generation(evidence: &Evidence) -> Option<u64> {
    match &evidence.token {
        TokenEvidence::Held(facts) => Some(facts.generation),
        TokenEvidence::Unknown | TokenEvidence::Unavailable(_) => None,
    }
}
