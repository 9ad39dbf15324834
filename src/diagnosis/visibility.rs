//! What a good answer hides: the platform leaves out what the caller may not see, and says 200.
//!
//! The count is compared with what is configured and with the time when access last worked; where
//! the permission is held tells a lost division from deleted queues and from an org without any.

use std::time::Duration;

use super::facts::owner;
use super::listing::listing;
use super::words::{counted, list};
use super::{Confidence, Outcome, Queues};
use crate::clock::later;
use crate::evidence::ExperimentKind::{self, DivisionsPermitted, FreshToken};
use crate::evidence::{Answer, Evidence, Found, Named, Permitted, Standing, Step};

/// After this time fewer queues, without a lost division, are taken for what is meant.
const ACCEPTED_AFTER: Duration = Duration::from_hours(1);

/// What is visible, and what that means.
#[derive(Clone, Debug)]
pub(super) struct Visible {
    pub(super) outcome: Outcome,
    pub(super) confidence: Confidence,
    /// Why, as a clause without a full stop; empty when all is well.
    pub(super) because: String,
    pub(super) by: Vec<ExperimentKind>,
    /// The divisions that are hidden and should not be.
    pub(super) hidden: Vec<Named>,
}

impl Visible {
    fn new(outcome: Outcome, confidence: Confidence, because: impl Into<String>) -> Self {
        Self {
            outcome,
            confidence,
            because: because.into(),
            by: vec![DivisionsPermitted],
            hidden: Vec::new(),
        }
    }
}

/// The facts that a loss is judged by.
struct Seen<'a> {
    evidence: &'a Evidence,
    total: u64,
    permitted: Option<&'a Permitted>,
    before: Option<&'a Standing>,
}

/// Whether a good answer shows less than it should.
pub(super) fn is_symptom(answer: &Answer, evidence: &Evidence) -> bool {
    let queues = listing(&answer.body, evidence.operation);
    let seen = queues.ok().and_then(|queues| Seen::of(evidence, &queues));
    seen.is_some_and(|seen| seen.is_less())
}

/// Judges a good answer that shows `queues`.
pub(super) fn visible(evidence: &Evidence, queues: &Queues) -> Visible {
    let good = Visible {
        by: Vec::new(),
        ..Visible::new(Outcome::Ok, Confidence::Proven, "")
    };
    match Seen::of(evidence, queues) {
        Some(seen) if seen.is_less() => seen.judge(),
        _ => good,
    }
}

impl<'a> Seen<'a> {
    /// None for an operation that lists no queues.
    fn of(evidence: &'a Evidence, queues: &Queues) -> Option<Self> {
        let total = queues.total.filter(|_| evidence.operation.lists_queues)?;
        let found = evidence
            .experiment(DivisionsPermitted)
            .and_then(|one| one.found());
        let permitted = match found {
            Some(Found::Permitted(permitted)) => Some(permitted),
            _ => None,
        };
        Some(Self {
            evidence,
            total,
            permitted,
            before: evidence.before.as_deref(),
        })
    }

    fn is_less(&self) -> bool {
        self.total == 0
            || self.total < self.evidence.expect.min_queues
            || self.fewer().is_some()
            || !self.unseen().is_empty()
    }

    /// How many queues there were when access last worked, if there were more.
    fn fewer(&self) -> Option<u64> {
        let before = self.before?.queues?;
        (self.total < before).then_some(before)
    }

    /// Expected divisions in which the permission is not held.
    fn unseen(&self) -> Vec<Named> {
        let Some(permitted) = self.permitted else {
            return Vec::new();
        };
        let expected = self.evidence.expect.divisions.iter();
        expected
            .filter(|division| permitted.includes(division) == Some(false))
            .map(|division| Named {
                id: division.clone(),
                name: Some(division.clone()),
            })
            .collect()
    }

    /// Divisions in which the permission was held before and is not now; none when it is not known.
    fn lost(&self) -> Option<Vec<Named>> {
        let (now, before) = (self.permitted?, self.before?.divisions.as_ref()?);
        if before.permission != now.permission {
            return None;
        }
        if before.all && !now.all {
            return Some(vec![Named {
                id: "*".to_owned(),
                name: Some("every division that is not listed".to_owned()),
            }]);
        }
        let is_lost = |one: &&Named| now.includes(&one.id) == Some(false);
        Some(before.divisions.iter().filter(is_lost).cloned().collect())
    }

    /// How many queues a fresh token sees, if it sees more.
    fn seen_by_fresh(&self) -> Option<u64> {
        let experiment = self.evidence.experiment(FreshToken)?;
        experiment.found()?;
        let step = Step::Experiment(FreshToken);
        let replay = experiment.exchanges.iter().find(|one| one.step == step)?;
        let queues = listing(&replay.answer()?.body, self.evidence.operation).ok()?;
        queues.total.filter(|total| *total > self.total)
    }

    fn judge(&self) -> Visible {
        let outcome = if self.total == 0 {
            Outcome::QueuesEmpty
        } else {
            Outcome::QueuesMissing
        };
        let operation = self.evidence.operation;
        let how_many = self.how_many();
        let proven = |because: String| Visible::new(outcome, Confidence::Proven, because);
        let likely = |because: String| Visible::new(outcome, Confidence::Likely, because);
        if let Some(total) = self.seen_by_fresh() {
            let sees = counted(total, operation);
            return Visible {
                by: vec![FreshToken],
                ..proven(format!(
                    "{how_many}a token minted just now sees {sees}: the cached one is behind"
                ))
            };
        }
        let unseen = self.unseen();
        if !unseen.is_empty() {
            let because = format!(
                "{how_many}{} is not held in {}",
                self.permission(),
                names(&unseen)
            );
            return Visible {
                hidden: unseen,
                ..proven(because)
            };
        }
        let Some(permitted) = self.permitted else {
            return Visible {
                by: Vec::new(),
                ..likely(how_many.trim_end_matches("; ").to_owned())
            };
        };
        let lost = self.lost();
        if let Some(lost) = lost.as_ref().filter(|lost| !lost.is_empty()) {
            let because = format!(
                "{how_many}{} was held in {} when access last worked, and is not now: access to \
                 that division was lost",
                self.permission(),
                names(lost)
            );
            return Visible {
                hidden: lost.clone(),
                ..proven(because)
            };
        }
        if self.is_accepted(lost.is_some() || permitted.all) {
            let because = format!(
                "{how_many}no division was lost, and an hour has passed: this is taken for what is meant"
            );
            return Visible::new(Outcome::Ok, Confidence::Proven, because);
        }
        if permitted.is_nowhere() {
            return likely(format!(
                "{how_many}{} is held in no division",
                self.permission()
            ));
        }
        if permitted.all {
            return proven(match self.fewer() {
                Some(_) => format!(
                    "{how_many}{} is held in every division, so that nothing is hidden: queues were deleted",
                    self.permission()
                ),
                None if self.total == 0 => format!(
                    "{} is held in every division, so that nothing is hidden: the org{} has no queues",
                    self.permission(),
                    self.organization()
                ),
                None => format!(
                    "{how_many}{} is held in every division, so that nothing is hidden: the org{} has no more queues",
                    self.permission(),
                    self.organization()
                ),
            });
        }
        let held = format!("{} is held in {}", self.permission(), listed(permitted));
        likely(match (lost, self.fewer()) {
            (Some(_), Some(_)) => format!(
                "{how_many}no division was lost ({held}): queues were deleted, or moved to a division that the caller cannot see"
            ),
            _ => format!("{how_many}{held}: queues of any other division stay hidden"),
        })
    }

    /// Whether fewer queues than before are to be taken for what is meant.
    fn is_accepted(&self, is_intact: bool) -> bool {
        let at = self.evidence.at.wall;
        let settled = self
            .before
            .is_some_and(|before| later(before.at, ACCEPTED_AFTER) <= at);
        let only_fewer = self.total > 0 && self.total >= self.evidence.expect.min_queues;
        is_intact && settled && only_fewer && self.fewer().is_some()
    }

    /// What is compared, in words that end with a semicolon.
    fn how_many(&self) -> String {
        let least = self.evidence.expect.min_queues;
        let total = self.total;
        if total < least {
            format!("{total} visible, at least {least} expected; ")
        } else if let Some(before) = self.fewer() {
            format!("{total} visible, {before} when access last worked; ")
        } else {
            String::new()
        }
    }

    fn permission(&self) -> &str {
        let published = self.evidence.operation.permissions.first();
        self.permitted
            .map(|permitted| permitted.permission.as_str())
            .or(published.copied())
            .unwrap_or("the permission")
    }

    /// The org's name, with a space before it; nothing when it is not known.
    fn organization(&self) -> String {
        owner(self.evidence)
            .and_then(|owner| owner.organization.as_ref())
            .map_or_else(String::new, |org| format!(" {}", org.shown()))
    }
}

fn names(divisions: &[Named]) -> String {
    let names: Vec<&str> = divisions.iter().map(Named::shown).collect();
    list(&names)
}

/// The divisions of a permission, cut to a few.
pub(super) fn listed(permitted: &Permitted) -> String {
    const MOST: usize = 5;
    if permitted.all {
        return "every division".to_owned();
    }
    let shown: Vec<&str> = permitted
        .divisions
        .iter()
        .take(MOST)
        .map(Named::shown)
        .collect();
    let count = u64::try_from(shown.len()).unwrap_or(u64::MAX);
    match permitted.total.saturating_sub(count) {
        0 => list(&shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
