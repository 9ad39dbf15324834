//! The admin token: compared in constant time, read again when its file changes, and no oracle for
//! whoever tries one after the other.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::follow::{self, Found};
use crate::clock::Clock;
use crate::config::read_admin_token;
use crate::target::Secret;

/// Wrong tokens that a peer may present in a [`WINDOW`] before it is no longer listened to.
const MOST_FAILURES: u32 = 5;
/// What failures are counted in; it begins with the first one.
const WINDOW: Duration = Duration::from_mins(1);
/// Most peers whose failures are remembered; the oldest are forgotten.
const MOST_PEERS: usize = 4096;

/// The token that opens what is protected, and who has failed to present it.
#[derive(Debug)]
pub(super) struct AdminToken {
    current: watch::Sender<SecretString>,
    configured: Secret,
    failures: Mutex<Failures>,
}

impl AdminToken {
    pub(super) fn new(configured: Secret) -> Self {
        Self {
            current: watch::Sender::new(configured.value.clone()),
            configured,
            failures: Mutex::default(),
        }
    }

    /// Whether `given` is the token; an error is how long `peer` has to wait before it is looked at.
    ///
    /// Peers that come through the same proxy are one peer.
    pub(super) fn is(&self, given: &str, peer: IpAddr, now: Duration) -> Result<bool, Duration> {
        let peer = peer.to_canonical();
        // Comparing under the lock means that not even a burst gets more than its tries.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = failures.wait(peer, now) {
            return Err(wait);
        }
        let is_it = are_equal(given, self.current.borrow().expose_secret());
        if !is_it && failures.count(peer, now) == MOST_FAILURES {
            tracing::warn!(
                %peer,
                "{MOST_FAILURES} wrong admin tokens from {peer} within a minute: \
                 none of it is looked at until that minute is over"
            );
        }
        Ok(is_it)
    }

    /// Reads the file again for ever, and goes on with the token that it holds.
    pub(super) async fn follow(&self, clock: Clock) {
        let Some(path) = self.configured.file.clone() else {
            return std::future::pending().await;
        };
        let known = Ok(digest(&self.configured.value));
        follow::follow(clock, known, move || look(&path), |found| self.take(found)).await;
    }

    fn take(&self, found: Result<SecretString, String>) {
        match found {
            Ok(token) => {
                let is_same =
                    are_equal(token.expose_secret(), self.current.borrow().expose_secret());
                if !is_same {
                    self.current.send_replace(token);
                    tracing::info!("the admin token was replaced");
                }
            }
            Err(why) => {
                tracing::warn!("the file of the admin token: {why}; the old one is kept");
            }
        }
    }
}

fn look(path: &Path) -> Found<SecretString> {
    let value = read_admin_token(path).map_err(|error| error.to_string());
    Found {
        content: value.as_ref().map(digest).map_err(Clone::clone),
        value,
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

/// Digests of both sides are compared in constant time, so that neither a common beginning nor
/// the length shows in how long the answer takes.
fn are_equal(given: &str, expected: &str) -> bool {
    let same = Sha256::digest(given).ct_eq(&Sha256::digest(expected));
    // An empty admin token would admit everybody.
    bool::from(same) && !expected.is_empty()
}

/// Failures of peers in the last minute.
#[derive(Debug, Default)]
struct Failures {
    peers: HashMap<IpAddr, Window>,
    /// In the order in which their windows began.
    order: VecDeque<IpAddr>,
}

#[derive(Debug)]
struct Window {
    begun: Duration,
    failures: u32,
}

impl Window {
    fn left(&self, now: Duration) -> Duration {
        self.begun.saturating_add(WINDOW).saturating_sub(now)
    }
}

impl Failures {
    /// How long a peer has to wait; none when it may try.
    fn wait(&self, peer: IpAddr, now: Duration) -> Option<Duration> {
        let window = self.peers.get(&peer)?;
        let left = window.left(now);
        (window.failures >= MOST_FAILURES && !left.is_zero()).then_some(left)
    }

    /// Counts a failure and says the how manieth it is.
    fn count(&mut self, peer: IpAddr, now: Duration) -> u32 {
        self.forget(now);
        if let Some(window) = self.peers.get_mut(&peer) {
            window.failures = window.failures.saturating_add(1);
            return window.failures;
        }
        if self.order.len() >= MOST_PEERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.peers.remove(&oldest);
        }
        self.order.push_back(peer);
        let window = Window {
            begun: now,
            failures: 1,
        };
        self.peers.insert(peer, window);
        1
    }

    /// Forgets whose minute is over.
    fn forget(&mut self, now: Duration) {
        while let Some(peer) = self.order.front()
            && self
                .peers
                .get(peer)
                .is_none_or(|window| window.left(now).is_zero())
        {
            self.peers.remove(peer);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-enough-characters";

    fn peer(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn after_five_failures_a_peer_waits_for_the_end_of_the_minute() {
        let token = AdminToken::new(Secret::fixed(TOKEN));
        for second in [10, 20, 30, 40, 50] {
            assert_eq!(token.is("wrong", peer(1), at(second)), Ok(false));
        }
        // Not even the right one is looked at, and the minute is that of the first failure.
        assert_eq!(token.is(TOKEN, peer(1), at(50)), Err(at(20)));
        assert_eq!(token.is("wrong", peer(1), at(69)), Err(at(1)));
        assert_eq!(token.is(TOKEN, peer(2), at(69)), Ok(true));
        assert_eq!(token.is(TOKEN, peer(1), at(70)), Ok(true));
        assert_eq!(token.is("wrong", peer(1), at(70)), Ok(false));
        assert_eq!(token.is(TOKEN, peer(1), at(70)), Ok(true));
    }

    #[test]
    fn failures_that_are_far_apart_block_nobody() {
        let token = AdminToken::new(Secret::fixed(TOKEN));
        for n in 0..100 {
            assert_eq!(token.is("wrong", peer(1), at(n * 15)), Ok(false));
        }
        assert_eq!(token.is(TOKEN, peer(1), at(1500)), Ok(true));
    }

    #[test]
    fn a_peer_is_the_same_by_either_form_of_its_address() {
        let token = AdminToken::new(Secret::fixed(TOKEN));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        for _ in 0..5 {
            assert_eq!(token.is("wrong", mapped, at(0)), Ok(false));
        }
        let plain = "10.0.0.1".parse().unwrap();
        assert_eq!(token.is(TOKEN, plain, at(0)), Err(at(60)));
    }

    #[test]
    fn the_memory_of_failures_is_bounded_and_forgets_the_oldest() {
        let mut failures = Failures::default();
        for number in 0..50_000 {
            for _ in 0..5 {
                failures.count(peer(number), at(0));
            }
        }
        assert_eq!((failures.peers.len(), failures.order.len()), (4096, 4096));
        assert_eq!(failures.wait(peer(0), at(1)), None);
        assert_eq!(failures.wait(peer(49_999), at(1)), Some(at(59)));
        failures.count(peer(1), at(60));
        assert_eq!((failures.peers.len(), failures.order.len()), (1, 1));
    }

    #[test]
    fn an_empty_token_admits_nobody() {
        let token = AdminToken::new(Secret::fixed(""));
        assert_eq!(token.is("", peer(1), at(0)), Ok(false));
        let token = AdminToken::new(Secret::fixed(TOKEN));
        for wrong in ["", "a-token-of-enough-character", "A-TOKEN"] {
            assert_eq!(token.is(wrong, peer(1), at(0)), Ok(false), "{wrong}");
        }
    }

    #[test]
    fn nothing_shows_the_token() {
        let token = AdminToken::new(Secret::fixed(TOKEN));
        assert!(!format!("{token:?}").contains(TOKEN));
    }
}
