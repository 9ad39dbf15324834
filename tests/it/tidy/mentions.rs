//! What documents and manifests mention must exist: endpoints, variables, metrics, ports.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use why403::app::App;
use why403::clock::Clock;
use why403::config::{self, Config, Environment, Sources};
use why403::metrics::{Metrics, Route};
use why403::monitor::Pace;

use super::files::{Text, below, optional};
use super::{Finding, assert_clean, lines};

/// Whatever people and machines are told to use.
fn documents() -> Vec<Text> {
    let single = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "Dockerfile",
        "compose.yaml",
        "justfile",
    ];
    let mut found: Vec<Text> = single.into_iter().filter_map(optional).collect();
    found.extend(below("deploy"));
    found.extend(below("docs"));
    found
}

/// What is left of `line` behind each occurrence of `mark`, with what stands before.
fn after<'a>(line: &'a str, mark: &str) -> Vec<(&'a str, &'a str)> {
    line.match_indices(mark)
        .map(|(at, _)| (&line[..at], &line[at + mark.len()..]))
        .collect()
}

/// The beginning of `text` that is made of `allowed` characters.
fn prefix(text: &str, allowed: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !allowed(character));
    &text[..end.unwrap_or(text.len())]
}

/// Applies `mentioned` to every line; `rule` complains about what it found, if it must.
fn check(
    text: &Text,
    mentioned: impl Fn(&str) -> Vec<String>,
    rule: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.content.lines()) {
        for mention in mentioned(content) {
            if let Some(rule) = rule(&mention) {
                findings.push(Finding::new(&text.path, line, rule));
            }
        }
    }
    findings
}

/// Paths of other services, and of files.
const FOREIGN_PATHS: &[&str] = &[
    "/api/v2", "/oauth", "/sim", "/run", "/etc", "/var", "/usr", "/proc", "/dev", "/opt", "/tmp",
    "/app", "/bin", "/src", "/target", "/why403", "/config", "/secrets", "/data",
];

/// Paths of our service in a line: behind a method or our port, in backticks, and in manifests.
fn endpoints(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |rest: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/{}_.-:".contains(c);
        let path = prefix(rest, allowed).trim_end_matches(['.', ':', ',']);
        let foreign = |start: &str| {
            path.strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if path.starts_with('/') && !FOREIGN_PATHS.iter().any(|start| foreign(start)) {
            found.push(path.to_owned());
        }
    };
    for method in ["GET ", "POST ", "PUT ", "DELETE ", "HEAD "] {
        for (_, rest) in after(line, method) {
            add(rest);
        }
    }
    for (_, rest) in after(line, ":8403") {
        add(rest);
    }
    // Every second piece of a line stands between backticks.
    for piece in line.split('`').skip(1).step_by(2) {
        add(piece);
    }
    let setting = line.trim_start().trim_start_matches("- ");
    for key in ["path:", "metrics_path:", "prometheus.io/path:"] {
        if let Some(value) = setting.strip_prefix(key) {
            add(value.trim().trim_matches(['"', '\'']));
        }
    }
    found
}

fn is_endpoint(path: &str) -> bool {
    let segments = |path: &str| -> Vec<String> { path.split('/').map(str::to_owned).collect() };
    let given = segments(path);
    Route::ALL
        .iter()
        .filter(|route| **route != Route::Other)
        .any(|route| {
            let known = segments(route.as_str());
            let matches = |(known, given): (&String, &String)| {
                known == given || (known.starts_with('{') && !given.is_empty())
            };
            known.len() == given.len() && known.iter().zip(&given).all(matches)
        })
}

fn unknown_endpoint(path: &str) -> Option<String> {
    (!is_endpoint(path)).then(|| format!("there is no endpoint {path}"))
}

/// Names of our variables and of Genesys' in a line.
fn variables(line: &str) -> Vec<String> {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let starts = ["WHY403_", "GENESYS_CLOUD_", "GENESYSCLOUD_"];
    let mut found = Vec::new();
    for start in starts {
        for (before, rest) in after(line, start) {
            let name = format!("{start}{}", prefix(rest, allowed));
            // A longer name of somebody else, or a pattern such as `WHY403__*`.
            if !before.ends_with(allowed) && !name.ends_with('_') {
                found.push(name);
            }
        }
    }
    found
}

/// Variables that are no settings: a placeholder, and what the ignored tests read.
const NO_SETTINGS: &[&str] = &[
    "WHY403__SECTION__KEY",
    "WHY403_TEST_PYTHON",
    "WHY403_TEST_NODE_PATH",
    "WHY403_TEST_INSIDE",
];

/// Whether the configuration reads the variable: what it reads must be text.
fn is_read(name: &str) -> bool {
    let value = OsString::from_vec(vec![0xff]);
    let sources = Sources {
        environment: Environment::from_os_pairs([(OsString::from(name), value)]),
        ..Sources::default()
    };
    let problems = config::load(&sources).unwrap_err().to_string();
    let said = |line: &str| line.contains(&format!("{name}: is not UTF-8"));
    problems.lines().any(said)
}

fn unknown_variable(name: &str) -> Option<String> {
    let known = NO_SETTINGS.contains(&name) || is_read(name);
    (!known).then(|| format!("the configuration does not read {name}"))
}

/// A variable that the text itself introduces, as `client_secret_env = "GENESYS_CLOUD_EU"`.
fn introduced(text: &Text) -> Vec<String> {
    let lines = text.content.lines();
    lines
        .filter(|line| line.contains("_env = "))
        .flat_map(variables)
        .collect()
}

/// Names of our metrics in a line.
fn metrics(line: &str) -> Vec<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mentions = after(line, "why403_").into_iter();
    mentions
        .filter(|(before, _)| !before.ends_with(|c: char| allowed(c) || "/.-".contains(c)))
        .map(|(_, rest)| format!("why403_{}", prefix(rest, allowed)))
        .filter(|name| !name.ends_with('_'))
        .collect()
}

fn unknown_metric(name: &str, exported: &BTreeMap<String, String>) -> Option<String> {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().any(|suffix| {
        let base = name.strip_suffix(suffix);
        base.and_then(|base| exported.get(base))
            .is_some_and(|kind| kind == "histogram")
    });
    let known = of_histogram || exported.contains_key(name);
    (!known).then(|| format!("there is no metric {name}"))
}

fn configuration() -> Config {
    let variables = [
        ("GENESYS_CLOUD_CLIENT_ID", "client"),
        ("GENESYS_CLOUD_CLIENT_SECRET", "a-secret-of-some-length"),
    ];
    let sources = Sources {
        environment: Environment::from_pairs(variables),
        ..Sources::default()
    };
    config::load(&sources).unwrap().config
}

/// Name and type of every metric that is exported. Needs a runtime around it.
pub(super) fn exported() -> BTreeMap<String, String> {
    let config = configuration();
    let target = config.targets[0].name.clone();
    // Nothing is probed: the first probe is a part of the interval away, and nobody waits.
    let app = App::start(config, Clock::system(), Pace::Spread).unwrap();
    let mut snapshot = (*app.monitor().snapshot()).clone();
    for credential in &mut snapshot.credentials {
        // Exported once the platform has told it.
        Arc::make_mut(credential).rate_limit_remaining = Some(1);
    }
    let names = [target];
    let text = Metrics::new(&names, &names)
        .unwrap()
        .render(&snapshot, snapshot.at);
    let text = String::from_utf8(text).unwrap();
    let types = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    });
    types.collect()
}

/// Ports of ours in a line of a manifest.
fn ports(line: &str) -> Vec<String> {
    let digits = |rest: &str| prefix(rest.trim_start(), |c| c.is_ascii_digit()).to_owned();
    let settings = ["EXPOSE ", "containerPort:", "targetPort:"];
    let hosts = ["why403:", "localhost:", "127.0.0.1:", "0.0.0.0:", "[::]:"];
    let mut found: Vec<String> = settings
        .iter()
        .flat_map(|setting| after(line, setting))
        .map(|(_, rest)| digits(rest))
        .collect();
    let addresses = hosts.iter().flat_map(|host| after(line, host));
    // Other services have other ports; ours are 84 and two digits.
    let own = |port: &String| port.len() == 4 && port.starts_with("84");
    found.extend(addresses.map(|(_, rest)| digits(rest)).filter(own));
    found.retain(|port| !port.is_empty());
    found
}

/// Where the simulator listens by default.
const SIMULATOR_PORT: &str = "8480";

fn wrong_port(port: &str) -> Option<String> {
    let expected = configuration().server.listen.port().to_string();
    let good = port == expected || port == SIMULATOR_PORT;
    (!good).then(|| format!("the port is {expected} by default, not {port}"))
}

/// Applies a rule to documents, in which there must be something to apply it to.
#[track_caller]
fn assert_known(
    documents: &[Text],
    mentioned: impl Fn(&Text, &str) -> Vec<String>,
    rule: impl Fn(&str) -> Option<String>,
) {
    let mut seen = 0;
    let mut findings = Vec::new();
    for text in documents {
        let mentioned = |line: &str| mentioned(text, line);
        let lines = text.content.lines();
        seen += lines.map(|line| mentioned(line).len()).sum::<usize>();
        findings.extend(check(text, mentioned, &rule));
    }
    assert!(seen > 0, "nothing is mentioned, or nothing is understood");
    assert_clean(&findings);
}

#[test]
fn endpoints_that_are_mentioned_exist() {
    assert_known(&documents(), |_, line| endpoints(line), unknown_endpoint);
}

#[test]
fn variables_that_are_mentioned_are_read() {
    let foreign = |text: &Text, line: &str| {
        let own = introduced(text);
        let names = variables(line).into_iter();
        names.filter(|name| !own.contains(name)).collect()
    };
    assert_known(&documents(), foreign, unknown_variable);
}

#[tokio::test]
async fn metrics_that_are_mentioned_are_exported() {
    let exported = exported();
    let rule = |name: &str| unknown_metric(name, &exported);
    assert_known(&documents(), |_, line| metrics(line), rule);
}

#[test]
fn ports_of_manifests_are_the_default() {
    let mut manifests = below("deploy");
    manifests.extend(optional("Dockerfile"));
    manifests.extend(optional("compose.yaml"));
    assert_known(&manifests, |_, line| ports(line), wrong_port);
}

fn text(content: &str) -> Text {
    Text {
        path: "README.md".to_owned(),
        content: content.to_owned(),
    }
}

#[test]
fn a_wrong_endpoint_is_found() {
    let bad = "`GET /livez` and `POST /diagnose/prod-eu/now`\ncurl http://127.0.0.1:8403/helth?x=1\n\
        | `/health/{target}` | `/run/secrets/x` | `/nothing` |\n          path: /ready\n\
        http://why403:8403/metrics. And http://127.0.0.1:8480/sim/scenario\n\
        GET /api/v2/routing/queues?pageSize=1\n\
        `POST /token/prod-eu/refresh`, GET /diagnose?format=text\nmountPath: /x\n/plain\n";
    let findings = check(&text(bad), endpoints, unknown_endpoint);
    assert_eq!(lines(&findings), [1, 2, 3, 4]);
    assert_eq!(
        findings[1].to_string(),
        "README.md:2: there is no endpoint /helth"
    );
}

#[test]
fn a_wrong_variable_is_found() {
    let bad = "WHY403__PROBE__INTERVAL=1m WHY403__PROBE__INTERVALL=1m\nWHY403__* GENESYS_CLOUD_*\n\
        GENESYS_CLOUD_CLIENT_ID GENESYS_CLOUD_CLIENTID\nGENESYSCLOUD_REGION WHY403_CONFIG\n\
        WHY403_CONFIGURATION MY_WHY403_X WHY403__SERVER__ADMIN_TOKEN\n";
    let findings = check(&text(bad), variables, unknown_variable);
    assert_eq!(lines(&findings), [1, 3, 5, 5]);
    assert_eq!(
        findings[0].to_string(),
        "README.md:1: the configuration does not read WHY403__PROBE__INTERVALL"
    );
    let own = text("client_secret_env = \"GENESYS_CLOUD_EU\"\n");
    assert_eq!(introduced(&own), ["GENESYS_CLOUD_EU"]);
}

#[tokio::test]
async fn a_wrong_metric_is_found() {
    let exported = exported();
    assert!(exported.len() > 20, "{exported:?}");
    let bad = "rate(why403_forbidden_total{cause=\"x\"}[5m]) why403_forbiden_total\n\
        why403_probe_duration_seconds_bucket why403_access_bucket\nghcr.io/x/why403_image why403_*\n\
        why403_rate_limit_remaining why403_http_requests_total_count\n";
    let findings = check(&text(bad), metrics, |name| unknown_metric(name, &exported));
    assert_eq!(lines(&findings), [1, 2, 4]);
    assert_eq!(
        findings[0].to_string(),
        "README.md:1: there is no metric why403_forbiden_total"
    );
}

#[test]
fn a_wrong_port_is_found() {
    let bad = "EXPOSE 8404\ncontainerPort: 8403\n  targetPort: http\nprometheus:9090\n\
        http://why403:8430/\nlisten = \"0.0.0.0:8403\"\nlocalhost:8480\ncontainerPort: 80\n";
    assert_eq!(lines(&check(&text(bad), ports, wrong_port)), [1, 5, 8]);
}
