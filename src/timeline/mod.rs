//! What changed: episodes of trouble, from the first failure to the recovery.
//!
//! Pure: diagnoses come in, episodes come out. An episode opens at the first finding that is not
//! `ok`, whatever it is, and holds how the caller stood when access last worked and when it
//! failed first, every change of cause, and what recovered it. A rate limit says nothing about
//! access: it neither opens an episode, nor closes or changes one. Everything is capped, and
//! what was dropped is counted.

mod difference;
mod episode;
mod recovery;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::recovery::{End, recovered_by};
use crate::clock::later;
use crate::diagnosis::{Class, Diagnosis, Finding, Outcome};
use crate::evidence::{Standing, printable};

pub use difference::{Counts, Difference, Held, difference, in_words, rights_are_known};
pub use episode::{Episode, RecoveredBy, Recovery, Turn};

/// Most episodes of one operation of one target.
const MOST_EPISODES: usize = 50;
/// Fewest, however many operations are watched.
const FEWEST_EPISODES: usize = 3;
/// Most episodes of all operations together, as long as each may have the fewest: they take 8 KB
/// each.
const MOST_IN_ALL: usize = 4_000;
/// Most changes of one episode.
const MOST_CHANGES: usize = 100;
/// Most characters of what a diagnosis said.
const TEXT_CAP: usize = 600;
/// Most roles, divisions and scopes of a standing that is kept.
const MOST_LISTED: usize = 100;
/// How long after a recovery what is learned about rights still counts as their state then.
const AMENDED_FOR: Duration = Duration::from_mins(15);

/// The episodes of one operation of one target, oldest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    episodes: VecDeque<Arc<Episode>>,
    most: usize,
    dropped: u64,
    /// What the latest episode is judged by, as long as it can change.
    current: Option<Current>,
}

/// What the latest episode is judged by.
#[derive(Clone, Debug)]
struct Current {
    /// How the caller stood when it failed first, uncut.
    first_bad: Arc<Standing>,
    /// How it stood when it failed last; none when no failure was seen since the last start.
    last_bad: Option<Arc<Standing>>,
    /// The last finding that says more than that nothing worked.
    finding: Finding,
    /// A failure that may be a blip between two refusals.
    pending: Option<Turn>,
}

/// What an observation changed, for whoever keeps a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The episode that is new or another now.
    pub episode: Option<Arc<Episode>>,
    /// The ids of episodes that were dropped.
    pub dropped: Vec<u64>,
}

impl Timeline {
    /// One of `count` timelines, empty.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self::with_room_for((MOST_IN_ALL / count.max(1)).clamp(FEWEST_EPISODES, MOST_EPISODES))
    }

    fn with_room_for(most: usize) -> Self {
        Self {
            episodes: VecDeque::new(),
            most: most.max(1),
            dropped: 0,
            current: None,
        }
    }

    /// Goes on with `episodes` of an earlier run; tells the ids of those that have no room.
    ///
    /// One that was open goes on. What is not in order is put in order: of several open ones only
    /// the last can still be open.
    #[must_use]
    pub fn recall(&mut self, mut episodes: Vec<Episode>) -> Vec<u64> {
        episodes.sort_by_key(|episode| episode.id);
        episodes.dedup_by_key(|episode| episode.id);
        let last = episodes.pop().map(|episode| Episode {
            restarted: episode.restarted || episode.ended.is_none(),
            ..episode
        });
        let (closed, broken): (Vec<_>, Vec<_>) =
            episodes.into_iter().partition(|one| one.ended.is_some());
        self.current = last
            .as_ref()
            .filter(|episode| episode.ended.is_none())
            .map(|episode| Current {
                first_bad: Arc::new(without_cut_lists(&episode.first_bad)),
                last_bad: None,
                finding: judged_by(episode),
                pending: None,
            });
        self.episodes = closed.into_iter().chain(last).map(Arc::new).collect();
        let mut dropped = self.forget();
        dropped.extend(broken.iter().map(|episode| episode.id));
        dropped
    }

    /// Takes the room that `other` has; tells the ids of episodes for which it is too small.
    #[must_use]
    pub fn make_room_like(&mut self, other: &Self) -> Vec<u64> {
        self.most = other.most;
        self.forget()
    }

    /// The episodes, the latest first.
    pub fn episodes(&self) -> impl Iterator<Item = &Arc<Episode>> {
        self.episodes.iter().rev()
    }

    /// The episode that goes on, or the last one that ended.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Episode>> {
        self.episodes.back()
    }

    /// How many episodes were dropped because there was no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn is_open(&self) -> bool {
        self.latest().is_some_and(|it| it.ended.is_none())
    }

    /// Takes the next diagnosis into account; `before` is how the caller stood when access last
    /// worked before it.
    pub fn observe(&mut self, diagnosis: &Diagnosis, before: Option<&Arc<Standing>>) -> Recorded {
        let finding = diagnosis.finding;
        let works = finding.outcome() == Outcome::Ok;
        let episode = if finding.outcome().class() == Some(Class::Throttled) {
            None
        } else if works && self.is_open() {
            self.close(diagnosis)
        } else if works {
            self.amend(diagnosis)
        } else if self.is_open() {
            self.go_on(diagnosis)
        } else {
            Some(self.open(diagnosis, before))
        };
        Recorded {
            dropped: self.forget(),
            episode,
        }
    }

    fn open(&mut self, diagnosis: &Diagnosis, before: Option<&Arc<Standing>>) -> Arc<Episode> {
        let latest = self.latest();
        // The wall clock can be set back; episodes do not overlap all the same.
        let ended = latest.map_or(Timestamp::MIN, |episode| episode.latest_at());
        let began = diagnosis.examined_at.max(ended);
        let standing = &diagnosis.standing;
        let first = Turn {
            at: began,
            ..turn(diagnosis)
        };
        let episode = Arc::new(Episode {
            id: latest.map_or(1, |episode| episode.id.saturating_add(1)),
            target: diagnosis.target.clone(),
            operation: diagnosis.operation,
            began,
            last_good: before.map(kept),
            first_bad: Arc::new(cut(standing)),
            changed: before.map_or(Vec::new(), |before| difference(before, standing)),
            changes: Vec::new(),
            changes_dropped: 0,
            restarted: false,
            ended: None,
            first,
        });
        let standing = Arc::new(standing.clone());
        self.current = Some(Current {
            first_bad: Arc::clone(&standing),
            last_bad: Some(standing),
            finding: diagnosis.finding,
            pending: None,
        });
        self.episodes.push_back(Arc::clone(&episode));
        episode
    }

    /// Another failure within the episode.
    fn go_on(&mut self, diagnosis: &Diagnosis) -> Option<Arc<Episode>> {
        let mut episode = Episode::clone(self.latest()?);
        let current = self.current.as_mut()?;
        let standing = &diagnosis.standing;
        let last_bad = match &current.last_bad {
            Some(older) => standing.clone().or(older),
            None => standing.clone(),
        };
        current.last_bad = Some(Arc::new(last_bad));
        if !is_transient(diagnosis) || is_plain(current.finding) {
            current.finding = diagnosis.finding;
        }
        let is_learned = learn(&mut episode, current, standing);
        let turns = current.turns(&episode, diagnosis);
        if turns.is_empty() && !is_learned {
            return None;
        }
        for turn in turns {
            let at = turn.at.max(episode.latest().at);
            episode.changes.push(Turn { at, ..turn });
        }
        let surplus = episode.changes.len().saturating_sub(MOST_CHANGES);
        episode.changes.drain(..surplus);
        let surplus = u64::try_from(surplus).unwrap_or(u64::MAX);
        episode.changes_dropped = episode.changes_dropped.saturating_add(surplus);
        self.replace(episode)
    }

    /// The recovery.
    fn close(&mut self, diagnosis: &Diagnosis) -> Option<Arc<Episode>> {
        let mut episode = Episode::clone(self.latest()?);
        let at = diagnosis.examined_at.max(episode.latest().at);
        let recovery = self.recovery(&diagnosis.standing, at)?;
        let is_final = knows_rights(&diagnosis.standing);
        episode.ended = Some(recovery);
        if is_final {
            self.current = None;
        }
        self.replace(episode)
    }

    /// What is learned soon after a recovery.
    fn amend(&mut self, diagnosis: &Diagnosis) -> Option<Arc<Episode>> {
        self.current.as_ref()?;
        let mut episode = Episode::clone(self.latest()?);
        let ended = episode.ended.as_ref()?;
        let is_late = later(ended.at, AMENDED_FOR) < diagnosis.examined_at;
        let is_known = knows_rights(&diagnosis.standing);
        let standing = without_cut_lists(&ended.standing).or(&diagnosis.standing);
        let recovery = self.recovery(&standing, ended.at)?;
        if is_late || is_known {
            self.current = None;
        }
        if is_late || recovery == *ended {
            return None;
        }
        episode.ended = Some(recovery);
        self.replace(episode)
    }

    fn recovery(&self, standing: &Standing, at: Timestamp) -> Option<Recovery> {
        let current = self.current.as_ref()?;
        // The tokens of two runs are counted from 1 each.
        let is_same_run = !self.latest()?.restarted;
        let first_bad = Standing {
            token: current.first_bad.token.filter(|_| is_same_run),
            ..Standing::clone(&current.first_bad)
        };
        let end = End {
            finding: current.finding,
            first_bad: &first_bad,
            last_bad: current.last_bad.as_deref(),
            now: standing,
        };
        let (by, because) = recovered_by(&end);
        Some(Recovery {
            at,
            changed: difference(&first_bad, standing),
            standing: Arc::new(cut(standing)),
            by,
            because: printable(&because, TEXT_CAP),
        })
    }

    fn replace(&mut self, episode: Episode) -> Option<Arc<Episode>> {
        let episode = Arc::new(episode);
        *self.episodes.back_mut()? = Arc::clone(&episode);
        Some(episode)
    }

    /// Drops what has no room, and tells the ids: the oldest, but where more than half is trouble
    /// with network and platform alone, the oldest of that, so that it does not push out refusals.
    fn forget(&mut self) -> Vec<u64> {
        let mut dropped = Vec::new();
        while self.episodes.len() > self.most {
            let outages = || self.episodes.iter().filter(|one| is_plain(judged_by(one)));
            let is_crowded = outages().count() > self.most.div_ceil(2);
            let first = outages().next().map(|one| one.id);
            let oldest = self.episodes.front().map(|one| one.id);
            let Some(id) = first.filter(|_| is_crowded).or(oldest) else {
                break;
            };
            self.episodes.retain(|one| one.id != id);
            dropped.push(id);
        }
        let count = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        self.dropped = self.dropped.saturating_add(count);
        dropped
    }
}

impl Current {
    /// What is to be added for one more failure.
    ///
    /// The same cause again says nothing new, unless it is surer. A single failure of network or
    /// platform between two refusals is a blip; two in a row are a change.
    fn turns(&mut self, episode: &Episode, diagnosis: &Diagnosis) -> Vec<Turn> {
        let latest = episode.latest();
        let next = turn(diagnosis);
        if next.finding == latest.finding {
            self.pending = None;
            return Vec::from_iter((next.confidence > latest.confidence).then_some(next));
        }
        let is_blip = is_transient(diagnosis) && !is_plain(latest.finding);
        match self.pending.take() {
            None if is_blip => {
                self.pending = Some(next);
                Vec::new()
            }
            Some(first) if is_blip && first.finding == next.finding => vec![first],
            Some(first) if is_blip => vec![first, next],
            _ => vec![next],
        }
    }
}

/// Whether `good` is more than a later look at the same: rights, token or queues are others, or
/// were not known before.
#[must_use]
pub fn is_news(before: Option<&Standing>, good: &Standing) -> bool {
    before.is_none_or(|before| {
        let same = Standing {
            at: before.at,
            token: before.token,
            ..good.clone()
        };
        let number = |standing: &Standing| standing.token.map(|token| token.generation);
        same != *before || number(before) != number(good)
    })
}

/// Adds what the episode's beginning did not know; whether that was anything.
fn learn(episode: &mut Episode, current: &mut Current, standing: &Standing) -> bool {
    let known = Standing::clone(&current.first_bad).or(standing);
    if known == *current.first_bad {
        return false;
    }
    if let Some(good) = &episode.last_good {
        episode.changed = difference(&without_cut_lists(good), &known);
    }
    episode.first_bad = Arc::new(cut(&known));
    current.first_bad = Arc::new(known);
    true
}

fn turn(diagnosis: &Diagnosis) -> Turn {
    Turn {
        at: diagnosis.examined_at,
        finding: diagnosis.finding,
        confidence: diagnosis.confidence,
        because: printable(&diagnosis.summary, TEXT_CAP),
    }
}

/// The last finding that says more than that nothing worked, or the last one.
fn judged_by(episode: &Episode) -> Finding {
    let mut latest = episode.first.finding;
    for turn in &episode.changes {
        if !is_plain(turn.finding) || is_plain(latest) {
            latest = turn.finding;
        }
    }
    latest
}

/// Whether a finding says no more than that network or platform does not work.
fn is_plain(finding: Finding) -> bool {
    matches!(
        finding.outcome().class(),
        Some(Class::Network | Class::Upstream | Class::Unreadable)
    )
}

/// Whether the next probe may well revise it.
fn is_transient(diagnosis: &Diagnosis) -> bool {
    diagnosis.provisional || is_plain(diagnosis.finding)
}

fn knows_rights(standing: &Standing) -> bool {
    standing.roles.is_some() && standing.divisions.is_some()
}

/// The standing itself, or a copy without the end of long lists.
fn kept(standing: &Arc<Standing>) -> Arc<Standing> {
    let short = cut(standing);
    if short == **standing {
        Arc::clone(standing)
    } else {
        Arc::new(short)
    }
}

/// A standing without the end of long lists, which would fill the memory of a fleet.
fn cut(standing: &Standing) -> Standing {
    let mut short = standing.clone();
    short
        .roles
        .iter_mut()
        .for_each(|list| list.truncate(MOST_LISTED));
    short
        .scopes
        .iter_mut()
        .for_each(|list| list.truncate(MOST_LISTED));
    let divisions = short.divisions.iter_mut();
    divisions.for_each(|held| held.divisions.truncate(MOST_LISTED));
    short
}

/// A standing that does not claim to know what may have been cut.
fn without_cut_lists(standing: &Standing) -> Standing {
    let is_whole = |length: usize| length < MOST_LISTED;
    Standing {
        roles: standing.roles.clone().filter(|list| is_whole(list.len())),
        scopes: standing.scopes.clone().filter(|list| is_whole(list.len())),
        ..standing.clone()
    }
}

#[cfg(test)]
mod tests;
