//! Gauges: what the snapshot says, at the time of the scrape.

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec};

use super::vectors::opts;
use crate::clock::Moment;
use crate::snapshot::{CredentialView, PlatformView, Snapshot, TargetView};

/// All gauges of a snapshot.
pub(super) fn gauges(snapshot: &Snapshot) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    let targets = |name: &str, help: &str, value: &dyn Fn(&TargetView) -> f64| {
        vector(
            name,
            help,
            "target",
            snapshot
                .targets
                .iter()
                .map(|target| (target.name.as_str(), Some(value(target)))),
        )
    };
    families.extend(targets(
        "access",
        "Whether the latest probe could read what the target needs: 1 or 0.",
        &|target| f64::from(u8::from(target.has_access())),
    ));
    families.extend(targets(
        "last_probe_timestamp_seconds",
        "When a probe last ended; 0 before the first.",
        &|target| seconds(target.last_probe()),
    ));
    families.extend(targets(
        "last_success_timestamp_seconds",
        "When every operation of the target had last succeeded; 0 before.",
        &|target| seconds(target.last_success()),
    ));
    families.extend(targets(
        "queues_visible",
        "Queues visible to the latest probe; 0 while access does not work, NaN while it works and the \
         answer does not tell.",
        &TargetView::queues_visible,
    ));
    families.extend(targets(
        "certificate_expiry_timestamp_seconds",
        "When the certificate of the target's API ends, as it was shown last; 0 before, and without \
         TLS.",
        &|target| ends(target.platform),
    ));
    families.extend(targets(
        "clock_skew_seconds",
        "How far the platform's clock is ahead of ours, at least, by the date of its latest answer; \
         negative when it is behind, 0 before the first.",
        &|target| {
            let skew = target.platform.clock_skew;
            skew.map_or(0.0, |it| it.as_secs_f64())
        },
    ));
    let credentials = |name: &str, help: &str, value: &dyn Fn(&CredentialView) -> Option<f64>| {
        vector(
            name,
            help,
            "credential",
            snapshot
                .credentials
                .iter()
                .map(|credential| (credential.name.as_str(), value(credential))),
        )
    };
    families.extend(credentials(
        "token_expiry_timestamp_seconds",
        "When the usable token expires; 0 without one, or when a given token does not tell.",
        &|credential| {
            let expiry = credential.token.as_ref().and_then(|token| token.expires_at);
            Some(instant(expiry))
        },
    ));
    families.extend(credentials(
        "secret_mtime_timestamp_seconds",
        "When the file with the credential's secret last changed, the oldest of several; 0 when it is \
         in none, and before it was read again.",
        &|credential| Some(instant(credential.secret_modified)),
    ));
    families.extend(credentials(
        "rate_limit_remaining",
        "Calls left in the rate limit, as the API last reported it.",
        &|credential| credential.rate_limit_remaining.map(f64::from),
    ));
    families.extend(credentials(
        "login_certificate_expiry_timestamp_seconds",
        "When the certificate of the credential's login host ends, as it was shown with the latest \
         token; 0 before, and without TLS.",
        &|credential| Some(ends(credential.login)),
    ));
    families.extend(single(
        "scheduler_heartbeat_timestamp_seconds",
        "When the scheduler last showed that it works.",
        seconds(Some(snapshot.at)),
    ));
    families.extend(single(
        "suspected_local_fault",
        "Whether most targets, on several hosts, cannot be reached at once, so that the cause is \
         probably here: 1 or 0.",
        f64::from(u8::from(snapshot.suspected_local_fault)),
    ));
    families
}

fn vector<'a>(
    name: &str,
    help: &str,
    label: &str,
    values: impl Iterator<Item = (&'a str, Option<f64>)>,
) -> Vec<MetricFamily> {
    // Names and labels are literals of this file; a wrong one is found by the first test.
    let Ok(vector) = GaugeVec::new(opts(name, help), &[label]) else {
        return Vec::new();
    };
    for (label, value) in values {
        if let Some(value) = value {
            vector.with_label_values(&[label]).set(value);
        }
    }
    let mut families = vector.collect();
    families.retain(|family| !family.get_metric().is_empty());
    families
}

fn single(name: &str, help: &str, value: f64) -> Vec<MetricFamily> {
    let Ok(gauge) = Gauge::with_opts(opts(name, help)) else {
        return Vec::new();
    };
    gauge.set(value);
    gauge.collect()
}

fn ends(platform: PlatformView) -> f64 {
    instant(platform.certificate_ends)
}

fn seconds(at: Option<Moment>) -> f64 {
    instant(at.map(|at| at.wall))
}

fn instant(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.as_duration().as_secs_f64())
}
