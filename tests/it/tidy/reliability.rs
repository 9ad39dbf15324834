//! The page about reliability has a row for every fault, and the tests that it names are there.

use super::files::{Text, optional, root};
use super::{Finding, assert_clean, lines};

const PAGE: &str = "docs/reliability.md";

/// How many faults there are in each group; their names are never given to others.
const FAULTS: &[(char, usize)] = &[
    ('A', 28),
    ('B', 32),
    ('C', 13),
    ('D', 8),
    ('E', 20),
    ('F', 10),
    ('G', 8),
    ('H', 8),
    ('I', 10),
    ('J', 6),
];

/// What is said where no test shows all of it.
const REASONS: &[&str] = &[UNTESTED, "does not apply: ", "gap: "];

/// What is not tested; why it is not stands behind a semicolon.
const UNTESTED: &str = "not tested: ";

/// A line of one of the tables.
struct Row<'a> {
    line: usize,
    /// The letter of the heading above it.
    group: Option<char>,
    id: &'a str,
    what: &'a str,
    shown_by: &'a str,
}

fn rows(text: &Text) -> Vec<Row<'_>> {
    let mut group = None;
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.content.lines()) {
        if let Some(heading) = content.strip_prefix("## ") {
            group = heading.chars().next();
        }
        let cells: Vec<&str> = content.split('|').map(str::trim).collect();
        if let ["", id, what, shown_by, ""] = cells[..]
            && id != "id"
            && !id.starts_with('-')
        {
            found.push(Row {
                line,
                group,
                id,
                what,
                shown_by,
            });
        }
    }
    found
}

fn names() -> impl Iterator<Item = String> {
    let of = |(letter, count): &(char, usize)| {
        let letter = *letter;
        (1..=*count).map(move |number| format!("{letter}{number}"))
    };
    FAULTS.iter().flat_map(of)
}

/// Words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether the file at `path` has a test of this name.
fn has_test(path: &str, name: &str) -> bool {
    let Some(text) = optional(path) else {
        return false;
    };
    let all: Vec<&str> = text.content.lines().map(str::trim).collect();
    let begins = [format!("fn {name}("), format!("async fn {name}(")];
    let is_it = |line: &&str| begins.iter().any(|begin| line.starts_with(begin.as_str()));
    let Some(at) = all.iter().position(is_it) else {
        return false;
    };
    let above = all[..at].iter().rev();
    let mut attributes = above.take_while(|line| !line.is_empty() && !line.starts_with('}'));
    attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

/// What is wrong with what a row says of its tests.
fn proof(shown_by: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut shown = 0;
    for word in quoted(shown_by) {
        if let Some((path, name)) = word.split_once("::") {
            shown += 1;
            if !has_test(path, name) {
                wrong.push(format!("there is no test {word}"));
            }
        } else if [".ci/", "benches/"].iter().any(|it| word.starts_with(it)) {
            shown += 1;
            if !root().join(word).exists() {
                wrong.push(format!("there is no script {word}"));
            }
        }
    }
    let parts: Vec<&str> = shown_by.split("; ").collect();
    let excuses = |part: &&str| REASONS.iter().any(|reason| part.starts_with(reason));
    let is_excused = parts.iter().any(excuses);
    let untold = |pair: &[&str]| pair[0].starts_with(UNTESTED) && pair[1].starts_with('`');
    let last = parts.last().is_some_and(|part| part.starts_with(UNTESTED));
    if last || parts.windows(2).any(untold) {
        wrong.push("does not say why that is not tested".to_owned());
    }
    if shown == 0 && !is_excused {
        wrong.push("names neither a test nor a reason".to_owned());
    }
    wrong
}

fn page_rules(text: &Text) -> Vec<Finding> {
    let rows = rows(text);
    let mut findings = Vec::new();
    let mut names = names();
    for row in &rows {
        let mut broken = |rule: String| {
            findings.push(Finding::new(&text.path, row.line, rule));
        };
        match names.next() {
            Some(name) if name == row.id => {}
            Some(name) => broken(format!("{} where {name} belongs", row.id)),
            None => broken(format!("{} is one too many", row.id)),
        }
        if row.group != row.id.chars().next() {
            broken(format!("{} stands in another group", row.id));
        }
        if row.what.is_empty() {
            broken(format!("{} does not say what happens", row.id));
        }
        for wrong in proof(row.shown_by) {
            broken(format!("{}: {wrong}", row.id));
        }
    }
    if let Some(name) = names.next() {
        let last = text.content.lines().count();
        let rule = format!("{name} and what follows it is missing");
        findings.push(Finding::new(&text.path, last, rule));
    }
    findings
}

#[test]
fn every_fault_has_its_row_and_its_tests_exist() {
    let text = optional(PAGE).unwrap();
    assert_clean(&page_rules(&text));
    let count = format!("{} faults", names().count());
    assert!(text.content.contains(&count), "the page says how many");
}

#[test]
fn the_rules_for_faults_can_fail() {
    let own = "tests/it/tidy/reliability.rs";
    let mut rows = Vec::new();
    for (letter, count) in FAULTS {
        rows.push(format!("## {letter}. Z\n"));
        rows.extend((1..=*count).map(|n| format!("| {letter}{n} | x | gap: y |\n")));
    }
    let rows = rows.concat();
    let page = |content: String| Text {
        path: PAGE.to_owned(),
        content,
    };
    assert_eq!(page_rules(&page(rows.clone())), []);
    let named = format!("`{own}::the_rules_for_faults_can_fail`, `.ci/run`; not tested: z; why");
    let named = rows.replacen("gap: y", &named, 1);
    assert_eq!(page_rules(&page(named)), []);
    for (from, to, rule) in [
        (
            "gap: y",
            "`tests/it/tidy/reliability.rs::nobody`",
            "there is no test",
        ),
        // A function, but no test.
        (
            "gap: y",
            "`tests/it/tidy/reliability.rs::has_test`",
            "there is no test",
        ),
        ("gap: y", "`nowhere.rs::x`", "there is no test"),
        ("gap: y", "`.ci/nothing`", "there is no script"),
        ("gap: y", "`benches/nothing`", "there is no script"),
        ("gap: y", "", "neither a test nor a reason"),
        ("gap: y", "`/livez` shows it", "neither a test nor a reason"),
        ("gap: y", "not tested: z", "does not say why"),
        ("gap: y", "not tested: z; `.ci/run`", "does not say why"),
        ("| x |", "| |", "does not say what happens"),
        ("## A", "## B", "stands in another group"),
    ] {
        let findings = page_rules(&page(rows.replacen(from, to, 1)));
        let first = findings.first().map(Finding::to_string);
        assert!(
            first.as_ref().is_some_and(|first| first.contains(rule)),
            "{to}: {first:?}"
        );
    }
    let swapped = rows.replacen("| A1 |", "| A2 |", 1);
    assert_eq!(lines(&page_rules(&page(swapped))), [2]);
    let short = rows.replace("| J6 | x | gap: y |\n", "");
    let findings = page_rules(&page(short));
    assert!(findings[0].to_string().contains("J6"), "{findings:?}");
    let long = format!("{rows}| J7 | x | gap: y |\n");
    let findings = page_rules(&page(long));
    assert!(findings[0].to_string().contains("one too many"));
}
