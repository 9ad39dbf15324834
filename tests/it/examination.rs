//! Examinations in the running service: what is asked, how often, and what comes of it.

mod budget;
mod loss;
mod tokens;

use std::time::Duration;

use why403::sim::{DEMO_CLIENT_ID, Org, Route, Scripted};
use why403::snapshot::Snapshot;

use crate::harness::*;

const MINUTE: Duration = Duration::from_mins(1);

/// The role that lets the demo client read queues.
const READER: &str = "Queue Reader";

/// The experiments of the latest diagnosis, in order, with their statuses.
fn experiments(snapshot: &Snapshot) -> Vec<(&'static str, Option<u16>)> {
    let lines = diagnosis(snapshot).evidence.iter();
    let extra = lines.filter(|line| !["token", "probe", "retry"].contains(&line.step));
    extra.map(|line| (line.step, line.status)).collect()
}

/// Cause and confidence of the latest diagnosis.
fn cause(snapshot: &Snapshot) -> (&'static str, &'static str) {
    let diagnosis = diagnosis(snapshot);
    let cause = diagnosis.finding.cause().unwrap_or("ok");
    (cause, diagnosis.confidence.as_str())
}

/// Takes the role that the demo client reads queues by.
fn revoke(org: &mut Org) {
    org.revoke(DEMO_CLIENT_ID, READER);
}

/// Gives it back, everywhere.
fn grant(org: &mut Org) {
    for division in ["Home", "Sales", "Support"] {
        org.grant(DEMO_CLIENT_ID, READER, division);
    }
}

/// Calls that only experiments make.
fn helping_calls(platform: &Platform) -> u64 {
    [
        Route::TokensMe,
        Route::SubjectsMe,
        Route::DivisionsPermitted,
        Route::Permissions,
    ]
    .into_iter()
    .map(|route| platform.simulator.count(route))
    .sum()
}
