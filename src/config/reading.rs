//! Files that are read again and again, on disks that may be dead.

use std::time::Duration;

use thiserror::Error;
use tokio::task::{JoinHandle, spawn_blocking};

/// Longest time to read or to replace what is in files.
pub const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// One read at a time: one that hangs, as on a dead disk, keeps a thread until it ends, and one
/// thread is enough.
#[derive(Debug)]
pub struct Reading<T> {
    under_way: Option<JoinHandle<T>>,
}

/// Why a read brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unread {
    /// It goes on.
    #[error("cannot be read in time")]
    Late,
    /// It panicked.
    #[error("cannot be read: the read ended early")]
    Ended,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self { under_way: None }
    }
}

impl<T: Send + 'static> Reading<T> {
    /// Waits for the read that is under way, else for a new one; what an older one brings is what
    /// was there when it began.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn again(&mut self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, Unread> {
        let under_way = self.under_way.get_or_insert_with(|| spawn_blocking(read));
        let Ok(ended) = tokio::time::timeout(FILE_TIMEOUT, under_way).await else {
            return Err(Unread::Late);
        };
        self.under_way = None;
        ended.map_err(|_| Unread::Ended)
    }

    /// One that has begun.
    #[cfg(test)]
    pub(crate) fn begun(read: impl FnOnce() -> T + Send + 'static) -> Self {
        Self {
            under_way: Some(spawn_blocking(read)),
        }
    }

    /// Which read is under way.
    #[cfg(test)]
    pub(crate) fn id(&self) -> Option<tokio::task::Id> {
        self.under_way.as_ref().map(JoinHandle::id)
    }

    /// Whether a read has not ended yet.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}
