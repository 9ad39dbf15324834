//! An explanation as a page of a runbook, in Markdown.

use std::fmt::Write as _;

use crate::diagnosis::{Cause, Class, Explanation, Finding, Outcome};
use crate::metrics::MINT_FAILURES;

/// The pages of whatever a word is, one after the other.
pub(super) fn pages(found: &[Explanation]) -> String {
    let pages: Vec<_> = found.iter().map(page).collect();
    pages.join("\n")
}

fn page(it: &Explanation) -> String {
    let mut page = format!(
        "# {}\n\n{}: {}.\n",
        it.word,
        kind(it),
        in_sentence(&it.title)
    );
    for paragraph in &it.paragraphs {
        paragraphed(&mut page, paragraph);
    }
    if let Some(metric) = metric(&it.word) {
        let line = format!("Counted in `{metric}`; `GET /diagnose` says what it rests on:");
        section(&mut page, "Where it shows", &line);
        page.push_str("\n```console\n$ curl 'http://127.0.0.1:8403/diagnose?format=text'\n```\n");
        if Outcome::find(&it.word).is_some_and(|it| MINT_FAILURES.contains(&it)) {
            let line = "Where it is a token that cannot be renewed, `why403_token_refreshes_total` \
                        counts while the former one lasts, and both `/health` and `/diagnose` say \
                        `token_refresh_failing`.";
            paragraphed(&mut page, line);
        }
    }
    if !it.steps.is_empty() {
        page.push_str("\n## What to do\n\n");
        for (number, step) in (1..).zip(&it.steps) {
            put(&mut page, &format!("{number}. {step}\n"));
        }
        let line = "Whoever has mended it can see at once whether that was all:";
        section(&mut page, "Afterwards", line);
        page.push_str(
            "\n```console\n$ curl -N -X POST 'http://127.0.0.1:8403/diagnose/default/verify?format=text'\n\
             ```\n",
        );
    }
    if !it.see_also.is_empty() {
        let links: Vec<_> = it.see_also.iter().map(|word| link(word)).collect();
        section(&mut page, "See also", &links.join(", "));
    }
    page
}

fn kind(it: &Explanation) -> String {
    let mut letters = it.kind.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A title begins with a capital letter, which behind a colon is a small one; names stay.
fn in_sentence(title: &str) -> String {
    let word = title.split(' ').next().unwrap_or_default();
    let is_plain = word.chars().skip(1).all(char::is_lowercase);
    let mut letters = title.chars();
    match letters.next() {
        Some(first) if is_plain => first.to_lowercase().chain(letters).collect(),
        _ => title.to_owned(),
    }
}

fn section(page: &mut String, title: &str, text: &str) {
    put(page, &format!("\n## {title}\n"));
    paragraphed(page, text);
}

fn paragraphed(page: &mut String, text: &str) {
    put(page, &format!("\n{text}\n"));
}

fn put(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    page.write_str(text).unwrap_or_default();
}

/// The series that counts a cause, an outcome or a class.
fn metric(word: &str) -> Option<String> {
    if let Some(cause) = Cause::find(word) {
        let cause = Finding::Forbidden(cause).cause()?;
        return Some(format!("why403_forbidden_total{{cause=\"{cause}\"}}"));
    }
    let class = Outcome::find(word).and_then(Outcome::class);
    let class = class.or(Class::find(word))?;
    let class = class.slug();
    Some(format!("why403_probe_failures_total{{class=\"{class}\"}}"))
}

/// A link where the word has a page of its own.
fn link(word: &str) -> String {
    if metric(word).is_some() {
        format!("[`{word}`]({word}.md)")
    } else {
        format!("`{word}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_is_known_and_no_empty_section() {
        let bare = Explanation {
            word: "word".to_owned(),
            kind: "scope",
            title: "A thing".to_owned(),
            paragraphs: vec!["Text.".to_owned()],
            steps: Vec::new(),
            see_also: Vec::new(),
        };
        assert_eq!(page(&bare), "# word\n\nScope: a thing.\n\nText.\n");
        let whole = Explanation {
            word: "stale_token".to_owned(),
            steps: vec!["Do.".to_owned(), "Look.".to_owned()],
            see_also: vec!["propagating".to_owned(), "routing".to_owned()],
            ..bare
        };
        let page = page(&whole);
        for part in [
            "`why403_forbidden_total{cause=\"stale_token\"}`",
            "\n1. Do.\n2. Look.\n",
            "\n[`propagating`](propagating.md), `routing`\n",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn only_a_plain_word_becomes_small() {
        assert_eq!(in_sentence("No role"), "no role");
        assert_eq!(in_sentence("A rate limit"), "a rate limit");
        assert_eq!(in_sentence("TLS handshakes fail"), "TLS handshakes fail");
        assert_eq!(in_sentence("403 with a body"), "403 with a body");
    }
}
