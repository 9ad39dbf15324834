//! Targets, credentials and profiles.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::target::{Grant, Target};

/// The client's id and secret, or the token.
fn credential(target: &Target) -> (&str, &str) {
    match &target.credential.grant {
        Grant::ClientCredentials {
            client_id,
            client_secret,
        } => (client_id, client_secret.value.expose_secret()),
        Grant::AccessToken { token } => ("", token.value.expose_secret()),
        other => panic!("another grant: {other:?}"),
    }
}

#[test]
fn targets_inherit_what_they_do_not_set() {
    let case = Case::bare_file(
        "[genesys]\n\
         region = \"eu-central-1\"\n\
         client_id = \"shared\"\n\
         client_secret_file = \"shared.secret\"\n\
         expect.min_queues = 2\n\
         [[targets]]\n\
         name = \"a\"\n\
         [[targets]]\n\
         name = \"b\"\n\
         interval = \"2m\"\n\
         timeout = \"20s\"\n\
         operations = [\"GET /api/v2/tokens/me\"]\n\
         [targets.expect]\n\
         min_queues = 5\n\
         [[targets]]\n\
         name = \"c\"\n\
         base_url = \"https://gw.example/genesys/\"\n\
         login_url = \"https://gw.example/login\"\n\
         client_id = \"own\"\n\
         client_secret_env = \"OWN_SECRET\"\n",
    )
    .also("shared.secret", "s1\n")
    .with([("OWN_SECRET", "s2")]);
    let config = case.config();
    let [a, b, c] = &config.targets[..] else {
        panic!("three targets")
    };
    assert_eq!(a.api.as_str(), "https://api.mypurecloud.de/");
    assert_eq!(credential(a), ("shared", "s1"));
    assert_eq!((a.expect.min_queues, b.expect.min_queues), (2, 5));
    assert_eq!(b.interval, Duration::from_mins(2));
    assert_eq!(b.timeout, Duration::from_secs(20));
    assert_eq!(b.operations[0].path, "/api/v2/tokens/me");
    assert!(Arc::ptr_eq(&a.credential, &b.credential));
    assert_eq!(b.credential.name.as_str(), "a");
    assert_eq!(c.api.as_str(), "https://gw.example/genesys");
    assert_eq!(c.credential.login.as_str(), "https://gw.example/login");
    assert_eq!(credential(c), ("own", "s2"));
    let Grant::ClientCredentials { client_secret, .. } = &a.credential.grant else {
        panic!("a client")
    };
    assert_eq!(client_secret.file, Some(case.path().join("shared.secret")));
}

#[test]
fn credentials_are_shared_only_when_everything_is_the_same() {
    let config = Case::bare_file(
        "[genesys]\nclient_id = \"x\"\nclient_secret_env = \"ONE\"\n\
         [[targets]]\nname = \"a\"\n\
         [[targets]]\nname = \"b\"\nclient_secret_env = \"SAME\"\n\
         [[targets]]\nname = \"c\"\nclient_secret_env = \"TWO\"\n\
         [[targets]]\nname = \"d\"\nregion = \"eu-west-1\"\n\
         [[targets]]\nname = \"e\"\nclient_id = \"y\"\nclient_secret_env = \"ONE\"\n\
         [[targets]]\nname = \"f\"\naccess_token_env = \"ONE\"\n",
    )
    .with([("ONE", "s1"), ("SAME", "s1"), ("TWO", "s2")])
    .config();
    let names: Vec<&str> = config
        .targets
        .iter()
        .map(|target| target.credential.name.as_str())
        .collect();
    assert_eq!(names, ["a", "a", "c", "d", "e", "f"]);
}

#[test]
fn the_nearest_scope_decides_where_the_servers_are() {
    let shared =
        "[genesys]\nbase_url = \"https://gw.example\"\nlogin_url = \"https://id.example\"\n";
    let servers = |own: &str| {
        let case = Case::file(&format!("{shared}[[targets]]\nname = \"a\"\n{own}"));
        let target = &case.config().targets[0];
        [target.api.to_string(), target.credential.login.to_string()]
    };
    assert_eq!(servers(""), ["https://gw.example/", "https://id.example/"]);
    assert_eq!(
        servers("region = \"eu-west-1\"\n"),
        [
            "https://api.mypurecloud.ie/",
            "https://login.mypurecloud.ie/"
        ]
    );
    assert_eq!(
        servers("base_url = \"https://other.example\"\n"),
        ["https://other.example/", "https://other.example/"]
    );
    assert_eq!(
        servers("login_url = \"https://l.example\"\n"),
        ["https://gw.example/", "https://l.example/"]
    );
}

#[test]
fn a_region_and_another_base_url_contradict_each_other() {
    let both = |base: &str| {
        Case::file(&format!(
            "[genesys]\nregion = \"eu-west-1\"\nbase_url = \"{base}\"\n"
        ))
    };
    assert_eq!(
        both("https://api.mypurecloud.de").problem(),
        "why403.toml:3: genesys.base_url: is another server than genesys.region (line 2) means; \
         remove one of the two"
    );
    assert_eq!(
        both("https://api.mypurecloud.ie/").config().targets.len(),
        1
    );
    // A stronger layer replaces a weaker one instead of contradicting it.
    let case = Case::file("[genesys]\nregion = \"eu-west-1\"\n").with(
        CLIENT
            .into_iter()
            .chain([("GENESYS_CLOUD_BASE_URL", "https://gw.example")]),
    );
    assert_eq!(case.config().targets[0].api.as_str(), "https://gw.example/");
}

#[test]
fn plain_http_is_for_this_machine_or_on_request() {
    let file = "[genesys]\nbase_url = \"http://gw.example\"\n";
    let problem = Case::file(file).problem();
    assert!(
        problem
            .starts_with("why403.toml:2: genesys.base_url: \"http://gw.example\" is plain http;")
    );
    let allowed = Case::file(&format!("[network]\nallow_http = true\n{file}"));
    assert_eq!(
        allowed.warnings(),
        [
            "warning: why403.toml:4: genesys.base_url: is plain http: secrets and tokens travel in \
          clear text; use https if the server has it"
        ]
    );
    assert_eq!(
        Case::file("[genesys]\nbase_url = \"http://127.0.0.1:1\"\n")
            .config()
            .targets
            .len(),
        1
    );
}

#[test]
fn names_are_present_valid_and_unique() {
    let case = Case::file(
        "[[targets]]\nregion = \"eu-west-1\"\n[[targets]]\nname = \"A\"\n\
         [[targets]]\nname = \"b\"\n[[targets]]\nname = \"b\"\n",
    );
    assert_eq!(
        case.problems(),
        [
            "why403.toml:1: targets[0].name: is missing; give every target a name of its own",
            "why403.toml:4: targets[1].name: \"A\" is no name; a name has 1 to 63 characters of \
             a-z, 0-9, '.', '_' and '-', and begins with a letter or digit",
            "why403.toml:8: targets[3].name: \"b\" is already the name of targets[2].name (line \
             6); give every target a name of its own",
        ]
    );
}

#[test]
fn each_credential_has_one_secret_and_it_fits() {
    let two =
        "[genesys]\nclient_id = \"x\"\nclient_secret_file = \"a\"\nclient_secret_env = \"A\"\n";
    assert_eq!(
        Case::bare_file(two).problem(),
        "why403.toml:4: genesys.client_secret_env: is set beside genesys.client_secret_file \
         (line 3); remove one of the two"
    );
    let other = "[genesys]\nclient_id = \"x\"\nclient_secret_env = \"A\"\n\
                 [[targets]]\nname = \"t\"\nclient_id = \"y\"\n";
    assert_eq!(
        Case::bare_file(other).with([("A", "s")]).problem(),
        "why403.toml:6: targets[0].client_id: has no secret of its own, and the inherited one \
         belongs to \"x\"; set client_secret_file or client_secret_env beside it"
    );
    let missing = "[[targets]]\nname = \"t\"\ngrant = \"access_token\"\n";
    assert_eq!(
        Case::bare_file(missing).problem(),
        "why403.toml:1: targets[0].access_token_file: an access token is missing; set it here, \
         in [genesys], or in the variable GENESYSCLOUD_ACCESS_TOKEN"
    );
    // The id in the file, the secret in the environment.
    let split = "[[targets]]\nname = \"t\"\nclient_id = \"y\"\n";
    let split = Case::bare_file(split).with([("GENESYS_CLOUD_CLIENT_SECRET", "s")]);
    assert_eq!(credential(&split.config().targets[0]), ("y", "s"));
}

#[test]
fn the_grant_follows_from_what_is_given() {
    let both = || {
        CLIENT
            .into_iter()
            .chain([("GENESYSCLOUD_ACCESS_TOKEN", "abc")])
    };
    let case = Case::environment(both());
    assert_eq!(
        case.warnings(),
        [
            "warning: environment: GENESYSCLOUD_ACCESS_TOKEN: is ignored, because a client is \
          given, too; remove it, or set grant = \"access_token\" (WHY403__GENESYS__GRANT) to use it"
        ]
    );
    let file =
        "[genesys]\nclient_id = \"y\"\nclient_secret_env = \"S\"\naccess_token_env = \"S\"\n";
    let warnings = Case::bare_file(file).with([("S", "s")]).warnings();
    assert!(
        warnings[0].starts_with("warning: why403.toml:4: genesys.access_token_env: is ignored")
    );
    let asked = both().chain([("WHY403__GENESYS__GRANT", "access_token")]);
    let loaded = Case::environment(asked).loaded();
    assert_eq!(credential(&loaded.config.targets[0]), ("", "abc"));
    assert_eq!(
        Case::file("[genesys]\ngrant = \"magic\"\n").problem(),
        "why403.toml:2: genesys.grant: \"magic\" is no grant; write one of \
         \"client_credentials\", \"refresh_token\", \"saml2_bearer\", \"password\", \"access_token\""
    );
}

const PROFILES: &str = "[DEFAULT]\nenvironment = \"mypurecloud.ie\"\n\
    client_credentials = \"gc-id\"\nclient_secret = \"gc-secret\"\nlogging_enabled = true\n\
    [prod]\nenvironment = \"nowhere\"\nclient_credentials = \"p\"\nclient_secret = \"CANARY\\u0001\"\n";

/// A home directory with `gc` profiles, and a profile named by a flag.
fn gc(profile: &str) -> Case {
    let case = Case::environment([]);
    std::fs::create_dir(case.path().join(".gc")).unwrap();
    case.write(".gc/config.toml", PROFILES);
    let home = case.path().to_str().unwrap().to_owned();
    let mut case = case.with([("HOME", home.as_str())]);
    case.sources.profile = Some(profile.to_owned());
    case
}

#[test]
fn a_profile_of_gc_gives_everything() {
    for name in ["DEFAULT", "default"] {
        let config = gc(name).config();
        assert_eq!(
            config.targets[0].api.as_str(),
            "https://api.mypurecloud.ie/"
        );
        assert_eq!(credential(&config.targets[0]), ("gc-id", "gc-secret"));
    }
}

#[test]
fn a_file_of_many_profiles_is_read() {
    let case = gc("DEFAULT");
    let many = format!("{PROFILES}{}", "# another one\n".repeat(5_000));
    case.write(".gc/config.toml", many);
    assert_eq!(
        credential(&case.config().targets[0]),
        ("gc-id", "gc-secret")
    );
}

#[test]
fn what_stands_beside_or_above_a_profile_wins_over_it() {
    let file = "[genesys]\nprofile = \"DEFAULT\"\nprofile_file = \"gc.toml\"\nregion = \"eu-west-2\"\n\
                [[targets]]\nname = \"a\"\n[[targets]]\nname = \"b\"\nregion = \"us-east-1\"\n";
    let config = Case::bare_file(file).also("gc.toml", PROFILES).config();
    assert_eq!(
        config.targets[0].api.as_str(),
        "https://api.euw2.pure.cloud/"
    );
    assert_eq!(
        config.targets[1].api.as_str(),
        "https://api.mypurecloud.com/"
    );
    assert_eq!(credential(&config.targets[1]), ("gc-id", "gc-secret"));
}

#[test]
fn a_profile_is_as_near_as_whoever_names_it() {
    let own = "[genesys]\ngrant = \"access_token\"\naccess_token_env = \"T\"\n\
               profile_file = \"gc.toml\"\n\
               [[targets]]\nname = \"a\"\nprofile = \"DEFAULT\"\n[[targets]]\nname = \"b\"\n\
               region = \"us-east-1\"\n";
    let case = Case::bare_file(own).with([("T", "abc")]);
    let config = case.also("gc.toml", PROFILES).config();
    assert_eq!(credential(&config.targets[0]), ("gc-id", "gc-secret"));
    assert_eq!(credential(&config.targets[1]), ("", "abc"));
    let shared = "[genesys]\ngrant = \"access_token\"\naccess_token_env = \"T\"\n\
                  profile = \"DEFAULT\"\nprofile_file = \"gc.toml\"\n\
                  [[targets]]\nname = \"a\"\nclient_id = \"x\"\nclient_secret_env = \"S\"\n\
                  [[targets]]\nname = \"b\"\n";
    let case = Case::bare_file(shared).with([("T", "abc"), ("S", "s")]);
    let config = case.also("gc.toml", PROFILES).config();
    assert_eq!(credential(&config.targets[0]), ("x", "s"));
    assert_eq!(credential(&config.targets[1]), ("", "abc"));
}

#[test]
fn faults_in_profiles_are_reported_where_they_are() {
    assert_eq!(
        gc("nope")
            .problem()
            .replace(gc("nope").path().to_str().unwrap(), ""),
        "flags: genesys.profile: there is no profile \"nope\" in .gc/config.toml; choose one of \
         \"DEFAULT\", \"prod\""
    );
    let problems = gc("prod").problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(
        problems[0].starts_with(".gc/config.toml:7: prod.environment: \"nowhere\" is no region")
    );
    assert!(
        problems[1].starts_with(".gc/config.toml:9: prod.client_secret: contains a line break")
    );
    let homeless = Case::environment([("WHY403__GENESYS__PROFILE", "DEFAULT")]).problem();
    assert!(
        homeless.contains("the variable HOME is not set"),
        "{homeless}"
    );
}

#[test]
fn ten_thousand_targets_are_the_most() {
    let targets = |count: usize| {
        (0..count).fold(String::new(), |text, at| {
            text + &format!("[[targets]]\nname = \"t{at}\"\n")
        })
    };
    assert_eq!(Case::file(&targets(10_000)).config().targets.len(), 10_000);
    let problem = Case::file(&targets(10_001)).problem();
    assert!(
        problem.contains("targets: 10001 targets are more than 10000"),
        "{problem}"
    );
}
