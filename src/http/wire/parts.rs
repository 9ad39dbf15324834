//! The parts of a diagnosis as they are shown, and how inner types become them.

use serde::Serialize;

use super::Time;
use crate::clock::Moment;
use crate::diagnosis::{self, Diagnosis};
use crate::evidence::{Identity, Named, RoleIn, TokenFacts};
use crate::target::{Mode, Operation};

/// The answer that decided.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The error code of its body.
    pub code: Option<&'a str>,
    /// The message of its body.
    pub message: Option<&'a str>,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<&'a str>,
}

/// What the answer says is missing.
#[derive(Debug, Default, Serialize)]
pub struct Missing<'a> {
    /// How several permissions combine: `any` or `all`.
    pub mode: Option<&'static str>,
    /// Permissions in the grammar `domain:entity:action`.
    pub permissions: &'a [String],
    /// Scopes.
    pub scopes: &'a [String],
    /// Divisions in which the permission is missing.
    pub divisions: Vec<Division<'a>>,
}

/// What the vendor publishes as required for an operation.
#[derive(Debug, Serialize)]
pub struct Required {
    /// How several permissions combine: `any` or `all`; null when none is required.
    pub mode: Option<&'static str>,
    /// Permissions in the grammar `domain:entity:action`.
    pub permissions: &'static [&'static str],
    /// The scopes of which a user's token needs one; client credentials have none.
    pub scopes: &'static [&'static str],
}

/// Access that works with the cached token and is refused with a fresh one.
#[derive(Debug, Serialize)]
pub struct Ending<'a> {
    /// Why the fresh token is refused.
    pub cause: &'static str,
    /// What that refusal says is missing.
    pub missing: Missing<'a>,
    /// The message of that refusal.
    pub message: Option<&'a str>,
    /// When the cached token expires, and access ends at the latest; null when it is not known.
    pub ends_at: Option<Time>,
}

/// A division of a Genesys org.
#[derive(Debug, Serialize)]
pub struct Division<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name, where known.
    pub name: Option<&'a str>,
}

/// Who called.
#[derive(Debug, Serialize)]
pub struct Caller<'a> {
    /// `machine`, `user` or `unknown`.
    pub kind: &'static str,
    /// The grant that minted the token.
    pub grant: &'a str,
    /// The OAuth client's id.
    pub client_id: Option<&'a str>,
    /// The OAuth client's name; null until it is asked for.
    pub client_name: Option<&'a str>,
    /// The org; null until it is asked for.
    pub organization: Option<&'a str>,
    /// The caller's roles; empty until they are asked for.
    pub roles: Vec<Role<'a>>,
}

/// A role in a division.
#[derive(Debug, Serialize)]
pub struct Role<'a> {
    /// The role's id.
    pub id: &'a str,
    /// Its name, where known.
    pub name: Option<&'a str>,
    /// The division in which it is granted; the id `*` stands for all of them.
    pub division: Division<'a>,
}

/// What may be told about a token.
#[derive(Debug, Serialize)]
pub struct Token<'a> {
    /// Time since it was minted, at the time of reading.
    pub age_seconds: u64,
    /// When it expires by its own account.
    pub expires_at: Option<Time>,
    /// The scopes that the token endpoint named.
    pub scopes: Option<&'a [String]>,
}

/// What was visible.
#[derive(Debug, Default, Serialize)]
pub struct Queues<'a> {
    /// How many.
    pub total: Option<u64>,
    /// The first of them.
    pub first: Option<Queue<'a>>,
}

/// One queue.
#[derive(Debug, Serialize)]
pub struct Queue<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Who does what, and how to check.
#[derive(Debug, Serialize)]
pub struct Remedy<'a> {
    /// Who can act.
    pub who: &'a str,
    /// What they do, in order.
    pub steps: &'a [String],
    /// How long the change may take to show.
    pub propagation: &'a str,
    /// How to see that it worked.
    pub verify: &'a str,
    /// The same with other tools; empty where they cannot help.
    pub commands: Vec<Command<'a>>,
}

/// A part of a remedy as another tool does it.
#[derive(Debug, Serialize)]
pub struct Command<'a> {
    /// `gc` or `terraform`.
    pub tool: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// One or more lines to copy; `<word>` stands for an id that is not known.
    pub text: &'a str,
}

/// A cause that the evidence excludes.
#[derive(Debug, Serialize)]
pub struct RuledOut<'a> {
    /// Its slug.
    pub cause: &'static str,
    /// What excludes it.
    pub because: &'a str,
}

/// A question that the evidence leaves open.
#[derive(Debug, Serialize)]
pub struct OpenQuestion<'a> {
    /// What would settle it.
    pub question: &'a str,
    /// Why it is not settled.
    pub because: &'a str,
}

/// One exchange.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// Why the call was made.
    pub step: &'static str,
    /// Method and URL.
    pub request: &'a str,
    /// The status code, if an answer came.
    pub status: Option<u16>,
    /// From the call to the last byte or the failure.
    pub duration_ms: u64,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<&'a str>,
    /// What the exchange says.
    pub says: &'a str,
    /// When the call was made; an experiment may be older than the probe that it explains.
    pub at: Time,
    /// The cause that it supports, if it was made to tell causes apart.
    pub supports: &'a [&'static str],
    /// The causes that it rules out.
    pub rules_out: &'a [&'static str],
}

pub(super) fn answer(facts: &diagnosis::AnswerFacts) -> Answer<'_> {
    Answer {
        status: facts.status,
        code: facts.code.as_deref(),
        message: facts.message.as_deref(),
        correlation_id: facts.correlation_id.as_deref(),
    }
}

pub(super) fn missing(missing: &diagnosis::Missing) -> Missing<'_> {
    let divisions = missing.divisions.iter().map(|division| Division {
        id: &division.id,
        name: division.name.as_deref(),
    });
    Missing {
        mode: missing.mode.map(Mode::as_str),
        permissions: &missing.permissions,
        scopes: &missing.scopes,
        divisions: divisions.collect(),
    }
}

pub(super) fn required(operation: &'static Operation) -> Required {
    Required {
        mode: (!operation.permissions.is_empty()).then(|| operation.mode.as_str()),
        permissions: operation.permissions,
        scopes: operation.scopes,
    }
}

pub(super) fn ending(warning: &diagnosis::EarlyWarning) -> Ending<'_> {
    Ending {
        cause: warning.cause.slug(),
        missing: missing(&warning.missing),
        message: warning.message.as_deref(),
        ends_at: warning.ends_at.map(Time),
    }
}

pub(super) fn caller(diagnosis: &Diagnosis) -> Caller<'_> {
    let Identity {
        kind,
        grant,
        client_id,
    } = &diagnosis.identity;
    let owner = diagnosis.owner.as_ref();
    let client = owner.and_then(|owner| owner.client.as_ref());
    let organization = owner.and_then(|owner| owner.organization.as_ref());
    let roles = diagnosis.standing.roles.iter().flatten();
    Caller {
        kind: kind.as_str(),
        grant,
        client_id: client_id
            .as_deref()
            .or_else(|| client.map(|client| client.named.id.as_str())),
        client_name: client.and_then(|client| client.named.name.as_deref()),
        organization: organization.map(Named::shown),
        roles: roles.map(role).collect(),
    }
}

pub(super) fn role(granted: &RoleIn) -> Role<'_> {
    Role {
        id: &granted.role.id,
        name: granted.role.name.as_deref(),
        division: Division {
            id: &granted.division.id,
            name: granted.division.name.as_deref(),
        },
    }
}

/// What may be told about a token at `now`.
#[must_use]
pub fn token(facts: &TokenFacts, now: Moment) -> Token<'_> {
    Token {
        age_seconds: now.since(facts.issued_at).as_secs(),
        expires_at: facts.expires_at.map(Time),
        scopes: facts.scopes.as_deref(),
    }
}

pub(super) fn queues(queues: &diagnosis::Queues) -> Queues<'_> {
    Queues {
        total: queues.total,
        first: queues.first.as_ref().map(|queue| Queue {
            id: &queue.id,
            name: &queue.name,
        }),
    }
}

pub(super) fn remedy(remedy: &diagnosis::Remedy) -> Option<Remedy<'_>> {
    let nothing_to_do = remedy.who.is_empty() && remedy.steps.is_empty();
    (!nothing_to_do).then_some(Remedy {
        who: &remedy.who,
        steps: &remedy.steps,
        propagation: &remedy.propagation,
        verify: &remedy.verify,
        commands: remedy.commands.iter().map(command).collect(),
    })
}

fn command(command: &diagnosis::Command) -> Command<'_> {
    Command {
        tool: command.tool.as_str(),
        purpose: command.purpose,
        text: &command.text,
    }
}

pub(super) fn ruled_out(ruled_out: &diagnosis::RuledOut) -> RuledOut<'_> {
    RuledOut {
        cause: ruled_out.cause,
        because: &ruled_out.because,
    }
}

pub(super) fn open_question(open: &diagnosis::OpenQuestion) -> OpenQuestion<'_> {
    OpenQuestion {
        question: &open.question,
        because: &open.because,
    }
}

pub(super) fn line(line: &diagnosis::EvidenceLine) -> Line<'_> {
    Line {
        step: line.step,
        request: &line.request,
        status: line.status,
        duration_ms: u64::try_from(line.duration.as_millis()).unwrap_or(u64::MAX),
        correlation_id: line.correlation_id.as_deref(),
        says: &line.says,
        at: Time(line.at),
        supports: &line.supports,
        rules_out: &line.rules_out,
    }
}
