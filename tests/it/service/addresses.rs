//! A service with an address of its own for administration.

use tokio::task::JoinSet;
use why403::app::StopSignal;
use why403::sim::Route;

use super::*;
use crate::harness::*;

const TWO: &str = "[server]\nadmin_listen = \"127.0.0.1:0\"\n[probe]\ninterval = \"10m\"\n";

const FOR_PROBES: [&str; 4] = ["/livez", "/readyz", "/health", "/health/default"];
const FOR_PEOPLE: [&str; 6] = [
    "/",
    "/diagnose",
    "/timeline",
    "/metrics",
    "/sd",
    "/openapi.json",
];

#[tokio::test(start_paused = true)]
async fn probes_have_an_address_that_says_nothing_else() {
    let platform = Platform::start().await;
    let service = platform.watched(TWO);
    service.first_round().await;
    let admin = service.admin.unwrap();
    for path in FOR_PROBES {
        assert_eq!(service.get(path).await.status, 200, "{path}");
        let reply = send(admin, "GET", path, "").await.unwrap();
        assert_eq!(reply.status, 200, "{path}");
    }
    for path in FOR_PEOPLE {
        let reply = send(admin, "GET", path, "").await.unwrap();
        assert_eq!(reply.status, 200, "{path}");
        let refused = service.get(path).await;
        assert_eq!(refused.status, 404, "{path}");
        let problem = refused.json();
        assert_eq!(problem["type"], "urn:why403:problem:unknown-path");
        let detail = problem["detail"].as_str().unwrap();
        let place = format!("server.admin_listen, port {}", admin.port());
        assert!(detail.contains(&place), "{detail}");
    }
    pass(seconds(60)).await;
    let before = platform.mints();
    assert_eq!(service.post("/token/refresh").await.status, 404);
    assert_eq!(service.post("/diagnose/default/verify").await.status, 404);
    assert_eq!(platform.mints(), before);
    let minted = send(admin, "POST", "/token/refresh", "").await.unwrap();
    assert_eq!((minted.status, platform.mints()), (200, before + 1));
    // Both count in the same metrics.
    let metrics = send(admin, "GET", "/metrics", "").await.unwrap().text();
    let refused = "why403_http_requests_total{code=\"404\",route=\"other\"} 8";
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn both_addresses_are_drained() {
    let platform = Platform::start().await;
    let mut service = platform.watched(TWO);
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
    let (first, admin) = (service.address, service.admin.unwrap());
    let mut asking = JoinSet::new();
    asking.spawn(async move { send(admin, "GET", "/diagnose?fresh=1", "").await.unwrap() });
    pass(seconds(1)).await;
    service.signal(StopSignal::Terminate).await;
    pass(seconds(4)).await;
    for address in [first, admin] {
        let reply = send(address, "GET", "/readyz", "").await.unwrap();
        assert_eq!(reply.status, 503);
    }
    pass(seconds(2)).await;
    for address in [first, admin] {
        assert!(send(address, "GET", "/livez", "").await.is_err());
    }
    service.stopped().await;
    let reply = asking.join_next().await.unwrap().unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(service.elapsed(), seconds(29));
}
