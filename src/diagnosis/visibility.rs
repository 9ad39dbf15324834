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
    /// What the count is compared with, as a clause; empty when there is nothing to compare.
    pub(super) compared: String,
    /// Why, as a clause without a full stop; empty when all is well.
    pub(super) because: String,
    pub(super) by: Vec<ExperimentKind>,
    /// The divisions that are hidden and should not be.
    pub(super) hidden: Vec<Named>,
    /// Why less is visible than should be; none when all is well.
    pub(super) loss: Option<Loss>,
}

/// Why less is visible than should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// A fresh token sees more.
    Behind,
    /// The permission is not held in a division that the configuration expects.
    NotGranted,
    /// The permission was held in a division when access last worked, and is not now.
    Lost,
    /// The permission is held in no division.
    Nowhere,
    /// The permission is held everywhere, and there were more queues.
    Deleted,
    /// The permission is held everywhere, and there are no more queues.
    NoneThere,
    /// No division was lost, and there were more queues.
    DeletedOrMoved,
    /// The permission is held in some divisions, and nothing is known from before.
    Hidden,
    /// Less than before for an hour, and no division was lost.
    Meant,
    /// Where the permission is held is not known.
    Unknown,
}

impl Loss {
    fn confidence(self) -> Confidence {
        match self {
            Self::Unknown | Self::Nowhere | Self::DeletedOrMoved | Self::Hidden => {
                Confidence::Likely
            }
            Self::Behind
            | Self::NotGranted
            | Self::Lost
            | Self::Meant
            | Self::Deleted
            | Self::NoneThere => Confidence::Proven,
        }
    }
}

/// The facts that a loss is judged by.
struct Seen<'a> {
    evidence: &'a Evidence,
    /// None where the answer does not tell it.
    total: Option<u64>,
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
    match Seen::of(evidence, queues) {
        Some(seen) if seen.is_less() => seen.judge(),
        _ => Visible {
            outcome: Outcome::Ok,
            confidence: Confidence::Proven,
            compared: String::new(),
            because: String::new(),
            by: Vec::new(),
            hidden: Vec::new(),
            loss: None,
        },
    }
}

impl<'a> Seen<'a> {
    /// None for an operation that lists no queues.
    fn of(evidence: &'a Evidence, queues: &Queues) -> Option<Self> {
        if !evidence.operation.lists_queues {
            return None;
        }
        let found = evidence
            .experiment(DivisionsPermitted)
            .and_then(|one| one.found());
        let permitted = match found {
            Some(Found::Permitted(permitted)) => Some(permitted),
            _ => None,
        };
        Some(Self {
            evidence,
            total: queues.total,
            permitted,
            before: evidence.before.as_deref(),
        })
    }

    fn is_less(&self) -> bool {
        self.total == Some(0)
            || self.is_below_minimum()
            || self.fewer().is_some()
            || !self.unseen().is_empty()
    }

    fn is_below_minimum(&self) -> bool {
        let least = self.evidence.expect.min_queues;
        self.total.is_some_and(|total| total < least)
    }

    /// How many queues there were when access last worked, if there were more.
    fn fewer(&self) -> Option<u64> {
        let before = self.before?.queues?;
        (self.total? < before).then_some(before)
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
        let seen = self.total?;
        queues.total.filter(|total| *total > seen)
    }

    fn judge(&self) -> Visible {
        let loss = self.loss();
        Visible {
            outcome: self.outcome(loss),
            confidence: loss.confidence(),
            compared: self.compared(),
            because: self.because(loss),
            by: match loss {
                Loss::Behind => vec![FreshToken],
                Loss::Unknown => Vec::new(),
                _ => vec![DivisionsPermitted],
            },
            hidden: match loss {
                Loss::NotGranted => self.unseen(),
                Loss::Lost => self.lost().unwrap_or_default(),
                _ => Vec::new(),
            },
            loss: Some(loss),
        }
    }

    fn loss(&self) -> Loss {
        if self.seen_by_fresh().is_some() {
            return Loss::Behind;
        }
        if !self.unseen().is_empty() {
            return Loss::NotGranted;
        }
        let Some(permitted) = self.permitted else {
            return Loss::Unknown;
        };
        let lost = self.lost();
        if lost.as_ref().is_some_and(|lost| !lost.is_empty()) {
            return Loss::Lost;
        }
        let is_intact = lost.is_some() || permitted.all;
        match self.fewer() {
            _ if self.is_accepted(is_intact) => Loss::Meant,
            _ if permitted.is_nowhere() => Loss::Nowhere,
            Some(_) if permitted.all => Loss::Deleted,
            None if permitted.all => Loss::NoneThere,
            Some(_) if lost.is_some() => Loss::DeletedOrMoved,
            _ => Loss::Hidden,
        }
    }

    fn outcome(&self, loss: Loss) -> Outcome {
        match loss {
            Loss::Meant => Outcome::Ok,
            _ if self.total == Some(0) => Outcome::QueuesEmpty,
            _ => Outcome::QueuesMissing,
        }
    }

    /// Why, as a clause without a full stop; empty where nothing is known.
    fn because(&self, loss: Loss) -> String {
        let permission = self.permission();
        let everywhere =
            format!("{permission} is held in every division, so that nothing is hidden");
        match loss {
            Loss::Behind => {
                let total = self.seen_by_fresh().unwrap_or_default();
                let sees = counted(total, self.evidence.operation);
                format!("a token minted just now sees {sees}: the cached one is behind")
            }
            Loss::NotGranted => format!(
                "{permission} is not held in {}, where the configuration expects it",
                names(&self.unseen())
            ),
            Loss::Lost if self.was_everywhere() => format!(
                "{permission} was held in every division when access last worked, and is held in {} \
                 now",
                self.held_in()
            ),
            Loss::Lost => format!(
                "{permission} is no longer held in {}",
                names(&self.lost().unwrap_or_default())
            ),
            Loss::Nowhere => format!("{permission} is held in no division"),
            Loss::Deleted => format!("{everywhere}: queues were deleted"),
            Loss::NoneThere if self.total == Some(0) => {
                format!("{everywhere}: the org{} has no queues", self.organization())
            }
            Loss::NoneThere => {
                format!(
                    "{everywhere}: the org{} has no more queues",
                    self.organization()
                )
            }
            Loss::DeletedOrMoved => format!(
                "no division was lost ({permission} is held in {}): queues were deleted, or moved \
                 to a division that the caller cannot see",
                self.held_in()
            ),
            Loss::Hidden => format!(
                "{permission} is held in {}: queues of any other division stay hidden",
                self.held_in()
            ),
            Loss::Meant => {
                "no division was lost, and an hour has passed: this is taken for what is \
                            meant"
                    .to_owned()
            }
            Loss::Unknown => String::new(),
        }
    }

    fn was_everywhere(&self) -> bool {
        let before = self.before.and_then(|before| before.divisions.as_ref());
        before.is_some_and(|before| before.all)
    }

    /// Where the permission is held, in words that follow "in".
    fn held_in(&self) -> String {
        match self.permitted {
            Some(permitted) if permitted.is_nowhere() => "no division".to_owned(),
            Some(permitted) => listed(permitted),
            None => String::new(),
        }
    }

    /// Whether fewer queues than before are to be taken for what is meant.
    fn is_accepted(&self, is_intact: bool) -> bool {
        let at = self.evidence.at.wall;
        let settled = self
            .before
            .is_some_and(|before| later(before.at, ACCEPTED_AFTER) <= at);
        let only_fewer = self.total != Some(0) && !self.is_below_minimum();
        is_intact && settled && only_fewer && self.fewer().is_some()
    }

    /// What the count is compared with, as a clause; empty when there is nothing to compare.
    fn compared(&self) -> String {
        if self.is_below_minimum() {
            format!("at least {} are expected", self.evidence.expect.min_queues)
        } else if let Some(before) = self.fewer() {
            format!("there were {before} when access last worked")
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
