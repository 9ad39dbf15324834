//! What the token endpoint says.

use serde_json::json;
use why403::diagnosis::{Outcome, mint_outcome};
use why403::sim::{DEMO_CLIENT_ID, GrantType, Route, Scripted};
use why403::token::NotRenewed;

use super::*;
use crate::harness::*;
use crate::over_tls::{Certificate, Delays, TlsServer};

#[tokio::test(start_paused = true)]
async fn what_the_token_endpoint_says_has_an_outcome() {
    use Outcome as O;
    let limited =
        json!({"error": "invalid_request", "error_description": "rate limit exceeded; x"});
    let cases = [
        (refused(400, "invalid_client"), O::ClientRejected),
        (refused(401, "invalid_client"), O::ClientRejected),
        (refused(400, "unauthorized_client"), O::GrantRejected),
        (refused(400, "unsupported_grant_type"), O::GrantRejected),
        (refused(400, "invalid_scope"), O::GrantRejected),
        (Scripted::json(400, &limited), O::AuthRateLimited),
        (with_retry_after(429, "1"), O::AuthRateLimited),
        (
            Scripted::text(400, "text/html", "<html>"),
            O::TokenUnreadable,
        ),
        (
            Scripted::text(403, "text/html", "<html>"),
            O::TokenEndpointDown,
        ),
        (html(), O::TokenUnreadable),
        (granted(&json!(0)), O::TokenUnreadable),
        (granted(&json!("soon")), O::TokenUnreadable),
        (unavailable(), O::TokenEndpointDown),
        (Scripted::Close, O::TokenEndpointDown),
        (Scripted::Reset, O::TokenEndpointDown),
        (Scripted::Hang, O::TokenEndpointDown),
        (torn(), O::TokenEndpointDown),
    ];
    for (step, expected) in cases {
        let platform = Platform::start().await;
        platform.always(Route::Token, step.clone());
        let mut mint = Mint::start(&platform.config(""));
        let tried = mint.tried().await;
        assert_eq!(tried.result, Err(expected), "{step:?}");
        assert!(tried.ended <= seconds(10), "{step:?}");
        let failure = mint.tokens.token().await.unwrap_err();
        assert_eq!(mint_outcome(&failure), expected, "{step:?}");
    }
    let platform = Platform::start().await;
    platform
        .simulator
        .with(|org| org.set_client_grant(DEMO_CLIENT_ID, GrantType::Code));
    let mut mint = Mint::start(&platform.config(""));
    assert_eq!(mint.tried().await.result, Err(O::GrantRejected));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_and_takes_no_secret_along() {
    let elsewhere = Platform::start().await;
    for status in [301, 302, 303, 307, 308] {
        let platform = Platform::start().await;
        let redirect = Scripted::Respond {
            status,
            headers: vec![(
                "location".to_owned(),
                format!("{}/oauth/token", elsewhere.url()),
            )],
            body: Vec::new(),
        };
        platform.always(Route::Token, redirect);
        let mut mint = Mint::start(&platform.config(""));
        assert_eq!(
            mint.tried().await.result,
            Err(Outcome::Redirected),
            "{status}"
        );
        assert_eq!(platform.mints(), 1);
    }
    assert_eq!(elsewhere.simulator.requests(), []);
}

/// With the clock paused the kernel's connect would race with its timeout: real time.
#[tokio::test]
async fn a_login_host_that_cannot_be_trusted_is_down_and_says_why() {
    let good = Certificate::new("127.0.0.1", 2099);
    let unknown = Certificate::new("127.0.0.1", 2098);
    let other = Certificate::new("login.example.com", 2099);
    let over = Certificate::new("127.0.0.1", 2020);
    for (shown, trusted, reason) in [
        (&unknown, &good, "an authority that is not trusted here"),
        (&other, &other, "the certificate is for another name"),
        (
            &over,
            &over,
            "the certificate ended at 2020-01-01 00:00 UTC",
        ),
    ] {
        let server = TlsServer::start(shown, Delays::default()).await;
        let directory = tempfile::tempdir().unwrap();
        let roots = directory.path().join("roots.pem");
        std::fs::write(&roots, &trusted.pem).unwrap();
        let toml = format!("[network]\ntls_roots = \"{}\"\n", roots.display());
        let service = Service::start(config_for(&server.url(), &toml));
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::TokenEndpointDown);
        let summary = &diagnosis(&snapshot).summary;
        assert!(summary.contains(reason), "{summary}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_token_is_neither_renewed_nor_replaced() {
    let platform = Platform::start().await;
    let mint = Mint::start(&platform.config(
        "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\"",
    ));
    assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 1);
    assert!(matches!(mint.tokens.force().await, Err(NotRenewed::Given)));
    assert!(matches!(
        mint.tokens.replace(1).await,
        Err(NotRenewed::Given)
    ));
    pass(7 * DAY).await;
    assert_eq!(mint.usable(), Some(1));
    assert_eq!(platform.mints(), 0);
}
