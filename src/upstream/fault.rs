//! What the transport did, from the client's error and the phase in which it came.
//!
//! The phase decides wherever it can: error types differ between libraries and versions, the
//! order of name resolution, TCP, TLS and HTTP does not.

use std::error::Error;
use std::time::Duration;

use super::timeline::Phase;
use crate::evidence::{Fault, FaultKind, printable};

/// Most characters of a library's error text that are kept.
const DETAIL_CAP: usize = 200;

pub(super) fn classify(error: &reqwest::Error, phase: Phase, timeout: Duration) -> Fault {
    if error.is_timeout() {
        return timed_out(phase, timeout);
    }
    let kind = match phase {
        Phase::Dns => FaultKind::Dns,
        Phase::Connect if is_tls(error) => FaultKind::Tls,
        Phase::Connect => FaultKind::Connect,
        Phase::Tls => FaultKind::Tls,
        Phase::Waiting | Phase::Reading => FaultKind::Reset,
    };
    Fault {
        kind,
        detail: printable(
            &format!("{} ({})", innermost(error), phase.doing()),
            DETAIL_CAP,
        ),
    }
}

pub(super) fn timed_out(phase: Phase, timeout: Duration) -> Fault {
    Fault {
        kind: FaultKind::Timeout,
        detail: format!(
            "not finished after {} ms ({})",
            timeout.as_millis(),
            phase.doing()
        ),
    }
}

/// Whether a TLS error hides in the chain, as when a proxy is spoken to by TLS.
fn is_tls(error: &reqwest::Error) -> bool {
    chain(error).any(<dyn Error>::is::<rustls::Error>)
}

/// The text of the last error of the chain, which names the fact instead of the activity.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
