//! Tokens: how they are had, how long they live, how often they may be used.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_refuses_in_its_own_words() {
    let bench = Bench::start().await;
    let grant = "grant_type=client_credentials";
    for (id, secret, form, status, error) in [
        ("nobody", DEMO_CLIENT_SECRET, grant, 400, "invalid_client"),
        (DEMO_CLIENT_ID, "wrong", grant, 401, "invalid_client"),
        (
            DISABLED_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            grant,
            401,
            "invalid_client",
        ),
        (
            PORTAL_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            grant,
            400,
            "unauthorized_client",
        ),
        (
            DEMO_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        (
            DEMO_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            "nonsense",
            400,
            "invalid_request",
        ),
        (
            PORTAL_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            "grant_type=refresh_token&refresh_token=x",
            400,
            "invalid_grant",
        ),
    ] {
        let reply = bench.login(id, secret, form).await;
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (status, Some(error)),
            "{id} {form}"
        );
        assert!(reply.json().get("contextId").is_none());
    }
    let no_header = bench
        .send(
            "POST",
            "/oauth/token",
            "content-type: application/json\r\n",
            "{}",
        )
        .await;
    assert_eq!(
        (no_header.status, no_header.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
    assert_eq!(bench.send("GET", "/oauth/token", "", "").await.status, 405);

    let form = "grant_type=refresh_token&refresh_token=demo-refresh-token";
    let user = bench
        .login(PORTAL_CLIENT_ID, DEMO_CLIENT_SECRET, form)
        .await
        .json();
    let me = bench
        .get("/api/v2/users/me", user["access_token"].as_str().unwrap())
        .await;
    assert_eq!(me.json()["name"], "Ada Admin");
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&orgName=why403-demo&assertion=demo-assertion";
    assert_eq!(
        bench
            .login(SAML_CLIENT_ID, DEMO_CLIENT_SECRET, form)
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_rotates_when_told_and_a_public_client_needs_no_secret() {
    let bench = Bench::start().await;
    bench.simulator.with(|org| {
        org.rotate_refresh_tokens(true);
        org.add_client("public", "");
        org.set_client_grant("public", GrantType::Code);
    });
    let refresh = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    let first = refresh("demo-refresh-token");
    let granted = bench
        .login(PORTAL_CLIENT_ID, DEMO_CLIENT_SECRET, &first)
        .await
        .json();
    let next = granted["refresh_token"].as_str().unwrap();
    assert_ne!(next, "demo-refresh-token");
    let used = bench
        .login(PORTAL_CLIENT_ID, DEMO_CLIENT_SECRET, &first)
        .await;
    assert_eq!(used.json()["error"], "invalid_grant");
    let form = |id: &str| format!("{}&client_id={id}", refresh(next));
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    for (id, status) in [(PORTAL_CLIENT_ID, 400), ("public", 200)] {
        let reply = bench.send("POST", "/oauth/token", head, &form(id)).await;
        assert_eq!(reply.status, status, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_is_taken_only_when_told() {
    let bench = Bench::start().await;
    let form = |password: &str| {
        format!("grant_type=password&username=ada%40example.com&password={password}")
    };
    let error = async |form: String| {
        let reply = bench.login(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, &form).await;
        reply.json()["error"].as_str().map(str::to_owned)
    };
    let refused = error(form("demo-password")).await;
    assert_eq!(refused.as_deref(), Some("unsupported_grant_type"));
    bench.simulator.with(|org| org.allow_password_grant(true));
    assert_eq!(error(form("demo-password")).await, None);
    let wrong = error(form("wrong")).await;
    assert_eq!(wrong.as_deref(), Some("invalid_grant"));
}

#[tokio::test(start_paused = true)]
async fn tokens_expire_die_and_are_missed() {
    let bench = Bench::start().await;
    assert_eq!(
        code(&bench.send("GET", QUEUES, "", "").await),
        (401, "authentication.required".to_owned())
    );
    assert_eq!(
        code(&bench.get(QUEUES, "made-up").await),
        (401, "bad.credentials".to_owned())
    );
    bench.simulator.with(|org| org.set_expires_in(300));
    let token = bench.token().await;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(bench.get(QUEUES, &token).await.status, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        code(&bench.get(QUEUES, &token).await),
        (401, "credentials.expired".to_owned())
    );
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.set_client_state(DEMO_CLIENT_ID, ClientState::Disabled));
    assert_eq!(
        code(&bench.get(QUEUES, &token).await),
        (401, "bad.credentials".to_owned())
    );
    bench.simulator.set_scenario("healthy").unwrap();
    assert_eq!(
        bench.get(QUEUES, &token).await.status,
        200,
        "a switch keeps tokens"
    );
    bench.simulator.with(|org| org.set_max_tokens(Some(1)));
    bench.token().await;
    assert_eq!(
        code(&bench.get(QUEUES, &token).await),
        (401, "bad.credentials".to_owned())
    );
    bench
        .simulator
        .with(|org| org.issue_client_token("seeded", DEMO_CLIENT_ID));
    assert_eq!(bench.get(QUEUES, "seeded").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_has_300_requests_a_minute() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.simulator.with(|org| org.report_rate_limit(true));
    for _ in 0..300 {
        assert_eq!(bench.get("/api/v2/tokens/me", &token).await.status, 200);
    }
    tokio::time::advance(Duration::from_secs(18)).await;
    let reply = bench.get(QUEUES, &token).await;
    assert_eq!(
        code(&reply),
        (429, "too.many.requests.retry.after".to_owned())
    );
    assert_eq!(
        (
            reply.header("retry-after"),
            reply.header("inin-ratelimit-count")
        ),
        (Some("42"), Some("300"))
    );
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap()
            .contains("[42] seconds")
    );
    tokio::time::advance(Duration::from_secs(42)).await;
    assert_eq!(bench.get(QUEUES, &token).await.status, 200);
    assert_eq!(bench.simulator.count(Route::TokensMe), 300);
}

#[tokio::test(start_paused = true)]
async fn an_idle_token_dies_unless_it_is_used() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .simulator
        .with(|org| org.set_idle_timeout(Some(Duration::from_mins(5))));
    for path in [
        "/api/v2/organizations/me",
        "/api/v2/tokens/me?preserveIdleTTL=true",
    ] {
        tokio::time::advance(Duration::from_mins(4)).await;
        assert_eq!(bench.get(path, &token).await.status, 200);
    }
    tokio::time::advance(Duration::from_mins(2)).await;
    let reply = bench.get(QUEUES, &token).await;
    assert_eq!(
        code(&reply),
        (401, "bad.credentials".to_owned()),
        "the second look did not count as use"
    );
}

#[tokio::test(start_paused = true)]
async fn an_early_death_goes_with_the_scenario_but_the_dead_stay_dead() {
    let bench = Bench::start().await;
    bench.simulator.set_scenario("flapping-token").unwrap();
    let early = bench.token().await;
    tokio::time::advance(Duration::from_secs(45)).await;
    let late = bench.token().await;
    bench.simulator.set_scenario("healthy").unwrap();
    assert_eq!(bench.get(QUEUES, &early).await.status, 401);
    tokio::time::advance(Duration::from_secs(45)).await;
    assert_eq!(bench.get(QUEUES, &late).await.status, 200);
}
