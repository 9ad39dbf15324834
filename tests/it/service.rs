//! The served application: its life from start to stop, and what it does when it is asked.

mod addresses;
mod admin;
mod health;
mod probe;
mod reload;
mod requests;
mod sharing;
mod stop;
mod suspicion;
mod tls;
mod verify;

use std::time::Duration;

use why403::sim::Scripted;

use crate::harness::*;

const MINUTE: Duration = Duration::from_mins(1);

fn unavailable() -> Scripted {
    Scripted::text(503, "text/plain", "Service Unavailable")
}

async fn statuses<const N: usize>(service: &Service, paths: [&str; N]) -> [u16; N] {
    let mut statuses = [0; N];
    for (status, path) in statuses.iter_mut().zip(paths) {
        *status = service.get(path).await.status;
    }
    statuses
}
