//! The password of a proxy, which is sent with every call.

use url::Url;

use super::echo::{Echo, MODES, Mode};
use super::search::{PROXY_PASSWORD, assert_silent};
use super::{Given, said, served, side_by_side};

/// Everything goes through the proxy `echo`, also what is called at `url`.
fn variables(given: &Given, echo: &Echo, url: &str) -> Vec<(&'static str, String)> {
    let mut proxy = Url::parse(&echo.url).unwrap();
    proxy.set_username("ada").unwrap();
    proxy.set_password(Some(PROXY_PASSWORD)).unwrap();
    let mut variables = given.variables();
    variables.retain(|(name, _)| *name != "GENESYS_CLOUD_BASE_URL");
    variables.push(("GENESYS_CLOUD_BASE_URL", url.to_owned()));
    variables.push(("WHY403__NETWORK__PROXY", "env".to_owned()));
    variables.push(("HTTPS_PROXY", proxy.into()));
    variables.push(("RUST_LOG", "trace".to_owned()));
    variables.push(("WHY403__LOG__LEVEL", "trace".to_owned()));
    variables
}

/// Where nothing is: the proxy answers in its stead.
const PLAIN: &str = "http://127.0.0.1:1";
/// Where a tunnel is asked for first.
const TUNNELLED: &str = "https://127.0.0.1:1";

#[test]
fn the_command_line_does_not_say_the_password_of_a_proxy_whatever_it_echoes() {
    side_by_side(MODES, |mode| {
        let echo = Echo::start(mode);
        let given = Given::new(&echo.url);
        for url in [PLAIN, TUNNELLED] {
            let variables = variables(&given, &echo, url);
            for arguments in [
                ["diagnose", "--format", "text"],
                ["diagnose", "--format", "json"],
                ["diagnose", "--save", "-"],
            ] {
                let all = said(&arguments, &variables);
                assert_silent(&format!("diagnose of {url} while it says {mode:?}"), &all);
            }
        }
        let seen = mode == Mode::Raw || echo.has_seen(PROXY_PASSWORD);
        assert!(seen, "{mode:?}: the proxy was not asked");
    });
}

#[test]
fn the_service_does_not_say_the_password_of_a_proxy() {
    for mode in [Mode::Ok, Mode::Forbidden, Mode::Outage] {
        side_by_side(&[PLAIN, TUNNELLED], |url| {
            let echo = Echo::start(mode);
            let given = Given::new(&echo.url);
            let all = served(&variables(&given, &echo, url));
            assert_silent(&format!("serve of {url} while it says {mode:?}"), &all);
            assert!(echo.has_seen(PROXY_PASSWORD), "{mode:?}: it was not asked");
        });
    }
}

#[test]
fn neither_the_password_nor_the_user_of_a_proxy_is_a_part_of_its_name() {
    let echo = Echo::start(Mode::Unauthorized);
    let given = Given::new(&echo.url);
    let all = said(
        &["diagnose", "--format", "json"],
        &variables(&given, &echo, TUNNELLED),
    );
    let address = echo.url.trim_start_matches("http://");
    assert!(
        all.contains(&format!("because of the proxy {address}.")),
        "{all}"
    );
    assert!(!all.contains("ada"), "{all}");
}
