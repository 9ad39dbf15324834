//! From a request to the model's answer, or to the fault that stands before it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, DATE, USER_AGENT};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, on, post};

use super::answer::{self, Failure};
use super::api::{Call, OPERATIONS, Operation};
use super::fault::{Ending, FaultyBody, Route, Scripted};
use super::guard::{self, Credentials};
use super::paging::{self, Query};
use super::server::Peer;
use super::{Simulator, World, clock, control, log, oauth};

/// The largest form that the token endpoint takes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// All routes: the platform behind its faults, and the controls beside them.
pub(super) fn router(simulator: &Simulator) -> Router {
    let mut platform = Router::new().route("/oauth/token", post(token));
    for operation in OPERATIONS {
        let answer = move |State(simulator): State<Simulator>, request: Request| async move {
            api(&simulator, &request.into_parts().0, operation)
        };
        platform = platform.route(operation.path, on(MethodFilter::GET, answer));
    }
    platform
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(simulator.clone(), observe))
        .merge(control::router())
        .with_state(simulator.clone())
}

/// Records a request, plays its step and records the answer.
async fn observe(State(simulator): State<Simulator>, request: Request, next: Next) -> Response {
    let route = Route::of(request.uri().path());
    let (number, step) = {
        let mut world = simulator.lock();
        let recorded = record(&world, &request, route);
        (world.log.record(recorded), world.faults.step(route))
    };
    let mut response = play(&simulator, step, request, next).await;
    date(&simulator, &mut response);
    if response.extensions().get::<Ending>().is_none() {
        simulator
            .lock()
            .log
            .finish(number, response.status().as_u16());
    }
    response
}

/// Dates the answer by the simulator's own clock, unless it has a date already; the server would take
/// the machine's.
fn date(simulator: &Simulator, response: &mut Response) {
    let now = simulator.lock().org.wall.now();
    let now = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(now) = HeaderValue::from_str(&now) {
        response.headers_mut().entry(DATE).or_insert(now);
    }
}

fn record(world: &World, request: &Request, route: Route) -> log::Request {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let token = text(AUTHORIZATION)
        .and_then(guard::bearer)
        .and_then(|value| world.org.token(value));
    log::Request {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        route,
        status: None,
        has_authorization: headers.contains_key(AUTHORIZATION),
        token: token.map(|token| token.serial),
        user_agent: text(USER_AGENT).map(str::to_owned),
        header_names: headers.keys().map(ToString::to_string).collect(),
    }
}

async fn play(simulator: &Simulator, mut step: Scripted, request: Request, next: Next) -> Response {
    loop {
        match step {
            Scripted::Honest => return next.run(request).await,
            Scripted::DelayHonest(delay) => {
                tokio::time::sleep(delay).await;
                return next.run(request).await;
            }
            Scripted::Delay(delay, inner) => {
                tokio::time::sleep(delay).await;
                step = *inner;
            }
            Scripted::Authenticated(inner) => match refused(simulator, &request) {
                Some(refusal) => return refusal,
                None => step = *inner,
            },
            Scripted::ByAuthorization { with, without } => {
                let has_it = request.headers().contains_key(AUTHORIZATION);
                step = if has_it { *with } else { *without };
            }
            Scripted::Hang => std::future::pending().await,
            Scripted::Close => return ending(Ending::Close),
            Scripted::Reset => return ending(Ending::Reset),
            answer => return scripted(simulator, answer),
        }
    }
}

/// The answers that need nothing but themselves.
fn scripted(simulator: &Simulator, step: Scripted) -> Response {
    match step {
        Scripted::Respond {
            status,
            headers,
            body,
        } => answer::with_body(status, &headers, Body::from(body)),
        Scripted::Error {
            status,
            code,
            message,
        } => {
            let correlation = simulator.lock().next_correlation();
            answer::api(
                Err(Failure::new(status, &code, message)),
                &correlation,
                Vec::new(),
            )
        }
        Scripted::Truncate {
            status,
            mut headers,
            body,
            missing,
        } => {
            let announced = (body.len() as u64).saturating_add(missing);
            headers.push(("content-length".to_owned(), announced.to_string()));
            answer::with_body(status, &headers, FaultyBody::cut(body))
        }
        Scripted::Endless { status, every } => {
            answer::with_body(status, &[], FaultyBody::drip(every))
        }
        Scripted::Flood { status, bytes } => {
            let headers = [("content-type".to_owned(), "application/json".to_owned())];
            answer::with_body(status, &headers, FaultyBody::flood(bytes))
        }
        // The rest is played before it comes here.
        _ => answer::with_body(500, &[], Body::empty()),
    }
}

fn ending(ending: Ending) -> Response {
    // Under another server than ours the breaking body is all that is left of the fault.
    let mut response = answer::with_body(500, &[], FaultyBody::cut(Vec::new()));
    response.extensions_mut().insert(ending);
    response
}

/// The 401 of a request without a live token.
fn refused(simulator: &Simulator, request: &Request) -> Option<Response> {
    let mut world = simulator.lock();
    let credentials = credentials(request.headers(), request.extensions(), &Query::new());
    let failure = guard::authenticate(&world.org, &credentials, clock::now()).err()?;
    let correlation = world.next_correlation();
    Some(answer::api(Err(failure), &correlation, Vec::new()))
}

fn credentials<'a>(
    headers: &'a axum::http::HeaderMap,
    extensions: &axum::http::Extensions,
    query: &Query,
) -> Credentials<'a> {
    Credentials {
        authorization: headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()),
        peer: extensions.get::<Peer>().map(|peer| peer.0.ip()),
        preserve_idle: paging::value(query, "preserveIdleTTL") == Some("true"),
    }
}

/// Answers one operation from the model.
fn api(simulator: &Simulator, request: &Parts, operation: &Operation) -> Response {
    let query: Query =
        url::form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let mut world = simulator.lock();
    let correlation = world.next_correlation();
    let now = clock::now();
    let credentials = credentials(&request.headers, &request.extensions, &query);
    let said = guard::admit(
        &mut world.org,
        &credentials,
        &operation.needs,
        &correlation,
        now,
    )
    .and_then(|caller| {
        (operation.answer)(
            &world.org,
            &Call {
                path: request.uri.path(),
                query,
                caller,
                now,
            },
        )
    });
    let more = rate_limit_headers(&world, &credentials);
    answer::api(said, &correlation, more)
}

fn rate_limit_headers(world: &World, credentials: &Credentials<'_>) -> Vec<(String, String)> {
    let rules = &world.org.rules;
    let token = credentials
        .authorization
        .and_then(guard::bearer)
        .and_then(|value| world.org.token(value));
    let (Some(limit), Some(token), true) =
        (rules.requests_per_minute, token, rules.reports_rate_limit)
    else {
        return Vec::new();
    };
    let header = |name: &str, value: u64| (format!("inin-ratelimit-{name}"), value.to_string());
    let left = token.window.seconds_left(clock::now());
    vec![
        header("count", token.window.used().into()),
        header("allowed", limit.into()),
        header("reset", left),
    ]
}

async fn token(State(simulator): State<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Ok(body) = to_bytes(body, MAX_FORM_BYTES).await {
        return oauth::answer(
            &mut simulator.lock().org,
            &parts.headers,
            &body,
            clock::now(),
        );
    }
    let failure = Failure::new(413, "request.entity.too.large", "The request is too large.");
    let correlation = simulator.lock().next_correlation();
    answer::api(Err(failure), &correlation, Vec::new())
}

async fn unknown_path(State(simulator): State<Simulator>) -> Response {
    let correlation = simulator.lock().next_correlation();
    answer::api(
        Err(Failure::new(404, "not.found", "HTTP 404 Not Found")),
        &correlation,
        Vec::new(),
    )
}

async fn wrong_method(State(simulator): State<Simulator>) -> Response {
    let correlation = simulator.lock().next_correlation();
    // The status is HTTP's, the code is a stand-in.
    let failure = Failure::new(405, "method.not.allowed", "HTTP 405 Method Not Allowed");
    answer::api(Err(failure), &correlation, Vec::new())
}
