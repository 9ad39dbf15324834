//! The configuration file as a file: syntax, structure, size, encoding.

use proptest::prelude::*;

use super::*;

#[test]
fn everything_wrong_is_said_at_once() {
    let case = Case::bare_file(
        "[servr]\n\
         [probe]\n\
         interval = 30\n\
         intervall = \"30s\"\n\
         colour = \"CANARY\"\n\
         [genesys]\n\
         client_secret = \"CANARY\"\n\
         client_id = \"your-client-id\"\n\
         [[targets]]\n\
         name = \"prod eu\"\n\
         region = \"eu-centrel-1\"\n\
         [[targets]]\n\
         name = \"b\"\n\
         client_secret_file = \"missing\"\n\
         forbidden = \"fail\"\n",
    )
    .with([("WHY403__PROBE__FALL", "0")]);
    let problems = load(&case.sources).unwrap_err();
    let text = problems.to_string();
    let text = text.replace(&format!("{}/", case.path().display()), "");
    let (regions_from, regions_to) = ("us-east-1,", "ap-southeast-2");
    let (before, rest) = text.split_once(regions_from).unwrap();
    let (_, after) = rest.split_once(regions_to).unwrap();
    assert_eq!(
        format!("{before}…{after}"),
        "12 problems in the configuration:\n\
         why403.toml:1: servr: is no table of the configuration; did you mean \"server\"?\n\
         why403.toml:3: probe.interval: \"30\" has no unit; write \"30s\"\n\
         why403.toml:4: probe.intervall: is no known key; did you mean \"interval\"?\n\
         why403.toml:5: probe.colour: is no known key; the keys here are interval, timeout, \
         connect_timeout, fall, rise, jitter, max_in_flight, examination_pause\n\
         why403.toml:7: genesys.client_secret: a secret does not belong here; remove it (and \
         renew it if the file was shared), then put the secret into a file and write \
         client_secret_file, or name a variable with client_secret_env\n\
         why403.toml:8: genesys.client_id: is a placeholder; replace it by the real value\n\
         why403.toml:9: targets[0].client_secret_file: the secret of the OAuth client is \
         missing; set it here, in [genesys], or in the variable GENESYS_CLOUD_CLIENT_SECRET\n\
         why403.toml:10: targets[0].name: \"prod eu\" is no name; a name has 1 to 63 characters \
         of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit\n\
         why403.toml:11: targets[0].region: \"eu-centrel-1\" is no region of Genesys Cloud; did \
         you mean \"eu-central-1\"? choose one of …, or set base_url\n\
         why403.toml:14: targets[1].client_secret_file: \"missing\" cannot be read: No such file \
         or directory (os error 2); put the secret alone into a file that why403 may read, and \
         give its path\n\
         why403.toml:15: targets[1].forbidden: is no known key; it belongs into [health]\n\
         environment: WHY403__PROBE__FALL: 0 is too small; write a whole number from 1 to 100"
    );
}

#[test]
fn syntax_errors_have_line_and_column_but_no_text() {
    let case = Case::file("[genesys]\n client_id = \"CANARY\n");
    let problem = case.problem();
    assert!(
        problem.starts_with("why403.toml:2: TOML syntax, column "),
        "{problem}"
    );
    assert!(!problem.contains("CANARY"), "{problem}");
    let comment = "# a file of some length\n".repeat(1_000);
    for text in ["[a\n[b\nc = \n", &format!("{comment}[a\n[b\nc = \n")] {
        let several = Case::file(text).problems();
        assert!(several.len() >= 2, "{several:#?}");
    }
    assert_eq!(
        Case::file("[probe]\nfall = 1\nfall = 2\n").problem(),
        "why403.toml:3: TOML syntax, column 1: duplicate key; keep this one or that in line 2"
    );
}

#[test]
fn duplicate_keys_are_reported_with_both_places() {
    for (text, line, first) in [
        (
            "[[targets]]\nname = \"a\"\n[[targets]]\nname = \"b\"\nname = \"c\"\n",
            5,
            4,
        ),
        (
            "[log]\nlevel = \"info\"\n[probe]\n\"fall\" = 1\nfall = 1\n",
            5,
            4,
        ),
        (
            "[probe]\nfall = 1\nrise = 3\nfall = 2\n[log]\nlevel = \"info\"\n",
            4,
            2,
        ),
    ] {
        let problem = Case::file(text).problem();
        assert!(
            problem.starts_with(&format!("why403.toml:{line}: ")),
            "{problem}"
        );
        assert!(
            problem.ends_with(&format!(
                "duplicate key; keep this one or that in line {first}"
            )),
            "{problem}"
        );
    }
}

#[test]
fn what_is_no_usable_file_is_said_in_one_line() {
    let mut missing = Case::environment(CLIENT);
    missing.sources.file = Some(missing.path().join("none.toml"));
    assert_eq!(
        missing.problem(),
        "none.toml: cannot be read: No such file or directory (os error 2); check the path and \
         its permissions"
    );
    let mut directory = Case::environment(CLIENT);
    directory.sources.file = Some(directory.path().to_owned());
    assert!(
        directory
            .problem()
            .ends_with("is not a regular file; give the path of a file")
    );
    assert_eq!(
        Case::bare_file(b"[probe]\nfall = 1 # \xff\n").problem(),
        "why403.toml: is not UTF-8 text (line 2); save it as UTF-8"
    );
}

#[test]
fn byte_order_mark_carriage_returns_and_tabs_are_accepted() {
    let case = Case::file("\u{feff}[probe]\r\n\tfall\t=\t4\r\n");
    assert_eq!(case.config().probe.fall, 4);
    let case = Case::file("\u{feff}[probe]\r\n\tfall\t=\t\"4\"\r\n");
    assert!(case.problem().starts_with("why403.toml:2: probe.fall"));
}

#[test]
fn tables_have_the_right_form() {
    for (text, problem) in [
        (
            "probe = 1",
            "why403.toml:1: probe: has the wrong form; write [probe]",
        ),
        (
            "[targets]\nname = \"a\"",
            "why403.toml:1: targets: has the wrong form; write [[targets]]",
        ),
        (
            "[[probe]]\nfall = 1",
            "why403.toml:1: probe: has the wrong form; write [probe]",
        ),
        (
            "[log.x]\ny = 1",
            "why403.toml:1: log.x: is no known key; the keys here are level, format",
        ),
        (
            "targets = [1]",
            "why403.toml:1: targets[0]: is no table; write [[targets]]",
        ),
        (
            "interval = \"5s\"",
            "why403.toml:1: interval: is no table of the configuration; it belongs into [probe] or [targets]",
        ),
        (
            "[\"a b\\u001b\"]",
            "why403.toml:1: \"a b\\u{1b}\": is no table of the configuration; the tables are server, probe, health, network, log, genesys, targets",
        ),
    ] {
        assert_eq!(Case::file(text).problem(), problem);
    }
}

#[test]
fn absurd_files_are_refused_quickly() {
    let large = Case::file(&"#".repeat(16 * 1024 * 1024 + 1));
    assert!(large.problem().contains("is larger than 16 MiB"));
    let deep = Case::file(&format!("a = {}", "[".repeat(1_000_000)));
    assert!(!deep.problems().is_empty());
    let nested = Case::file(&format!("a = {}", "[".repeat(10_000)));
    assert!(!nested.problems().is_empty());
    let many = (0..100_000).fold(String::new(), |text, at| text + &format!("k{at} = 1\n"));
    let problems = load(&Case::file(&many).sources).unwrap_err();
    assert_eq!(problems.errors(), 100_000);
    assert_eq!(problems.iter().count(), Problems::MAX);
    assert!(problems.to_string().ends_with("\nand 99500 more"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_the_loader_panic(bytes: Vec<u8>) {
        drop(load(&Case::bare_file(bytes).sources));
    }

    #[test]
    fn no_value_makes_the_loader_panic(
        key in proptest::sample::select(keys::KEYS),
        value in "[-0-9a-z.:/@\"'\\[\\]{}= ]{0,20}",
    ) {
        let text = format!("[{}]\n{} = {value}\n", key.section, key.name);
        drop(load(&Case::bare_file(&text).sources));
        let text = format!("[[targets]]\n{} = \"{}\"\n", key.name, value.replace('"', ""));
        drop(load(&Case::bare_file(&text).sources));
    }
}
