//! Named edits of the model and named faults: one for every cause and outcome that can be shown.

mod answers;
mod arrange;
mod caches;
mod edge;
mod login;
mod network;
mod organisation;
mod permission;
mod scope;
mod unclear;
mod visibility;

use std::sync::LazyLock;

use super::World;

/// Something that is wrong (or not), under a name.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name to switch by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// The outcome that `GET /api/v2/routing/queues` shows: `ok`, `forbidden` or another slug.
    pub outcome: &'static str,
    /// The cause: of a 403 its slug, of another failure the outcome, of none nothing.
    pub cause: Option<&'static str>,
    /// What to expect, and on what it depends.
    pub says: &'static str,
    /// With whose token it shows.
    pub credential: Credential,
    /// Arranges the demo organisation.
    pub(super) arrange: fn(&mut World),
}

/// With whose token a scenario shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The demo client's, from client credentials.
    Machine,
    /// The demo user's ([`DEMO_USER_TOKEN`](super::DEMO_USER_TOKEN)).
    User,
}

/// There is no scenario of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario {0:?}")]
pub struct UnknownScenario(pub String);

static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let groups = [
        &[answers::HEALTHY],
        permission::SCENARIOS,
        scope::SCENARIOS,
        caches::SCENARIOS,
        organisation::SCENARIOS,
        edge::SCENARIOS,
        unclear::SCENARIOS,
        login::SCENARIOS,
        visibility::SCENARIOS,
        answers::SCENARIOS,
        network::SCENARIOS,
    ];
    groups.concat()
});

static HEALTHY: Scenario = answers::HEALTHY;

/// Every scenario, the healthy one first.
pub(super) fn all() -> &'static [Scenario] {
    &ALL
}

/// The scenario in which nothing is wrong.
pub(super) fn healthy() -> &'static Scenario {
    &HEALTHY
}

/// The scenario of a name.
pub(super) fn find(name: &str) -> Result<&'static Scenario, UnknownScenario> {
    all()
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| UnknownScenario(name.to_owned()))
}

/// A scenario of the demo client in which a 403 has `cause`.
const fn forbidden(
    name: &'static str,
    cause: &'static str,
    title: &'static str,
    says: &'static str,
    arrange: fn(&mut World),
) -> Scenario {
    let credential = Credential::Machine;
    Scenario {
        name,
        title,
        outcome: "forbidden",
        cause: Some(cause),
        says,
        credential,
        arrange,
    }
}

/// The same scenario, of the demo user.
const fn of_user(scenario: Scenario) -> Scenario {
    Scenario {
        credential: Credential::User,
        ..scenario
    }
}

/// A scenario of the demo client whose outcome is its cause.
const fn failing(
    name: &'static str,
    outcome: &'static str,
    title: &'static str,
    says: &'static str,
    arrange: fn(&mut World),
) -> Scenario {
    Scenario {
        name,
        title,
        outcome,
        cause: Some(outcome),
        says,
        credential: Credential::Machine,
        arrange,
    }
}

/// A scenario of the demo client in which the queues can be read.
const fn ok(
    name: &'static str,
    title: &'static str,
    says: &'static str,
    arrange: fn(&mut World),
) -> Scenario {
    Scenario {
        name,
        title,
        outcome: "ok",
        cause: None,
        says,
        credential: Credential::Machine,
        arrange,
    }
}
