//! House rules, as tests.
//!
//! A rule that only reviewers know is broken sooner or later. Every finding names file, line and
//! rule, and every rule is tried here on input that breaks it.

#![allow(
    clippy::string_slice,
    reason = "positions come from searches in the same text"
)]

mod code;
mod docs;
mod files;
mod mentions;
mod prose;
mod reliability;
mod rust;

use std::fmt;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    rule: String,
}

impl Finding {
    fn new(file: &str, line: usize, rule: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// Fails with one line per finding.
#[track_caller]
fn assert_clean(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(
        findings.is_empty(),
        "{} rules broken:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// The lines of the findings, for tests of the rules themselves.
fn lines(findings: &[Finding]) -> Vec<usize> {
    findings.iter().map(|finding| finding.line).collect()
}
