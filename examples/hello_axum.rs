//! The bare web framework, as a yardstick for `benches/figures`.
//!
//! Listens on a free loopback port and prints its address.

use std::io::Write as _;
use std::net::Ipv4Addr;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    let router = Router::new().route("/", get(|| async { "hello" }));
    axum::serve(listener, router).await
}
