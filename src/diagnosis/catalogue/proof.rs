//! What proves a cause, in a sentence or two; the same words stand in docs/causes.md.

use super::Cause;

/// What proves `cause`, and what makes it no more than likely.
#[must_use]
pub fn proof(cause: Cause) -> &'static str {
    match cause {
        Cause::MissingPermission => {
            "The answer speaks of a permission, and the platform shows that it is held in no division. \
             Likely by the answer alone."
        }
        Cause::MissingDivisionPermission => {
            "The answer names a division, and the platform shows that the permission is held in others \
             only. Likely by the answer alone."
        }
        Cause::MissingScope => {
            "The answer asks for a scope, and the token's own description lists none that covers the \
             operation. For client credentials never: they have no scopes."
        }
        Cause::StaleToken => {
            "The same call is refused with the cached token, accepted twice with one minted just now, and \
             refused with the cached one again."
        }
        Cause::Propagating => {
            "Never proven by one examination. Likely when the token that was refused is accepted a moment \
             later, or when the role was granted within the last five minutes."
        }
        Cause::PermissionNotInOrg => {
            "The answer names a permission that the org's own list of its domain does not contain."
        }
        Cause::PolicyDenied => {
            "Never proven. Likely when the permission is held, its grant is older than five minutes, and \
             a fresh token is refused too; or when a role carries it only under a condition."
        }
        Cause::TrustorPermission => {
            "The answer speaks of the trustor, and the token belongs to a caller whose home is another \
             org."
        }
        Cause::ObjectForbidden => {
            "Never proven. Likely when the answer refuses one object, the permission is held, and a \
             fresh token is refused too."
        }
        Cause::EdgeBlock => {
            "The same call without a token is refused with 403 too, where the platform answers 401, and \
             neither answer is marked as the platform's."
        }
        Cause::UnreadableForbidden | Cause::UnknownForbidden => {
            "Never proven: it is what is left when the answer names nothing and no experiment explains \
             the refusal."
        }
    }
}
