use std::collections::BTreeSet;

use super::*;
use crate::clock::Moment;
use crate::diagnosis::{Cause, Class};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn snapshot() -> Snapshot {
    let at = Moment {
        elapsed: Duration::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
    };
    Snapshot {
        sequence: 0,
        at,
        started: at,
        suspected_local_fault: false,
        targets: Vec::new(),
        credentials: Vec::new(),
    }
}

fn render(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render(&snapshot(), snapshot().at)).unwrap()
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn every_known_series_is_there_from_the_start_at_zero() {
    let metrics = Metrics::new(&[name("a"), name("b")], &[name("a")]).unwrap();
    let text = render(&metrics);
    for target in ["a", "b"] {
        for cause in Cause::ALL {
            let series = format!(
                "why403_forbidden_total{{cause=\"{}\",target=\"{target}\"}}",
                cause.slug()
            );
            assert_eq!(value(&text, &series), Some(0.0), "{series}");
        }
        for class in Class::ALL {
            let series = format!(
                "why403_probe_failures_total{{class=\"{}\",target=\"{target}\"}}",
                class.slug()
            );
            assert_eq!(value(&text, &series), Some(0.0), "{series}");
        }
    }
    assert_eq!(
        value(
            &text,
            "why403_token_refreshes_total{credential=\"a\",result=\"ok\"}"
        ),
        Some(0.0)
    );
    assert_eq!(
        value(
            &text,
            "why403_http_requests_total{code=\"200\",route=\"/health\"}"
        ),
        Some(0.0)
    );
    assert_eq!(
        value(&text, "why403_probe_duration_seconds_count{phase=\"tls\"}"),
        Some(0.0)
    );
    assert_eq!(
        value(
            &text,
            "why403_experiments_total{experiment=\"fresh_token\",result=\"determined\"}"
        ),
        Some(0.0)
    );
    assert_eq!(
        value(&text, "why403_config_last_reload_successful"),
        Some(1.0)
    );
}

#[test]
fn a_finding_counts_once_and_in_one_place() {
    let metrics = Metrics::new(&[name("a"), name("b")], &[]).unwrap();
    metrics.probe(&name("b"), Finding::Forbidden(Cause::EdgeBlock));
    metrics.probe(&name("b"), Finding::Other(Outcome::Timeout));
    metrics.probe(&name("b"), Finding::Other(Outcome::Ok));
    let text = render(&metrics);
    assert_eq!(value(&text, "why403_probes_total{target=\"b\"}"), Some(3.0));
    assert_eq!(value(&text, "why403_probes_total{target=\"a\"}"), Some(0.0));
    assert_eq!(
        value(
            &text,
            "why403_forbidden_total{cause=\"edge_block\",target=\"b\"}"
        ),
        Some(1.0)
    );
    assert_eq!(
        value(
            &text,
            "why403_probe_failures_total{class=\"network\",target=\"b\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn a_fleet_is_counted_together() {
    let names: Vec<_> = (0..501).map(|n| name(&format!("t{n}"))).collect();
    let metrics = Metrics::new(&names, &[]).unwrap();
    metrics.probe(&names[7], Finding::Forbidden(Cause::UnknownForbidden));
    metrics.probe(&names[400], Finding::Forbidden(Cause::UnknownForbidden));
    let text = render(&metrics);
    assert_eq!(
        value(
            &text,
            "why403_forbidden_total{cause=\"unknown_403\",target=\"\"}"
        ),
        Some(2.0)
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("why403_probes_total{"))
            .count(),
        1
    );
}

#[test]
fn an_unexpected_status_is_counted_as_other() {
    let metrics = Metrics::new(&[], &[]).unwrap();
    metrics.http_request(Route::Livez, 418, Duration::ZERO);
    let text = render(&metrics);
    assert_eq!(
        value(
            &text,
            "why403_http_requests_total{code=\"other\",route=\"/livez\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn every_family_has_help_and_type_once() {
    let metrics = Metrics::new(&[name("a")], &[name("a")]).unwrap();
    let text = render(&metrics);
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
        assert!(seen.insert(line.to_owned()), "{line}");
    }
    assert!(seen.len() > 15);
    assert!(text.ends_with('\n'));
}

#[test]
fn series_follow_what_is_watched() {
    let metrics = Metrics::new(&[name("a"), name("b")], &[name("a"), name("b")]).unwrap();
    let refused = Finding::Forbidden(Cause::EdgeBlock);
    metrics.probe(&name("a"), refused);
    metrics.probe(&name("b"), refused);
    metrics.refresh(&name("a"), Ok(()), Duration::ZERO);
    metrics.follow(&[name("b"), name("c")], &[name("b"), name("c")]);
    // What ended meanwhile does not come back by a late report.
    metrics.probe(&name("a"), refused);
    let text = render(&metrics);
    let of = |target: &str| {
        let series = format!("why403_forbidden_total{{cause=\"edge_block\",target=\"{target}\"}}");
        value(&text, &series)
    };
    assert_eq!([of("a"), of("b"), of("c")], [None, Some(1.0), Some(0.0)]);
    assert!(!text.contains("=\"a\""), "{text}");
    assert!(text.contains("why403_token_refreshes_total{credential=\"c\",result=\"ok\"} 0"));
    // Many targets are counted together, and few again by themselves.
    let fleet: Vec<_> = (0..501).map(|n| name(&format!("t-{n}"))).collect();
    metrics.follow(&fleet, &[]);
    metrics.probe(&fleet[3], refused);
    let text = render(&metrics);
    let all = "why403_forbidden_total{cause=\"edge_block\",target=\"\"}";
    assert_eq!(value(&text, all), Some(1.0));
    metrics.follow(&fleet[..2], &[]);
    assert_eq!(value(&render(&metrics), all), None);
}
