//! Version 1 of the file, field by field: names and types here never change.
//!
//! A field may be added if it may be missing. Anything else makes a new version, and this one
//! stays readable.

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) why403_evidence: u64,
    pub(super) taken_at: Moment,
    pub(super) written_by: String,
    pub(super) evidence: Vec<Evidence>,
}

/// A time on both clocks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) wall: String,
    pub(super) elapsed_ms: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Evidence {
    pub(super) target: String,
    pub(super) operation: Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    pub(super) at: Moment,
    pub(super) identity: Identity,
    pub(super) expect: Expect,
    pub(super) token: TokenEvidence,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) experiments: Vec<Experiment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unasked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Standing>,
}

/// An operation, and what the vendor published about it when the evidence was taken.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Operation {
    pub(super) label: String,
    pub(super) mode: String,
    pub(super) permissions: Vec<String>,
    pub(super) scopes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) kind: String,
    pub(super) grant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Expect {
    pub(super) min_queues: u64,
    pub(super) divisions: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenEvidence {
    Unknown,
    Held(TokenFacts),
    Unavailable(Box<MintFailure>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TokenFacts {
    pub(super) generation: u64,
    pub(super) issued_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<String>,
    pub(super) given: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MintFailure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exchange: Option<Exchange>,
    pub(super) at: Moment,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    pub(super) step: String,
    pub(super) request: String,
    pub(super) sent_at: Moment,
    pub(super) phases_ms: Phases,
    pub(super) result: Result,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flaw: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Phases {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connect: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_byte: Option<f64>,
    pub(super) total: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Result {
    Answer(Answer),
    Fault(Fault),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) length: u64,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) kind: String,
    /// What this machine lacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lack: Option<String>,
    /// The proxy that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proxy: Option<String>,
    pub(super) detail: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Experiment {
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<String>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) result: Settled,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Settled {
    Found(Found),
    Undetermined(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    Owner(Owner),
    Permitted(Permitted),
    Replayed(TokenFacts),
    Grants(Vec<Grant>),
    Permissions(Vec<String>),
    Control,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) home_organization: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) named: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grant_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Permitted {
    pub(super) permission: String,
    pub(super) all: bool,
    pub(super) total: u64,
    pub(super) divisions: Vec<Named>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) role: Named,
    pub(super) division: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) made_at: Option<String>,
    pub(super) policies: Vec<Policy>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) domain: String,
    pub(super) entity: String,
    pub(super) actions: Vec<String>,
    pub(super) conditional: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<TokenAge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queues: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<Vec<RoleIn>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) divisions: Option<Permitted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TokenAge {
    pub(super) generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) age_ms: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RoleIn {
    pub(super) role: Named,
    pub(super) division: Named,
}
