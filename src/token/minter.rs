//! The background task of one credential: the only one that talks to the token endpoint.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};

use super::answer::{Granted, can_be_sent, granted};
use super::policy::{
    FLOOR, FORCED_PAUSE, Failures, INVALIDATION_PAUSE, never_send_margin, pause, refresh_after,
};
use super::{Attempt, Command, NotRenewed, Reply, Setup, State, Token, Tokens};
use crate::clock::Moment;
use crate::config::read_secret_file;
use crate::diagnosis::{Outcome, is_definitive, mint_outcome};
use crate::evidence::{Exchange, MintFailure, Step, TokenFacts};
use crate::schedule::clamp_retry_after;
use crate::target::{Credential, Grant, Secret};
use crate::upstream::{Auth, Call};

/// Longest time of one call to the token endpoint.
const MINT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time of one attempt, whatever goes wrong around the call.
const ATTEMPT_GUARD: Duration = Duration::from_secs(22);
/// Longest sleep: the wall clock and the secret's file are looked at this often.
const SLICE: Duration = Duration::from_secs(15);
/// Longest time to read a secret's file.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);

/// The background task of one credential, before it runs.
#[derive(Debug)]
pub struct Minter {
    credential: Arc<Credential>,
    setup: Setup,
    state: watch::Sender<State>,
    /// Without a limit: whoever asks waits for the reply, and all who wait share one attempt.
    commands: mpsc::UnboundedReceiver<Command>,
    /// The secret as it was last read.
    secret: SecretString,
    failures: Failures,
    generation: u64,
    /// When the next attempt is due, on the monotonic clock.
    due: Duration,
    last_attempt: Option<Moment>,
    last_invalidation: Option<Moment>,
    last_forced: Option<Moment>,
}

impl Minter {
    /// The task for `credential` and the handle that reads its token; the first attempt is made
    /// `delay` after now.
    #[must_use]
    pub fn new(credential: Arc<Credential>, setup: Setup, delay: Duration) -> (Self, Tokens) {
        let now = setup.clock.now();
        let (state, published) = watch::channel(initial(&credential, now));
        let (sender, commands) = mpsc::unbounded_channel();
        let tokens = Tokens {
            credential: Arc::clone(&credential),
            clock: setup.clock.clone(),
            state: published,
            commands: sender,
        };
        let minter = Self {
            secret: secret_of(&credential.grant).value.clone(),
            credential,
            state,
            commands,
            failures: Failures::NONE,
            generation: 0,
            due: now.elapsed.saturating_add(delay),
            last_attempt: None,
            last_invalidation: None,
            last_forced: None,
            setup,
        };
        (minter, tokens)
    }

    /// Renews the token for ever; whoever runs it decides when it ends.
    pub async fn run(mut self) {
        if let Grant::AccessToken { .. } = self.credential.grant {
            return self.keep_given().await;
        }
        loop {
            let now = self.setup.clock.now();
            let wake = self.due.min(now.elapsed.saturating_add(SLICE));
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    // No handle is left that could ask; tokens are still renewed for nobody.
                    None => std::future::pending().await,
                },
                () = self.setup.clock.sleep_until(wake) => self.on_time().await,
            }
        }
    }

    /// A given token is never renewed: every request for a newer one is declined.
    async fn keep_given(&mut self) {
        while let Some(command) = self.commands.recv().await {
            if let Command::Rejected { reply, .. } | Command::Forced { reply } = command {
                answer(reply, Err(NotRenewed::Given));
            }
        }
        std::future::pending::<()>().await;
    }

    async fn on_time(&mut self) {
        if self.reread_secret().await || self.is_due(self.setup.clock.now()) {
            self.attempt().await;
        }
    }

    /// Due by the schedule, or because either clock says that the token may no longer be sent
    /// although nothing failed: the machine slept, or a clock was set.
    fn is_due(&self, now: Moment) -> bool {
        let unusable = self.state.borrow().usable(now).is_none();
        now.elapsed >= self.due || (unusable && self.failures.count() == 0 && self.generation > 0)
    }

    async fn obey(&mut self, command: Command) {
        let now = self.setup.clock.now();
        match command {
            // After a failure the schedule decides: whoever needs a token is told the failure.
            Command::Needed => {
                if self.failures.count() == 0 {
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
        if let Some(wait) = remaining(self.last_invalidation, INVALIDATION_PAUSE, now) {
            return Err(NotRenewed::TooSoon(wait));
        }
        self.last_invalidation = Some(now);
        self.state.send_modify(|state| state.current = None);
        // A failing token endpoint is not asked more often because the API rejects tokens.
        if self.failures.count() > 0 && now.elapsed < self.due {
            return self.outcome();
        }
        self.attempt().await;
        self.outcome()
    }

    /// What the latest attempt led to.
    fn outcome(&self) -> Result<Arc<Token>, NotRenewed> {
        let state = self.state.borrow();
        match (&state.last_failure, &state.current) {
            (Some(failure), _) => Err(NotRenewed::Failed(Arc::clone(failure))),
            (None, Some(token)) => Ok(Arc::clone(token)),
            (None, None) => Err(NotRenewed::Stopping),
        }
    }

    /// One request to the token endpoint; whoever asked meanwhile gets its outcome.
    async fn attempt(&mut self) {
        if let Some(wait) = remaining(self.last_attempt, FLOOR, self.setup.clock.now()) {
            let resume = self.setup.clock.now().elapsed.saturating_add(wait);
            self.setup.clock.sleep_until(resume).await;
        }
        self.state.send_modify(|state| state.in_flight = true);
        let began = self.setup.clock.now();
        self.last_attempt = Some(began);
        let result = match tokio::time::timeout(ATTEMPT_GUARD, self.mint()).await {
            Ok(result) => result,
            Err(_) => Err((None, None)),
        };
        let ended = self.setup.clock.now();
        let counted = match result {
            Ok((exchange, granted)) => {
                self.accept(exchange, granted);
                Ok(())
            }
            Err((exchange, unusable)) => Err(self.fail(MintFailure {
                exchange,
                unusable,
                at: ended,
            })),
        };
        let attempt = Attempt {
            credential: self.credential.name.clone(),
            result: counted,
            took: ended.since(began),
        };
        // Nobody counts any more when the service is stopping.
        self.setup.attempts.send(attempt).unwrap_or_default();
        self.answer_joined();
    }

    async fn mint(
        &mut self,
    ) -> Result<(Exchange, Granted), (Option<Exchange>, Option<&'static str>)> {
        self.reread_secret().await;
        let Grant::ClientCredentials { client_id, .. } = &self.credential.grant else {
            return Err((None, Some("the token was given and cannot be renewed")));
        };
        let permits = &self.setup.permits;
        let _process = permits.process.acquire().await;
        let _host = match permits.hosts.get(self.credential.login.authority()) {
            Some(host) => Some(host.acquire().await),
            None => None,
        };
        let call = Call {
            step: Step::Token,
            url: self.credential.token_url(),
            auth: Auth::Basic(client_id, &self.secret),
            form: Some(&[("grant_type", "client_credentials")]),
            timeout: MINT_TIMEOUT,
        };
        let (exchange, body) = self.setup.upstream.mint(call).await;
        match exchange.answer().map(|answer| answer.status) {
            Some(200..=299) => match granted(&body) {
                Ok(granted) => Ok((exchange, granted)),
                Err(why) => Err((Some(exchange), Some(why))),
            },
            _ => Err((Some(exchange), None)),
        }
    }

    fn accept(&mut self, exchange: Exchange, granted: Granted) {
        self.generation = self.generation.saturating_add(1);
        self.failures = Failures::NONE;
        // The lifetime began when the request was sent, not when its answer arrived.
        let issued_at = exchange.sent_at;
        let expires = issued_at.plus(granted.lifetime);
        let after = refresh_after(granted.lifetime, (self.setup.random)());
        self.due = issued_at.elapsed.saturating_add(after);
        let token = Token {
            value: granted.value,
            facts: TokenFacts {
                generation: self.generation,
                issued_at,
                expires_at: Some(expires.wall),
                scopes: granted.scopes,
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
        self.state.send_modify(|state| {
            state.current = Some(Arc::new(token));
            state.last_failure = None;
            state.attempts = state.attempts.saturating_add(1);
            state.in_flight = false;
        });
    }

    fn fail(&mut self, failure: MintFailure) -> Outcome {
        let outcome = mint_outcome(&failure);
        let count = self.failures.count().saturating_add(1);
        self.failures = match outcome {
            Outcome::AuthRateLimited => Failures::Throttled(count),
            outcome if is_definitive(outcome) => Failures::Definitive(count),
            _ => Failures::Transient(count),
        };
        let asked = failure
            .exchange
            .as_ref()
            .and_then(Exchange::answer)
            .and_then(|answer| answer.retry_after(failure.at.wall))
            .map(clamp_retry_after);
        let pause = pause(self.failures, asked, (self.setup.random)());
        self.due = failure.at.elapsed.saturating_add(pause);
        tracing::warn!(
            credential = %self.credential.name,
            cause = outcome.slug(),
            attempts = count,
            next_attempt_seconds = pause.as_secs(),
            "no token for {}: {}",
            self.credential.name,
            outcome.slug()
        );
        self.state.send_modify(|state| {
            state.last_failure = Some(Arc::new(failure));
            state.attempts = state.attempts.saturating_add(1);
            state.in_flight = false;
        });
        outcome
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
                Command::Rejected { reply, .. } => answer(reply, self.outcome()),
            }
        }
    }

    /// Reads the secret's file again; true when it holds another secret than before.
    ///
    /// A file that cannot be read for a moment, as while it is replaced, keeps the old secret.
    async fn reread_secret(&mut self) -> bool {
        let Some(path) = secret_of(&self.credential.grant).file.clone() else {
            return false;
        };
        let read = tokio::task::spawn_blocking(move || read_secret_file(&path));
        let secret = match tokio::time::timeout(FILE_TIMEOUT, read).await {
            Ok(Ok(Ok(secret))) => secret,
            Ok(Ok(Err(error))) => {
                tracing::warn!(
                    credential = %self.credential.name,
                    "the secret's file of {} {error}; the secret read before is kept",
                    self.credential.name
                );
                return false;
            }
            _ => return false,
        };
        let changed = secret.expose_secret() != self.secret.expose_secret();
        if changed {
            tracing::info!(credential = %self.credential.name, "the secret of {} was replaced", self.credential.name);
            self.secret = secret;
        }
        changed
    }
}

/// The state before the first attempt; a given token is there from the start.
fn initial(credential: &Credential, now: Moment) -> State {
    let Grant::AccessToken { token } = &credential.grant else {
        return State::default();
    };
    if !can_be_sent(token.value.expose_secret()) {
        return State {
            last_failure: Some(Arc::new(MintFailure {
                exchange: None,
                unusable: Some("the given token has characters that no header may carry"),
                at: now,
            })),
            ..State::default()
        };
    }
    State {
        current: Some(Arc::new(Token {
            value: token.value.clone(),
            facts: TokenFacts {
                generation: 1,
                issued_at: now,
                expires_at: None,
                scopes: None,
            },
            minted_by: None,
            expires: None,
            margin: Duration::ZERO,
        })),
        ..State::default()
    }
}

fn secret_of(grant: &Grant) -> &Secret {
    match grant {
        Grant::ClientCredentials { client_secret, .. } => client_secret,
        Grant::AccessToken { token } => token,
    }
}

/// What is left of `pause` since `last`; none when it is over.
fn remaining(last: Option<Moment>, pause: Duration, now: Moment) -> Option<Duration> {
    let left = pause.saturating_sub(now.since(last?));
    (!left.is_zero()).then_some(left)
}

fn answer(reply: Reply, result: Result<Arc<Token>, NotRenewed>) {
    // Whoever asked may have gone away; the token is cached all the same.
    reply.send(result).unwrap_or_default();
}
