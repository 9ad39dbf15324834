//! No secret is ever said: not in a log at any level, not in an answer, not in a `Debug`.
//!
//! Secrets that occur nowhere else are given to the real binary, which talks to a platform that
//! echoes them in every way it can think of. Then everything that came out is searched for them,
//! whole, encoded and in pieces.

mod echo;
mod grants;
mod keys;
mod proxy;
mod search;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use why403::app::App;
use why403::clock::Clock;
use why403::config::{self, Environment, Sources};
use why403::evidence::Step;
use why403::metrics::Route;
use why403::monitor::Pace;
use why403::target::Secret;
use why403::upstream::{Auth, Call, Upstream, Withheld};

use self::echo::{Echo, MODES, Mode};
use self::search::{
    ACCESS_TOKEN, ADMIN_TOKEN, CANARIES, CLIENT_SECRET, WRONG_TOKEN, assert_silent,
};
use crate::process::{Running, ask, free_address, run, runtime, wait_until_probed, why403};

const CLIENT_ID: &str = "6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11";

/// What every command gets: two secrets, one of them in a file.
struct Given {
    directory: tempfile::TempDir,
    url: String,
}

impl Given {
    fn new(url: &str) -> Self {
        let given = Self {
            directory: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        };
        given.file("admin", ADMIN_TOKEN);
        given
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let admin = self.directory.path().join("admin");
        vec![
            ("GENESYS_CLOUD_CLIENT_ID", CLIENT_ID.to_owned()),
            ("GENESYS_CLOUD_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GENESYS_CLOUD_BASE_URL", self.url.clone()),
            (
                "WHY403__SERVER__ADMIN_TOKEN_FILE",
                admin.to_str().unwrap().to_owned(),
            ),
            ("WHY403__SERVER__PROTECT_DETAILS", "true".to_owned()),
            ("WHY403__SERVER__SHUTDOWN_DELAY", "0s".to_owned()),
        ]
    }
}

/// Runs a command to its end and returns everything it said.
fn said(arguments: &[&str], variables: &[(&str, String)]) -> String {
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let finished = run(arguments, &variables);
    assert_ne!(finished.status, Some(70), "{finished:#?}");
    finished.stdout + &finished.stderr
}

/// Everything that the service says to the log and to whoever asks for anything.
fn served(variables: &[(&str, String)]) -> String {
    let address = free_address();
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let running = Running::listening(&mut command, address);
    let admin = format!("authorization: Bearer {ADMIN_TOKEN}\r\n");
    let wrong = format!("authorization: Bearer {WRONG_TOKEN}\r\n");
    wait_until_probed(address, &admin);
    let mut paths: Vec<String> = Route::ALL
        .iter()
        .map(|route| route.as_str().replace("{target}", "default"))
        .map(|path| path.replace("{credential}", "default"))
        .map(|path| path.replace("/verify", "/verify?limit=0s"))
        .filter(|path| path.starts_with('/'))
        .collect();
    let more = [
        "/diagnose?fresh=1",
        "/diagnose?format=text",
        "/diagnose/default?format=evidence",
        "/nothing",
    ];
    paths.extend(more.map(str::to_owned));
    let mut all = String::new();
    for path in &paths {
        for method in ["GET", "POST", "HEAD"] {
            for headers in ["", &admin, &wrong] {
                let reply = ask(address, &format!("{method} {path}"), headers);
                all.extend([reply.head.as_str(), "\n", reply.body.as_str(), "\n"]);
            }
        }
    }
    running.signal("TERM");
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(all.contains("\"outcome\":"), "the details were not seen");
    assert!(
        all.contains("\"why403_evidence\":"),
        "the evidence was not seen"
    );
    assert!(
        all.contains("why403_probes_total"),
        "the metrics were not seen"
    );
    all + &finished.stdout + &finished.stderr
}

/// Does the work for all at the same time: most of it is waiting.
fn side_by_side<T: Copy + Send>(all: &[T], work: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for one in all {
            let (one, work) = (*one, &work);
            scope.spawn(move || work(one));
        }
    });
}

#[test]
fn the_service_says_no_secret_at_any_level_of_its_log() {
    let echo = Echo::start(Mode::Forbidden);
    side_by_side(&["error", "warn", "info", "debug", "trace"], |level| {
        let given = Given::new(&echo.url);
        let mut variables = given.variables();
        variables.push(("WHY403__LOG__LEVEL", level.to_owned()));
        assert_silent(&format!("serve at {level}"), &served(&variables));
    });
}

#[test]
fn the_service_says_no_secret_whatever_the_platform_echoes() {
    side_by_side(MODES, |mode| {
        let echo = Echo::start(mode);
        let given = Given::new(&echo.url);
        let mut variables = given.variables();
        variables.push(("WHY403__LOG__LEVEL", "trace".to_owned()));
        variables.push(("RUST_LOG", "trace".to_owned()));
        let all = served(&variables);
        let heard = all.contains("\"level\":\"TRACE\"");
        assert!(heard, "the libraries were not heard");
        assert_silent(&format!("serve while the platform says {mode:?}"), &all);
        assert!(
            echo.has_seen(CLIENT_SECRET),
            "{mode:?}: nothing was asked for"
        );
    });
}

#[test]
fn the_command_line_says_no_secret_whatever_the_platform_echoes() {
    for mode in MODES {
        let echo = Echo::start(*mode);
        let given = Given::new(&echo.url);
        let mut variables = given.variables();
        variables.push(("RUST_LOG", "trace".to_owned()));
        for arguments in [
            ["diagnose", "--format", "text"],
            ["diagnose", "--format", "json"],
            ["diagnose", "--save", "-"],
        ] {
            let all = said(&arguments, &variables);
            assert_silent(&format!("diagnose while the platform says {mode:?}"), &all);
        }
        assert!(
            echo.has_seen(CLIENT_SECRET),
            "{mode:?}: nothing was asked for"
        );
        // A token made elsewhere, instead of a client, of which this platform has heard nothing.
        let echo = Echo::start(*mode);
        variables.drain(..2);
        variables.retain(|(name, _)| *name != "GENESYS_CLOUD_BASE_URL");
        variables.push(("GENESYS_CLOUD_BASE_URL", echo.url.clone()));
        variables.push(("GENESYSCLOUD_ACCESS_TOKEN", ACCESS_TOKEN.to_owned()));
        for arguments in [
            ["diagnose", "--format", "json"],
            ["diagnose", "--save", "-"],
        ] {
            let all = said(&arguments, &variables);
            assert_silent(
                &format!("diagnose with a token while it says {mode:?}"),
                &all,
            );
        }
        assert!(
            echo.has_seen(ACCESS_TOKEN),
            "{mode:?}: nothing was asked for"
        );
    }
}

/// Secrets in every place where somebody may put one by mistake.
#[test]
fn complaints_about_the_configuration_say_no_secret() {
    let given = Given::new("http://127.0.0.1:1");
    let userinfo = format!("http://user:{CLIENT_SECRET}@127.0.0.1:1").replace('/', "%2F");
    let userinfo = userinfo.replacen("%2F%2F", "//", 1);
    let in_file = [
        format!("[genesys]\nclient_secret = \"{CLIENT_SECRET}\"\n"),
        format!("[genesys]\naccess_token = \"{ACCESS_TOKEN}\"\nclient_id = \"\"\n"),
        format!("[server]\nadmin_token = \"{ADMIN_TOKEN}\"\n"),
        format!("client_secret = \"{CLIENT_SECRET}\n"),
        format!("[genesys]\nclient_secret = {CLIENT_SECRET}\n"),
        format!("[genesys]\nclient_secrets = \"{CLIENT_SECRET}\"\n"),
        format!("[[targets]]\nname = \"a\"\nclient_secret = \"{CLIENT_SECRET}\"\n"),
        format!("[[targets]]\nname = \"a\"\nbase_url = \"{userinfo}\"\n"),
        format!("[genesys]\nclient_secret_env = \"{CLIENT_SECRET}\"\n"),
        format!("[network]\nproxy = \"{userinfo}\"\n"),
    ];
    let in_variable = [
        ("WHY403__GENESYS__CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("WHY403__GENESYS__ACCESS_TOKEN", ACCESS_TOKEN.to_owned()),
        ("WHY403__SERVER__ADMIN_TOKEN", ADMIN_TOKEN.to_owned()),
        ("WHY403__SECRET", CLIENT_SECRET.to_owned()),
        ("WHY403_GENESYS_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("GENESYS_CLOUD_CLIENTSECRET", CLIENT_SECRET.to_owned()),
        ("GENESYSCLOUD_OAUTHCLIENT_SECRET", WRONG_TOKEN.to_owned()),
        ("GENESYS_CLOUD_CLIENT_SECRET", format!(" {CLIENT_SECRET}")),
        (
            "GENESYS_CLOUD_CLIENT_SECRET",
            format!("\"{CLIENT_SECRET}\""),
        ),
        ("GENESYS_CLOUD_BASE_URL", userinfo.clone()),
        ("GENESYS_CLOUD_LOGIN_URL", userinfo.clone()),
        ("WHY403__NETWORK__PROXY", userinfo.clone()),
    ];
    for command in ["check-config", "diagnose", "serve"] {
        for (number, text) in in_file.iter().enumerate() {
            let path = given.file("why403.toml", text);
            let arguments = [command, "--config", path.to_str().unwrap()];
            let all = said(&arguments, &given.variables());
            assert_silent(&format!("{command} with file {number}"), &all);
            assert!(all.contains("problem"), "file {number} was accepted: {all}");
        }
    }
    for (name, value) in in_variable {
        let mut variables = given.variables();
        variables.retain(|(known, _)| *known != name);
        variables.push((name, value));
        let all = said(&["check-config"], &variables);
        assert_silent(&format!("check-config with {name}"), &all);
    }
    for arguments in [
        &["diagnose", "--base-url", &userinfo][..],
        &["diagnose", "--login-url", &userinfo],
        &["diagnose", "--client-secret", CLIENT_SECRET],
        &["serve", &format!("--admin-token={ADMIN_TOKEN}")],
    ] {
        let all = said(arguments, &given.variables());
        assert_silent(&format!("{:?}", &arguments[..2]), &all);
    }
}

#[test]
fn other_commands_say_no_secret() {
    let given = Given::new("http://127.0.0.1:1");
    for arguments in [
        &["check-config"][..],
        &["check-config", "--print-default"],
        &["simulate"],
        &["simulate", "--list"],
        &["explain", "client_rejected"],
        &["completions", "bash"],
        &["--help"],
        &[],
    ] {
        let mut variables = given.variables();
        variables.push(("RUST_LOG", "trace".to_owned()));
        assert_silent(&format!("{arguments:?}"), &said(arguments, &variables));
    }
}

fn sources(given: &Given) -> Sources {
    Sources {
        environment: Environment::from_pairs(given.variables()),
        ..Sources::default()
    }
}

#[test]
fn no_debug_shows_a_secret() {
    let runtime = runtime();
    for mode in [Mode::Ok, Mode::Forbidden, Mode::ClientRejected] {
        let echo = Echo::start(mode);
        let given = Given::new(&echo.url);
        let sources = sources(&given);
        let mut all = format!("{sources:?} {sources:#?}");
        let loaded = config::load(&sources).unwrap();
        write!(all, "{loaded:?} {loaded:#?}").unwrap();
        for target in &loaded.config.targets {
            let grant = &target.credential.grant;
            write!(all, "{target:?} {grant:?} {grant:#?}").unwrap();
        }
        for canary in CANARIES {
            let secret = Secret::fixed(*canary);
            write!(
                all,
                "{secret:?} {secret:#?} {:?}",
                Auth::Bearer(&secret.value)
            )
            .unwrap();
            write!(all, "{:?}", Auth::Basic(CLIENT_ID, &secret.value)).unwrap();
        }
        runtime.block_on(async {
            let app = App::start(loaded.config, Clock::system(), Pace::AtOnce).unwrap();
            let monitor = app.monitor().clone();
            let mut snapshots = monitor.subscribe();
            let over = snapshots.wait_for(|it| it.first_round_is_over());
            drop(over.await.unwrap());
            // Now there is a token, or why there is none.
            write!(all, "{app:?} {app:#?} {monitor:?}").unwrap();
            let snapshot = app.first_round().await;
            write!(all, "{snapshot:?} {snapshot:#?}").unwrap();
        });
        assert!(all.contains("client_credentials"), "{all}");
        assert_silent(&format!("Debug while the platform says {mode:?}"), &all);
    }
}

/// What is kept of an answer is free of the secrets that the call carried, also where the answer
/// was cut.
#[test]
fn evidence_holds_no_secret() {
    let runtime = runtime();
    for mode in MODES {
        let echo = Echo::start(*mode);
        let given = Given::new(&echo.url);
        let network = config::load(&sources(&given)).unwrap().config.network;
        let second = Duration::from_secs(1);
        let upstream = Upstream::new(&network, second, Clock::system()).unwrap();
        let [client, token] = [CLIENT_SECRET, ACCESS_TOKEN].map(Secret::fixed);
        let withheld = Withheld::default();
        for auth in [
            Auth::Basic(CLIENT_ID, &client.value),
            Auth::Bearer(&token.value),
        ] {
            for path in ["/oauth/token", "/api/v2/routing/queues"] {
                let call = Call {
                    step: Step::Probe,
                    url: format!("{}{path}", echo.url).parse().unwrap(),
                    auth,
                    withheld: &withheld,
                    form: None,
                    timeout: 5 * second,
                    body_cap: 65_536,
                };
                // The body of a success of the token endpoint is a secret, and is returned apart.
                let exchange = if path == "/oauth/token" {
                    runtime.block_on(upstream.mint(call)).0
                } else {
                    runtime.block_on(upstream.send(call))
                };
                let all = format!("{exchange:?}");
                assert_silent(&format!("the evidence of {path} in {mode:?}"), &all);
            }
        }
    }
}
