//! Several targets with one client.

use why403::diagnosis::Outcome;
use why403::health::Status;
use why403::sim::{DEMO_CLIENT_ID, Org};

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn targets_share_a_token_only_with_the_same_client() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        org.add_client("another-client", "another-secret");
        org.grant("another-client", "Queue Reader", "*");
    });
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("another");
    write_secret(&secret, "another-secret");
    let toml = format!(
        "[[targets]]\nname = \"a\"\n[[targets]]\nname = \"b\"\n[[targets]]\nname = \"c\"\n\
         client_id = \"another-client\"\nclient_secret_file = \"{}\"\n\
         [[targets]]\nname = \"d\"\nclient_id = \"{DEMO_CLIENT_ID}\"\nclient_secret_env = \"SECRET\"\n",
        secret.display()
    );
    let service = platform.watched(&toml);
    let snapshot = service.first_round().await;
    let names: Vec<_> = snapshot
        .credentials
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(platform.mints(), 2);
    for target in &snapshot.targets {
        let finding = target.checks[0].diagnosis.as_ref().unwrap().finding;
        assert_eq!(finding.outcome(), Outcome::Ok, "{}", target.name);
    }
    // One that loses its access takes nobody else along.
    platform
        .simulator
        .with(|org| org.revoke("another-client", "Queue Reader"));
    pass(MINUTE).await;
    let paths = [
        "/health/a",
        "/health/b",
        "/health/c",
        "/health/d",
        "/health",
    ];
    assert_eq!(statuses(&service, paths).await, [200, 200, 503, 200, 503]);
}

#[tokio::test(start_paused = true)]
async fn a_401_to_many_targets_at_once_costs_one_token() {
    let platform = Platform::start().await;
    let service = platform.watched(&fleet(30));
    service.first_round().await;
    pass(MINUTE).await;
    assert_eq!(platform.mints(), 1);
    platform.simulator.with(Org::revoke_tokens);
    pass(MINUTE).await;
    assert_eq!(platform.mints(), 2);
    assert_eq!(service.verdict(), Status::Pass);
}
