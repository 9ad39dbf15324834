//! Calls to Genesys Cloud: the only module that names the HTTP client.
//!
//! Every call becomes an [`Exchange`], whatever happens: nothing is followed, retried, cached,
//! decompressed or sent through a proxy behind the caller's back. Each call makes its own
//! connection, which tests name resolution, TCP, TLS and the certificate again.
//!
//! The secrets of a credential are removed from whatever comes back before it becomes evidence:
//! see [`Withheld`].

mod apart;
mod dns;
mod fault;
mod local;
mod proxy;
mod scrub;
mod timeline;
mod tls;
mod withheld;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::Url;

use self::fault::Way;
use self::scrub::Scrubber;
use self::timeline::{Mark, Timeline};
pub use self::withheld::Withheld;
use crate::clock::Clock;
use crate::config::Network;
use crate::evidence::{Answer, Exchange, Fault, FaultKind, Origin, Step, printable};

/// Most bytes of a body that are read.
pub const BODY_CAP_BYTES: usize = 64 * 1024;

/// Most bytes that are kept of a refusal that is JSON: of what the platform says none is missing.
pub const REFUSAL_CAP_BYTES: usize = 8 * 1024;

/// The same of one that is none, such as a page: its beginning says what it is.
pub const PAGE_CAP_BYTES: usize = 4 * 1024;

/// Most characters of a header's value that are kept.
const HEADER_VALUE_CAP: usize = 512;

/// How often a call looks whether this process stands still, until its shortest limit.
const STALL_LOOKS: u32 = 32;

/// The headers that a diagnosis may need: correlation, limits, RFC 6750, and what edges add.
const KEPT_HEADERS: &[&str] = &[
    "content-type",
    "inin-correlation-id",
    "inin-ratelimit-allowed",
    "inin-ratelimit-count",
    "inin-ratelimit-reset",
    "retry-after",
    "www-authenticate",
    "proxy-authenticate",
    "location",
    "date",
    "server",
    "via",
    "x-cache",
    "x-amz-cf-id",
    "x-amz-cf-pop",
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amzn-waf-action",
    "cf-ray",
    "cf-mitigated",
    "x-iinfo",
    "x-akamai-request-id",
    "x-squid-error",
];

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A certificate file cannot be read.
    #[error("network.tls_roots: cannot read certificates from {}: {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no usable root certificate.
    #[error("network.tls_roots: no usable certificate in {0}; use \"bundled\" or a PEM file")]
    NoRoots(String),
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(rustls::Error),
    /// The HTTP client refused its configuration.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    /// There are no threads to be had.
    #[error("cannot start threads for calls: {0}")]
    Threads(std::io::Error),
}

/// How a call authenticates.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    /// RFC 6750 section 2.1.
    Bearer(&'a SecretString),
    /// RFC 7617: the OAuth client's id and secret, RFC 6749 section 2.3.1.
    Basic(&'a str, &'a SecretString),
    /// By nothing but what the form says, as a public client does (RFC 6749 section 3.2.1), or not
    /// at all.
    None,
}

/// One field of a form.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A name and a value that may be told.
    Plain(&'a str, &'a str),
    /// A name and a value that may not.
    Secret(&'a str, &'a SecretString),
}

impl<'a> Field<'a> {
    fn pair(self) -> (&'a str, &'a str) {
        match self {
            Self::Plain(name, value) => (name, value),
            Self::Secret(name, value) => (name, value.expose_secret()),
        }
    }
}

/// One call to make.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Why it is made.
    pub step: Step,
    /// Where to; never holds a secret.
    pub url: Url,
    /// How it authenticates.
    pub auth: Auth<'a>,
    /// The secrets of its credential: what its answer may repeat, and gets what it brings.
    pub withheld: &'a Withheld,
    /// The form to POST; a GET when there is none.
    pub form: Option<&'a [Field<'a>]>,
    /// Longest time from the call to the last byte.
    pub timeout: Duration,
    /// Most bytes of the body that are read, usually [`BODY_CAP_BYTES`].
    pub body_cap: usize,
}

/// The HTTP client; clones share it.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client,
    proxy: Option<proxy::Proxy>,
    connect_timeout: Duration,
    threads: apart::Threads,
    clock: Clock,
}

impl Upstream {
    /// Sets up the client.
    ///
    /// # Errors
    /// [`SetupError`] when the configured roots or proxy cannot be used.
    pub fn new(
        network: &Network,
        connect_timeout: Duration,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let resolver = dns::Resolver::new(network.deny_private_addresses);
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::client_config(&network.tls_roots)?)
            .user_agent(concat!("why403/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(0)
            .dns_resolver(Names(resolver))
            .connector_layer(tower::layer::layer_fn(Connecting));
        if let Some(proxy) = &network.proxy {
            let except = reqwest::NoProxy::from_string(&proxy.no_proxy);
            let proxy = reqwest::Proxy::all(proxy.url.as_str())
                .map_err(|error| SetupError::Client(error.without_url().to_string()))?;
            builder = builder.proxy(proxy.no_proxy(except));
        }
        let client = builder
            .build()
            .map_err(|error| SetupError::Client(fault::innermost(&error)))?;
        Ok(Self {
            client,
            proxy: network.proxy.as_ref().map(proxy::Proxy::new),
            connect_timeout,
            threads: apart::Threads::new().map_err(SetupError::Threads)?,
            clock,
        })
    }

    /// Makes a call of the API.
    pub async fn send(&self, call: Call<'_>) -> Exchange {
        self.exchange(call).await.0
    }

    /// Makes a call of the token endpoint.
    ///
    /// The body of a success is returned apart, because it holds a token; the exchange keeps the
    /// body of a refusal only.
    pub async fn mint(&self, call: Call<'_>) -> (Exchange, SecretString) {
        let (mut exchange, body) = self.exchange(call).await;
        if let Ok(answer) = &mut exchange.result
            && (200..300).contains(&answer.status)
        {
            answer.body = String::new();
        }
        (exchange, body.into())
    }

    /// Makes a call; the body in the exchange is scrubbed, the one beside it is as it came.
    async fn exchange(&self, call: Call<'_>) -> (Exchange, String) {
        let timeline = Timeline::start(&self.clock);
        let proxy = self.proxy.as_ref().filter(|it| it.passes(&call.url));
        let others = proxy.map(|it| it.secrets(&call.url)).unwrap_or_default();
        withhold(&call);
        let method = if call.form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let described = format!("{method} {}", call.url);
        let result = match self.request(method, &call) {
            Ok(request) => {
                self.run(request, &call, &timeline, self.way(&call, proxy))
                    .await
            }
            Err(fault) => Err(fault),
        };
        let mut body = String::new();
        let result = result.map(|(status, headers, raw)| {
            let text = String::from_utf8_lossy(&raw.bytes);
            call.withheld.add_tokens(&text);
            for value in headers.values() {
                call.withheld
                    .add_tokens(&String::from_utf8_lossy(value.as_bytes()));
            }
            let scrubber = call.withheld.scrubber(&others);
            let mut answer = Answer {
                status,
                headers: kept_headers(&headers, &scrubber),
                body: if raw.truncated {
                    scrubber.scrub_cut(&text)
                } else {
                    scrubber.scrub(&text)
                },
                length: raw.bytes.len(),
                truncated: raw.truncated,
            };
            cut_refusal(&mut answer);
            body = text.into_owned();
            answer
        });
        let exchange = Exchange {
            step: call.step,
            request: described,
            sent_at: timeline.began(),
            phases: timeline.phases(),
            certificate_ends: timeline.certificate_of(call.url.host_str().unwrap_or_default()),
            result,
            flaw: None,
        };
        (exchange, body)
    }

    /// Which way a call goes.
    fn way<'a>(&self, call: &Call<'_>, proxy: Option<&'a proxy::Proxy>) -> Way<'a> {
        Way {
            timeout: call.timeout,
            connect_timeout: self.connect_timeout,
            literal: proxy.map_or_else(|| proxy::literal(&call.url), proxy::Proxy::literal),
            proxy: proxy.map(proxy::Proxy::address),
            tunnelled: call.url.scheme() == "https",
            handshake_with_proxy: proxy.is_some_and(proxy::Proxy::speaks_tls),
        }
    }

    fn request(&self, method: Method, call: &Call<'_>) -> Result<Request, Fault> {
        let builder = self
            .client
            .request(method, call.url.clone())
            .timeout(call.timeout)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        let builder = match call.auth {
            Auth::Bearer(token) => builder.bearer_auth(token.expose_secret()),
            Auth::Basic(id, secret) => builder.basic_auth(id, Some(secret.expose_secret())),
            Auth::None => builder,
        };
        let builder = match call.form {
            Some(form) => {
                let pairs: Vec<_> = form.iter().map(|field| field.pair()).collect();
                builder.form(&pairs)
            }
            None => builder,
        };
        builder.build().map_err(|error| Fault {
            kind: FaultKind::Connect,
            origin: Origin::Way,
            detail: format!("the request cannot be made: {}", error.without_url()),
        })
    }

    async fn run(
        &self,
        request: Request,
        call: &Call<'_>,
        timeline: &Timeline,
        way: Way<'_>,
    ) -> Result<(u16, HeaderMap, Body), Fault> {
        let pause = call.timeout.min(self.connect_timeout) / STALL_LOOKS;
        let asked = ask(self.client.clone(), request, call.body_cap);
        let watched = timeline.clone().watch(asked, pause);
        // The client's own timeout does not cover a fault of the client.
        let guard = call.timeout.saturating_add(Duration::from_secs(1));
        match tokio::time::timeout(guard, self.threads.run(watched)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(fault::classify(&error, timeline, way)),
            Err(_) => Err(fault::timed_out(timeline, way)),
        }
    }
}

/// Adds what the call sends to what is not said.
fn withhold(call: &Call<'_>) {
    match call.auth {
        Auth::Bearer(token) => call.withheld.add(token.expose_secret()),
        Auth::Basic(id, secret) => {
            let secret = secret.expose_secret();
            call.withheld.add(secret);
            call.withheld.add(&format!("{id}:{secret}"));
        }
        Auth::None => {}
    }
    for field in call.form.unwrap_or_default() {
        if let Field::Secret(_, secret) = field {
            call.withheld.add(secret.expose_secret());
        }
    }
}

/// Sends a request and reads its answer.
async fn ask(
    client: Client,
    request: Request,
    body_cap: usize,
) -> reqwest::Result<(u16, HeaderMap, Body)> {
    let mut response = client.execute(request).await?;
    Timeline::mark(Mark::HeadArrived);
    let body = read_capped(&mut response, body_cap).await?;
    let headers = std::mem::take(response.headers_mut());
    Ok((response.status().as_u16(), headers, body))
}

/// The first bytes of a body.
struct Body {
    bytes: Vec<u8>,
    truncated: bool,
}

async fn read_capped(response: &mut Response, cap: usize) -> reqwest::Result<Body> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = cap.saturating_sub(bytes.len());
        bytes.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return Ok(Body {
                bytes,
                truncated: true,
            });
        }
    }
    Ok(Body {
        bytes,
        truncated: false,
    })
}

/// Cuts a long refusal: when everything is refused, every target keeps one for each of its calls.
fn cut_refusal(answer: &mut Answer) {
    let text = answer.body.trim_start_matches('\u{feff}').trim_start();
    let most = if text.starts_with('{') {
        REFUSAL_CAP_BYTES
    } else {
        PAGE_CAP_BYTES
    };
    if (200..300).contains(&answer.status) || answer.body.len() <= most {
        return;
    }
    answer.body.truncate(answer.body.floor_char_boundary(most));
    answer.body.shrink_to_fit();
    answer.truncated = true;
}

fn kept_headers(headers: &HeaderMap, scrubber: &Scrubber) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .flat_map(|name| {
            headers
                .get_all(*name)
                .iter()
                .map(move |value| (*name, value))
        })
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let value = printable(&scrubber.scrub(&text), HEADER_VALUE_CAP);
            (name.to_owned(), value)
        })
        .collect()
}

/// Our resolver, as the client wants it.
struct Names(dns::Resolver);

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let lookup = self.0.clone().lookup(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = lookup.await?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// A layer around the client's connector that marks when it begins and ends.
#[derive(Clone)]
struct Connecting<S>(S);

impl<S, R> tower::Service<R> for Connecting<S>
where
    S: tower::Service<R>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        Timeline::mark(Mark::ConnectBegan);
        let connecting = self.0.call(destination);
        Box::pin(async move {
            let connection = connecting.await?;
            Timeline::mark(Mark::Connected);
            Ok(connection)
        })
    }
}
