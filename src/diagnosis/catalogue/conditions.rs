//! In which cases a step is shown.

use super::Context;
use crate::diagnosis::remedy::Carrier;
use crate::diagnosis::visibility::Loss;
use crate::evidence::FaultKind;

/// In which cases a step is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// The answer names other permissions than the vendor publishes for the operation, and
    /// those are not known to be held.
    PermissionsDiffer,
    /// The same, and those that the vendor publishes are held.
    PublishedIsHeld,
    /// What the vendor publishes for the operation is held.
    Held,
    /// What the vendor publishes for the operation is not known to be held.
    NotHeld,
    /// The finding is proven.
    Proven,
    /// The finding is not proven.
    Doubted,
    /// The answer carries the platform's correlation id, or nothing is known of an answer.
    Correlated,
    /// The answer asks for a scope that does not have the platform's shape.
    ForeignScope,
    /// Nothing is known of the caller's roles.
    RolesUnknown,
    /// A new role has to be made.
    NewRole,
    /// A role that was taken has to be granted again.
    TakenRole,
    /// A role that carries the permission is granted elsewhere.
    RoleElsewhere,
    /// A role of the caller has lost the permission.
    EditedRole,
    /// A role of the caller could carry the permission.
    CouldCarry,
    /// A role of the caller carries the permission only under a condition.
    OnCondition,
    /// No role is known to carry the permission only under a condition.
    NoCondition,
    /// The operation is a list, and not one object.
    Lists,
    /// The operation is about one object.
    OneObject,
    /// A fresh token was accepted.
    FreshWorks,
    /// No fresh token was accepted.
    FreshUntried,
    /// The token that was refused is accepted by now.
    WorksAgain,
    /// The token that was refused has not been accepted since.
    NotYet,
    /// The same call was not made without a token.
    NotControlled,
    /// The answer tells who made it or passed it on.
    Traced,
    /// Access to divisions is missing, or it is not known why less is visible.
    Grantable,
    /// It is not known why less is visible.
    LossUnknown,
    /// Nothing was lost: queues were deleted, or perhaps moved.
    QueuesGone,
    /// Queues were deleted.
    QueuesDeleted,
    /// The org has no queues, or no more.
    NoQueues,
    /// Only the token is behind.
    TokenBehind,
    /// Fewer queues are visible than the configuration asks for.
    BelowMinimum,
    /// The token was asked for with a name and a password.
    PasswordGrant,
    /// The token was asked for in another way.
    OtherGrant,
    /// The same, and the token endpoint does not offer that way.
    UnknownGrant,
    /// The name of the host was not resolved, or nothing is known of the call.
    NotResolved,
    /// It was resolved, or nothing is known of the call.
    Resolved,
}

impl When {
    /// Whether this is such a case.
    pub(super) fn holds(self, context: &Context<'_>) -> bool {
        let case = context.case;
        match self {
            Self::Always => true,
            Self::PermissionsDiffer => is_disputed(context) && !case.is_held,
            Self::PublishedIsHeld => is_disputed(context) && case.is_held,
            Self::Held => case.is_held,
            Self::NotHeld => !case.is_held,
            Self::Proven => case.is_proven,
            Self::Doubted => !case.is_proven,
            Self::Correlated => context
                .answer
                .is_none_or(|answer| answer.correlation_id.is_some()),
            Self::RolesUnknown => case.carrier == Carrier::Unknown,
            Self::ForeignScope => asks_foreign_scope(context),
            Self::NewRole => case.carrier == Carrier::New,
            Self::TakenRole => matches!(case.carrier, Carrier::Again(_)),
            Self::RoleElsewhere => matches!(case.carrier, Carrier::Elsewhere(_)),
            Self::EditedRole => matches!(case.carrier, Carrier::Edited(_)),
            Self::CouldCarry => case.could.is_some(),
            Self::OnCondition => !case.bound.is_empty(),
            Self::NoCondition => case.bound.is_empty(),
            Self::Lists => context.operation.lists,
            Self::OneObject => !context.operation.lists,
            Self::FreshWorks => case.fresh_works,
            Self::FreshUntried => !case.fresh_works,
            Self::WorksAgain => case.works_again,
            Self::NotYet => !case.works_again,
            Self::NotControlled => !case.was_controlled,
            Self::Traced => !case.trace.is_empty(),
            Self::PasswordGrant => context.identity.grant == "password",
            Self::OtherGrant => context.identity.grant != "password",
            Self::UnknownGrant => {
                let code = context.answer.and_then(|answer| answer.code.as_deref());
                Self::OtherGrant.holds(context) && code == Some("unsupported_grant_type")
            }
            Self::BelowMinimum => case.below_minimum,
            Self::NotResolved => match &case.fault {
                Some(fault) => fault.kind == FaultKind::Dns,
                None => context.answer.is_none(),
            },
            Self::Resolved => case
                .fault
                .as_ref()
                .is_none_or(|it| it.kind != FaultKind::Dns),
            Self::Grantable
            | Self::LossUnknown
            | Self::QueuesGone
            | Self::QueuesDeleted
            | Self::NoQueues
            | Self::TokenBehind => self.fits(case.loss),
        }
    }

    /// Whether this is such a loss.
    fn fits(self, loss: Option<Loss>) -> bool {
        match loss {
            Some(Loss::NotGranted | Loss::Lost) => self == Self::Grantable,
            None | Some(Loss::Unknown | Loss::Nowhere | Loss::Hidden) => {
                matches!(self, Self::Grantable | Self::LossUnknown)
            }
            Some(Loss::Deleted) => self == Self::QueuesDeleted,
            Some(Loss::DeletedOrMoved | Loss::Meant) => self == Self::QueuesGone,
            Some(Loss::NoneThere) => self == Self::NoQueues,
            Some(Loss::Behind) => self == Self::TokenBehind,
        }
    }
}

/// Whether the answer names other permissions than are published; a wildcard is none to look for.
fn is_disputed(context: &Context<'_>) -> bool {
    let mut named = context.missing.permissions.iter();
    named.all(|one| !one.contains('*'))
        && crate::diagnosis::remedy::is_disputed(context.missing, context.operation)
}

fn asks_foreign_scope(context: &Context<'_>) -> bool {
    context.missing.scopes.iter().any(|scope| {
        scope
            .split_once(':')
            .is_some_and(|(_, rest)| rest != "readonly")
    })
}
