//! Which role should carry what is missing.
//!
//! What was there when access last worked comes first, then a role that carries the permission
//! already, then a new one. A role that carries it by a wildcard is never extended: it carries
//! much else.

use super::super::Division;
use crate::evidence::{Carries, Grant, Named, Permitted, RoleIn, Standing};

/// The role that should carry what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Carrier {
    /// The caller's roles are not known.
    #[default]
    Unknown,
    /// A new role: no role of the caller fits.
    New,
    /// It was granted when access last worked, and is not now.
    Again(Named),
    /// It carries the permission, and is granted in other divisions only.
    Elsewhere(Named),
    /// It is granted as before, and no longer carries the permission.
    Edited(Named),
}

impl Carrier {
    /// The role, where it is one that exists.
    pub(in super::super) fn role(&self) -> Option<&Named> {
        match self {
            Self::Unknown | Self::New => None,
            Self::Again(role) | Self::Elsewhere(role) | Self::Edited(role) => Some(role),
        }
    }
}

/// A role and the divisions in which it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) role: Named,
    pub(super) divisions: Vec<Named>,
}

/// What is known of the caller's roles.
pub(super) struct Roles<'a> {
    pub(super) now: &'a [Grant],
    pub(super) before: Option<&'a Standing>,
    /// All of these are needed.
    pub(super) permissions: &'a [String],
    /// Where they are needed; empty when that is not known.
    pub(super) divisions: &'a [Division],
}

impl Roles<'_> {
    /// The role to use, and where it has to be granted if the role says so.
    pub(super) fn carrier(&self) -> (Carrier, Vec<Named>) {
        if let Some(Granted { role, divisions }) = self.taken() {
            return (Carrier::Again(role), divisions);
        }
        if let Some(role) = self.elsewhere() {
            return (Carrier::Elsewhere(role), Vec::new());
        }
        match self.edited() {
            Some(Granted { role, divisions }) => (Carrier::Edited(role), divisions),
            None => (Carrier::New, Vec::new()),
        }
    }

    /// A role that is granted where it is needed, and does not carry the permission.
    pub(super) fn could(&self) -> Option<Granted> {
        let lacking = by_role(
            self.now
                .iter()
                .filter(|one| self.carries(one) == Carries::No),
        );
        let reaches = |one: &Granted| {
            let needed = self.divisions.iter();
            needed.clone().all(|division| one.is_in(&division.id))
        };
        let fits = lacking.into_iter().filter(reaches);
        fits.filter(|one| !is_powerful(&one.role))
            .max_by_key(|one| (self.is_related(&one.role), one.divisions.len()))
    }

    /// Whether the role carries the permission in some division.
    pub(super) fn carried_by(&self, role: &Named) -> bool {
        let mut same = self.now.iter().filter(|grant| grant.role.id == role.id);
        same.any(|grant| self.carries(grant) == Carries::Yes)
    }

    /// Roles that carry the permission only under a condition.
    pub(super) fn bound(&self) -> Vec<Named> {
        let bound = |one: &&Grant| self.carries(one) == Carries::Conditionally;
        let granted = by_role(self.now.iter().filter(bound));
        granted.into_iter().map(|one| one.role).collect()
    }

    /// Whether the role carries every permission that is needed.
    fn carries(&self, grant: &Grant) -> Carries {
        let each = self.permissions.iter().map(|one| grant.carries(one));
        each.min().unwrap_or(Carries::No)
    }

    /// What was granted when access last worked and is not now; of several roles the one that
    /// reaches furthest.
    fn taken(&self) -> Option<Granted> {
        let before = self.before?.roles.as_ref()?;
        let gone = before
            .iter()
            .filter(|one| !self.is_there(one) && self.is_wanted(one));
        let pairs = gone.map(|one| (&one.role, &one.division));
        let helps = |one: &Granted| {
            let same = self.now.iter().filter(|grant| grant.role.id == one.role.id);
            let mut known = same.map(|grant| (self.carries(grant), self.is_broad(grant)));
            known.all(|(carries, broad)| carries == Carries::Yes && !broad)
        };
        let candidates = grouped(pairs).into_iter().filter(helps);
        candidates
            .filter(|one| !is_powerful(&one.role))
            .max_by_key(|one| (self.is_granted(&one.role), one.divisions.len()))
    }

    fn is_there(&self, one: &RoleIn) -> bool {
        let same = |grant: &Grant| {
            grant.role.id == one.role.id
                && (grant.is_everywhere() || grant.division.id == one.division.id)
        };
        self.now.iter().any(same)
    }

    /// Whether a grant reaches a division in which the permission is needed.
    fn is_wanted(&self, one: &RoleIn) -> bool {
        let mut needed = self.divisions.iter();
        self.divisions.is_empty()
            || one.division.id == "*"
            || needed.any(|division| one.division.is_called(&division.id))
    }

    fn is_granted(&self, role: &Named) -> bool {
        self.now.iter().any(|grant| grant.role.id == role.id)
    }

    /// The role that carries the permission and nothing by a wildcard, granted most widely.
    fn elsewhere(&self) -> Option<Named> {
        let exact = |one: &&Grant| self.carries(one) == Carries::Yes && !self.is_broad(one);
        let carrying = by_role(self.now.iter().filter(exact)).into_iter();
        carrying
            .filter(|one| !is_powerful(&one.role))
            .max_by_key(|one| one.divisions.len())
            .map(|one| one.role)
    }

    /// The only role that is granted wherever the permission was held when access last worked.
    fn edited(&self) -> Option<Granted> {
        let before = self.before?;
        let held = before
            .divisions
            .as_ref()
            .filter(|held| !held.is_nowhere())?;
        let was_there = |one: &Granted| {
            let roles = before.roles.iter().flatten();
            roles.clone().any(|old| old.role.id == one.role.id)
        };
        let lacking = by_role(
            self.now
                .iter()
                .filter(|one| self.carries(one) == Carries::No),
        );
        let mut fits = lacking
            .into_iter()
            .filter(|one| was_there(one) && one.reaches(held) && !is_powerful(&one.role));
        let only = fits.next()?;
        fits.next().is_none().then_some(only)
    }

    /// Whether the role carries a needed permission by a wildcard.
    fn is_broad(&self, grant: &Grant) -> bool {
        let mut policies = grant.policies.iter();
        let is_exact = |one: &String| {
            grant.policies.iter().any(|policy| {
                let wild = policy.domain == "*"
                    || policy.entity == "*"
                    || policy.actions.iter().any(|action| action == "*");
                policy.allows(one) && !policy.conditional && !wild
            })
        };
        policies.any(|policy| policy.domain == "*") || !self.permissions.iter().all(is_exact)
    }

    /// Whether a role is about the same things already.
    fn is_related(&self, role: &Named) -> bool {
        let same = self.now.iter().filter(|grant| grant.role.id == role.id);
        let mut entities = same.flat_map(|grant| &grant.policies);
        entities.any(|policy| {
            let start = format!("{}:{}:", policy.domain, policy.entity);
            self.permissions.iter().any(|one| one.starts_with(&start))
        })
    }
}

impl Granted {
    fn is_in(&self, division: &str) -> bool {
        let mut divisions = self.divisions.iter();
        divisions.any(|one| one.id == "*" || one.is_called(division))
    }

    fn reaches(&self, held: &Permitted) -> bool {
        let everywhere = self.divisions.iter().any(|one| one.id == "*");
        let mut listed = held.divisions.iter();
        everywhere || (!held.all && listed.all(|one| self.is_in(&one.id)))
    }
}

/// A role that nobody should be given for the sake of one permission.
fn is_powerful(role: &Named) -> bool {
    role.shown().to_lowercase().contains("admin")
}

fn by_role<'a>(grants: impl Iterator<Item = &'a Grant>) -> Vec<Granted> {
    grouped(grants.map(|one| (&one.role, &one.division)))
}

/// Each role once, with all its divisions, in the order in which they came.
fn grouped<'a>(pairs: impl Iterator<Item = (&'a Named, &'a Named)>) -> Vec<Granted> {
    let mut roles: Vec<Granted> = Vec::new();
    for (role, division) in pairs {
        match roles.iter_mut().find(|one| one.role.id == role.id) {
            Some(known) => known.divisions.push(division.clone()),
            None => roles.push(Granted {
                role: role.clone(),
                divisions: vec![division.clone()],
            }),
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Policy;

    fn named(id: &str) -> Named {
        Named {
            id: id.to_owned(),
            name: Some(id.to_uppercase()),
        }
    }

    fn policy(domain: &str, entity: &str, action: &str, conditional: bool) -> Policy {
        Policy {
            domain: domain.to_owned(),
            entity: entity.to_owned(),
            actions: vec![action.to_owned()],
            conditional,
        }
    }

    fn grant(role: &str, division: &str, policies: &[Policy]) -> Grant {
        Grant {
            role: named(role),
            division: named(division),
            made_at: None,
            policies: policies.to_vec(),
        }
    }

    /// A standing in which the permission was held in `divisions`.
    fn before(roles: &[(&str, &str)], divisions: &[&str]) -> Standing {
        let role = |(role, division): &(&str, &str)| RoleIn {
            role: named(role),
            division: named(division),
        };
        Standing {
            roles: Some(roles.iter().map(role).collect()),
            divisions: Some(Permitted {
                permission: "routing:queue:view".to_owned(),
                all: false,
                total: u64::try_from(divisions.len()).unwrap(),
                divisions: divisions.iter().map(|id| named(id)).collect(),
            }),
            ..Standing::default()
        }
    }

    fn check(now: &[Grant], before: Option<&Standing>, divisions: &[&str], expected: &Carrier) {
        let permissions = ["routing:queue:view".to_owned()];
        let division = |id: &&str| Division {
            id: (*id).to_owned(),
            name: None,
        };
        let divisions: Vec<Division> = divisions.iter().map(division).collect();
        let roles = Roles {
            now,
            before,
            permissions: &permissions,
            divisions: &divisions,
        };
        assert_eq!(&roles.carrier().0, expected, "{now:?}");
    }

    #[test]
    fn what_was_there_comes_first_then_what_is_there_then_something_new() {
        let view = policy("routing", "queue", "view", false);
        let reader = |division| grant("reader", division, std::slice::from_ref(&view));
        let other = grant("other", "home", &[]);
        let was = before(&[("reader", "home"), ("other", "home")], &["home"]);
        check(
            std::slice::from_ref(&other),
            Some(&was),
            &["home"],
            &Carrier::Again(named("reader")),
        );
        check(
            &[reader("sales"), other.clone()],
            None,
            &["home"],
            &Carrier::Elsewhere(named("reader")),
        );
        check(
            &[reader("sales"), other.clone()],
            Some(&was),
            &["home"],
            &Carrier::Again(named("reader")),
        );
        check(&[other], None, &["home"], &Carrier::New);
        check(&[], None, &[], &Carrier::New);
    }

    #[test]
    fn a_role_that_lost_the_permission_is_the_only_one_that_reaches_as_far() {
        let search = [policy("routing", "queue", "search", false)];
        let now = [
            grant("reader", "home", &search),
            grant("reader", "sales", &search),
            grant("other", "home", &[]),
        ];
        let roles = [("reader", "home"), ("reader", "sales"), ("other", "home")];
        let wide = before(&roles, &["home", "sales"]);
        check(
            &now,
            Some(&wide),
            &["home", "sales"],
            &Carrier::Edited(named("reader")),
        );
        // Either of the two may have carried it.
        let narrow = before(&roles, &["home"]);
        check(&now, Some(&narrow), &["home"], &Carrier::New);
    }

    #[test]
    fn no_powerful_role_is_extended() {
        let view = policy("routing", "queue", "view", false);
        for (role, policy) in [
            ("supervisor", policy("routing", "*", "view", false)),
            ("supervisor", policy("routing", "queue", "*", false)),
            ("supervisor", policy("*", "*", "*", false)),
            ("reader", policy("routing", "queue", "view", true)),
            ("master admin", view),
        ] {
            let now = [grant(role, "sales", &[policy])];
            check(&now, None, &["home"], &Carrier::New);
            let was = before(&[(role, "sales"), (role, "home")], &["home"]);
            check(&now, Some(&was), &["home"], &Carrier::New);
        }
    }

    #[test]
    fn a_related_role_could_carry_it_where_it_is_needed() {
        let search = [policy("routing", "queue", "search", false)];
        let now = [
            grant("queues", "home", &search),
            grant("wide", "home", &[]),
            grant("wide", "sales", &[]),
            grant("elsewhere", "sales", &search),
        ];
        let permissions = ["routing:queue:view".to_owned()];
        let home = [Division {
            id: "home".to_owned(),
            name: None,
        }];
        let roles = Roles {
            now: &now,
            before: None,
            permissions: &permissions,
            divisions: &home,
        };
        assert_eq!(roles.could().unwrap().role, named("queues"));
    }
}
