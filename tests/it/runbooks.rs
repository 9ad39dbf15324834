//! `docs/runbooks/` holds what the program says of each cause, outcome and class, and alerts link
//! to pages that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use why403::diagnosis::{Cause, Class, Outcome};

use crate::process::run;

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks")
}

/// Everything that can be wrong.
fn words() -> Vec<&'static str> {
    let wrong = |outcome: &&Outcome| !matches!(outcome, Outcome::Ok | Outcome::Forbidden);
    let outcomes = Outcome::ALL.iter().filter(wrong).map(|it| it.slug());
    let causes = Cause::ALL.iter().map(|it| it.slug());
    let classes = Class::ALL.iter().map(|it| it.slug());
    causes.chain(outcomes).chain(classes).collect()
}

#[test]
fn every_page_says_what_the_program_says() {
    let mut stale = Vec::new();
    for word in words() {
        let page = run(&["explain", "--format", "markdown", word], &[]);
        assert_eq!(page.status, Some(0), "{page:?}");
        let kept = fs::read_to_string(place().join(format!("{word}.md"))).unwrap_or_default();
        if kept != page.stdout {
            stale.push(word);
        }
    }
    assert!(
        stale.is_empty(),
        "these pages are stale; make them again with\n  for word in {}; do\n    cargo run --quiet -- \
         explain --format markdown \"$word\" > \"docs/runbooks/$word.md\"\n  done",
        stale.join(" ")
    );
}

/// The targets of relative links in a page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.contains("://") && !target.is_empty())
}

#[test]
fn links_lead_to_pages_and_every_page_is_in_the_index() {
    let mut indexed = BTreeSet::new();
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(place()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            assert!(place().join(link).exists(), "{name}: {link}");
            if name == "README.md" {
                indexed.insert(link.to_owned());
            }
        }
        pages.insert(name);
    }
    pages.remove("README.md");
    let missing: Vec<_> = pages.difference(&indexed).collect();
    assert!(missing.is_empty(), "not in the index: {missing:?}");
}

/// What stands outside the actions of a template.
fn written(template: &str) -> impl Iterator<Item = &str> {
    let pieces = template
        .split("{{")
        .map(|piece| match piece.split_once("}}") {
            Some((_, written)) => written,
            None => piece,
        });
    pieces.filter(|piece| !piece.is_empty())
}

#[test]
fn alerts_link_to_pages_that_are_there() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/rules/why403.yml");
    let rules = fs::read_to_string(rules).unwrap();
    let mut seen = 0;
    for (_, rest) in rules
        .match_indices("runbook_url:")
        .map(|(at, it)| rules.split_at(at + it.len()))
    {
        let url = rest
            .lines()
            .next()
            .unwrap()
            .trim()
            .trim_matches(['"', '\'']);
        let (_, page) = url
            .split_once("/docs/runbooks/")
            .unwrap_or_else(|| panic!("{url}"));
        seen += 1;
        let stem = page.strip_suffix(".md").unwrap_or_else(|| panic!("{url}"));
        if !["{{ $labels.cause }}", "{{ $labels.class }}"].contains(&stem) {
            for name in written(stem) {
                assert!(place().join(format!("{name}.md")).exists(), "{url}: {name}");
            }
        }
    }
    assert!(seen > 0, "no alert has a runbook");
}
