//! What differs between two standings of a caller.

use crate::evidence::{Named, Permitted, RoleIn, Standing};

/// Most differences that are told.
const MOST: usize = 50;
/// Most divisions of one thing, and most things, that a sentence names.
const MOST_NAMED: usize = 6;

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A role in a division is no longer granted.
    RoleLost(RoleIn),
    /// A role in a division is granted.
    RoleGained(RoleIn),
    /// The permission is no longer held in a division; the id `*` stands for all of them.
    PermissionLost(Held),
    /// The permission is held in a division.
    PermissionGained(Held),
    /// The token no longer carries a scope.
    ScopeLost(String),
    /// The token carries a scope.
    ScopeGained(String),
    /// The token is another one; tokens are counted from 1.
    TokenReplaced(Counts),
    /// Another number of queues (or other entries) is visible.
    Queues(Counts),
    /// The token works on another org.
    Organization {
        /// The org before.
        from: Named,
        /// The org after.
        to: Named,
    },
}

/// A permission in a division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The permission.
    pub permission: String,
    /// The division; the id `*` stands for all of them.
    pub division: Named,
}

/// A number before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Before.
    pub from: u64,
    /// After.
    pub to: u64,
}

impl Difference {
    /// The stable name used in answers.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::RoleLost(_) => "role_lost",
            Self::RoleGained(_) => "role_gained",
            Self::PermissionLost(_) => "permission_lost",
            Self::PermissionGained(_) => "permission_gained",
            Self::ScopeLost(_) => "scope_lost",
            Self::ScopeGained(_) => "scope_gained",
            Self::TokenReplaced(_) => "token_replaced",
            Self::Queues(_) => "queues",
            Self::Organization { .. } => "organization",
        }
    }

    /// The role, permission, scope or org that it is about, where it is about one.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::RoleLost(one) | Self::RoleGained(one) => Some(one.role.shown()),
            Self::PermissionLost(held) | Self::PermissionGained(held) => Some(&held.permission),
            Self::ScopeLost(scope) | Self::ScopeGained(scope) => Some(scope),
            Self::TokenReplaced(_) | Self::Queues(_) => None,
            Self::Organization { to, .. } => Some(to.shown()),
        }
    }

    /// The division that it is about, where it is about one.
    #[must_use]
    pub fn division(&self) -> Option<&Named> {
        match self {
            Self::RoleLost(one) | Self::RoleGained(one) => Some(&one.division),
            Self::PermissionLost(held) | Self::PermissionGained(held) => Some(&held.division),
            _ => None,
        }
    }

    /// Whether the caller has a right that it had not before.
    #[must_use]
    pub fn is_gain(&self) -> bool {
        matches!(
            self,
            Self::RoleGained(_) | Self::PermissionGained(_) | Self::ScopeGained(_)
        )
    }

    /// What differs, as a part of a sentence.
    #[must_use]
    pub fn says(&self) -> String {
        let divisions: Vec<&Named> = self.division().into_iter().collect();
        self.says_of(&divisions)
    }

    /// The same, about several divisions.
    fn says_of(&self, divisions: &[&Named]) -> String {
        let place = within(divisions);
        match self {
            Self::RoleLost(one) => {
                format!("the role {} {place} is no longer granted", one.role.shown())
            }
            Self::RoleGained(one) => format!("the role {} {place} is granted", one.role.shown()),
            Self::PermissionLost(held) => format!("{} is no longer held {place}", held.permission),
            Self::PermissionGained(held) => format!("{} is held {place}", held.permission),
            Self::ScopeLost(scope) => format!("the token no longer carries the scope {scope}"),
            Self::ScopeGained(scope) => format!("the token carries the scope {scope}"),
            Self::TokenReplaced(count) => {
                format!(
                    "the token is another one ({} then {})",
                    count.from, count.to
                )
            }
            Self::Queues(count) => {
                format!("{} were visible, then {}", count.from, count.to)
            }
            Self::Organization { from, to } => format!(
                "the token works on the org {}, before on {}",
                to.shown(),
                from.shown()
            ),
        }
    }
}

/// Where, in words.
fn within(divisions: &[&Named]) -> String {
    let more = divisions.len().saturating_sub(MOST_NAMED);
    let named: Vec<&str> = divisions
        .iter()
        .take(MOST_NAMED)
        .map(|it| it.shown())
        .collect();
    match (divisions, more) {
        ([], _) => String::new(),
        ([one], _) if one.id == "*" => "in all divisions".to_owned(),
        ([one], _) => format!("in the division {}", one.shown()),
        (_, 0) => format!("in the divisions {}", named.join(", ")),
        (_, more) => format!("in the divisions {} and {more} more", named.join(", ")),
    }
}

/// Differences as one sentence; empty where there is none.
#[must_use]
pub fn in_words(differences: &[Difference]) -> String {
    let same = |one: &Difference, other: &Difference| {
        let is_alike = one.slug() == other.slug() && one.subject() == other.subject();
        is_alike && one.division().is_some_and(|it| it.id != "*")
    };
    let groups: Vec<&[Difference]> = differences.chunk_by(same).collect();
    let says = |group: &&[Difference]| {
        let divisions: Vec<&Named> = group.iter().filter_map(Difference::division).collect();
        group.first().map(|first| first.says_of(&divisions))
    };
    let named = groups.iter().take(MOST_NAMED).filter_map(says);
    let mut text = named.collect::<Vec<_>>().join("; ");
    if let more @ 1.. = groups.len().saturating_sub(MOST_NAMED) {
        text = format!("{text}; and {more} more");
    }
    // A permission is a name, and names stay as they are.
    if let Some(rest) = text.strip_prefix("the ") {
        text = format!("The {rest}");
    }
    if text.is_empty() {
        text
    } else {
        format!("{text}.")
    }
}

/// What differs between two standings, at most fifty things; what either does not know is no
/// difference.
#[must_use]
pub fn difference(before: &Standing, after: &Standing) -> Vec<Difference> {
    let mut found = roles(before, after);
    if let (Some(before), Some(after)) = (&before.divisions, &after.divisions)
        && before.permission == after.permission
    {
        found.extend(held(before, after).map(Difference::PermissionLost));
        found.extend(held(after, before).map(Difference::PermissionGained));
    }
    if let (Some(old), Some(new)) = (&before.scopes, &after.scopes) {
        let missing = |of: &[String], scope: &&String| !of.contains(*scope);
        let lost = old.iter().filter(|scope| missing(new, scope));
        found.extend(lost.cloned().map(Difference::ScopeLost));
        let gained = new.iter().filter(|scope| missing(old, scope));
        found.extend(gained.cloned().map(Difference::ScopeGained));
    }
    if let (Some(from), Some(to)) = (&before.organization, &after.organization)
        && from.id != to.id
    {
        let (from, to) = (from.clone(), to.clone());
        found.push(Difference::Organization { from, to });
    }
    let generation = |standing: &Standing| standing.token.map(|token| token.generation);
    let token = counts(generation(before), generation(after));
    found.extend(token.map(Difference::TokenReplaced));
    found.extend(counts(before.queues, after.queues).map(Difference::Queues));
    found.truncate(MOST);
    found
}

/// Whether rights can be compared: both standings know roles, or where the permission is held.
#[must_use]
pub fn rights_are_known(before: &Standing, after: &Standing) -> bool {
    let permission = |standing: &Standing| Some(standing.divisions.as_ref()?.permission.clone());
    (before.roles.is_some() && after.roles.is_some())
        || (permission(before).is_some() && permission(before) == permission(after))
}

fn roles(before: &Standing, after: &Standing) -> Vec<Difference> {
    let (Some(old), Some(new)) = (&before.roles, &after.roles) else {
        return Vec::new();
    };
    // Names may be changed; a grant is told by its ids.
    let same = |one: &RoleIn, two: &RoleIn| {
        one.role.id == two.role.id && one.division.id == two.division.id
    };
    let missing = |of: &[RoleIn], one: &RoleIn| !of.iter().any(|other| same(one, other));
    let lost = old.iter().filter(|one| missing(new, one)).cloned();
    let gained = new.iter().filter(|one| missing(old, one)).cloned();
    lost.map(Difference::RoleLost)
        .chain(gained.map(Difference::RoleGained))
        .collect()
}

/// Where a permission is held in `one` and surely not in `other`.
fn held(one: &Permitted, other: &Permitted) -> impl Iterator<Item = Held> {
    let everywhere = (one.all && !other.all).then(|| Named {
        id: "*".to_owned(),
        name: None,
    });
    // What is held everywhere is not told division by division.
    let listed = if one.all {
        &[]
    } else {
        one.divisions.as_slice()
    };
    let only_here = listed
        .iter()
        .filter(|division| other.includes(&division.id) == Some(false));
    everywhere
        .into_iter()
        .chain(only_here.cloned())
        .map(|division| Held {
            permission: one.permission.clone(),
            division,
        })
}

fn counts(from: Option<u64>, to: Option<u64>) -> Option<Counts> {
    let (from, to) = (from?, to?);
    (from != to).then_some(Counts { from, to })
}
