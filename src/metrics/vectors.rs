//! Counters with labels, their series made once and kept at hand.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use super::NAMESPACE;
use super::labels::{MINT_FAILURES, Route};
use crate::diagnosis::{Cause, Class, Finding, Outcome};
use crate::target::Name;

/// Most targets that have cause counters of their own.
const MOST_TARGETS: usize = 500;

/// Buckets for calls to the platform; they contain the usual timeouts.
pub(super) const UPSTREAM_BUCKETS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
/// Buckets for our own answers.
const HTTP_BUCKETS: &[f64] = &[0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0];

pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}

pub(super) fn counter_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let vector = IntCounterVec::new(opts(name, help), labels)?;
    registry.register(Box::new(vector.clone()))?;
    Ok(vector)
}

pub(super) fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
) -> prometheus::Result<Histogram> {
    let opts = HistogramOpts::new(name, help)
        .namespace(NAMESPACE)
        .buckets(UPSTREAM_BUCKETS.to_vec());
    let histogram = Histogram::with_opts(opts)?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

pub(super) fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    label: &str,
) -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(name, help)
        .namespace(NAMESPACE)
        .buckets(buckets.to_vec());
    let vector = HistogramVec::new(opts, &[label])?;
    registry.register(Box::new(vector.clone()))?;
    Ok(vector)
}

/// What probes found, per target; beyond 500 targets for the fleet, with an empty target label.
#[derive(Debug)]
pub(super) struct ProbeCounters {
    series: Vec<ProbeSeries>,
}

#[derive(Debug)]
struct ProbeSeries {
    probes: IntCounter,
    forbidden: Vec<(Cause, IntCounter)>,
    failures: Vec<(Class, IntCounter)>,
}

impl ProbeCounters {
    pub(super) fn new(registry: &Registry, targets: &[Name]) -> prometheus::Result<Self> {
        let probes = counter_vec(registry, "probes_total", "Finished probes.", &["target"])?;
        let forbidden = counter_vec(
            registry,
            "forbidden_total",
            "Probes answered 403, by cause.",
            &["target", "cause"],
        )?;
        let failures = counter_vec(
            registry,
            "probe_failures_total",
            "Probes that failed otherwise, by class.",
            &["target", "class"],
        )?;
        let labels: Vec<&str> = if targets.len() > MOST_TARGETS {
            vec![""]
        } else {
            targets.iter().map(Name::as_str).collect()
        };
        let of = |target: &str| ProbeSeries {
            probes: probes.with_label_values(&[target]),
            forbidden: Cause::ALL
                .iter()
                .map(|cause| (*cause, forbidden.with_label_values(&[target, cause.slug()])))
                .collect(),
            failures: Class::ALL
                .iter()
                .map(|class| (*class, failures.with_label_values(&[target, class.slug()])))
                .collect(),
        };
        Ok(Self {
            series: labels.into_iter().map(of).collect(),
        })
    }

    pub(super) fn count(&self, target: usize, finding: Finding) {
        // The fleet has one series for all.
        let Some(series) = self.series.get(target).or(self.series.first()) else {
            return;
        };
        series.probes.inc();
        match finding {
            Finding::Forbidden(cause) => increment(&series.forbidden, &cause),
            Finding::Other(outcome) => {
                if let Some(class) = outcome.class() {
                    increment(&series.failures, &class);
                }
            }
        }
    }
}

fn increment<K: PartialEq>(counters: &[(K, IntCounter)], key: &K) {
    if let Some((_, counter)) = counters.iter().find(|(known, _)| known == key) {
        counter.inc();
    }
}

/// What attempts to mint led to, per credential.
#[derive(Debug)]
pub(super) struct RefreshCounters {
    vector: IntCounterVec,
}

impl RefreshCounters {
    pub(super) fn new(registry: &Registry, credentials: &[Name]) -> prometheus::Result<Self> {
        let vector = counter_vec(
            registry,
            "token_refreshes_total",
            "Attempts to mint a token, by result.",
            &["credential", "result"],
        )?;
        for credential in credentials {
            let failures = MINT_FAILURES.iter().copied().map(Err);
            for result in std::iter::once(Ok(())).chain(failures) {
                vector
                    .with_label_values(&[credential.as_str(), slug(result)])
                    .reset();
            }
        }
        Ok(Self { vector })
    }

    pub(super) fn count(&self, credential: &Name, result: Result<(), Outcome>) {
        self.vector
            .with_label_values(&[credential.as_str(), slug(result)])
            .inc();
    }
}

fn slug(result: Result<(), Outcome>) -> &'static str {
    result.err().unwrap_or(Outcome::Ok).slug()
}

/// Requests that we answered, per route.
#[derive(Debug)]
pub(super) struct HttpCounters {
    routes: Vec<RouteSeries>,
}

#[derive(Debug)]
struct RouteSeries {
    route: Route,
    codes: Vec<(u16, IntCounter)>,
    /// Counts statuses that the route is not expected to answer.
    other: IntCounter,
    duration: Histogram,
}

impl HttpCounters {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = counter_vec(
            registry,
            "http_requests_total",
            "Requests answered by this service.",
            &["route", "code"],
        )?;
        let durations = histogram_vec(
            registry,
            "http_request_duration_seconds",
            "Time to answer a request to this service.",
            HTTP_BUCKETS,
            "route",
        )?;
        let of = |route: Route| {
            let counter = |code: &str| requests.with_label_values(&[route.as_str(), code]);
            let known = |code: &u16| (*code, counter(&code.to_string()));
            RouteSeries {
                route,
                codes: route.codes().iter().map(known).collect(),
                other: counter("other"),
                duration: durations.with_label_values(&[route.as_str()]),
            }
        };
        Ok(Self {
            routes: Route::ALL.iter().copied().map(of).collect(),
        })
    }

    pub(super) fn count(&self, route: Route, status: u16, took: Duration) {
        let Some(series) = self.routes.iter().find(|series| series.route == route) else {
            return;
        };
        let known = series.codes.iter().find(|(code, _)| *code == status);
        known.map_or(&series.other, |(_, counter)| counter).inc();
        series.duration.observe(took.as_secs_f64());
    }
}
