//! Variables and flags.

use super::*;
use crate::config::keys::{KEYS, Key};
use crate::config::kind::Kind;
use crate::config::variables::VARIABLES;

fn beside_the_client(name: &str, value: &str) -> Case {
    Case::environment(CLIENT.into_iter().chain([(name, value)]))
}

#[test]
fn missing_and_empty_credentials_name_the_variable() {
    assert_eq!(
        Case::environment([]).problems(),
        [
            "environment: GENESYS_CLOUD_CLIENT_ID: is not set; set it to the id of the OAuth \
             client, or set client_id in [genesys] of a file (--config), or name a gc profile",
            "environment: GENESYS_CLOUD_CLIENT_SECRET: is not set; set it to the secret of the \
             OAuth client, or set client_secret_file in [genesys] of a file (--config), or name \
             a gc profile",
        ]
    );
    let empty = Case::environment([
        ("GENESYS_CLOUD_CLIENT_ID", "demo-client"),
        ("GENESYS_CLOUD_CLIENT_SECRET", ""),
    ]);
    let problem = empty.problem();
    assert!(
        problem.starts_with("environment: GENESYS_CLOUD_CLIENT_SECRET: is empty;"),
        "{problem}"
    );
}

#[test]
fn the_names_of_the_vendors_tools_mean_the_same() {
    let config = Case::environment([
        ("GENESYSCLOUD_OAUTHCLIENT_ID", "demo-client"),
        ("GENESYSCLOUD_OAUTHCLIENT_SECRET", "demo-secret"),
        ("GENESYSCLOUD_REGION", "eu_central_1"),
    ])
    .config();
    let target = &config.targets[0];
    assert_eq!(target.api.as_str(), "https://api.mypurecloud.de/");
    assert_eq!(target.credential.grant.client_id(), Some("demo-client"));
    let token = Case::environment([("GENESYSCLOUD_ACCESS_TOKEN", "abc")]).config();
    assert_eq!(token.targets[0].credential.grant.name(), "access_token");
}

#[test]
fn every_spelling_of_every_region_is_accepted() {
    for region in crate::target::REGIONS {
        for text in [
            region.aws,
            region.domain,
            &region.api(),
            &region.aws.replace('-', "_"),
        ] {
            let config = beside_the_client("GENESYSCLOUD_REGION", text).config();
            assert_eq!(config.targets[0].api.as_str(), format!("{}/", region.api()));
        }
    }
    let problem = beside_the_client("GENESYSCLOUD_REGION", "eu-centrl-1").problem();
    assert!(
        problem.starts_with(
            "environment: GENESYSCLOUD_REGION: \"eu-centrl-1\" is no region of Genesys Cloud; \
             did you mean \"eu-central-1\"? choose one of us-east-1, us-east-2,"
        ),
        "{problem}"
    );
}

#[test]
fn two_spellings_may_agree_but_not_differ() {
    let agree = beside_the_client("GENESYSCLOUD_OAUTHCLIENT_ID", "demo-client");
    assert_eq!(agree.config().targets.len(), 1);
    assert_eq!(
        beside_the_client("GENESYSCLOUD_OAUTHCLIENT_ID", "other").problem(),
        "environment: GENESYSCLOUD_OAUTHCLIENT_ID: differs from GENESYS_CLOUD_CLIENT_ID, which \
         means the same; unset one of them"
    );
}

#[test]
fn unknown_and_misspelt_variables_are_reported() {
    for (name, problem) in [
        (
            "WHY403__PROBE__INTERVALL",
            "environment: WHY403__PROBE__INTERVALL: is no setting; did you mean WHY403__PROBE__INTERVAL?",
        ),
        (
            "WHY403__X",
            "environment: WHY403__X: is no setting; unset it; `why403 check-config --print-default` lists all keys",
        ),
        (
            "WHY403__TARGETS__0__NAME",
            "environment: WHY403__TARGETS__0__NAME: targets cannot be set by variables; write [[targets]] into a file and name it with --config or WHY403_CONFIG",
        ),
        (
            "WHY403__PROBE__FALL",
            "environment: WHY403__PROBE__FALL: \"CANARY\" is no whole number; write a whole number from 1 to 100",
        ),
    ] {
        assert_eq!(beside_the_client(name, "CANARY").problem(), problem);
    }
    for (name, warning) in [
        (
            "WHY403_PROBE_INTERVAL",
            "warning: environment: WHY403_PROBE_INTERVAL: is not read; write WHY403__PROBE__INTERVAL, with two underscores between the parts",
        ),
        (
            "GENESYSCLOUD_BASE_URL",
            "warning: environment: GENESYSCLOUD_BASE_URL: is not read; did you mean GENESYS_CLOUD_BASE_URL?",
        ),
        (
            "GENESYS_CLOUD_REGION",
            "warning: environment: GENESYS_CLOUD_REGION: is not read; did you mean GENESYSCLOUD_REGION?",
        ),
    ] {
        assert_eq!(beside_the_client(name, "x").warnings(), [warning]);
    }
    // Kubernetes sets these for a service of the name why403.
    for name in [
        "WHY403_SERVICE_HOST",
        "WHY403_PORT",
        "GENESYSCLOUD_SDK_DEBUG",
    ] {
        beside_the_client(name, "x").config();
    }
}

#[test]
fn a_secret_by_variable_is_told_where_it_goes() {
    for (variable, instead) in [
        ("GENESYS__CLIENT_SECRET", "GENESYS_CLOUD_CLIENT_SECRET"),
        ("GENESYS__ACCESS_TOKEN", "GENESYSCLOUD_ACCESS_TOKEN"),
        (
            "GENESYS__REFRESH_TOKEN",
            "WHY403__GENESYS__REFRESH_TOKEN_FILE",
        ),
        ("GENESYS__ASSERTION", "WHY403__GENESYS__ASSERTION_FILE"),
        ("GENESYS__PASSWORD", "WHY403__GENESYS__PASSWORD_FILE"),
        ("SERVER__ADMIN_TOKEN", "WHY403__SERVER__ADMIN_TOKEN_FILE"),
        ("SERVER__TLS_KEY", "WHY403__SERVER__TLS_KEY_FILE"),
    ] {
        let variable = format!("WHY403__{variable}");
        assert_eq!(
            beside_the_client(&variable, "CANARY").problem(),
            format!("environment: {variable}: is not read; use {instead}")
        );
        let vendors = VARIABLES.iter().any(|(_, names)| names.contains(&instead));
        let own = KEYS
            .iter()
            .any(|key| key.variable().as_deref() == Some(instead));
        assert!(vendors || own, "{instead}");
    }
    let refused = |key: &&Key| matches!(key.kind, Kind::Refused { .. });
    assert_eq!(KEYS.iter().filter(refused).count(), 7);
}

#[cfg(unix)]
#[test]
fn a_name_stays_on_its_line_whatever_is_in_it() {
    let mut case = Case::environment(CLIENT).flag("probe.a\u{1b}[2J\u{202e}", "1");
    let mut pairs = CLIENT.to_vec();
    pairs.push(("WHY403__PRO\nBE", "1"));
    case = case.with(pairs);
    assert_eq!(
        case.problems(),
        [
            "environment: WHY403__PRO\\nBE: is no setting; unset it; `why403 check-config \
             --print-default` lists all keys",
            "flags: probe.a\\u{1b}[2J\\u{202e}: is no setting; remove the flag",
        ]
    );
    let case = Case::environment([("WHY403_CONFIG", "/nowhere/a\nb\"c\\")]);
    let problem = case.problem();
    assert!(problem.starts_with("/nowhere/a\\nb\"c\\: "), "{problem}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_a_problem_only_if_it_is_read() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let load_with = |name: &str| {
        let bad = (OsString::from(name), OsString::from_vec(vec![0xff]));
        let pairs = CLIENT.map(|(name, value)| (name.into(), value.into()));
        load(&Sources {
            environment: Environment::from_os_pairs(pairs.into_iter().chain([bad])),
            ..Sources::default()
        })
    };
    assert!(load_with("LS_COLORS").is_ok());
    for name in [
        "WHY403_CONFIG",
        "WHY403__PROBE__FALL",
        "GENESYS_CLOUD_BASE_URL",
    ] {
        let problems = load_with(name).unwrap_err();
        assert!(
            problems
                .to_string()
                .contains(&format!("environment: {name}: is not UTF-8"))
        );
    }
}

#[test]
fn flags_win_and_may_not_be_secrets() {
    let case = Case::environment(CLIENT).flag("genesys.region", "mypurecloud.ie");
    assert_eq!(
        case.config().targets[0].api.as_str(),
        "https://api.mypurecloud.ie/"
    );
    let secret = Case::environment(CLIENT).flag("genesys.client_secret", "CANARY");
    let problem = secret.problem();
    assert!(problem.starts_with("flags: genesys.client_secret: a secret does not belong here"));
    assert!(!problem.contains("CANARY"));
    for key in ["targets.name", "server.colour", "nonsense"] {
        let case = Case::environment(CLIENT).flag(key, "x");
        assert_eq!(
            case.problem(),
            format!("flags: {key}: is no setting; remove the flag")
        );
    }
}

#[test]
fn debug_of_the_sources_shows_names_alone() {
    let sources = Sources {
        file: Some("/why403.toml".into()),
        environment: Environment::from_pairs([("A_SECRET", "CANARY")]),
        overrides: vec![("probe.fall".into(), "CANARY".into())],
        profile: Some("prod".into()),
    };
    assert_eq!(
        format!("{sources:?}"),
        "Sources { file: Some(\"/why403.toml\"), environment: Environment {\"A_SECRET\"}, \
         overrides: [\"probe.fall\"], profile: Some(\"prod\") }"
    );
}

#[test]
fn what_no_target_uses_is_reported() {
    let file = "[[targets]]\nname = \"a\"\nregion = \"eu-central-1\"\n";
    let environment = || {
        CLIENT
            .into_iter()
            .chain([("GENESYS_CLOUD_BASE_URL", "https://gw.example")])
    };
    assert_eq!(
        Case::file(file).with(environment()).warnings(),
        [
            "warning: environment: GENESYS_CLOUD_BASE_URL: has no effect: no target uses it; unset \
          it, or remove the keys of the targets that win over it"
        ]
    );
    // Nobody is told that a flag wins, which it is typed for; unless no target uses that either.
    for flag in [("region", "us-east-1"), ("base_url", "https://api.example")] {
        let (name, value) = flag;
        let typed = Case::file("").with(environment());
        let typed = typed.flag(&format!("genesys.{name}"), value);
        assert_eq!(typed.warnings(), Vec::<String>::new(), "{name}");
    }
    let flag = Case::file(file).flag("genesys.region", "us-east-1");
    assert!(
        flag.problem()
            .starts_with("flags: genesys.region: has no effect")
    );
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let case = Case::environment([]).also("a.toml", "[probe]\nfall = 7\n");
    let path = case.path().join("a.toml");
    let pairs = CLIENT
        .into_iter()
        .chain([("WHY403_CONFIG", path.to_str().unwrap())]);
    let case = case.with(pairs.collect::<Vec<_>>());
    assert_eq!(case.config().probe.fall, 7);
    assert_eq!(
        beside_the_client("WHY403_CONFIG", "").config().probe.fall,
        3
    );
}
