//! What the tests with a paused clock rest on.

use secrecy::SecretString;
use why403::evidence::Step;
use why403::sim::DEMO_USER_TOKEN;
use why403::target::Operation;
use why403::upstream::{Auth, Call, Upstream, Withheld};

use crate::harness::*;

/// The canary: if this fails, every timeout in the other tests is a false one.
#[tokio::test(start_paused = true)]
async fn a_real_request_costs_no_virtual_time() {
    let platform = Platform::start().await;
    let config = platform.config("");
    let clock = simulated_clock();
    let upstream =
        Upstream::new(&config.network, config.probe.connect_timeout, clock.clone()).unwrap();
    let token = SecretString::from(DEMO_USER_TOKEN);
    let target = &config.targets[0];
    for _ in 0..200 {
        let exchange = upstream
            .send(Call {
                step: Step::Probe,
                url: target.probe_url(Operation::queues()),
                auth: Auth::Bearer(&token),
                withheld: &Withheld::default(),
                form: None,
                timeout: target.timeout,
                body_cap: 65_536,
            })
            .await;
        let answer = exchange.result.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(exchange.phases.total, seconds(0));
    }
    assert_eq!(clock.now().elapsed, seconds(0));
    assert_eq!(platform.probes(), 200);
}

/// The same for everything at once: tokens, probes, the service's own answers.
#[tokio::test(start_paused = true)]
async fn a_whole_service_starts_in_no_virtual_time() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    for path in ["/livez", "/readyz", "/health", "/diagnose", "/metrics", "/"] {
        assert_eq!(service.get(path).await.status, 200, "{path}");
    }
    assert_eq!(service.elapsed(), seconds(0));
}

/// A test's sleep ends exactly then, and everything that was due before has happened.
#[tokio::test(start_paused = true)]
async fn simulated_time_is_exact() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\njitter = 0.0");
    service.first_round().await;
    let wall = service.clock.now().wall;
    pass(seconds(7_200)).await;
    assert_eq!(service.elapsed(), seconds(7_200));
    assert_eq!(
        service.clock.now().wall.duration_since(wall).as_secs(),
        7_200
    );
    // One probe per 30 s; the first one comes at once and its slot may be near the next.
    let probes = platform.probes();
    assert!((239..=241).contains(&probes), "{probes}");
}
