//! The simulator without its rate limits, as the upstream of the scripts in `benches`.
//!
//! Listens on a free loopback port and prints its address. Beside the simulator's own routes:
//! `GET /figures/counts` says how many requests there were, `PUT /figures/delay/{ms}` makes every
//! answer about queues take so long, `PUT /figures/token-life/{seconds}` sets how long tokens to
//! come live, and `PUT /figures/scenario/{name}` switches to a scenario but leaves limits and
//! token life as they are.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, put};
use tokio::net::TcpListener;

use why403::sim::{Route, Scripted, Simulator};

/// The life of a token that nobody has set, in seconds.
const ONE_DAY: u64 = 86_400;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let upstream = Upstream {
        simulator: Simulator::new(),
        token_life: Arc::new(AtomicU64::new(ONE_DAY)),
    };
    upstream.set_limits();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    let controls = upstream.controls();
    upstream
        .simulator
        .run_beside(controls, listener, std::future::pending())
        .await
}

/// A simulator, and what outlives a change of its scenario.
#[derive(Clone)]
struct Upstream {
    simulator: Simulator,
    /// In seconds.
    token_life: Arc<AtomicU64>,
}

impl Upstream {
    fn controls(&self) -> Router {
        let (counted, delayed) = (self.clone(), self.clone());
        let (aged, switched) = (self.clone(), self.clone());
        let delay = async move |Path(millis): Path<u64>| delayed.delay(millis);
        let age = async move |Path(seconds): Path<u64>| {
            aged.token_life.store(seconds, Ordering::Relaxed);
            aged.set_limits();
        };
        let switch = async move |Path(name): Path<String>| switched.switch(&name);
        Router::new()
            .route("/figures/counts", get(async move || counted.counts()))
            .route("/figures/delay/{millis}", put(delay))
            .route("/figures/token-life/{seconds}", put(age))
            .route("/figures/scenario/{name}", put(switch))
    }

    fn set_limits(&self) {
        let life = self.token_life.load(Ordering::Relaxed);
        self.simulator.with(|org| {
            org.set_rate_limit(None);
            org.set_token_rate_limit(None);
            org.set_expires_in(life);
        });
    }

    fn counts(&self) -> String {
        let count = |route| self.simulator.count(route);
        let (token, queues) = (count(Route::Token), count(Route::Queues));
        let all: u64 = Route::ALL.into_iter().map(count).sum();
        let api = all - token;
        format!("{{\"token\":{token},\"queues\":{queues},\"api\":{api}}}\n")
    }

    fn delay(&self, millis: u64) {
        let step = Scripted::DelayHonest(Duration::from_millis(millis));
        self.simulator
            .always(Route::Queues, (millis > 0).then_some(step));
    }

    fn switch(&self, name: &str) -> StatusCode {
        if self.simulator.set_scenario(name).is_err() {
            return StatusCode::NOT_FOUND;
        }
        // Only where the scenario is not about them: its own limits and lives are its point.
        if !name.contains("token") && !name.contains("limited") {
            self.set_limits();
        }
        StatusCode::NO_CONTENT
    }
}
