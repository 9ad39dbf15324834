//! The shape of a diagnosis.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Cause, Outcome};
use crate::evidence::{Identity, Standing, TokenFacts, TokenOwner};
use crate::target::{Mode, Name, Operation};

/// What an examination found.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The target's name.
    pub target: Name,
    /// The operation examined.
    pub operation: &'static Operation,
    /// What happened and, for a 403, why.
    pub finding: Finding,
    /// How sure the cause is.
    pub confidence: Confidence,
    /// Whether a fresh token may revise the finding at once: a 401 that none was tried against.
    pub provisional: bool,
    /// What that means in this case, in one or two sentences.
    pub summary: String,
    /// The answer that decided, if one came.
    pub answer: Option<AnswerFacts>,
    /// What the answer says is missing.
    pub missing: Missing,
    /// Who called.
    pub identity: Identity,
    /// What the token's own description says, where it was asked for.
    pub owner: Option<TokenOwner>,
    /// The token that was used, if one was.
    pub token: Option<TokenFacts>,
    /// How the caller stands, as far as it was asked for.
    pub standing: Standing,
    /// How far the platform's clock is ahead of ours, at least; negative when it is behind, none when
    /// no answer told.
    pub clock_skew: Option<SignedDuration>,
    /// Access that works and is about to end.
    pub early_warning: Option<EarlyWarning>,
    /// The queues (or other entities) that were visible.
    pub queues: Queues,
    /// Who does what, and how to check.
    pub remedy: Remedy,
    /// Causes that the evidence excludes.
    pub ruled_out: Vec<RuledOut>,
    /// Questions that the evidence leaves open.
    pub undetermined: Vec<OpenQuestion>,
    /// What each exchange says.
    pub evidence: Vec<EvidenceLine>,
    /// When the examination ended.
    pub examined_at: Timestamp,
}

/// What happened and, for a 403, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// A 403 and its cause.
    Forbidden(Cause),
    /// Anything else, [`Outcome::Ok`] included; never [`Outcome::Forbidden`].
    Other(Outcome),
}

impl Finding {
    /// What the probe saw.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Forbidden(_) => Outcome::Forbidden,
            Self::Other(outcome) => outcome,
        }
    }

    /// The slug of the cause: the 403 cause, or the outcome of any other failure, or none.
    #[must_use]
    pub fn cause(self) -> Option<&'static str> {
        match self {
            Self::Forbidden(cause) => Some(cause.slug()),
            Self::Other(Outcome::Ok) => None,
            Self::Other(outcome) => Some(outcome.slug()),
        }
    }
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Fits, but so does something else.
    Possible,
    /// Fits best; one answer says so and nothing contradicts it.
    Likely,
    /// Independent evidence agrees, or the answer can mean nothing else.
    Proven,
}

impl Confidence {
    /// The name used in diagnoses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }
}

/// Access that works with the cached token and is refused with a fresh one: it was just revoked, and
/// the cached token hides that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyWarning {
    /// Why the fresh token is refused.
    pub cause: Cause,
    /// What that refusal says is missing.
    pub missing: Missing,
    /// The message of that refusal; printable.
    pub message: Option<String>,
    /// When the cached token expires, where that is known.
    pub ends_at: Option<Timestamp>,
}

/// What the deciding answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFacts {
    /// The status code.
    pub status: u16,
    /// The error code of its body, if it has one.
    pub code: Option<String>,
    /// The message of its body, or an excerpt of a body that is no error body; printable.
    pub message: Option<String>,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<String>,
    /// How long the answer asked to wait.
    pub retry_after: Option<Duration>,
}

/// What is missing, by the answer's own words where it has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// How several permissions combine; `None` when none is named.
    pub mode: Option<Mode>,
    /// Permissions in the grammar `domain:entity:action`.
    pub permissions: Vec<String>,
    /// Whether the answer named none, so that these are what the vendor's description requires.
    pub assumed: bool,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Divisions in which the permission is missing.
    pub divisions: Vec<Division>,
}

/// A division of a Genesys org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Its id.
    pub id: String,
    /// Its name, where known.
    pub name: Option<String>,
}

/// What a good answer showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// How many are visible.
    pub total: Option<u64>,
    /// The first of them.
    pub first: Option<Queue>,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: String,
    /// Its name; printable.
    pub name: String,
}

/// Who does what, and how to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// Who can act.
    pub who: String,
    /// What they do, in order.
    pub steps: Vec<String>,
    /// How long the change may take to show.
    pub propagation: String,
    /// How to see that it worked.
    pub verify: String,
    /// The same with other tools.
    pub commands: Vec<Command>,
}

/// A part of a remedy as another tool does it; it can be copied and pasted whole.
///
/// Of what comes from outside it holds nothing but ids of a harmless form and quoted names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The tool.
    pub tool: Tool,
    /// What it is for, in words without marks that a shell would read.
    pub purpose: &'static str,
    /// One or more lines for the tool; `<word>` stands for an id that is not known.
    pub text: String,
}

/// A tool that administrators of Genesys Cloud use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The vendor's command-line tool.
    Gc,
    /// The vendor's Terraform provider.
    Terraform,
}

impl Tool {
    /// The name used in diagnoses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gc => "gc",
            Self::Terraform => "terraform",
        }
    }
}

/// A cause that the evidence excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// The slug of the cause.
    pub cause: &'static str,
    /// What excludes it.
    pub because: String,
}

/// A question that the evidence leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// What would settle it.
    pub question: String,
    /// Why it is not settled.
    pub because: String,
}

/// One exchange, as a diagnosis shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceLine {
    /// Why the call was made.
    pub step: &'static str,
    /// Method and URL.
    pub request: String,
    /// The status code, if an answer came.
    pub status: Option<u16>,
    /// When the call was made.
    pub at: Timestamp,
    /// From the call to the last byte or the failure.
    pub duration: Duration,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<String>,
    /// What the exchange says, in a few words.
    pub says: String,
    /// The cause that it supports, if it was made to tell causes apart.
    pub supports: Vec<&'static str>,
    /// The causes that it rules out.
    pub rules_out: Vec<&'static str>,
}
