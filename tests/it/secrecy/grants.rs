//! The secrets of grants that act for users.

use std::fmt::Write as _;

use why403::app::App;
use why403::clock::Clock;
use why403::config::{self, Environment, Sources};
use why403::monitor::Pace;

use super::echo::{Echo, MODES, Mode};
use super::search::{ASSERTION, CLIENT_SECRET, NEXT_TOKEN, PASSWORD, REFRESH_TOKEN, assert_silent};
use super::{Given, said, served, side_by_side};
use crate::process::runtime;

/// The key that names the file, the secret in it, and what else the grant needs.
type Grant = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const GRANTS: &[Grant] = &[
    ("REFRESH_TOKEN_FILE", REFRESH_TOKEN, &[]),
    (
        "ASSERTION_FILE",
        ASSERTION,
        &[("WHY403__GENESYS__ORGANIZATION_NAME", "example")],
    ),
    (
        "PASSWORD_FILE",
        PASSWORD,
        &[("WHY403__GENESYS__USERNAME", "ada@example.com")],
    ),
];

/// The variables for one grant, with its secret in a file.
fn variables(given: &Given, (key, secret, others): Grant) -> Vec<(&'static str, String)> {
    let path = given.file("secret", secret);
    let name = match key {
        "REFRESH_TOKEN_FILE" => "WHY403__GENESYS__REFRESH_TOKEN_FILE",
        "ASSERTION_FILE" => "WHY403__GENESYS__ASSERTION_FILE",
        _ => "WHY403__GENESYS__PASSWORD_FILE",
    };
    let mut variables = given.variables();
    variables.push((name, path.to_str().unwrap().to_owned()));
    variables.extend(
        others
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    variables.push(("RUST_LOG", "trace".to_owned()));
    variables.push(("WHY403__LOG__LEVEL", "trace".to_owned()));
    variables
}

#[test]
fn the_command_line_says_no_secret_of_a_user_whatever_the_platform_echoes() {
    side_by_side(GRANTS, |grant| {
        for mode in MODES {
            for arguments in [
                ["diagnose", "--format", "json"],
                ["diagnose", "--save", "-"],
            ] {
                let echo = Echo::start(*mode);
                let given = Given::new(&echo.url);
                let variables = variables(&given, grant);
                let what = format!("{arguments:?} with {} while it says {mode:?}", grant.0);
                assert_silent(&what, &said(&arguments, &variables));
                let seen = *mode == Mode::Raw || echo.has_seen(grant.1);
                assert!(seen, "{what}: nothing was asked for");
            }
        }
    });
}

#[test]
fn the_service_says_no_secret_of_a_user() {
    for mode in [Mode::Ok, Mode::ClientRejected, Mode::ClientRejectedText] {
        side_by_side(GRANTS, |grant| {
            let echo = Echo::start(mode);
            let given = Given::new(&echo.url);
            let variables = variables(&given, grant);
            let all = served(&variables);
            let what = format!("serve with {} while it says {mode:?}", grant.0);
            assert!(all.contains("\"level\":\"TRACE\""), "{what}: not heard");
            assert_silent(&what, &all);
            if (mode, grant.1) == (Mode::Ok, REFRESH_TOKEN) {
                let stored = std::fs::read_to_string(given.directory.path().join("secret"));
                assert_eq!(stored.unwrap(), NEXT_TOKEN, "it was not rotated");
            }
        });
    }
}

#[test]
fn a_refresh_token_that_cannot_be_stored_is_not_said_either() {
    let echo = Echo::start(Mode::Ok);
    let given = Given::new(&echo.url);
    let mut variables = variables(&given, GRANTS[0]);
    // A link that leads to where nobody can make a file; then the old token stands there, too.
    let fixed = "/proc/sys/kernel/random/boot_id";
    if std::fs::metadata(fixed).is_err() {
        return;
    }
    variables.push(("WHY403__GENESYS__REFRESH_TOKEN_FILE", fixed.to_owned()));
    let all = served(&variables);
    assert!(all.contains("cannot be put into its file"), "{all}");
    assert!(all.contains("cannot be written to"), "{all}");
    assert_silent("serve beside a file that is fixed", &all);
}

#[test]
fn no_debug_shows_a_secret_of_a_user() {
    let runtime = runtime();
    for grant in GRANTS {
        let echo = Echo::start(Mode::Ok);
        let given = Given::new(&echo.url);
        let sources = Sources {
            environment: Environment::from_pairs(variables(&given, *grant)),
            ..Sources::default()
        };
        let loaded = config::load(&sources).unwrap();
        let mut all = format!("{sources:?} {loaded:?} {loaded:#?}");
        runtime.block_on(async {
            let app = App::start(loaded.config, Clock::system(), Pace::AtOnce).unwrap();
            let mut snapshots = app.monitor().subscribe();
            let over = snapshots.wait_for(|it| it.first_round_is_over());
            drop(over.await.unwrap());
            write!(all, "{app:?} {app:#?}").unwrap();
            let snapshot = app.first_round().await;
            write!(all, "{snapshot:?} {snapshot:#?}").unwrap();
        });
        assert!(echo.has_seen(grant.1), "{}", grant.0);
        assert_silent(&format!("Debug with {}", grant.0), &all);
    }
}

/// Secrets in every place where somebody may put one by mistake.
#[test]
fn complaints_about_grants_say_no_secret() {
    let given = Given::new("http://127.0.0.1:1");
    let [quoted, broken] = [format!("\"{CLIENT_SECRET}\""), format!("{PASSWORD}\n\nx")]
        .map(|content| given.file(&format!("{}", content.len()), &content))
        .map(|path| path.to_str().unwrap().to_owned());
    for (number, keys) in [
        format!("refresh_token = \"{REFRESH_TOKEN}\""),
        format!("refresh_token_file = \"{REFRESH_TOKEN}\""),
        format!("refresh_token_env = \"{REFRESH_TOKEN}\""),
        format!("assertion = \"{ASSERTION}\""),
        format!("assertion_file = \"{ASSERTION}\"\norganization_name = \"o\""),
        format!("password = '''{PASSWORD}'''\nusername = \"u\""),
        format!("password_env = '''{PASSWORD}'''\nusername = \"u\""),
        format!("password_file = \"{broken}\"\nusername = \"u\""),
        format!("refresh_token_file = \"{quoted}\""),
        format!("assertion_file = \"{broken}\"\norganization_name = \"o\""),
    ]
    .iter()
    .enumerate()
    {
        let path = given.file("why403.toml", &format!("[genesys]\n{keys}\n"));
        let arguments = ["check-config", "--config", path.to_str().unwrap()];
        let all = said(&arguments, &given.variables());
        assert_silent(&format!("check-config with file {number}"), &all);
        assert!(all.contains("problem"), "file {number} was accepted: {all}");
    }
    for (name, value) in [
        ("WHY403__GENESYS__REFRESH_TOKEN", REFRESH_TOKEN),
        ("WHY403__GENESYS__ASSERTION", ASSERTION),
        ("WHY403__GENESYS__PASSWORD", PASSWORD),
        ("WHY403__GENESYS__REFRESH_TOKEN_FILE", REFRESH_TOKEN),
        ("WHY403__GENESYS__PASSWORD_ENV", PASSWORD),
    ] {
        let mut variables = given.variables();
        variables.push((name, value.to_owned()));
        let all = said(&["check-config"], &variables);
        assert_silent(&format!("check-config with {name}"), &all);
        assert!(all.contains("problem"), "{name} was accepted: {all}");
    }
}
