//! What the transport did, from the client's error and the phase in which it came.
//!
//! The phase decides wherever it can: error types differ between libraries and versions, the
//! order of name resolution, TCP, TLS and HTTP does not. Where it lies is decided by what the error
//! is, never by its text.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::local;
use super::proxy::{self, TunnelError};
use super::timeline::{Phase, Timeline};
use super::words::words;
use crate::evidence::{Fault, FaultKind, Lack, Origin, printable};

/// Most characters of a library's error text that are kept.
const DETAIL_CAP: usize = 200;

/// How much too late a timeout may come. Beyond that this process did not run when it should have
/// looked, and the answer may have been there: the limit is nobody else's fault. The guard around
/// the client's own timeouts comes a second after them. Whoever stood still for most of a call had
/// too little time for it as well, even if that was over before the limit.
const LATE: Duration = Duration::from_secs(2);

/// Which way a call went, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    /// Longest time of the whole call.
    pub(super) timeout: Duration,
    /// Longest time of connecting, the handshake included.
    pub(super) connect_timeout: Duration,
    /// The address, where it was known without asking a name server.
    pub(super) literal: Option<IpAddr>,
    /// The proxy, if it went through one.
    pub(super) proxy: Option<&'a str>,
    /// Whether the proxy passes bytes on in a tunnel; otherwise all that is seen is the proxy's.
    pub(super) tunnelled: bool,
    /// Whether the first TLS handshake is one with the proxy.
    pub(super) handshake_with_proxy: bool,
}

impl Way<'_> {
    /// Whether no other handshake has begun than the one with the proxy.
    fn is_at_proxy(&self, timeline: &Timeline) -> bool {
        self.handshake_with_proxy && timeline.handshakes() <= 1
    }
}

pub(super) fn classify(error: &reqwest::Error, timeline: &Timeline, way: Way<'_>) -> Fault {
    if error.is_timeout() {
        return timed_out(timeline, way);
    }
    let phase = timeline.phase();
    let tunnel = find::<TunnelError>(error);
    let kind = match phase {
        // The proxy was connected to, and did not connect further.
        _ if tunnel.is_some_and(proxy::is_refusal) => FaultKind::Connect,
        Phase::Dns => FaultKind::Dns,
        Phase::Connect if find::<rustls::Error>(error).is_some() => FaultKind::Tls,
        Phase::Connect => FaultKind::Connect,
        Phase::Tls => FaultKind::Tls,
        Phase::Waiting | Phase::Reading => FaultKind::Reset,
    };
    let ended = find::<rustls::Error>(error).is_none();
    let origin = match lack(error, phase, timeline, way) {
        Some(lack) => Origin::Machine(lack),
        None => blamed(phase, way, ended || way.is_at_proxy(timeline)),
    };
    let doing = doing(phase, timeline, way);
    Fault {
        kind,
        origin,
        detail: printable(&format!("{} ({doing})", words(error)), DETAIL_CAP),
    }
}

/// A name that is not resolved in time is a fault of name resolution; any other phase that takes
/// too long is a timeout.
pub(super) fn timed_out(timeline: &Timeline, way: Way<'_>) -> Fault {
    let phase = timeline.phase();
    let total = timeline.phases().total;
    let after = total.as_millis();
    let late = timeline.overdue(way.timeout, way.connect_timeout);
    let origin = if late > LATE || timeline.stalled() >= total / 2 {
        Origin::Machine(Lack::Processor)
    } else {
        blamed(phase, way, way.is_at_proxy(timeline))
    };
    Fault {
        kind: match phase {
            Phase::Dns => FaultKind::Dns,
            _ => FaultKind::Timeout,
        },
        origin,
        detail: format!(
            "given up after {after} ms ({})",
            doing(phase, timeline, way)
        ),
    }
}

/// Whether it is the proxy, if there is one: before the handshake with the host nobody else has
/// been spoken to, and a connection that ends within it is the proxy's to keep open. The caller
/// knows whether a handshake failed for such a reason (`its_handshake`).
fn blamed(phase: Phase, way: Way<'_>, its_handshake: bool) -> Origin {
    let is_its = match phase {
        Phase::Dns | Phase::Connect => true,
        Phase::Tls => its_handshake || !way.tunnelled,
        Phase::Waiting | Phase::Reading => !way.tunnelled,
    };
    match way.proxy.filter(|_| is_its) {
        Some(address) => Origin::Proxy(address.to_owned()),
        None => Origin::Way,
    }
}

fn doing(phase: Phase, timeline: &Timeline, way: Way<'_>) -> String {
    let doing = phase.doing();
    if phase == Phase::Tls && way.is_at_proxy(timeline) {
        return "connecting to the proxy by TLS".to_owned();
    }
    match way.proxy {
        Some(_) => format!("{doing}, through a proxy"),
        None => doing.to_owned(),
    }
}

/// What this machine lacked, if that is why nothing was sent.
fn lack(error: &reqwest::Error, phase: Phase, timeline: &Timeline, way: Way<'_>) -> Option<Lack> {
    if !matches!(phase, Phase::Dns | Phase::Connect) {
        return None;
    }
    let lack = chain(error).find_map(|it| local::lack(it.downcast_ref::<io::Error>()?))?;
    if lack == Lack::Route && phase == Phase::Connect {
        // A router on the way can answer so, too: then the way is at fault, and not this machine.
        let mut addresses = timeline.addresses();
        addresses.extend(way.literal);
        if addresses.is_empty() || addresses.into_iter().any(local::has_route) {
            return None;
        }
    }
    Some(lack)
}

/// The first error of a type in the chain.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(<dyn Error>::downcast_ref)
}

/// The text of the last error of the chain, which names the fact instead of the activity.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// An error and everything behind it; what an [`io::Error`] wraps is passed over by its own
/// `source`.
pub(super) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        Some(error)
    })
}
