//! What the experiments know about a case, as far as a remedy can use it.

use jiff::Timestamp;

use super::super::facts::{Held, PROPAGATION, Said, division_name, owner};
use super::super::reading::Reading;
use super::super::visibility::Loss;
use super::super::{Confidence, Division};
use super::need::{Need, need};
use super::roles::{Carrier, Granted, Roles};
use crate::clock::later;
use crate::evidence::{Evidence, ExperimentKind, Fault, Found, Grant, Named, TokenOwner};

/// What a remedy may name. The default knows nothing.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and none excludes another"
)]
pub(in super::super) struct Case {
    /// The target's name.
    pub(in super::super) target: Option<String>,
    /// Whether what the vendor publishes for the operation is held.
    pub(in super::super) is_held: bool,
    /// Whether the finding is proven.
    pub(in super::super) is_proven: bool,
    /// The roles of the caller when access last worked, where nothing newer is known.
    pub(in super::super) formerly: Vec<Named>,
    /// The role that should carry what is missing.
    pub(in super::super) carrier: Carrier,
    /// Whether that role is known to carry it.
    pub(in super::super) is_carried: bool,
    /// A role that is granted where it is needed and could carry it.
    pub(in super::super) could: Option<Named>,
    /// Roles that carry it only under a condition.
    pub(in super::super) bound: Vec<Named>,
    /// Where it has to be granted; empty when that is not known.
    pub(in super::super) divisions: Vec<Division>,
    /// The org that the token works on.
    pub(in super::super) organization: Option<Named>,
    /// The org that the caller belongs to, where it is another one.
    pub(in super::super) home: Option<Named>,
    /// The OAuth client that the token was issued to.
    pub(in super::super) client: Option<Named>,
    /// When the deciding call was sent.
    pub(in super::super) at: Option<Timestamp>,
    /// When a change of roles should have reached every cache.
    pub(in super::super) settled_at: Option<Timestamp>,
    /// When access ends that still works.
    pub(in super::super) ends_at: Option<Timestamp>,
    /// Whether access still works.
    pub(in super::super) is_ending: bool,
    /// Why less is visible than should be.
    pub(in super::super) loss: Option<Loss>,
    /// Whether fewer queues are visible than the configuration asks for.
    pub(in super::super) below_minimum: bool,
    /// Whether a fresh token was accepted.
    pub(in super::super) fresh_works: bool,
    /// Whether the token that was refused is accepted by now.
    pub(in super::super) works_again: bool,
    /// Whether the same call was made without a token.
    pub(in super::super) was_controlled: bool,
    /// Headers that tell who answered, as `name: value`.
    pub(in super::super) trace: Vec<String>,
    /// What the transport did instead of answering.
    pub(in super::super) fault: Option<Fault>,
    /// The port of the call that decided.
    pub(in super::super) port: Option<u16>,
}

impl Case {
    pub(super) fn of(evidence: &Evidence, reading: &Reading) -> Self {
        let case = Self {
            target: Some(evidence.target.as_str().to_owned()),
            loss: reading.loss,
            is_proven: reading.confidence == Confidence::Proven,
            below_minimum: is_below_minimum(evidence, reading),
            at: evidence.last_probe().map(|probe| probe.sent_at.wall),
            trace: trace(evidence),
            fault: reading.fault.clone(),
            port: reading.port,
            is_ending: reading.early_warning.is_some(),
            ends_at: reading.early_warning.as_ref().and_then(|one| one.ends_at),
            ..Self::default()
        };
        case.with_owner(evidence)
            .with_refusal(evidence, reading)
            .with_roles(evidence, reading)
    }

    /// What has to be granted.
    pub(in super::super) fn need(&self, context: &super::Context<'_>) -> Need {
        need(context.missing, context.operation, self.is_held)
    }

    fn with_owner(self, evidence: &Evidence) -> Self {
        let owner = owner(evidence);
        let client = owner.and_then(|owner| owner.client.as_ref());
        let is_guest = owner.and_then(TokenOwner::is_guest) == Some(true);
        Self {
            organization: owner.and_then(|owner| owner.organization.clone()),
            home: owner
                .and_then(|owner| owner.home_organization.clone())
                .filter(|_| is_guest),
            client: client.map(|client| client.named.clone()),
            ..self
        }
    }

    /// What the facts about a refusal add.
    fn with_refusal(self, evidence: &Evidence, reading: &Reading) -> Self {
        let Some(facts) = reading.facts(evidence) else {
            return self;
        };
        let published = facts.held(&facts.published());
        let granted = facts.granted_at(&facts.suspect());
        Self {
            is_held: published == Some(Held::Somewhere),
            fresh_works: facts.fresh() == Some(Said::Accepted),
            works_again: facts.again() == Some(Said::Accepted),
            was_controlled: facts.control().is_some(),
            settled_at: granted
                .map(|at| later(at, PROPAGATION))
                .filter(|at| *at > evidence.at.wall),
            ..self
        }
    }

    /// What is known of roles and divisions adds.
    fn with_roles(self, evidence: &Evidence, reading: &Reading) -> Self {
        let missing = match &reading.early_warning {
            Some(warning) => &warning.missing,
            None => &reading.missing,
        };
        let need = need(missing, evidence.operation, self.is_held);
        let wanted = wanted(&missing.divisions, evidence);
        let Some(now) = grants(evidence) else {
            return Self {
                divisions: wanted,
                formerly: formerly(evidence),
                ..self
            };
        };
        let roles = Roles {
            now,
            before: evidence.before.as_deref(),
            permissions: &need.permissions,
            divisions: &wanted,
        };
        let (carrier, places) = roles.carrier();
        let could = roles.could().filter(|_| carrier == Carrier::New);
        let could = could.map(|Granted { role, .. }| role);
        let bound = roles.bound();
        let is_carried = carrier.role().is_some_and(|role| roles.carried_by(role));
        let divisions = match carrier {
            Carrier::Again(_) | Carrier::Edited(_) if missing.divisions.is_empty() => {
                places.into_iter().map(division).collect()
            }
            _ => wanted,
        };
        Self {
            carrier,
            is_carried,
            could,
            bound,
            divisions,
            ..self
        }
    }
}

/// The roles of the caller, where they are known.
fn grants(evidence: &Evidence) -> Option<&[Grant]> {
    match evidence.experiment(ExperimentKind::SubjectsMe)?.found()? {
        Found::Grants(grants) => Some(grants),
        _ => None,
    }
}

/// The roles of the caller when access last worked, each once.
fn formerly(evidence: &Evidence) -> Vec<Named> {
    let before = evidence.before.as_ref();
    let roles = before.and_then(|before| before.roles.as_ref());
    let mut once: Vec<Named> = Vec::new();
    for granted in roles.into_iter().flatten() {
        if !once.contains(&granted.role) {
            once.push(granted.role.clone());
        }
    }
    once
}

/// Where the permission is wanted: where the answer says, else where it was held when access
/// last worked, else where the configuration expects it.
fn wanted(named: &[Division], evidence: &Evidence) -> Vec<Division> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let before = evidence.before.as_ref();
    let held = before.and_then(|before| before.divisions.as_ref());
    if let Some(held) = held.filter(|held| !held.is_nowhere()) {
        return if held.all {
            vec![everywhere()]
        } else {
            held.divisions.iter().cloned().map(division).collect()
        };
    }
    let expected = evidence.expect.divisions.iter();
    expected
        .map(|text| expected_division(text, evidence))
        .collect()
}

/// A division of the configuration, which writes an id or a name.
fn expected_division(text: &str, evidence: &Evidence) -> Division {
    let known = grants(evidence).unwrap_or_default().iter();
    let mut known = known.map(|grant| &grant.division);
    match known.find(|one| one.is_called(text)) {
        Some(found) => division(found.clone()),
        None => Division {
            id: text.to_owned(),
            name: division_name(evidence, text).or_else(|| Some(text.to_owned())),
        },
    }
}

fn division(named: Named) -> Division {
    if named.id == "*" {
        return everywhere();
    }
    Division {
        id: named.id,
        name: named.name,
    }
}

fn everywhere() -> Division {
    Division {
        id: "*".to_owned(),
        name: None,
    }
}

fn is_below_minimum(evidence: &Evidence, reading: &Reading) -> bool {
    let total = reading.queues.total;
    total.is_some_and(|total| total < evidence.expect.min_queues)
}

/// Headers of the deciding answer that tell who made it or passed it on.
fn trace(evidence: &Evidence) -> Vec<String> {
    const TELLING: &[&str] = &["server", "via", "x-amz-cf-id", "cf-ray", "x-squid-error"];
    let Some(answer) = evidence.last_probe().and_then(|probe| probe.answer()) else {
        return Vec::new();
    };
    let told = TELLING.iter().filter_map(|name| {
        let value = crate::evidence::printable(answer.header(name)?, 80);
        Some(format!("{name}: {value}"))
    });
    told.collect()
}
