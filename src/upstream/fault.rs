//! What the transport did, from the client's error and the phase in which it came.
//!
//! The phase decides wherever it can: error types differ between libraries and versions, the
//! order of name resolution, TCP, TLS and HTTP does not.

use std::error::Error;

use super::timeline::{Phase, Timeline};
use crate::evidence::{Fault, FaultKind, printable};

/// Most characters of a library's error text that are kept.
const DETAIL_CAP: usize = 200;

pub(super) fn classify(error: &reqwest::Error, timeline: &Timeline) -> Fault {
    if error.is_timeout() {
        return timed_out(timeline);
    }
    let phase = timeline.phase();
    let kind = match phase {
        Phase::Dns => FaultKind::Dns,
        Phase::Connect if is_tls(error) => FaultKind::Tls,
        Phase::Connect => FaultKind::Connect,
        Phase::Tls => FaultKind::Tls,
        Phase::Waiting | Phase::Reading => FaultKind::Reset,
    };
    let text = format!("{} ({})", innermost(error), phase.doing());
    Fault {
        kind,
        detail: printable(&text, DETAIL_CAP),
    }
}

/// A name that is not resolved in time is a fault of name resolution; any other phase that takes
/// too long is a timeout.
pub(super) fn timed_out(timeline: &Timeline) -> Fault {
    let phase = timeline.phase();
    let after = timeline.phases().total.as_millis();
    Fault {
        kind: match phase {
            Phase::Dns => FaultKind::Dns,
            _ => FaultKind::Timeout,
        },
        detail: format!("given up after {after} ms ({})", phase.doing()),
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
