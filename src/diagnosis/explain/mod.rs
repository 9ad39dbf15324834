//! What a word really is: a cause, an outcome, an error code, a status, a scope, a permission or
//! an operation.
//!
//! The answers come from the catalogue and from tables beside this file. A word that merely has
//! the right form is called that, and nothing is claimed about it.

mod codes;
mod names;
mod operations;

use super::catalogue::{Context, entry, proof, remedy};
use super::remedy::Case;
use super::{Cause, Class, Finding, Missing, Outcome};
use crate::evidence::Identity;
use crate::target::{IdentityKind, OPERATIONS, Operation};

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The word as it is written properly.
    pub word: String,
    /// `403 cause`, `outcome`, `failure class`, `error code`, `HTTP status`, `scope`,
    /// `permission`, `operation` or `mistaken name`.
    pub kind: &'static str,
    /// One line, without a full stop.
    pub title: String,
    /// What to know about it.
    pub paragraphs: Vec<String>,
    /// What to do about it, in order; may be empty.
    pub steps: Vec<String>,
    /// Other words worth looking up.
    pub see_also: Vec<String>,
}

/// Everything that `word` is; empty when it is unknown.
#[must_use]
pub fn explain(word: &str) -> Vec<Explanation> {
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    let word = word.trim_matches(|c: char| c.is_whitespace() || "\"'`“”.,;".contains(c));
    let mut found: Vec<Explanation> = Vec::new();
    let slug = word.to_lowercase().replace(['-', ' '], "_");
    found.extend(Cause::find(&slug).map(|cause| of_finding(Finding::Forbidden(cause))));
    found.extend(Outcome::find(&slug).map(|outcome| of_finding(Finding::Other(outcome))));
    found.extend(Class::find(&slug).map(codes::class));
    found.extend(codes::code(word));
    found.extend(codes::status(word));
    found.extend(names::mistaken(word));
    found.extend(names::scope(word));
    found.extend(names::permission(word));
    found.extend(operations::operations(word));
    found
}

/// The known words nearest to `word`, the nearest first; at most three.
#[must_use]
pub fn suggestions(word: &str) -> Vec<&'static str> {
    const LONGEST: usize = 100;
    let word = word.trim().to_lowercase();
    let length = word.chars().count();
    if !(2..=LONGEST).contains(&length) {
        return Vec::new();
    }
    let limit = length.div_ceil(4).min(4);
    let mut near: Vec<(usize, &'static str)> = vocabulary()
        .into_iter()
        .filter_map(|known| {
            let lower = known.to_lowercase();
            let far = distance(&word, &lower);
            let begins = length >= 4 && lower.starts_with(&word);
            (far > 0 && (far <= limit || begins)).then_some((far, known))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

/// Every word that has an explanation of its own.
fn vocabulary() -> Vec<&'static str> {
    let mut words: Vec<&'static str> = Vec::new();
    words.extend(Cause::ALL.iter().map(|cause| cause.slug()));
    words.extend(Outcome::ALL.iter().map(|outcome| outcome.slug()));
    words.extend(Class::ALL.iter().map(|class| class.slug()));
    words.extend(codes::words());
    words.extend(names::words());
    for operation in OPERATIONS {
        words.push(operation.path);
        words.extend(operation.scopes);
        words.extend(operation.permissions);
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// The number of characters to insert, delete or replace.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, old) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for (new, above) in to.chars().zip(row.windows(2)) {
            let &[diagonal, up] = above else { continue };
            left = (diagonal + usize::from(old != new))
                .min(up + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn of_finding(finding: Finding) -> Explanation {
    let entry = entry(finding);
    let (kind, slug) = match finding {
        Finding::Forbidden(cause) => ("403 cause", cause.slug()),
        Finding::Other(outcome) => ("outcome", outcome.slug()),
    };
    let general = remedy_for(finding, Operation::queues(), &Missing::default());
    let mut paragraphs = vec![entry.meaning.to_owned()];
    if let Finding::Forbidden(cause) = finding {
        paragraphs.push(format!("What proves it: {}", uncapitalized(proof(cause))));
    }
    paragraphs.extend([format!("Who acts: {}.", entry.who), general.propagation]);
    paragraphs.extend(entry.confused_with.iter().map(|other| {
        format!(
            "Not to be confused with `{}`: {}",
            other.slug, other.difference
        )
    }));
    Explanation {
        word: slug.to_owned(),
        kind,
        title: entry.title.to_owned(),
        paragraphs,
        steps: general.steps,
        see_also: entry
            .confused_with
            .iter()
            .map(|other| other.slug.to_owned())
            .collect(),
    }
}

fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}

/// The remedy when nothing is known about the case.
fn remedy_for(finding: Finding, operation: &Operation, missing: &Missing) -> super::Remedy {
    let identity = Identity {
        kind: IdentityKind::Unknown,
        grant: "",
        client_id: None,
    };
    remedy(
        finding,
        &Context {
            identity: &identity,
            operation,
            missing,
            answer: None,
            host: None,
            case: &Case::default(),
        },
    )
}

fn slug_of(finding: Finding) -> &'static str {
    finding.cause().unwrap_or(Outcome::Ok.slug())
}

#[cfg(test)]
mod tests;
