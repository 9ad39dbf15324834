//! What follows from the model: listings, refusals, identity.

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
}

#[tokio::test(start_paused = true)]
async fn users_are_held_to_context_and_scopes() {
    let bench = Bench::start().await;
    let token = bench.token().await;
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

#[tokio::test(start_paused = true)]
async fn refusals_are_worded_as_asked() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let home = bench.simulator.with(|org| org.division_id("Home"));
    let unable = "Unable to perform the requested action.";
    let any = "You must have at least one of the following permissions assigned:";
    let all = "You are missing the following permission(s):";
    let view = "routing:queue:view";
    for (scenario, code, message) in [
        (
            "role-removed",
            "missing.any.permissions",
            format!("{unable} {any} [{view}]"),
        ),
        (
            "role-removed-all",
            "missing.permissions",
            format!("{unable} {all} [{view}]"),
        ),
        (
            "role-removed-old-text",
            "missing.permissions",
            format!("{unable} {all} {view} ("),
        ),
        (
            "access-denied",
            "access.denied",
            "Access denied. (".to_owned(),
        ),
        (
            "division-refused",
            "missing.any.permissions",
            format!("{unable} {any} [] in at least one of the following division(s): [{home}]"),
        ),
        (
            "division-refused-segment",
            "missing.division.permission",
            format!("{unable} {all} [{view}:{home}]"),
        ),
    ] {
        bench.simulator.set_scenario(scenario).unwrap();
        let body = bench.get(QUEUES, &token).await.json();
        assert_eq!(body["code"], code, "{scenario}");
        let said = body["message"].as_str().unwrap();
        let context = body["contextId"].as_str().unwrap();
        let expected = if message.ends_with('(') {
            format!("{message}{context})")
        } else {
            message
        };
        assert_eq!(said, expected, "{scenario}");
    }
    bench.simulator.with(|org| org.revoke_all(DEMO_CLIENT_ID));
    assert_eq!(
        code(&bench.get(QUEUES, &token).await),
        (403, "missing.any.permissions".to_owned())
    );
}
