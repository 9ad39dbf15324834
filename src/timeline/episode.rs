//! One stretch of trouble, from the first failure to the recovery.

use std::sync::Arc;

use jiff::Timestamp;

use super::difference::Difference;
use crate::diagnosis::{Confidence, Finding};
use crate::evidence::Standing;
use crate::target::{Name, Operation};

/// From the first failure of an operation to its recovery.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Counts the episodes of this target and operation from 1.
    pub id: u64,
    /// The target.
    pub target: Name,
    /// The operation.
    pub operation: &'static Operation,
    /// When it was first seen to fail.
    pub began: Timestamp,
    /// How the caller stood when access last worked before; none when it was never seen to work.
    pub last_good: Option<Arc<Standing>>,
    /// How the caller stood when it failed first. What was not known at once is added when it is
    /// first learned within the episode.
    pub first_bad: Arc<Standing>,
    /// What differs between the two.
    pub changed: Vec<Difference>,
    /// What was found first.
    pub first: Turn,
    /// Every later change of cause, and of confidence upwards, in order.
    pub changes: Vec<Turn>,
    /// How many of the oldest changes were dropped.
    pub changes_dropped: u64,
    /// Whether why403 was started anew within it: tokens of before and after cannot be compared.
    pub restarted: bool,
    /// How it ended; none while it goes on.
    pub ended: Option<Recovery>,
}

impl Episode {
    /// What was found last.
    #[must_use]
    pub fn latest(&self) -> &Turn {
        self.changes.last().unwrap_or(&self.first)
    }

    /// Everything that was found, in order.
    pub fn turns(&self) -> impl Iterator<Item = &Turn> {
        std::iter::once(&self.first).chain(&self.changes)
    }

    /// When something was last added to it.
    #[must_use]
    pub fn latest_at(&self) -> Timestamp {
        let end = self.ended.as_ref().map(|recovery| recovery.at);
        end.unwrap_or_else(|| self.latest().at)
    }
}

/// What was found from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The moment.
    pub at: Timestamp,
    /// What happened and, for a 403, why.
    pub finding: Finding,
    /// How sure the cause is.
    pub confidence: Confidence,
    /// What the diagnosis said.
    pub because: String,
}

/// The end of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// When access was first seen to work again.
    pub at: Timestamp,
    /// How the caller stood then. What was not known at once is added when it is first learned
    /// within a quarter of an hour.
    pub standing: Arc<Standing>,
    /// What differs from when it failed first.
    pub changed: Vec<Difference>,
    /// What recovered it.
    pub by: RecoveredBy,
    /// Why that is concluded, in one or two sentences.
    pub because: String,
}

/// What ended an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecoveredBy {
    /// Roles, divisions or scopes were changed.
    RightsChanged,
    /// A new token.
    NewToken,
    /// Nothing but time: the change had been made and has propagated.
    Time,
    /// The queues are visible again.
    QueuesBack,
    /// Fewer queues are taken for what is meant.
    Accepted,
    /// The platform, or the way to it, works again.
    UpstreamBack,
    /// It worked at the first look after why403 was started anew.
    Restart,
    /// It cannot be told.
    Unknown,
}

impl RecoveredBy {
    /// Every member, in order.
    pub const ALL: &'static [Self] = &[
        Self::RightsChanged,
        Self::NewToken,
        Self::Time,
        Self::QueuesBack,
        Self::Accepted,
        Self::UpstreamBack,
        Self::Restart,
        Self::Unknown,
    ];

    /// The stable name used in answers.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::RightsChanged => "rights_changed",
            Self::NewToken => "new_token",
            Self::Time => "time",
            Self::QueuesBack => "queues_back",
            Self::Accepted => "accepted",
            Self::UpstreamBack => "upstream_back",
            Self::Restart => "restart",
            Self::Unknown => "unknown",
        }
    }

    /// The member whose slug is `text`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.slug() == text)
    }
}
