//! The pages of `docs/` are complete, and their links lead somewhere.

use std::path::{Component, Path, PathBuf};

use why403::diagnosis::{Cause, Class, Outcome};
use why403::metrics::Route;

use super::files::{Text, below, optional, root};
use super::mentions::exported;
use super::{Finding, assert_clean, lines};

/// What people read, wherever it stands.
fn pages() -> Vec<Text> {
    let mut found = below("docs");
    let single = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    found.extend(single.into_iter().filter_map(optional));
    found.retain(|text| text.has_extension(&["md"]));
    found
}

/// The targets of Markdown links in a line.
fn links(line: &str) -> Vec<&str> {
    let ends = line.split("](").skip(1);
    ends.filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
            _ => None,
        });
    kept.collect()
}

fn anchors(content: &str) -> Vec<String> {
    let headings = content.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// The file that a link in `page` leads to, relative to the repository.
fn target(page: &str, link: &str) -> PathBuf {
    let mut path = Path::new(page).to_owned();
    if link.is_empty() {
        return path;
    }
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    path
}

fn dead_links(text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.content.lines()) {
        for link in links(content) {
            if link.contains("://") {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = target(&text.path, file);
            let mut dead = |why: &str| {
                findings.push(Finding::new(&text.path, line, format!("{link}: {why}")));
            };
            if !root().join(&path).exists() {
                dead("there is no such file");
            } else if !wanted.is_empty() {
                let other = path.to_str().and_then(optional);
                let known = other.map(|other| anchors(&other.content));
                if !known.unwrap_or_default().iter().any(|one| one == wanted) {
                    dead("there is no such heading");
                }
            }
        }
    }
    findings
}

/// Complains about each of `words` that `page` does not have between backticks.
fn forgotten(page: &str, words: impl IntoIterator<Item = String>) -> Vec<Finding> {
    let text = optional(page).unwrap();
    let missing = words
        .into_iter()
        .filter(|word| !text.content.contains(&format!("`{word}`")));
    missing
        .map(|word| Finding::new(page, 1, format!("`{word}` is not described")))
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    assert!(pages.len() > 15, "the pages were not found");
    let findings: Vec<Finding> = pages.iter().flat_map(dead_links).collect();
    assert_clean(&findings);
}

#[test]
fn every_cause_and_outcome_is_described() {
    let causes = Cause::ALL.iter().map(|cause| cause.slug());
    let outcomes = Outcome::ALL.iter().filter(|it| **it != Outcome::Forbidden);
    let slugs = causes.chain(outcomes.map(|outcome| outcome.slug()));
    assert_clean(&forgotten("docs/causes.md", slugs.map(str::to_owned)));
    let classes = Class::ALL.iter().map(|class| class.slug().to_owned());
    assert_clean(&forgotten("docs/metrics.md", classes));
}

#[test]
fn every_endpoint_is_described() {
    let text = optional("docs/endpoints.md").unwrap();
    let headings: Vec<&str> = text
        .content
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    let routes = Route::ALL.iter().filter(|route| **route != Route::Other);
    for path in routes.map(|route| route.as_str()) {
        let ends = [format!("{path}`"), format!("{path}?")];
        let starts = |heading: &&str, end: &String| {
            let at = heading.find(end.as_str());
            at.is_some_and(|at| heading[..at].ends_with(['`', ' ']))
        };
        let described = headings
            .iter()
            .any(|heading| ends.iter().any(|end| starts(heading, end)));
        assert!(described, "docs/endpoints.md has no section about {path}");
    }
}

#[tokio::test]
async fn every_metric_is_described() {
    let names = exported().into_keys();
    assert_clean(&forgotten("docs/metrics.md", names));
}

#[test]
fn a_dead_link_is_found() {
    let bad = Text {
        path: "docs/x.md".to_owned(),
        content: "[a](../README.md) [b](nowhere.md)\n[c](../README.md#figures)\n\
            [d](../README.md#nothing) [e](https://example.com/x)\n"
            .to_owned(),
    };
    let findings = dead_links(&bad);
    assert_eq!(lines(&findings), [1, 3]);
    assert_eq!(
        findings[0].to_string(),
        "docs/x.md:1: nowhere.md: there is no such file"
    );
    assert_eq!(
        anchor("`GET /health`, `/health/{target}`"),
        "get-health-healthtarget"
    );
    let forgotten = forgotten("docs/metrics.md", ["no_such_word".to_owned()]);
    assert_eq!(
        forgotten[0].to_string(),
        "docs/metrics.md:1: `no_such_word` is not described"
    );
}
