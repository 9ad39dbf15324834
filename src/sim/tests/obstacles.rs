//! Steps that depend on the request's header, and obstacles before the calls that help.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_step_may_depend_on_the_header() {
    let bench = Bench::start().await;
    let page = Scripted::text(403, "text/html", "<html>No.</html>");
    bench
        .simulator
        .always(Route::Queues, Some(page.clone().with_authorization()));
    let with = bench.get(QUEUES, "whatever").await;
    assert_eq!(
        (with.status, with.header("ININ-Correlation-Id")),
        (403, None)
    );
    let without = bench.send("GET", QUEUES, "", "").await;
    assert_eq!(code(&without), (401, "authentication.required".to_owned()));
    let both = Scripted::ByAuthorization {
        with: Box::new(Scripted::Honest),
        without: Box::new(page),
    };
    bench.simulator.always(Route::Queues, Some(both));
    let token = bench.token().await;
    assert_eq!(bench.get(QUEUES, &token).await.status, 200);
    assert_eq!(bench.send("GET", QUEUES, "", "").await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn an_obstacle_stands_before_the_helpers_alone() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let paths = [
        "/api/v2/tokens/me",
        "/api/v2/authorization/divisionspermitted/paged/me?permission=routing:queue:view",
        "/api/v2/authorization/subjects/me",
        "/api/v2/authorization/permissions",
    ];
    for obstacle in Obstacle::ALL {
        bench.simulator.obstruct(&Obstacle::HELPERS, obstacle);
        for path in paths {
            let answer = bench.get(path, &token);
            let answer = tokio::time::timeout(Duration::from_hours(1), answer).await;
            let found = answer.as_ref().map(|reply| reply.status).ok();
            let is_json =
                answer.is_ok_and(|reply| serde_json::from_slice::<Value>(&reply.body).is_ok());
            let expected = match obstacle {
                Obstacle::Refused => (Some(403), true),
                Obstacle::Missing => (Some(404), true),
                Obstacle::RateLimited => (Some(429), true),
                Obstacle::Page | Obstacle::CutJson => (Some(200), false),
                Obstacle::Silence => (None, false),
            };
            assert_eq!((found, is_json), expected, "{obstacle:?} {path}");
        }
        assert_eq!(bench.get(QUEUES, &token).await.status, 200, "{obstacle:?}");
    }
    let again = bench.simulator.requests();
    assert!(again.iter().any(|request| request.status == Some(429)));
}
