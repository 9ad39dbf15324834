//! What the API answers: JSON, or the platform's flat `ErrorBody` with a correlation id.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde_json::{Value, json};

/// A refusal or failure in the platform's own words.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Failure {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            headers: Vec::new(),
        }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "not.found", format!("Unable to find {what}."))
    }

    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn body(&self, correlation: &str) -> Value {
        json!({
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "messageParams": {},
            "contextId": correlation,
            "details": [],
            "errors": [],
        })
    }
}

/// Renders what an operation said, with the correlation id in header and error body alike.
pub(super) fn api(
    said: Result<Value, Failure>,
    correlation: &str,
    more: Vec<(String, String)>,
) -> Response {
    let (status, body, mut headers) = match said {
        Ok(body) => (200, body, Vec::new()),
        Err(failure) => (failure.status, failure.body(correlation), failure.headers),
    };
    headers.extend(more);
    headers.push(("ININ-Correlation-Id".to_owned(), correlation.to_owned()));
    json_answer(status, &headers, &body)
}

/// An answer with a JSON body.
pub(super) fn json_answer(status: u16, headers: &[(String, String)], body: &Value) -> Response {
    let mut all = vec![(CONTENT_TYPE.to_string(), "application/json".to_owned())];
    all.extend_from_slice(headers);
    with_body(status, &all, Body::from(body.to_string()))
}

/// An answer made of given parts; a status or header that HTTP cannot carry is left out.
pub(super) fn with_body(status: u16, headers: &[(String, String)], body: Body) -> Response {
    let mut response = Response::new(body);
    if let Ok(status) = axum::http::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            axum::http::HeaderName::try_from(name.as_str()),
            axum::http::HeaderValue::try_from(value.as_str()),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
