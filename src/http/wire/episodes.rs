//! Episodes as they are shown: in a diagnosis, and by `/timeline`.

use jiff::Timestamp;
use serde::Serialize;

use super::Time;
use super::parts::{Division, Role, role};
use crate::clock::Moment;
use crate::evidence::{self, Named, Permitted};
use crate::snapshot::Snapshot;
use crate::target::Name;
use crate::timeline;

/// Most episodes of one answer.
const MOST_EPISODES: usize = 100;

/// Episodes of several targets, the latest first.
#[derive(Debug, Serialize)]
pub struct Timelines<'a> {
    /// When this was read.
    pub generated_at: Time,
    /// From when on episodes were asked for; null when all were.
    pub since: Option<Time>,
    /// The episodes that went on at that time or later, the latest first.
    pub episodes: Vec<Listed<'a>>,
    /// How many more there are than one answer shows.
    pub left_out: usize,
    /// How many older ones were dropped, because no more are kept.
    pub dropped: u64,
}

/// One episode and what failed.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
    /// The target's name.
    pub target: &'a str,
    /// Method and path.
    pub operation: String,
    /// The episode.
    #[serde(flatten)]
    pub episode: Episode<'a>,
}

/// From the first failure to the recovery.
#[derive(Debug, Serialize)]
pub struct Episode<'a> {
    /// Counts the episodes of a target and operation from 1.
    pub id: u64,
    /// When it was first seen to fail.
    pub began: Time,
    /// When it was first seen to work again; null while it goes on.
    pub ended: Option<Time>,
    /// How the caller stood when access last worked before; null when it was never seen to work.
    pub last_good: Option<Standing<'a>>,
    /// How the caller stood when it failed first.
    pub first_bad: Standing<'a>,
    /// What differs between the two.
    pub changed: Vec<Difference<'a>>,
    /// What was found, in order: first, and with every change of cause.
    pub changes: Vec<Turn<'a>>,
    /// How many changes after the first were dropped.
    pub changes_dropped: u64,
    /// How it ended; null while it goes on.
    pub recovery: Option<Recovery<'a>>,
    /// What differs, as one sentence.
    #[serde(skip)]
    pub differs: String,
}

/// How a caller stood; null is what was not known.
#[derive(Debug, Serialize)]
pub struct Standing<'a> {
    /// The moment.
    pub at: Time,
    /// How many queues (or other entries) were visible.
    pub queues: Option<u64>,
    /// The org.
    pub organization: Option<&'a str>,
    /// Which token it had.
    pub token: Option<TokenNumber>,
    /// The roles granted, as they were last looked at.
    pub roles: Option<Vec<Role<'a>>>,
    /// Where the permission that the operation needs was held, as last looked at.
    pub divisions: Option<PermittedIn<'a>>,
    /// The scopes of the token.
    pub scopes: Option<&'a [String]>,
}

/// What tells one token from another.
#[derive(Debug, Serialize)]
pub struct TokenNumber {
    /// Counts the tokens of a process from 1.
    pub generation: u64,
    /// How old it was; null for a token made elsewhere.
    pub age_seconds: Option<u64>,
}

/// Where a permission is held.
#[derive(Debug, Serialize)]
pub struct PermittedIn<'a> {
    /// The permission.
    pub permission: &'a str,
    /// Whether in every division, present and future.
    pub all: bool,
    /// In how many divisions.
    pub total: u64,
    /// Their names, or ids where they have none, as far as they were listed.
    pub names: Vec<&'a str>,
}

/// One thing that is not as it was.
#[derive(Debug, Serialize)]
pub struct Difference<'a> {
    /// What kind of thing.
    pub what: &'static str,
    /// The role, permission, scope or org.
    pub subject: Option<&'a str>,
    /// The division; the id `*` stands for all of them.
    pub division: Option<Division<'a>>,
    /// What differs, in words.
    pub says: String,
}

/// What was found from a moment on.
#[derive(Debug, Serialize)]
pub struct Turn<'a> {
    /// The moment.
    pub at: Time,
    /// What the probe saw.
    pub outcome: &'static str,
    /// Why.
    pub cause: Option<&'static str>,
    /// How sure that is.
    pub confidence: &'static str,
    /// What the diagnosis said.
    pub because: &'a str,
}

/// The end of an episode.
#[derive(Debug, Serialize)]
pub struct Recovery<'a> {
    /// When access was first seen to work again.
    pub at: Time,
    /// What recovered it.
    pub by: &'static str,
    /// Why that is concluded.
    pub because: &'a str,
    /// How the caller stood then.
    pub standing: Standing<'a>,
    /// What differs from when it failed first.
    pub changed: Vec<Difference<'a>>,
}

/// Every episode that went on at `since` or later, the latest first; of the target `only`, or all.
#[must_use]
pub fn timelines<'a>(
    snapshot: &'a Snapshot,
    now: Moment,
    only: Option<&Name>,
    since: Option<Timestamp>,
) -> Timelines<'a> {
    let wanted = |name: &Name| only.is_none_or(|only| only == name);
    let targets = snapshot.targets.iter().filter(|it| wanted(&it.name));
    let checks = targets.flat_map(|target| &target.checks);
    let timelines = checks.map(|check| &check.timeline);
    let went_on = |episode: &&timeline::Episode| {
        let ended = episode.ended.as_ref().map(|recovery| recovery.at);
        since.is_none_or(|since| ended.is_none_or(|ended| ended >= since))
    };
    let all = timelines.clone().flat_map(|timeline| timeline.episodes());
    let mut found: Vec<_> = all.map(AsRef::as_ref).filter(went_on).collect();
    found.sort_by_key(|episode| std::cmp::Reverse(episode.began));
    let left_out = found.len().saturating_sub(MOST_EPISODES);
    found.truncate(MOST_EPISODES);
    Timelines {
        generated_at: Time(now.wall),
        since: since.map(Time),
        episodes: found.into_iter().map(listed).collect(),
        left_out,
        dropped: timelines.map(|timeline| timeline.dropped()).sum(),
    }
}

fn listed(one: &timeline::Episode) -> Listed<'_> {
    Listed {
        target: one.target.as_str(),
        operation: one.operation.label(),
        episode: episode(one),
    }
}

/// The outward shape of an episode.
pub(super) fn episode(episode: &timeline::Episode) -> Episode<'_> {
    Episode {
        id: episode.id,
        began: Time(episode.began),
        ended: episode.ended.as_ref().map(|recovery| Time(recovery.at)),
        last_good: episode.last_good.as_deref().map(standing),
        first_bad: standing(&episode.first_bad),
        changed: episode.changed.iter().map(difference).collect(),
        changes: episode.turns().map(turn).collect(),
        changes_dropped: episode.changes_dropped,
        recovery: episode.ended.as_ref().map(recovery),
        differs: timeline::in_words(&episode.changed),
    }
}

fn standing(standing: &evidence::Standing) -> Standing<'_> {
    Standing {
        at: Time(standing.at),
        queues: standing.queues,
        organization: standing.organization.as_ref().map(Named::shown),
        token: standing.token.map(|token| TokenNumber {
            generation: token.generation,
            age_seconds: token.age.map(|age| age.as_secs()),
        }),
        roles: standing
            .roles
            .as_ref()
            .map(|list| list.iter().map(role).collect()),
        divisions: standing.divisions.as_ref().map(permitted),
        scopes: standing.scopes.as_deref(),
    }
}

fn permitted(permitted: &Permitted) -> PermittedIn<'_> {
    PermittedIn {
        permission: &permitted.permission,
        all: permitted.all,
        total: permitted.total,
        names: permitted.divisions.iter().map(Named::shown).collect(),
    }
}

fn difference(difference: &timeline::Difference) -> Difference<'_> {
    Difference {
        what: difference.slug(),
        subject: difference.subject(),
        division: difference.division().map(|division| Division {
            id: &division.id,
            name: division.name.as_deref(),
        }),
        says: difference.says(),
    }
}

fn turn(turn: &timeline::Turn) -> Turn<'_> {
    Turn {
        at: Time(turn.at),
        outcome: turn.finding.outcome().slug(),
        cause: turn.finding.cause(),
        confidence: turn.confidence.as_str(),
        because: &turn.because,
    }
}

fn recovery(recovery: &timeline::Recovery) -> Recovery<'_> {
    Recovery {
        at: Time(recovery.at),
        by: recovery.by.slug(),
        because: &recovery.because,
        standing: standing(&recovery.standing),
        changed: recovery.changed.iter().map(difference).collect(),
    }
}
