//! One value on its own: its type, its bounds, its form, and what a variable makes of it.

use super::*;

const WHOLE: &str = "write a whole number from 1 to 100";
const FRACTION: &str = "write a number from 0 to 0.2";
const NAMES: &str = "write a list of names like [\"Home\", \"Sales\"]";
const PROXY: &str = "write \"env\", \"none\", or a URL like \"http://proxy.example:3128\"";

/// The only problem of a file that sets one key.
fn problem(key: &str, value: &str) -> String {
    Case::file(&format!("{key} = {value}\n")).problem()
}

/// A file that sets one key, which must be taken.
fn taken(key: &str, value: &str) -> Config {
    Case::file(&format!("{key} = {value}\n")).config()
}

#[test]
fn a_value_of_another_type_is_told_by_its_type() {
    for (value, what) in [
        ("true", "a boolean"),
        ("1", "a number"),
        ("1.5", "a fraction"),
        ("1979-05-27", "a date or time"),
        ("[\"127.0.0.1:80\"]", "a list"),
        ("{ port = 80 }", "a table"),
    ] {
        assert_eq!(
            problem("server.listen", value),
            format!(
                "why403.toml:1: server.listen: must be a string, not {what}; write it in \
                 quotation marks"
            )
        );
    }
    for (key, value, problem_of_it) in [
        (
            "genesys.operations",
            "\"GET /api/v2/routing/queues\"",
            "must be a list, not a string; write a list like [\"GET /api/v2/routing/queues\"]",
        ),
        (
            "genesys.expect.divisions",
            "\"Home\"",
            &format!("must be a list, not a string; {NAMES}"),
        ),
        (
            "genesys.expect.divisions",
            "[\"Home\", 1]",
            &format!("contains a number, not only strings; {NAMES}"),
        ),
    ] {
        assert_eq!(
            problem(key, value),
            format!("why403.toml:1: {key}: {problem_of_it}")
        );
    }
}

#[test]
fn bounds_belong_to_what_is_allowed() {
    for (key, good, bad) in [
        (
            "probe.fall",
            ["1", "100"],
            [
                ("0", format!("0 is too small; {WHOLE}")),
                ("101", format!("101 is too large; {WHOLE}")),
            ],
        ),
        (
            "probe.jitter",
            ["0", "0.2"],
            [
                ("-0.01", format!("-0.01 is out of range; {FRACTION}")),
                ("1", format!("1 is out of range; {FRACTION}")),
            ],
        ),
        (
            "probe.examination_pause",
            ["\"1s\"", "\"24h\""],
            [
                (
                    "\"999ms\"",
                    "\"999ms\" is too short; choose 1s to 24h".into(),
                ),
                (
                    "\"24h1ms\"",
                    "\"24h1ms\" is too long; choose 1s to 24h".into(),
                ),
            ],
        ),
    ] {
        for value in good {
            taken(key, value);
        }
        for (value, what) in bad {
            assert_eq!(problem(key, value), format!("why403.toml:1: {key}: {what}"));
        }
    }
}

#[test]
fn a_text_may_be_long_but_not_endless() {
    let path = |length: usize| format!("\"/{}\"", "x".repeat(length - 1));
    taken("server.state_dir", &path(4096));
    assert_eq!(
        problem("server.state_dir", &path(4097)),
        "why403.toml:1: server.state_dir: is too long; shorten it"
    );
}

#[test]
fn a_variable_is_read_as_the_type_of_its_key() {
    let variables = [
        ("WHY403__NETWORK__ALLOW_HTTP", "true"),
        ("WHY403__PROBE__FALL", "7"),
        ("WHY403__PROBE__JITTER", "0.125"),
        (
            "WHY403__GENESYS__OPERATIONS",
            "GET /api/v2/tokens/me, GET /api/v2/routing/queues",
        ),
        ("WHY403__GENESYS__EXPECT__DIVISIONS", "Home,Head Office"),
    ];
    let config = Case::environment(CLIENT.into_iter().chain(variables)).config();
    assert!(config.network.allow_http);
    assert_eq!(config.probe.fall, 7);
    assert!((config.probe.jitter - 0.125).abs() < f64::EPSILON);
    let [target] = &config.targets[..] else {
        panic!("one target")
    };
    let operations: Vec<String> = target.operations.iter().map(|it| it.label()).collect();
    assert_eq!(
        operations,
        ["GET /api/v2/tokens/me", "GET /api/v2/routing/queues"]
    );
    assert_eq!(target.expect.divisions, ["Home", "Head Office"]);
}

#[test]
fn a_variable_of_another_type_is_told_as_it_stands() {
    for (name, value, problem) in [
        (
            "WHY403__NETWORK__ALLOW_HTTP",
            "yes",
            "\"yes\" is neither true nor false; write true or false",
        ),
        (
            "WHY403__PROBE__JITTER",
            "much",
            &format!("\"much\" is no number; {FRACTION}"),
        ),
        (
            "WHY403__GENESYS__EXPECT__DIVISIONS",
            "Home,,Sales",
            &format!("contains a name that is empty or longer than 200 bytes; {NAMES}"),
        ),
    ] {
        let case = Case::environment(CLIENT.into_iter().chain([(name, value)]));
        assert_eq!(case.problem(), format!("environment: {name}: {problem}"));
    }
}

#[test]
fn a_list_of_names_has_bounds_and_so_has_each_of_them() {
    let key = "genesys.expect.divisions";
    let list = |names: &[&str]| format!("{names:?}");
    let longest = "x".repeat(200);
    assert_eq!(
        taken(key, &list(&[&longest])).targets[0].expect.divisions,
        [longest.as_str()]
    );
    for bad in ["", " ", &"x".repeat(201), &"x".repeat(300)] {
        assert_eq!(
            problem(key, &list(&["Home", bad])),
            format!(
                "why403.toml:1: {key}: contains a name that is empty or longer than 200 bytes; {NAMES}"
            )
        );
    }
    assert_eq!(
        problem(key, &list(&["Home", " Sales"])),
        format!(
            "why403.toml:1: {key}: a name in it begins or ends with white space; remove the space \
             around it"
        )
    );
    let config = taken(key, &list(&["x"; 200]));
    assert_eq!(config.targets[0].expect.divisions.len(), 200);
    for count in [201, 300] {
        assert_eq!(
            problem(key, &list(&vec!["x"; count])),
            format!("why403.toml:1: {key}: has more than 200 names; name fewer")
        );
    }
}

#[test]
fn an_address_to_listen_on_is_an_ip_address_and_a_port() {
    for text in [
        ":http",
        ":65536",
        ":",
        "127.0.0.1",
        "localhost:8403",
        "8403",
    ] {
        assert_eq!(
            problem("server.listen", &format!("{text:?}")),
            format!(
                "why403.toml:1: server.listen: {text:?} is no address to listen on; write an IP \
                 address and a port, like \"127.0.0.1:8403\" or \"[::]:8403\""
            )
        );
    }
}

#[test]
fn a_proxy_is_a_url_with_a_host_and_a_port() {
    for (text, what) in [
        ("http://p.example:0", "is no URL of a proxy"),
        ("https://p.example:0", "is no URL of a proxy"),
        ("http://", "is no URL of a proxy"),
        ("http://:3128", "is no URL of a proxy"),
        ("p.example", "is no URL of a proxy"),
        ("p.example:3128", "is no http or https proxy"),
    ] {
        assert_eq!(
            problem("network.proxy", &format!("{text:?}")),
            format!("why403.toml:1: network.proxy: {what}; {PROXY}")
        );
    }
    for text in ["http://p.example", "https://p.example:3128"] {
        let config = taken("network.proxy", &format!("{text:?}"));
        assert_eq!(config.network.proxy.unwrap().to_string(), text);
    }
}

/// The text may be the secret itself, and is not shown.
#[test]
fn a_variable_that_cannot_exist_is_told_without_its_name() {
    for text in [
        "1CANARY", "CANARY-1", "CANARY 1", "CANÄRY", "CANARY=", "%CANARY",
    ] {
        let toml = format!("[genesys]\nclient_id = \"x\"\nclient_secret_env = {text:?}\n");
        assert_eq!(
            Case::bare_file(&toml).problem(),
            "why403.toml:3: genesys.client_secret_env: is no name of an environment variable; \
             write the variable's name, not its value"
        );
    }
    for name in ["_", "a1", "A_1"] {
        let toml = format!("[genesys]\nclient_id = \"x\"\nclient_secret_env = {name:?}\n");
        Case::bare_file(&toml)
            .with([(name, "demo-secret")])
            .config();
    }
}

#[test]
fn an_operation_that_cannot_be_probed_is_told_with_those_that_can() {
    let key = "genesys.operations";
    let choices = "choose from \"GET /api/v2/routing/queues\", \
        \"GET /api/v2/routing/queues/divisionviews\", \
        \"GET /api/v2/routing/queues/divisionviews/all\", \"GET /api/v2/routing/queues/me\", \
        \"GET /api/v2/tokens/me\", \"GET /api/v2/authorization/subjects/me\", \
        \"GET /api/v2/authorization/permissions\", \"GET /api/v2/authorization/products\", \
        \"GET /api/v2/organizations/me\"";
    for text in [
        "POST /api/v2/routing/queues",
        "GET /api/v2/routing/queues/{queueId}",
        "GET /api/v2/authorization/divisionspermitted/paged/me",
    ] {
        assert_eq!(
            problem(key, &format!("[{text:?}]")),
            format!(
                "why403.toml:1: {key}: {text:?} cannot be probed: it changes something, or needs \
                 an id or a query; {choices}"
            )
        );
    }
    for text in ["/api/v2/routing/queues/{queueId}", "GET /api/v2/users"] {
        assert_eq!(
            problem(key, &format!("[{text:?}]")),
            format!("why403.toml:1: {key}: {text:?} is no operation that why403 knows; {choices}")
        );
    }
    for known in crate::target::OPERATIONS
        .iter()
        .filter(|it| it.can_be_probed())
    {
        let label = known.label();
        let config = taken(key, &format!("[{label:?}]"));
        assert_eq!(config.targets[0].operations, [known]);
    }
}
