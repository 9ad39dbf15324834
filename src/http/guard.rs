//! Who may ask for what.
//!
//! With an admin token configured, whoever presents it is admitted. Without one, only peers on a
//! loopback address are, and a request that a proxy forwarded, or that names this service by a
//! host name, does not count as one: the first comes from elsewhere, the second may come from a
//! web page whose name was pointed at 127.0.0.1.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::Shared;
use super::problem::{Kind, Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most bytes of body that a request may announce; no handler reads any.
const MAX_BODY_BYTES: u64 = 4 * 1024;

/// Admission to what changes something.
#[derive(Debug)]
pub(super) struct Admin;

impl FromRequestParts<Arc<Shared>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        if is_cross_site(&parts.headers) {
            return Err(Problem::bare(Kind::CrossSite));
        }
        admit(parts, shared)?;
        Ok(Self)
    }
}

/// Admission to details: open unless `server.protect_details` is set.
#[derive(Debug)]
pub(super) struct Details;

impl FromRequestParts<Arc<Shared>> for Details {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        if shared.app.server.protect_details {
            admit(parts, shared)?;
        }
        Ok(Self)
    }
}

/// Refuses what no handler should see.
///
/// # Errors
/// A problem for a request without `Host` or with several (RFC 9112 section 3.2), or with an
/// oversized body.
pub(super) fn check(request: &axum::extract::Request) -> Result<(), Problem> {
    use axum::body::HttpBody as _;
    use axum::http::Version;
    match request.headers().get_all(HOST).iter().count() {
        0 if request.version() == Version::HTTP_11 => {
            return Err(Problem::new(Kind::BadRequest, "the Host header is missing"));
        }
        0 | 1 => {}
        _ => {
            let detail = "there is more than one Host header";
            return Err(Problem::new(Kind::BadRequest, detail));
        }
    }
    if request.body().size_hint().lower() > MAX_BODY_BYTES {
        let detail = format!("at most {MAX_BODY_BYTES} bytes, and none is needed");
        return Err(Problem::new(Kind::BodyTooLarge, detail));
    }
    Ok(())
}

fn admit(parts: &Parts, shared: &Shared) -> Result<(), Problem> {
    match &shared.admin {
        Some(token) => {
            // A request without a token is no attempt: there is nothing to compare.
            let given = bearer(&parts.headers);
            let given = given.ok_or_else(|| Problem::bare(Kind::AdminTokenRequired))?;
            let now = shared.app.clock.since_start();
            match token.is(given, peer(parts), now) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Problem::bare(Kind::AdminTokenRequired)),
                Err(wait) => Err(Problem::too_many_attempts(wait)),
            }
        }
        None if is_local(parts) => Ok(()),
        None => Err(Problem::new(
            Kind::NotLocal,
            "set server.admin_token_file and send that token as a bearer token, \
             or ask directly from this machine by its loopback address",
        )),
    }
}

/// The bearer token that a request carries.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then_some(token.trim())
}

/// The address that a request comes from; all without a known one are one peer.
fn peer(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| peer.ip())
}

fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let headers = &parts.headers;
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
        && !headers.contains_key(FORWARDED)
        && !headers.contains_key(X_FORWARDED_FOR)
        && headers.get(HOST).is_none_or(|host| {
            let host = host.to_str().unwrap_or("").to_ascii_lowercase();
            let host = without_port(&host);
            host == "localhost" || host.parse::<IpAddr>().is_ok()
        })
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or("");
    }
    host.split(':').next().unwrap_or("")
}

/// Whether a browser sends this on behalf of another site.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site != "same-origin" && site != "none";
    }
    // Older browsers say where the page came from instead.
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin.map(|(_, host)| host) != host
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, Request};

    fn parts(peer: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        for (name, value) in headers {
            parts.headers.insert(*name, HeaderValue::from_static(value));
        }
        parts
    }

    #[test]
    fn only_direct_requests_to_a_loopback_address_are_local() {
        for peer in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_local(&parts(peer, &[])), "{peer}");
        }
        for peer in [
            "10.0.0.1:1",
            "[::ffff:10.0.0.1]:1",
            "[fe80::1]:1",
            "0.0.0.0:1",
        ] {
            assert!(!is_local(&parts(peer, &[])), "{peer}");
        }
        for host in ["localhost:8403", "127.0.0.1", "[::1]:8403"] {
            assert!(is_local(&parts("127.0.0.1:1", &[("host", host)])), "{host}");
        }
        for header in [
            ("host", "evil.example:8403"),
            ("host", "127.0.0.1.evil.example"),
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
        ] {
            assert!(!is_local(&parts("127.0.0.1:1", &[header])), "{header:?}");
        }
    }

    #[test]
    fn only_a_bearer_token_is_taken_for_a_token() {
        let given = |value: &'static str| {
            let headers = parts("10.0.0.1:1", &[("authorization", value)]).headers;
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(given("Bearer open sesame").unwrap(), "open sesame");
        assert_eq!(given("bearer  open sesame").unwrap(), "open sesame");
        for none in ["", "open sesame", "Bearer", "Basic open sesame"] {
            assert_eq!(given(none), None, "{none}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn browsers_may_not_act_for_other_sites() {
        let cross = |headers: &[_]| is_cross_site(&parts("127.0.0.1:1", headers).headers);
        assert!(!cross(&[]));
        assert!(!cross(&[("sec-fetch-site", "same-origin")]));
        assert!(!cross(&[("sec-fetch-site", "none")]));
        assert!(cross(&[("sec-fetch-site", "cross-site")]));
        assert!(cross(&[("sec-fetch-site", "same-site")]));
        let host = ("host", "127.0.0.1:8403");
        assert!(!cross(&[host, ("origin", "http://127.0.0.1:8403")]));
        assert!(cross(&[host, ("origin", "http://evil.example")]));
        assert!(cross(&[host, ("origin", "null")]));
    }
}
