//! What follows from the model: listings, refusals, tokens, identity.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test(start_paused = true)]
async fn queues_are_paged_filtered_and_sorted() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let reply = bench
        .get(&format!("{QUEUES}?pageSize=5&pageNumber=2"), &token)
        .await;
    let listing = reply.json();
    assert_eq!(listing["total"], 12);
    assert_eq!(listing["pageCount"], 3);
    assert_eq!(
        listing["nextUri"],
        "/api/v2/routing/queues?pageSize=5&pageNumber=3"
    );
    assert_eq!(listing["entities"].as_array().unwrap().len(), 5);
    assert_eq!(
        bench.queue_names("name=support*", &token).await,
        ["Support Chat", "Support Email", "Support Phone"]
    );
    assert_eq!(
        bench
            .queue_names("name=support*&sortOrder=desc&pageSize=1", &token)
            .await,
        ["Support Phone"]
    );
    let sales = bench.simulator.with(|org| org.division_id("Sales"));
    let names = bench
        .queue_names(&format!("divisionId={sales}"), &token)
        .await;
    assert_eq!(
        names,
        ["New Business", "Partner Desk", "Renewals", "Upgrades"]
    );
    let first = listing["entities"][0].clone();
    let id = first["id"].as_str().unwrap();
    let by_id = bench.queue_names(&format!("id={id}"), &token).await;
    assert_eq!(by_id, [first["name"].as_str().unwrap()]);
    assert_eq!(
        bench.get(&format!("{QUEUES}/{id}"), &token).await.json(),
        first
    );
    assert_eq!(
        code(&bench.get(&format!("{QUEUES}/nowhere"), &token).await),
        (404, "not.found".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn the_list_filters_by_division_and_is_refused_only_without_any() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let hidden = bench.simulator.with(|org| {
        org.revoke_in(DEMO_CLIENT_ID, "Queue Reader", "Support");
        org.queues
            .iter()
            .find(|queue| queue.name == "Support Chat")
            .unwrap()
            .id
            .clone()
    });
    assert_eq!(bench.queue_names("pageSize=100", &token).await.len(), 8);
    assert_eq!(
        bench.queue_names("name=support*", &token).await,
        Vec::<String>::new()
    );
    let refused = bench.get(&format!("{QUEUES}/{hidden}"), &token).await;
    assert_eq!(
        code(&refused),
        (403, "missing.division.permission".to_owned())
    );
    bench
        .simulator
        .with(|org| org.move_queue("Support Chat", "Home"));
    assert_eq!(
        bench.queue_names("name=support*", &token).await,
        ["Support Chat"]
    );

    let permitted =
        "/api/v2/authorization/divisionspermitted/paged/me?permission=routing:queue:view";
    let divisions = bench.get(permitted, &token).await.json();
    assert_eq!(
        (&divisions["total"], &divisions["allDivsPermitted"]),
        (&json!(2), &json!(false))
    );

    bench
        .simulator
        .with(|org| org.revoke(DEMO_CLIENT_ID, "Queue Reader"));
    let refused = bench.get(QUEUES, &token).await;
    assert_eq!(code(&refused), (403, "missing.any.permissions".to_owned()));
    assert_eq!(
        refused.header("ININ-Correlation-Id"),
        refused.json()["contextId"].as_str()
    );
    assert_eq!(bench.get(permitted, &token).await.json()["total"], 0);
    bench
        .simulator
        .with(|org| org.grant(DEMO_CLIENT_ID, "Supervisor", "*"));
    assert_eq!(bench.queue_names("pageSize=100", &token).await.len(), 12);
    assert_eq!(
        bench.get(permitted, &token).await.json()["allDivsPermitted"],
        true
    );
}

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
async fn identity_tells_machines_from_users() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let me = bench
        .get("/api/v2/tokens/me?preserveIdleTTL=true", &token)
        .await
        .json();
    assert_eq!(me["OAuthClient"]["id"], DEMO_CLIENT_ID);
    assert_eq!(
        me["OAuthClient"]["authorizedGrantType"],
        "CLIENT-CREDENTIALS"
    );
    assert_eq!(me["organization"], me["homeOrganization"]);
    let subject = bench
        .get("/api/v2/authorization/subjects/me", &token)
        .await
        .json();
    assert_eq!(subject["grants"].as_array().unwrap().len(), 4);
    assert_eq!(
        subject["grants"][0]["role"]["policies"][0]["entityName"],
        "queue"
    );
    let permissions = bench
        .get(
            "/api/v2/authorization/permissions?queryType=domain&query=routing",
            &token,
        )
        .await
        .json();
    assert_eq!(
        permissions["entities"][0]["permissionMap"]["queue"][5]["action"],
        "view"
    );
    assert_eq!(
        bench
            .get("/api/v2/authorization/products", &token)
            .await
            .json()["total"],
        2
    );
    assert_eq!(
        bench.get("/api/v2/organizations/me", &token).await.status,
        200
    );
    let head = bench
        .send(
            "HEAD",
            "/api/v2/tokens/me",
            &format!("authorization: Bearer {token}\r\n"),
            "",
        )
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));

    assert_eq!(
        code(&bench.get("/api/v2/users/me", &token).await),
        (400, "bad.request".to_owned())
    );
    assert_eq!(
        bench.get("/api/v2/users/me", DEMO_USER_TOKEN).await.status,
        200
    );
    assert_eq!(bench.get(QUEUES, DEMO_USER_TOKEN).await.status, 200);
    assert_eq!(
        bench
            .get("/api/v2/organizations/me", DEMO_USER_TOKEN)
            .await
            .status,
        403,
        "no scope for it"
    );
    bench.simulator.with(|org| org.enforce_scopes(false));
    assert_eq!(
        bench
            .get("/api/v2/organizations/me", DEMO_USER_TOKEN)
            .await
            .status,
        200
    );
    let oauth = format!("/api/v2/oauth/clients/{DEMO_CLIENT_ID}");
    assert_eq!(
        code(&bench.get(&oauth, &token).await),
        (403, "missing.permissions".to_owned())
    );
    assert_eq!(
        bench.get(&oauth, DEMO_USER_TOKEN).await.json()["state"],
        "active"
    );
    assert_eq!(
        code(&bench.get("/api/v2/nothing", &token).await),
        (404, "not.found".to_owned())
    );
    assert_eq!(bench.send("DELETE", QUEUES, "", "").await.status, 405);
}
