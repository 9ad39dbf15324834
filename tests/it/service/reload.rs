//! A configuration that changes while the service runs.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use why403::diagnosis::Outcome;
use why403::sim::{DEMO_CLIENT_SECRET, Route};
use why403::snapshot::Snapshot;

use super::*;
use crate::over_tls::{Certificate, Delays, TlsServer};

/// A service that follows a file.
struct Following {
    platform: Platform,
    service: Service,
    ask: mpsc::Sender<()>,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

impl Following {
    async fn start(toml: &str) -> Self {
        let platform = Platform::start().await;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("why403.toml");
        std::fs::write(&file, toml).unwrap();
        let sources = sources_for(&platform.url(), file.clone());
        let (service, ask) = Service::following(sources);
        service.first_round().await;
        Self {
            platform,
            service,
            ask,
            file,
            _directory: directory,
        }
    }

    fn write(&self, toml: &str) {
        std::fs::write(&self.file, toml).unwrap();
    }

    /// Writes, and waits until it is looked at by itself.
    async fn rewrite(&self, toml: &str) {
        self.write(toml);
        pass(seconds(20)).await;
    }

    fn names(&self) -> Vec<String> {
        let snapshot = self.service.monitor.snapshot();
        snapshot
            .targets
            .iter()
            .map(|it| it.name.to_string())
            .collect()
    }

    async fn reloaded(&self) -> f64 {
        let text = self.service.get("/metrics").await.text();
        let name = "why403_config_last_reload_successful ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }
}

const RARELY: &str = "[probe]\ninterval = \"10m\"\n";

fn targets(names: &[&str]) -> String {
    let targets: Vec<_> = names
        .iter()
        .map(|it| format!("[[targets]]\nname = \"{it}\"\n"))
        .collect();
    format!("{RARELY}{}", targets.join(""))
}

#[tokio::test(start_paused = true)]
async fn what_is_the_same_goes_on_undisturbed() {
    let it = Following::start(&targets(&["a", "b"])).await;
    let before = (it.platform.probes(), it.platform.mints());
    let known = it.service.monitor.snapshot();
    it.rewrite(&targets(&["a", "c", "b"])).await;
    assert_eq!(it.names(), ["a", "c", "b"]);
    let snapshot = it.service.first_round().await;
    // Only the new one was probed, with the token that is there.
    assert_eq!(it.platform.probes(), before.0 + 1);
    assert_eq!(it.platform.mints(), before.1);
    for (name, place) in [("a", 0), ("b", 1)] {
        let after = snapshot.target(name).unwrap();
        assert_eq!(
            after.last_probe(),
            known.targets[place].last_probe(),
            "{name}"
        );
    }
    assert_eq!(it.service.get("/health/c").await.status, 200);
    assert_eq!(it.service.get("/diagnose/c?fresh=1").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_is_gone_everywhere() {
    let it = Following::start(&targets(&["a", "b"])).await;
    it.rewrite(&targets(&["b"])).await;
    assert_eq!(it.names(), ["b"]);
    for path in [
        "/health/a",
        "/diagnose/a?fresh=1",
        "/timeline/a",
        "/probe?target=a",
    ] {
        assert_eq!(it.service.get(path).await.status, 404, "{path}");
    }
    let metrics = it.service.get("/metrics").await.text();
    assert!(!metrics.contains("target=\"a\""), "{metrics}");
    let before = it.platform.probes();
    pass(Duration::from_hours(1)).await;
    let probes = it.platform.probes() - before;
    assert!((5..=7).contains(&probes), "one target, six slots: {probes}");
}

#[tokio::test(start_paused = true)]
async fn taking_away_the_first_of_a_client_leaves_the_others_as_they_are() {
    let it = Following::start(&targets(&["a", "b"])).await;
    pass(seconds(20)).await;
    it.write(&targets(&["b"]));
    it.ask.send(()).await.unwrap();
    // Their credential has another name then, and a token of its own, and nobody sees a gap.
    for _ in 0..100 {
        assert_eq!(it.service.get("/health/b").await.status, 200);
        pass(Duration::from_millis(100)).await;
    }
    assert_eq!(it.names(), ["b"]);
    assert_eq!(it.platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_client_is_another_caller() {
    let it = Following::start(&targets(&["a"])).await;
    assert_eq!(it.service.get("/health/a").await.status, 200);
    let other =
        "client_id = \"6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11\"\nclient_secret_env = \"SECRET\"\n";
    it.rewrite(&format!("{}{other}", targets(&["a"]))).await;
    let entry = it.service.get("/diagnose/a").await.json();
    assert_eq!(
        entry["diagnoses"][0]["outcome"], "client_rejected",
        "{entry}"
    );
    assert_eq!(it.service.get("/health/a").await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_result_of_what_was_removed_is_dropped() {
    let it = Following::start(&targets(&["a", "b"])).await;
    pass(seconds(20)).await;
    it.platform
        .script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
    let address = it.service.address;
    let asking = send(address, "GET", "/diagnose/a?fresh=1", "");
    let change = async {
        pass(seconds(1)).await;
        it.write(&targets(&["b"]));
        it.ask.send(()).await.unwrap();
    };
    let (reply, ()) = tokio::join!(asking, change);
    // Whoever waits is told, and need not wait for the end of its time.
    assert_eq!(reply.unwrap().status, 503);
    pass(seconds(20)).await;
    assert_eq!(it.names(), ["b"]);
    let metrics = it.service.get("/metrics").await.text();
    assert!(!metrics.contains("target=\"a\""), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_changes_nothing_and_is_told() {
    let it = Following::start(&targets(&["a"])).await;
    assert!((it.reloaded().await - 1.0).abs() < f64::EPSILON);
    let before = (it.platform.probes(), it.platform.mints());
    for broken in [
        "[[targets]\n",
        "[[targets]]\nname = \"a b\"\n",
        "[probe]\ninterval = 5\n",
    ] {
        it.rewrite(broken).await;
        assert!(it.reloaded().await.abs() < f64::EPSILON, "{broken}");
        assert_eq!(it.names(), ["a"]);
    }
    std::fs::remove_file(&it.file).unwrap();
    pass(seconds(20)).await;
    assert!(it.reloaded().await.abs() < f64::EPSILON);
    it.rewrite(&targets(&["a"])).await;
    assert!((it.reloaded().await - 1.0).abs() < f64::EPSILON);
    assert_eq!((it.platform.probes(), it.platform.mints()), before);
}

#[tokio::test(start_paused = true)]
async fn what_was_wrong_elsewhere_is_mended_there() {
    let it = Following::start(&targets(&["a"])).await;
    let secret = it.file.with_file_name("secret");
    let toml = format!(
        "{}client_secret_file = {:?}\n",
        targets(&["a", "b"]),
        secret.to_str().unwrap()
    );
    it.rewrite(&toml).await;
    assert!(it.reloaded().await.abs() < f64::EPSILON);
    assert_eq!(it.names(), ["a"]);
    write_secret(&secret, DEMO_CLIENT_SECRET);
    pass(seconds(20)).await;
    assert_eq!(it.names(), ["a", "b"]);
    assert!((it.reloaded().await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn renewed_authorities_are_noticed_and_broken_ones_are_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    let [first, second] = [2098, 2099].map(|year| Certificate::new("127.0.0.1", year).pem);
    std::fs::write(&roots, &first).unwrap();
    let network = format!("[network]\ntls_roots = {:?}\n", roots.to_str().unwrap());
    let it = Following::start(&format!("{network}{}", targets(&["a"]))).await;
    let before = (it.platform.probes(), it.platform.mints());
    pass(seconds(60)).await;
    assert_eq!((it.platform.probes(), it.platform.mints()), before);
    // What uses the old client begins anew with the new one.
    std::fs::write(&roots, &second).unwrap();
    pass(seconds(20)).await;
    assert_eq!(
        (it.platform.probes(), it.platform.mints()),
        (before.0 + 1, before.1 + 1)
    );
    for broken in ["garbage", "-----BEGIN CERTIFICATE-----\ngarbage\n"] {
        std::fs::write(&roots, broken).unwrap();
        pass(seconds(20)).await;
        assert!(it.reloaded().await.abs() < f64::EPSILON, "{broken}");
        assert_eq!(it.platform.probes(), before.0 + 1);
    }
    std::fs::remove_file(&roots).unwrap();
    pass(seconds(20)).await;
    assert!(it.reloaded().await.abs() < f64::EPSILON);
    assert_eq!(it.service.get("/health").await.status, 200);
    // The one that is in use comes back: nothing has changed.
    std::fs::write(&roots, &second).unwrap();
    pass(seconds(20)).await;
    assert!((it.reloaded().await - 1.0).abs() < f64::EPSILON);
    assert_eq!(it.platform.probes(), before.0 + 1);
}

/// With the clock paused the kernel's connect would race with its timeout: real time, and nobody
/// waits until the file is looked at.
#[tokio::test]
async fn a_platform_is_trusted_as_soon_as_its_authority_is() {
    let shown = Certificate::new("127.0.0.1", 2099);
    let server = TlsServer::start(&shown, Delays::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, Certificate::new("127.0.0.1", 2098).pem).unwrap();
    let toml = format!(
        "[network]\ntls_roots = {:?}\n[[targets]]\nname = \"a\"\ngrant = \"access_token\"\n\
         access_token_env = \"TOKEN\"\n",
        roots.to_str().unwrap()
    );
    let file = directory.path().join("why403.toml");
    std::fs::write(&file, toml).unwrap();
    let (service, ask) = Service::following(sources_for(&server.url(), file));
    assert_eq!(service.first_outcome().await, Outcome::Tls);
    std::fs::write(&roots, &shown.pem).unwrap();
    ask.send(()).await.unwrap();
    let works = |snapshot: &Arc<Snapshot>| outcome(snapshot) == Outcome::Ok;
    service.until("a platform that is trusted", works).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_different_begins_anew_and_knows_what_was() {
    let it = Following::start(&targets(&["a", "b"])).await;
    let before = it.platform.probes();
    let toml = format!("{}interval = \"5m\"\n", targets(&["a", "b"]));
    it.rewrite(&toml).await;
    assert_eq!(it.platform.probes(), before + 1);
    let snapshot = it.service.monitor.snapshot();
    let b = snapshot.target("b").unwrap();
    assert_eq!(b.interval, Duration::from_mins(5));
    // It had worked before, and that counts on: one failure more is no new beginning.
    it.platform.always(Route::Queues, unavailable());
    it.rewrite(&format!("{toml}timeout = \"4s\"\n")).await;
    assert_eq!(it.service.get("/health/b").await.status, 200);
    // How the caller stood is known, too: what it lost is told.
    it.platform.mend(Route::Queues);
    it.platform.simulator.set_scenario("queues-empty").unwrap();
    it.rewrite(&format!("{toml}timeout = \"3s\"\n")).await;
    let entry = it.service.get("/diagnose/b").await.json();
    assert_eq!(entry["diagnoses"][0]["outcome"], "queues_empty", "{entry}");
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_counts_from_the_next_probe() {
    let it = Following::start(&targets(&["a"])).await;
    pass(seconds(20)).await;
    it.platform.simulator.set_scenario("role-removed").unwrap();
    it.service.get("/diagnose?fresh=1").await;
    assert_eq!(it.service.get("/health").await.status, 503);
    let before = it.platform.mints();
    let toml = format!("[health]\nforbidden = \"warn\"\n{}", targets(&["a"]));
    it.rewrite(&toml).await;
    it.service.get("/diagnose?fresh=1").await;
    assert_eq!(it.service.get("/health").await.status, 200);
    assert_eq!(it.platform.mints(), before);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_wishes_are_one() {
    let it = Following::start(&targets(&["a"])).await;
    let before = it.service.monitor.snapshot().sequence;
    it.write(&targets(&["a", "b"]));
    for _ in 0..100 {
        // As a signal does it: a wish that nobody has taken up yet is enough.
        it.ask.try_send(()).unwrap_or_default();
        pass(Duration::from_millis(10)).await;
    }
    pass(seconds(2)).await;
    let after = it.service.monitor.snapshot().sequence;
    // Each change, each heartbeat and the first probe of a new target publish once.
    assert!(after - before <= 8, "{}", after - before);
    // Long before the file would be looked at without being asked to.
    assert_eq!(it.names(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_when_it_is_whole() {
    let it = Following::start(&targets(&["a"])).await;
    let whole = targets(&["a", "b", "c"]);
    // Written piece by piece, as long as it takes; each piece would be a good file.
    let (first, rest) = whole.split_at(whole.find("[[targets]]\nname = \"b\"").unwrap());
    it.write(first);
    let mut text = first.to_owned();
    for piece in rest.split_inclusive("\"\n") {
        pass(Duration::from_millis(700)).await;
        text.push_str(piece);
        it.write(&text);
        assert_eq!(it.names(), ["a"]);
    }
    pass(seconds(20)).await;
    assert_eq!(it.names(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_mounted_config_map_is_followed() {
    use std::os::unix::fs::symlink;
    let platform = Platform::start().await;
    let mount = tempfile::tempdir().unwrap();
    let put = |version: &str, toml: &str| {
        let directory = mount.path().join(version);
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("why403.toml"), toml).unwrap();
        symlink(version, mount.path().join("..next")).unwrap();
        std::fs::rename(mount.path().join("..next"), mount.path().join("..data")).unwrap();
    };
    put("..1", &targets(&["a"]));
    symlink("..data/why403.toml", mount.path().join("why403.toml")).unwrap();
    let sources = sources_for(&platform.url(), mount.path().join("why403.toml"));
    let (service, _ask) = Service::following(sources);
    service.first_round().await;
    put("..2", &targets(&["a", "b"]));
    std::fs::remove_dir_all(mount.path().join("..1")).unwrap();
    pass(seconds(20)).await;
    let snapshot = service.monitor.snapshot();
    assert!(snapshot.target("b").is_some());
}

#[tokio::test(start_paused = true)]
async fn tasks_do_not_pile_up() {
    let it = Following::start(&targets(&["a"])).await;
    let handle = tokio::runtime::Handle::current();
    pass(seconds(20)).await;
    let before = handle.metrics().num_alive_tasks();
    for round in 0..20 {
        let names = [format!("x-{round}"), "a".to_owned()];
        it.rewrite(&targets(&[&names[0], &names[1]])).await;
    }
    it.rewrite(&targets(&["a"])).await;
    assert_eq!(handle.metrics().num_alive_tasks(), before);
}
