//! Extra calls made to tell causes apart, and what was read from their answers.

use jiff::Timestamp;

use super::{Exchange, TokenFacts};

/// One experiment: what was asked, and what came of it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Which one.
    pub kind: ExperimentKind,
    /// What it asked about, where it asks about something: a permission, or domains of them.
    pub about: Option<String>,
    /// The calls it made, in order; none when none could be made.
    pub exchanges: Vec<Exchange>,
    /// What was found, or why nothing was: a failed experiment is never evidence.
    pub result: Result<Found, String>,
}

impl Experiment {
    /// What was found, if anything was.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        self.result.as_ref().ok()
    }
}

/// The experiments, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExperimentKind {
    /// `GET /api/v2/tokens/me`: whose token it is, of which org, with which scopes.
    TokensMe,
    /// `GET /api/v2/authorization/divisionspermitted/paged/me`: where a permission is held.
    DivisionsPermitted,
    /// The same call with a token minted just now.
    FreshToken,
    /// `GET /api/v2/authorization/subjects/me`: which roles in which divisions.
    SubjectsMe,
    /// `GET /api/v2/authorization/permissions`: what the org has at all.
    Permissions,
    /// The same call without a token.
    WithoutToken,
}

impl ExperimentKind {
    /// Every experiment, in order.
    pub const ALL: &'static [Self] = &[
        Self::TokensMe,
        Self::DivisionsPermitted,
        Self::FreshToken,
        Self::SubjectsMe,
        Self::Permissions,
        Self::WithoutToken,
    ];

    /// The stable name used in metrics and diagnoses.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::TokensMe => "tokens_me",
            Self::DivisionsPermitted => "divisions_permitted",
            Self::FreshToken => "fresh_token",
            Self::SubjectsMe => "subjects_me",
            Self::Permissions => "permissions",
            Self::WithoutToken => "without_token",
        }
    }
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Whose token it is.
    Owner(TokenOwner),
    /// Where a permission is held.
    Permitted(Permitted),
    /// The facts of the fresh token; what it was answered is in the exchanges.
    Replayed(TokenFacts),
    /// The roles of the caller.
    Grants(Vec<Grant>),
    /// The permissions of a domain that the org has.
    Permissions(Vec<String>),
    /// An answer to the call without a token, which is in the exchanges.
    Control,
}

/// Something with an id and perhaps a name; both printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name, where known.
    pub name: Option<String>,
}

impl Named {
    /// The name, or the id where there is none.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Whether `text` is its name, in any case, or its id.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.id.to_lowercase() == text
            || self
                .name
                .as_ref()
                .is_some_and(|name| name.to_lowercase() == text)
    }
}

/// What `tokens/me` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenOwner {
    /// The org that the token works on.
    pub organization: Option<Named>,
    /// The org that its owner belongs to.
    pub home_organization: Option<Named>,
    /// The OAuth client it was issued to.
    pub client: Option<Client>,
    /// The scopes it carries, where the answer lists them.
    pub scopes: Option<Vec<String>>,
}

impl TokenOwner {
    /// Whether its owner is a guest from another org; none when that cannot be told.
    #[must_use]
    pub fn is_guest(&self) -> Option<bool> {
        let organization = self.organization.as_ref()?;
        let home = self.home_organization.as_ref()?;
        Some(organization.id != home.id)
    }
}

/// An OAuth client, as `tokens/me` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id and name.
    pub named: Named,
    /// The grant it is authorized for, in the platform's spelling.
    pub grant_type: Option<String>,
    /// Its state: `active`, `disabled` or `inactive`.
    pub state: Option<String>,
}

impl Client {
    /// Whether it acts as itself and not for a user; none when the grant is not told.
    #[must_use]
    pub fn is_machine(&self) -> Option<bool> {
        let letters: String = self
            .grant_type
            .as_ref()?
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        Some(letters == "clientcredentials")
    }
}

/// Where a permission is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    /// The permission asked about.
    pub permission: String,
    /// Whether it is held in every division, present and future.
    pub all: bool,
    /// In how many divisions.
    pub total: u64,
    /// Those divisions, as far as they were listed.
    pub divisions: Vec<Named>,
}

impl Permitted {
    /// Whether it is held in no division.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        !self.all && self.total == 0 && self.divisions.is_empty()
    }

    /// Whether it is held in the division with this id or name; none when the list is cut.
    #[must_use]
    pub fn includes(&self, division: &str) -> Option<bool> {
        let listed = self.divisions.iter().any(|one| one.is_called(division));
        let is_whole = usize::try_from(self.total).is_ok_and(|total| total <= self.divisions.len());
        (self.all || listed || is_whole).then_some(self.all || listed)
    }
}

/// One role granted in one division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Named,
    /// The division; the id `*` stands for all of them.
    pub division: Named,
    /// When it was granted.
    pub made_at: Option<Timestamp>,
    /// The policies of the role that concern the domains asked about.
    pub policies: Vec<Policy>,
}

impl Grant {
    /// Whether the role carries `permission`.
    #[must_use]
    pub fn carries(&self, permission: &str) -> Carries {
        let carriers = || self.policies.iter().filter(|one| one.allows(permission));
        if carriers().any(|policy| !policy.conditional) {
            Carries::Yes
        } else if carriers().next().is_some() {
            Carries::Conditionally
        } else {
            Carries::No
        }
    }

    /// Whether it is granted in every division.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.division.id == "*"
    }
}

/// Whether a role carries a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carries {
    /// It does not.
    No,
    /// Only where a condition of the policy holds.
    Conditionally,
    /// It does.
    Yes,
}

/// One policy of a role; entity and actions may be the wildcard `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The domain.
    pub domain: String,
    /// The entity.
    pub entity: String,
    /// The actions.
    pub actions: Vec<String>,
    /// Whether it holds only under a condition.
    pub conditional: bool,
}

impl Policy {
    /// Whether it carries `permission` (`domain:entity:action`), wildcards considered.
    #[must_use]
    pub fn allows(&self, permission: &str) -> bool {
        let covers = |held: &str, asked: &str| held == "*" || held.eq_ignore_ascii_case(asked);
        let mut parts = permission.splitn(3, ':');
        let (Some(domain), Some(entity), Some(action)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        covers(&self.domain, domain)
            && covers(&self.entity, entity)
            && self.actions.iter().any(|held| covers(held, action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str, name: &str) -> Named {
        Named {
            id: id.to_owned(),
            name: Some(name.to_owned()),
        }
    }

    fn policy(entity: &str, actions: &[&str], conditional: bool) -> Policy {
        Policy {
            domain: "routing".to_owned(),
            entity: entity.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            conditional,
        }
    }

    #[test]
    fn wildcards_cover_their_place_only() {
        assert!(policy("*", &["view"], false).allows("routing:queue:view"));
        assert!(policy("queue", &["*"], false).allows("routing:queue:view"));
        assert!(!policy("queue", &["edit"], false).allows("routing:queue:view"));
        assert!(!policy("*", &["*"], false).allows("analytics:queue:view"));
        assert!(!policy("*", &["*"], false).allows("routing:queue"));
    }

    #[test]
    fn an_unconditional_policy_wins_over_a_conditional_one() {
        let grant = |policies| Grant {
            role: named("r", "Reader"),
            division: named("d", "Home"),
            made_at: None,
            policies,
        };
        let (free, bound) = (
            policy("queue", &["view"], false),
            policy("queue", &["view"], true),
        );
        let carries = |policies| grant(policies).carries("routing:queue:view");
        assert_eq!(carries(vec![]), Carries::No);
        assert_eq!(carries(vec![bound.clone()]), Carries::Conditionally);
        assert_eq!(carries(vec![bound, free]), Carries::Yes);
    }

    #[test]
    fn a_cut_list_of_divisions_excludes_none() {
        let mut permitted = Permitted {
            permission: "routing:queue:view".to_owned(),
            all: false,
            total: 1,
            divisions: vec![named("1", "Home")],
        };
        assert_eq!(permitted.includes("home"), Some(true));
        assert_eq!(permitted.includes("Sales"), Some(false));
        permitted.total = 2;
        assert_eq!(permitted.includes("Sales"), None);
        permitted.all = true;
        assert_eq!(permitted.includes("Sales"), Some(true));
        assert!(!permitted.is_nowhere());
    }

    #[test]
    fn grant_types_are_read_in_every_spelling() {
        let machine = |grant: Option<&str>| {
            let client = Client {
                named: named("c", "Client"),
                grant_type: grant.map(str::to_owned),
                state: None,
            };
            client.is_machine()
        };
        for spelling in [
            "CLIENT-CREDENTIALS",
            "client_credentials",
            "CLIENT_CREDENTIALS",
        ] {
            assert_eq!(machine(Some(spelling)), Some(true));
        }
        assert_eq!(machine(Some("CODE")), Some(false));
        assert_eq!(machine(None), None);
    }
}
