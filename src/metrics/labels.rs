//! Label values are closed sets: these enums, and names from the configuration.

use crate::diagnosis::Outcome;

/// The routes of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/livez`
    Livez,
    /// `/readyz`
    Readyz,
    /// `/health`
    Health,
    /// `/health/{target}`
    HealthTarget,
    /// `/diagnose`
    Diagnose,
    /// `/diagnose/{target}`
    DiagnoseTarget,
    /// `/timeline`
    Timeline,
    /// `/timeline/{target}`
    TimelineTarget,
    /// `/diagnose/{target}/verify`
    VerifyTarget,
    /// `/token/refresh`
    TokenRefresh,
    /// `/token/{credential}/refresh`
    CredentialRefresh,
    /// `/metrics`
    Metrics,
    /// `/probe`
    Probe,
    /// `/sd`
    Discovery,
    /// `/`
    Page,
    /// `/openapi.json`
    Openapi,
    /// Everything else.
    Other,
}

impl Route {
    /// Every route.
    pub const ALL: &'static [Self] = &[
        Self::Livez,
        Self::Readyz,
        Self::Health,
        Self::HealthTarget,
        Self::Diagnose,
        Self::DiagnoseTarget,
        Self::Timeline,
        Self::TimelineTarget,
        Self::VerifyTarget,
        Self::TokenRefresh,
        Self::CredentialRefresh,
        Self::Metrics,
        Self::Probe,
        Self::Discovery,
        Self::Page,
        Self::Openapi,
        Self::Other,
    ];

    /// The path template, or `other`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Health => "/health",
            Self::HealthTarget => "/health/{target}",
            Self::Diagnose => "/diagnose",
            Self::DiagnoseTarget => "/diagnose/{target}",
            Self::Timeline => "/timeline",
            Self::TimelineTarget => "/timeline/{target}",
            Self::VerifyTarget => "/diagnose/{target}/verify",
            Self::TokenRefresh => "/token/refresh",
            Self::CredentialRefresh => "/token/{credential}/refresh",
            Self::Metrics => "/metrics",
            Self::Probe => "/probe",
            Self::Discovery => "/sd",
            Self::Page => "/",
            Self::Openapi => "/openapi.json",
            Self::Other => "other",
        }
    }

    /// The statuses that this route is expected to answer; any other is counted as `other`.
    pub(super) fn codes(self) -> &'static [u16] {
        match self {
            Self::Livez | Self::Readyz => &[200, 405, 500, 503],
            Self::Health => &[200, 400, 405, 500, 503],
            Self::HealthTarget => &[200, 400, 404, 405, 500, 503],
            Self::Diagnose => &[200, 400, 401, 403, 405, 406, 429, 500, 503, 504],
            Self::DiagnoseTarget => &[200, 400, 401, 403, 404, 405, 406, 429, 500, 503, 504],
            Self::Timeline => &[200, 400, 401, 403, 405, 406, 429, 500],
            Self::TimelineTarget => &[200, 400, 401, 403, 404, 405, 406, 429, 500],
            Self::VerifyTarget => &[200, 400, 401, 403, 404, 405, 406, 409, 429, 500, 503],
            Self::TokenRefresh => &[200, 401, 403, 405, 409, 429, 500, 502, 503, 504],
            Self::CredentialRefresh => &[200, 401, 403, 404, 405, 409, 429, 500, 502, 503, 504],
            Self::Page => &[200, 400, 401, 403, 404, 405, 429, 500],
            Self::Probe => &[200, 400, 401, 403, 404, 405, 429, 500, 503],
            Self::Metrics | Self::Discovery | Self::Openapi => &[200, 405, 500],
            Self::Other => &[404],
        }
    }
}

/// The phases of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Dns,
    Connect,
    Tls,
    FirstByte,
    Total,
}

impl Phase {
    pub(super) const ALL: &'static [Self] = &[
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::FirstByte,
        Self::Total,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Total => "total",
        }
    }
}

/// What an experiment can lead to.
pub(super) const EXPERIMENT_RESULTS: [&str; 2] = ["determined", "undetermined"];

/// What writing to the state directory can lead to.
pub(super) const WRITE_RESULTS: [&str; 2] = ["ok", "failed"];

/// The outcomes that an attempt to mint a token can have, besides success.
pub const MINT_FAILURES: &[Outcome] = &[
    Outcome::ClientRejected,
    Outcome::GrantRejected,
    Outcome::AuthRateLimited,
    Outcome::TokenUnreadable,
    Outcome::TokenEndpointDown,
    Outcome::Redirected,
];
