//! `why403 diagnose --watch`: looks again until what is wrong is mended, and tells how it goes.
//!
//! Progress goes to standard error, so that standard output holds diagnoses only.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::Format;
use super::diagnose::show;
use super::output::{Ticker, say};
use super::signals;
use crate::app::StopSignal;
use crate::clock::Clock;
use crate::config::format_duration;
use crate::http::{text, wire};
use crate::monitor::Monitor;
use crate::monitor::verify::{Wish, is_wanting};
use crate::snapshot::Snapshot;
use crate::target::Name;

/// Time from the first diagnosis to the next look: its token is as good as new until then.
const DELAY: Duration = Duration::from_secs(10);

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watching {
    pub(super) limit: Duration,
    pub(super) format: Format,
    pub(super) color: bool,
}

impl Watching {
    /// Watches every target with which something is wrong, and returns the latest state.
    ///
    /// # Errors
    /// When the operating system refuses handlers of signals.
    pub(super) async fn run(
        self,
        monitor: &Monitor,
        first: Arc<Snapshot>,
        clock: &Clock,
    ) -> anyhow::Result<Arc<Snapshot>> {
        let names = first.targets.iter().map(|target| target.name.clone());
        let wanting: Vec<Name> = names.filter(|name| is_wanting(&first, name)).collect();
        if wanting.is_empty() {
            return Ok(first);
        }
        let mut handlers = JoinSet::new();
        // Before anything is shown: whoever has read enough may end it.
        let signals = signals::install(&mut handlers)?;
        if self.format == Format::Text {
            let report = wire::first_look(&first, clock.now());
            say(&format!("{}\n", show(&report, self.format, self.color)?));
        }
        self.watch(monitor, wanting, signals).await?;
        Ok(monitor.snapshot())
    }

    async fn watch(
        self,
        monitor: &Monitor,
        wanting: Vec<Name>,
        mut signals: mpsc::Receiver<StopSignal>,
    ) -> anyhow::Result<()> {
        let stopping = CancellationToken::new();
        let (told, mut looks) = mpsc::unbounded_channel();
        let several = wanting.len() > 1;
        let mut running = JoinSet::new();
        for target in wanting {
            let (monitor, stopping, told) = (monitor.clone(), stopping.clone(), told.clone());
            let wish = Wish {
                target,
                limit: self.limit,
                delay: DELAY.min(self.limit),
            };
            running.spawn(async move { monitor.verify(&wish, &stopping, &told).await });
        }
        let limit = format_duration(self.limit);
        let mut ticker = Ticker::start(&format!("looking again for up to {limit} …"));
        while !running.is_empty() {
            tokio::select! {
                biased;
                Some(look) = looks.recv() => {
                    let target = if several { &*format!("{}  ", look.diagnosis.target) } else { "" };
                    ticker.tell(&format!("{target}{}", text::look(&look)));
                }
                Some(ended) = running.join_next() => match ended? {
                    Ok(verification) => ticker.settle(&text::verified(&verification)),
                    Err(_) => ticker.settle("Ended before anything was looked at again."),
                },
                Some(_) = signals.recv() => stopping.cancel(),
            }
        }
        Ok(())
    }
}
