//! The controls: which scenarios there are, which one is on, and how to change it.
//!
//! They stand beside the platform's routes, so that no fault can lock anybody out of them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answer::with_body;
use super::scenario::Scenario;
use super::{Simulator, scenario};

const MAX_BODY_BYTES: usize = 4 * 1024;

const HINT: &str = "\
This is a simulated Genesys Cloud: API and login on one address, nothing real behind it.

  POST /oauth/token                 client demo-client, secret demo-secret (Basic), grant_type=client_credentials
  GET  /api/v2/routing/queues       with the token
  GET  /sim/scenarios               what can go wrong here
  GET  /sim/scenario                what is going wrong now
  PUT  /sim/scenario                {\"name\": \"role-removed\"}, or the bare name as text/plain
  POST /sim/reset                   as on the first day
";

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/", get(hint))
        .route("/sim/scenarios", get(list))
        .route("/sim/scenario", get(show).put(switch))
        .route("/sim/reset", post(reset))
}

async fn hint() -> &'static str {
    HINT
}

async fn list(State(simulator): State<Simulator>) -> Response {
    let current = simulator.scenario();
    let all: Vec<Value> = scenario::all().iter().map(describe).collect();
    json_body(
        200,
        "application/json",
        &json!({"current": current, "scenarios": all}),
    )
}

async fn show(State(simulator): State<Simulator>) -> Response {
    let current = simulator.lock().scenario;
    json_body(200, "application/json", &describe(current))
}

async fn switch(State(simulator): State<Simulator>, request: Request) -> Response {
    let is_json = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let body = to_bytes(request.into_body(), MAX_BODY_BYTES)
        .await
        .unwrap_or_default();
    let parsed = serde_json::from_slice::<Value>(&body).ok();
    let name = match parsed
        .as_ref()
        .and_then(|value| value.get("name"))
        .and_then(Value::as_str)
    {
        Some(name) => name.to_owned(),
        None if is_json => {
            return problem(
                422,
                "Send {\"name\": \"…\"}, or the bare name as text/plain.",
            );
        }
        None => String::from_utf8_lossy(&body).trim().to_owned(),
    };
    match simulator.set_scenario(&name) {
        Ok(()) => show(State(simulator)).await,
        Err(unknown) => problem(404, &unknown.to_string()),
    }
}

async fn reset(State(simulator): State<Simulator>) -> Response {
    simulator.reset();
    show(State(simulator)).await
}

fn describe(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "title": scenario.title,
        "outcome": scenario.outcome,
        "cause": scenario.cause,
        "says": scenario.says,
    })
}

fn problem(status: u16, detail: &str) -> Response {
    let names: Vec<&str> = scenario::all()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    let body = json!({"title": "No such scenario", "status": status, "detail": detail, "scenarios": names});
    json_body(status, "application/problem+json", &body)
}

fn json_body(status: u16, content_type: &str, body: &Value) -> Response {
    let headers = [("content-type".to_owned(), content_type.to_owned())];
    with_body(status, &headers, Body::from(body.to_string()))
}
