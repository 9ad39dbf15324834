use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn scrubber(secrets: &[&str]) -> Scrubber {
    let secrets: Vec<SecretString> = secrets.iter().map(|it| SecretString::from(*it)).collect();
    Scrubber::new(&secrets)
}

#[test]
fn an_echoed_secret_is_removed_in_every_usual_form() {
    let secret = "s3cr3t/+\"~~~~ value&<x>";
    let pair = format!("client:{secret}");
    let encoded = STANDARD.encode(&pair);
    assert!(encoded.contains('+'), "{encoded} is the same in a URL");
    let scrubber = scrubber(&[secret, &pair]);
    for echo in [
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        encoded.clone(),
        encoded.replace('+', "%2B").replace('=', "%3D"),
        encoded.replace('+', "%2b").replace('=', "%3d"),
        encoded.replace('+', "\\u002B").replace('=', "\\u003d"),
        encoded.trim_end_matches('=').to_owned(),
        hex(secret),
        hex(secret).to_uppercase(),
        "s3cr3t%2F%2B%22%7E%7E%7E%7E+value%26%3Cx%3E".to_owned(),
        "s3cr3t%2f%2b%22%7e%7e%7e%7e+value%26%3cx%3e".to_owned(),
        "s3cr3t%2F%2B%22~~~~%20value%26%3Cx%3E".to_owned(),
        "s3cr3t%252F%252B%2522~~~~%2520value%2526%253Cx%253E".to_owned(),
        r#"s3cr3t/+\"~~~~ value&<x>"#.to_owned(),
        r#"s3cr3t\/+\"~~~~ value&<x>"#.to_owned(),
        r#"s3cr3t/+\"~~~~ value\u0026\u003cx\u003E"#.to_owned(),
        r"s3cr3t/\u002b\u0022~~~~\u0020value\u0026\u003cx\u003E".to_owned(),
        r#"s3cr3t/+\\\"~~~~ value\\u0026\\u003cx\\u003e"#.to_owned(),
        r#"s3cr3t/+\"~~~~ value\u0026amp;\u0026lt;x\u0026gt;"#.to_owned(),
        "s3cr3t/+&quot;~~~~ value&amp;&lt;x&gt;".to_owned(),
        "s3cr3t&#x2F;&#43;&#34;~~~~ value&amp;&lt;x&gt;".to_owned(),
    ] {
        let text = format!("before {echo} after");
        assert_eq!(scrubber.scrub(&text), "before [redacted] after", "{echo}");
    }
}

#[test]
fn what_is_not_ascii_is_removed_in_every_usual_form() {
    let scrubber = scrubber(&["pä\"ss & wörd/1"]);
    for echo in [
        "pä\"ss & wörd/1",
        "p\u{e4}\\\"ss & w\u{f6}rd\\/1",
        "p\\u00e4\\\"ss & w\\u00F6rd/1",
        "p%C3%A4%22ss+%26+w%C3%B6rd%2F1",
        "p%c3%a4%22ss%20%26%20w%c3%b6rd%2f1",
        "p\u{e4}&quot;ss &amp; w\u{f6}rd/1",
        "p&#228;&quot;ss &amp; w&#xF6;rd/1",
    ] {
        let text = format!("ada@example.com sent {echo}.");
        assert_eq!(scrubber.scrub(&text), "ada@example.com sent [redacted].");
    }
}

#[test]
fn of_a_longer_text_in_base64_nothing_of_the_secret_is_left() {
    let secret = "a-token-of-some-length-0123456789";
    let scrubber = scrubber(&[secret]);
    for before in ["", "B", "Be", "Bearer ", "user:"] {
        for after in ["", "!", "!!", "!!!"] {
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            let kept = scrubber.scrub(&format!("<{encoded}>"));
            assert!(kept.contains(REDACTED), "{before} {after}: {kept}");
            let left = kept.replace(REDACTED, "");
            assert!(left.len() < 22, "{before} {after}: {kept}");
        }
    }
}

#[test]
fn what_stays_in_json_is_json() {
    let scrubber = scrubber(&["se\"cr&et"]);
    let text = r#"{"a":"se\"cr\u0026et\n","b":"\u00e4 se\u0022cr&et"}"#;
    let kept = r#"{"a":"[redacted]\n","b":"\u00e4 [redacted]"}"#;
    assert_eq!(scrubber.scrub(text), kept);
}

#[test]
fn secrets_that_overlap_leave_nothing_of_each_other() {
    let scrubber = scrubber(&["abcdefgh", "efghijkl", "cdef"]);
    assert_eq!(scrubber.scrub("1 abcdefghijkl 2"), "1 [redacted] 2");
    assert_eq!(scrubber.scrub("abcd efgh"), "abcd efgh");
}

#[test]
fn a_secret_that_was_cut_is_removed_as_far_as_it_goes() {
    let scrubber = scrubber(&["tökens3cr3t"]);
    for (text, kept) in [
        ("see tökens3cr", "see [redacted]"),
        ("see tökens3cr3t", "see [redacted]"),
        ("see tök", "see [redacted]"),
        ("see t%C3%B6ke", "see [redacted]"),
        ("see t\\u00f6kens", "see [redacted]"),
        ("see tökens3cr\\u00", "see [redacted]"),
        ("see tökens3cr%3", "see [redacted]"),
        ("see tö", "see tö"),
        ("tökens3 is part", "tökens3 is part"),
        ("100 %", "100 %"),
        ("", ""),
    ] {
        assert_eq!(scrubber.scrub_cut(text), kept, "{text}");
    }
}

#[test]
fn long_texts_are_searched_over_the_borders_of_their_pieces() {
    let scrubber = scrubber(&["se\"cr&et-0123456789"]);
    for shift in 0..60 {
        let before = "x".repeat(PIECE_BYTES - shift);
        let text = format!("{before}se\\\"cr\\u0026et-0123456789{before}");
        assert_eq!(scrubber.scrub(&text), format!("{before}{REDACTED}{before}"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "(\\\\u?[0-9a-f]{0,4}|%[0-9a-f]{0,2}|&#?x?[0-9a-f]{0,7};?|.|secr\\u0026t){0,20}",
        secret in ".{4,12}",
    ) {
        let scrubber = scrubber(&[&secret, "secr&t"]);
        prop_assert!(!scrubber.scrub(&text).contains("secr\\u0026t"));
        let _cut = scrubber.scrub_cut(&text);
    }

    #[test]
    fn a_secret_in_json_is_found_however_it_is_escaped(
        secret in "[ -~äß🦀]{6,20}",
        escaped in proptest::collection::vec(any::<bool>(), 20),
    ) {
        let mut text = String::new();
        for (character, escape) in secret.chars().zip(escaped) {
            if escape || matches!(character, '"' | '\\') {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(text, "\\u{unit:04x}").unwrap();
                }
            } else {
                text.push(character);
            }
        }
        let kept = scrubber(&[&secret]).scrub(&format!("{{\"a\":\"{text}\"}}"));
        prop_assert_eq!(kept, "{\"a\":\"[redacted]\"}");
    }
}
