//! How long `/health` takes inside the service: edge, router and handler, without a socket.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};
use criterion::Criterion;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use why403::app::App;
use why403::clock::Clock;
use why403::config::{self, Environment, Sources};
use why403::http::{AppState, Service};
use why403::metrics::Metrics;
use why403::monitor::Pace;
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut tasks = JoinSet::new();
    let (service, _app) = runtime.block_on(started(&mut tasks));
    let mut group = criterion.benchmark_group("http");
    for path in ["/health", "/livez"] {
        group.bench_function(path, |bencher| {
            bencher.iter(|| runtime.block_on(get(&service, path)));
        });
    }
    group.finish();
    criterion.final_summary();
}

async fn get(service: &Service, path: &str) -> StatusCode {
    let request = Request::get(path).header(HOST, "localhost");
    let request = request.body(Body::empty()).unwrap();
    service.clone().answer(request).await.status()
}

/// The service after its first round of probes; it watches for as long as the [`App`] lives.
async fn started(tasks: &mut JoinSet<()>) -> (Service, App) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let running = Simulator::new().run(listener, std::future::pending());
        running.await.unwrap();
    });
    let sources = Sources {
        environment: Environment::from_pairs([
            ("GENESYS_CLOUD_CLIENT_ID", DEMO_CLIENT_ID.to_owned()),
            ("GENESYS_CLOUD_CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()),
            ("GENESYS_CLOUD_BASE_URL", format!("http://{upstream}")),
        ]),
        ..Sources::default()
    };
    let config = config::load(&sources).unwrap().config;
    let clock = Clock::system();
    let server = Arc::new(config.server.clone());
    let names: Vec<_> = config.targets.iter().map(|t| t.name.clone()).collect();
    let app = App::start(config, clock.clone(), Pace::AtOnce).unwrap();
    let mut snapshots = app.monitor().subscribe();
    snapshots
        .wait_for(|snapshot| snapshot.first_round_is_over())
        .await
        .unwrap();
    let service = Service::new(AppState {
        monitor: app.monitor().clone(),
        metrics: Arc::new(Metrics::new(&names, &names).unwrap()),
        clock,
        server,
        stopping: tokio_util::sync::CancellationToken::new(),
    });
    assert_eq!(get(&service, "/health").await, StatusCode::OK);
    (service, app)
}
