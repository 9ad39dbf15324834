//! The operations of the API, as data: path, needs, answer.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::Failure;
use super::guard::{Caller, Needs, Permissions};
use super::org::Org;
use super::paging::Query;
use super::{identity, queues};

/// One operation; all are reads.
pub(super) struct Operation {
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) answer: fn(&Org, &Call<'_>) -> Result<Value, Failure>,
}

/// One admitted request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) path: &'a str,
    pub(super) query: Query,
    pub(super) caller: Caller,
    pub(super) now: Instant,
}

impl Call<'_> {
    /// What stands behind the last slash of the path.
    pub(super) fn last_segment(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

const ROUTING: &[&str] = &["routing", "routing:readonly"];
const AUTHORIZATION: &[&str] = &["authorization", "authorization:readonly"];
const OAUTH: &[&str] = &["oauth", "oauth:readonly"];
const ORGANIZATION: &[&str] = &["organization", "organization:readonly"];
const USER_INFO: &[&str] = &["user-basic-info"];

const fn needs(permissions: Permissions, scopes: &'static [&'static str]) -> Needs {
    Needs {
        permissions,
        scopes,
        user_context: false,
    }
}

const fn user_needs(scopes: &'static [&'static str]) -> Needs {
    Needs {
        permissions: Permissions::None,
        scopes,
        user_context: true,
    }
}

/// Everything that the simulated API knows.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v2/routing/queues",
        needs: needs(Permissions::Any(&["routing:queue:view"]), ROUTING),
        answer: queues::list,
    },
    Operation {
        path: "/api/v2/routing/queues/divisionviews",
        needs: needs(Permissions::All(&["routing:queue:search"]), ROUTING),
        answer: queues::division_views,
    },
    Operation {
        path: "/api/v2/routing/queues/divisionviews/all",
        needs: needs(Permissions::All(&["routing:queue:search"]), ROUTING),
        answer: queues::division_views,
    },
    Operation {
        path: "/api/v2/routing/queues/me",
        needs: user_needs(ROUTING),
        answer: queues::mine,
    },
    Operation {
        path: "/api/v2/routing/queues/{id}",
        needs: needs(Permissions::All(&["routing:queue:view"]), ROUTING),
        answer: queues::one,
    },
    Operation {
        path: "/api/v2/tokens/me",
        needs: needs(Permissions::None, USER_INFO),
        answer: identity::token,
    },
    Operation {
        path: "/api/v2/users/me",
        needs: user_needs(USER_INFO),
        answer: identity::user,
    },
    Operation {
        path: "/api/v2/authorization/subjects/me",
        needs: needs(Permissions::None, AUTHORIZATION),
        answer: identity::subject,
    },
    Operation {
        path: "/api/v2/authorization/divisionspermitted/paged/me",
        needs: needs(Permissions::None, AUTHORIZATION),
        answer: identity::divisions_permitted,
    },
    Operation {
        path: "/api/v2/authorization/permissions",
        needs: needs(Permissions::None, AUTHORIZATION),
        answer: identity::permissions,
    },
    Operation {
        path: "/api/v2/authorization/products",
        needs: needs(Permissions::None, AUTHORIZATION),
        answer: identity::products,
    },
    Operation {
        path: "/api/v2/authorization/roles/{id}",
        needs: needs(
            Permissions::All(&["authorization:role:view"]),
            AUTHORIZATION,
        ),
        answer: identity::role,
    },
    Operation {
        path: "/api/v2/oauth/clients/{id}",
        needs: needs(Permissions::All(&["oauth:client:view"]), OAUTH),
        answer: identity::client,
    },
    Operation {
        path: "/api/v2/organizations/me",
        needs: needs(Permissions::None, ORGANIZATION),
        answer: organization,
    },
];

#[allow(
    clippy::unnecessary_wraps,
    reason = "every operation has this signature"
)]
fn organization(org: &Org, _: &Call<'_>) -> Result<Value, Failure> {
    Ok(json!({
        "id": org.id,
        "name": org.name,
        "defaultLanguage": "en-US",
        "defaultCountryCode": "US",
        "thirdPartyOrgName": super::demo_org::DEMO_ORG_NAME,
        "domain": super::demo_org::DEMO_ORG_NAME,
        "version": 1,
        "state": org.state,
        "voicemailEnabled": false,
        "productPlatform": "GenesysCloud",
        "selfUri": format!("/api/v2/organizations/{}", org.id),
    }))
}
