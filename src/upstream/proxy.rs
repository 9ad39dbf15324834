//! The proxy that the configuration names: which calls go through it, and what may not be told.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use secrecy::SecretString;
use url::{Host, Url};

use crate::config;

/// Why no tunnel came about; the library exports it by this way alone.
pub(super) type TunnelError = <Tunnel<HttpConnector> as tower::Service<Uri>>::Error;

/// Whether the proxy was reached, and said no or nothing.
pub(super) fn is_refusal(error: &TunnelError) -> bool {
    !matches!(error, TunnelError::ConnectFailed(_))
}

/// What is wrong with the tunnel, in words of ours; none when the proxy was not reached.
pub(super) fn refusal(error: &TunnelError) -> Option<&'static str> {
    Some(match error {
        TunnelError::ConnectFailed(_) => return None,
        TunnelError::ProxyAuthRequired => {
            "the proxy asks for a user name and a password, or for others (407)"
        }
        TunnelError::TunnelUnsuccessful => "the proxy refuses to open a tunnel",
        TunnelError::TunnelUnexpectedEof => "the proxy ended the connection instead of answering",
        TunnelError::ProxyHeadersTooLong => "the proxy's answer is too long",
        TunnelError::Io(_) => "the connection to the proxy broke",
        TunnelError::MissingHost => "there is no host to ask the proxy for",
    })
}

/// The proxy, as calls see it; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    /// Its address, where that is known without asking a name server.
    literal: Option<IpAddr>,
    /// Host and port.
    address: Arc<str>,
    /// Whether it is spoken to by TLS.
    speaks_tls: bool,
    /// The same rules as the client's own, by the same library.
    rules: Arc<Matcher>,
}

impl Proxy {
    pub(super) fn new(proxy: &config::Proxy) -> Self {
        let host = proxy.url.host_str().unwrap_or_default();
        let port = proxy.url.port_or_known_default().unwrap_or_default();
        let rules = Matcher::builder()
            .all(proxy.url.as_str())
            .no(proxy.no_proxy.as_str())
            .build();
        Self {
            literal: literal(&proxy.url),
            address: format!("{host}:{port}").into(),
            speaks_tls: proxy.url.scheme() == "https",
            rules: Arc::new(rules),
        }
    }

    /// Its address, where that is known without asking a name server.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.literal
    }

    /// Host and port, without user and password.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is spoken to by TLS, so that a handshake with it comes before the one with a host.
    pub(super) fn speaks_tls(&self) -> bool {
        self.speaks_tls
    }

    /// Whether a call of `url` goes through it.
    pub(super) fn passes(&self, url: &Url) -> bool {
        self.intercept(url).is_some()
    }

    fn intercept(&self, url: &Url) -> Option<hyper_util::client::proxy::matcher::Intercept> {
        self.rules.intercept(&url.as_str().parse::<Uri>().ok()?)
    }

    /// What is sent to it so that it lets a call of `url` pass: the password, and the user's name
    /// with it.
    pub(super) fn secrets(&self, url: &Url) -> Vec<SecretString> {
        let pair = self.intercept(url).and_then(|it| {
            let header = it.basic_auth()?.to_str().ok()?;
            let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
            String::from_utf8(bytes).ok()
        });
        let Some(pair) = pair else {
            return Vec::new();
        };
        let password = pair
            .split_once(':')
            .map(|(_, password)| password.to_owned());
        password.into_iter().chain([pair]).map(Into::into).collect()
    }
}

/// The address in a URL that names no host.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn proxy(url: &str, no_proxy: &str) -> Proxy {
        Proxy::new(&config::Proxy {
            url: url.parse().unwrap(),
            no_proxy: no_proxy.to_owned(),
        })
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_address_is_host_and_port_alone() {
        let address = |text| proxy(text, "").address().to_owned();
        assert_eq!(
            address("http://ada:secret@proxy.example:3128"),
            "proxy.example:3128"
        );
        assert_eq!(address("http://proxy.example"), "proxy.example:80");
        assert_eq!(address("https://[::1]"), "[::1]:443");
    }

    #[test]
    fn hosts_that_are_excepted_are_called_without_it() {
        let proxy = proxy("http://proxy.example:3128", "example.com,10.0.0.0/8");
        assert!(proxy.passes(&url("https://api.mypurecloud.com/api/v2/routing/queues")));
        assert!(proxy.passes(&url("http://api.mypurecloud.com")));
        assert!(!proxy.passes(&url("https://api.example.com")));
        assert!(!proxy.passes(&url("https://10.1.2.3")));
    }

    #[test]
    fn what_opens_the_proxy_is_known_to_whoever_hides_it() {
        let secrets = |text| -> Vec<String> {
            let found = proxy(text, "example.com").secrets(&url("https://api.mypurecloud.com"));
            found
                .iter()
                .map(|it| it.expose_secret().to_owned())
                .collect()
        };
        assert_eq!(
            secrets("http://ada:p%40ss%2Fword@proxy.example:3128"),
            ["p@ss/word", "ada:p@ss/word"]
        );
        assert_eq!(secrets("http://proxy.example:3128"), [""; 0]);
    }
}
