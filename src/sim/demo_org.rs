//! The organisation that the simulator starts with.

use jiff::Timestamp;

use super::access::Access;
use super::clock::Wall;
use super::edit::guid;
use super::org::{ClientState, GrantType, Org, Rules, User};
use super::token::Window;

/// Id of the first client: client credentials, reads queues in every division.
pub const DEMO_CLIENT_ID: &str = "demo-client";
/// Secret of [`DEMO_CLIENT_ID`]; worth nothing outside the simulator.
pub const DEMO_CLIENT_SECRET: &str = "demo-secret";
/// Id of a client that is disabled; its secret is [`DEMO_CLIENT_SECRET`].
pub const DISABLED_CLIENT_ID: &str = "disabled-client";
/// Id of a client that has no role; its secret is [`DEMO_CLIENT_SECRET`].
pub const ROLELESS_CLIENT_ID: &str = "roleless-client";
/// Id of a client of the code grant, through which users get tokens; secret as above.
pub const PORTAL_CLIENT_ID: &str = "portal-client";
/// Id of a client of the SAML2 bearer grant; secret as above.
pub const SAML_CLIENT_ID: &str = "saml-client";
/// Access token of a user who may read queues, with the scope for it; always issued.
pub const DEMO_USER_TOKEN: &str = "demo-user-token";
/// Refresh token of that user, for [`PORTAL_CLIENT_ID`].
pub const DEMO_REFRESH_TOKEN: &str = "demo-refresh-token";
/// SAML2 assertion for that user, for [`SAML_CLIENT_ID`] and the organisation name `why403-demo`.
pub const DEMO_ASSERTION: &str = "demo-assertion";
/// Name of that user where the password grant is allowed.
pub const DEMO_USERNAME: &str = "ada@example.com";
/// Password of that user; worth nothing outside the simulator.
pub const DEMO_PASSWORD: &str = "demo-password";
/// The user behind them.
pub(super) const DEMO_USER_ID: &str = "05e70000-0000-4000-8000-000000000001";
/// The short name of the organisation in SAML2 requests.
pub const DEMO_ORG_NAME: &str = "why403-demo";
/// Scopes of a user token unless a test says otherwise.
pub(super) const USER_SCOPES: [&str; 3] = [
    "authorization:readonly",
    "routing:readonly",
    "user-basic-info",
];

/// The role that lets the demo client read queues.
pub(super) const QUEUE_READER: &str = "Queue Reader";

/// Queues of the demo organisation and their divisions.
const QUEUES: [(&str, &str); 12] = [
    ("Billing", "Home"),
    ("Complaints", "Home"),
    ("Reception", "Home"),
    ("Voicemail", "Home"),
    ("New Business", "Sales"),
    ("Partner Desk", "Sales"),
    ("Renewals", "Sales"),
    ("Upgrades", "Sales"),
    ("Escalations", "Support"),
    ("Support Chat", "Support"),
    ("Support Email", "Support"),
    ("Support Phone", "Support"),
];

/// Permissions that the organisation's products bring, sorted.
const PERMISSIONS: [&str; 18] = [
    "analytics:conversationAggregate:view",
    "analytics:queueObservation:view",
    "authorization:division:view",
    "authorization:grant:add",
    "authorization:role:view",
    "directory:user:view",
    "oauth:client:edit",
    "oauth:client:view",
    "routing:queue:add",
    "routing:queue:delete",
    "routing:queue:edit",
    "routing:queue:readonly",
    "routing:queue:search",
    "routing:queue:view",
    "routing:queueMember:manage",
    "routing:skill:assign",
    "routing:skill:view",
    "routing:wrapupCode:view",
];

/// When everything here was made: 2026-01-12T09:30:00Z, in Unix seconds.
const MADE_AT_SECONDS: i64 = 1_768_210_200;

/// When the demo organisation, its clients and its grants were made.
pub(super) fn made_at() -> Timestamp {
    Timestamp::from_second(MADE_AT_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Builds the demo organisation: the same one every time.
pub(super) fn demo_org(wall: Wall) -> Org {
    let mut org = Org {
        id: guid("06", 1),
        name: "Why403 Demo".to_owned(),
        state: "active".to_owned(),
        divisions: Vec::new(),
        clients: Vec::new(),
        users: vec![User {
            id: DEMO_USER_ID.to_owned(),
            name: "Ada Admin".to_owned(),
            email: DEMO_USERNAME.to_owned(),
        }],
        access: Access::default(),
        queues: Vec::new(),
        permissions: PERMISSIONS.map(str::to_owned).to_vec(),
        products: ["collaborateFree", "engage3"].map(str::to_owned).to_vec(),
        rules: Rules::default(),
        tokens: Vec::new(),
        refresh_token: DEMO_REFRESH_TOKEN.to_owned(),
        next_serial: 0,
        next_id: 0,
        token_window: Window::default(),
        past: Vec::new(),
        wall,
    };
    fill(&mut org);
    for grant in &mut org.access.grants {
        grant.made_at = made_at();
    }
    org
}

fn fill(org: &mut Org) {
    for division in ["Home", "Sales", "Support"] {
        org.add_division(division);
    }
    for (queue, division) in QUEUES {
        org.add_queue(queue, division);
    }
    org.add_role(QUEUE_READER, &["routing:queue:view,search"]);
    org.add_role(
        "Supervisor",
        &[
            "routing:*:*",
            "authorization:role:view",
            "oauth:client:view",
        ],
    );
    org.add_role("Reporting", &["analytics:*:view"]);
    for id in [
        DEMO_CLIENT_ID,
        DISABLED_CLIENT_ID,
        ROLELESS_CLIENT_ID,
        PORTAL_CLIENT_ID,
        SAML_CLIENT_ID,
    ] {
        org.add_client(id, DEMO_CLIENT_SECRET);
    }
    org.set_client_state(DISABLED_CLIENT_ID, ClientState::Disabled);
    org.set_client_grant(PORTAL_CLIENT_ID, GrantType::Code);
    org.set_client_grant(SAML_CLIENT_ID, GrantType::Saml2Bearer);
    for division in ["Home", "Sales", "Support"] {
        org.grant(DEMO_CLIENT_ID, QUEUE_READER, division);
    }
    org.grant(DEMO_CLIENT_ID, "Reporting", "Home");
    org.grant(DEMO_USER_ID, "Supervisor", "*");
    org.issue_user_token(
        DEMO_USER_TOKEN,
        PORTAL_CLIENT_ID,
        DEMO_USER_ID,
        &USER_SCOPES,
    );
}
