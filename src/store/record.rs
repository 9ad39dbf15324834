//! Records as they stand on disk: versioned JSON, apart from the inner types, which stay free.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnosis::{Cause, Confidence, Finding, Outcome};
use crate::evidence::{Named, Permitted, RoleIn, Standing, TokenAge};
use crate::target::{Name, Operation};
use crate::timeline::{Counts, Difference, Episode, Held, RecoveredBy, Recovery, Turn};

/// The version of the records that this version writes and reads.
const VERSION: u32 = 1;

/// An episode; target, operation and id are the key that it stands under.
#[derive(Debug, Serialize, Deserialize)]
struct EpisodeRecord {
    version: u32,
    began: Timestamp,
    last_good: Option<StandingRecord>,
    first_bad: StandingRecord,
    changed: Vec<DifferenceRecord>,
    first: TurnRecord,
    changes: Vec<TurnRecord>,
    changes_dropped: u64,
    restarted: bool,
    ended: Option<RecoveryRecord>,
}

/// How a caller stood when access last worked.
#[derive(Debug, Serialize, Deserialize)]
struct GoodRecord {
    version: u32,
    standing: StandingRecord,
}

#[derive(Debug, Serialize, Deserialize)]
struct StandingRecord {
    at: Timestamp,
    token: Option<TokenRecord>,
    queues: Option<u64>,
    organization: Option<NamedRecord>,
    roles: Option<Vec<RoleRecord>>,
    divisions: Option<HeldRecord>,
    scopes: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TokenRecord {
    generation: u64,
    age_milliseconds: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct NamedRecord {
    id: String,
    name: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RoleRecord {
    role: NamedRecord,
    division: NamedRecord,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeldRecord {
    permission: String,
    all: bool,
    total: u64,
    divisions: Vec<NamedRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum DifferenceRecord {
    RoleLost(RoleRecord),
    RoleGained(RoleRecord),
    PermissionLost(PlaceRecord),
    PermissionGained(PlaceRecord),
    ScopeLost { scope: String },
    ScopeGained { scope: String },
    TokenReplaced { from: u64, to: u64 },
    Queues { from: u64, to: u64 },
    Organization { from: NamedRecord, to: NamedRecord },
}

#[derive(Debug, Serialize, Deserialize)]
struct PlaceRecord {
    permission: String,
    division: NamedRecord,
}

#[derive(Debug, Serialize, Deserialize)]
struct TurnRecord {
    at: Timestamp,
    /// The slug of the cause or outcome; no two have the same.
    found: String,
    confidence: String,
    because: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecoveryRecord {
    at: Timestamp,
    standing: StandingRecord,
    changed: Vec<DifferenceRecord>,
    by: String,
    because: String,
}

/// What stands on disk for an episode.
///
/// # Errors
/// None that a value of ours can cause.
pub(super) fn write_episode(episode: &Episode) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&EpisodeRecord {
        version: VERSION,
        began: episode.began,
        last_good: episode.last_good.as_deref().map(standing),
        first_bad: standing(&episode.first_bad),
        changed: episode.changed.iter().map(difference).collect(),
        first: turn(&episode.first),
        changes: episode.changes.iter().map(turn).collect(),
        changes_dropped: episode.changes_dropped,
        restarted: episode.restarted,
        ended: episode.ended.as_ref().map(recovery),
    })
}

/// The episode in a record; none where it uses words that this version does not know.
///
/// # Errors
/// When it is no record of ours.
pub(super) fn read_episode(
    (target, operation, id): (&str, &str, u64),
    bytes: &[u8],
) -> serde_json::Result<Option<Episode>> {
    let record: EpisodeRecord = serde_json::from_slice(bytes)?;
    Ok(record.read(target, operation, id))
}

/// What stands on disk for a good standing.
///
/// # Errors
/// None that a value of ours can cause.
pub(super) fn write_good(good: &Standing) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&GoodRecord {
        version: VERSION,
        standing: standing(good),
    })
}

/// The standing in a record; none where it is of another version.
///
/// # Errors
/// When it is no record of ours.
pub(super) fn read_good(bytes: &[u8]) -> serde_json::Result<Option<Standing>> {
    let record: GoodRecord = serde_json::from_slice(bytes)?;
    Ok((record.version == VERSION).then(|| record.standing.read()))
}

impl EpisodeRecord {
    fn read(self, target: &str, operation: &str, id: u64) -> Option<Episode> {
        if self.version != VERSION {
            return None;
        }
        let changes = self.changes.into_iter().map(TurnRecord::read);
        let ended = match self.ended {
            Some(ended) => Some(ended.read()?),
            None => None,
        };
        Some(Episode {
            id,
            target: Name::new(target).ok()?,
            operation: Operation::find(operation)?,
            began: self.began,
            last_good: self.last_good.map(|it| Arc::new(it.read())),
            first_bad: Arc::new(self.first_bad.read()),
            changed: differences(self.changed),
            first: self.first.read()?,
            changes: changes.collect::<Option<_>>()?,
            changes_dropped: self.changes_dropped,
            restarted: self.restarted,
            ended,
        })
    }
}

impl StandingRecord {
    fn read(self) -> Standing {
        let roles = |list: Vec<RoleRecord>| list.into_iter().map(RoleRecord::read).collect();
        Standing {
            at: self.at,
            token: self.token.map(|token| TokenAge {
                generation: token.generation,
                age: token.age_milliseconds.map(Duration::from_millis),
            }),
            queues: self.queues,
            organization: self.organization.map(NamedRecord::read),
            roles: self.roles.map(roles),
            divisions: self.divisions.map(|held| Permitted {
                permission: held.permission,
                all: held.all,
                total: held.total,
                divisions: held.divisions.into_iter().map(NamedRecord::read).collect(),
            }),
            scopes: self.scopes,
        }
    }
}

impl NamedRecord {
    fn read(self) -> Named {
        Named {
            id: self.id,
            name: self.name,
        }
    }
}

impl RoleRecord {
    fn read(self) -> RoleIn {
        RoleIn {
            role: self.role.read(),
            division: self.division.read(),
        }
    }
}

impl PlaceRecord {
    fn read(self) -> Held {
        Held {
            permission: self.permission,
            division: self.division.read(),
        }
    }
}

impl TurnRecord {
    fn read(self) -> Option<Turn> {
        let outcome = || Outcome::find(&self.found).map(Finding::Other);
        let finding = Cause::find(&self.found).map(Finding::Forbidden);
        let levels = [Confidence::Possible, Confidence::Likely, Confidence::Proven];
        let is_named = |level: &Confidence| level.as_str() == self.confidence;
        Some(Turn {
            at: self.at,
            finding: finding.or_else(outcome)?,
            confidence: levels.into_iter().find(is_named)?,
            because: self.because,
        })
    }
}

impl RecoveryRecord {
    fn read(self) -> Option<Recovery> {
        Some(Recovery {
            at: self.at,
            standing: Arc::new(self.standing.read()),
            changed: differences(self.changed),
            by: RecoveredBy::find(&self.by)?,
            because: self.because,
        })
    }
}

fn standing(standing: &Standing) -> StandingRecord {
    let milliseconds = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    StandingRecord {
        at: standing.at,
        token: standing.token.map(|token| TokenRecord {
            generation: token.generation,
            age_milliseconds: token.age.map(milliseconds),
        }),
        queues: standing.queues,
        organization: standing.organization.as_ref().map(named),
        roles: standing
            .roles
            .as_ref()
            .map(|list| list.iter().map(role).collect()),
        divisions: standing.divisions.as_ref().map(|held| HeldRecord {
            permission: held.permission.clone(),
            all: held.all,
            total: held.total,
            divisions: held.divisions.iter().map(named).collect(),
        }),
        scopes: standing.scopes.clone(),
    }
}

fn named(named: &Named) -> NamedRecord {
    NamedRecord {
        id: named.id.clone(),
        name: named.name.clone(),
    }
}

fn role(one: &RoleIn) -> RoleRecord {
    RoleRecord {
        role: named(&one.role),
        division: named(&one.division),
    }
}

fn place(held: &Held) -> PlaceRecord {
    PlaceRecord {
        permission: held.permission.clone(),
        division: named(&held.division),
    }
}

fn turn(turn: &Turn) -> TurnRecord {
    let found = turn.finding.cause();
    TurnRecord {
        at: turn.at,
        found: found.unwrap_or(Outcome::Ok.slug()).to_owned(),
        confidence: turn.confidence.as_str().to_owned(),
        because: turn.because.clone(),
    }
}

fn recovery(recovery: &Recovery) -> RecoveryRecord {
    RecoveryRecord {
        at: recovery.at,
        standing: standing(&recovery.standing),
        changed: recovery.changed.iter().map(difference).collect(),
        by: recovery.by.slug().to_owned(),
        because: recovery.because.clone(),
    }
}

fn difference(one: &Difference) -> DifferenceRecord {
    use DifferenceRecord as R;
    match one {
        Difference::RoleLost(one) => R::RoleLost(role(one)),
        Difference::RoleGained(one) => R::RoleGained(role(one)),
        Difference::PermissionLost(held) => R::PermissionLost(place(held)),
        Difference::PermissionGained(held) => R::PermissionGained(place(held)),
        Difference::ScopeLost(scope) => R::ScopeLost {
            scope: scope.clone(),
        },
        Difference::ScopeGained(scope) => R::ScopeGained {
            scope: scope.clone(),
        },
        Difference::TokenReplaced(Counts { from, to }) => R::TokenReplaced {
            from: *from,
            to: *to,
        },
        Difference::Queues(Counts { from, to }) => R::Queues {
            from: *from,
            to: *to,
        },
        Difference::Organization { from, to } => R::Organization {
            from: named(from),
            to: named(to),
        },
    }
}

fn differences(records: Vec<DifferenceRecord>) -> Vec<Difference> {
    use DifferenceRecord as R;
    let read = |record| match record {
        R::RoleLost(one) => Difference::RoleLost(one.read()),
        R::RoleGained(one) => Difference::RoleGained(one.read()),
        R::PermissionLost(held) => Difference::PermissionLost(held.read()),
        R::PermissionGained(held) => Difference::PermissionGained(held.read()),
        R::ScopeLost { scope } => Difference::ScopeLost(scope),
        R::ScopeGained { scope } => Difference::ScopeGained(scope),
        R::TokenReplaced { from, to } => Difference::TokenReplaced(Counts { from, to }),
        R::Queues { from, to } => Difference::Queues(Counts { from, to }),
        R::Organization { from, to } => Difference::Organization {
            from: from.read(),
            to: to.read(),
        },
    };
    records.into_iter().map(read).collect()
}
