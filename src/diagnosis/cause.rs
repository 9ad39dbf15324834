//! The closed lists: what a probe can see, and why a 403 can happen. Slugs are stable API.

/// Declares a fieldless enum whose members are listed once, with their slugs.
macro_rules! slugs {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $member:ident = $slug:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $member,)+ }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// The stable name used in metrics, JSON, documents and `explain`.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$member => $slug,)+ }
            }

            /// The member whose slug is `text`.
            #[must_use]
            pub fn find(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.slug() == text)
            }
        }
    };
}

slugs! {
    /// Why a call was answered 403.
    Cause {
        /// No role of the caller carries a required permission.
        MissingPermission = "missing_permission",
        /// The permission is held, but not in the division asked for.
        MissingDivisionPermission = "missing_division_permission",
        /// The token's scopes do not cover the operation.
        MissingScope = "missing_scope",
        /// The cached token is refused and a fresh one is not.
        StaleToken = "stale_token",
        /// A change of roles has not reached every cache yet.
        Propagating = "propagating",
        /// The org does not have the permission: licence, product or beta.
        PermissionNotInOrg = "permission_not_in_org",
        /// An access policy refuses although the permission is held.
        PolicyDenied = "policy_denied",
        /// Access to another org, which that org's administrators have not granted.
        TrustorPermission = "trustor_permission",
        /// One object or resource is refused.
        ObjectForbidden = "object_forbidden",
        /// An edge, firewall or proxy refused before the platform was asked.
        EdgeBlock = "edge_block",
        /// The body is neither JSON nor a recognisable edge page.
        UnreadableForbidden = "unreadable_403",
        /// JSON, but nothing known.
        UnknownForbidden = "unknown_403",
    }
}

slugs! {
    /// What a probe saw.
    Outcome {
        /// The operation works.
        Ok = "ok",
        /// 403; a [`Cause`] says why.
        Forbidden = "forbidden",
        /// 401: the token is dead, revoked or of another region.
        TokenRejected = "token_rejected",
        /// 401: the token has expired.
        TokenExpired = "token_expired",
        /// 401: no token arrived.
        TokenMissing = "token_missing",
        /// 401: the caller's address is not on the org's allow-list.
        IpNotAllowed = "ip_not_allowed",
        /// The token endpoint refused the client: id, secret or region.
        ClientRejected = "client_rejected",
        /// The token endpoint refused the grant.
        GrantRejected = "grant_rejected",
        /// The token endpoint limits the rate (status 400 there).
        AuthRateLimited = "auth_rate_limited",
        /// The token endpoint's answer holds no usable token.
        TokenUnreadable = "token_unreadable",
        /// The token endpoint cannot be reached or fails.
        TokenEndpointDown = "token_endpoint_down",
        /// The operation works for users only.
        UserContextRequired = "user_context_required",
        /// 400 and other refusals of the request itself.
        BadRequest = "bad_request",
        /// 404 or 410.
        NotFound = "not_found",
        /// The feature is switched off.
        FeatureDisabled = "feature_disabled",
        /// 429.
        RateLimited = "rate_limited",
        /// 504: the platform's own authentication service is slow.
        AuthServiceSlow = "auth_service_slow",
        /// 5xx and other failures of the platform.
        UpstreamError = "upstream_error",
        /// 3xx, which is never followed.
        Redirected = "redirected",
        /// A success status whose body is not what the operation answers.
        UnreadableAnswer = "unreadable_answer",
        /// The name could not be resolved.
        Dns = "dns",
        /// No connection could be made.
        Connect = "connect",
        /// The TLS handshake failed.
        Tls = "tls",
        /// No complete answer in time.
        Timeout = "timeout",
        /// The connection ended before a complete answer.
        Reset = "reset",
        /// A success status whose body is longer than the cap.
        AnswerTooLarge = "answer_too_large",
        /// 200, but no queue is visible.
        QueuesEmpty = "queues_empty",
        /// 200, but fewer queues are visible than expected.
        QueuesMissing = "queues_missing",
    }
}

slugs! {
    /// Groups of failures that alerts and health policies treat alike.
    Class {
        /// The API refused the token.
        Unauthorized = "unauthorized",
        /// The token endpoint refused the client or the grant.
        Credentials = "credentials",
        /// A rate limit.
        Throttled = "throttled",
        /// The platform or its token endpoint fails.
        Upstream = "upstream",
        /// Nothing came back.
        Network = "network",
        /// The call itself is wrong, or the feature is off.
        Misconfigured = "misconfigured",
        /// An answer came that could not be read.
        Unreadable = "unreadable",
        /// It works, but shows less than it should.
        Visibility = "visibility",
    }
}

impl Outcome {
    /// Whether the operation was carried out, even if it showed less than it should.
    #[must_use]
    pub fn grants_access(self) -> bool {
        matches!(self, Self::Ok | Self::QueuesEmpty | Self::QueuesMissing)
    }

    /// The group a failure belongs to; none for [`Self::Ok`] and [`Self::Forbidden`], which have
    /// counters of their own.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        Some(match self {
            Self::Ok | Self::Forbidden => return None,
            Self::TokenRejected | Self::TokenExpired | Self::TokenMissing | Self::IpNotAllowed => {
                Class::Unauthorized
            }
            Self::ClientRejected | Self::GrantRejected => Class::Credentials,
            Self::AuthRateLimited | Self::RateLimited => Class::Throttled,
            Self::TokenEndpointDown | Self::AuthServiceSlow | Self::UpstreamError => {
                Class::Upstream
            }
            Self::UserContextRequired
            | Self::BadRequest
            | Self::NotFound
            | Self::FeatureDisabled
            | Self::Redirected => Class::Misconfigured,
            Self::TokenUnreadable | Self::UnreadableAnswer | Self::AnswerTooLarge => {
                Class::Unreadable
            }
            Self::Dns | Self::Connect | Self::Tls | Self::Timeout | Self::Reset => Class::Network,
            Self::QueuesEmpty | Self::QueuesMissing => Class::Visibility,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_found_again() {
        let mut seen = std::collections::BTreeSet::new();
        for cause in Cause::ALL {
            assert!(seen.insert(cause.slug()));
            assert_eq!(Cause::find(cause.slug()), Some(*cause));
        }
        for outcome in Outcome::ALL {
            assert!(seen.insert(outcome.slug()));
            assert_eq!(Outcome::find(outcome.slug()), Some(*outcome));
        }
        assert_eq!(Cause::ALL.len(), 12);
        assert_eq!(Outcome::ALL.len(), 28);
    }
}
