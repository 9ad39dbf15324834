//! What this machine may lack for a call, by the operating system's own errors.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::evidence::Lack;

/// The discard service's port (RFC 863); nothing is sent to it.
const DISCARD: u16 = 9;

/// What the machine lacked, if that is what the error says.
///
/// A missing route is told in the same words by a router on the way: see [`has_route`].
pub(super) fn lack(error: &io::Error) -> Option<Lack> {
    match error.kind() {
        ErrorKind::AddrNotAvailable => Some(Lack::Ports),
        ErrorKind::OutOfMemory => Some(Lack::Memory),
        kind if is_about_route(kind) => Some(Lack::Route),
        _ => exhausted(error.raw_os_error()?),
    }
}

fn is_about_route(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::NetworkDown
    )
}

/// The errors for which the standard library has no kind of its own.
#[cfg(unix)]
fn exhausted(code: i32) -> Option<Lack> {
    match code {
        libc::EMFILE | libc::ENFILE => Some(Lack::Descriptors),
        libc::ENOBUFS => Some(Lack::Memory),
        _ => None,
    }
}

#[cfg(not(unix))]
fn exhausted(_: i32) -> Option<Lack> {
    None
}

/// Whether this machine knows a way to `address`, as far as that can be asked: connecting a
/// datagram socket looks the route up and sends nothing.
pub(super) fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let asked = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, DISCARD)));
    !asked.is_err_and(|error| is_about_route(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_lacking_is_told_by_its_error() {
        let of = |code| lack(&io::Error::from_raw_os_error(code));
        for (code, expected) in [
            (libc::EMFILE, Some(Lack::Descriptors)),
            (libc::ENFILE, Some(Lack::Descriptors)),
            (libc::EADDRNOTAVAIL, Some(Lack::Ports)),
            (libc::ENETUNREACH, Some(Lack::Route)),
            (libc::EHOSTUNREACH, Some(Lack::Route)),
            (libc::ENETDOWN, Some(Lack::Route)),
            (libc::ENOBUFS, Some(Lack::Memory)),
            (libc::ENOMEM, Some(Lack::Memory)),
            (libc::ECONNREFUSED, None),
            (libc::ECONNRESET, None),
            (libc::ETIMEDOUT, None),
            (libc::EPIPE, None),
        ] {
            assert_eq!(of(code), expected, "{code}");
        }
        assert_eq!(lack(&io::Error::other("something else")), None);
    }

    #[test]
    fn this_machine_leads_to_itself() {
        assert!(has_route(Ipv4Addr::LOCALHOST.into()));
    }
}
