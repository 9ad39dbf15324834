//! Base URLs of servers.

use std::net::IpAddr;

use url::{Host, Url};

use crate::config::problem::{Complaint, quoted};
use crate::target::{Region, is_private};

/// Which server a URL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Api,
    Login,
}

impl Role {
    /// How the host of a region's server begins.
    fn prefix(self) -> &'static str {
        match self {
            Self::Api => "api.",
            Self::Login => "login.",
        }
    }
}

/// Which servers may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// In clear text, too.
    pub(super) allow_http: bool,
    /// Not in private networks.
    pub(super) deny_private: bool,
}

/// Checks the base URL of a server; the result does not end in `/` unless it has no path.
pub(super) fn base_url(text: &str, role: Role, reach: Reach) -> Result<Url, Complaint> {
    let example = format!("write it like \"https://{}mypurecloud.com\"", role.prefix());
    let complain = |what: &str, fix: &str| {
        let what = format!("{} {what}", shown(text));
        Err(Complaint::new(what, fix))
    };
    if !text.is_ascii() || text.contains(|c: char| c.is_ascii_whitespace() || c == '\\') {
        return complain("has characters that no URL has", &example);
    }
    if let (None, Some(region)) = (text.find("://"), Region::find(text)) {
        let fix = format!("write \"https://{}{}\"", role.prefix(), region.domain);
        return complain("has no scheme", &fix);
    }
    let parsed = text.contains("://").then(|| Url::parse(text));
    let Some(Ok(mut url)) = parsed else {
        return complain("is no URL", &example);
    };
    let Some(host) = url.host() else {
        return complain("has no host", &example);
    };
    let literal = match host {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    };
    if reach.deny_private && literal.is_some_and(is_private) {
        let fix = "name a server on the internet, or set network.deny_private_addresses = false";
        return complain("leads into a private network", fix);
    }
    match url.scheme() {
        "https" => {}
        "http" if reach.allow_http || is_loopback(&host) => {}
        "http" => {
            let fix = "write https://, or set network.allow_http = true if you accept that \
                       secrets travel in clear text";
            return complain("is plain http", fix);
        }
        _ => return complain("is neither https nor http", &example),
    }
    if text.contains('@') {
        return complain("contains a user name", "remove everything up to the @");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return complain(
            "has a query or a fragment",
            "remove everything from ? or # on",
        );
    }
    if url.port() == Some(0) {
        return complain("has port 0", "write the port of the server, or none");
    }
    if let Some(complaint) = wrong_server(&url, role) {
        return Err(complaint);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The URL of a well-known server, but not of the one that is asked for, or with too long a path.
fn wrong_server(url: &Url, role: Role) -> Option<Complaint> {
    let host = url.host_str()?;
    let region = Region::find(host);
    if let Some(region) = region.filter(|_| !host.starts_with(role.prefix())) {
        let what = format!("{} is not the server for this", quoted(host));
        let fix = format!("write \"https://{}{}\"", role.prefix(), region.domain);
        return Some(Complaint::new(what, fix));
    }
    let too_long = ["/api/v2", "/oauth/token"]
        .iter()
        .find(|known| url.path().contains(*known))?;
    let what = format!("goes on with {too_long}");
    Some(Complaint::new(what, format!("end it before {too_long}")))
}

/// Whether a host is this machine, so that nothing crosses a network.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether a URL sends secrets over a network in clear text.
pub(super) fn is_clear_text(url: &Url) -> bool {
    url.scheme() == "http" && url.host().is_some_and(|host| !is_loopback(&host))
}

/// A URL as problems show it: nothing that may contain a password or a token.
fn shown(text: &str) -> String {
    if text.contains(['@', '?', '#']) {
        "this".to_owned()
    } else {
        quoted(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Reach = Reach {
        allow_http: true,
        deny_private: false,
    };

    #[test]
    fn addresses_of_private_networks_are_refused_on_request() {
        let guarded = Reach {
            allow_http: true,
            deny_private: true,
        };
        for text in [
            "https://10.0.0.1",
            "https://169.254.169.254/latest",
            "http://127.0.0.1:8080",
            "https://[::ffff:10.0.0.1]",
            "https://0x7f.1",
        ] {
            assert!(base_url(text, Role::Api, CLEAR).is_ok(), "{text}");
            let complaint = base_url(text, Role::Api, guarded).unwrap_err();
            let said = format!("{complaint:?}");
            assert!(said.contains("private network"), "{said}");
        }
        assert!(base_url("https://1.1.1.1", Role::Api, guarded).is_ok());
        assert!(base_url("https://gw.example", Role::Api, guarded).is_ok());
    }

    #[test]
    fn base_urls_are_accepted_and_lose_their_last_slash() {
        for (text, url) in [
            (
                "https://api.mypurecloud.com",
                "https://api.mypurecloud.com/",
            ),
            (
                "https://api.mypurecloud.com/",
                "https://api.mypurecloud.com/",
            ),
            (
                "HTTPS://API.MyPureCloud.com",
                "https://api.mypurecloud.com/",
            ),
            (
                "https://gw.example:8443/genesys//",
                "https://gw.example:8443/genesys",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://127.9.9.9", "http://127.9.9.9/"),
            ("http://[::1]:1", "http://[::1]:1/"),
            ("http://localhost:1", "http://localhost:1/"),
        ] {
            assert_eq!(
                base_url(text, Role::Api, Reach::default())
                    .unwrap()
                    .as_str(),
                url
            );
        }
        assert!(base_url("http://gw.example", Role::Api, CLEAR).is_ok());
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for (text, what) in [
            ("", "is no URL"),
            ("gw.example", "is no URL"),
            ("https:gw.example", "is no URL"),
            ("https://", "is no URL"),
            ("https://:443", "is no URL"),
            ("https://a:99999", "is no URL"),
            ("unix:///tmp", "has no host"),
            ("ftp://gw.example", "is neither https nor http"),
            ("http://gw.example", "is plain http"),
            ("http://localhost.example", "is plain http"),
            ("http://0x7f.example", "is plain http"),
            ("http://128.0.0.1", "is plain http"),
            ("https://user@gw.example", "this contains a user name"),
            (
                "https://user:CANARY@gw.example",
                "this contains a user name",
            ),
            ("https://@gw.example", "this contains a user name"),
            ("https://gw.example?a=CANARY", "this has a query"),
            ("https://gw.example#a", "this has a query or a fragment"),
            ("https://gw.example:0", "has port 0"),
            ("https://g\u{fc}.example", "has characters"),
            ("https://gw.example/a b", "has characters"),
            ("https:\\\\gw.example", "has characters"),
            ("mypurecloud.de", "has no scheme"),
            ("https://login.mypurecloud.de", "is not the server for this"),
            ("https://mypurecloud.de", "is not the server for this"),
            ("https://api.mypurecloud.de/api/v2", "goes on with /api/v2"),
        ] {
            let complaint = base_url(text, Role::Api, Reach::default()).unwrap_err();
            assert!(complaint.what.contains(what), "{text}: {complaint:?}");
            assert!(!complaint.what.contains("CANARY"), "{complaint:?}");
        }
        let login = |text| base_url(text, Role::Login, Reach::default());
        assert!(login("https://login.mypurecloud.de").is_ok());
        assert!(login("https://gw.example/login").is_ok());
        let complaint = login("https://api.mypurecloud.de").unwrap_err();
        assert_eq!(complaint.fix, "write \"https://login.mypurecloud.de\"");
        assert!(login("https://gw.example/oauth/token").is_err());
    }
}
