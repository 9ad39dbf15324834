//! A request to our own HTTP, through the real router, over a snapshot of a refused target.
//!
//! The first line is method and path, each further one a header; a line `from elsewhere` makes the
//! peer one that is not on this machine. The watch has stopped, so that nothing is called.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use why403::clock::Clock;
use why403::config::{self, Environment, Sources};
use why403::evidence::file::Saved;
use why403::http::{AppState, Service};
use why403::metrics::Metrics;
use why403::monitor::{self, Beginning, Ended, Pace};
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator};
use why403::store::Recalled;
use why403::target::Secret;

use super::{CANARY, assert_lines, assert_silent, first_line, shows};

/// Most bytes of an answer about one target.
const LONGEST: usize = 512 * 1024;

/// Statuses that an answer may have here; a defect would be a 500.
const STATUSES: &[u16] = &[200, 400, 401, 403, 404, 405, 406, 409, 413, 429, 502, 503];

struct Stage {
    runtime: Runtime,
    open: Service,
    guarded: Service,
}

thread_local! {
    static STAGE: Stage = Stage::new();
}

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((request, again)) = request(&text).zip(request(&text)) else {
        return;
    };
    let (method, uri) = (request.method().clone(), request.uri().clone());
    if uri.to_string().contains(CANARY) {
        // Whoever writes a secret into a query is shown their own query.
        return;
    }
    let is_guarded = text.contains("authorization");
    STAGE.with(|stage| {
        let service = if is_guarded {
            &stage.guarded
        } else {
            &stage.open
        };
        let first = stage.runtime.block_on(answer(service, request));
        let second = stage.runtime.block_on(answer(service, again));
        first.holds(&method, &uri);
        // A wrong token counts, and one verification goes on at a time.
        if method == Method::GET && !is_guarded {
            assert_eq!(first.status, second.status, "twice: {uri}");
        }
    });
}

/// The request, where the text is one that hyper would let through.
fn request(text: &str) -> Option<Request<Body>> {
    let (line, headers) = first_line(text);
    let (method, uri) = line.split_once(' ')?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let uri = Uri::try_from(uri).ok()?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let mut peer: SocketAddr = "127.0.0.1:50000".parse().ok()?;
    for line in headers.lines().take(64) {
        if line == "from elsewhere" {
            peer = "192.0.2.7:50000".parse().ok()?;
        }
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    Some(request)
}

struct Got {
    status: u16,
    content_type: String,
    body: String,
}

async fn answer(service: &Service, request: Request<Body>) -> Got {
    let response = service.clone().answer(request).await;
    let (parts, body) = response.into_parts();
    for (name, value) in &parts.headers {
        let value = value.to_str().expect("a header of ours is ASCII");
        assert_silent(value, name.as_str());
    }
    let nosniff = parts.headers.get("x-content-type-options");
    assert!(nosniff.is_some(), "an answer that is not hardened");
    let content_type = parts.headers.get("content-type");
    let content_type = content_type.map_or("", |it| it.to_str().unwrap_or_default());
    let body = to_bytes(body, LONGEST).await.expect("a short body");
    Got {
        status: parts.status.as_u16(),
        content_type: content_type.to_owned(),
        body: String::from_utf8(body.into()).expect("an answer in UTF-8"),
    }
}

impl Got {
    fn holds(&self, method: &Method, uri: &Uri) {
        let Self { status, body, .. } = self;
        assert!(STATUSES.contains(status), "{method} {uri}: {status} {body}");
        assert_silent(body, "an answer");
        assert!(!body.contains(DEMO_CLIENT_SECRET), "the client's secret");
        match self.content_type.as_str() {
            "application/json" | "application/health+json" => {
                json(body);
            }
            "application/vnd.why403.evidence+json" => {
                let saved = Saved::read(body.as_bytes());
                assert!(body.is_empty() || saved.is_ok(), "{saved:?}");
            }
            "application/problem+json" if !body.is_empty() => {
                let problem = json(body);
                assert_eq!(problem["status"], *status, "{body}");
                assert!(*status >= 400, "{body}");
                for field in ["type", "title"] {
                    assert!(problem[field].is_string(), "{body}");
                }
                let detail = problem["detail"].as_str().unwrap_or_default();
                assert!(detail.chars().all(shows), "{detail:?}");
            }
            "application/x-ndjson" => body.lines().for_each(|line| {
                json(line);
            }),
            "text/plain; charset=utf-8" => assert_lines(body, "an answer"),
            "text/plain; version=0.0.4; charset=utf-8" => {
                assert!(body.ends_with('\n') && body.contains("# HELP"), "{body}");
            }
            "text/html; charset=utf-8" => page(body),
            "" | "application/problem+json" => assert_eq!(body, ""),
            other => panic!("{method} {uri} is answered as {other:?}: {body}"),
        }
    }
}

fn json(body: &str) -> serde_json::Value {
    // The answer to HEAD has no body.
    if body.is_empty() {
        return serde_json::json!({});
    }
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Nothing of a request comes into the page as markup: it has one style and no script.
fn page(body: &str) {
    let body = body.to_ascii_lowercase();
    assert!(!body.contains("<script"), "{body}");
    assert!(body.matches("<style").count() <= 1, "{body}");
}

impl Stage {
    fn new() -> Self {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let (open, guarded) = runtime.block_on(services());
        Self {
            runtime,
            open,
            guarded,
        }
    }
}

/// The service over a refused target, open and with an admin token; nothing runs behind them.
async fn services() -> (Service, Service) {
    let simulator = Simulator::new();
    simulator.set_wall(Timestamp::UNIX_EPOCH);
    simulator.set_scenario("role-removed").expect("a scenario");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut platform = JoinSet::new();
    platform.spawn(simulator.run(listener, std::future::pending()));
    let environment = [
        ("GENESYS_CLOUD_CLIENT_ID", DEMO_CLIENT_ID),
        ("GENESYS_CLOUD_CLIENT_SECRET", DEMO_CLIENT_SECRET),
        ("GENESYS_CLOUD_BASE_URL", &base_url),
    ];
    let sources = Sources {
        environment: Environment::from_pairs(environment),
        ..Sources::default()
    };
    let config = config::load(&sources).expect("a configuration").config;
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
    let name = config.targets[0].name.clone();
    let metrics = Metrics::new(std::slice::from_ref(&name), std::slice::from_ref(&name));
    let metrics = Arc::new(metrics.expect("metrics"));
    let beginning = Beginning {
        pace: Pace::AtOnce,
        recalled: Recalled::default(),
        store: None,
    };
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let stop = CancellationToken::new();
    let watcher = monitor::start(&config, beginning, &clock, &metrics, &mut tasks, &stop);
    let monitor = watcher.expect("a client").monitor().clone();
    let mut snapshots = monitor.subscribe();
    let over = snapshots.wait_for(|snapshot| snapshot.first_round_is_over());
    drop(over.await.expect("a first round"));
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    let service = |admin_token: Option<&str>| {
        let mut server = config.server.clone();
        server.protect_details = admin_token.is_some();
        server.admin_token = admin_token.map(Secret::fixed);
        Service::new(AppState {
            monitor: monitor.clone(),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            server: Arc::new(server),
            stopping: CancellationToken::new(),
        })
    };
    (service(None), service(Some(CANARY)))
}
