//! When the phases of one exchange began and ended.
//!
//! The marks are set where the things happen: by our resolver, by a layer around the client's
//! connector, and by the TLS session store that the library asks as its first act of a handshake.
//! All of them run inside the task that makes the call, so a task-local carries the timeline.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Moment};
use crate::evidence::Phases;

tokio::task_local! {
    static CURRENT: Timeline;
}

/// Points in time within one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    DnsBegan,
    DnsEnded,
    ConnectBegan,
    TlsBegan,
    Connected,
    HeadArrived,
}

const MARKS: usize = 6;

/// The phase in which an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Dns,
    Connect,
    Tls,
    /// Waiting for the head of the answer.
    Waiting,
    /// Reading its body.
    Reading,
}

impl Phase {
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Dns => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "in the TLS handshake",
            Self::Waiting => "waiting for the answer",
            Self::Reading => "reading the answer",
        }
    }
}

/// The marks of one exchange; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    clock: Clock,
    began: Moment,
    marks: Arc<Mutex<[Option<Duration>; MARKS]>>,
    notes: Arc<Mutex<Notes>>,
}

/// What else was seen on the way.
#[derive(Clone, Debug, Default)]
struct Notes {
    /// The addresses that a name server gave.
    addresses: Vec<IpAddr>,
    /// The name or address for which a certificate was shown last, and when that ends.
    certificate: Option<(String, Timestamp)>,
    /// How many TLS handshakes began: through a proxy that speaks TLS there are two.
    handshakes: usize,
    /// For how long nothing ran here that should have, until the latest look.
    stalled: Duration,
    /// When the next look is due.
    look_due: Duration,
}

impl Notes {
    fn stalled_until(&self, now: Duration) -> Duration {
        self.stalled
            .saturating_add(now.saturating_sub(self.look_due))
    }
}

impl Timeline {
    pub(super) fn start(clock: &Clock) -> Self {
        let began = clock.now();
        let notes = Notes {
            // At once: a call that has to wait for a thread stands still as well.
            look_due: began.elapsed,
            ..Notes::default()
        };
        Self {
            clock: clock.clone(),
            began,
            marks: Arc::default(),
            notes: Arc::new(Mutex::new(notes)),
        }
    }

    pub(super) fn began(&self) -> Moment {
        self.began
    }

    /// Runs `call` so that [`Self::mark`] writes to this timeline, and wakes up each `pause` to see
    /// how late that is.
    pub(super) async fn watch<T>(self, call: impl Future<Output = T>, pause: Duration) -> T {
        let stalls = self.clone();
        tokio::select! {
            biased;
            done = CURRENT.scope(self, call) => done,
            never = stalls.measure_stalls(pause) => match never {},
        }
    }

    async fn measure_stalls(self, pause: Duration) -> Infallible {
        loop {
            let due = self.notes().look_due;
            self.clock.sleep_until(due).await;
            let now = self.clock.since_start();
            let mut notes = self.notes();
            notes.stalled = notes.stalled_until(now);
            notes.look_due = now.saturating_add(pause);
        }
    }

    /// For how long nothing ran here that should have; up to a pause of each stall is not noticed.
    pub(super) fn stalled(&self) -> Duration {
        let now = self.clock.since_start();
        self.notes().stalled_until(now)
    }

    /// Sets a mark on the timeline of the exchange that runs in this task, if one does.
    pub(super) fn mark(mark: Mark) {
        // Outside an exchange there is nothing to mark.
        CURRENT
            .try_with(|timeline| timeline.set(mark))
            .unwrap_or_default();
    }

    /// Notes the addresses of the name that the exchange which runs in this task connects to.
    pub(super) fn note_addresses(addresses: &[IpAddr]) {
        let note = |timeline: &Self| timeline.notes().addresses = addresses.to_vec();
        CURRENT.try_with(note).unwrap_or_default();
    }

    /// The addresses that a name server gave; none for an address that was known.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.notes().addresses.clone()
    }

    /// Marks and counts the beginning of a TLS handshake.
    pub(super) fn mark_handshake() {
        Self::mark(Mark::TlsBegan);
        let count = |timeline: &Self| {
            let handshakes = &mut timeline.notes().handshakes;
            *handshakes = handshakes.saturating_add(1);
        };
        CURRENT.try_with(count).unwrap_or_default();
    }

    /// How many TLS handshakes began.
    pub(super) fn handshakes(&self) -> usize {
        self.notes().handshakes
    }

    /// Notes when a certificate ends that was shown for `name`.
    pub(super) fn note_certificate(name: &str, ends: Timestamp) {
        let note = |timeline: &Self| timeline.notes().certificate = Some((name.to_owned(), ends));
        CURRENT.try_with(note).unwrap_or_default();
    }

    /// When the certificate ends that was shown for `host`; a proxy's own is of no interest.
    pub(super) fn certificate_of(&self, host: &str) -> Option<Timestamp> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let notes = self.notes();
        let shown = notes.certificate.as_ref();
        let shown = shown.filter(|(name, _)| name.eq_ignore_ascii_case(bare));
        shown.map(|(_, ends)| *ends)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mark: Mark) {
        let elapsed = self.clock.now().elapsed;
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = marks.get_mut(mark as usize) {
            *slot = Some(elapsed);
        }
    }

    fn get(&self, mark: Mark) -> Option<Duration> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.get(mark as usize).copied().flatten()
    }

    /// The phase that the exchange is in.
    pub(super) fn phase(&self) -> Phase {
        let after = |begin: Mark, end: Mark| self.get(begin).is_some() && self.get(end).is_none();
        if self.get(Mark::HeadArrived).is_some() {
            Phase::Reading
        } else if after(Mark::DnsBegan, Mark::DnsEnded) {
            Phase::Dns
        } else if after(Mark::TlsBegan, Mark::Connected) {
            Phase::Tls
        } else if self.get(Mark::Connected).is_none() {
            Phase::Connect
        } else {
            Phase::Waiting
        }
    }

    /// How long ago the call should have been given up.
    pub(super) fn overdue(&self, timeout: Duration, connect_timeout: Duration) -> Duration {
        let whole = self.began.elapsed.saturating_add(timeout);
        let is_connecting = matches!(self.phase(), Phase::Dns | Phase::Connect | Phase::Tls);
        let connecting = self.get(Mark::ConnectBegan).filter(|_| is_connecting);
        let connecting = connecting.map(|began| began.saturating_add(connect_timeout));
        let due = connecting.map_or(whole, |due| due.min(whole));
        self.clock.now().elapsed.saturating_sub(due)
    }

    /// How long each phase took, an unfinished one until now.
    pub(super) fn phases(&self) -> Phases {
        let now = self.clock.now().elapsed;
        let from = |begin: Option<Duration>, ends: &[Mark]| {
            let begin = begin?;
            let end = ends.iter().find_map(|end| self.get(*end)).unwrap_or(now);
            Some(end.saturating_sub(begin))
        };
        let resolved = match self.get(Mark::DnsBegan) {
            Some(_) => self.get(Mark::DnsEnded),
            None => self.get(Mark::ConnectBegan),
        };
        Phases {
            dns: from(self.get(Mark::DnsBegan), &[Mark::DnsEnded]),
            connect: from(resolved, &[Mark::TlsBegan, Mark::Connected]),
            tls: from(self.get(Mark::TlsBegan), &[Mark::Connected]),
            first_byte: from(self.get(Mark::Connected), &[Mark::HeadArrived]),
            total: now.saturating_sub(self.began.elapsed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn timeline(marks: &[(Mark, u64)]) -> Timeline {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let timeline = Timeline::start(&clock);
        for (mark, millis) in marks {
            clock.sleep_until(Duration::from_millis(*millis)).await;
            let marked = async { Timeline::mark(*mark) };
            let watched = timeline.clone().watch(marked, Duration::MAX);
            watched.await;
        }
        timeline
    }

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test(start_paused = true)]
    async fn every_phase_is_measured_from_the_end_of_the_one_before() {
        let timeline = timeline(&[
            (Mark::ConnectBegan, 0),
            (Mark::DnsBegan, 0),
            (Mark::DnsEnded, 10),
            (Mark::TlsBegan, 30),
            (Mark::Connected, 70),
            (Mark::HeadArrived, 150),
        ])
        .await;
        let phases = timeline.phases();
        assert_eq!(phases.dns, Some(millis(10)));
        assert_eq!(phases.connect, Some(millis(20)));
        assert_eq!(phases.tls, Some(millis(40)));
        assert_eq!(phases.first_byte, Some(millis(80)));
        assert_eq!(phases.total, millis(150));
        assert_eq!(timeline.phase(), Phase::Reading);
    }

    #[tokio::test(start_paused = true)]
    async fn a_phase_that_did_not_take_place_has_no_duration() {
        let timeline = timeline(&[(Mark::ConnectBegan, 0), (Mark::Connected, 5)]).await;
        let phases = timeline.phases();
        assert_eq!((phases.dns, phases.tls), (None, None));
        assert_eq!(phases.connect, Some(millis(5)));
        assert_eq!(timeline.phase(), Phase::Waiting);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_overdue_is_counted_from_the_limit_that_holds() {
        let overdue = |timeline: &Timeline| timeline.overdue(millis(1_000), millis(300));
        let connecting = timeline(&[(Mark::ConnectBegan, 100), (Mark::DnsBegan, 2_400)]).await;
        assert_eq!(overdue(&connecting), millis(2_000));
        let waiting = timeline(&[(Mark::ConnectBegan, 0), (Mark::Connected, 250)]).await;
        assert_eq!(overdue(&waiting), millis(0));
        let late = timeline(&[(Mark::Connected, 250), (Mark::HeadArrived, 4_000)]).await;
        assert_eq!(overdue(&late), millis(3_000));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_ran_is_told_from_time_that_was_waited() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let timeline = Timeline::start(&clock);
        let call = async {
            clock.sleep_until(millis(3_000)).await;
            assert_eq!(timeline.stalled(), millis(0));
            tokio::time::advance(millis(2_500)).await;
            clock.sleep_until(millis(9_000)).await;
            // Less than a pause cannot be told from the way to the next look.
            tokio::time::advance(millis(400)).await;
        };
        timeline.clone().watch(call, millis(1_000)).await;
        let stalled = timeline.stalled();
        assert!(
            stalled >= millis(1_500) && stalled <= millis(2_900),
            "{stalled:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_phase_tells_where_it_stopped() {
        let resolving = timeline(&[(Mark::ConnectBegan, 0), (Mark::DnsBegan, 1)]).await;
        assert_eq!(resolving.phase(), Phase::Dns);
        assert_eq!(resolving.phases().connect, None);
        let connecting = timeline(&[(Mark::ConnectBegan, 0)]).await;
        assert_eq!(connecting.phase(), Phase::Connect);
        let shaking = timeline(&[(Mark::ConnectBegan, 0), (Mark::TlsBegan, 2)]).await;
        assert_eq!(shaking.phase(), Phase::Tls);
        assert_eq!(shaking.phases().connect, Some(millis(2)));
    }
}
