//! A small, honest Genesys Cloud, to try why403 and to test it without an account.
//!
//! It models one organisation: divisions, roles with policies, OAuth clients and users with role and
//! division pairs, queues, tokens. What is refused **follows from that model**, not from a switch;
//! faults ([`Scripted`]) come on top, and a [`Scenario`] is a named edit of the model or a named
//! fault. It speaks the wire in its own literals and uses nothing of the rest of this crate, so that
//! client and simulator cannot be wrong together. Where the real platform's words are not known, a
//! comment at the place calls the literal a stand-in.
//!
//! It listens on loopback addresses only, and reads the runtime's clock, so that a paused clock in a
//! test drives token expiry, rate limits and the time of day, which is the system's unless it is set.

mod access;
mod answer;
mod api;
mod clock;
mod control;
mod demo_org;
mod edit;
mod fault;
mod guard;
mod identity;
mod log;
mod oauth;
mod obstacle;
mod org;
mod paging;
mod permission;
mod queues;
mod scenario;
mod server;
mod token;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;

pub use self::demo_org::{
    DEMO_ASSERTION, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG_NAME, DEMO_PASSWORD,
    DEMO_REFRESH_TOKEN, DEMO_USER_TOKEN, DEMO_USERNAME, DISABLED_CLIENT_ID, PORTAL_CLIENT_ID,
    ROLELESS_CLIENT_ID, SAML_CLIENT_ID,
};
pub use self::fault::{Route, Scripted};
pub use self::log::Request;
pub use self::obstacle::Obstacle;
pub use self::org::{ClientState, GrantType, Org, Wording};
pub use self::scenario::{Credential, Scenario, UnknownScenario};

/// A simulated Genesys Cloud; clones share one world.
#[derive(Debug, Clone)]
pub struct Simulator {
    world: Arc<Mutex<World>>,
}

/// Everything that changes. Behind one lock, which is never held over an await.
#[derive(Debug)]
struct World {
    org: Org,
    faults: fault::Faults,
    log: log::Log,
    scenario: &'static Scenario,
    correlations: u64,
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulator {
    /// The demo organisation, in good health.
    #[must_use]
    pub fn new() -> Self {
        Self {
            world: Arc::new(Mutex::new(World::new(clock::Wall::system()))),
        }
    }

    /// Every scenario, the healthy one first.
    #[must_use]
    pub fn scenarios() -> &'static [Scenario] {
        scenario::all()
    }

    /// Switches to a scenario.
    ///
    /// The model becomes the demo organisation again and all scripted steps are dropped; issued
    /// tokens stay valid unless the scenario says otherwise.
    ///
    /// # Errors
    /// When there is no scenario of that name.
    pub fn set_scenario(&self, name: &str) -> Result<(), UnknownScenario> {
        let scenario = scenario::find(name)?;
        self.lock().switch(scenario);
        Ok(())
    }

    /// The name of the scenario that is on.
    #[must_use]
    pub fn scenario(&self) -> &'static str {
        self.lock().scenario.name
    }

    /// Forgets everything but the time of day: model, tokens, steps, requests and counts.
    pub fn reset(&self) {
        let mut world = self.lock();
        *world = World::new(world.org.wall);
    }

    /// Sets the time of day, which then follows the runtime's clock; at first it is the system's.
    ///
    /// Answers show it as their own date, and as that of grants that are made from now on.
    pub fn set_wall(&self, time: Timestamp) {
        self.lock().org.wall = clock::Wall::standing_at(time);
    }

    /// All routes, for another server than [`Simulator::run`].
    ///
    /// Connection faults ([`Scripted::Close`], [`Scripted::Reset`]) need [`Simulator::run`].
    pub fn router(&self) -> Router {
        wire::router(self)
    }

    /// Serves until `shutdown`, then drops what is open.
    ///
    /// # Errors
    /// When the listener's address is not a loopback address, or cannot be read.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.run_beside(Router::new(), listener, shutdown).await
    }

    /// The same, with routes of the caller's own on the same address.
    ///
    /// # Errors
    /// As [`Simulator::run`].
    pub async fn run_beside(
        self,
        own: Router,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        server::serve(own.merge(self.router()), listener, shutdown).await
    }

    /// Gives the next requests to `route` these steps, in order; then the model answers again.
    pub fn script(&self, route: Route, steps: impl IntoIterator<Item = Scripted>) {
        self.lock().faults.script(route, steps);
    }

    /// Gives every request to `route` this step, until it is cleared with `None`.
    pub fn always(&self, route: Route, step: Option<Scripted>) {
        self.lock().faults.always(route, step);
    }

    /// Puts an obstacle before every request to these routes, on top of whatever else is wrong.
    pub fn obstruct(&self, routes: &[Route], obstacle: Obstacle) {
        self.lock().faults.obstruct(routes, obstacle);
    }

    /// The last 10,000 requests, oldest first; requests to the controls are not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().log.requests()
    }

    /// How many requests there were to `route`.
    #[must_use]
    pub fn count(&self, route: Route) -> u64 {
        self.lock().log.count(route)
    }

    /// Changes the model. The closure must not use this simulator: the model is locked.
    pub fn with<T>(&self, change: impl FnOnce(&mut Org) -> T) -> T {
        let mut world = self.lock();
        let before = world.org.access.clone();
        let result = change(&mut world.org);
        world.org.remember(before, clock::now());
        result
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A verb that panicked on a misspelt name leaves the model as it was.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn new(wall: clock::Wall) -> Self {
        Self {
            org: demo_org::demo_org(wall),
            faults: fault::Faults::default(),
            log: log::Log::default(),
            scenario: scenario::healthy(),
            correlations: 0,
        }
    }

    fn switch(&mut self, scenario: &'static Scenario) {
        let mut org = demo_org::demo_org(self.org.wall);
        org.adopt_tokens(&mut self.org, clock::now());
        self.org = org;
        self.faults = fault::Faults::default();
        self.scenario = scenario;
        (scenario.arrange)(self);
    }

    /// The next correlation id: deterministic, so that tests can tell answers apart.
    fn next_correlation(&mut self) -> String {
        self.correlations += 1;
        edit::guid("c0", self.correlations)
    }
}
