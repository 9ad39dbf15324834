//! Counters with labels, their series made once and kept at hand.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    probes: IntCounterVec,
    forbidden: IntCounterVec,
    failures: IntCounterVec,
    series: Mutex<HashMap<String, ProbeSeries>>,
}

#[derive(Debug)]
struct ProbeSeries {
    probes: IntCounter,
    forbidden: Vec<(Cause, IntCounter)>,
    failures: Vec<(Class, IntCounter)>,
}

/// The label of the fleet's own series.
const FLEET: &str = "";

impl ProbeCounters {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
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
        Ok(Self {
            probes,
            forbidden,
            failures,
            series: Mutex::default(),
        })
    }

    /// Has exactly the series of these targets: new ones begin at 0, those of others go.
    pub(super) fn follow(&self, targets: &[Name]) {
        let wanted: Vec<&str> = if targets.len() > MOST_TARGETS {
            vec![FLEET]
        } else {
            targets.iter().map(Name::as_str).collect()
        };
        let kept: HashSet<&str> = wanted.iter().copied().collect();
        let mut series = locked(&self.series);
        series.retain(|target, _| {
            let is_kept = kept.contains(target.as_str());
            if !is_kept {
                self.remove(target);
            }
            is_kept
        });
        for target in wanted {
            let made = || self.series(target);
            series.entry(target.to_owned()).or_insert_with(made);
        }
    }

    fn series(&self, target: &str) -> ProbeSeries {
        let forbidden = |cause: &Cause| self.forbidden.with_label_values(&[target, cause.slug()]);
        let failures = |class: &Class| self.failures.with_label_values(&[target, class.slug()]);
        ProbeSeries {
            probes: self.probes.with_label_values(&[target]),
            forbidden: Cause::ALL.iter().map(|it| (*it, forbidden(it))).collect(),
            failures: Class::ALL.iter().map(|it| (*it, failures(it))).collect(),
        }
    }

    fn remove(&self, target: &str) {
        // Whatever is not there need not be removed.
        drop(self.probes.remove_label_values(&[target]));
        for cause in Cause::ALL {
            drop(self.forbidden.remove_label_values(&[target, cause.slug()]));
        }
        for class in Class::ALL {
            drop(self.failures.remove_label_values(&[target, class.slug()]));
        }
    }

    pub(super) fn count(&self, target: &Name, finding: Finding) {
        let series = locked(&self.series);
        // The fleet has one series for all.
        let Some(series) = series.get(target.as_str()).or(series.get(FLEET)) else {
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

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
    credentials: Mutex<HashSet<Name>>,
}

/// Everything that an attempt can lead to.
fn mint_results() -> impl Iterator<Item = &'static str> {
    let failures = MINT_FAILURES.iter().copied().map(Err);
    std::iter::once(Ok(())).chain(failures).map(slug)
}

impl RefreshCounters {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let vector = counter_vec(
            registry,
            "token_refreshes_total",
            "Attempts to mint a token, by result.",
            &["credential", "result"],
        )?;
        Ok(Self {
            vector,
            credentials: Mutex::default(),
        })
    }

    /// Has exactly the series of these credentials: new ones begin at 0, those of others go.
    pub(super) fn follow(&self, credentials: &[Name]) {
        let wanted: HashSet<Name> = credentials.iter().cloned().collect();
        let mut known = locked(&self.credentials);
        for gone in known.difference(&wanted) {
            for result in mint_results() {
                // Whatever is not there need not be removed.
                drop(self.vector.remove_label_values(&[gone.as_str(), result]));
            }
        }
        for new in wanted.difference(&known) {
            for result in mint_results() {
                self.vector
                    .with_label_values(&[new.as_str(), result])
                    .reset();
            }
        }
        *known = wanted;
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
