//! The task that writes: one batch at a time, each on a thread that may wait for the disk.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::Database;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::file::{Trouble, write};
use super::{Pending, locked};

/// How long what is no news may wait.
const GATHERED_FOR: Duration = Duration::from_mins(1);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(30);
/// How long a batch may take before that is told.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the last batch, at stop.
const LAST: Duration = Duration::from_secs(5);

/// Writes what the store is told.
#[derive(Debug)]
pub struct Keeper {
    database: Option<Database>,
    path: PathBuf,
    pending: Arc<Mutex<Pending>>,
    woken: watch::Receiver<()>,
    /// Whether the last batch failed, which has been told.
    fails: bool,
}

impl Keeper {
    /// Where there is no database yet, that is told, and it is tried again.
    pub(super) fn new(
        database: Result<Database, Trouble>,
        path: PathBuf,
        pending: Arc<Mutex<Pending>>,
        woken: watch::Receiver<()>,
    ) -> Self {
        let (database, why) = match database {
            Ok(database) => (Some(database), None),
            Err(trouble) => (None, Some(said(trouble))),
        };
        let mut keeper = Self {
            database,
            path,
            pending,
            woken,
            fails: false,
        };
        if let Some(why) = why {
            keeper.tell_failure(&why);
        }
        keeper
    }

    /// The file is gone, and another one is to be written.
    #[cfg(test)]
    pub(super) fn lose_the_disk(&mut self, path: PathBuf) {
        self.database = None;
        self.path = path;
    }

    /// Writes until the store is dropped, then what is left, for which it waits a few seconds;
    /// `counted` is told of every batch whether it was written.
    pub async fn run(mut self, counted: impl Fn(bool)) {
        while self.is_wanted().await {
            if !locked(&self.pending).is_empty() {
                counted(self.write().await);
            }
        }
        let last = async {
            if !locked(&self.pending).is_empty() {
                counted(self.write().await);
            }
            self.close().await;
        };
        if tokio::time::timeout(LAST, last).await.is_err() {
            tracing::warn!("stopped before the latest changes were written");
        }
    }

    /// Waits until there may be something to write; false when there will be nothing more.
    async fn is_wanted(&mut self) -> bool {
        let pause = if self.fails { RETRY } else { GATHERED_FOR };
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return true,
                changed = self.woken.changed() => match changed {
                    Err(_) => return false,
                    Ok(()) if !self.fails => return true,
                    Ok(()) => {}
                },
            }
        }
    }

    async fn write(&mut self) -> bool {
        let batch = Arc::new(std::mem::take(&mut *locked(&self.pending)));
        let (database, path) = (self.database.take(), self.path.clone());
        let given = Arc::clone(&batch);
        let mut work = JoinSet::new();
        work.spawn_blocking(move || write(database, &path, &given));
        let mut done = tokio::time::timeout(DEADLINE, work.join_next()).await;
        if done.is_err() {
            self.tell_failure("the disk does not answer");
            done = Ok(work.join_next().await);
        }
        let why = match done {
            Ok(Some(Ok(Ok(database)))) => {
                self.database = Some(database);
                self.tell_success();
                return true;
            }
            Ok(Some(Ok(Err(trouble)))) => said(trouble),
            Ok(Some(Err(error))) => error.to_string(),
            Ok(None) | Err(_) => "nothing was done".to_owned(),
        };
        locked(&self.pending).put_back(&batch);
        self.tell_failure(&why);
        false
    }

    /// Closing writes, too.
    async fn close(&mut self) {
        let database = self.database.take();
        let mut work = JoinSet::new();
        work.spawn_blocking(move || drop(database));
        work.join_next().await;
    }

    fn tell_failure(&mut self, why: &str) {
        if !self.fails {
            tracing::warn!(
                path = %self.path.display(),
                "changes cannot be written to {}: {why}; they are kept in memory, and writing is tried again",
                self.path.display()
            );
        }
        self.fails = true;
    }

    fn tell_success(&mut self) {
        if self.fails {
            tracing::info!(
                path = %self.path.display(),
                "changes are written to {} again",
                self.path.display()
            );
        }
        self.fails = false;
    }
}

fn said(trouble: Trouble) -> String {
    match trouble {
        Trouble::Locked => "another process uses it".to_owned(),
        Trouble::NoRoom(error) | Trouble::Io(error) => error.to_string(),
        Trouble::Unusable(why) => why,
    }
}
