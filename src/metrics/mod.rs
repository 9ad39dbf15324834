//! Prometheus metrics: counters of what happened, gauges of what the snapshot says.
//!
//! Every series that can occur exists from the start, at 0: a counter that first appears with the
//! value 1 shows no increase. Gauges are made from the snapshot while rendering, so that they
//! cannot disagree with `/diagnose`. Labels are closed sets; no text from outside becomes one.

mod connections;
mod gauges;
mod labels;
mod process;
mod scrape;
mod vectors;

use std::time::Duration;

use prometheus::{
    Encoder, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder,
};

use self::labels::{EXPERIMENT_RESULTS, Phase, WRITE_RESULTS};
use self::vectors::{HttpCounters, ProbeCounters, RefreshCounters};
use crate::clock::Moment;
use crate::diagnosis::{Finding, Outcome};
use crate::evidence::{ExperimentKind, Phases};
use crate::snapshot::Snapshot;
use crate::target::Name;

pub use connections::{Connections, OpenConnection};
pub use labels::{MINT_FAILURES, Route};
pub use process::{log_line_dropped, log_lines_dropped};
pub use scrape::render as render_scrape;

/// The prefix of all our metrics.
const NAMESPACE: &str = "why403";

/// Counters, histograms, and how to show them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    process: process::Process,
    probes: ProbeCounters,
    phases: Vec<(Phase, Histogram)>,
    experiments: IntCounterVec,
    refreshes: RefreshCounters,
    refresh_duration: Histogram,
    http: HttpCounters,
    connections: Connections,
    scheduler_lag: Gauge,
    slots_skipped: IntCounter,
    reload_successful: IntGauge,
    state_writes: IntCounterVec,
}

impl Metrics {
    /// Metrics for these targets and credentials, at first.
    ///
    /// # Errors
    /// When a metric is declared wrongly, which no configuration can cause.
    pub fn new(targets: &[Name], credentials: &[Name]) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            probes: ProbeCounters::new(&registry)?,
            phases: phases(&registry)?,
            experiments: experiments(&registry)?,
            refreshes: RefreshCounters::new(&registry)?,
            refresh_duration: vectors::histogram(
                &registry,
                "token_refresh_duration_seconds",
                "Time from the start to the end of an attempt to mint a token.",
            )?,
            http: HttpCounters::new(&registry)?,
            connections: Connections::new(&registry)?,
            scheduler_lag: Gauge::with_opts(vectors::opts(
                "scheduler_lag_seconds",
                "How late calls began, compared with their slots: the greatest lag of the latest probes.",
            ))?,
            slots_skipped: IntCounter::with_opts(vectors::opts(
                "slots_skipped_total",
                "Regular slots of targets that passed without a probe, because the one before was late, or with one \
                 for which this process had no time.",
            ))?,
            reload_successful: IntGauge::with_opts(vectors::opts(
                "config_last_reload_successful",
                "Whether the configuration was read successfully the last time: 1 or 0.",
            ))?,
            state_writes: state_writes(&registry)?,
            registry,
            process: process::Process::default(),
        };
        metrics
            .registry
            .register(Box::new(metrics.scheduler_lag.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.slots_skipped.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.reload_successful.clone()))?;
        metrics.reload_successful.set(1);
        build_info(&metrics.registry)?;
        metrics.follow(targets, credentials);
        Ok(metrics)
    }

    /// From now on there are series of these targets and credentials only: new ones begin at 0,
    /// those of others go, the rest counts on.
    pub fn follow(&self, targets: &[Name], credentials: &[Name]) {
        self.probes.follow(targets);
        self.refreshes.follow(credentials);
    }

    /// Says whether the configuration could be read the last time.
    pub fn reloaded(&self, successfully: bool) {
        self.reload_successful.set(i64::from(successfully));
    }

    /// Counts a finished probe of a target.
    pub fn probe(&self, target: &Name, finding: Finding) {
        self.probes.count(target, finding);
    }

    /// Observes how long the phases of one call took.
    pub fn phases(&self, phases: &Phases) {
        for (phase, histogram) in &self.phases {
            let took = match phase {
                Phase::Dns => phases.dns,
                Phase::Connect => phases.connect,
                Phase::Tls => phases.tls,
                Phase::FirstByte => phases.first_byte,
                Phase::Total => Some(phases.total),
            };
            if let Some(took) = took {
                histogram.observe(took.as_secs_f64());
            }
        }
    }

    /// Counts an experiment, and whether it determined anything.
    pub fn experiment(&self, kind: ExperimentKind, determined: bool) {
        let [yes, no] = EXPERIMENT_RESULTS;
        let result = if determined { yes } else { no };
        self.experiments
            .with_label_values(&[kind.slug(), result])
            .inc();
    }

    /// Counts an attempt to mint a token.
    pub fn refresh(&self, credential: &Name, result: Result<(), Outcome>, took: Duration) {
        self.refreshes.count(credential, result);
        self.refresh_duration.observe(took.as_secs_f64());
    }

    /// Counts an attempt to write to the state directory.
    pub fn state_write(&self, written: bool) {
        let [ok, failed] = WRITE_RESULTS;
        let result = if written { ok } else { failed };
        self.state_writes.with_label_values(&[result]).inc();
    }

    /// Tells how late a probe began.
    pub fn scheduler_lag(&self, lag: Duration) {
        self.scheduler_lag.set(lag.as_secs_f64());
    }

    /// Counts regular slots that passed without a probe.
    pub fn slots_skipped(&self, slots: u64) {
        self.slots_skipped.inc_by(slots);
    }

    /// Counts an answered request.
    pub fn http_request(&self, route: Route, status: u16, took: Duration) {
        self.http.count(route, status, took);
    }

    /// Counts connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The exposition in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot, now: Moment) -> Vec<u8> {
        let mut families = self.registry.gather();
        families.extend(self.process.families(now.elapsed));
        families.extend(process::log_lines());
        families.extend(gauges::gauges(snapshot));
        families.sort_by(|a, b| a.name().cmp(b.name()));
        let mut text = Vec::with_capacity(32 * 1024);
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            tracing::error!("the metrics cannot be rendered: {error}");
        }
        text
    }
}

fn phases(registry: &Registry) -> prometheus::Result<Vec<(Phase, Histogram)>> {
    let vector = vectors::histogram_vec(
        registry,
        "probe_duration_seconds",
        "Time that the phases of one call to the API took.",
        vectors::UPSTREAM_BUCKETS,
        "phase",
    )?;
    Ok(Phase::ALL
        .iter()
        .map(|phase| (*phase, vector.with_label_values(&[phase.as_str()])))
        .collect())
}

fn experiments(registry: &Registry) -> prometheus::Result<IntCounterVec> {
    let vector = vectors::counter_vec(
        registry,
        "experiments_total",
        "Extra calls made to tell causes apart.",
        &["experiment", "result"],
    )?;
    for experiment in ExperimentKind::ALL {
        for result in EXPERIMENT_RESULTS {
            vector
                .with_label_values(&[experiment.slug(), result])
                .reset();
        }
    }
    Ok(vector)
}

fn state_writes(registry: &Registry) -> prometheus::Result<IntCounterVec> {
    let vector = vectors::counter_vec(
        registry,
        "state_writes_total",
        "Attempts to write to the state directory.",
        &["result"],
    )?;
    for result in WRITE_RESULTS {
        vector.with_label_values(&[result]).reset();
    }
    Ok(vector)
}

fn build_info(registry: &Registry) -> prometheus::Result<()> {
    let opts = vectors::opts("build_info", "What was built; always 1.")
        .const_label("version", env!("CARGO_PKG_VERSION"))
        .const_label("rust_version", env!("CARGO_PKG_RUST_VERSION"));
    let gauge = IntGauge::with_opts(opts)?;
    gauge.set(1);
    registry.register(Box::new(gauge))
}

#[cfg(test)]
mod tests;
