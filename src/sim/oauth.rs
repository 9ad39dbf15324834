//! The token endpoint. Its refusals have OAuth's shape, not the API's: no code, no context id.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::json_answer;
use super::demo_org::{
    DEMO_ASSERTION, DEMO_ORG_NAME, DEMO_PASSWORD, DEMO_USER_ID, DEMO_USERNAME, USER_SCOPES,
};
use super::org::{Client, ClientState, GrantType, Org};
use super::paging::{Query, value};
use super::token::Token;

const SAML2_BEARER: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// A refusal of the token endpoint.
struct Refusal {
    status: u16,
    error: &'static str,
    description: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
        }
    }
}

/// Answers `POST /oauth/token`.
pub(super) fn answer(org: &mut Org, headers: &HeaderMap, body: &[u8], now: Instant) -> Response {
    let no_store = [(CACHE_CONTROL.to_string(), "no-store".to_owned())];
    match issue(org, headers, body, now) {
        Ok(granted) => json_answer(200, &no_store, &granted),
        Err(Refusal {
            status,
            error,
            description,
        }) => {
            let body = json!({"error": error, "description": description, "error_description": description});
            json_answer(status, &no_store, &body)
        }
    }
}

fn issue(org: &mut Org, headers: &HeaderMap, body: &[u8], now: Instant) -> Result<Value, Refusal> {
    if let Some(limit) = org.rules.token_requests_per_minute {
        // A 400, not a 429; what follows the semicolon is a stand-in.
        org.token_window.count(now, limit).map_err(|seconds| {
            Refusal::new(
                400,
                "invalid_request",
                format!("rate limit exceeded; retry in {seconds} seconds"),
            )
        })?;
    }
    let form = form(headers, body)?;
    let client = client(org, headers, &form)?;
    let asked = value(&form, "grant_type").unwrap_or_default();
    let token = match asked {
        "" => {
            return Err(Refusal::new(
                400,
                "invalid_request",
                "grant_type is missing",
            ));
        }
        "client_credentials" => {
            allow(&client, GrantType::ClientCredentials)?;
            org.mint(None, &client.id, None, now)
        }
        "refresh_token" => {
            allow(&client, GrantType::Code)?;
            let good = value(&form, "refresh_token") == Some(&org.refresh_token);
            let token = user_token(org, &client, good, now)?;
            if org.rules.rotates_refresh_tokens {
                org.rotate_refresh_token();
            }
            token
        }
        SAML2_BEARER => {
            allow(&client, GrantType::Saml2Bearer)?;
            let good = value(&form, "assertion") == Some(DEMO_ASSERTION)
                && value(&form, "orgName") == Some(DEMO_ORG_NAME);
            user_token(org, &client, good, now)?
        }
        "password" if org.rules.offers_password_grant => {
            let good = value(&form, "username") == Some(DEMO_USERNAME)
                && value(&form, "password") == Some(DEMO_PASSWORD);
            user_token(org, &client, good, now)?
        }
        _ => {
            return Err(Refusal::new(
                400,
                "unsupported_grant_type",
                "grant type is not supported",
            ));
        }
    };
    let mut granted = json!({
        "access_token": token.value,
        "token_type": "bearer",
        "expires_in": org.rules.expires_in,
    });
    if let (GrantType::Code, Some(granted)) = (client.grant_type, granted.as_object_mut()) {
        granted.insert("refresh_token".to_owned(), json!(org.refresh_token));
    }
    Ok(granted)
}

fn form(headers: &HeaderMap, body: &[u8]) -> Result<Query, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let is_form = kind
        .to_ascii_lowercase()
        .starts_with("application/x-www-form-urlencoded");
    let pairs: Query = url::form_urlencoded::parse(body).into_owned().collect();
    if !is_form || std::str::from_utf8(body).is_err() {
        return Err(Refusal::new(
            400,
            "invalid_request",
            "the request body is not a form",
        ));
    }
    Ok(pairs)
}

/// The client that the Basic credentials belong to, or a public one (PKCE) that the form names:
/// one whose secret is empty.
fn client(org: &Org, headers: &HeaderMap, form: &Query) -> Result<Client, Refusal> {
    let named = value(form, "client_id").and_then(|id| org.client(id));
    if let (None, Some(public)) = (headers.get(AUTHORIZATION), named)
        && public.secret.is_empty()
    {
        return Ok(public.clone());
    }
    let malformed = || {
        Refusal::new(
            400,
            "invalid_request",
            "client credentials are missing or malformed",
        )
    };
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|header| header.to_str().ok())
        .ok_or_else(malformed)?;
    let (scheme, encoded) = header.split_once(' ').ok_or_else(malformed)?;
    let decoded = STANDARD
        .decode(encoded.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))
        .ok_or_else(malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let Some(client) = org.client(id) else {
        return Err(Refusal::new(400, "invalid_client", "client not found"));
    };
    // How a disabled client is refused is not known. It gets the answer of a wrong secret, so that
    // nobody can build on a difference that may not exist.
    if client.secret != secret || client.state != ClientState::Active {
        return Err(Refusal::new(401, "invalid_client", "authentication failed"));
    }
    Ok(client.clone())
}

fn allow(client: &Client, grant_type: GrantType) -> Result<(), Refusal> {
    if client.grant_type == grant_type {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "unauthorized_client",
        "the client is not authorized for this grant type",
    ))
}

fn user_token(org: &mut Org, client: &Client, good: bool, now: Instant) -> Result<Token, Refusal> {
    if !good {
        return Err(Refusal::new(
            400,
            "invalid_grant",
            "the grant is invalid or expired",
        ));
    }
    let scopes = USER_SCOPES.map(str::to_owned).to_vec();
    Ok(org.mint(None, &client.id, Some((DEMO_USER_ID, scopes)), now))
}
