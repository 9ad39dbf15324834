//! Reads the configuration again: when somebody asks for it, and when its file has changed, or that
//! of the certificate authorities which it names.
//!
//! The files' content is looked at, not their times: a mounted `ConfigMap` is swapped by a link, and
//! editors write a file piece by piece.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::config::{self, Loaded, Problems, Sources, TlsRoots};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long they must have been the same before they are taken for whole.
const SETTLED: Duration = Duration::from_secs(1);
/// How often what goes on changing is looked at before it is read as it is.
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

/// Reads until whoever wants to know is gone; `roots` are those of the configuration in use.
pub(super) async fn run(
    mut reloads: Reloads,
    mut roots: TlsRoots,
    clock: Clock,
    read: mpsc::Sender<Read>,
) {
    // What the authorities were when they were read, which is a moment ago.
    let mut known = Content {
        file: content(&reloads.sources, &roots).await.file,
        roots: roots.digest(),
    };
    // What was wrong the last time: the reason may lie in another file, which is mended later.
    let mut wrong: Option<String> = None;
    loop {
        let due = clock.now().elapsed.saturating_add(LOOK);
        let is_asked = tokio::select! {
            Some(()) = reloads.asked.recv() => true,
            () = clock.sleep_until(due) => false,
        };
        let is_same = !is_asked && content(&reloads.sources, &roots).await == known;
        if is_same && wrong.is_none() {
            continue;
        }
        if !is_same {
            known = settled(&reloads.sources, &roots, &clock).await;
        }
        while reloads.asked.try_recv().is_ok() {}
        let sources = reloads.sources.clone();
        let Ok(loaded) = spawn_blocking(move || config::load(&sources)).await else {
            continue;
        };
        if let Ok(loaded) = &loaded {
            roots = loaded.config.network.tls_roots.clone();
            known.roots = roots.digest();
        }
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

/// Digests of the files; none of one that there is not, or that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    file: Option<[u8; 32]>,
    roots: Option<[u8; 32]>,
}

/// The content when it has been the same for a moment.
async fn settled(sources: &Sources, roots: &TlsRoots, clock: &Clock) -> Content {
    let mut before = content(sources, roots).await;
    for _ in 0..MOST_LOOKS {
        let later = clock.now().elapsed.saturating_add(SETTLED);
        clock.sleep_until(later).await;
        let now = content(sources, roots).await;
        if now == before {
            break;
        }
        before = now;
    }
    before
}

async fn content(sources: &Sources, roots: &TlsRoots) -> Content {
    let (sources, roots) = (sources.clone(), roots.clone());
    let read = spawn_blocking(move || Content {
        file: config::read_file(&sources).map(|bytes| Sha256::digest(&bytes).into()),
        roots: config::read_roots(&roots),
    });
    read.await.unwrap_or(Content {
        file: None,
        roots: None,
    })
}
