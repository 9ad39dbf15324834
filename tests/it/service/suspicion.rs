//! Many failures at once, and clocks that differ: what lies here is not blamed on a platform.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use why403::health::{State, Status};
use why403::sim::Simulator;

use super::*;

/// A platform that can vanish from the network and come back.
struct Host {
    simulator: Simulator,
    address: SocketAddr,
    server: JoinSet<io::Result<()>>,
}

impl Host {
    async fn start() -> Self {
        let simulator = Simulator::new();
        simulator.set_wall(simulated_clock().now().wall);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(simulator.clone().run(listener, std::future::pending()));
        Self {
            simulator,
            address,
            server,
        }
    }

    /// Nobody listens any more, as when this machine has lost its network.
    async fn vanish(&mut self) {
        self.server.shutdown().await;
    }

    async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let simulator = self.simulator.clone();
        self.server
            .spawn(simulator.run(listener, std::future::pending()));
    }
}

/// Two targets of each of two platforms; an outage is a failure as soon as it counts.
struct Two {
    near: Host,
    far: Host,
    service: Service,
}

impl Two {
    async fn start() -> Self {
        let (near, far) = (Host::start().await, Host::start().await);
        let near_url = format!("http://{}", near.address);
        // Another name for the same machine, and so another host.
        let far_url = format!("http://localhost:{}", far.address.port());
        let target = |(name, url): (&str, &String)| {
            format!("[[targets]]\nname = \"{name}\"\nbase_url = \"{url}\"\n")
        };
        let targets = [
            ("n-1", &near_url),
            ("n-2", &near_url),
            ("f-1", &far_url),
            ("f-2", &far_url),
        ];
        let targets: Vec<String> = targets.into_iter().map(target).collect();
        let settings = "[health]\noutage = \"fail\"\n[probe]\nfall = 2\n";
        let toml = format!("{settings}{}", targets.concat());
        let service = Service::start(config_for(&near_url, &toml));
        service.first_round().await;
        assert_eq!(service.verdict(), Status::Pass);
        Self { near, far, service }
    }

    /// What every view says about it: all say the same.
    async fn suspected(&self) -> bool {
        let text = self.service.get("/metrics").await.text();
        let is_one = text.contains("\nwhy403_suspected_local_fault 1\n");
        assert_ne!(is_one, text.contains("\nwhy403_suspected_local_fault 0\n"));
        let report = self.service.get("/diagnose").await.json();
        assert_eq!(report["suspected_local_fault"], is_one);
        let words = "the cause is probably this machine or its network";
        let told = self.service.get("/diagnose?format=text").await.text();
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(told.contains(words), is_one, "{told}");
        assert_eq!(self.service.get("/").await.text().contains(words), is_one);
        let health = self.service.get("/health").await.json();
        let note = health["output"].as_str().unwrap_or_default();
        assert_eq!(
            note.starts_with("local fault suspected"),
            is_one,
            "{health}"
        );
        is_one
    }

    fn states(&self) -> Vec<State> {
        let snapshot = self.service.monitor.snapshot();
        let now = self.service.clock.now();
        snapshot
            .targets
            .iter()
            .map(|it| it.verdict(now).state)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn when_most_targets_of_two_hosts_vanish_at_once_no_verdict_falls() {
    let mut it = Two::start().await;
    it.near.vanish().await;
    it.far.vanish().await;
    pass(seconds(80)).await;
    // Two failures in a row and more: without the suspicion that is an outage.
    assert!(it.suspected().await);
    assert_eq!(it.states(), [State::Doubted; 4]);
    assert_eq!(it.service.verdict(), Status::Warn);
    assert_eq!(it.service.get("/health").await.status, 200);
    // What is too old says nothing, whatever is suspected.
    pass(seconds(60)).await;
    assert_eq!(it.states(), [State::Stale; 4]);
    assert!(it.suspected().await);
    // One host is back: what is left may be an outage of its own, and counts from now on.
    it.near.come_back().await;
    pass(seconds(32)).await;
    assert!(!it.suspected().await);
    assert_eq!(it.service.get("/health/n-1").await.status, 200);
    pass(seconds(60)).await;
    assert_eq!(it.service.get("/health/f-1").await.status, 503);
    it.far.come_back().await;
    pass(seconds(90)).await;
    assert_eq!(it.service.verdict(), Status::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_vanishes_alone_has_an_outage() {
    let mut it = Two::start().await;
    it.far.vanish().await;
    pass(seconds(80)).await;
    assert!(!it.suspected().await);
    assert_eq!(it.service.get("/health").await.status, 503);
    assert_eq!(it.service.get("/health/n-1").await.status, 200);
    // The other one follows much later: that is no common cause either.
    it.near.vanish().await;
    pass(seconds(80)).await;
    assert!(!it.suspected().await);
    assert_eq!(it.service.get("/health/n-1").await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_is_told() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let skew = async || {
        service
            .metrics(&["clock_skew_seconds"])
            .await
            .into_values()
            .next()
    };
    assert_eq!(skew().await, Some(0.0));
    let told = async || service.get("/diagnose?format=text").await.text();
    assert!(!told().await.contains("Clocks"));
    for (seconds, words) in [
        (330, "The platform's clock is 5 min behind this machine's."),
        (
            -660,
            "The platform's clock is 5 min ahead of this machine's.",
        ),
    ] {
        service.clock.skew_wall(seconds);
        service.next_probe().await;
        let found = skew().await.unwrap();
        assert!((329.0..331.0).contains(&found.abs()), "{found}");
        assert_eq!(found < 0.0, seconds > 0, "ahead of us is positive");
        let text = told().await;
        assert!(text.contains(words), "{text}");
        let page = service.get("/").await.text();
        assert!(page.contains(&words.replace('\'', "&#39;")), "{page}");
    }
}
