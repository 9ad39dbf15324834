//! Grants that act for users, against the platform's own token endpoint.

use std::path::Path;
use std::time::Duration;

use why403::diagnosis::Outcome;
use why403::sim::{
    DEMO_ASSERTION, DEMO_ORG_NAME, DEMO_PASSWORD, DEMO_REFRESH_TOKEN, DEMO_USERNAME, GrantType,
    PORTAL_CLIENT_ID, Route, SAML_CLIENT_ID,
};

use crate::harness::*;

/// One target of this client, with what else it needs.
fn target(client: &str, keys: &str) -> String {
    format!(
        "[[targets]]\nname = \"default\"\nclient_id = \"{client}\"\nclient_secret_env = \"SECRET\"\n{keys}"
    )
}

fn by_assertion(path: &Path) -> String {
    let path = path.display();
    target(
        SAML_CLIENT_ID,
        &format!("assertion_file = \"{path}\"\norganization_name = \"{DEMO_ORG_NAME}\"\n"),
    )
}

#[tokio::test(start_paused = true)]
async fn every_grant_gets_tokens_that_work() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        write_secret(&path, content);
        path
    };
    let refresh_token = file("refresh-token", DEMO_REFRESH_TOKEN);
    let refresh_token = format!("refresh_token_file = \"{}\"\n", refresh_token.display());
    let (start, end) = DEMO_ASSERTION.split_at(5);
    let assertion = file("assertion", &format!("{start}\n{end}\n"));
    let password = file("password", DEMO_PASSWORD);
    let password = format!(
        "username = \"{DEMO_USERNAME}\"\npassword_file = \"{}\"\n",
        password.display()
    );
    for (toml, grant) in [
        (target(PORTAL_CLIENT_ID, &refresh_token), "refresh_token"),
        (by_assertion(&assertion), "saml2_bearer"),
        (target(PORTAL_CLIENT_ID, &password), "password"),
    ] {
        let platform = Platform::start().await;
        platform.simulator.with(|org| {
            org.allow_password_grant(true);
            org.set_expires_in(3_600);
        });
        let service = platform.watched(&toml);
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Ok, "{grant}");
        assert_eq!(snapshot.credentials[0].grant, grant);
        // And so does the next one.
        pass(seconds(2 * 3_600)).await;
        let snapshot = service.next_probe().await;
        assert_eq!(outcome(&snapshot), Outcome::Ok, "{grant}");
        assert!((2..=4).contains(&platform.mints()), "{grant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_client_names_itself_in_the_form() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refresh-token");
    write_secret(&path, DEMO_REFRESH_TOKEN);
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        org.add_client("public", "");
        org.set_client_grant("public", GrantType::Code);
    });
    // The secret of the environment belongs to the client beside it, and is not sent.
    let toml = format!(
        "[[targets]]\nname = \"default\"\nclient_id = \"public\"\nrefresh_token_file = \"{}\"\n",
        path.display()
    );
    let mut mint = Mint::start(&platform.config(&toml));
    assert_eq!(mint.tried().await.result, Ok(()));
    assert!(!platform.latest(Route::Token).has_authorization);
}

#[tokio::test(start_paused = true)]
async fn a_password_is_refused_where_the_grant_is_not_offered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    write_secret(&path, DEMO_PASSWORD);
    let platform = Platform::start().await;
    let keys = format!(
        "username = \"{DEMO_USERNAME}\"\npassword_file = \"{}\"\n",
        path.display()
    );
    let service = platform.watched(&target(PORTAL_CLIENT_ID, &keys));
    assert_eq!(service.first_outcome().await, Outcome::GrantRejected);
}

#[tokio::test(start_paused = true)]
async fn a_new_assertion_is_used_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("assertion");
    write_secret(&path, "b3V0LW9mLWRhdGU=");
    let platform = Platform::start().await;
    let mut mint = Mint::start(&platform.config(&by_assertion(&path)));
    for _ in 0..3 {
        assert_eq!(mint.tried().await.result, Err(Outcome::GrantRejected));
    }
    write_secret(&path, DEMO_ASSERTION);
    let replaced = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(replaced).unwrap() <= seconds(15));
    assert_eq!(mint.tries_for(Duration::from_hours(1)).await, []);
}
