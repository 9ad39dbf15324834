//! The simulator without its rate limits, as the upstream of `benches/figures`.
//!
//! Listens on a free loopback port and prints its address. Beside the simulator's own routes:
//! `GET /figures/counts` says how many requests there were, and `PUT /figures/delay/{ms}` makes
//! every answer about queues take so long.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use tokio::net::TcpListener;

use why403::sim::{Route, Scripted, Simulator};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let simulator = Simulator::new();
    simulator.with(|org| {
        org.set_rate_limit(None);
        org.set_token_rate_limit(None);
    });
    let (counted, delayed) = (simulator.clone(), simulator.clone());
    let counts = move || async move {
        let (token, queues) = (counted.count(Route::Token), counted.count(Route::Queues));
        format!("{{\"token\":{token},\"queues\":{queues}}}\n")
    };
    let delay = move |Path(millis): Path<u64>| async move {
        let step = Scripted::DelayHonest(Duration::from_millis(millis));
        delayed.always(Route::Queues, (millis > 0).then_some(step));
    };
    let router = Router::new()
        .route("/figures/counts", get(counts))
        .route("/figures/delay/{millis}", put(delay))
        .merge(simulator.router());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, router).await
}
