//! From evidence to the file: nothing is added, and what no diagnosis reads is left out.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{
    Answer, Client, Evidence, Exchange, Experiment, Fault, Found, Grant, Identity, MintFailure,
    Named, Origin, Permitted, Phases, Policy, RoleIn, Standing, TokenAge, TokenEvidence,
    TokenFacts, TokenOwner,
};
use super::v1;
use crate::clock::Moment;
use crate::target::{Expect, Operation};

/// Headers that could carry a secret; no answer of the platform has one, and none is kept.
const NEVER: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

pub(super) fn evidence(evidence: &Evidence, since: Option<Timestamp>) -> v1::Evidence {
    let evidence = evidence.clone().reduced();
    v1::Evidence {
        target: evidence.target.as_str().to_owned(),
        operation: operation(evidence.operation),
        since: since.map(wall),
        at: moment(evidence.at),
        identity: identity(&evidence.identity),
        expect: expect(&evidence.expect),
        token: token(&evidence.token),
        exchanges: evidence.exchanges.iter().map(exchange).collect(),
        experiments: evidence.experiments.iter().map(experiment).collect(),
        unasked: evidence.unasked,
        before: evidence.before.as_deref().map(standing),
    }
}

fn wall(at: Timestamp) -> String {
    at.to_string()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub(super) fn moment(at: Moment) -> v1::Moment {
    v1::Moment {
        wall: wall(at.wall),
        elapsed_ms: milliseconds(at.elapsed),
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

fn operation(operation: &Operation) -> v1::Operation {
    v1::Operation {
        label: operation.label(),
        mode: operation.mode.as_str().to_owned(),
        permissions: texts(operation.permissions),
        scopes: texts(operation.scopes),
    }
}

fn identity(identity: &Identity) -> v1::Identity {
    v1::Identity {
        kind: identity.kind.as_str().to_owned(),
        grant: identity.grant.to_owned(),
        client_id: identity.client_id.clone(),
    }
}

fn expect(expect: &Expect) -> v1::Expect {
    v1::Expect {
        min_queues: expect.min_queues,
        divisions: expect.divisions.clone(),
    }
}

fn token(token: &TokenEvidence) -> v1::TokenEvidence {
    match token {
        TokenEvidence::Unknown => v1::TokenEvidence::Unknown,
        TokenEvidence::Held(facts) => v1::TokenEvidence::Held(token_facts(facts)),
        TokenEvidence::Unavailable(failure) => {
            v1::TokenEvidence::Unavailable(Box::new(mint_failure(failure)))
        }
    }
}

fn token_facts(facts: &TokenFacts) -> v1::TokenFacts {
    v1::TokenFacts {
        generation: facts.generation,
        issued_at: moment(facts.issued_at),
        expires_at: facts.expires_at.map(wall),
        given: facts.given,
        scopes: facts.scopes.clone(),
    }
}

fn mint_failure(failure: &MintFailure) -> v1::MintFailure {
    v1::MintFailure {
        exchange: failure.exchange.as_ref().map(exchange),
        at: moment(failure.at),
    }
}

fn exchange(exchange: &Exchange) -> v1::Exchange {
    v1::Exchange {
        step: exchange.step.as_str().to_owned(),
        request: exchange.request.clone(),
        sent_at: moment(exchange.sent_at),
        phases_ms: phases(&exchange.phases),
        result: match &exchange.result {
            Ok(it) => v1::Result::Answer(answer(it)),
            Err(it) => v1::Result::Fault(fault(it)),
        },
        flaw: exchange.flaw.clone(),
    }
}

fn phases(phases: &Phases) -> v1::Phases {
    v1::Phases {
        dns: phases.dns.map(milliseconds),
        connect: phases.connect.map(milliseconds),
        tls: phases.tls.map(milliseconds),
        first_byte: phases.first_byte.map(milliseconds),
        total: milliseconds(phases.total),
    }
}

fn answer(answer: &Answer) -> v1::Answer {
    let headers = answer.headers.iter();
    v1::Answer {
        status: answer.status,
        headers: headers
            .filter(|(name, _)| !NEVER.contains(&name.as_str()))
            .cloned()
            .collect(),
        body: answer.body.clone(),
        length: u64::try_from(answer.length).unwrap_or(u64::MAX),
        truncated: answer.truncated,
    }
}

fn fault(fault: &Fault) -> v1::Fault {
    let (lack, proxy) = match &fault.origin {
        Origin::Way => (None, None),
        Origin::Machine(lack) => (Some(lack.as_str().to_owned()), None),
        Origin::Proxy(address) => (None, Some(address.clone())),
    };
    v1::Fault {
        kind: fault.kind.as_str().to_owned(),
        lack,
        proxy,
        detail: fault.detail.clone(),
    }
}

fn experiment(experiment: &Experiment) -> v1::Experiment {
    v1::Experiment {
        kind: experiment.kind.slug().to_owned(),
        about: experiment.about.clone(),
        exchanges: experiment.exchanges.iter().map(exchange).collect(),
        result: match &experiment.result {
            Ok(it) => v1::Settled::Found(found(it)),
            Err(reason) => v1::Settled::Undetermined(reason.clone()),
        },
    }
}

fn found(found: &Found) -> v1::Found {
    match found {
        Found::Owner(it) => v1::Found::Owner(owner(it)),
        Found::Permitted(it) => v1::Found::Permitted(permitted(it)),
        Found::Replayed(facts) => v1::Found::Replayed(token_facts(facts)),
        Found::Grants(grants) => v1::Found::Grants(grants.iter().map(grant).collect()),
        Found::Permissions(known) => v1::Found::Permissions(known.clone()),
        Found::Control => v1::Found::Control,
    }
}

fn named(named: &Named) -> v1::Named {
    v1::Named {
        id: named.id.clone(),
        name: named.name.clone(),
    }
}

fn owner(owner: &TokenOwner) -> v1::Owner {
    v1::Owner {
        organization: owner.organization.as_ref().map(named),
        home_organization: owner.home_organization.as_ref().map(named),
        client: owner.client.as_ref().map(client),
        scopes: owner.scopes.clone(),
    }
}

fn client(client: &Client) -> v1::Client {
    v1::Client {
        named: named(&client.named),
        grant_type: client.grant_type.clone(),
        state: client.state.clone(),
    }
}

fn permitted(permitted: &Permitted) -> v1::Permitted {
    v1::Permitted {
        permission: permitted.permission.clone(),
        all: permitted.all,
        total: permitted.total,
        divisions: permitted.divisions.iter().map(named).collect(),
    }
}

fn grant(grant: &Grant) -> v1::Grant {
    v1::Grant {
        role: named(&grant.role),
        division: named(&grant.division),
        made_at: grant.made_at.map(wall),
        policies: grant.policies.iter().map(policy).collect(),
    }
}

fn policy(policy: &Policy) -> v1::Policy {
    v1::Policy {
        domain: policy.domain.clone(),
        entity: policy.entity.clone(),
        actions: policy.actions.clone(),
        conditional: policy.conditional,
    }
}

fn standing(standing: &Standing) -> v1::Standing {
    v1::Standing {
        at: wall(standing.at),
        token: standing.token.map(token_age),
        queues: standing.queues,
        organization: standing.organization.as_ref().map(named),
        roles: standing
            .roles
            .as_ref()
            .map(|roles| roles.iter().map(role_in).collect()),
        divisions: standing.divisions.as_ref().map(permitted),
        scopes: standing.scopes.clone(),
    }
}

fn token_age(token: TokenAge) -> v1::TokenAge {
    v1::TokenAge {
        generation: token.generation,
        age_ms: token.age.map(milliseconds),
    }
}

fn role_in(role: &RoleIn) -> v1::RoleIn {
    v1::RoleIn {
        role: named(&role.role),
        division: named(&role.division),
    }
}
