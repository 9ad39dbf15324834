//! The `OpenAPI` document and the service agree.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::IntoResponse;

use super::schema::{conforms, resolved};
use super::*;
use crate::diagnosis::{Cause, Outcome};
use crate::http::examples::{failing, mixed, passing, starting, troubled, warning};
use crate::http::problem::{Kind, Problem};
use crate::http::{AppState, ENDPOINTS, OPENAPI};
use crate::metrics::Route;
use crate::target::Secret;
use std::sync::Arc;

const URN: &str = "urn:why403:problem:";

/// What comes from the monitor and from bugs; tests of their own cover it.
const ELSEWHERE: [Kind; 8] = [
    Kind::NotRefreshable,
    Kind::Verifying,
    Kind::TooSoon,
    Kind::Internal,
    Kind::RefreshFailed,
    Kind::Overloaded,
    Kind::Stopping,
    Kind::TimedOut,
];

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    &document["components"]["schemas"][name]
}

/// The slugs of the problems that a response of the document can have, with their status.
fn problems(response: &Value) -> Option<(u64, BTreeSet<String>)> {
    let content = response["content"].get("application/problem+json")?;
    let said = &content["schema"]["properties"];
    let types = said["type"]["enum"].as_array().unwrap();
    let slugs = types.iter().map(|urn| {
        let slug = urn.as_str().unwrap().strip_prefix(URN);
        slug.unwrap().to_owned()
    });
    Some((said["status"]["const"].as_u64().unwrap(), slugs.collect()))
}

/// Finds what the document says about an answer and checks the answer against it.
fn check(document: &Value, path: &str, method: &str, got: &Got) {
    let what = format!("{method} {path} {}", got.status);
    let responses = &document["paths"][path][method]["responses"];
    let response = resolved(document, &responses[got.status.to_string()]);
    assert!(
        response.is_object(),
        "{what} is not documented: {}",
        got.body
    );
    let essence = got.header("content-type").split(';').next().unwrap();
    let content = &response["content"][essence];
    assert!(
        content.is_object(),
        "{what} with {essence} is not documented"
    );
    if essence.ends_with("json") {
        let result = conforms(document, &content["schema"], &got.json(), "body");
        assert_eq!(result, Ok(()), "{what}");
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let required = header["required"] == true;
        assert!(
            !required || !got.header(name).is_empty(),
            "{what} lacks {name}"
        );
    }
}

/// Requests that bring about every status that needs no running monitor.
fn asks(path: &str, method: &str) -> Vec<Ask> {
    let uri = path
        .replace("{target}", "prod-eu")
        .replace("{credential}", "prod-eu");
    let plain = get(uri.clone()).method(method.to_uppercase().parse().unwrap());
    let query = |query: &str| Ask {
        uri: format!("{uri}?{query}"),
        ..plain.clone()
    };
    let mut huge = plain.clone();
    huge.body = Box::leak("x".repeat(5000).into_boxed_str());
    let mut nameless = plain.clone();
    nameless.headers.clear();
    let named = |name: &str| get(uri.replace("prod-eu", name)).method(plain.method.clone());
    let guess = plain
        .clone()
        .from("10.9.9.9:1")
        .with("authorization", "Bearer x");
    let mut asks = vec![
        plain.clone(),
        plain.clone().from("127.0.0.1:1"),
        plain.clone().with("accept", "text/plain"),
        plain
            .clone()
            .from("127.0.0.1:1")
            .with("accept", "text/plain"),
        plain
            .clone()
            .from("127.0.0.1:1")
            .with("accept", "image/png"),
        query("format=evidence"),
        query("fresh=1"),
        query("strict=1"),
        query("page=2"),
        query("since=1h"),
        query("since=99999999h"),
        query("since=tomorrow"),
        query("target=nobody"),
        query("target=prod-eu"),
        query("target=prod-eu").with("x-prometheus-scrape-timeout-seconds", "soon"),
        named("nobody").from("127.0.0.1:1"),
        named("").from("127.0.0.1:1"),
        plain
            .clone()
            .from("127.0.0.1:1")
            .with("sec-fetch-site", "cross-site"),
        huge,
        nameless,
        plain.clone().with("host", "why403.example"),
        plain.clone().method(Method::DELETE),
    ];
    // Once more than a wrong token is looked at.
    asks.extend(std::iter::repeat_n(guess, 6));
    asks
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_documented_and_every_documented_answer_is_given() {
    let document = document();
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for app in apps().await {
        let service = Service::new(app);
        for (path, method) in operations(&document) {
            for ask in asks(&path, &method) {
                let got = ask.of(&service).await;
                check(&document, &path, &method, &got);
                let statuses = seen.entry((path.clone(), method.clone())).or_default();
                statuses.insert(got.status.to_string());
                told.insert((
                    response_of(&document, &path, &method, got.status),
                    got.problem(),
                ));
            }
        }
    }
    for (path, method) in operations(&document) {
        let statuses = seen.remove(&(path.clone(), method.clone())).unwrap();
        let responses = &document["paths"][&path][&method]["responses"];
        for status in responses.as_object().unwrap().keys() {
            let is_of = |begins: &[&str]| begins.iter().any(|begin| path.starts_with(begin));
            let waits = is_of(&["/token", "/diagnose", "/probe"]);
            let elsewhere = |kind: &Kind| kind.facts().0.as_str() == status;
            let known = statuses.contains(status)
                // A head that is too long never gets as far as this; the server's tests cover it.
                || ["431", "500"].contains(&status.as_str())
                || (waits && ELSEWHERE.iter().any(elsewhere))
                || (is_of(&["/token", "/probe"]) && status == "200");
            assert!(known, "{method} {path} never answers {status}");
        }
    }
    let elsewhere = ELSEWHERE.map(|kind| kind.facts().1);
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        for slug in problems(response).into_iter().flat_map(|(_, slugs)| slugs) {
            let known =
                elsewhere.contains(&slug.as_str()) || told.contains(&(name.clone(), slug.clone()));
            assert!(known, "{name} is never {slug}");
        }
    }
}

/// Services in every state that answers depend on.
async fn apps() -> Vec<AppState> {
    let mut apps = Vec::new();
    for snapshot in [
        passing(),
        warning(),
        failing(),
        starting(),
        mixed(),
        troubled(),
    ] {
        apps.push(Stage::new(snapshot).await.app);
    }
    let mut locked = apps[0].clone();
    Arc::make_mut(&mut locked.server).protect_details = true;
    let mut keyed = locked.clone();
    Arc::make_mut(&mut keyed.server).admin_token = Some(Secret::fixed("open-sesame"));
    let stopping = Stage::new(starting()).await.app;
    stopping.stopping.cancel();
    apps.extend([locked, keyed, stopping]);
    apps
}

/// The name of the shared response that the document has for an answer; empty when it has none.
fn response_of(document: &Value, path: &str, method: &str, status: u16) -> String {
    let response = &document["paths"][path][method]["responses"][status.to_string()];
    let name = response["$ref"].as_str().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| (path.clone(), method.clone()))
    });
    operations.collect()
}

#[test]
fn the_paths_are_those_of_the_router() {
    let documented = operations(&document()).into_iter().collect::<BTreeSet<_>>();
    let method = |route: &Route| match route {
        Route::TokenRefresh | Route::CredentialRefresh | Route::VerifyTarget => "post".to_owned(),
        _ => "get".to_owned(),
    };
    let routed = ENDPOINTS
        .iter()
        .map(|(route, path)| ((*path).to_owned(), method(route)));
    assert_eq!(documented, routed.collect());
}

#[test]
fn closed_lists_are_complete() {
    let document = document();
    let list = |pointer: &str| -> BTreeSet<String> {
        let list = document.pointer(pointer).unwrap().as_array().unwrap();
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let outcomes: BTreeSet<_> = Outcome::ALL.iter().map(|it| it.slug().to_owned()).collect();
    let schema = "/components/schemas/Diagnosis/properties";
    assert_eq!(list(&format!("{schema}/outcome/enum")), outcomes);
    let failures = Outcome::ALL
        .iter()
        .filter(|it| !matches!(it, Outcome::Ok | Outcome::Forbidden));
    let causes = Cause::ALL
        .iter()
        .map(|it| it.slug())
        .chain(failures.map(|it| it.slug()));
    let mut causes: BTreeSet<_> = causes.map(str::to_owned).collect();
    assert_eq!(list(&format!("{schema}/cause/enum")), causes);
    causes.insert("ok".to_owned());
    let observed = "/components/schemas/HealthCheck/properties/observedValue/enum";
    assert_eq!(list(observed), causes);
}

#[test]
fn every_kind_of_problem_is_documented() {
    let document = document();
    let properties = &schema(&document, "Problem")["properties"];
    let types = Kind::ALL.map(|kind| Value::from(format!("{URN}{}", kind.facts().1)));
    assert_eq!(properties["type"]["enum"], Value::from(types.to_vec()));
    let statuses: BTreeSet<_> = Kind::ALL.map(|kind| kind.facts().0.as_u16()).into();
    let documented = properties["status"]["enum"].as_array().unwrap().iter();
    let documented: BTreeSet<_> = documented.map(|it| it.as_u64().unwrap()).collect();
    assert_eq!(documented, statuses.into_iter().map(u64::from).collect());
    let responses = document["components"]["responses"].as_object().unwrap();
    for kind in Kind::ALL {
        let (status, slug, _) = kind.facts();
        let of_kind = |(_, slugs): &(u64, BTreeSet<String>)| slugs.contains(slug);
        let mut found = responses.values().filter_map(problems).filter(of_kind);
        let (first, _) = found.next().unwrap_or_else(|| panic!("{slug}"));
        assert_eq!(first, u64::from(status.as_u16()), "{slug}");
        assert!(found.all(|(status, _)| status == first), "{slug}");
    }
}

#[test]
fn shared_responses_stand_under_their_status() {
    let document = document();
    for (path, method) in operations(&document) {
        let responses = &document["paths"][&path][&method]["responses"];
        for (status, response) in responses.as_object().unwrap() {
            if let Some((said, _)) = problems(resolved(&document, response)) {
                assert_eq!(status, &said.to_string(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_kind_of_problem_has_the_shape_of_rfc_9457() {
    let document = document();
    let broken = serde_json::json!({"type": "urn:why403:problem:internal", "status": "500"});
    let details = schema(&document, "ProblemDetails");
    assert!(conforms(&document, details, &broken, "body").is_err());
    for kind in Kind::ALL {
        let response = Problem::new(kind, "in a test").into_response();
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap();
        for shape in ["ProblemDetails", "Problem"] {
            let result = conforms(&document, schema(&document, shape), &body, "body");
            assert_eq!(result, Ok(()), "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_are_problems_as_documented() {
    let document = document();
    let service = Service::new(Stage::new(passing()).await.app);
    let got = get("/nothing").of(&service).await;
    let result = conforms(&document, schema(&document, "Problem"), &got.json(), "body");
    assert_eq!((got.status, result), (404, Ok(())));
}

/// What the draft says about members, and with which status codes its three words go.
#[tokio::test(start_paused = true)]
async fn health_is_what_the_draft_describes() {
    let document = document();
    let shape = schema(&document, "HealthResponse");
    for app in apps().await {
        let service = Service::new(app);
        for uri in ["/health", "/health?strict=1", "/health/prod-eu"] {
            let got = get(uri).of(&service).await;
            assert_eq!(got.header("content-type"), "application/health+json");
            let body = got.json();
            assert_eq!(conforms(&document, shape, &body, "body"), Ok(()), "{uri}");
            let good = match body["status"].as_str().unwrap() {
                "pass" => true,
                "warn" => !uri.ends_with("strict=1"),
                _ => false,
            };
            assert_eq!(got.status, if good { 200 } else { 503 }, "{uri}");
        }
    }
    let broken = [
        (r#"{"checks": {}}"#, "no status"),
        (r#"{"status": "green"}"#, "another status"),
        (
            r#"{"status": "pass", "notes": "a note"}"#,
            "no list of notes",
        ),
        (
            r#"{"status": "pass", "checks": {"a:b:c": [{}]}}"#,
            "a third part",
        ),
        (
            r#"{"status": "pass", "checks": {"a": {}}}"#,
            "no list of checks",
        ),
        (
            r#"{"status": "pass", "checks": {"a": [{"time": "noon"}]}}"#,
            "no time",
        ),
    ];
    for (body, what) in broken {
        let body = serde_json::from_str(body).unwrap();
        assert!(conforms(&document, shape, &body, "body").is_err(), "{what}");
    }
}

/// Only what others define may have members that the document does not name.
#[test]
fn our_own_schemas_are_closed() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let theirs = ["ProblemDetails", "HealthResponse", "HealthResponseCheck"];
        let open = theirs.contains(&name.as_str());
        assert_eq!(schema["additionalProperties"] == false, !open, "{name}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
