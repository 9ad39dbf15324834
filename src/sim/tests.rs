//! The simulator over real sockets, with the clock paused.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

const QUEUES: &str = "/api/v2/routing/queues";

/// A served simulator, and a client that writes and reads bytes.
struct Bench {
    simulator: Simulator,
    address: SocketAddr,
    _server: JoinSet<io::Result<()>>,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.lines().filter_map(|line| line.split_once(": "));
        found
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Bench {
    async fn start() -> Self {
        let simulator = Simulator::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(simulator.clone().run(listener, std::future::pending()));
        Self {
            simulator,
            address,
            _server: server,
        }
    }

    async fn exchange(&self, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        let answer = self.exchange(&request).await.unwrap();
        let split = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a whole head");
        let head = String::from_utf8(answer[..split].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head,
            body: answer[split + 4..].to_vec(),
        }
    }

    async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(
            "GET",
            path,
            &format!("authorization: Bearer {token}\r\n"),
            "",
        )
        .await
    }

    async fn login(&self, id: &str, secret: &str, form: &str) -> Reply {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let headers = format!(
            "authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        );
        self.send("POST", "/oauth/token", &headers, form).await
    }

    async fn token(&self) -> String {
        let reply = self
            .login(
                DEMO_CLIENT_ID,
                DEMO_CLIENT_SECRET,
                "grant_type=client_credentials",
            )
            .await;
        reply.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    async fn queue_names(&self, query: &str, token: &str) -> Vec<String> {
        let reply = self.get(&format!("{QUEUES}?{query}"), token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let listing = reply.json();
        listing["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|queue| queue["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn code(reply: &Reply) -> (u16, String) {
    (
        reply.status,
        reply.json()["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_no_simulated_time() {
    let bench = Bench::start().await;
    let before = clock::now();
    let token = bench.token().await;
    assert_eq!(bench.get(QUEUES, &token).await.status, 200);
    assert_eq!(clock::now(), before);
}

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

#[tokio::test(start_paused = true)]
async fn faults_are_real_bytes() {
    let bench = Bench::start().await;
    let request = format!("GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
    let headers = Vec::new();
    bench.simulator.script(
        Route::Queues,
        [
            Scripted::Close,
            Scripted::Reset,
            Scripted::Truncate {
                status: 200,
                headers,
                body: b"half".to_vec(),
                missing: 4,
            },
            Scripted::Flood {
                status: 200,
                bytes: 200_000,
            },
            Scripted::Delay(
                Duration::from_secs(7),
                Box::new(Scripted::text(418, "text/plain", "late")),
            ),
        ],
    );
    assert_eq!(bench.exchange(&request).await.unwrap(), b"");
    assert_eq!(
        bench.exchange(&request).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    let cut = String::from_utf8(bench.exchange(&request).await.unwrap()).unwrap();
    assert!(
        cut.contains("content-length: 8\r\n") && cut.ends_with("\r\n\r\nhalf"),
        "{cut}"
    );
    assert!(bench.exchange(&request).await.unwrap().len() > 200_000);
    let before = clock::now();
    assert_eq!(bench.send("GET", QUEUES, "", "").await.status, 418);
    assert_eq!(clock::now() - before, Duration::from_secs(7));
    assert_eq!(
        bench.send("GET", QUEUES, "", "").await.status,
        401,
        "then the model again"
    );

    bench.simulator.always(
        Route::Queues,
        Some(Scripted::Endless {
            status: 200,
            every: Duration::from_secs(1),
        }),
    );
    tokio::time::timeout(Duration::from_secs(3600), bench.exchange(&request))
        .await
        .unwrap_err();
    bench.simulator.always(Route::Queues, Some(Scripted::Hang));
    tokio::time::timeout(Duration::from_secs(3600), bench.exchange(&request))
        .await
        .unwrap_err();
    let statuses: Vec<Option<u16>> = bench
        .simulator
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(
        statuses,
        [
            None,
            None,
            Some(200),
            Some(200),
            Some(418),
            Some(401),
            Some(200),
            None
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_recorded_without_secrets() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .send(
            "GET",
            "/api/v2/tokens/me?a=b",
            &format!("User-Agent: test/1\r\nAuthorization: Bearer {token}\r\n"),
            "",
        )
        .await;
    let requests = bench.simulator.requests();
    let last = requests.last().unwrap();
    assert_eq!(
        (last.route, last.query.as_str(), last.status),
        (Route::TokensMe, "a=b", Some(200))
    );
    assert_eq!(
        (last.user_agent.as_deref(), last.has_authorization),
        (Some("test/1"), true)
    );
    assert!(last.token.is_some() && last.header_names.contains(&"user-agent".to_owned()));
    let all = format!("{requests:?} {:?}", bench.simulator);
    assert!(
        !all.contains(&token) && !all.contains(DEMO_CLIENT_SECRET),
        "{all}"
    );
}

#[tokio::test(start_paused = true)]
async fn role_changes_may_be_late_or_bound_to_the_token() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.simulator.set_scenario("stale-token").unwrap();
    assert_eq!(bench.get(QUEUES, &token).await.status, 403);
    let fresh = bench.token().await;
    assert_eq!(bench.get(QUEUES, &fresh).await.status, 200);
    bench.simulator.reset();
    bench.simulator.set_scenario("stale-token").unwrap();
    let first = bench.token().await;
    assert_eq!(bench.get(QUEUES, &first).await.status, 403);
    let second = bench.token().await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 200);

    bench.simulator.set_scenario("propagating").unwrap();
    assert_eq!(bench.get(QUEUES, &second).await.status, 403);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 200);
    bench.simulator.with(|org| org.revoke_all(DEMO_CLIENT_ID));
    assert_eq!(
        bench.get(QUEUES, &second).await.status,
        200,
        "not known yet"
    );
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn every_scenario_shows_what_it_promises() {
    let bench = Bench::start().await;
    let names: HashSet<&str> = Simulator::scenarios()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(
        names.len(),
        Simulator::scenarios().len(),
        "names are unique"
    );
    for scenario in Simulator::scenarios() {
        bench.simulator.reset();
        bench.simulator.set_scenario(scenario.name).unwrap();
        assert_eq!(bench.simulator.scenario(), scenario.name);
        assert_eq!(
            scenario.outcome == "ok",
            scenario.cause.is_none(),
            "{}",
            scenario.name
        );
        let login = bench
            .login(
                DEMO_CLIENT_ID,
                DEMO_CLIENT_SECRET,
                "grant_type=client_credentials",
            )
            .await;
        let issued = serde_json::from_slice::<Value>(&login.body).ok();
        let issued = issued
            .as_ref()
            .and_then(|body| body["access_token"].as_str());
        let token = match scenario.credential {
            Credential::Machine => issued,
            Credential::User => Some(DEMO_USER_TOKEN),
        };
        let Some(token) = token else {
            let minting = [
                "client_rejected",
                "grant_rejected",
                "auth_rate_limited",
                "token_unreadable",
                "token_endpoint_down",
            ];
            assert!(
                minting.contains(&scenario.outcome),
                "{}: {login:?}",
                scenario.name
            );
            continue;
        };
        let request = format!(
            "GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let answer = tokio::time::timeout(Duration::from_secs(30), bench.exchange(&request)).await;
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        let line = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        let expected: &[&str] = match scenario.outcome {
            "ok" | "queues_empty" | "queues_missing" | "unreadable_answer" | "answer_too_large" => {
                &["HTTP/1.1 200"]
            }
            "forbidden" => &["HTTP/1.1 403"],
            "token_rejected" | "token_expired" | "token_missing" | "ip_not_allowed" => {
                &["HTTP/1.1 401"]
            }
            "user_context_required" | "bad_request" => &["HTTP/1.1 400"],
            "not_found" => &["HTTP/1.1 404"],
            "feature_disabled" => &["HTTP/1.1 501", "HTTP/1.1 405"],
            "rate_limited" => &["HTTP/1.1 429"],
            "auth_service_slow" => &["HTTP/1.1 504"],
            "upstream_error" => &["HTTP/1.1 500", "HTTP/1.1 503"],
            "redirected" => &["HTTP/1.1 302"],
            "timeout" => &[""],
            "reset" => &["", "HTTP/1.1 200"],
            other => panic!("{}: no expectation for {other}", scenario.name),
        };
        assert!(
            expected.contains(&line.as_str()),
            "{}: {line:?}",
            scenario.name
        );
        let anonymous = format!("GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
        if scenario.outcome == "forbidden" {
            let reply = bench.exchange(&anonymous).await.unwrap();
            let status = if scenario.cause == Some("edge_block") {
                "403"
            } else {
                "401"
            };
            assert_eq!(
                String::from_utf8_lossy(&reply[9..12]),
                status,
                "{} without a token",
                scenario.name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn controls_work_whatever_is_broken() {
    let bench = Bench::start().await;
    bench.simulator.set_scenario("timeout").unwrap();
    assert_eq!(bench.send("GET", "/", "", "").await.status, 200);
    let list = bench.send("GET", "/sim/scenarios", "", "").await.json();
    assert_eq!(list["current"], "timeout");
    assert_eq!(
        list["scenarios"].as_array().unwrap().len(),
        Simulator::scenarios().len()
    );
    let json = "content-type: application/json\r\n";
    let put = bench
        .send("PUT", "/sim/scenario", json, "{\"name\":\"role-removed\"}")
        .await;
    assert_eq!(
        (put.status, put.json()["cause"].as_str()),
        (200, Some("missing_permission"))
    );
    let put = bench
        .send(
            "PUT",
            "/sim/scenario",
            "content-type: text/plain\r\n",
            "edge-block\n",
        )
        .await;
    assert_eq!(put.json()["name"], "edge-block");
    assert_eq!(
        bench.send("PUT", "/sim/scenario", json, "{}").await.status,
        422
    );
    let unknown = bench
        .send("PUT", "/sim/scenario", json, "{\"name\":\"nonsense\"}")
        .await;
    assert_eq!(
        (unknown.status, unknown.json()["scenarios"][0].as_str()),
        (404, Some("healthy"))
    );
    assert_eq!(
        bench.send("POST", "/sim/reset", "", "").await.json()["name"],
        "healthy"
    );
    assert_eq!(bench.simulator.requests(), []);
}

#[tokio::test]
async fn only_loopback_addresses_are_served() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = Simulator::new()
        .run(listener, std::future::pending())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Simulator::new()
        .run(listener, std::future::ready(()))
        .await
        .unwrap();
}
