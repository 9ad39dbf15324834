//! The fewest and least powerful permissions that make an operation work.

use super::super::Missing;
use crate::target::{Mode, Operation};

/// Permissions to grant, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Need {
    pub(in super::super) permissions: Vec<String>,
    /// Of how many it is the least powerful, where any one of several would do; else 0.
    pub(in super::super) any_of: usize,
}

/// What has to be granted: what the answer names or, if it names nothing or cannot be trusted,
/// what the vendor publishes. Never a wildcard.
///
/// What the answer names cannot be trusted where the vendor publishes something else, unless that
/// `is_held` already.
pub(in super::super) fn need(missing: &Missing, operation: &Operation, is_held: bool) -> Need {
    let distrusted = is_disputed(missing, operation) && !is_held;
    let published = || operation.permissions.iter().map(|&one| one.to_owned());
    let named = missing.permissions.iter().filter(|one| !one.contains('*'));
    let mut named: Vec<String> = named.cloned().collect();
    let mode = if named.is_empty() || distrusted {
        named = published().collect();
        operation.mode
    } else {
        missing.mode.unwrap_or(operation.mode)
    };
    match (mode, named.len()) {
        (Mode::Any, 2..) => Need {
            any_of: named.len(),
            permissions: named
                .into_iter()
                .min_by_key(|one| power(one))
                .into_iter()
                .collect(),
        },
        _ => Need {
            permissions: named,
            any_of: 0,
        },
    }
}

/// Whether the answer names permissions of which the vendor publishes none for the operation.
pub(in super::super) fn is_disputed(missing: &Missing, operation: &Operation) -> bool {
    let published = operation.permissions;
    let named = &missing.permissions;
    !missing.assumed
        && !named.is_empty()
        && !published.is_empty()
        && !named.iter().any(|one| published.contains(&one.as_str()))
}

/// How much a permission lets its holder do, by its action; unknown actions count as writing.
fn power(permission: &str) -> u8 {
    match permission.rsplit(':').next() {
        Some("view") => 0,
        Some("readonly") => 1,
        Some("search") => 2,
        Some("add") => 3,
        Some("edit") => 4,
        Some("manage" | "delete") => 6,
        Some("*") => 7,
        _ => 5,
    }
}
