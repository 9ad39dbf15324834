//! What outlives the process: episodes, and how callers stood when access last worked.
//!
//! One file in the directory that `server.state_dir` names. It is read once, at the start; after
//! that the recorder says what is new and never waits: what is to be written is a table with the
//! latest value of each record, so that it cannot grow beyond what is kept in memory anyway, and
//! nothing is lost while the disk is slow or fails. One task writes it. Nothing here decides what
//! an episode is.

mod file;
mod keeper;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;

use crate::evidence::Standing;
use crate::target::{Name, Operation};
use crate::timeline::Episode;

pub use keeper::Keeper;

/// The name of the file.
const FILE: &str = "why403.redb";

/// Most episodes, and most standings, of targets that are no longer configured.
const MOST_STRANGERS: usize = 1_000;

/// Why there is no store.
///
/// The messages name the reason themselves, so it is no `source`: a report of the whole chain would
/// say it twice.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The directory cannot be made.
    #[error(
        "cannot make the directory {}: {reason}; name one that why403 may write to in server.state_dir",
        path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file cannot be opened.
    #[error(
        "cannot open {}: {reason}; why403 must be able to write to it and to its directory \
         (server.state_dir)",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// Another process has the file.
    #[error(
        "{} is in use by another process; stop it, or give each its own server.state_dir",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be used, and cannot be set aside.
    #[error(
        "{} cannot be used ({why}) and cannot be renamed: {reason}; move it away by hand",
        path.display()
    )]
    Aside {
        /// The file.
        path: PathBuf,
        /// Why it cannot be used.
        why: String,
        /// Why it cannot be renamed.
        reason: io::Error,
    },
}

impl StoreError {
    fn of(path: &Path, trouble: file::Trouble) -> Self {
        let path = path.to_owned();
        match trouble {
            file::Trouble::Locked => Self::Locked { path },
            file::Trouble::NoRoom(reason) | file::Trouble::Io(reason) => {
                Self::File { path, reason }
            }
            file::Trouble::Unusable(why) => Self::File {
                path,
                reason: io::Error::other(why),
            },
            file::Trouble::Gone(_) => Self::File {
                path,
                reason: ErrorKind::NotFound.into(),
            },
        }
    }
}

/// Opens the store in `directory`, which is made if it is missing, and reads it.
///
/// A file that is broken, of another version or of another program is renamed and a new one
/// begun; that is told in the log.
///
/// # Errors
/// [`StoreError`] says which path, why, and what to do.
pub fn open(directory: &Path, now: Timestamp) -> Result<(Store, Keeper, Recalled), StoreError> {
    let file::Opened { held, recalled } = file::open(directory, now)?;
    let pending: Arc<Mutex<Pending>> = Arc::default();
    let (news, woken) = watch::channel(());
    let keeper = Keeper::new(held, directory.join(FILE), Arc::clone(&pending), woken);
    Ok((Store { pending, news }, keeper, recalled))
}

/// Where the recorder says what is new; the [`Keeper`] ends when this is dropped.
#[derive(Debug)]
pub struct Store {
    pending: Arc<Mutex<Pending>>,
    news: watch::Sender<()>,
}

impl Store {
    /// Keeps an episode, in place of what was kept of it.
    pub fn keep(&self, episode: &Arc<Episode>) {
        let key = (
            episode.target.clone(),
            episode.operation.label(),
            episode.id,
        );
        let episode = Some(Arc::clone(episode));
        locked(&self.pending).episodes.insert(key, episode);
        self.news.send_replace(());
    }

    /// Forgets an episode.
    pub fn forget(&self, target: &Name, operation: &Operation, id: u64) {
        let key = (target.clone(), operation.label(), id);
        locked(&self.pending).episodes.insert(key, None);
        self.news.send_replace(());
    }

    /// Keeps how the caller stood when access last worked: at once if it `is_news`, else with
    /// whatever is written next, or within a minute.
    pub fn good(&self, target: &Name, operation: &Operation, good: Arc<Standing>, is_news: bool) {
        let key = (target.clone(), operation.label());
        locked(&self.pending).good.insert(key, Some(good));
        if is_news {
            self.news.send_replace(());
        }
    }

    /// Forgets what is too much of targets that are no longer configured: what is left in
    /// `recalled`. The rest stays on disk, for when they are configured again.
    pub fn forget_strangers(&self, recalled: &Recalled) {
        let mut episodes: Vec<&Episode> = recalled
            .of
            .values()
            .flat_map(|past| &past.episodes)
            .collect();
        episodes.sort_by_key(|episode| std::cmp::Reverse(episode.began));
        for episode in episodes.into_iter().skip(MOST_STRANGERS) {
            self.forget(&episode.target, episode.operation, episode.id);
        }
        let good = recalled.of.iter().filter(|(_, past)| past.good.is_some());
        for ((target, operation), _) in good.skip(MOST_STRANGERS) {
            if let Ok(target) = Name::new(target) {
                let key = (target, operation.clone());
                locked(&self.pending).good.insert(key, None);
            }
        }
    }
}

/// What is known of earlier runs, by target and operation.
#[derive(Debug, Default)]
pub struct Recalled {
    of: HashMap<(String, String), Past>,
}

impl Recalled {
    /// Takes out what is known of one operation of one target.
    pub fn take(&mut self, target: &Name, operation: &Operation) -> Past {
        let key = (target.as_str().to_owned(), operation.label());
        self.of.remove(&key).unwrap_or_default()
    }

    fn past(&mut self, target: &str, operation: &str) -> &mut Past {
        let key = (target.to_owned(), operation.to_owned());
        self.of.entry(key).or_default()
    }

    /// All of it, to be written to another file.
    fn into_pending(self) -> Pending {
        let mut pending = Pending::default();
        for ((target, operation), past) in self.of {
            let Ok(target) = Name::new(&target) else {
                continue;
            };
            for episode in past.episodes {
                let key = (target.clone(), operation.clone(), episode.id);
                pending.episodes.insert(key, Some(Arc::new(episode)));
            }
            if let Some(good) = past.good {
                let key = (target, operation);
                pending.good.insert(key, Some(Arc::new(good)));
            }
        }
        pending
    }
}

/// What is known of earlier runs about one operation of one target.
#[derive(Debug, Default)]
pub struct Past {
    /// Its episodes.
    pub episodes: Vec<Episode>,
    /// How the caller stood when access last worked.
    pub good: Option<Standing>,
}

/// What is to be written: the latest value of each record, or none where it is to be removed.
#[derive(Debug, Default)]
struct Pending {
    episodes: BTreeMap<(Name, String, u64), Option<Arc<Episode>>>,
    good: BTreeMap<(Name, String), Option<Arc<Standing>>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.episodes.is_empty() && self.good.is_empty()
    }

    /// Puts back what was not written, unless there is something newer.
    fn put_back(&mut self, older: &Self) {
        for (key, value) in &older.episodes {
            let entry = self.episodes.entry(key.clone());
            entry.or_insert_with(|| value.clone());
        }
        for (key, value) in &older.good {
            let entry = self.good.entry(key.clone());
            entry.or_insert_with(|| value.clone());
        }
    }
}

fn locked(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
