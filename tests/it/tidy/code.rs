//! Rules for the library's code: who may use what.

use super::files::{below, optional};
use super::rust::{Kind, Module, library, tokens};
use super::{Finding, assert_clean, lines};

/// The modules, each of which uses only those above it.
pub(super) const ORDER: &[&str] = &[
    "sim",
    "clock",
    "target",
    "config",
    "evidence",
    "diagnosis",
    "health",
    "schedule",
    "timeline",
    "upstream",
    "token",
    "probe",
    "store",
    "snapshot",
    "metrics",
    "monitor",
    "http",
    "telemetry",
    "app",
    "demo",
    "cli",
];

/// Modules that are functions of their arguments: no I/O, no clock, no task, no log.
const PURE: &[&str] = &[
    "target",
    "evidence",
    "diagnosis",
    "health",
    "schedule",
    "timeline",
];

/// What no pure module names: crates and keywords.
const IMPURE_WORDS: &[&str] = &[
    "tokio",
    "tokio_util",
    "reqwest",
    "axum",
    "hyper",
    "tower",
    "tower_http",
    "tracing",
    "fastrand",
    "async",
    "await",
];

/// What no pure module names of the standard library.
const IMPURE_STD: &[&str] = &["fs", "env", "io", "process", "thread"];

/// Types that can be asked for the time.
const CLOCKS: &[&str] = &["Instant", "SystemTime", "Timestamp", "Zoned"];

/// Files that may read a clock: ours, and that of the simulator, which uses nothing of ours.
const CLOCK_FILES: &[&str] = &["src/clock.rs", "src/sim/clock.rs"];

fn position(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

/// A module uses only modules above it.
fn order(module: &Module) -> Vec<Finding> {
    let Some(own) = position(module.top()) else {
        let rule = format!("`{}` is not in the order of modules", module.top());
        return vec![Finding::new(&module.file, 1, rule)];
    };
    let mut findings = Vec::new();
    for named in module.named() {
        let Some(absolute) = &named.absolute else {
            continue;
        };
        let used = absolute.first().map_or("", String::as_str);
        let rule = match position(used) {
            Some(used) if used <= own => continue,
            Some(_) => format!(
                "`{}` stands above `{used}` and may not use it",
                module.top()
            ),
            None => format!("`{}` names no module", named.written.join("::")),
        };
        findings.push(Finding::new(&module.file, named.line, rule));
    }
    findings
}

/// Only the demonstration and the command line know that there is a simulator.
fn simulator_users(module: &Module) -> Vec<Finding> {
    if ["sim", "demo", "cli"].contains(&module.top()) {
        return Vec::new();
    }
    let named = module.named().into_iter();
    named
        .filter(|named| !named.test)
        .filter(|named| {
            let absolute = named.absolute.as_deref().unwrap_or_default();
            absolute.first().is_some_and(|top| top == "sim")
        })
        .map(|named| {
            let rule = "only `demo`, `cli` and tests name `sim`";
            Finding::new(&module.file, named.line, rule)
        })
        .collect()
}

/// The HTTP client is an affair of one module.
fn client_users(module: &Module) -> Vec<Finding> {
    if module.top() == "upstream" {
        return Vec::new();
    }
    let tokens = module.tokens.iter();
    tokens
        .filter(|token| token.is_word("reqwest"))
        .map(|token| Finding::new(&module.file, token.line, "only `upstream` names `reqwest`"))
        .collect()
}

/// Pure modules do nothing but compute.
fn purity(module: &Module) -> Vec<Finding> {
    if !PURE.contains(&module.top()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut broken = |line, what: &str| {
        let rule = format!("`{}` is pure: no `{what}`", module.top());
        findings.push(Finding::new(&module.file, line, rule));
    };
    for token in &module.tokens {
        if let Kind::Word(word) = &token.kind
            && IMPURE_WORDS.contains(&word.as_str())
        {
            broken(token.line, word);
        }
    }
    for pair in module.tokens.windows(2) {
        if pair[0].is_word("now") && pair[1].is_mark('(') {
            broken(pair[0].line, "now(");
        }
    }
    for named in module.named() {
        if let [first, second, ..] = named.written.as_slice()
            && first == "std"
            && IMPURE_STD.contains(&second.as_str())
        {
            broken(named.line, &format!("std::{second}"));
        }
    }
    findings
}

/// Time is read in one place.
fn clock_readers(module: &Module) -> Vec<Finding> {
    if CLOCK_FILES.contains(&module.file.as_str()) {
        return Vec::new();
    }
    let rule = "only `clock` reads a clock";
    let mut findings = Vec::new();
    for named in module.named() {
        if let [.., of, now] = named.written.as_slice()
            && now == "now"
            && CLOCKS.contains(&of.as_str())
        {
            findings.push(Finding::new(&module.file, named.line, rule));
        }
    }
    // `Instant::elapsed` asks as well; `Moment::elapsed` is a field.
    for three in module.tokens.windows(3) {
        if three[0].is_mark('.') && three[1].is_word("elapsed") && three[2].is_mark('(') {
            findings.push(Finding::new(&module.file, three[1].line, rule));
        }
    }
    findings
}

/// The environment is read in one place.
fn environment_readers(module: &Module) -> Vec<Finding> {
    if module.top() == "config" {
        return Vec::new();
    }
    let named = module.named().into_iter();
    named
        .filter(|named| {
            named
                .written
                .starts_with(&["std".to_owned(), "env".to_owned()])
        })
        .map(|named| {
            let rule = "only `config` reads the environment";
            Finding::new(&module.file, named.line, rule)
        })
        .collect()
}

/// Applies a rule to all of the library.
#[track_caller]
fn check(rule: fn(&Module) -> Vec<Finding>) {
    let mut modules = library();
    assert!(modules.len() > 50, "the library was not found");
    // The root declares, and does nothing.
    modules.retain(|module| !module.path.is_empty());
    let findings: Vec<Finding> = modules.iter().flat_map(rule).collect();
    assert_clean(&findings);
}

#[test]
fn lib_lists_the_modules_in_order() {
    let root = optional("src/lib.rs").unwrap();
    let tokens = tokens(&root.content);
    let declared: Vec<&str> = tokens
        .windows(2)
        .filter(|pair| pair[0].is_word("mod"))
        .filter_map(|pair| match &pair[1].kind {
            Kind::Word(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(declared, ORDER);
    let words = tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Word(_)));
    assert_eq!(
        words.count(),
        3 * ORDER.len(),
        "lib.rs holds `pub mod` only"
    );
}

#[test]
fn every_file_of_source_belongs_to_the_library() {
    let known = library();
    let findings: Vec<Finding> = below("src")
        .iter()
        .filter(|file| file.has_extension(&["rs"]) && file.path != "src/main.rs")
        .filter(|file| known.iter().all(|module| module.file != file.path))
        .map(|file| Finding::new(&file.path, 1, "no `mod` leads to this file"))
        .collect();
    assert_clean(&findings);
}

#[test]
fn main_is_thin() {
    let main = optional("src/main.rs").unwrap();
    assert!(main.content.lines().count() <= 20);
    for token in tokens(&main.content) {
        if let Kind::Word(word) = &token.kind {
            let foreign = ORDER.contains(&word.as_str()) && word != "cli";
            assert!(
                !foreign,
                "src/main.rs:{}: only `cli`, no `{word}`",
                token.line
            );
        }
    }
}

#[test]
fn modules_use_only_modules_above_them() {
    check(order);
}

#[test]
fn only_the_demonstration_and_the_command_line_name_the_simulator() {
    check(simulator_users);
}

#[test]
fn only_upstream_names_the_http_client() {
    check(client_users);
}

#[test]
fn pure_modules_are_pure() {
    check(purity);
}

#[test]
fn only_the_clock_reads_clocks() {
    check(clock_readers);
}

#[test]
fn only_the_configuration_reads_the_environment() {
    check(environment_readers);
}

fn module(top: &str, source: &str) -> Module {
    Module::new(&format!("src/{top}/x.rs"), &[top, "x"], source)
}

#[test]
fn the_order_can_be_broken() {
    let source = "use crate::{clock, http::wire};\nuse super::super::monitor::Monitor;\n\
        use crate::nothing::X;\n/// [`crate::http`]\nfn f() { crate::demo::run() }\nuse super::y;";
    let findings = order(&module("health", source));
    assert_eq!(lines(&findings), [1, 2, 3, 5]);
    assert_eq!(
        findings[0].to_string(),
        "src/health/x.rs:1: `health` stands above `http` and may not use it"
    );
    assert_eq!(lines(&order(&module("sim", "use crate::clock;"))), [1]);
    assert_eq!(lines(&order(&module("utils", ""))), [1]);
    assert_eq!(lines(&order(&module("http", "use crate::*;"))), [1]);
    assert_eq!(
        order(&module("cli", source.trim_end_matches("use super::y;"))).len(),
        1
    );
}

#[test]
fn the_rules_of_use_can_be_broken() {
    let source = "use crate::sim;\n#[cfg(test)]\nmod tests { use crate::sim::X; }\n";
    assert_eq!(lines(&simulator_users(&module("app", source))), [1]);
    assert_eq!(simulator_users(&module("demo", source)), []);
    let source = "// reqwest\nlet a = \"reqwest\";\nuse reqwest::Client;\n";
    assert_eq!(lines(&client_users(&module("probe", source))), [3]);
    assert_eq!(client_users(&module("upstream", source)), []);
    let source = "use std::{collections, env};\nlet a = std::env::var(\"X\");\nenv!(\"Y\");\n";
    assert_eq!(lines(&environment_readers(&module("cli", source))), [1, 2]);
    assert_eq!(environment_readers(&module("config", source)), []);
}

#[test]
fn the_rules_of_purity_can_be_broken() {
    let source = "use tokio::time;\nasync fn f() {}\ntracing::info!(\"\");\nclock.now();\n\
        use std::{fs, fmt};\nlet now = 1;\n// axum\n";
    assert_eq!(lines(&purity(&module("health", source))), [1, 2, 3, 4, 5]);
    assert_eq!(purity(&module("monitor", source)), []);
    let source = "let a = Instant::now();\njiff::Timestamp::now();\na.elapsed();\n\
        moment.elapsed;\nclock.now();\n";
    assert_eq!(lines(&clock_readers(&module("probe", source))), [1, 2, 3]);
    let clock = Module::new("src/clock.rs", &["clock"], source);
    assert_eq!(clock_readers(&clock), []);
}
