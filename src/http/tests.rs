//! The router, driven without a socket over hand-built snapshots.

mod access;
mod answers;
mod contract;
mod schema;
mod timeline;

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request};
use serde_json::Value;

use super::Service;
use super::examples::Stage;
use crate::snapshot::Snapshot;

/// An answer, read to its end.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The slug of a problem; empty when this is none.
    fn problem(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return String::new();
        }
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let urn = problem["type"].as_str().unwrap();
        urn.strip_prefix("urn:why403:problem:").unwrap().to_owned()
    }
}

/// A request as a test writes it.
#[derive(Clone, Debug)]
struct Ask {
    method: Method,
    uri: String,
    peer: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
}

fn get(uri: impl Into<String>) -> Ask {
    Ask {
        method: Method::GET,
        uri: uri.into(),
        peer: "10.1.2.3:50000",
        headers: vec![("host", "127.0.0.1:8403")],
        body: "",
    }
}

fn post(uri: &str) -> Ask {
    get(uri).method(Method::POST)
}

impl Ask {
    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    fn from(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    async fn of(self, service: &Service) -> Got {
        let mut request = Request::builder().method(self.method).uri(self.uri);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let peer: SocketAddr = self.peer.parse().unwrap();
        let body = Body::from(self.body);
        let request = request.extension(ConnectInfo(peer)).body(body).unwrap();
        let response = service.clone().answer(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    async fn at(self, snapshot: Snapshot) -> Got {
        let stage = Stage::new(snapshot).await;
        self.of(&Service::new(stage.app)).await
    }
}
