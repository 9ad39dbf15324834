//! What one probe of one target found, as metrics of its own.
//!
//! The multi-target pattern of Prometheus (blackbox and SNMP exporter): the names are those that
//! its users know, without a label for the target, which the scraper sets itself.

use std::collections::BTreeSet;
use std::time::Duration;

use prometheus::{Encoder, Gauge, GaugeVec, Opts, Registry, TextEncoder};

use crate::clock::Moment;
use crate::diagnosis::{Cause, Diagnosis, Finding, Outcome};
use crate::evidence::Step;
use crate::snapshot::TargetView;

/// The exposition of a probe of `target` that ended in time; of one that did not, without it.
///
/// `waited` is how long the scraper has waited for it.
#[must_use]
pub fn render(target: Option<&TargetView>, now: Moment, waited: Duration) -> Vec<u8> {
    let registry = Registry::new();
    let found = target.map(Found::of);
    let mut text = Vec::with_capacity(8 * 1024);
    let made = declare(&registry, target, found.as_ref(), now, waited)
        .and_then(|()| TextEncoder::new().encode(&registry.gather(), &mut text));
    if let Err(error) = made {
        tracing::error!("the metrics of a probe cannot be rendered: {error}");
    }
    text
}

/// What the operations of a target found.
struct Found<'a> {
    diagnoses: Vec<&'a Diagnosis>,
}

impl<'a> Found<'a> {
    fn of(target: &'a TargetView) -> Self {
        let diagnoses = target
            .checks
            .iter()
            .filter_map(|one| one.diagnosis.as_deref());
        Self {
            diagnoses: diagnoses.collect(),
        }
    }

    /// Why not all is well; `ok` if it is.
    fn causes(&self) -> BTreeSet<&'static str> {
        let findings = self.diagnoses.iter().map(|one| one.finding);
        let causes: BTreeSet<_> = findings.filter_map(Finding::cause).collect();
        if causes.is_empty() && !self.diagnoses.is_empty() {
            return BTreeSet::from([Outcome::Ok.slug()]);
        }
        causes
    }

    /// Time that the calls of the probe itself took, without experiments and tokens.
    fn took(&self) -> Duration {
        let steps = [Step::Probe.as_str(), Step::Retry.as_str()];
        let lines = self.diagnoses.iter().flat_map(|one| &one.evidence);
        let calls = lines.filter(|line| steps.contains(&line.step));
        calls.map(|line| line.duration).sum()
    }

    /// The status of the first operation that did not work, or of the last one.
    fn status(&self) -> u16 {
        let works = |one: &&Diagnosis| one.finding.outcome().grants_access();
        let failed = self.diagnoses.iter().copied().find(|one| !works(one));
        let told = failed.or(self.diagnoses.last().copied());
        told.and_then(|one| one.answer.as_ref())
            .map_or(0, |answer| answer.status)
    }
}

fn declare(
    registry: &Registry,
    target: Option<&TargetView>,
    found: Option<&Found<'_>>,
    now: Moment,
    waited: Duration,
) -> prometheus::Result<()> {
    let gauge = |name: &str, help: &str, value: f64| -> prometheus::Result<()> {
        let gauge = Gauge::with_opts(Opts::new(name, help))?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    let yes = |it: bool| f64::from(u8::from(it));
    gauge(
        "probe_success",
        "Whether every operation of the target could be carried out: 1 or 0.",
        yes(target.is_some_and(TargetView::has_access)),
    )?;
    gauge(
        "probe_timed_out",
        "Whether the probe had not ended when the scraper had to be answered: 1 or 0.",
        yes(target.is_none()),
    )?;
    gauge(
        "probe_duration_seconds",
        "Time that the calls of the probe took; how long it was waited for if it did not end.",
        found.map_or(waited, Found::took).as_secs_f64(),
    )?;
    causes(registry, &found.map(Found::causes).unwrap_or_default())?;
    let (Some(target), Some(found)) = (target, found) else {
        return Ok(());
    };
    gauge(
        "probe_http_status_code",
        "Status of the answer; of the first operation that does not work, if there are several; 0 \
         without an answer.",
        f64::from(found.status()),
    )?;
    gauge(
        "probe_queues_visible",
        "Queues visible to the probe; 0 while access does not work, NaN while it works and the answer \
         does not tell.",
        target.queues_visible(),
    )?;
    let age = target.last_probe().map(|at| now.since(at));
    gauge(
        "probe_age_seconds",
        "How long ago the probe ended: a probe made a moment before answers a scrape, and while the \
         platform asks not to be called, the latest one does.",
        age.unwrap_or_default().as_secs_f64(),
    )
}

/// Every known cause, so that a query for one that is not there is 0 and not nothing.
fn causes(registry: &Registry, found: &BTreeSet<&'static str>) -> prometheus::Result<()> {
    let opts = Opts::new(
        "probe_cause",
        "What the probe found: 1 for each cause of an operation that does not work as it should, \
         or for ok; 0 for all others.",
    );
    let vector = GaugeVec::new(opts, &["cause"])?;
    let outcomes = Outcome::ALL.iter().filter(|it| **it != Outcome::Forbidden);
    let known = Cause::ALL.iter().map(|cause| cause.slug());
    for cause in known.chain(outcomes.map(|outcome| outcome.slug())) {
        let value = f64::from(u8::from(found.contains(cause)));
        vector.with_label_values(&[cause]).set(value);
    }
    registry.register(Box::new(vector))
}
