//! The background task of one credential: the only one that talks to the token endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::answer::{Granted, granted, refresh_token};
use super::policy::{
    FLOOR, FORCED_PAUSE, FailureKind, Failures, invalidation_pause, never_send_margin, obeyed,
    pause, refresh_after,
};
use super::request::request;
use super::secret::Secrets;
use super::{
    Attempt, Command, FAILURES_THAT_COUNT, NotRenewed, Reply, Setup, State, Token, Tokens,
};
use crate::clock::Moment;
use crate::diagnosis::{Outcome, is_definitive, mint_outcome};
use crate::evidence::{Exchange, MintFailure, Step, TokenFacts};
use crate::target::{Credential, Grant};
use crate::upstream::{BODY_CAP_BYTES, Call, Withheld};

/// Longest time of one call to the token endpoint.
const MINT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time of one attempt, whatever goes wrong around the call.
const ATTEMPT_GUARD: Duration = Duration::from_secs(22);
/// Longest sleep: the wall clock and the secret's file are looked at this often.
pub(super) const SLICE: Duration = Duration::from_secs(15);

/// The background task of one credential, before it runs.
#[derive(Debug)]
pub struct Minter {
    pub(super) credential: Arc<Credential>,
    pub(super) setup: Setup,
    pub(super) state: watch::Sender<State>,
    /// Without a limit: whoever asks waits for the reply, and all who wait share one attempt.
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) secrets: Secrets,
    pub(super) failures: Failures,
    generation: u64,
    /// The newest generation that the API did not reject.
    accepted: Arc<AtomicU64>,
    withheld: Withheld,
    /// How many tokens in a row were rejected without ever having been accepted.
    fruitless: u32,
    /// When the next attempt is due, on the monotonic clock.
    pub(super) due: Duration,
    last_attempt: Option<Moment>,
    last_invalidation: Option<Moment>,
    last_forced: Option<Moment>,
    /// The latest token that was minted beside the cached one, and when it is to be renewed.
    pub(super) beside: Option<(Arc<Token>, Duration)>,
    pub(super) last_beside: Option<Moment>,
}

/// What came of one request to the token endpoint.
struct Minted {
    /// What it grants, or the exchange that grants nothing.
    result: Result<(Exchange, Granted), Exchange>,
    /// What takes the place of the refresh token, whether or not the rest is of use.
    refresh_token: Option<SecretString>,
}

impl Minter {
    /// The task for `credential` and the handle that reads its token; the first attempt is made
    /// `delay` after now.
    #[must_use]
    pub fn new(credential: Arc<Credential>, setup: Setup, delay: Duration) -> (Self, Tokens) {
        let now = setup.clock.now();
        let (state, published) = watch::channel(State::default());
        let accepted = Arc::new(AtomicU64::new(0));
        let (sender, commands) = mpsc::unbounded_channel();
        let withheld = Withheld::default();
        let tokens = Tokens {
            credential: Arc::clone(&credential),
            clock: setup.clock.clone(),
            state: published,
            commands: sender,
            accepted: Arc::clone(&accepted),
            withheld: withheld.clone(),
        };
        let minter = Self {
            secrets: Secrets::new(&credential),
            credential,
            state,
            commands,
            failures: Failures::NONE,
            generation: 0,
            accepted,
            withheld,
            fruitless: 0,
            due: now.elapsed.saturating_add(delay),
            last_attempt: None,
            last_invalidation: None,
            last_forced: None,
            beside: None,
            last_beside: None,
            setup,
        };
        (minter, tokens)
    }

    /// Renews the token until `stop`.
    ///
    /// An attempt under way ends at once, unless its answer may hold the only refresh token that is
    /// left: that one is waited for and stored.
    pub async fn run(mut self, stop: CancellationToken) {
        if let Grant::RefreshToken { .. } = self.credential.grant {
            return self.keep_renewing(&stop).await;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.keep() => {}
        }
    }

    async fn keep(&mut self) {
        match self.credential.grant {
            Grant::AccessToken { .. } => self.keep_given().await,
            // Whoever keeps this is cancelled from outside.
            _ => self.keep_renewing(&CancellationToken::new()).await,
        }
    }

    async fn keep_renewing(&mut self, stop: &CancellationToken) {
        loop {
            let now = self.setup.clock.now();
            let wake = self.due.min(now.elapsed.saturating_add(SLICE));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = self.setup.clock.sleep_until(wake) => self.on_time().await,
            }
        }
    }

    async fn on_time(&mut self) {
        if self.reread_secrets().await || self.is_due(self.setup.clock.now()) {
            self.attempt().await;
        }
    }

    /// Reads the secrets' files again; true when somebody else put another secret into one.
    pub(super) async fn reread_secrets(&mut self) -> bool {
        let replaced = self.secrets.reread().await;
        let modified = self.secrets.modified();
        self.state.send_if_modified(|state| {
            let before = std::mem::replace(&mut state.secret_modified, modified);
            before != modified
        });
        replaced
    }

    /// Due by the schedule, or because either clock says that the token may no longer be sent
    /// although nothing failed: the machine slept, or a clock was set.
    fn is_due(&self, now: Moment) -> bool {
        let unusable = self.state.borrow().usable(now).is_none();
        now.elapsed >= self.due || (unusable && self.failures.count == 0 && self.generation > 0)
    }

    async fn obey(&mut self, command: Command) {
        let now = self.setup.clock.now();
        match command {
            // After a failure the schedule decides: whoever needs a token is told the failure.
            Command::Needed => {
                if self.failures.count == 0 {
                    self.attempt_unless_usable(now).await;
                }
            }
            Command::Forced { reply } => {
                let result = self.force(now).await;
                answer(reply, result);
            }
            Command::Rejected { generation, reply } => {
                let result = self.reject(generation, now).await;
                answer(reply, result);
            }
            Command::Beside { asked, reply } => {
                let result = self.mint_beside(asked, now).await;
                answer(reply, result);
            }
            Command::Adopt { generation } => self.adopt(generation),
        }
    }

    async fn attempt_unless_usable(&mut self, now: Moment) {
        let usable = self.state.borrow().usable(now).is_some();
        if !usable {
            self.attempt().await;
        }
    }

    async fn force(&mut self, now: Moment) -> Result<Arc<Token>, NotRenewed> {
        if let Some(wait) = remaining(self.last_forced, FORCED_PAUSE, now) {
            return Err(NotRenewed::TooSoon(wait));
        }
        self.last_forced = Some(now);
        self.attempt().await;
        self.outcome()
    }

    /// Drops the token of `generation` if it is still the cached one, and mints another.
    async fn reject(&mut self, generation: u64, now: Moment) -> Result<Arc<Token>, NotRenewed> {
        let current = self.state.borrow().current.clone();
        if let Some(newer) = current.filter(|token| token.facts.generation != generation) {
            return Ok(newer);
        }
        if self.accepted.load(Ordering::Relaxed) >= generation {
            self.fruitless = 0;
        }
        let pause = invalidation_pause(self.fruitless);
        if let Some(wait) = remaining(self.last_invalidation, pause, now) {
            return Err(NotRenewed::TooSoon(wait));
        }
        self.last_invalidation = Some(now);
        self.fruitless = self.fruitless.saturating_add(1);
        self.state.send_modify(|state| state.current = None);
        // A failing token endpoint is not asked more often because the API rejects tokens.
        if self.failures.count > 0 && now.elapsed < self.due {
            return self.outcome();
        }
        self.attempt().await;
        self.outcome()
    }

    /// What the latest attempt led to.
    pub(super) fn outcome(&self) -> Result<Arc<Token>, NotRenewed> {
        let state = self.state.borrow();
        match (&state.last_failure, &state.current) {
            (Some(failure), _) => Err(NotRenewed::Failed(Arc::clone(failure))),
            (None, Some(token)) => Ok(Arc::clone(token)),
            (None, None) => Err(NotRenewed::Stopping),
        }
    }

    /// One request to the token endpoint; whoever asked meanwhile gets its outcome.
    async fn attempt(&mut self) {
        self.state.send_modify(|state| state.in_flight = true);
        let tried = self.try_once().await;
        let result = match tried.minted {
            Ok((exchange, granted)) => {
                let (token, due) = self.token(exchange, granted);
                self.publish(Arc::clone(&token), due);
                Ok(token)
            }
            Err(exchange) => Err(self.fail(exchange, tried.ended)),
        };
        self.tell(&result, tried.began, tried.ended);
        self.answer_joined();
    }

    /// One request to the token endpoint, not sooner than the last one allows.
    pub(super) async fn try_once(&mut self) -> Tried {
        if let Some(wait) = remaining(self.last_attempt, FLOOR, self.setup.clock.now()) {
            let resume = self.setup.clock.now().elapsed.saturating_add(wait);
            self.setup.clock.sleep_until(resume).await;
        }
        // Whoever keeps a token rests most of the time, and needs no room for a call then.
        let (began, minted) = Box::pin(self.mint_in_turn()).await;
        Tried {
            began,
            ended: self.setup.clock.now(),
            minted,
        }
    }

    /// Tells whoever counts what an attempt led to.
    pub(super) fn tell(
        &self,
        result: &Result<Arc<Token>, Arc<MintFailure>>,
        began: Moment,
        ended: Moment,
    ) {
        let attempt = Attempt {
            credential: self.credential.name.clone(),
            result: result.as_ref().map(drop).map_err(|it| mint_outcome(it)),
            took: ended.since(began),
        };
        // Nobody counts any more when the service is stopping.
        self.setup.attempts.send(attempt).unwrap_or_default();
    }

    /// One request when it is its turn: when it began, and what it grants; or the exchange that
    /// grants nothing, if it came to one.
    ///
    /// A refresh token that was replaced is stored before anybody sees the access token: the old
    /// one may be dead.
    async fn mint_in_turn(&mut self) -> (Moment, Result<(Exchange, Granted), Option<Exchange>>) {
        // The host's permit first: who waits for a slow host must not hold what others need.
        let permits = Arc::clone(&self.setup.permits);
        let host = permits.of_host(&self.credential);
        let host = host.acquire().await;
        let process = permits.process.acquire().await;
        let began = self.setup.clock.now();
        self.last_attempt = Some(began);
        // Files have deadlines of their own.
        self.reread_secrets().await;
        let minted = tokio::time::timeout(ATTEMPT_GUARD, self.mint()).await;
        drop((host, process));
        let Ok(minted) = minted else {
            return (began, Err(None));
        };
        if let Some(next) = minted.refresh_token {
            self.secrets.rotate(next).await;
        }
        (began, minted.result.map_err(Some))
    }

    /// One request to the token endpoint.
    async fn mint(&self) -> Minted {
        let (auth, form) = request(&self.credential.grant, &self.secrets);
        let call = Call {
            step: Step::Token,
            url: self.credential.token_url(),
            auth,
            withheld: &self.withheld,
            form: Some(&form),
            timeout: MINT_TIMEOUT,
            body_cap: BODY_CAP_BYTES,
        };
        let (mut exchange, body) = self.setup.upstream.mint(call).await;
        let is_success = |status| (200..300).contains(&status);
        if !exchange
            .answer()
            .is_some_and(|answer| is_success(answer.status))
        {
            return Minted {
                result: Err(exchange),
                refresh_token: None,
            };
        }
        let rotates = matches!(self.credential.grant, Grant::RefreshToken { .. });
        let refresh_token = rotates.then(|| refresh_token(&body)).flatten();
        let result = match granted(&body) {
            Ok(granted) => Ok((exchange, granted)),
            Err(flaw) => {
                exchange.flaw = Some(flaw.to_owned());
                Err(exchange)
            }
        };
        Minted {
            result,
            refresh_token,
        }
    }

    /// A token of what was granted, and when it is to be renewed.
    pub(super) fn token(&mut self, exchange: Exchange, granted: Granted) -> (Arc<Token>, Duration) {
        self.generation = self.generation.saturating_add(1);
        // The lifetime began when the request was sent, not when its answer arrived.
        let issued_at = exchange.sent_at;
        let expires = issued_at.plus(granted.lifetime);
        let after = refresh_after(granted.lifetime, (self.setup.random)());
        let token = Token {
            value: granted.value,
            facts: TokenFacts {
                generation: self.generation,
                issued_at,
                expires_at: granted.stated.then_some(expires.wall),
                given: false,
                scopes: granted.scopes.map(|all| self.without_secrets(&all)),
            },
            minted_by: Some(exchange),
            expires: Some(expires),
            margin: never_send_margin(granted.lifetime, self.setup.call_timeout),
        };
        tracing::debug!(
            credential = %self.credential.name,
            lifetime_seconds = granted.lifetime.as_secs(),
            "a token was minted for {}",
            self.credential.name
        );
        (Arc::new(token), issued_at.elapsed.saturating_add(after))
    }

    /// The scopes as the answer names them, which is a text like any other.
    fn without_secrets(&self, scopes: &[String]) -> Vec<String> {
        scopes.iter().map(|it| self.withheld.scrub(it)).collect()
    }

    /// Caches a token.
    pub(super) fn publish(&mut self, token: Arc<Token>, due: Duration) {
        self.failures = Failures::NONE;
        self.due = due;
        self.state.send_modify(|state| {
            state.current = Some(token);
            state.last_failure = None;
            state.last_outcome = None;
            state.failures = 0;
            state.attempts = state.attempts.saturating_add(1);
            state.in_flight = false;
        });
    }

    fn fail(&mut self, exchange: Option<Exchange>, at: Moment) -> Arc<MintFailure> {
        let failure = Arc::new(MintFailure { exchange, at });
        let outcome = mint_outcome(&failure);
        self.failures = self.failures.and(match outcome {
            Outcome::AuthRateLimited => FailureKind::Throttled,
            outcome if is_definitive(outcome) => FailureKind::Definitive,
            _ => FailureKind::Transient,
        });
        let asked = failure
            .exchange
            .as_ref()
            .and_then(Exchange::answer)
            .and_then(|answer| obeyed(answer.status, answer.retry_after(failure.at.wall)?));
        let pause = pause(self.failures, asked, (self.setup.random)());
        self.due = failure.at.elapsed.saturating_add(pause);
        let next = failure.at.plus(pause);
        let current = self.state.borrow().current.clone();
        let comes_too_late = current.is_some_and(|token| !token.is_usable(next));
        let weight = if is_definitive(outcome) || comes_too_late {
            FAILURES_THAT_COUNT
        } else {
            1
        };
        tracing::warn!(
            credential = %self.credential.name,
            cause = outcome.slug(),
            attempts = self.failures.count,
            next_attempt_seconds = pause.as_secs(),
            "no token for {}: {}",
            self.credential.name,
            outcome.slug()
        );
        self.state.send_modify(|state| {
            state.last_failure = Some(Arc::clone(&failure));
            state.last_outcome = Some(outcome);
            state.failures = state.failures.saturating_add(weight);
            state.attempts = state.attempts.saturating_add(1);
            state.in_flight = false;
        });
        failure
    }

    /// Answers everybody who asked while the attempt was under way: they joined it.
    fn answer_joined(&mut self) {
        let now = self.setup.clock.now();
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Needed => {}
                Command::Forced { reply } => {
                    self.last_forced = Some(now);
                    answer(reply, self.outcome());
                }
                Command::Rejected { reply, .. } | Command::Beside { reply, .. } => {
                    answer(reply, self.outcome());
                }
                Command::Adopt { generation } => self.adopt(generation),
            }
        }
    }
}

/// One finished request to the token endpoint.
pub(super) struct Tried {
    pub(super) began: Moment,
    pub(super) ended: Moment,
    /// What was granted, or the exchange that granted nothing; none when none ended in time.
    pub(super) minted: Result<(Exchange, Granted), Option<Exchange>>,
}

/// What is left of `pause` since `last`; none when it is over.
pub(super) fn remaining(last: Option<Moment>, pause: Duration, now: Moment) -> Option<Duration> {
    let left = pause.saturating_sub(now.since(last?));
    (!left.is_zero()).then_some(left)
}

pub(super) fn answer(reply: Reply, result: Result<Arc<Token>, NotRenewed>) {
    // Whoever asked may have gone away; the token is cached all the same.
    reply.send(result).unwrap_or_default();
}
