//! Reads the configuration again: when somebody asks for it, and when its file has changed.
//!
//! The file's content is looked at, not its times: a mounted `ConfigMap` is swapped by a link, and
//! editors write a file piece by piece.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::config::{self, Loaded, Problems, Sources};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long a file must have been the same before it is taken for whole.
const SETTLED: Duration = Duration::from_secs(1);
/// How often a file that goes on changing is looked at before it is read as it is.
const MOST_LOOKS: usize = 10;

/// Where the configuration comes from, and who asks to read it again.
#[derive(Debug)]
pub struct Reloads {
    /// As at the start.
    pub sources: Sources,
    /// Each message is a wish to read it again now; many at a time are one.
    pub asked: mpsc::Receiver<()>,
}

/// What was read: a configuration, or everything that is wrong with it.
pub(super) type Read = Result<Loaded, Problems>;

/// Reads until whoever wants to know is gone.
pub(super) async fn run(mut reloads: Reloads, clock: Clock, read: mpsc::Sender<Read>) {
    let mut known = content(&reloads.sources).await;
    // What was wrong the last time: the reason may lie in another file, which is mended later.
    let mut wrong: Option<String> = None;
    loop {
        let due = clock.now().elapsed.saturating_add(LOOK);
        let is_asked = tokio::select! {
            Some(()) = reloads.asked.recv() => true,
            () = clock.sleep_until(due) => false,
        };
        let is_same = !is_asked && content(&reloads.sources).await == known;
        if is_same && wrong.is_none() {
            continue;
        }
        if !is_same {
            known = settled(&reloads.sources, &clock).await;
        }
        while reloads.asked.try_recv().is_ok() {}
        let sources = reloads.sources.clone();
        let Ok(loaded) = spawn_blocking(move || config::load(&sources)).await else {
            continue;
        };
        let now_wrong = loaded.as_ref().err().map(ToString::to_string);
        let is_told = is_same && now_wrong == wrong;
        wrong = now_wrong;
        if is_told {
            continue;
        }
        if read.send(loaded).await.is_err() {
            return;
        }
    }
}

/// A digest of the file; none where there is none to read.
type Content = Option<[u8; 32]>;

/// The content when it has been the same for a moment.
async fn settled(sources: &Sources, clock: &Clock) -> Content {
    let mut before = content(sources).await;
    for _ in 0..MOST_LOOKS {
        let later = clock.now().elapsed.saturating_add(SETTLED);
        clock.sleep_until(later).await;
        let now = content(sources).await;
        if now == before {
            break;
        }
        before = now;
    }
    before
}

async fn content(sources: &Sources) -> Content {
    let sources = sources.clone();
    let read = spawn_blocking(move || config::read_file(&sources));
    let bytes = read.await.ok().flatten()?;
    Some(Sha256::digest(&bytes).into())
}
