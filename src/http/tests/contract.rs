//! The `OpenAPI` document and the service agree.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::diagnosis::{Cause, Outcome};
use crate::http::examples::{failing, mixed, passing, starting, troubled, warning};
use crate::http::problem::Kind;
use crate::http::{ENDPOINTS, OPENAPI};
use crate::metrics::Route;
use crate::target::Secret;
use std::sync::Arc;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// Follows a `$ref` within the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref") {
        Some(path) => {
            let pointer = path.as_str().unwrap().strip_prefix('#').unwrap();
            document
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{pointer}"))
        }
        None => value,
    }
}

/// Checks as much of JSON Schema as the document uses.
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(document, schema);
    if let Some(choices) = schema.get("oneOf") {
        let choices = choices.as_array().unwrap();
        let fits = |choice| conforms(document, choice, value, at);
        if choices.iter().any(|choice| fits(choice).is_ok()) {
            return Ok(());
        }
        return fits(&choices[0]);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let wanted = &schema["type"];
    let kind = if kind == "integer" && wanted == "number" {
        "number"
    } else {
        kind
    };
    if wanted != kind
        && !wanted
            .as_array()
            .is_some_and(|it| it.contains(&kind.into()))
    {
        return Err(format!("{at} is a {kind}, not {wanted}"));
    }
    if let Some(known) = schema.get("enum")
        && !known.as_array().unwrap().contains(value)
    {
        return Err(format!("{at} is {value}, not one of {known}"));
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(
            document,
            &schema["items"],
            item,
            &format!("{at}[{position}]"),
        )?;
    }
    match value.as_object() {
        Some(fields) => fields_conform(document, schema, fields, at),
        None => Ok(()),
    }
}

fn fields_conform(
    document: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
) -> Result<(), String> {
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            return Err(format!("{at} lacks {required}"));
        }
    }
    for (name, value) in fields {
        let schema = schema["properties"].get(name).or_else(|| {
            let more = &schema["additionalProperties"];
            more.is_object().then_some(more)
        });
        let Some(schema) = schema else {
            return Err(format!("{at} has an unknown {name}"));
        };
        conforms(document, schema, value, &format!("{at}.{name}"))?;
    }
    Ok(())
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
    if essence.ends_with("json") && path != "/openapi.json" {
        let result = conforms(document, &content["schema"], &got.json(), "body");
        assert_eq!(result, Ok(()), "{what}");
    }
    for header in response["headers"].as_object().into_iter().flatten() {
        assert_ne!(got.header(header.0), "", "{what} lacks {}", header.0);
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
    vec![
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
        query("since=tomorrow"),
        query("target=nobody"),
        query("target=prod-eu"),
        get(uri.replace("prod-eu", "nobody"))
            .method(plain.method.clone())
            .from("127.0.0.1:1"),
        huge,
        nameless,
        plain.clone().method(Method::DELETE),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_documented_and_every_documented_answer_is_given() {
    let document = document();
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut stages = Vec::new();
    for snapshot in [
        passing(),
        warning(),
        failing(),
        starting(),
        mixed(),
        troubled(),
    ] {
        stages.push(Stage::new(snapshot).await.app);
    }
    let mut locked = stages[0].clone();
    Arc::make_mut(&mut locked.server).protect_details = true;
    let mut keyed = locked.clone();
    Arc::make_mut(&mut keyed.server).admin_token = Some(Secret::fixed("open-sesame"));
    let stopping = Stage::new(starting()).await.app;
    stopping.stopping.cancel();
    stages.extend([locked, keyed, stopping]);
    for app in stages {
        let service = Service::new(app);
        for (path, method) in operations(&document) {
            for ask in asks(&path, &method) {
                let got = ask.of(&service).await;
                check(&document, &path, &method, &got);
                let statuses = seen.entry((path.clone(), method.clone())).or_default();
                statuses.insert(got.status.to_string());
            }
        }
    }
    // These come from the monitor and from bugs; tests of their own cover them.
    let elsewhere = ["409", "429", "500", "502", "503", "504"];
    for (path, method) in operations(&document) {
        let statuses = seen.remove(&(path.clone(), method.clone())).unwrap();
        let responses = &document["paths"][&path][&method]["responses"];
        for status in responses.as_object().unwrap().keys() {
            let is_of = |begins: &[&str]| begins.iter().any(|begin| path.starts_with(begin));
            let waits = is_of(&["/token", "/diagnose", "/probe"]);
            let known = statuses.contains(status)
                || status == "500"
                || (waits && elsewhere.contains(&status.as_str()))
                || (is_of(&["/token", "/probe"]) && status == "200");
            assert!(known, "{method} {path} never answers {status}");
        }
    }
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
fn every_kind_of_problem_has_a_documented_status() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, method) in operations(&document) {
        let responses = &document["paths"][&path][&method]["responses"];
        documented.extend(responses.as_object().unwrap().keys().cloned());
    }
    for kind in Kind::ALL {
        let (status, slug, _) = kind.facts();
        assert!(documented.contains(status.as_str()), "{slug}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}
