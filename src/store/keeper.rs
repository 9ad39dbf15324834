//! The task that writes: one batch at a time, each on a thread that may wait for the disk.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::file::{Held, Trouble};
use super::{Pending, locked};

/// How long what is no news may wait.
const GATHERED_FOR: Duration = Duration::from_mins(1);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(30);
/// How long a batch may take before that is told.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the last batch, at stop.
const LAST: Duration = Duration::from_secs(5);

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Written,
    Failed,
    /// The file is not there any more; what was in it waits with the batch.
    Gone,
}

/// Writes what the store is told.
#[derive(Debug)]
pub struct Keeper {
    held: Held,
    path: PathBuf,
    pending: Arc<Mutex<Pending>>,
    woken: watch::Receiver<()>,
    /// Whether the last batch failed, which has been told.
    fails: bool,
}

impl Keeper {
    /// Where there is no database yet, that is told, and it is tried again.
    pub(super) fn new(
        held: Result<Held, Trouble>,
        path: PathBuf,
        pending: Arc<Mutex<Pending>>,
        woken: watch::Receiver<()>,
    ) -> Self {
        let (held, why) = match held {
            Ok(held) => (held, None),
            Err(trouble) => (Held::default(), Some(said(trouble))),
        };
        let mut keeper = Self {
            held,
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
        self.held = Held::default();
        self.path = path;
    }

    /// Writes until the store is dropped, then what is left, for which it waits a few seconds;
    /// `counted` is told of every batch whether it was written.
    pub async fn run(mut self, counted: impl Fn(bool)) {
        while self.is_wanted().await {
            self.write(&counted).await;
        }
        let last = async {
            self.write(&counted).await;
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

    /// Writes what there is; where the file is gone, that is a failure, and another one is begun.
    async fn write(&mut self, counted: impl Fn(bool)) {
        let is_idle = locked(&self.pending).is_empty();
        if is_idle && !self.held.is_open() {
            return;
        }
        let mut done = self.write_batch().await;
        if done == Done::Gone {
            counted(false);
            done = self.write_batch().await;
        } else if is_idle && done == Done::Written {
            return;
        }
        counted(done == Done::Written);
    }

    async fn write_batch(&mut self) -> Done {
        let batch = Arc::new(std::mem::take(&mut *locked(&self.pending)));
        let (mut held, path) = (std::mem::take(&mut self.held), self.path.clone());
        let given = Arc::clone(&batch);
        let mut work = JoinSet::new();
        work.spawn_blocking(move || {
            let written = held.write(&path, &given);
            (held, written)
        });
        let mut done = tokio::time::timeout(DEADLINE, work.join_next()).await;
        if done.is_err() {
            self.tell_failure("the disk does not answer");
            done = Ok(work.join_next().await);
        }
        let why = match done {
            Ok(Some(Ok((held, written)))) => {
                self.held = held;
                match written {
                    Ok(()) => {
                        self.tell_success();
                        return Done::Written;
                    }
                    Err(Trouble::Gone(rescued)) => {
                        self.tell_gone(rescued.is_some());
                        let mut pending = locked(&self.pending);
                        pending.put_back(&batch);
                        pending.put_back(&rescued.unwrap_or_default());
                        return Done::Gone;
                    }
                    Err(trouble) => said(trouble),
                }
            }
            Ok(Some(Err(error))) => error.to_string(),
            Ok(None) | Err(_) => "nothing was done".to_owned(),
        };
        locked(&self.pending).put_back(&batch);
        self.tell_failure(&why);
        Done::Failed
    }

    /// Closing writes, too.
    async fn close(&mut self) {
        let held = std::mem::take(&mut self.held);
        let mut work = JoinSet::new();
        work.spawn_blocking(move || drop(held));
        work.join_next().await;
    }

    fn tell_gone(&self, is_rescued: bool) {
        let what = if is_rescued {
            "with everything that was in it"
        } else {
            "without what was in it, which cannot be read any more"
        };
        tracing::warn!(
            path = %self.path.display(),
            "{} is not the file any more that was written to, or is gone: a new one is begun, {what}",
            self.path.display()
        );
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
        Trouble::Gone(_) => "it is gone".to_owned(),
    }
}
