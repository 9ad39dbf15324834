//! A platform that repeats whatever secret it is told, in every place of its answers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::search::{ACCESS_TOKEN, CLIENT_SECRET, NEXT_TOKEN, leak};
use crate::process::{ask, bind, runtime};

/// How the platform answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Ok,
    Empty,
    Forbidden,
    /// As some writers of JSON do it: every slash is escaped.
    ForbiddenSlashes,
    /// As others do it: everything but letters and digits is escaped.
    ForbiddenEscaped,
    /// A gateway that serves the login host, too, and tells what it saw there.
    ForbiddenByGateway,
    ForbiddenPage,
    Unauthorized,
    ClientRejected,
    ClientRejectedEscaped,
    ClientRejectedText,
    /// A refusal that gives out a token all the same.
    ClientRejectedWithToken,
    /// The token is in the scope and in the headers, too.
    TokenEverywhere,
    TokenUnreadable,
    Redirected,
    RateLimited,
    Outage,
    /// More than is read, and the secret stands where it is cut.
    Cut,
    /// The bytes of the request, which are no HTTP answer.
    Raw,
}

pub(crate) const MODES: &[Mode] = &[
    Mode::Ok,
    Mode::Empty,
    Mode::Forbidden,
    Mode::ForbiddenSlashes,
    Mode::ForbiddenEscaped,
    Mode::ForbiddenByGateway,
    Mode::ForbiddenPage,
    Mode::Unauthorized,
    Mode::ClientRejected,
    Mode::ClientRejectedEscaped,
    Mode::ClientRejectedText,
    Mode::ClientRejectedWithToken,
    Mode::TokenEverywhere,
    Mode::TokenUnreadable,
    Mode::Redirected,
    Mode::RateLimited,
    Mode::Outage,
    Mode::Cut,
    Mode::Raw,
];

/// The platform, served by a runtime of its own.
pub(crate) struct Echo {
    pub(crate) url: String,
    seen: Seen,
    _runtime: Runtime,
}

/// Everything that was received, decoded.
type Seen = Arc<Mutex<String>>;

impl Echo {
    pub(crate) fn start(mode: Mode) -> Self {
        let runtime = runtime();
        let listener = bind(&runtime);
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        if mode == Mode::Raw {
            runtime.spawn(raw(listener, Arc::clone(&seen)));
        } else {
            let state = (mode, Arc::clone(&seen));
            let router = axum::Router::new().fallback(answer).with_state(state);
            runtime.spawn(async move { axum::serve(listener, router).await });
        }
        Self {
            url,
            seen,
            _runtime: runtime,
        }
    }

    /// Whether the secret really reached the platform.
    pub(crate) fn has_seen(&self, secret: &str) -> bool {
        self.seen.lock().unwrap().contains(secret)
    }
}

/// Answers with the bytes of the request; a connection on which nothing comes holds up no other.
async fn raw(listener: TcpListener, seen: Seen) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(repeat(stream, Arc::clone(&seen)));
    }
}

async fn repeat(mut stream: TcpStream, seen: Seen) {
    let mut bytes = vec![0; 64 * 1024];
    let count = stream.read(&mut bytes).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
    let credentials = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then_some(value)
    });
    let decoded = decoded(credentials.unwrap_or_default());
    seen.lock().unwrap().push_str(&decoded);
    // Whoever asked may be gone already.
    stream.write_all(&bytes[..count]).await.unwrap_or_default();
}

/// The secret in the value of an `Authorization` header, as text.
fn decoded(authorization: &str) -> String {
    match authorization.split_once(' ') {
        Some(("Basic", pair)) => {
            let bytes = STANDARD.decode(pair).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Some((_, token)) => token.to_owned(),
        None => String::new(),
    }
}

/// The secret of a request in many forms, on one line.
fn echo(headers: &HeaderMap, form: &str) -> String {
    let given = headers.get("authorization").and_then(|it| it.to_str().ok());
    let given = given.unwrap_or_default();
    let decoded = decoded(given);
    let secret = decoded.rsplit(':').next().unwrap_or_default();
    let percent =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let mut echo = format!("you sent {given} meaning {decoded} that is {secret} with {form}");
    let fields = url::form_urlencoded::parse(form.as_bytes());
    let fields = fields.filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()));
    let mut fields: Vec<String> = fields.map(|(_, value)| value.into_owned()).collect();
    fields.extend(of_proxy(headers));
    for secret in fields.iter().map(String::as_str).chain([secret]) {
        for encoded in [
            secret.to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            percent(secret),
        ] {
            write!(echo, " or {encoded}").unwrap();
        }
    }
    write!(echo, " or {}", percent(given)).unwrap();
    echo
}

/// What was sent for the proxy: as it came, decoded, and the password alone.
fn of_proxy(headers: &HeaderMap) -> Vec<String> {
    let given = headers
        .get("proxy-authorization")
        .and_then(|it| it.to_str().ok());
    let Some(given) = given else {
        return Vec::new();
    };
    let pair = decoded(given);
    let password = pair.rsplit(':').next().unwrap_or_default().to_owned();
    vec![given.to_owned(), pair, password]
}

/// The fields of a form that hold secrets.
const SECRET_FIELDS: [&str; 3] = ["refresh_token", "assertion", "password"];

async fn answer(State((mode, seen)): State<(Mode, Seen)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let form = String::from_utf8_lossy(&form).into_owned();
    let mut echo = echo(&parts.headers, &form);
    seen.lock().unwrap().push_str(&echo);
    match mode {
        Mode::ForbiddenByGateway => last(&seen.lock().unwrap()).clone_into(&mut echo),
        Mode::ClientRejectedWithToken | Mode::TokenEverywhere => {
            write!(echo, " access_token={ACCESS_TOKEN}").unwrap();
        }
        _ => {}
    }
    let (status, kind, body) = if parts.uri.path() == "/oauth/token" {
        token(mode, &echo, form.contains("refresh_token="))
    } else {
        api(mode, &echo)
    };
    let mut response = Response::builder().status(status);
    for name in [
        "server",
        "via",
        "www-authenticate",
        "inin-correlation-id",
        "x-cache",
        "x-amz-cf-id",
        "x-amzn-errortype",
        "set-cookie",
        "retry-after",
    ] {
        response = response.header(name, &echo);
    }
    let location = echo.replace(' ', "&");
    response
        .header("location", format!("http://127.0.0.1:1/?{location}"))
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap()
}

/// The end of everything that was received, of which a header has room for.
fn last(seen: &str) -> &str {
    const MOST: usize = 8 * 1024;
    let words = seen.char_indices().filter(|(_, it)| *it == ' ');
    let begin = words.map(|(at, _)| at).find(|at| seen.len() - at < MOST);
    seen.get(begin.unwrap_or_default()..).unwrap_or_default()
}

/// JSON in whose strings everything but letters and digits is escaped.
fn escaped(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let mut all = String::from("\"");
            for unit in text.encode_utf16() {
                match u8::try_from(unit).map(char::from) {
                    Ok(it) if it.is_ascii_alphanumeric() => all.push(it),
                    _ => write!(all, "\\u{unit:04X}").unwrap(),
                }
            }
            all + "\""
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(escaped).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name:?}:{}", escaped(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const HTML: &str = "text/html";

fn token(mode: Mode, echo: &str, rotates: bool) -> (u16, &'static str, String) {
    let mut refusal = json!({"error": "invalid_client", "description": echo,
        "error_description": echo, "message": echo});
    match mode {
        Mode::ClientRejected => (400, JSON, refusal.to_string()),
        Mode::ClientRejectedEscaped => (400, JSON, escaped(&refusal)),
        Mode::ClientRejectedWithToken => {
            refusal["access_token"] = ACCESS_TOKEN.into();
            (500, JSON, refusal.to_string())
        }
        Mode::ClientRejectedText => (401, TEXT, echo.to_owned()),
        Mode::TokenUnreadable => (200, TEXT, format!("{echo} token {ACCESS_TOKEN}")),
        _ => {
            let mut granted = json!({"access_token": ACCESS_TOKEN, "token_type": "bearer",
                "expires_in": 86_399, "debug": echo});
            if mode == Mode::TokenEverywhere {
                granted["scope"] = format!("routing {ACCESS_TOKEN}").into();
            }
            if rotates {
                granted["refresh_token"] = NEXT_TOKEN.into();
            }
            (200, JSON, granted.to_string())
        }
    }
}

fn api(mode: Mode, echo: &str) -> (u16, &'static str, String) {
    let queue = json!({"id": echo, "name": echo, "division": {"id": echo, "name": echo}});
    let listing = |entities: &[Value]| {
        let total = entities.len();
        json!({"entities": entities, "total": total, "pageSize": 1, "selfUri": echo}).to_string()
    };
    let error = |status: u16, code: &str, message: &str| {
        json!({"status": status, "code": code, "message": format!("{message} {echo}"),
            "messageParams": {"permission": echo}, "contextId": echo, "details": [echo],
            "errors": [{"message": echo}]})
        .to_string()
    };
    match mode {
        Mode::Empty => (200, JSON, listing(&[])),
        Mode::Forbidden
        | Mode::ForbiddenSlashes
        | Mode::ForbiddenEscaped
        | Mode::ForbiddenByGateway => {
            let message = "Unable to perform the requested action. You must have at least one of \
                the following permissions assigned: [routing:queue:view]";
            let body = error(403, "missing.any.permissions", message);
            if mode == Mode::ForbiddenSlashes {
                return (403, JSON, body.replace('/', "\\/"));
            }
            if mode == Mode::ForbiddenEscaped {
                return (403, JSON, escaped(&serde_json::from_str(&body).unwrap()));
            }
            (403, JSON, body)
        }
        Mode::ForbiddenPage => {
            let page = format!("<html><title>{echo}</title><h1>403 Forbidden</h1>{echo}</html>");
            (403, HTML, page)
        }
        Mode::Unauthorized => (401, JSON, error(401, "bad.credentials", "Invalid login")),
        Mode::Redirected => (302, TEXT, echo.to_owned()),
        Mode::RateLimited => (
            429,
            JSON,
            error(429, "too.many.requests.rate", "Rate limit"),
        ),
        Mode::Outage => (503, TEXT, echo.to_owned()),
        Mode::Cut => {
            let padding =
                " ".repeat(why403::upstream::BODY_CAP_BYTES - "you sent Bearer ".len() - 20);
            (403, TEXT, format!("{padding}{echo}{echo}"))
        }
        _ => (200, JSON, listing(&[queue])),
    }
}

/// What would be the use of searching for echoes that are none?
#[test]
fn every_mode_repeats_the_secrets() {
    for mode in MODES {
        let echo = Echo::start(*mode);
        let address = echo.url.trim_start_matches("http://").parse().unwrap();
        let pair = STANDARD.encode(format!("id:{CLIENT_SECRET}"));
        for credentials in [format!("Basic {pair}"), format!("Bearer {ACCESS_TOKEN}")] {
            let header = format!("authorization: {credentials}\r\n");
            for path in ["/oauth/token", "/api/v2/routing/queues"] {
                if *mode == Mode::Raw {
                    continue;
                }
                let reply = ask(address, &format!("GET {path}"), &header);
                assert!(leak(&reply.head).is_some(), "{mode:?}: {}", reply.head);
                let empty = *mode == Mode::TokenUnreadable;
                assert!(
                    leak(&reply.body).is_some() || empty,
                    "{mode:?}: {}",
                    reply.body
                );
            }
        }
        let seen = *mode == Mode::Raw || echo.has_seen(CLIENT_SECRET);
        assert!(seen, "{mode:?}");
    }
}
