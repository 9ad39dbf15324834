//! Documents that describe the code must describe this code.

use super::code::ORDER;
use super::files::{Text, optional};
use super::{Finding, assert_clean};

/// Longest bird's-eye view.
const MOST_LINES: usize = 120;

fn architecture(text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    let count = text.content.lines().count();
    if count > MOST_LINES {
        let rule = format!("{count} lines; a bird's-eye view has at most {MOST_LINES}");
        findings.push(Finding::new(&text.path, MOST_LINES + 1, rule));
    }
    for module in ORDER {
        let spellings = ["`", "/`", "/mod.rs`", ".rs`"].map(|end| format!("{module}{end}"));
        if !spellings.iter().any(|it| text.content.contains(it)) {
            let rule = format!("the module `{module}` is not mentioned");
            findings.push(Finding::new(&text.path, 1, rule));
        }
    }
    findings
}

#[test]
fn the_birds_eye_view_is_short_and_complete() {
    if let Some(text) = optional("ARCHITECTURE.md") {
        assert_clean(&architecture(&text));
    }
}

#[test]
fn the_example_configuration_is_the_one_that_is_built_in() {
    let file = optional("config/default.toml").unwrap();
    let built_in = why403::config::default_toml();
    let differs = (1..)
        .zip(file.content.lines().zip(built_in.lines()))
        .find(|(_, (written, built_in))| written != built_in);
    assert_eq!(
        differs, None,
        "config/default.toml: see `check-config --print-default`"
    );
    assert_eq!(file.content, built_in);
}

#[test]
fn the_rules_for_the_birds_eye_view_can_fail() {
    let mut text = Text {
        path: "ARCHITECTURE.md".to_owned(),
        content: format!("* `{}`\n", ORDER.join("`\n* `")),
    };
    assert_eq!(architecture(&text), []);
    text.content = text.content.replace("`monitor`", "monitor");
    assert_eq!(
        architecture(&text)[0].to_string(),
        "ARCHITECTURE.md:1: the module `monitor` is not mentioned"
    );
    text.content.push_str(&"\n".repeat(MOST_LINES));
    assert_eq!(architecture(&text).len(), 2);
}
