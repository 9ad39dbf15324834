//! Error codes, HTTP statuses and failure classes.

use super::super::{Cause, Class, Finding, Missing, Outcome};
use super::{Explanation, remedy_for, slug_of};
use crate::target::Operation;

use Finding::{Forbidden, Other};

/// An error code: the word, the status it comes with, what it means, the finding it leads to.
type Code = (&'static str, &'static str, &'static str, Finding);

const CODES: &[Code] = &[
    (
        "missing.permissions",
        "403",
        "The caller lacks permissions, and needs every one of those in the square brackets of the \
         message.",
        Forbidden(Cause::MissingPermission),
    ),
    (
        "missing.any.permissions",
        "403",
        "The caller lacks permissions, and needs one of those in the square brackets of the \
         message: grant the least powerful one. An empty list with a division means that the \
         permission is missing in that division.",
        Forbidden(Cause::MissingPermission),
    ),
    (
        "missing.division.permission",
        "403",
        "The permission is missing in the division of the object. This code is known from other \
         people's code only, not from Genesys' own documents.",
        Forbidden(Cause::MissingDivisionPermission),
    ),
    (
        "not.authorized",
        "403",
        "The caller may not do this, often about one object; the answer names no permission.",
        Forbidden(Cause::ObjectForbidden),
    ),
    (
        "missing.trustor.permissions",
        "403",
        "The call works on another org, whose administrators have not granted it.",
        Forbidden(Cause::TrustorPermission),
    ),
    (
        "insufficient_scope",
        "403",
        "The error of RFC 6750 for a token whose scopes do not suffice, sent in the header \
         WWW-Authenticate. A gateway in front of Genesys Cloud may send it; what the platform itself \
         answers for lack of a scope is not documented.",
        Forbidden(Cause::MissingScope),
    ),
    (
        "authentication.required",
        "401",
        "The request carried no bearer token when it arrived.",
        Other(Outcome::TokenMissing),
    ),
    (
        "bad.credentials",
        "401",
        "\"Invalid login credentials.\": the token is dead, revoked or of another region. It is \
         about the token, not about the client's secret.",
        Other(Outcome::TokenRejected),
    ),
    (
        "credentials.expired",
        "401",
        "The token's lifetime is over.",
        Other(Outcome::TokenExpired),
    ),
    (
        "ip.not.authorized",
        "401",
        "The caller's address is not on the allow-list. This is a 401 and not a 403.",
        Other(Outcome::IpNotAllowed),
    ),
    (
        "bad.request",
        "400",
        "The request is not what the operation accepts.",
        Other(Outcome::BadRequest),
    ),
    (
        "invalid.value",
        "400",
        "A value in the request is not accepted.",
        Other(Outcome::BadRequest),
    ),
    (
        "invalid.query.param.value",
        "400",
        "The value of a query parameter is not accepted.",
        Other(Outcome::BadRequest),
    ),
    (
        "constraint.validation",
        "400",
        "The request breaks a constraint of the operation; read the message.",
        Other(Outcome::BadRequest),
    ),
    (
        "not.found",
        "404",
        "The path or the object does not exist.",
        Other(Outcome::NotFound),
    ),
    (
        "featuretoggleservice.featurenotenabled",
        "405 or 501",
        "The feature behind the operation is not enabled for this org.",
        Other(Outcome::FeatureDisabled),
    ),
    (
        "not.implemented",
        "501",
        "The feature behind the operation is not available to this org. Genesys' own Terraform \
         provider treats it like a 403.",
        Other(Outcome::FeatureDisabled),
    ),
    (
        "client.timeout",
        "408",
        "The platform waited too long for the request.",
        Other(Outcome::UpstreamError),
    ),
    (
        "request.entity.too.large",
        "413",
        "The body of the request is too large.",
        Other(Outcome::BadRequest),
    ),
    (
        "unsupported.media.type",
        "415",
        "The Content-Type of the request is not accepted.",
        Other(Outcome::BadRequest),
    ),
    (
        "too.many.requests.retry.after",
        "429",
        "Too many calls; the header Retry-After says for how many seconds to stop.",
        Other(Outcome::RateLimited),
    ),
    (
        "too.many.requests",
        "429",
        "Too many calls: the older code, whose answers carry the headers inin-ratelimit-count, \
         -allowed and -reset.",
        Other(Outcome::RateLimited),
    ),
    (
        "internal.server.error",
        "500",
        "The platform fails.",
        Other(Outcome::UpstreamError),
    ),
    (
        "service.unavailable",
        "503",
        "The platform, or a part of it, is not available.",
        Other(Outcome::UpstreamError),
    ),
    (
        "authentication.request.timeout",
        "504",
        "The platform's own authentication service is slow. The token is not at fault.",
        Other(Outcome::AuthServiceSlow),
    ),
    (
        "request.timeout",
        "504",
        "The platform did not finish the request in time.",
        Other(Outcome::UpstreamError),
    ),
    (
        "invalid_client",
        "400 or 401, token endpoint",
        "An OAuth error: a wrong client id, a wrong secret or a wrong region; one answer does not \
         tell which.",
        Other(Outcome::ClientRejected),
    ),
    (
        "invalid_grant",
        "400, token endpoint",
        "An OAuth error (RFC 6749): the code, refresh token or assertion that was presented is not \
         valid, or not any more.",
        Other(Outcome::GrantRejected),
    ),
    (
        "unauthorized_client",
        "400, token endpoint",
        "An OAuth error (RFC 6749): the client may not use this grant.",
        Other(Outcome::GrantRejected),
    ),
    (
        "unsupported_grant_type",
        "400, token endpoint",
        "An OAuth error (RFC 6749): the token endpoint does not know this grant.",
        Other(Outcome::GrantRejected),
    ),
    (
        "invalid_request",
        "400, token endpoint",
        "An OAuth error. In Genesys Cloud, with a description that begins with `rate limit \
         exceeded`, it means too many token requests; otherwise the token request is malformed.",
        Other(Outcome::AuthRateLimited),
    ),
];

/// An HTTP status: what it means on this platform, and the words to look up.
type Status = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const STATUSES: &[Status] = &[
    (
        "400",
        "The request is refused; at the token endpoint also a rate limit or a wrong client",
        "From the API, 400 is about the request itself, or the operation needs a user. From the \
         token endpoint, 400 can be an unknown client id, and too many token requests are answered \
         400 as well.",
        &[
            "bad_request",
            "user_context_required",
            "auth_rate_limited",
            "client_rejected",
        ],
    ),
    (
        "401",
        "The caller is not known: the token, or the address, is not accepted",
        "401 is about who calls, 403 about what the caller may do. From the API the token is \
         missing, dead or expired, or the address is not on the allow-list. From the token endpoint \
         the client is refused.",
        &[
            "token_rejected",
            "token_expired",
            "token_missing",
            "ip_not_allowed",
            "client_rejected",
        ],
    ),
    (
        "403",
        "The caller is known and may not do this",
        "The platform's refusals have a code and a message that names permissions or a division. A \
         403 without a code comes from something on the way. The official SDKs do not \
         request a new token after it.",
        &[
            "missing_permission",
            "missing_division_permission",
            "missing_scope",
            "edge_block",
        ],
    ),
    (
        "404",
        "The path or the object does not exist",
        "Check the host, the path prefix of a gateway, and that an id belongs to this org.",
        &["not_found"],
    ),
    (
        "405",
        "The method is not allowed, or the feature is switched off",
        "With the code `featuretoggleservice.featurenotenabled` the feature is not enabled for this \
         org; otherwise the method does not exist for this path.",
        &["feature_disabled"],
    ),
    (
        "408",
        "The platform waited too long for the request",
        "The request did not arrive completely in time; the code is `client.timeout`.",
        &["client.timeout"],
    ),
    (
        "413",
        "The body of the request is too large",
        "The code is `request.entity.too.large`.",
        &["request.entity.too.large"],
    ),
    (
        "415",
        "The Content-Type of the request is not accepted",
        "The code is `unsupported.media.type`.",
        &["unsupported.media.type"],
    ),
    (
        "429",
        "Too many calls",
        "A token may make 300 requests per minute. Wait as long as Retry-After asks, which can be \
         minutes or hours. The token endpoint does not use 429.",
        &["rate_limited", "auth_rate_limited"],
    ),
    (
        "500",
        "The platform fails",
        "This says nothing about credentials or roles.",
        &["upstream_error"],
    ),
    (
        "501",
        "The feature is not available to this org",
        "Genesys' own Terraform provider treats it like a 403: the org lacks the feature.",
        &["feature_disabled", "permission_not_in_org"],
    ),
    (
        "503",
        "The platform, or a part of it, is not available",
        "This says nothing about credentials or roles.",
        &["upstream_error"],
    ),
    (
        "504",
        "The platform did not finish in time",
        "With the code `authentication.request.timeout` its authentication service was slow, and \
         the token is not at fault.",
        &["auth_service_slow", "upstream_error"],
    ),
];

/// The error code `word`.
pub(super) fn code(word: &str) -> Option<Explanation> {
    let (code, status, meaning, finding) = CODES
        .iter()
        .find(|(code, ..)| code.eq_ignore_ascii_case(word))?;
    let steps = remedy_for(*finding, Operation::queues(), &Missing::default()).steps;
    let mut see_also = vec![slug_of(*finding).to_owned()];
    match *code {
        "missing.permissions" | "missing.any.permissions" => {
            see_also.push(Cause::MissingDivisionPermission.slug().to_owned());
            see_also.push(Cause::PermissionNotInOrg.slug().to_owned());
        }
        "invalid_request" => see_also.push(Outcome::BadRequest.slug().to_owned()),
        _ => {}
    }
    Some(Explanation {
        word: (*code).to_owned(),
        kind: "error code",
        title: format!("Error code with status {status}"),
        paragraphs: vec![
            (*meaning).to_owned(),
            format!("why403 usually reports it as `{}`.", slug_of(*finding)),
        ],
        steps,
        see_also,
    })
}

/// The HTTP status `word`.
pub(super) fn status(word: &str) -> Option<Explanation> {
    let number = word.rsplit(' ').next().unwrap_or(word);
    let (status, title, meaning, see_also) =
        STATUSES.iter().find(|(status, ..)| *status == number)?;
    Some(Explanation {
        word: (*status).to_owned(),
        kind: "HTTP status",
        title: (*title).to_owned(),
        paragraphs: vec![(*meaning).to_owned()],
        steps: Vec::new(),
        see_also: see_also.iter().map(|&word| word.to_owned()).collect(),
    })
}

/// The failure class `class`.
pub(super) fn class(class: Class) -> Explanation {
    let (title, meaning) = match class {
        Class::Unauthorized => (
            "The API refused the token",
            "A 401 from the API: about the token or the caller's address, never about roles.",
        ),
        Class::Credentials => (
            "The token endpoint refused the client or the grant",
            "No token was issued, so that no call could be made.",
        ),
        Class::Throttled => (
            "A rate limit",
            "Too many calls, or too many token requests. Waiting helps, retrying at once does not.",
        ),
        Class::Upstream => (
            "The platform or its token endpoint fails",
            "An outage says nothing about credentials or roles.",
        ),
        Class::Network => (
            "Nothing came back",
            "The call did not reach the platform, or its answer did not come back whole.",
        ),
        Class::Misconfigured => (
            "The call itself is wrong, or the feature is off",
            "The platform answered, and the request or the org must change.",
        ),
        Class::Unreadable => (
            "An answer came that could not be read",
            "Usually something on the way answered in the platform's place.",
        ),
        Class::Visibility => (
            "It works, but shows less than it should",
            "The list leaves out what lies in divisions without a grant, and does not say so.",
        ),
    };
    Explanation {
        word: class.slug().to_owned(),
        kind: "failure class",
        title: title.to_owned(),
        paragraphs: vec![
            meaning.to_owned(),
            "A failure class is a group of outcomes that metrics and health policies treat alike."
                .to_owned(),
        ],
        steps: Vec::new(),
        see_also: Outcome::ALL
            .iter()
            .filter(|outcome| outcome.class() == Some(class))
            .map(|outcome| outcome.slug().to_owned())
            .collect(),
    }
}

/// All words of this file.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    let codes = CODES.iter().map(|(code, ..)| *code);
    codes.chain(STATUSES.iter().map(|(status, ..)| *status))
}
