//! Permissions (`domain:entity:action`) and the policies of a role that carry them.

/// One policy of a role: a domain, an entity and actions, each of which may be the wildcard `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) domain: String,
    pub(super) entity: String,
    pub(super) actions: Vec<String>,
    /// Under what condition it counts; none: always.
    pub(super) condition: Option<Condition>,
}

/// A condition on attributes of a request. The model does not evaluate it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) is_met: bool,
}

impl Policy {
    /// Reads `routing:queue:view`, `routing:*:*` or, with several actions, `routing:queue:view,edit`.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_else(|| "*".to_owned());
        let (domain, entity, actions) = (next(), next(), next());
        Self {
            domain,
            entity,
            actions: actions.split(',').map(str::to_owned).collect(),
            condition: None,
        }
    }

    /// Whether the policy counts, whatever it carries.
    pub(super) fn applies(&self) -> bool {
        self.condition
            .as_ref()
            .is_none_or(|condition| condition.is_met)
    }

    /// Whether the policy carries `permission`, wildcards considered.
    pub(super) fn allows(&self, permission: &str) -> bool {
        let mut parts = permission.splitn(3, ':');
        let (Some(domain), Some(entity), Some(action)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        covers(&self.domain, domain)
            && covers(&self.entity, entity)
            && self.actions.iter().any(|granted| covers(granted, action))
    }
}

/// What one subject may do: which policy it holds in which division.
pub(super) type Authority = Vec<Held>;

/// One policy held in one division, or in all of them (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) policy: Policy,
    pub(super) division: String,
}

impl Held {
    /// Whether this entry carries `permission` in `division`; no division asks for any.
    pub(super) fn gives(&self, permission: &str, division: Option<&str>) -> bool {
        let in_division = division.is_none_or(|asked| covers(&self.division, asked));
        in_division && self.policy.allows(permission)
    }
}

fn covers(granted: &str, asked: &str) -> bool {
    granted == "*" || granted == asked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wildcard_covers_its_place_only() {
        let policy = Policy::parse("routing:*:view");
        assert!(policy.allows("routing:queue:view"));
        assert!(!policy.allows("routing:queue:edit"));
        assert!(!policy.allows("analytics:queue:view"));
        assert!(Policy::parse("routing:queue:view,edit").allows("routing:queue:edit"));
        assert!(!Policy::parse("routing:queue:view").allows("routing:queue"));
    }

    proptest! {
        #[test]
        fn a_policy_allows_itself_and_its_wildcards(
            parts in proptest::array::uniform3("[a-z]{1,8}"),
            stars in proptest::array::uniform3(any::<bool>()),
            other in "[a-z]{1,8}",
        ) {
            let permission = parts.join(":");
            let pattern: Vec<&str> =
                parts.iter().zip(stars).map(|(part, star)| if star { "*" } else { part.as_str() }).collect();
            let policy = Policy::parse(&pattern.join(":"));
            prop_assert!(policy.allows(&permission));
            for place in 0..3 {
                let mut changed = parts.clone();
                changed[place].clone_from(&other);
                let same = changed == parts;
                prop_assert_eq!(policy.allows(&changed.join(":")), same || stars[place]);
            }
        }
    }
}
