//! The service and the simulator together with programs of others: Prometheus' own linter, the
//! vendor's SDKs, and a browser. All of them are ignored, because they need to be installed.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::process::{
    Platform, Running, ask, bind, free_address, runtime, wait_until_probed, why403,
};

/// A variable that says where a program is.
#[allow(
    clippy::disallowed_methods,
    reason = "where foreign programs are is no configuration of why403"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn needed(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} must say where it is"))
}

/// The service for a simulated platform, after its first probes.
fn serve(platform: &Platform) -> (Running, SocketAddr) {
    let address = free_address();
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    command.envs(platform.variables());
    command.env("WHY403__PROBE__TIMEOUT", "1s");
    command.env("WHY403__PROBE__CONNECT_TIMEOUT", "1s");
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    let running = Running::listening(&mut command, address);
    wait_until_probed(address, "");
    (running, address)
}

/// What `promtool check metrics` says of an exposition.
fn promtool(exposition: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed");
    // It is read whole before anything is said, so that no pipe fills.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(exposition.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
#[ignore = "needs promtool"]
fn promtool_has_nothing_to_say_about_the_metrics() {
    let wrong = promtool("# TYPE x_total counter\nx_total 1\nx_total 1\n");
    assert!(!wrong.status.success(), "{wrong:?}");
    for scenario in [
        "healthy",
        "role-removed",
        "division-refused",
        "edge-block",
        "token-rejected",
        "client-rejected",
        "token-endpoint-down",
        "rate-limited",
        "upstream-error",
        "timeout",
        "reset",
        "unreadable-answer",
        "queues-empty",
    ] {
        let platform = Platform::start(scenario);
        let (_running, address) = serve(&platform);
        // Every route has been asked by now, or is asked here.
        for request in [
            "GET /health",
            "GET /",
            "POST /token/refresh",
            "GET /nothing",
        ] {
            ask(address, request, "");
        }
        let metrics = ask(address, "GET /metrics", "");
        assert_eq!(metrics.status, 200, "{scenario}");
        assert!(metrics.body.contains("why403_access"), "{metrics:?}");
        let output = promtool(&metrics.body);
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&said), "", "{scenario}");
        assert!(output.status.success(), "{scenario}: {}", output.status);
    }
}

/// Runs a script of `tests/sdk` against a simulator.
fn drive(interpreter: &mut Command, script: &str) {
    let platform = Platform::start("healthy");
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sdk")
        .join(script);
    let output = interpreter
        .arg(script)
        .args([&platform.url, "demo-client", "demo-secret"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["queues"], 12, "{result}");
    assert_eq!(result["code"], "missing.any.permissions", "{result}");
    assert!(platform.simulator.requests().len() > 8);
}

#[test]
#[ignore = "needs the official Python SDK"]
fn the_official_python_sdk_works_against_the_simulator() {
    let mut python = Command::new(needed("WHY403_TEST_PYTHON"));
    drive(&mut python, "python_sdk.py");
}

#[test]
#[ignore = "needs the official JavaScript SDK"]
fn the_official_javascript_sdk_works_against_the_simulator() {
    let mut node = Command::new("node");
    node.env("NODE_PATH", needed("WHY403_TEST_NODE_PATH"));
    drive(&mut node, "javascript_sdk.cjs");
}

/// What Chromium makes of a page: the document as it stands in the end, and its log.
fn browse(url: &str) -> (String, String) {
    let program = variable("WHY403_TEST_CHROMIUM").unwrap_or_else(|| "chromium".to_owned());
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            "--no-proxy-server",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("Chromium is needed");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {log}", output.status);
    (String::from_utf8(output.stdout).unwrap(), log)
}

/// Lines of the browser's log that come from the console of the page.
fn console(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect()
}

/// The text of an element as a document shows it.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

#[test]
#[ignore = "needs Chromium"]
fn a_browser_shows_cause_and_remedy_and_has_no_complaint() {
    let platform = Platform::start("role-removed");
    let (_running, address) = serve(&platform);
    let report = ask(address, "GET /diagnose", "");
    let report: Value = serde_json::from_str(&report.body).unwrap();
    let diagnosis = &report["diagnoses"][0];
    assert_eq!(diagnosis["cause"], "missing_permission");
    let (dom, log) = browse(&format!("http://{address}/"));
    let mut texts = vec![
        &diagnosis["cause"],
        &diagnosis["title"],
        &diagnosis["summary"],
    ];
    texts.push(&diagnosis["remedy"]["who"]);
    let steps = diagnosis["remedy"]["steps"].as_array().unwrap();
    assert!(!steps.is_empty(), "{diagnosis}");
    texts.extend(steps);
    for text in texts {
        let text = escaped(text.as_str().unwrap());
        assert!(dom.contains(&text), "{text:?} is not in {dom}");
    }
    assert_eq!(console(&log), [""; 0]);
}

/// Were the console not heard, its silence would mean nothing.
#[test]
#[ignore = "needs Chromium"]
fn a_browser_complains_about_a_page_that_breaks_its_own_policy() {
    let runtime = runtime();
    let listener = bind(&runtime);
    let address = listener.local_addr().unwrap();
    let page = || async {
        let policy = [
            ("content-security-policy", "default-src 'none'"),
            ("content-type", "text/html"),
        ];
        (
            policy,
            "<!doctype html><title>x</title><style>p { color: red }</style><p>y",
        )
    };
    let router = axum::Router::new().fallback(page);
    runtime.spawn(async move { axum::serve(listener, router).await });
    let (dom, log) = browse(&format!("http://{address}/"));
    assert!(dom.contains("<p>y"), "{dom}");
    let complaints = console(&log);
    assert!(
        complaints
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{log}"
    );
}
