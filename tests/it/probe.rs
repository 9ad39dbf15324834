//! One probe: what it sends, when it is sent, and what becomes of everything that may come back.

mod requests;
mod bytes;
mod transport;
mod proxy;
mod tokens;
mod slots;

use std::time::Duration;

use secrecy::SecretString;
use why403::clock::Clock;
use why403::evidence::{Exchange, Step};
use why403::sim::Scripted;
use why403::target::Operation;
use why403::upstream::{Auth, Call, Upstream, Withheld};

use crate::harness::*;

const MINUTE: Duration = Duration::from_mins(1);

/// A target whose API is elsewhere than the platform, which only gives the tokens.
fn api_at(url: &str, platform: &Platform) -> String {
    let login = platform.url();
    format!("[[targets]]\nname = \"default\"\nbase_url = \"{url}\"\nlogin_url = \"{login}\"\n")
}

/// A good answer for the queues, with these headers on top.
fn queues(headers: &[(&str, &str)]) -> Scripted {
    let own = [("content-type", "application/json")];
    let headers = own.iter().chain(headers);
    Scripted::Respond {
        status: 200,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: b"{\"entities\":[{\"id\":\"1\",\"name\":\"Sales\"}],\"total\":1}".to_vec(),
    }
}

fn status_with(status: u16, header: (&str, &str)) -> Scripted {
    Scripted::Respond {
        status,
        headers: vec![(header.0.to_owned(), header.1.to_owned())],
        body: Vec::new(),
    }
}

/// The first bytes of a good answer, up to its headers' end, which is left out.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

const LIST: &str = "{\"entities\":[],\"total\":3}";

/// One call of the queues with a token that nobody issued.
async fn call(config: &why403::config::Config, clock: &Clock) -> Exchange {
    let upstream =
        Upstream::new(&config.network, config.probe.connect_timeout, clock.clone()).unwrap();
    let target = &config.targets[0];
    let token = SecretString::from("nobody-issued-this");
    upstream
        .send(Call {
            step: Step::Probe,
            url: target.probe_url(Operation::queues()),
            auth: Auth::Bearer(&token),
            withheld: &Withheld::default(),
            form: None,
            timeout: target.timeout,
            body_cap: 65_536,
        })
        .await
}

/// The same over TLS, where the certificate is to be trusted.
async fn tls_call(url: &str, trusted: &str, timeout: &str) -> Exchange {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, trusted).unwrap();
    let toml = format!(
        "[probe]\ntimeout = \"{timeout}\"\nconnect_timeout = \"{timeout}\"\n\
         [network]\ntls_roots = \"{}\"\n",
        roots.display()
    );
    call(&config_for(url, &toml), &Clock::system()).await
}
