//! What the calls that help a diagnosis show in every scenario of a refusal or of lost queues.

use std::collections::HashMap;
use std::time::Duration;

use super::*;

/// What one examination sees, a word each:
/// the call with the old token and with a fresh one, the divisions in which the permission is
/// said to be held, whether a role names it, whether the organisation has it, whether the caller
/// is a guest, and the call without a token. `-` where no answer helps.
const SEEN: &[(&str, &str)] = &[
    ("role-removed", "403 403 0 no-role in-org home 401"),
    ("role-removed-all", "403 403 0 no-role in-org home 401"),
    ("role-removed-old-text", "403 403 0 no-role in-org home 401"),
    ("access-denied", "403 403 0 no-role in-org home 401"),
    ("policy-emptied", "403 403 0 no-role in-org home 401"),
    ("role-removed-vague", "403 403 0 no-role in-org home 401"),
    (
        "role-removed-unknown-code",
        "403 403 0 no-role in-org home 401",
    ),
    (
        "wrong-permission-named",
        "403 403 0 no-role in-org home 401",
    ),
    (
        "wrong-permission-unknown",
        "403 403 0 no-role in-org home 401",
    ),
    ("wrong-permission-held", "403 403 0 no-role in-org home 401"),
    ("guest-role-removed", "403 403 0 no-role in-org guest 401"),
    ("user-role-missing", "403 - 0 no-role in-org home 401"),
    (
        "user-role-missing-no-scope",
        "403 - 0 no-role in-org home 401",
    ),
    ("role-removed-blind", "403 403 - - in-org home 401"),
    ("role-removed-hanging", "403 403 0 - in-org home 401"),
    ("division-refused", "403 403 1 role in-org home 401"),
    ("division-refused-segment", "403 403 1 role in-org home 401"),
    ("division-refused-plain", "403 403 1 role in-org home 401"),
    ("division-refused-blind", "403 403 - - in-org home 401"),
    ("insufficient-scope", "403 403 3 role in-org home 401"),
    ("insufficient-scope-body", "403 403 3 role in-org home 401"),
    ("user-scope-missing", "403 - all role in-org home 401"),
    ("user-scope-and-role", "403 - 0 no-role in-org home 401"),
    ("user-scope-missing-blind", "403 - - - - - 401"),
    ("insufficient-scope-gateway", "403 403 - - - - 401"),
    ("user-scopes-unenforced", "200 - all role in-org home 401"),
    ("stale-token", "403 200 3 role in-org home 401"),
    ("stale-token-for-a-while", "403 200 3 role in-org home 401"),
    (
        "stale-token-slow-grants",
        "403 200 0 no-role in-org home 401",
    ),
    ("stale-token-blind", "403 - 3 role in-org home 401"),
    ("propagating", "403 403 3 role in-org home 401"),
    (
        "propagating-slow-grants",
        "403 403 0 no-role in-org home 401",
    ),
    ("propagating-division", "403 403 2 role in-org home 401"),
    ("propagating-one-client", "403 403 3 role in-org home 401"),
    ("propagating-blind", "403 403 - - in-org home 401"),
    ("access-ending", "200 403 0 no-role in-org home 401"),
    (
        "permission-not-in-org",
        "403 403 0 role not-in-org home 401",
    ),
    (
        "not-in-org-roleless",
        "403 403 0 no-role not-in-org home 401",
    ),
    ("not-in-org-blind", "403 403 0 role - home 401"),
    ("policy-denied", "403 403 3 role in-org home 401"),
    ("policy-condition", "403 403 3 role in-org home 401"),
    (
        "policy-denied-after-grant",
        "403 403 3 role in-org home 401",
    ),
    ("policy-denied-blind", "403 403 - - in-org home 401"),
    ("trustor", "403 403 0 no-role in-org guest 401"),
    ("trustor-same-org", "403 403 3 role in-org home 401"),
    ("trustor-blind", "403 403 0 no-role in-org - 401"),
    ("not-authorized", "403 403 3 role in-org home 401"),
    ("not-authorized-words", "403 403 3 role in-org home 401"),
    ("not-authorized-blind", "403 403 - - in-org home 401"),
    ("edge-block", "403 403 - - - - 403"),
    ("edge-block-plain", "403 403 - - - - 403"),
    ("edge-block-authorization", "403 403 - - - - 401"),
    ("edge-block-queues", "403 403 3 role in-org home 403"),
    ("edge-block-json", "403 403 - - - - 403"),
    ("edge-block-scope", "403 403 - - - - 403"),
    ("edge-block-empty", "403 403 - - - - 403"),
    ("edge-block-blind", "403 403 - - - - -"),
    ("unreadable-403", "403 403 3 role in-org home 401"),
    ("unreadable-403-text", "403 403 3 role in-org home 401"),
    ("unreadable-403-empty", "403 403 3 role in-org home 401"),
    ("unreadable-403-page", "403 403 3 role in-org home 401"),
    ("unreadable-403-cut", "403 403 3 role in-org home 401"),
    ("unreadable-403-blind", "403 403 - - - - 401"),
    ("unknown-403", "403 403 3 role in-org home 401"),
    ("unknown-403-silent", "403 403 3 role in-org home 401"),
    ("unknown-403-suspended", "403 403 3 role in-org home 401"),
    ("unknown-403-blind", "403 403 - - - - 401"),
    ("queues-empty", "200 200 1 role in-org home 401"),
    ("queues-none", "200 200 all role in-org home 401"),
    ("queues-empty-blind", "200 200 - - in-org home 401"),
    ("queues-missing", "200 200 1 role in-org home 401"),
    ("queues-deleted", "200 200 3 role in-org home 401"),
    ("queues-moved", "200 200 3 role in-org home 401"),
    ("queues-missing-blind", "200 200 - - in-org home 401"),
];

const VIEW: &str = "routing:queue:view";

/// Whose token is looked at, and a fresh one where it can be had.
async fn tokens(bench: &Bench, scenario: &Scenario) -> (String, Option<String>) {
    bench.simulator.reset();
    if scenario.credential == Credential::User {
        bench.simulator.set_scenario(scenario.name).unwrap();
        return (DEMO_USER_TOKEN.to_owned(), None);
    }
    let old = bench.token().await;
    bench.simulator.set_scenario(scenario.name).unwrap();
    let form = "grant_type=client_credentials";
    let login = bench.login(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, form).await;
    let fresh = login.json()["access_token"].as_str().map(str::to_owned);
    (old, fresh)
}

/// The body of a good answer to a helping call, if there is one.
async fn helper(bench: &Bench, path: &str, token: &str) -> Option<Value> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let limit = Duration::from_secs(30);
    let answer = tokio::time::timeout(limit, bench.exchange(&request))
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let good = head.starts_with("HTTP/1.1 200");
    good.then(|| serde_json::from_str(body).ok()).flatten()
}

/// The status of a request for the queues, if there is an answer.
async fn queues(bench: &Bench, headers: &str) -> Option<String> {
    let request =
        format!("GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{headers}\r\n");
    let answer = bench.exchange(&request).await.ok()?;
    let status = answer.get(9..12)?;
    Some(String::from_utf8_lossy(status).into_owned())
}

/// Whether a policy, as `subjects/me` tells it, names the permission.
fn names_it(policy: &Value) -> bool {
    let has = |field: &str, word: &str| policy[field] == word || policy[field] == "*";
    let mut actions = policy["actions"].as_array().unwrap().iter();
    has("domain", "routing")
        && has("entityName", "queue")
        && actions.any(|action| action == "view" || action == "*")
}

async fn seen(bench: &Bench, scenario: &Scenario) -> String {
    let (old, fresh) = tokens(bench, scenario).await;
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let old_status = queues(bench, &bearer(&old)).await;
    let fresh_status = match &fresh {
        Some(fresh) => queues(bench, &bearer(fresh)).await,
        None => None,
    };
    let path = format!("/api/v2/authorization/divisionspermitted/paged/me?permission={VIEW}");
    let divisions = helper(bench, &path, &old).await.map(|body| {
        let all = body["allDivsPermitted"] == true;
        let total = body["total"].to_string();
        if all { "all".to_owned() } else { total }
    });
    let subject = helper(bench, "/api/v2/authorization/subjects/me", &old).await;
    let role = subject.map(|body| {
        let mut grants = body["grants"].as_array().unwrap().iter();
        let of_role = |grant: &Value| {
            let policies = grant["role"]["policies"].as_array().unwrap().clone();
            policies.iter().any(names_it)
        };
        let named = grants.any(of_role);
        if named { "role" } else { "no-role" }.to_owned()
    });
    let path = "/api/v2/authorization/permissions?queryType=domain&query=routing";
    let listed = helper(bench, path, &old).await.map(|body| {
        let queue = body["entities"][0]["permissionMap"]["queue"].clone();
        let mut actions = queue.as_array().unwrap().iter();
        let listed = actions.any(|action| action["action"] == "view");
        if listed { "in-org" } else { "not-in-org" }.to_owned()
    });
    let me = helper(bench, "/api/v2/tokens/me", &old).await;
    let home = me.map(|body| {
        let guest = body["organization"] != body["homeOrganization"];
        if guest { "guest" } else { "home" }.to_owned()
    });
    let without = queues(bench, "").await;
    let all = [
        old_status,
        fresh_status,
        divisions,
        role,
        listed,
        home,
        without,
    ];
    all.map(|word| word.unwrap_or_else(|| "-".to_owned()))
        .join(" ")
}

#[tokio::test(start_paused = true)]
async fn experiments_show_what_is_behind_a_scenario() {
    let bench = Bench::start().await;
    let outcomes = ["forbidden", "queues_empty", "queues_missing"];
    let mut found = Vec::new();
    for scenario in Simulator::scenarios() {
        let is_listed = SEEN.iter().any(|(name, _)| *name == scenario.name);
        if outcomes.contains(&scenario.outcome) || is_listed {
            found.push((scenario.name, seen(&bench, scenario).await));
        }
    }
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(name, seen)| (*name, seen.as_str()))
        .collect();
    assert_eq!(found, SEEN);
}

#[test]
fn every_cause_of_a_refusal_can_be_clear_confusable_and_blind() {
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for scenario in Simulator::scenarios() {
        let slot = names.entry(scenario.cause.unwrap_or("ok")).or_default();
        if SEEN.iter().any(|(name, _)| *name == scenario.name) {
            slot.push(scenario.name);
        }
    }
    names.retain(|cause, names| *cause != "ok" && !names.is_empty());
    assert_eq!(names.len(), 12 + 2, "all causes of a 403, and lost queues");
    for (cause, names) in names {
        assert!(names.len() >= 3, "{cause}: {names:?}");
        assert!(names.iter().any(|name| name.ends_with("-blind")), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_changes_come_through_and_the_rest_stays() {
    let bench = Bench::start().await;
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    for scenario in Simulator::scenarios() {
        let (name, cause) = (scenario.name, scenario.cause.unwrap_or_default());
        if scenario.outcome != "forbidden" {
            continue;
        }
        let (old, _) = tokens(&bench, scenario).await;
        tokio::time::advance(Duration::from_millis(59_900)).await;
        assert_eq!(
            queues(&bench, &bearer(&old)).await.unwrap(),
            "403",
            "{name}"
        );
        tokio::time::advance(Duration::from_millis(100)).await;
        let ends = cause == "propagating" || name == "stale-token-for-a-while";
        let expected = if ends { "200" } else { "403" };
        assert_eq!(
            queues(&bench, &bearer(&old)).await.unwrap(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_token_counts_as_one_from_before_the_change() {
    let bench = Bench::start().await;
    for (name, first, second) in [
        ("stale-token", 403, Some(200)),
        ("stale-token-for-a-while", 403, Some(200)),
        ("stale-token-slow-grants", 403, Some(200)),
        ("stale-token-blind", 403, None),
        ("access-ending", 200, Some(403)),
    ] {
        bench.simulator.reset();
        bench.simulator.set_scenario(name).unwrap();
        let token = bench.token().await;
        assert_eq!(bench.get(QUEUES, &token).await.status, first, "{name}");
        let form = "grant_type=client_credentials";
        let login = bench.login(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, form).await;
        let found = match login.json()["access_token"].as_str() {
            Some(token) => Some(bench.get(QUEUES, token).await.status),
            None => None,
        };
        assert_eq!(found, second, "{name}");
        assert_eq!(bench.get(QUEUES, &token).await.status, first, "{name}");
    }
}
