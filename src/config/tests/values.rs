//! The sections that are not about access, and the defaults.

use std::time::Duration;

use super::*;

#[test]
fn the_genesys_variables_alone_are_enough() {
    let config = Case::environment(CLIENT).config();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8403");
    assert!(config.server.admin_token.is_none());
    assert!(!config.server.protect_details);
    assert_eq!(config.server.max_connections, 512);
    assert_eq!(config.server.header_timeout, Duration::from_secs(10));
    assert_eq!(config.server.request_timeout, Duration::from_secs(5));
    assert_eq!(config.server.shutdown_delay, Duration::from_secs(5));
    assert_eq!(config.server.drain_timeout, Duration::from_secs(15));
    assert_eq!(
        config.probe,
        Probe {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            fall: 3,
            rise: 2,
            jitter: 0.05,
            max_in_flight: 64,
            examination_pause: Duration::from_mins(5),
        }
    );
    assert_eq!(
        config.health,
        HealthPolicy {
            forbidden: Level::Fail,
            unauthorized: Level::Fail,
            misconfigured: Level::Fail,
            visibility: Level::Warn,
            outage: Level::Warn,
            throttled: Level::Warn,
            stale: Level::Warn,
        }
    );
    assert_eq!(config.health, HealthPolicy::default());
    assert_eq!(
        config.network,
        Network {
            allow_http: false,
            deny_private_addresses: false,
            proxy: None,
            tls_roots: TlsRoots::Bundled,
        }
    );
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.log.format, LogFormat::Auto);
    let [target] = &config.targets[..] else {
        panic!("one target")
    };
    assert_eq!(target.name.as_str(), "default");
    assert_eq!(target.api.as_str(), "https://api.mypurecloud.com/");
    assert_eq!(
        target.credential.login.as_str(),
        "https://login.mypurecloud.com/"
    );
    assert_eq!(target.operations, [crate::target::Operation::queues()]);
    assert_eq!(target.interval, Duration::from_secs(30));
    assert_eq!(target.timeout, Duration::from_secs(10));
    assert_eq!(target.expect.min_queues, 0);
}

/// `config/default.toml` is written from the table of keys; this test keeps it true.
#[test]
fn the_committed_default_file_is_the_generated_one() {
    let committed = include_str!("../../../config/default.toml");
    assert!(
        committed == default_toml(),
        "config/default.toml is out of date; write it again with \
         `why403 check-config --print-default > config/default.toml`"
    );
}

#[test]
fn the_default_file_changes_nothing() {
    let without = Case::environment(CLIENT).config();
    let with = Case::file(&default_toml()).config();
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

/// What the default file shows as a comment is right, too.
#[test]
fn every_example_in_the_default_file_is_understood() {
    for key in keys::KEYS {
        let text = default_toml();
        let shown = text
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .find(|line| line.starts_with(&format!("{} = ", key.name)));
        let refused = matches!(key.kind, kind::Kind::Refused { .. });
        assert_eq!(shown.is_none(), refused, "{}", key.path());
        let Some(line) = shown else { continue };
        let header = if key.section == "targets" {
            "[[targets]]".to_owned()
        } else {
            format!("[{}]", key.section)
        };
        let mut problems = Problems::default();
        let case = Case::bare_file(format!("{header}\n{line}\n"));
        let path = case.sources.file.as_deref().unwrap();
        assert!(file::load(path, &mut problems).is_some());
        assert_eq!(problems.errors(), 0, "{problems}");
    }
}

#[test]
fn later_layers_win() {
    let file = "[probe]\nfall = 5\nrise = 5\ninterval = \"1m\"\n";
    let environment = CLIENT.into_iter().chain([
        ("WHY403__PROBE__RISE", "6"),
        ("WHY403__PROBE__INTERVAL", "2m"),
    ]);
    let case = Case::file(file)
        .with(environment)
        .flag("probe.interval", "3m");
    let probe = case.config().probe;
    assert_eq!((probe.fall, probe.rise), (5, 6));
    assert_eq!(probe.interval, Duration::from_mins(3));
    assert_eq!(probe.max_in_flight, 64);
}

#[test]
fn values_are_checked_one_by_one() {
    for (line, problem) in [
        (
            "[server]\nlisten = 1",
            "server.listen: must be a string, not a number; write it in quotation marks",
        ),
        (
            "[server]\nlisten = \":80\"",
            "server.listen: \":80\" is no address to listen on; write \"0.0.0.0:80\"",
        ),
        (
            "[server]\nmax_connections = 0",
            "server.max_connections: 0 is too small; write a whole number from 1 to 65536",
        ),
        (
            "[server]\nmax_connections = \"5\"",
            "server.max_connections: \"5\" is no whole number; write a whole number from 1 to 65536",
        ),
        (
            "[server]\nprotect_details = \"yes\"",
            "server.protect_details: \"yes\" is neither true nor false; write true or false",
        ),
        (
            "[probe]\ninterval = 30",
            "probe.interval: \"30\" has no unit; write \"30s\"",
        ),
        (
            "[probe]\ninterval = \"0s\"",
            "probe.interval: \"0s\" is too short; choose 1s to 24h",
        ),
        (
            "[probe]\ninterval = \"25h\"",
            "probe.interval: \"25h\" is too long; choose 1s to 24h",
        ),
        (
            "[probe]\ninterval = 1979-05-27",
            "probe.interval: a date or time is no duration; write a duration like \"30s\"",
        ),
        (
            "[probe]\njitter = 0.3",
            "probe.jitter: 0.3 is out of range; write a number from 0 to 0.2",
        ),
        (
            "[probe]\njitter = nan",
            "probe.jitter: NaN is out of range; write a number from 0 to 0.2",
        ),
        (
            "[probe]\njitter = -1",
            "probe.jitter: -1 is out of range; write a number from 0 to 0.2",
        ),
        (
            "[probe]\nfall = 9223372036854775808",
            "probe.fall: is too large a number; write a smaller one",
        ),
        (
            "[probe]\nfall = 2.5",
            "probe.fall: 2.5 is no whole number; write a whole number from 1 to 100",
        ),
        (
            "[health]\noutage = \"no\"",
            "health.outage: \"no\" is not one of the choices; write \"pass\", \"warn\", \"fail\"",
        ),
        (
            "[network]\ntls_roots = \"sytem\"",
            "network.tls_roots: \"sytem\" is neither a choice nor a path; write \"bundled\", \"system\", or the path of a PEM file",
        ),
        (
            "[network]\nproxy = \"socks5://a:1\"",
            "network.proxy: is no http or https proxy; write \"env\", \"none\", or a URL like \"http://proxy.example:3128\"",
        ),
    ] {
        assert_eq!(
            Case::file(line).problem(),
            format!("why403.toml:2: {problem}")
        );
    }
}

#[test]
fn words_and_lists_are_checked_one_by_one() {
    for (line, problem) in [
        (
            "[log]\nlevel = \"loud\"",
            "log.level: \"loud\" is not one of the choices; write \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
        ),
        (
            "[log]\nlevel = \"\"",
            "log.level: is empty; give it a value, or remove it",
        ),
        (
            "[genesys]\noperations = []",
            "genesys.operations: is empty; name at least one operation, or remove the key for the default",
        ),
        (
            "[genesys]\noperations = [1]",
            "genesys.operations: contains a number, not only strings; write each operation in quotation marks",
        ),
        (
            "[genesys]\noperations = [\"/api/v2/routing/queues\"]",
            "genesys.operations: \"/api/v2/routing/queues\" is no operation that why403 knows; write the method first: \"GET /api/v2/routing/queues\"",
        ),
        (
            "[genesys]\noperations = [\"GET /api/v2/routing/queue\"]",
            "genesys.operations: \"GET /api/v2/routing/queue\" is no operation that why403 knows; did you mean \"GET /api/v2/routing/queues\"?",
        ),
        (
            "[genesys]\noperations = [\"GET /api/v2/tokens/me\", \"get /api/v2/tokens/me\"]",
            "genesys.operations: names \"get /api/v2/tokens/me\" twice; remove one of them",
        ),
        (
            "[genesys]\nexpect = { min_queues = -1 }",
            "genesys.expect.min_queues: -1 is too small; write a whole number from 0",
        ),
        (
            "[genesys]\nexpect = 1",
            "genesys.expect: must be a table; write expect = { … }",
        ),
    ] {
        assert_eq!(
            Case::file(line).problem(),
            format!("why403.toml:2: {problem}")
        );
    }
}

#[test]
fn values_are_checked_against_each_other() {
    let timeouts = Case::file("[probe]\ntimeout = \"30s\"\n");
    assert_eq!(
        timeouts.problem(),
        "why403.toml:2: probe.timeout: the timeout (30s) is not shorter than the interval (30s); \
         shorten the timeout or lengthen the interval"
    );
    let connect = Case::file("[probe]\nconnect_timeout = \"11s\"\n");
    assert_eq!(
        connect.problem(),
        "why403.toml:2: probe.connect_timeout: the connect timeout (11s) is longer than the \
         timeout (10s); shorten the connect timeout or lengthen the timeout"
    );
    // Nothing is concluded from a value that is bad itself.
    let bad = Case::file("[probe]\ninterval = \"5x\"\ntimeout = \"50s\"\n");
    assert!(bad.problem().contains("probe.interval"));
    let own = "[[targets]]\nname = \"a\"\ninterval = \"5s\"\n";
    assert_eq!(
        Case::file(own).problem(),
        "why403.toml:3: targets[0].interval: the timeout (10s) is not shorter than the interval \
         (5s); shorten the timeout or lengthen the interval"
    );
    let details = Case::file("[server]\nprotect_details = true\n");
    assert_eq!(
        details.problem(),
        "why403.toml:2: server.protect_details: there is no admin token, so that nobody could \
         read the details; set server.admin_token_file"
    );
}

#[test]
fn a_proxy_is_taken_from_the_environment_when_asked_to() {
    let proxy = [
        ("HTTPS_PROXY", "http://user:CANARY@proxy.example:3128"),
        ("NO_PROXY", "localhost"),
    ];
    let ignored = Case::environment(CLIENT.into_iter().chain(proxy));
    assert_eq!(
        ignored.warnings(),
        [
            "warning: environment: HTTPS_PROXY: is ignored; set network.proxy = \"env\" to use it, \
          or \"none\" to say that you mean it"
        ]
    );
    let file = "[network]\nproxy = \"env\"\n";
    let config = Case::file(file)
        .with(CLIENT.into_iter().chain(proxy))
        .config();
    let used = config.network.proxy.clone().unwrap();
    assert_eq!(used.url.password(), Some("CANARY"));
    assert_eq!(used.no_proxy, "localhost");
    assert_eq!(used.to_string(), "http://proxy.example:3128");
    assert!(!format!("{config:?}").contains("CANARY"));
    let none = Case::file(file).config();
    assert_eq!(none.network.proxy, None);
    let bare = Case::file(file).with(CLIENT.into_iter().chain([("https_proxy", "proxy:1")]));
    assert_eq!(
        bare.config().network.proxy.unwrap().to_string(),
        "http://proxy:1"
    );
    let meant = Case::file("[network]\nproxy = \"none\"\n");
    let meant = meant.with(CLIENT.into_iter().chain(proxy));
    assert_eq!(meant.config().network.proxy, None);
    let bad = Case::file(file).with(CLIENT.into_iter().chain([("HTTPS_PROXY", "socks5://a")]));
    assert!(
        bad.problem()
            .starts_with("environment: HTTPS_PROXY: is no URL")
    );
    let written = Case::file("[network]\nproxy = \"http://u:CANARY@p.example\"\n");
    assert_eq!(
        written.problem(),
        "why403.toml:2: network.proxy: contains a user name or a password, which do not belong \
         here; write \"env\" and put the URL into the variable HTTPS_PROXY"
    );
}

#[test]
fn only_the_environment_may_hold_the_password_of_a_proxy() {
    let written = |url| Case::file(&format!("[network]\nproxy = \"{url}\"\n"));
    for url in ["http://u@p.example", "http://:CANARY@p.example"] {
        let problem = written(url).problem();
        assert!(
            problem.contains("contains a user name or a password"),
            "{problem}"
        );
    }
    let plain = written("http://p.example:3128").config().network.proxy;
    assert_eq!(plain.unwrap().to_string(), "http://p.example:3128");
    let variable = [("WHY403__NETWORK__PROXY", "http://u:CANARY@p.example")];
    let config = Case::environment(CLIENT.into_iter().chain(variable)).config();
    assert_eq!(config.network.proxy.unwrap().url.username(), "u");
    for text in ["http://p.example:0", "p.example:0", "ftp://p.example"] {
        let variable = [("HTTPS_PROXY", text)];
        let env = Case::file("[network]\nproxy = \"env\"\n");
        let problem = env.with(CLIENT.into_iter().chain(variable)).problem();
        assert!(
            problem.contains("is no URL of an http or https proxy"),
            "{text}: {problem}"
        );
    }
}

#[test]
fn certificate_files_are_looked_at() {
    let file = "[network]\ntls_roots = \"ca.pem\"\n";
    assert!(Case::file(file).problem().contains("cannot be read"));
    let garbage = Case::file(file).also("ca.pem", "garbage, and more than a mark is long");
    assert!(garbage.problem().contains("holds no PEM certificate"));
    let good = Case::file(file).also("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    let roots = good.config().network.tls_roots;
    let TlsRoots::File { path, digest } = &roots else {
        panic!("{roots:?}");
    };
    assert_eq!(*path, good.path().join("ca.pem"));
    let renewed = Case::file(file).also("ca.pem", "-----BEGIN CERTIFICATE-----\nother\n");
    let other = renewed.config().network.tls_roots;
    assert!(
        matches!(&other, TlsRoots::File { digest: other, .. } if other != digest),
        "{other:?}"
    );
    let system = Case::file("[network]\ntls_roots = \"system\"\n");
    assert_eq!(system.config().network.tls_roots, TlsRoots::System);
}

/// Otherwise the configuration would be read again and again, or never.
#[test]
fn certificate_files_are_followed_by_what_is_in_them() {
    let first = "-----BEGIN CERTIFICATE-----\n";
    let case = Case::file("[network]\ntls_roots = \"ca.pem\"\n").also("ca.pem", first);
    let roots = case.config().network.tls_roots;
    assert!(roots.digest().is_some());
    assert_eq!(read_roots(&roots), roots.digest());
    case.write("ca.pem", "-----BEGIN CERTIFICATE-----\nother\n");
    let renewed = read_roots(&roots);
    assert!(renewed.is_some() && renewed != roots.digest());
    assert_eq!(renewed, case.config().network.tls_roots.digest());
    std::fs::remove_file(case.path().join("ca.pem")).unwrap();
    assert_eq!(read_roots(&roots), None);
    for roots in [TlsRoots::Bundled, TlsRoots::System] {
        assert_eq!((read_roots(&roots), roots.digest()), (None, None));
    }
}

#[test]
fn the_state_directory_is_found_from_the_file_and_need_not_exist() {
    let case = Case::file("[server]\nstate_dir = \"state\"\n");
    let expected = case.path().join("state");
    assert_eq!(case.config().server.state_dir, Some(expected.clone()));
    assert!(
        !expected.exists(),
        "a check of the configuration makes nothing"
    );
    assert_eq!(Case::file("").config().server.state_dir, None);
}

#[test]
fn no_text_is_endless() {
    let case = Case::file(&format!("[genesys]\nregion = \"{}\"\n", "x".repeat(5000)));
    assert_eq!(
        case.problem(),
        "why403.toml:2: genesys.region: is too long; shorten it"
    );
}
