//! Findings in a few words.

use crate::diagnosis::{Cause, Finding, Outcome};

/// What happened, as a headline.
pub(super) fn of(finding: Finding) -> &'static str {
    match finding {
        Finding::Forbidden(cause) => of_cause(cause),
        Finding::Other(outcome) => of_outcome(outcome),
    }
}

fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::MissingPermission => "A permission is missing",
        Cause::MissingDivisionPermission => "The permission does not reach the division",
        Cause::MissingScope => "The token's scopes do not cover the call",
        Cause::StaleToken => "The cached token is out of date",
        Cause::Propagating => "A change of roles is still spreading",
        Cause::PermissionNotInOrg => "The org does not have the permission",
        Cause::PolicyDenied => "A policy refuses although the permission is held",
        Cause::TrustorPermission => "The other org has not granted access",
        Cause::ObjectForbidden => "One object is refused",
        Cause::EdgeBlock => "Something in front of the platform refuses",
        Cause::UnreadableForbidden => "Refused with an answer that cannot be read",
        Cause::UnknownForbidden => "Refused for a reason not known here",
    }
}

fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "Access works",
        Outcome::Forbidden => "Access is refused",
        Outcome::TokenRejected => "The token is not accepted",
        Outcome::TokenExpired => "The token has expired",
        Outcome::TokenMissing => "No token arrived",
        Outcome::IpNotAllowed => "The caller's address is not allowed",
        Outcome::ClientRejected => "The OAuth client is refused",
        Outcome::GrantRejected => "The grant is refused",
        Outcome::AuthRateLimited => "The token endpoint limits the rate",
        Outcome::TokenUnreadable => "The token endpoint's answer holds no usable token",
        Outcome::TokenEndpointDown => "The token endpoint fails",
        Outcome::UserContextRequired => "The operation works for users only",
        Outcome::BadRequest => "The request itself is refused",
        Outcome::NotFound => "The operation is not found",
        Outcome::FeatureDisabled => "The feature is switched off",
        Outcome::RateLimited => "The rate limit is reached",
        Outcome::AuthServiceSlow => "The platform's authentication service is slow",
        Outcome::UpstreamError => "The platform fails",
        Outcome::Redirected => "The answer is a redirect",
        Outcome::UnreadableAnswer => "The answer cannot be read",
        Outcome::Dns => "The name cannot be resolved",
        Outcome::Connect => "No connection can be made",
        Outcome::Tls => "The TLS handshake fails",
        Outcome::Timeout => "No answer in time",
        Outcome::Reset => "The connection breaks before the answer",
        Outcome::AnswerTooLarge => "The answer is too large",
        Outcome::QueuesEmpty => "Access works, but no queue is visible",
        Outcome::QueuesMissing => "Access works, but queues are missing",
    }
}
