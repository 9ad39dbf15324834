//! Grants that act for users.

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::*;
use crate::target::{IdentityKind, Secret, Target};

/// The name of the grant, the client's id and secret, and what speaks for the user.
fn grant(target: &Target) -> [String; 4] {
    let grant = &target.credential.grant;
    let secret = |secret: Option<&Secret>| {
        secret.map_or("-".to_owned(), |it| it.value.expose_secret().to_owned())
    };
    assert_eq!(grant.identity(), IdentityKind::User);
    [
        grant.name().to_owned(),
        grant.client_id().unwrap().to_owned(),
        secret(grant.client_secret()),
        secret(grant.proof()),
    ]
}

#[test]
fn the_keys_that_are_set_decide_and_the_client_may_stand_elsewhere() {
    for (keys, expected) in [
        (
            "refresh_token_file = \"r\"\n",
            ["refresh_token", "demo-client", "demo-secret", "tok en"],
        ),
        (
            "assertion_file = \"a\"\norganization_name = \"org\"\n",
            ["saml2_bearer", "demo-client", "demo-secret", "PGE+PC9hPg=="],
        ),
        (
            "password_file = \"p\"\nusername = \"ada\"\n",
            ["password", "demo-client", "demo-secret", "p\u{e4}ss wort"],
        ),
        (
            "password_env = \"PASSWORD\"\nusername = \"ada\"\nclient_id = \"y\"\nclient_secret_env = \"S\"\n",
            ["password", "y", "s", "from outside"],
        ),
    ] {
        // The client of the environment is stronger than the file, and belongs to what is there.
        for header in ["[genesys]", "[[targets]]\nname = \"t\""] {
            let own = header.starts_with("[[") || !keys.contains("client_id");
            let case = Case::bare_file(format!("{header}\n{keys}"))
                .also("r", "tok en\n")
                .also("a", "PGE+\nPC9hPg==\n")
                .also("p", "p\u{e4}ss wort\n");
            let pairs = [("PASSWORD", "from outside"), ("S", "s")];
            let client = CLIENT.into_iter().filter(|_| own);
            let case = case.with(client.chain(pairs));
            let loaded = case.loaded();
            assert_eq!(grant(&loaded.config.targets[0]), expected, "{header}");
        }
    }
    // What the target says itself counts before what it inherits.
    let config = Case::bare_file(
        "[genesys]\nrefresh_token_file = \"r\"\n\
         [[targets]]\nname = \"a\"\n\
         [[targets]]\nname = \"b\"\nclient_id = \"y\"\nclient_secret_env = \"S\"\n",
    )
    .also("r", "t")
    .with(CLIENT.into_iter().chain([("S", "s")]))
    .config();
    let names = config
        .targets
        .iter()
        .map(|target| target.credential.grant.name());
    assert!(names.eq(["refresh_token", "client_credentials"]));
}

#[test]
fn a_refresh_token_needs_no_secret_of_a_public_client() {
    let file = "[genesys]\nclient_id = \"public\"\nrefresh_token_file = \"r\"\n";
    let config = Case::bare_file(file).also("r", "t").config();
    assert_eq!(
        grant(&config.targets[0]),
        ["refresh_token", "public", "-", "t"]
    );
    // An inherited secret that belongs to another client is none of its own.
    let file = "[genesys]\nclient_id = \"other\"\nclient_secret_env = \"S\"\n\
                [[targets]]\nname = \"a\"\nclient_id = \"public\"\nrefresh_token_file = \"r\"\n\
                [[targets]]\nname = \"b\"\nrefresh_token_file = \"r2\"\n";
    let case = Case::bare_file(file).also("r", "t").also("r2", "t2");
    let config = case.with([("S", "s")]).config();
    assert_eq!(
        grant(&config.targets[0]),
        ["refresh_token", "public", "-", "t"]
    );
    assert_eq!(
        grant(&config.targets[1]),
        ["refresh_token", "other", "s", "t2"]
    );
}

#[test]
fn a_refresh_token_belongs_to_the_client_beside_it() {
    let file = "[genesys]\nclient_id = \"portal\"\nrefresh_token_file = \"r\"\n\
                [[targets]]\nname = \"a\"\ngrant = \"refresh_token\"\nclient_id = \"y\"\n";
    let case = Case::bare_file(file).also("r", "t");
    assert_eq!(
        case.problem(),
        "why403.toml:7: targets[0].client_id: has no refresh token of its own, and the inherited \
         one belongs to \"portal\"; set refresh_token_file beside it, or name one client only"
    );
}

#[test]
fn missing_pieces_are_named_one_by_one() {
    let missing = |grant: &str| {
        Case::bare_file(format!("[[targets]]\nname = \"t\"\ngrant = \"{grant}\"\n")).problems()
    };
    let one = |key: &str, what: &str, variable: &str| {
        format!(
            "why403.toml:1: targets[0].{key}: {what} is missing; set it here, in [genesys], or in \
             the variable {variable}"
        )
    };
    let id = one(
        "client_id",
        "the id of the OAuth client",
        "GENESYS_CLOUD_CLIENT_ID",
    );
    let secret = one(
        "client_secret_file",
        "the secret of the OAuth client",
        "GENESYS_CLOUD_CLIENT_SECRET",
    );
    let own = |key: &str, what: &str| {
        let variable = format!("WHY403__GENESYS__{}", key.to_ascii_uppercase());
        one(key, what, &variable)
    };
    assert_eq!(
        missing("refresh_token"),
        [id.clone(), own("refresh_token_file", "a refresh token")]
    );
    assert_eq!(
        missing("saml2_bearer"),
        [
            own("assertion_file", "a SAML assertion"),
            id.clone(),
            secret.clone(),
            own("organization_name", "the short name of the org"),
        ]
    );
    assert_eq!(
        missing("password"),
        [
            id,
            secret,
            own("password_file", "the password of the user"),
            own("username", "the name of the user"),
        ]
    );
    let bare = Case::environment(
        CLIENT
            .into_iter()
            .chain([("WHY403__GENESYS__GRANT", "password")]),
    );
    assert_eq!(
        bare.problems(),
        [
            "environment: WHY403__GENESYS__PASSWORD_FILE: is not set; set it to the path of a file \
             with the password of the user, or set password_file in [genesys] of a file (--config)",
            "environment: WHY403__GENESYS__USERNAME: is not set; set it to the name of the user, \
             or set username in [genesys] of a file (--config)",
        ]
    );
}

#[test]
fn two_ways_at_once_are_no_decision() {
    let two = "[genesys]\nrefresh_token_file = \"r\"\nassertion_file = \"a\"\n";
    assert_eq!(
        Case::file(two).problem(),
        "why403.toml:3: genesys.assertion_file: is set beside genesys.refresh_token_file (line 2), \
         which means another grant; remove one of the two, or set grant to say which one counts"
    );
    let case = Case::file(&format!("{two}grant = \"refresh_token\"\n")).also("r", "t");
    assert_eq!(grant(&case.config().targets[0])[3], "t");
    let password = "[genesys]\nusername = \"ada\"\npassword_file = \"p\"\npassword_env = \"P\"\n";
    assert_eq!(
        Case::file(password).problem(),
        "why403.toml:4: genesys.password_env: is set beside genesys.password_file (line 3); \
         remove one of the two"
    );
    let token = "[genesys]\nrefresh_token_file = \"r\"\naccess_token_env = \"T\"\n";
    let case = Case::bare_file(token).also("r", "t");
    assert_eq!(
        case.with(CLIENT).warnings(),
        [
            "warning: why403.toml:3: genesys.access_token_env: is ignored, because a refresh token \
          is given, too; remove it, or set grant = \"access_token\" (WHY403__GENESYS__GRANT) to use it"
        ]
    );
}

#[test]
fn secrets_do_not_stand_in_the_file_or_in_the_wrong_variable() {
    for (key, instead) in [
        (
            "refresh_token",
            "remove it (and renew it if the file was shared), then put the token into a file of \
             its own and write refresh_token_file",
        ),
        (
            "assertion",
            "remove it, then put the assertion into a file and write assertion_file",
        ),
        (
            "password",
            "remove it (and change it if the file was shared), then put the password into a file \
             and write password_file, or name a variable with password_env",
        ),
    ] {
        assert_eq!(
            Case::file(&format!("[genesys]\n{key} = \"CANARY\"\n")).problem(),
            format!("why403.toml:2: genesys.{key}: a secret does not belong here; {instead}")
        );
        let name = format!("WHY403__GENESYS__{}", key.to_ascii_uppercase());
        let case = Case::environment(CLIENT.into_iter().chain([(name.as_str(), "CANARY")]));
        assert_eq!(
            case.problem(),
            format!("environment: {name}: is not read; use {name}_FILE")
        );
    }
    let case = Case::file("[genesys]\nrefresh_token_env = \"R\"\n");
    assert!(
        case.problem()
            .ends_with("is no known key; did you mean \"refresh_token_file\"?"),
        "{}",
        case.problem()
    );
}

#[test]
fn what_stands_in_the_files_is_checked() {
    let problem = |keys: &str, content: &str| {
        let case = Case::file(&format!("[genesys]\n{keys}\n")).also("x", content);
        case.problem()
    };
    let fix = "put the secret alone into a file that why403 may read, and give its path";
    for (keys, content, what) in [
        (
            "refresh_token_file = \"x\"",
            "a\nb",
            "contains a line break or another control character",
        ),
        ("refresh_token_file = \"x\"", "", "is empty"),
        (
            "assertion_file = \"x\"\norganization_name = \"org\"",
            "no, not this one",
            "is neither base64 nor XML, as an assertion is",
        ),
        (
            "password_file = \"x\"\nusername = \"ada\"",
            "changeme",
            "is a placeholder",
        ),
    ] {
        let key = keys.split(' ').next().unwrap();
        assert_eq!(
            problem(keys, content),
            format!("why403.toml:2: genesys.{key}: \"x\" its content {what}; {fix}")
        );
    }
    let xml = "<Assertion>\n</Assertion>\n";
    let file = "[genesys]\nassertion_file = \"x\"\norganization_name = \"org\"\n";
    let config = Case::file(file).also("x", xml).config();
    let sent = grant(&config.targets[0])[3].clone();
    assert_eq!(sent, "PEFzc2VydGlvbj4KPC9Bc3NlcnRpb24-");
}

#[test]
fn a_refresh_token_belongs_to_one_credential_and_one_file() {
    let targets = |second: &str| {
        Case::file(&format!(
            "[genesys]\nrefresh_token_file = \"r\"\n\
             [[targets]]\nname = \"a\"\n[[targets]]\nname = \"b\"\n{second}\n"
        ))
        .also("r", "t")
        .also("copy", "t")
        .also("other", "t2")
    };
    let config = targets("").config();
    let [a, b] = &config.targets[..] else {
        panic!("two targets")
    };
    assert!(Arc::ptr_eq(&a.credential, &b.credential));
    let config = targets("refresh_token_file = \"other\"").config();
    assert_eq!(config.targets[1].credential.name.as_str(), "b");
    assert_eq!(
        targets("refresh_token_file = \"copy\"").warnings(),
        [
            "warning: why403.toml:7: targets[1].refresh_token_file: holds the same token as the \
          file of a, and only that one is kept up to date; name the same file in both places"
        ]
    );
    let file = "refresh_token_file = \"r\"\nclient_id = \"y\"\nclient_secret_env = \"S\"";
    let case = targets(file).with(CLIENT.into_iter().chain([("S", "s")]));
    assert_eq!(
        case.problem(),
        "why403.toml:7: targets[1].refresh_token_file: names the file of a, which has another \
         client or server: they would take the token from each other; give each client a refresh \
         token and a file"
    );
}

#[test]
fn users_and_orgs_are_told_apart() {
    let file = "[genesys]\nusername = \"ada\"\npassword_env = \"P\"\nassertion_file = \"x\"\n\
                organization_name = \"one\"\ngrant = \"password\"\n\
                [[targets]]\nname = \"a\"\n\
                [[targets]]\nname = \"b\"\n\
                [[targets]]\nname = \"c\"\nusername = \"bob\"\n\
                [[targets]]\nname = \"d\"\ngrant = \"saml2_bearer\"\n\
                [[targets]]\nname = \"e\"\ngrant = \"saml2_bearer\"\norganization_name = \"two\"\n";
    let case = Case::file(file).also("x", "PGE-");
    let config = case.with(CLIENT.into_iter().chain([("P", "p")])).config();
    let names = config
        .targets
        .iter()
        .map(|target| target.credential.name.as_str());
    assert!(names.eq(["a", "a", "c", "d", "e"]));
}

#[cfg(unix)]
#[test]
fn a_refresh_token_that_could_not_be_replaced_is_warned_of() {
    // Not even root can make a file there.
    let path = "/proc/self/comm";
    let file = format!("[genesys]\nrefresh_token_file = \"{path}\"\n");
    let case = Case::file(&file);
    if !Path::new(path).is_file() {
        return;
    }
    let warnings = case.warnings();
    let last = warnings.last().unwrap();
    assert!(
        last.starts_with(&format!(
            "warning: why403.toml:2: genesys.refresh_token_file: the directory of \"{path}\" \
             cannot be written to ("
        )),
        "{warnings:?}"
    );
    assert!(last.ends_with(
        "), so that a token that replaces this one is lost when why403 ends; let why403 write \
         there; in Kubernetes that is a volume, not a Secret"
    ));
    let case = Case::file("[genesys]\nrefresh_token_file = \"r\"\n").also("r", "t");
    case.config();
    let entries = std::fs::read_dir(case.path()).unwrap();
    assert_eq!(entries.count(), 2, "nothing is left behind");
}
