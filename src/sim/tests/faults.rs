//! Bytes on the wire, and the record of them.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_costs_no_simulated_time() {
    let bench = Bench::start().await;
    let before = clock::now();
    let token = bench.token().await;
    assert_eq!(bench.get(QUEUES, &token).await.status, 200);
    assert_eq!(clock::now(), before);
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
    tokio::time::timeout(Duration::from_hours(1), bench.exchange(&request))
        .await
        .unwrap_err();
    bench.simulator.always(Route::Queues, Some(Scripted::Hang));
    tokio::time::timeout(Duration::from_hours(1), bench.exchange(&request))
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
    bench.get("/api/v2/nothing", &token).await;
    assert_eq!(bench.simulator.count(Route::Other), 1);
    let all = format!("{requests:?} {:?}", bench.simulator);
    assert!(
        !all.contains(&token) && !all.contains(DEMO_CLIENT_SECRET),
        "{all}"
    );
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
