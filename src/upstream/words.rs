//! Errors of libraries in words of ours, where their kind is known.
//!
//! What a library writes is meant for its developers; whoever reads a diagnosis wants to know what
//! is the case. An error of unknown kind keeps its own words.

use std::error::Error;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use super::dns::LookupError;
use super::fault::{find, innermost};
use super::proxy::{self, TunnelError};

/// What the error says.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let tunnel = find::<TunnelError>(error).and_then(proxy::refusal);
    let lookup = find::<LookupError>(error).and_then(unresolved);
    let tls = find::<rustls::Error>(error).and_then(untrusted);
    tunnel
        .map(str::to_owned)
        .or(lookup)
        .or(tls)
        .unwrap_or_else(|| innermost(error))
}

fn unresolved(error: &LookupError) -> Option<String> {
    let LookupError::Unresolved(error) = error else {
        return None;
    };
    let said = match error {
        NetError::Timeout => "no name server answered in time",
        NetError::NoConnections => "no name server could be asked",
        NetError::Io(error) => return Some(format!("no name server could be asked: {error}")),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => "the name does not exist",
            ResponseCode::NoError => "the name has no address",
            code => return Some(failed(code)),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => return Some(failed(*code)),
        _ => return None,
    };
    Some(said.to_owned())
}

fn failed(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "the name server failed (SERVFAIL)".to_owned(),
        ResponseCode::Refused => "the name server refuses to answer (REFUSED)".to_owned(),
        code => format!("the name server answered with an error ({code})"),
    }
}

fn untrusted(error: &rustls::Error) -> Option<String> {
    use rustls::Error as E;
    let said = match error {
        E::InvalidCertificate(error) => return certificate(error),
        E::InvalidMessage(_) | E::InappropriateMessage { .. } => {
            "the other side does not speak TLS"
        }
        E::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the other side speaks no TLS version that why403 does (1.2 and 1.3)"
        }
        E::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the other side knows no cipher that why403 does, or wants a certificate"
        }
        E::PeerIncompatible(_) => {
            "the other side has no TLS version or cipher in common with why403"
        }
        _ => return None,
    };
    Some(said.to_owned())
}

fn certificate(error: &CertificateError) -> Option<String> {
    use CertificateError as C;
    let said = match error {
        C::ExpiredContext { not_after, .. } => {
            return Some(format!("the certificate ended at {}", at(*not_after)?));
        }
        C::NotValidYetContext { not_before, .. } => {
            return Some(format!(
                "the certificate begins only at {}",
                at(*not_before)?
            ));
        }
        C::Expired => "the certificate has ended",
        C::NotValidYet => "the certificate has not begun yet",
        C::UnknownIssuer => "the certificate is signed by an authority that is not trusted here",
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        C::Revoked => "the certificate was revoked",
        C::BadSignature => {
            "the certificate is not signed by the authority that it names, as it is known here"
        }
        // The library of the verifier, which is not ours to name, has no other way to tell it.
        C::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
            "the server shows an authority's certificate (CA:TRUE) as its own, which is refused even \
             if trusted: make one with CA:FALSE, which `openssl req -x509` does not by itself"
        }
        _ => return None,
    };
    Some(said.to_owned())
}

fn at(time: UnixTime) -> Option<String> {
    let seconds = i64::try_from(time.as_secs()).ok()?;
    let time = Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_that_are_not_resolved_are_told_in_plain_words() {
        let code = |code| NetError::Dns(DnsError::ResponseCode(code));
        for (error, expected) in [
            (NetError::Timeout, "no name server answered in time"),
            (NetError::NoConnections, "no name server could be asked"),
            (
                NetError::Io(Arc::new(io::Error::other("closed"))),
                "no name server could be asked: closed",
            ),
            (
                code(ResponseCode::ServFail),
                "the name server failed (SERVFAIL)",
            ),
            (
                code(ResponseCode::Refused),
                "the name server refuses to answer (REFUSED)",
            ),
        ] {
            assert_eq!(words(&LookupError::from(error)), expected);
        }
        let strange = LookupError::from(NetError::Message("something new"));
        assert_eq!(words(&strange), "something new");
    }

    #[test]
    fn certificates_are_told_with_their_dates() {
        let ended = CertificateError::ExpiredContext {
            time: UnixTime::since_unix_epoch(Duration::from_hours(24 * 60 * 365)),
            // Fifty years, of which twelve are leap years.
            not_after: UnixTime::since_unix_epoch(Duration::from_hours(24 * (50 * 365 + 12))),
        };
        // As the client has it: within an error of the operating system.
        let error = io::Error::other(rustls::Error::InvalidCertificate(ended));
        assert_eq!(
            words(&error),
            "the certificate ended at 2020-01-01 00:00 UTC"
        );
        let other = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(words(&other).contains("an authority that is not trusted here"));
        let rare = rustls::Error::General("rare".to_owned());
        assert_eq!(words(&rare), rare.to_string());
    }
}
