//! The token of one credential, against a token endpoint that does what other people's did.
//!
//! The tests `k1_…` to `k18_…` are named after the bugs that other clients had in this place.

mod attempts;
mod beside;
mod grants;
mod life;
mod rotation;
mod sharing;
mod secret;
mod answers;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use why403::sim::Scripted;
use why403::token::{NotRenewed, Token};

use crate::harness::*;

const DAY: Duration = Duration::from_hours(24);

const MINUTE: Duration = Duration::from_mins(1);

/// A success of the token endpoint, with a token that the platform does not know.
fn granted(expires_in: &Value) -> Scripted {
    let body = json!({"access_token": "made-up", "token_type": "bearer", "expires_in": expires_in});
    Scripted::json(200, &body)
}

fn unavailable() -> Scripted {
    Scripted::text(503, "text/plain", "Service Unavailable")
}

fn refused(status: u16, error: &str) -> Scripted {
    Scripted::json(status, &json!({"error": error, "error_description": "no"}))
}

fn with_retry_after(status: u16, value: &str) -> Scripted {
    Scripted::Respond {
        status,
        headers: vec![("retry-after".to_owned(), value.to_owned())],
        body: Vec::new(),
    }
}

fn html() -> Scripted {
    Scripted::text(200, "text/html", "<!DOCTYPE html><title>Welcome</title>")
}

fn torn() -> Scripted {
    Scripted::Truncate {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{\"access_token\":\"ha".to_vec(),
        missing: 100,
    }
}

/// A task that holds its first token, valid for a day.
async fn minted(platform: &Platform) -> Mint {
    let mut mint = Mint::start(&platform.config(""));
    assert_eq!(mint.tried().await.result, Ok(()));
    mint
}

fn generation(result: Result<Arc<Token>, NotRenewed>) -> u64 {
    result.unwrap().facts.generation
}
