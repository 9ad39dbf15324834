//! No secret is ever shown, and none is taken from the wrong place.

use super::*;

const CANARY: &str = "CaNaRy7s3cr3tCaNaRy7s3cr3t";

#[test]
fn a_loaded_configuration_shows_no_secret() {
    let file = "[server]\nadmin_token_file = \"admin\"\n[genesys]\nclient_id = \"x\"\n\
                [[targets]]\nname = \"a\"\nclient_secret_file = \"secret\"\n\
                [[targets]]\nname = \"b\"\nclient_secret_env = \"SECRET\"\n\
                [[targets]]\nname = \"c\"\naccess_token_env = \"SECRET\"\n\
                [[targets]]\nname = \"d\"\n[network]\nproxy = \"env\"\n";
    let proxy = format!("http://u:{CANARY}@proxy.example");
    let mut case = Case::bare_file(file)
        .also("admin", CANARY)
        .also("secret", CANARY)
        .with([
            ("SECRET", CANARY),
            ("GENESYS_CLOUD_CLIENT_SECRET", CANARY),
            ("HTTPS_PROXY", &proxy),
        ]);
    let config = case.config();
    assert!(config.server.admin_token.is_some());
    case = case.flag("genesys.client_secret", CANARY);
    for shown in [
        format!("{config:?}"),
        format!("{config:#?}"),
        format!("{:?}", case.sources),
    ] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn no_problem_shows_a_secret_whatever_key_it_was_put_into() {
    let texts = [
        CANARY.to_owned(),
        format!("https://u:{CANARY}@gw.example"),
        format!("https://gw.example?token={CANARY}"),
        format!("\\u0001{CANARY}"),
    ];
    let keys = [
        "client_secret",
        "access_token",
        "client_secret_file",
        "client_secret_env",
        "access_token_file",
        "access_token_env",
        "password",
        "password_file",
        "password_env",
        "refresh_token",
        "refresh_token_file",
        "refresh_token_env",
        "assertion",
        "assertion_file",
        "expect.client_secret",
    ];
    let urls = ["base_url", "login_url", "region"];
    let mut files: Vec<String> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        files.extend(keys.iter().map(|key| format!("{key} = \"{text}\"")));
        if (1..=2).contains(&at) {
            files.extend(urls.iter().take(2).map(|key| format!("{key} = \"{text}\"")));
        }
        if at == 1 {
            files.push(format!("region = \"{text}\""));
        }
    }
    for line in files {
        for header in ["[genesys]", "[[targets]]\nname = \"a\""] {
            let grant = if line.starts_with("access") {
                "grant = \"access_token\"\n"
            } else if line.starts_with("password") {
                "grant = \"password\"\nusername = \"ada\"\n"
            } else {
                ""
            };
            let case = Case::bare_file(format!("{header}\nclient_id = \"x\"\n{grant}{line}\n"));
            let problems = load(&case.sources).unwrap_err();
            let shown = format!("{problems}\n{problems:?}");
            assert!(!shown.contains(CANARY), "{line}\n{shown}");
        }
    }
    for (name, value) in [
        ("GENESYS_CLOUD_CLIENT_SECRET", format!("\"{CANARY}\"")),
        ("GENESYS_CLOUD_CLIENT_SECRET", format!("{CANARY} ")),
        (
            "GENESYS_CLOUD_BASE_URL",
            format!("https://{CANARY}@gw.example"),
        ),
        ("WHY403__GENESYS__CLIENT_SECRET", CANARY.to_owned()),
        ("WHY403__GENESYS__PASSWORD", CANARY.to_owned()),
        ("WHY403__GENESYS__REFRESH_TOKEN", CANARY.to_owned()),
        ("WHY403__GENESYS__ASSERTION", CANARY.to_owned()),
        ("WHY403__NETWORK__PROXY", format!("u:{CANARY}@proxy")),
    ] {
        let problems = load(&Case::environment([(name, value.as_str())]).sources).unwrap_err();
        assert!(!problems.to_string().contains(CANARY), "{problems}");
    }
}

#[test]
fn values_that_cannot_be_secrets_are_refused() {
    for (value, why) in [
        ("changeme", "is a placeholder; replace it by the real value"),
        ("<secret>", "is a placeholder; replace it by the real value"),
        (
            "\"quoted\"",
            "is wrapped in quotation marks; remove them; an --env-file keeps quotation marks as part of the value",
        ),
        (
            "abc\r",
            "contains a line break or another control character; give it on one line; files written on Windows end lines with a carriage return",
        ),
        (
            " abc",
            "begins or ends with white space; remove the space around it",
        ),
    ] {
        let case = Case::environment([
            ("GENESYS_CLOUD_CLIENT_ID", "demo-client"),
            ("GENESYS_CLOUD_CLIENT_SECRET", value),
        ]);
        assert_eq!(
            case.problem(),
            format!("environment: GENESYS_CLOUD_CLIENT_SECRET: {why}")
        );
    }
}

#[test]
fn variables_that_hold_secrets_must_be_set() {
    let file = "[genesys]\nclient_id = \"x\"\nclient_secret_env = \"MY_SECRET\"\n";
    assert_eq!(
        Case::bare_file(file).problem(),
        "why403.toml:3: genesys.client_secret_env: the variable MY_SECRET is not set; set it, or \
         write the name of the variable that holds the secret"
    );
    let placeholder = Case::bare_file(file).with([("MY_SECRET", "changeme")]);
    assert!(
        placeholder
            .problem()
            .starts_with("environment: MY_SECRET: is a placeholder")
    );
}

#[test]
fn the_admin_token_is_long_enough() {
    let file = "[server]\nadmin_token_file = \"admin\"\n";
    assert_eq!(
        Case::file(file).also("admin", "short\n").problem(),
        "why403.toml:2: server.admin_token_file: the token in it is shorter than 16 characters; \
         make a longer one, for example with `openssl rand -hex 32`"
    );
    let case = Case::file(file).also("admin", "0123456789abcdef\n");
    let token = case.config().server.admin_token.unwrap();
    assert_eq!(token.file, Some(case.path().join("admin")));
    let literal = Case::file("[server]\nadmin_token = \"CANARY\"\n").problem();
    assert!(
        literal.starts_with("why403.toml:2: server.admin_token: a secret does not belong here")
    );
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let file = "[genesys]\nclient_id = \"x\"\nclient_secret_file = \"secret\"\n";
    let case = Case::bare_file(file).also("secret", "abc\n");
    let path = case.path().join("secret");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        case.warnings(),
        [
            "warning: why403.toml:3: genesys.client_secret_file: secret can be read by every user; \
          chmod 600 it; in Kubernetes set defaultMode: 0440 and the pod's fsGroup"
        ]
    );
}

#[test]
fn an_id_and_a_secret_that_are_swapped_are_noticed_and_not_shown() {
    let case = |id, secret| {
        Case::environment([
            ("GENESYS_CLOUD_CLIENT_ID", id),
            ("GENESYS_CLOUD_CLIENT_SECRET", secret),
        ])
    };
    let id = "6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11";
    assert_eq!(
        case(CANARY, id).problem(),
        "environment: GENESYS_CLOUD_CLIENT_ID: is no UUID, but its secret is: they seem to be \
         swapped; exchange the client's id and its secret"
    );
    assert_eq!(case(id, CANARY).config().targets.len(), 1);
    // What is too short for a secret is somebody's own name, and what only looks like a UUID is none.
    let is_taken = |given, secret| load(&case(given, secret).sources).is_ok();
    assert!(is_taken("nineteen-characters", id));
    assert!(!is_taken("twenty-characters-it", id));
    for secret in ["deadbeef", &id.replace('-', "0"), &id.replace('b', "g")] {
        assert!(is_taken(CANARY, secret), "{secret}");
    }
}
