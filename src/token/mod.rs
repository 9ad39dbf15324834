//! The cached, self-renewing token of one credential.
//!
//! One background task per credential talks to the token endpoint, and nobody else does. It
//! publishes a [`State`] into a `watch`; readers look at it without waiting, and those that need
//! an answer wait for the outcome of the next attempt, good or bad, so that a thousand waiters
//! cost one request. A failure never replaces a usable token, and an expired token is never sent.

mod answer;
mod beside;
mod given;
mod minter;
mod policy;
mod request;
mod secret;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::clock::{Clock, Moment};
use crate::diagnosis::Outcome;
use crate::evidence::{Exchange, MintFailure, TokenFacts};
use crate::target::{Credential, Name};
use crate::upstream::{Upstream, Withheld};

pub use minter::Minter;

/// A bearer token and what is known about it.
pub struct Token {
    /// What a call sends.
    pub value: SecretString,
    /// What may be told about it.
    pub facts: TokenFacts,
    /// The exchange that minted it; none for a given token.
    pub minted_by: Option<Exchange>,
    /// When it expires by both clocks; a given token has no known expiry.
    expires: Option<Moment>,
    /// How long before that it is no longer sent.
    margin: Duration,
}

impl Token {
    /// Whether the token may still be sent: both clocks must leave more than the margin.
    #[must_use]
    pub fn is_usable(&self, now: Moment) -> bool {
        self.expires.is_none_or(|expires| {
            let end = now.plus(self.margin);
            end.elapsed < expires.elapsed && end.wall < expires.wall
        })
    }
}

/// Shows the facts, never the value.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// So many failed attempts in a row say that a token cannot be renewed.
const FAILURES_THAT_COUNT: u32 = 3;

/// What the background task publishes.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The latest token that was not rejected, expired or not.
    pub current: Option<Arc<Token>>,
    /// Why the latest attempt failed; none when it succeeded.
    pub last_failure: Option<Arc<MintFailure>>,
    /// What that failure was.
    pub last_outcome: Option<Outcome>,
    /// When the oldest of the secrets' files last changed; none without files.
    pub secret_modified: Option<Timestamp>,
    /// How many attempts have failed since the last one that succeeded, of whatever kind; one after
    /// which nothing is to be expected counts for [`FAILURES_THAT_COUNT`].
    failures: u32,
    /// How many attempts have ended.
    pub attempts: u64,
    /// Whether an attempt is under way.
    pub in_flight: bool,
}

impl State {
    /// The token, if it may be sent now.
    #[must_use]
    pub fn usable(&self, now: Moment) -> Option<&Arc<Token>> {
        self.current.as_ref().filter(|token| token.is_usable(now))
    }

    /// What keeps the token from being renewed: at once if it is a refusal, or if the next attempt
    /// comes after the token's end; otherwise from the third attempt on, because most failures of
    /// one attempt pass.
    #[must_use]
    pub fn refresh_failing(&self) -> Option<Outcome> {
        let counts = self.failures >= FAILURES_THAT_COUNT;
        self.last_outcome.filter(|_| counts)
    }
}

/// A finished attempt to mint, for counting.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The credential.
    pub credential: Name,
    /// What it led to.
    pub result: Result<(), Outcome>,
    /// How long it took.
    pub took: Duration,
}

/// Why no new token was minted.
#[derive(Clone, Debug)]
pub enum NotRenewed {
    /// The last one of this kind was too recent; ask again after this time.
    TooSoon(Duration),
    /// The token was given to us and cannot be renewed.
    Given,
    /// The attempt failed.
    Failed(Arc<MintFailure>),
    /// The service is stopping.
    Stopping,
}

type Reply = oneshot::Sender<Result<Arc<Token>, NotRenewed>>;

enum Command {
    /// Somebody needs a token and there is none that may be sent.
    Needed,
    /// The API answered 401 to the token of this generation.
    Rejected { generation: u64, reply: Reply },
    /// A person asks for a new token.
    Forced { reply: Reply },
    /// An experiment asks for a token beside the cached one; a person may stand behind it.
    Beside { asked: bool, reply: Reply },
    /// The token of this generation, minted beside the cached one, takes its place.
    Adopt { generation: u64 },
}

/// How many attempts run at a time: in the process, and towards one login server.
#[derive(Debug)]
pub struct Permits {
    process: Semaphore,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Permits {
    const PROCESS: usize = 16;
    const HOST: usize = 4;

    /// Those of one login server.
    fn of_host(&self, credential: &Credential) -> Arc<Semaphore> {
        let host = credential.login.authority().to_owned();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let permits = hosts.entry(host);
        Arc::clone(permits.or_insert_with(|| Arc::new(Semaphore::new(Self::HOST))))
    }
}

impl Default for Permits {
    fn default() -> Self {
        Self {
            process: Semaphore::new(Self::PROCESS),
            hosts: Mutex::default(),
        }
    }
}

/// What the background task works with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Makes the calls.
    pub upstream: Upstream,
    /// Tells the time.
    pub clock: Clock,
    /// Longest time of one call that carries the token.
    pub call_timeout: Duration,
    /// Least time between two tokens minted beside the cached one, when nobody asks for them.
    pub beside_pause: Duration,
    /// Limits attempts that run at a time.
    pub permits: Arc<Permits>,
    /// Receives every finished attempt.
    pub attempts: mpsc::UnboundedSender<Attempt>,
    /// A random number in 0..1 for jitter.
    pub random: fn() -> f64,
}

/// Reads the token of one credential; clones share it.
#[derive(Clone, Debug)]
pub struct Tokens {
    credential: Arc<Credential>,
    clock: Clock,
    state: watch::Receiver<State>,
    commands: mpsc::UnboundedSender<Command>,
    /// The newest generation that the API did not reject.
    accepted: Arc<AtomicU64>,
    withheld: Withheld,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Needed => "Needed",
            Self::Rejected { .. } => "Rejected",
            Self::Forced { .. } => "Forced",
            Self::Beside { .. } => "Beside",
            Self::Adopt { .. } => "Adopt",
        })
    }
}

impl Tokens {
    /// The credential.
    #[must_use]
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// What is never said of it.
    #[must_use]
    pub fn withheld(&self) -> &Withheld {
        &self.withheld
    }

    /// The latest published state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// A token that may be sent now, or the failure of the latest attempt; waits only while an
    /// attempt is due or under way.
    ///
    /// # Errors
    /// The failure stands until the next attempt: asking again makes no request.
    pub async fn token(&self) -> Result<Arc<Token>, Arc<MintFailure>> {
        let mut state = self.state.clone();
        let mut asked = false;
        loop {
            {
                let state = state.borrow_and_update();
                if let Some(token) = state.usable(self.clock.now()) {
                    return Ok(Arc::clone(token));
                }
                if let Some(failure) = state.last_failure.as_ref().filter(|_| !state.in_flight) {
                    return Err(Arc::clone(failure));
                }
            }
            if !asked {
                asked = true;
                // Without a task, the wait below ends at once.
                self.commands.send(Command::Needed).unwrap_or_default();
            }
            if state.changed().await.is_err() {
                return Err(Arc::new(MintFailure {
                    exchange: None,
                    at: self.clock.now(),
                }));
            }
        }
    }

    /// Notes that the API answered otherwise than 401 to the token of `generation`.
    pub fn accepted(&self, generation: u64) {
        self.accepted.fetch_max(generation, Ordering::Relaxed);
    }

    /// Replaces the token of `generation`, which the API rejected; joins an attempt under way.
    ///
    /// # Errors
    /// [`NotRenewed`] says why there is no newer token.
    pub async fn replace(&self, generation: u64) -> Result<Arc<Token>, NotRenewed> {
        self.ask(|reply| Command::Rejected { generation, reply })
            .await
    }

    /// Mints a new token because a person asks; joins an attempt under way.
    ///
    /// # Errors
    /// [`NotRenewed`] says why there is no newer token.
    pub async fn force(&self) -> Result<Arc<Token>, NotRenewed> {
        self.ask(|reply| Command::Forced { reply }).await
    }

    /// Mints a token beside the cached one, or hands out one that was minted so a moment ago: all
    /// who look at the same change share it.
    ///
    /// # Errors
    /// [`NotRenewed`] says why there is none; the cached token is not touched.
    pub async fn beside(&self, asked: bool) -> Result<Arc<Token>, NotRenewed> {
        self.ask(|reply| Command::Beside { asked, reply }).await
    }

    /// Puts a token that was minted beside the cached one into its place.
    pub fn adopt(&self, generation: u64) {
        // Without a task nobody uses the token any more.
        self.commands
            .send(Command::Adopt { generation })
            .unwrap_or_default();
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<Arc<Token>, NotRenewed> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(command(reply)).is_err() {
            return Err(NotRenewed::Stopping);
        }
        answer.await.unwrap_or(Err(NotRenewed::Stopping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_must_leave_more_than_the_margin() {
        let at = |elapsed, wall| Moment {
            elapsed: Duration::from_secs(elapsed),
            wall: Timestamp::from_second(wall).unwrap(),
        };
        let token = Token {
            value: SecretString::from("t"),
            facts: TokenFacts {
                generation: 1,
                issued_at: at(0, 0),
                expires_at: None,
                given: false,
                scopes: None,
            },
            minted_by: None,
            expires: Some(at(100, 100)),
            margin: Duration::from_secs(30),
        };
        assert!(token.is_usable(at(69, 69)));
        assert!(!token.is_usable(at(70, 69)));
        assert!(!token.is_usable(at(69, 70)));
        assert!(!token.is_usable(at(0, 1_000)));
    }
}
