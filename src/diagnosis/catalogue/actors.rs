//! Who must act, with which permission of their own, and how long it takes, where that depends on
//! the case.

use super::Context;
use crate::diagnosis::remedy::Carrier;
use crate::diagnosis::visibility::Loss;
use crate::diagnosis::{Cause, Finding, Outcome};
use crate::target::IdentityKind;

/// Who must act, as a template; none where the entry's own words say it.
pub(super) fn who(finding: Finding, context: &Context<'_>) -> Option<&'static str> {
    let is_machine = context.identity.kind == IdentityKind::Machine;
    match finding {
        Finding::Forbidden(Cause::MissingPermission | Cause::MissingDivisionPermission) => {
            granter(context)
        }
        Finding::Forbidden(Cause::MissingScope) => Some(match context.identity.kind {
            IdentityKind::Machine => {
                "The team that runs the gateway or proxy in front of the platform"
            }
            IdentityKind::User => {
                "The application's developers, with a Genesys Cloud administrator who has \
                 oauth:client:edit and oauth:client:authorize"
            }
            IdentityKind::Unknown => return None,
        }),
        Finding::Forbidden(Cause::PolicyDenied) if !context.case.bound.is_empty() => {
            Some("A Genesys Cloud administrator with authorization:role:edit")
        }
        Finding::Forbidden(Cause::Propagating) if context.case.works_again => Some("Nobody"),
        Finding::Forbidden(Cause::TrustorPermission) if context.case.home.is_some() => {
            Some("An administrator of {org}, which is visited; not of the caller's own, {home}")
        }
        Finding::Other(Outcome::QueuesEmpty | Outcome::QueuesMissing) => match context.case.loss {
            Some(Loss::Lost | Loss::NotGranted) => granter(context),
            Some(Loss::Behind) if is_machine => Some(super::RUNNERS),
            Some(Loss::Deleted | Loss::DeletedOrMoved | Loss::Meant | Loss::NoneThere) => {
                Some("Whoever manages the queues of the org")
            }
            _ => None,
        },
        _ => None,
    }
}

/// How long it may take, as a template, where that depends on the case.
pub(super) fn propagation(finding: Finding, context: &Context<'_>) -> Option<&'static str> {
    let is_machine = context.identity.kind == IdentityKind::Machine;
    match (finding, context.case.loss) {
        (Finding::Forbidden(Cause::MissingScope), _) if is_machine => Some(super::AT_ONCE),
        (
            Finding::Other(_),
            Some(
                Loss::Behind | Loss::Deleted | Loss::DeletedOrMoved | Loss::Meant | Loss::NoneThere,
            ),
        ) => Some(super::AT_ONCE),
        _ => None,
    }
}

/// An administrator who may do what the grant takes, and no more.
fn granter(context: &Context<'_>) -> Option<&'static str> {
    match (&context.case.carrier, context.identity.kind) {
        (Carrier::Unknown, _) | (_, IdentityKind::Unknown) => None,
        (Carrier::Edited(_), _) => {
            Some("A Genesys Cloud administrator with authorization:role:edit")
        }
        (Carrier::New, IdentityKind::Machine) => Some(
            "A Genesys Cloud administrator with authorization:role:add and oauth:client:edit (for gc: \
             authorization:grant:add)",
        ),
        (_, IdentityKind::Machine) => Some(
            "A Genesys Cloud administrator with oauth:client:edit (for gc: authorization:grant:add) \
             who holds that role there too",
        ),
        (Carrier::New, IdentityKind::User) => Some(
            "A Genesys Cloud administrator with authorization:role:add and authorization:grant:add",
        ),
        (_, IdentityKind::User) => {
            Some("A Genesys Cloud administrator with authorization:grant:add")
        }
    }
}
