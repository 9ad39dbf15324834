//! Debian's Prometheus as a child process, with the shipped rules in a hurry.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use crate::process::{Running, ask, free_address, wait_for};

/// What a minute of the rules is here, in seconds.
const MINUTE_SECONDS: u32 = 2;

/// A file of this repository.
pub(super) fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).unwrap()
}

/// The rules with every window, duration and offset of minutes shortened; hours stay.
fn hurried(rules: &str) -> String {
    let mut hurried = String::with_capacity(rules.len());
    let mut replaced = [0; 3];
    let mut rest = rules;
    loop {
        let marks = ["[", "for: ", "offset "];
        let found = marks.iter().enumerate();
        let next = found.filter_map(|(kind, mark)| Some((rest.find(mark)? + mark.len(), kind)));
        let Some((at, kind)) = next.min() else {
            break;
        };
        let (before, after) = rest.split_at(at);
        hurried.push_str(before);
        rest = after;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        if let (Ok(minutes), Some(behind)) = (number.parse::<u32>(), behind.strip_prefix('m')) {
            write!(hurried, "{}s", minutes * MINUTE_SECONDS).unwrap();
            replaced[kind] += 1;
            rest = behind;
        }
    }
    hurried.push_str(rest);
    assert!(replaced.iter().all(|&count| count > 0), "{replaced:?}");
    hurried
}

/// One series of an instant query.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) labels: Value,
    pub(super) value: f64,
}

/// A running Prometheus; dropping it ends it.
pub(super) struct Prometheus {
    address: SocketAddr,
    _running: Running,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `service`, and waits until it has.
    pub(super) fn start(service: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let rules = hurried(&shipped("deploy/prometheus/rules/why403.yml"));
        std::fs::write(path("rules.yml"), rules).unwrap();
        let config = format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  evaluation_interval: 500ms\n\
             rule_files: [rules.yml]\nscrape_configs:\n  - job_name: why403\n    static_configs:\n      \
             - targets: [\"{service}\"]\n"
        );
        std::fs::write(path("prometheus.yml"), config).unwrap();
        let address = free_address();
        let mut command = Command::new("prometheus");
        command
            .arg(format!(
                "--config.file={}",
                path("prometheus.yml").display()
            ))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg("--storage.tsdb.retention.time=1h")
            .arg(format!("--web.listen-address={address}"))
            .env_clear();
        let running = Running::listening(&mut command, address);
        let prometheus = Self {
            address,
            _running: running,
            _directory: directory,
        };
        wait_for("Prometheus has scraped", || {
            let up = prometheus.try_query("up == 1")?;
            (!up.is_empty()).then_some(())
        });
        prometheus
    }

    /// What an expression is now.
    #[track_caller]
    pub(super) fn query(&self, expression: &str) -> Vec<Sample> {
        let asked = self.try_query(expression);
        asked.unwrap_or_else(|| panic!("no answer to {expression}"))
    }

    /// As [`Self::query`]; nothing while Prometheus is not ready.
    fn try_query(&self, expression: &str) -> Option<Vec<Sample>> {
        let encoded: String = byte_serialize(expression.as_bytes()).collect();
        let found = self.get(&format!("/api/v1/query?query={encoded}"))?;
        assert_eq!(found["status"], "success", "{expression}: {found}");
        let data = &found["data"];
        assert_eq!(data["resultType"], "vector", "{expression}");
        let results = data["result"].as_array().unwrap().iter();
        let sample = |result: &Value| Sample {
            labels: result["metric"].clone(),
            value: result["value"][1].as_str().unwrap().parse().unwrap(),
        };
        Some(results.map(sample).collect())
    }

    /// The alerts that fire.
    pub(super) fn firing(&self) -> Vec<Value> {
        let mut found = self.get("/api/v1/alerts").unwrap();
        let alerts = found["data"]["alerts"].take();
        let Value::Array(mut alerts) = alerts else {
            panic!("no list of alerts: {alerts}");
        };
        alerts.retain(|alert| alert["state"] == "firing");
        alerts
    }

    fn get(&self, path: &str) -> Option<Value> {
        let reply = ask(self.address, &format!("GET {path}"), "");
        if reply.status == 503 {
            return None;
        }
        let chunked = reply
            .head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if chunked {
            joined(&reply.body)
        } else {
            reply.body
        };
        Some(serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}")))
    }
}

/// A body that came in chunks, as one.
fn joined(chunks: &str) -> String {
    let mut body = String::new();
    let mut rest = chunks;
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        let (chunk, behind) = behind.split_at(size);
        body.push_str(chunk);
        rest = behind.strip_prefix("\r\n").unwrap_or_default();
    }
    body
}

#[test]
fn chunks_are_joined() {
    assert_eq!(
        joined("3\r\n{\"a\r\n6\r\n\": 1}\n\r\n0\r\n\r\n"),
        "{\"a\": 1}\n"
    );
}

#[test]
fn only_durations_of_minutes_are_hurried() {
    let rules = "expr: a[3m] offset 15m > b[1h]\nfor: 1m\nlabels: [m]\n";
    assert_eq!(
        hurried(rules),
        "expr: a[6s] offset 30s > b[1h]\nfor: 2s\nlabels: [m]\n"
    );
}
