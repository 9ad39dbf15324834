//! What every finding means and what to do about it.
//!
//! The texts are data: one [`Entry`] per cause and outcome, with steps that are templates. This
//! module only picks the steps for the kind of identity and fills in what the answer named. It
//! decides nothing: which finding it is, is settled before.

mod actors;
mod answers;
mod conditions;
mod credentials;
mod forbidden;
mod grants;
mod origins;
mod proof;
mod transport;
mod wording;

use self::conditions::When;
use super::remedy::Case;
use super::{AnswerFacts, Cause, Finding, Missing, Outcome, Remedy};
use crate::evidence::Identity;
use crate::target::{IdentityKind, Operation};

pub(super) use origins::lacking;
pub use proof::proof;
pub(super) use wording::{in_ui, sentence};

/// What is known about a finding wherever it occurs.
#[derive(Debug)]
pub struct Entry {
    /// One line, without a full stop.
    pub title: &'static str,
    /// What it means, in a few sentences.
    pub meaning: &'static str,
    /// Who can act.
    pub who: &'static str,
    /// Findings that look alike.
    pub confused_with: &'static [Neighbour],
    steps: &'static [Step],
    propagation: &'static str,
    expect: &'static str,
}

/// A finding that looks like another one.
#[derive(Debug)]
pub struct Neighbour {
    /// Its slug.
    pub slug: &'static str,
    /// How to tell it apart.
    pub difference: &'static str,
}

/// What a remedy needs to know in order to name things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// Who called.
    pub(super) identity: &'a Identity,
    /// The operation examined.
    pub(super) operation: &'a Operation,
    /// What the answer says is missing.
    pub(super) missing: &'a Missing,
    /// The answer that decided, if one came.
    pub(super) answer: Option<&'a AnswerFacts>,
    /// The host of the call that decided: the login host for findings about tokens.
    pub(super) host: Option<&'a str>,
    /// What the experiments know about the case.
    pub(super) case: &'a Case,
}

/// One step of a remedy.
#[derive(Debug)]
struct Step {
    audience: Audience,
    when: When,
    says: Says,
}

/// What a step says.
#[derive(Debug)]
enum Says {
    /// A template.
    Text(&'static str),
    /// How a permission is granted: the steps in `grants`.
    Grant,
}

/// For whom a step is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Both,
    Machine,
    User,
}

impl Step {
    const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

const fn step(audience: Audience, text: &'static str) -> Step {
    Step {
        audience,
        when: When::Always,
        says: Says::Text(text),
    }
}

/// The steps that grant a permission.
const fn grant() -> Step {
    Step {
        audience: Audience::Both,
        when: When::Always,
        says: Says::Grant,
    }
}

const fn both(text: &'static str) -> Step {
    step(Audience::Both, text)
}

const fn machine(text: &'static str) -> Step {
    step(Audience::Machine, text)
}

const fn user(text: &'static str) -> Step {
    step(Audience::User, text)
}

const fn unlike(slug: &'static str, difference: &'static str) -> Neighbour {
    Neighbour { slug, difference }
}

const ADMIN: &str = "A Genesys Cloud administrator who may edit roles and grant them";
const RUNNERS: &str = "The team that runs the integration";
const NETWORK: &str = "The network or platform team";

const ROLES_SPREAD: &str = "Changes of roles usually show within minutes: Genesys' own tools wait 10 \
    seconds, its help pages allow up to five minutes. If the change was made just now, wait that long \
    first.";
const AT_ONCE: &str = "The next call shows it; nothing has to spread through Genesys Cloud.";
const UNDOCUMENTED: &str =
    "Genesys does not document how long this takes; look again after a few minutes.";

const ENDING: &str = "Do this before access ends, {ends}; until then the cached token still works.";
const VERIFY: &str = "Run `why403 diagnose --watch`, or `curl -X POST \
    http://127.0.0.1:8403/diagnose/{target}/verify` where the service listens.";
const WORKS: &str = "Expect the outcome `ok` for {operation}.";

/// The entry of `finding`.
#[must_use]
pub fn entry(finding: Finding) -> &'static Entry {
    match finding {
        Finding::Forbidden(cause) => entry_of_cause(cause),
        Finding::Other(outcome) => entry_of_outcome(outcome),
    }
}

fn entry_of_cause(cause: Cause) -> &'static Entry {
    match cause {
        Cause::MissingPermission => &forbidden::MISSING_PERMISSION,
        Cause::MissingDivisionPermission => &forbidden::MISSING_DIVISION_PERMISSION,
        Cause::MissingScope => &forbidden::MISSING_SCOPE,
        Cause::StaleToken => &forbidden::STALE_TOKEN,
        Cause::Propagating => &forbidden::PROPAGATING,
        Cause::PermissionNotInOrg => &forbidden::PERMISSION_NOT_IN_ORG,
        Cause::PolicyDenied => &forbidden::POLICY_DENIED,
        Cause::TrustorPermission => &forbidden::TRUSTOR_PERMISSION,
        Cause::ObjectForbidden => &forbidden::OBJECT_FORBIDDEN,
        Cause::EdgeBlock => &forbidden::EDGE_BLOCK,
        Cause::UnreadableForbidden => &forbidden::UNREADABLE_FORBIDDEN,
        Cause::UnknownForbidden => &forbidden::UNKNOWN_FORBIDDEN,
    }
}

fn entry_of_outcome(outcome: Outcome) -> &'static Entry {
    match outcome {
        Outcome::Ok => &answers::OK,
        Outcome::Forbidden => &forbidden::FORBIDDEN,
        Outcome::TokenRejected => &credentials::TOKEN_REJECTED,
        Outcome::TokenExpired => &credentials::TOKEN_EXPIRED,
        Outcome::TokenMissing => &credentials::TOKEN_MISSING,
        Outcome::IpNotAllowed => &credentials::IP_NOT_ALLOWED,
        Outcome::ClientRejected => &credentials::CLIENT_REJECTED,
        Outcome::GrantRejected => &credentials::GRANT_REJECTED,
        Outcome::AuthRateLimited => &credentials::AUTH_RATE_LIMITED,
        Outcome::TokenUnreadable => &credentials::TOKEN_UNREADABLE,
        Outcome::TokenEndpointDown => &credentials::TOKEN_ENDPOINT_DOWN,
        Outcome::UserContextRequired => &answers::USER_CONTEXT_REQUIRED,
        Outcome::BadRequest => &answers::BAD_REQUEST,
        Outcome::NotFound => &answers::NOT_FOUND,
        Outcome::FeatureDisabled => &answers::FEATURE_DISABLED,
        Outcome::RateLimited => &answers::RATE_LIMITED,
        Outcome::AuthServiceSlow => &answers::AUTH_SERVICE_SLOW,
        Outcome::UpstreamError => &answers::UPSTREAM_ERROR,
        Outcome::Redirected => &answers::REDIRECTED,
        Outcome::UnreadableAnswer => &answers::UNREADABLE_ANSWER,
        Outcome::Dns => &transport::DNS,
        Outcome::Connect => &transport::CONNECT,
        Outcome::Tls => &transport::TLS,
        Outcome::Timeout => &transport::TIMEOUT,
        Outcome::Reset => &transport::RESET,
        Outcome::AnswerTooLarge => &transport::ANSWER_TOO_LARGE,
        Outcome::QueuesEmpty => &answers::QUEUES_EMPTY,
        Outcome::QueuesMissing => &answers::QUEUES_MISSING,
    }
}

/// What to do about `finding` in this case.
///
/// The steps are those for the kind of identity; when that is not known, both are given and each
/// says whose it is.
#[must_use]
pub(super) fn remedy(finding: Finding, context: &Context<'_>) -> Remedy {
    let entry = entry(finding);
    let mut steps = Vec::new();
    steps.extend(
        context
            .case
            .is_ending
            .then(|| wording::fill(ENDING, context)),
    );
    let own = origins::steps(context).unwrap_or(entry.steps);
    for step in own.iter().filter(|it| it.when.holds(context)) {
        match step.says {
            Says::Text(_) => steps.extend(filled(step, context)),
            Says::Grant => {
                let grants = grants::STEPS.iter().filter(|it| it.when.holds(context));
                steps.extend(grants.filter_map(|step| filled(step, context)));
            }
        }
    }
    let who = origins::who(context)
        .or_else(|| actors::who(finding, context))
        .unwrap_or(entry.who);
    Remedy {
        who: wording::fill(who, context),
        steps,
        propagation: wording::fill(
            actors::propagation(finding, context).unwrap_or(entry.propagation),
            context,
        ),
        verify: wording::fill(&format!("{VERIFY} {}", entry.expect), context),
        commands: Vec::new(),
    }
}

/// The text of a step; none when it is not meant for this identity.
fn filled(step: &Step, context: &Context<'_>) -> Option<String> {
    let Says::Text(text) = step.says else {
        return None;
    };
    let mark = mark(step.audience, context)?;
    Some(format!("{mark}{}", wording::fill(text, context)))
}

/// How a step is introduced to this identity; `None` when it is not meant for it.
fn mark(audience: Audience, context: &Context<'_>) -> Option<&'static str> {
    match (audience, context.identity.kind) {
        (Audience::Both, _)
        | (Audience::Machine, IdentityKind::Machine)
        | (Audience::User, IdentityKind::User) => Some(""),
        (Audience::Machine, IdentityKind::User) | (Audience::User, IdentityKind::Machine) => None,
        (Audience::Machine, IdentityKind::Unknown) => {
            Some("If the token belongs to an OAuth client: ")
        }
        (Audience::User, IdentityKind::Unknown) => Some("If the token belongs to a user: "),
    }
}

#[cfg(test)]
mod tests;
