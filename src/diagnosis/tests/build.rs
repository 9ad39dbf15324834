//! Evidence with experiments, put together by hand.

use super::*;
use crate::evidence::{Client, Grant as RoleGrant, Named, Permitted, Policy, TokenOwner};

pub(super) const VIEW: &str = "routing:queue:view";
pub(super) const NOBODY: &str = "the call was refused";

/// The refusal that is examined in most cases: the platform's own, of a token an hour old.
pub(super) fn refused() -> Evidence {
    let body = api("missing.any.permissions", &format!("[{VIEW}]"));
    evidence(machine(), 403, API, &body, 3_600)
}

/// What a token of somebody unknown is answered.
pub(super) fn user(status: u16, body: &str) -> Evidence {
    let token = Grant::AccessToken {
        token: Secret::fixed("token"),
    };
    evidence(token, status, API, body, 60)
}

pub(super) fn named(id: &str, name: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: Some(name.to_owned()),
    }
}

/// An exchange of an experiment that was answered so.
pub(super) fn answered(step: Step, status: u16, body: &str) -> Exchange {
    let mut evidence = evidence(machine(), status, API, body, 0);
    let mut exchange = evidence.exchanges.remove(0);
    exchange.step = step;
    exchange
}

pub(super) fn experiment(kind: ExperimentKind, result: Result<Found, String>) -> Experiment {
    Experiment {
        kind,
        about: None,
        exchanges: vec![answered(Step::Experiment(kind), 200, "{}")],
        result,
    }
}

pub(super) fn owner(home: &str, grant: &str, scopes: &[&str]) -> Experiment {
    let owner = TokenOwner {
        organization: Some(named("o", "Org")),
        home_organization: Some(named(home, "Home")),
        client: Some(Client {
            named: named("c", "Client"),
            grant_type: Some(grant.to_owned()),
            state: None,
        }),
        scopes: Some(scopes.iter().map(|&scope| scope.to_owned()).collect()),
    };
    experiment(ExperimentKind::TokensMe, Ok(Found::Owner(owner)))
}

pub(super) fn permitted(permission: &str, divisions: &[&str]) -> Experiment {
    let permitted = Permitted {
        permission: permission.to_owned(),
        all: divisions == ["*"],
        total: divisions.len() as u64,
        divisions: divisions
            .iter()
            .map(|id| named(id, &format!("Name of {id}")))
            .collect(),
    };
    Experiment {
        about: Some(permission.to_owned()),
        ..experiment(
            ExperimentKind::DivisionsPermitted,
            Ok(Found::Permitted(permitted)),
        )
    }
}

/// One role in one division, granted so many seconds before the refusal.
pub(super) fn role(
    permissions: &[&str],
    division: &str,
    ago: Option<i64>,
    bound: bool,
) -> RoleGrant {
    let policy = |permission: &&str| {
        let parts: Vec<&str> = permission.split(':').collect();
        Policy {
            domain: parts[0].to_owned(),
            entity: parts[1].to_owned(),
            actions: vec![parts[2].to_owned()],
            conditional: bound,
        }
    };
    RoleGrant {
        role: named("r", "Reader"),
        division: named(division, &format!("Name of {division}")),
        made_at: ago.map(|ago| Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_secs(ago)),
        policies: permissions.iter().map(policy).collect(),
    }
}

pub(super) fn grants(grants: Vec<RoleGrant>) -> Experiment {
    experiment(ExperimentKind::SubjectsMe, Ok(Found::Grants(grants)))
}

pub(super) fn org(permissions: &[&str]) -> Experiment {
    let known = permissions.iter().map(|&one| one.to_owned()).collect();
    Experiment {
        about: Some("routing".to_owned()),
        ..experiment(ExperimentKind::Permissions, Ok(Found::Permissions(known)))
    }
}

/// The same call with a fresh token, and with the old one again where that was tried.
pub(super) fn fresh(status: u16, again: Option<u16>) -> Experiment {
    let body = if status == 200 {
        r#"{"total":3,"entities":[]}"#
    } else {
        "{}"
    };
    let step = Step::Experiment(ExperimentKind::FreshToken);
    let mut exchanges = vec![answered(Step::Token, 200, ""), answered(step, status, body)];
    exchanges.extend(again.map(|status| answered(Step::Again, status, "{}")));
    let facts = TokenFacts {
        generation: 2,
        issued_at: moment(10_000),
        expires_at: None,
        given: false,
        scopes: None,
    };
    Experiment {
        exchanges,
        ..experiment(ExperimentKind::FreshToken, Ok(Found::Replayed(facts)))
    }
}

pub(super) fn control(status: u16) -> Experiment {
    let step = Step::Experiment(ExperimentKind::WithoutToken);
    let mut exchange = answered(step, status, "{}");
    if let (403, Ok(answer)) = (status, &mut exchange.result) {
        // Whoever refuses without looking at a token is not the platform.
        answer.headers.clear();
    }
    Experiment {
        exchanges: vec![exchange],
        ..experiment(ExperimentKind::WithoutToken, Ok(Found::Control))
    }
}

/// Cause, confidence and the whole diagnosis.
pub(super) fn told(
    evidence: Evidence,
    experiments: Vec<Experiment>,
) -> (&'static str, Confidence, Diagnosis) {
    let diagnosis = diagnose(&Evidence {
        experiments,
        ..evidence
    });
    let cause = diagnosis.finding.cause().unwrap_or("ok");
    (cause, diagnosis.confidence, diagnosis)
}

#[track_caller]
pub(super) fn check(
    evidence: Evidence,
    experiments: Vec<Experiment>,
    cause: &str,
    confidence: Confidence,
) {
    let (found, sure, diagnosis) = told(evidence, experiments);
    assert_eq!((found, sure), (cause, confidence), "{}", diagnosis.summary);
}

/// The permission is held in one division.
pub(super) fn held() -> Experiment {
    permitted(VIEW, &["d"])
}

/// It is carried by a role that was granted long ago.
pub(super) fn old_role() -> Experiment {
    grants(vec![role(&[VIEW], "d", Some(90_000), false)])
}
