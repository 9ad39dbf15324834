//! Grants: when a change is seen, by whom and with which date, and what stands above them.

use std::time::Duration;

use serde_json::json;

use super::*;

const SUBJECT: &str = "/api/v2/authorization/subjects/me";
const PERMITTED: &str =
    "/api/v2/authorization/divisionspermitted/paged/me?permission=routing:queue:view";
const ROLE: &str = "Queue Reader";

impl Bench {
    async fn status(&self, token: &str) -> u16 {
        self.get(QUEUES, token).await.status
    }

    /// How many divisions the permission is said to be held in, and how many grants are told.
    async fn told(&self, token: &str) -> (u64, usize) {
        let divisions = self.get(PERMITTED, token).await.json();
        let subject = self.get(SUBJECT, token).await.json();
        let grants = subject["grants"].as_array().unwrap().len();
        (divisions["total"].as_u64().unwrap(), grants)
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_late_for_every_token() {
    let bench = Bench::start().await;
    let minute = Duration::from_mins(1);
    bench.simulator.with(|org| org.propagate_after(minute));
    let old = bench.token().await;
    bench.simulator.with(|org| org.revoke(DEMO_CLIENT_ID, ROLE));
    let new = bench.token().await;
    assert_eq!(
        (bench.status(&old).await, bench.status(&new).await),
        (200, 200)
    );
    assert_eq!(bench.told(&old).await, (0, 1), "calls about grants know");
    tokio::time::advance(Duration::from_millis(59_999)).await;
    assert_eq!(
        (bench.status(&old).await, bench.status(&new).await),
        (200, 200)
    );
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(
        (bench.status(&old).await, bench.status(&new).await),
        (403, 403)
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_is_late_for_older_tokens_only() {
    let bench = Bench::start().await;
    let minute = Duration::from_mins(1);
    for (delay, later) in [(Some(minute), 403), (None, 200)] {
        bench.simulator.reset();
        bench
            .simulator
            .with(|org| org.propagate_to_tokens_after(delay));
        let old = bench.token().await;
        bench.simulator.with(|org| org.revoke(DEMO_CLIENT_ID, ROLE));
        let new = bench.token().await;
        assert_eq!(
            (bench.status(&old).await, bench.status(&new).await),
            (200, 403)
        );
        tokio::time::advance(minute).await;
        assert_eq!(bench.status(&old).await, later, "{delay:?}");
        bench
            .simulator
            .with(|org| org.grant(DEMO_CLIENT_ID, ROLE, "Home"));
        let newest = bench.token().await;
        assert_eq!(
            (bench.status(&new).await, bench.status(&newest).await),
            (403, 200)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_late_for_one_client_only() {
    let bench = Bench::start().await;
    let minute = Duration::from_mins(1);
    let other = bench
        .login(
            ROLELESS_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            "grant_type=client_credentials",
        )
        .await;
    let other = other.json()["access_token"].as_str().unwrap().to_owned();
    let token = bench.token().await;
    bench.simulator.with(|org| {
        org.propagate_to_client_after(DEMO_CLIENT_ID, minute);
        org.revoke(DEMO_CLIENT_ID, ROLE);
        org.grant(ROLELESS_CLIENT_ID, ROLE, "Home");
    });
    assert_eq!(
        (bench.status(&token).await, bench.status(&other).await),
        (200, 200)
    );
    tokio::time::advance(minute).await;
    assert_eq!(
        (bench.status(&token).await, bench.status(&other).await),
        (403, 200)
    );
}

#[tokio::test(start_paused = true)]
async fn calls_about_grants_may_be_as_late_as_the_checks() {
    let bench = Bench::start().await;
    let minute = Duration::from_mins(1);
    bench.simulator.with(|org| {
        org.propagate_to_tokens_after(Some(minute));
        org.delay_helpers(true);
    });
    let old = bench.token().await;
    bench.simulator.with(|org| org.revoke(DEMO_CLIENT_ID, ROLE));
    let new = bench.token().await;
    assert_eq!(bench.told(&old).await, (3, 4));
    assert_eq!(bench.told(&new).await, (0, 1));
    tokio::time::advance(minute).await;
    assert_eq!(bench.told(&old).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_grant_has_the_date_of_its_making() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .set_wall("2026-03-02T12:00:00Z".parse().unwrap());
    tokio::time::advance(Duration::from_millis(90_500)).await;
    bench
        .simulator
        .with(|org| org.grant(DEMO_CLIENT_ID, "Supervisor", "*"));
    let subject = bench.get(SUBJECT, &token).await.json();
    let dates: Vec<&str> = (0..5)
        .map(|at| subject["grants"][at]["grantMadeAt"].as_str().unwrap())
        .collect();
    assert_eq!(dates[..4], ["2026-01-12T09:30:00.000Z"; 4]);
    assert_eq!(dates[4], "2026-03-02T12:01:30.500Z");
    bench.simulator.set_scenario("propagating").unwrap();
    let subject = bench.get(SUBJECT, &token).await.json();
    let grants = subject["grants"].as_array().unwrap();
    let fresh = grants.iter().filter(|grant| grant["role"]["name"] == ROLE);
    let dates: Vec<&Value> = fresh.map(|grant| &grant["grantMadeAt"]).collect();
    assert_eq!(dates, ["2026-03-02T12:01:30.500Z"; 3]);
    bench.simulator.reset();
    tokio::time::advance(Duration::from_secs(1)).await;
    bench
        .simulator
        .with(|org| org.grant(DEMO_CLIENT_ID, "Supervisor", "*"));
    let subject = bench.get(SUBJECT, &bench.token().await).await.json();
    assert_eq!(
        subject["grants"][4]["grantMadeAt"], "2026-03-02T12:01:31.500Z",
        "a reset keeps the time of day"
    );
}

#[tokio::test(start_paused = true)]
async fn a_permission_without_a_licence_is_named_by_roles_and_listed_nowhere() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.remove_permission("routing:queue:view"));
    let list = "/api/v2/authorization/permissions?queryType=domain&query=routing";
    let list = bench.get(list, &token).await.json();
    let actions = &list["entities"][0]["permissionMap"]["queue"];
    let actions: Vec<&Value> = (0..5).map(|at| &actions[at]["action"]).collect();
    assert_eq!(actions, ["add", "delete", "edit", "readonly", "search"]);
    assert_eq!(bench.told(&token).await, (0, 4));
    let subject = bench.get(SUBJECT, &token).await.json();
    let policy = &subject["grants"][0]["role"]["policies"][0];
    assert_eq!(policy["actions"], json!(["view", "search"]));
    assert_eq!(bench.status(&token).await, 403);
}

#[tokio::test(start_paused = true)]
async fn policies_and_conditions_stand_above_what_roles_carry() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let policy = |subject: &Value| subject["grants"][0]["role"]["policies"][0].clone();
    let plain = bench.get(SUBJECT, &token).await.json();
    assert!(policy(&plain).get("condition").is_none());
    for (is_met, status) in [(true, 200), (false, 403)] {
        bench
            .simulator
            .with(|org| org.set_condition(ROLE, "Queue.Name EQ Billing", is_met));
        assert_eq!(bench.status(&token).await, status, "{is_met}");
        let subject = bench.get(SUBJECT, &token).await.json();
        assert_eq!(policy(&subject)["condition"], "Queue.Name EQ Billing");
        assert_eq!(bench.told(&token).await, (3, 4));
    }
    bench.simulator.set_scenario("policy-denied").unwrap();
    assert_eq!(bench.status(&token).await, 403);
    assert_eq!(bench.told(&token).await, (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_seen_by_its_home_organisation() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.set_home_organization(Some(("06ff", "Partner Ltd"))));
    let me = bench.get("/api/v2/tokens/me", &token).await.json();
    assert_eq!(
        me["homeOrganization"],
        json!({"id": "06ff", "name": "Partner Ltd"})
    );
    assert_eq!(me["organization"]["name"], "Why403 Demo");
    assert_eq!(bench.status(&token).await, 200, "with a role it may read");
    bench.simulator.with(|org| org.revoke(DEMO_CLIENT_ID, ROLE));
    let refused = code(&bench.get(QUEUES, &token).await);
    assert_eq!(refused, (403, "missing.trustor.permissions".to_owned()));
    bench.simulator.with(|org| org.word_refusals(Wording::All));
    let refused = code(&bench.get(QUEUES, &token).await);
    assert_eq!(refused, (403, "missing.permissions".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_may_name_the_wrong_permission_or_none() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.word_refusals(Wording::Naming("routing:settings:view")));
    assert_eq!(bench.status(&token).await, 200, "words refuse nobody");
    bench.simulator.with(|org| org.revoke(DEMO_CLIENT_ID, ROLE));
    let refused = bench.get(QUEUES, &token).await.json();
    assert_eq!(refused["code"], "missing.any.permissions");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.ends_with("assigned: [routing:settings:view]"),
        "{message}"
    );
    let views = format!("{QUEUES}/divisionviews/all");
    let refused = code(&bench.get(&views, &token).await);
    assert_eq!(refused, (403, "missing.permissions".to_owned()));
    bench.simulator.with(|org| {
        org.word_refusals(Wording::Said {
            code: "made.up",
            message: "No.",
        });
    });
    let refused = bench.get(QUEUES, &token).await.json();
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!("made.up"), &json!("No."))
    );
}

#[tokio::test(start_paused = true)]
async fn every_view_of_the_queues_filters_alike() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.revoke_in(DEMO_CLIENT_ID, ROLE, "Sales"));
    for path in ["", "/divisionviews", "/divisionviews/all"] {
        let path = format!("{QUEUES}{path}");
        let listing = bench.get(&path, &token).await.json();
        assert_eq!(listing["total"], 8, "{path}");
    }
}
