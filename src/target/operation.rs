//! The small catalogue of operations: what the vendor's specification requires for each.
//!
//! Source: the permissions and scopes that the vendor publishes per operation in its API
//! description (`x-inin-requires-permissions` and `security`).

/// A permission in the vendor's grammar, `domain:entity:action`.
pub type Permission = &'static str;

/// An OAuth scope: `area` or `area:readonly`.
pub type Scope = &'static str;

/// How several required permissions combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One of the list is enough.
    Any,
    /// Every one of the list is needed.
    All,
}

impl Mode {
    /// The name used in diagnoses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

/// One operation of the Platform API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template, for example `/api/v2/routing/queues/{queueId}`.
    pub path: &'static str,
    /// How [`Self::permissions`] combine.
    pub mode: Mode,
    /// The permissions required; empty when none is.
    pub permissions: &'static [Permission],
    /// The scopes accepted for user tokens; any one is enough. Client credentials have none.
    pub scopes: &'static [Scope],
    /// Whether the answer is a paged list with `total` and `entities`.
    pub lists: bool,
    /// Whether the list is that of the org's queues, so that an empty one is a symptom.
    pub lists_queues: bool,
    /// Whether it makes no sense without a query parameter.
    pub needs_query: bool,
}

impl Operation {
    /// Method and path, as configuration and diagnoses write it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The operation whose label is `text`, ignoring case of the method and surrounding space.
    #[must_use]
    pub fn find(text: &str) -> Option<&'static Self> {
        let (method, path) = text.trim().split_once(char::is_whitespace)?;
        OPERATIONS
            .iter()
            .find(|known| known.method.eq_ignore_ascii_case(method) && known.path == path.trim())
    }

    /// Whether this can be probed as it stands: a GET that needs no parameter.
    #[must_use]
    pub fn can_be_probed(&self) -> bool {
        self.method == "GET" && !self.path.contains('{') && !self.needs_query
    }

    /// The read of queues that why403 exists for.
    #[must_use]
    pub fn queues() -> &'static Self {
        &QUEUES
    }
}

/// Whether a token with the scope `held` may do what needs the scope `needed`.
///
/// A parent scope covers its read scope: `routing` covers `routing:readonly`. The names of the
/// original specification (`routing:queue`, `routing:queue:read`, `routing:queue:view`) are no
/// scopes of the platform, but are understood the same way when a gateway puts them into a token.
#[must_use]
pub fn covers(held: &str, needed: &str) -> bool {
    held == needed
        || needed
            .strip_prefix(held)
            .is_some_and(|rest| matches!(rest, ":readonly" | ":read" | ":view"))
}

const ROUTING: &[Scope] = &["routing", "routing:readonly"];
const AUTHORIZATION: &[Scope] = &["authorization", "authorization:readonly"];

const QUEUES: Operation = Operation {
    lists: true,
    lists_queues: true,
    ..get(
        "/api/v2/routing/queues",
        Mode::Any,
        &["routing:queue:view"],
        ROUTING,
    )
};

/// The operations that why403 knows; the first is the default.
pub static OPERATIONS: &[Operation] = &[
    QUEUES,
    get(
        "/api/v2/routing/queues/{queueId}",
        Mode::All,
        &["routing:queue:view"],
        ROUTING,
    ),
    Operation {
        lists: true,
        lists_queues: true,
        ..get(
            "/api/v2/routing/queues/divisionviews",
            Mode::All,
            &["routing:queue:search"],
            ROUTING,
        )
    },
    Operation {
        lists: true,
        lists_queues: true,
        ..get(
            "/api/v2/routing/queues/divisionviews/all",
            Mode::All,
            &["routing:queue:search"],
            ROUTING,
        )
    },
    Operation {
        lists: true,
        ..get("/api/v2/routing/queues/me", Mode::Any, &[], ROUTING)
    },
    get(
        "/api/v2/routing/queues/{queueId}/members",
        Mode::Any,
        &[
            "routing:queue:view",
            "routing:queue:edit",
            "routing:queue:readonly",
            "routing:queueMember:manage",
        ],
        ROUTING,
    ),
    Operation {
        method: "POST",
        ..get(
            "/api/v2/routing/queues",
            Mode::Any,
            &["routing:queue:add"],
            &["routing"],
        )
    },
    get("/api/v2/tokens/me", Mode::Any, &[], &["user-basic-info"]),
    get(
        "/api/v2/authorization/subjects/me",
        Mode::Any,
        &[],
        AUTHORIZATION,
    ),
    Operation {
        lists: true,
        needs_query: true,
        ..get(
            "/api/v2/authorization/divisionspermitted/paged/me",
            Mode::Any,
            &[],
            AUTHORIZATION,
        )
    },
    Operation {
        lists: true,
        ..get(
            "/api/v2/authorization/permissions",
            Mode::Any,
            &[],
            AUTHORIZATION,
        )
    },
    get(
        "/api/v2/authorization/products",
        Mode::Any,
        &[],
        AUTHORIZATION,
    ),
    get(
        "/api/v2/authorization/roles/{roleId}",
        Mode::All,
        &["authorization:role:view"],
        AUTHORIZATION,
    ),
    get(
        "/api/v2/oauth/clients/{clientId}",
        Mode::All,
        &["oauth:client:view"],
        &["oauth", "oauth:readonly"],
    ),
    get(
        "/api/v2/organizations/me",
        Mode::Any,
        &[],
        &["organization", "organization:readonly"],
    ),
];

const fn get(
    path: &'static str,
    mode: Mode,
    permissions: &'static [Permission],
    scopes: &'static [Scope],
) -> Operation {
    Operation {
        method: "GET",
        path,
        mode,
        permissions,
        scopes,
        lists: false,
        lists_queues: false,
        needs_query: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_find_their_operations() {
        for operation in OPERATIONS {
            assert_eq!(Operation::find(&operation.label()), Some(operation));
        }
        assert_eq!(
            Operation::find(" get  /api/v2/routing/queues "),
            Some(Operation::queues())
        );
        assert_eq!(Operation::find("/api/v2/routing/queues"), None);
        assert_eq!(Operation::find("GET /api/v2/users"), None);
    }

    #[test]
    fn a_parent_scope_covers_its_read_scope_and_nothing_else() {
        assert!(covers("routing", "routing:readonly"));
        assert!(covers("routing", "routing"));
        assert!(covers("routing:queue", "routing:queue:read"));
        assert!(!covers("routing:readonly", "routing"));
        assert!(!covers("routing", "routing:queue:manage"));
        assert!(!covers("rout", "routing:readonly"));
        assert!(!covers("", "routing"));
    }
}
