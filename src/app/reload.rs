//! Reads the configuration again: when somebody asks for it, and when its file has changed, or that
//! of the certificate authorities which it names.
//!
//! The files' content is looked at, not their times: a mounted `ConfigMap` is swapped by a link, and
//! editors write a file piece by piece.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::{self, Loaded, Problems, Reading, Sources, TlsRoots, Unread};

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
    /// What the file held when it was read: [`Loaded::file`].
    pub file: Option<[u8; 32]>,
    /// Each message is a wish to read it again now; many at a time are one.
    pub asked: mpsc::Receiver<()>,
}

/// What was read: a configuration, or what is wrong with it.
pub(super) type Read = Result<Loaded, String>;

/// Reads until whoever wants to know is gone; `roots` are those of the configuration in use.
pub(super) async fn run(
    mut reloads: Reloads,
    roots: TlsRoots,
    clock: Clock,
    read: mpsc::Sender<Read>,
) {
    let known = Content {
        file: reloads.file,
        roots: roots.digest(),
    };
    let mut files = Files {
        sources: reloads.sources,
        roots,
        clock: clock.clone(),
        known,
        looks: Reading::default(),
        loads: Reading::default(),
    };
    // What was wrong the last time: the reason may lie in another file, which is mended later.
    let mut wrong: Option<String> = None;
    loop {
        let due = clock.now().elapsed.saturating_add(LOOK);
        let is_asked = tokio::select! {
            Some(()) = reloads.asked.recv() => true,
            () = clock.sleep_until(due) => false,
        };
        let is_same = if is_asked {
            Ok(false)
        } else {
            files.are_the_same().await
        };
        if is_same == Ok(true) && wrong.is_none() {
            continue;
        }
        let again = async {
            if !is_same? {
                files.settle().await?;
            }
            while reloads.asked.try_recv().is_ok() {}
            files.load().await
        };
        let loaded = again.await;
        // What cannot be read in time has not changed, as far as anybody can tell.
        let is_known = is_same == Ok(true) || (loaded.is_err() && !is_asked);
        let loaded = loaded.unwrap_or_else(|why| Err(format!("a file of it {why}")));
        let now_wrong = loaded.as_ref().err().cloned();
        let is_told = is_known && now_wrong == wrong;
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

/// The files of the configuration, and what they held when it was read.
///
/// A disk that is dead keeps a thread for each kind of read, and nobody waits for it for long.
struct Files {
    sources: Sources,
    /// Those of the configuration that was read last and good.
    roots: TlsRoots,
    clock: Clock,
    known: Content,
    looks: Reading<Content>,
    loads: Reading<Result<Loaded, Problems>>,
}

impl Files {
    async fn are_the_same(&mut self) -> Result<bool, Unread> {
        Ok(self.look().await? == self.known)
    }

    async fn look(&mut self) -> Result<Content, Unread> {
        let (sources, roots) = (self.sources.clone(), self.roots.clone());
        let look = move || Content {
            file: config::read_file(&sources),
            roots: config::read_roots(&roots),
        };
        self.looks.again(look).await
    }

    /// Waits until the content has been the same for a moment.
    async fn settle(&mut self) -> Result<(), Unread> {
        let mut before = self.look().await?;
        for _ in 0..MOST_LOOKS {
            let later = self.clock.now().elapsed.saturating_add(SETTLED);
            self.clock.sleep_until(later).await;
            let now = self.look().await?;
            if now == before {
                break;
            }
            before = now;
        }
        self.known = before;
        Ok(())
    }

    async fn load(&mut self) -> Result<Read, Unread> {
        let sources = self.sources.clone();
        let loaded = self.loads.again(move || config::load(&sources)).await?;
        if let Ok(loaded) = &loaded {
            self.roots = loaded.config.network.tls_roots.clone();
            self.known.roots = self.roots.digest();
        }
        Ok(loaded.map_err(|problems| problems.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use tokio::runtime;
    use tokio::task::{JoinSet, spawn_blocking};
    use tokio::time::advance;

    use super::*;
    use crate::config::Environment;

    /// Between the two nobody looked.
    #[tokio::test(start_paused = true)]
    async fn what_changed_after_it_was_read_at_the_start_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("why403.toml");
        std::fs::write(&path, "").unwrap();
        let sources = Sources {
            file: Some(path.clone()),
            environment: Environment::from_pairs([
                ("GENESYS_CLOUD_CLIENT_ID", "id"),
                ("GENESYS_CLOUD_CLIENT_SECRET", "secret"),
            ]),
            ..Sources::default()
        };
        let file = config::load(&sources).unwrap().file;
        std::fs::write(&path, "[probe]\ninterval = \"77s\"\n").unwrap();
        let (_asking, asked) = mpsc::channel(1);
        let (sender, mut read) = mpsc::channel(1);
        let reloads = Reloads {
            sources,
            file,
            asked,
        };
        let clock = Clock::simulated("2026-03-02T12:00:00Z".parse().unwrap());
        let mut running = JoinSet::new();
        running.spawn(run(reloads, TlsRoots::Bundled, clock, sender));
        tokio::time::sleep(LOOK * 2).await;
        let loaded = read.try_recv().unwrap().unwrap();
        assert_eq!(loaded.config.probe.interval, Duration::from_secs(77));
        tokio::time::sleep(LOOK * 2).await;
        assert!(read.try_recv().is_err(), "nothing has changed since");
    }

    /// As on a dead disk: no thread is free for a read, and none ends.
    #[test]
    fn a_configuration_that_cannot_be_read_in_time_is_told_once_and_read_later() {
        let mut builder = runtime::Builder::new_current_thread();
        let builder = builder.enable_all().max_blocking_threads(1);
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (asking, asked) = mpsc::channel(1);
            let (sender, mut read) = mpsc::channel(1);
            let clock = Clock::simulated("2026-03-02T12:00:00Z".parse().unwrap());
            let sources = Sources {
                environment: Environment::from_pairs([
                    ("GENESYS_CLOUD_CLIENT_ID", "id"),
                    ("GENESYS_CLOUD_CLIENT_SECRET", "secret"),
                ]),
                ..Sources::default()
            };
            let file = None;
            let reloads = Reloads {
                sources,
                file,
                asked,
            };
            let mut running = JoinSet::new();
            running.spawn(run(reloads, TlsRoots::Bundled, clock, sender));
            tokio::time::sleep(LOOK * 2).await;
            assert!(read.try_recv().is_err(), "nothing has changed");
            let (end, hangs) = blocking::channel::<()>();
            let disk = spawn_blocking(move || hangs.recv());
            let told = "a file of it cannot be read in time";
            for is_asked in [false, true] {
                if is_asked {
                    asking.send(()).await.unwrap();
                }
                for _ in 0..120 {
                    advance(Duration::from_secs(1)).await;
                    tokio::task::yield_now().await;
                }
                let unread = read.try_recv().unwrap();
                assert_eq!(unread.err().as_deref(), Some(told));
                assert!(read.try_recv().is_err(), "it is told once");
            }
            end.send(()).unwrap();
            disk.await.unwrap().unwrap();
            assert!(read.recv().await.unwrap().is_ok());
        });
    }
}
