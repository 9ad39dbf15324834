//! How long it takes to render the exposition, with one target and with a fleet.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use jiff::Timestamp;

use why403::clock::Moment;
use why403::config::{HealthPolicy, Level};
use why403::diagnosis::{Cause, Finding};
use why403::health::{Health, Reach, Thresholds};
use why403::metrics::Metrics;
use why403::snapshot::{CheckView, CredentialView, PlatformView, Snapshot, TargetView};
use why403::target::{IdentityKind, Name, Operation};
use why403::timeline::Timeline;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("metrics");
    for count in [1, 100] {
        let names: Vec<Name> = (0..count)
            .map(|number| Name::new(&format!("target-{number}")).unwrap())
            .collect();
        let metrics = Metrics::new(&names, &names).unwrap();
        for target in &names {
            metrics.probe(target, Finding::Forbidden(Cause::MissingPermission));
        }
        let snapshot = snapshot(&names);
        group.bench_function(format!("render_{count}_targets"), |bencher| {
            bencher.iter(|| metrics.render(black_box(&snapshot), snapshot.at));
        });
    }
    group.finish();
    criterion.final_summary();
}

fn snapshot(names: &[Name]) -> Snapshot {
    let now = Moment {
        elapsed: Duration::from_mins(1),
        wall: Timestamp::UNIX_EPOCH,
    };
    let policy = HealthPolicy {
        forbidden: Level::Fail,
        unauthorized: Level::Fail,
        misconfigured: Level::Fail,
        visibility: Level::Warn,
        outage: Level::Warn,
        throttled: Level::Warn,
        stale: Level::Warn,
    };
    let target = |name: &Name| {
        Arc::new(TargetView {
            name: name.clone(),
            api: "https://api.mypurecloud.com".to_owned(),
            host: "api.mypurecloud.com".to_owned(),
            platform: PlatformView::default(),
            identity: IdentityKind::Machine,
            credential: name.clone(),
            refresh_failing: None,
            interval: Duration::from_secs(30),
            notices_within: Duration::from_secs(40),
            thresholds: Thresholds {
                policy,
                fall: 3,
                rise: 2,
                stale_after: Duration::from_mins(2),
            },
            checks: vec![CheckView {
                operation: Operation::queues(),
                health: Health::default(),
                reach: Reach::default(),
                suspected: false,
                diagnosis: None,
                evidence: None,
                since: None,
                last_probe: Some(now),
                last_success: Some(now),
                timeline: Arc::new(Timeline::new(1)),
            }],
        })
    };
    let credential = |name: &Name| {
        Arc::new(CredentialView {
            name: name.clone(),
            grant: "client_credentials",
            client_id: Some("demo-client".to_owned()),
            token: None,
            refresh_failing: None,
            secret_modified: None,
            rate_limit_remaining: Some(299),
            login: PlatformView::default(),
        })
    };
    Snapshot {
        sequence: 1,
        at: now,
        started: now,
        suspected_local_fault: false,
        targets: names.iter().map(target).collect(),
        credentials: names.iter().map(credential).collect(),
    }
}
