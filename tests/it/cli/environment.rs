//! What surrounds the process: variables that are meant for others, and stores that hold nothing.

use std::io::ErrorKind;
use std::net::TcpListener;

use crate::over_tls::{Certificate, Delays, TlsServer};
use crate::process::{Platform, run, runtime};

/// The variables that programs take a proxy from, in the ways in which they are written.
const PROXY_VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A target over plain HTTP and one over TLS, because each is sent by another variable.
#[test]
fn a_proxy_of_the_environment_is_not_connected_to() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let platform = Platform::start("healthy");
    let runtime = runtime();
    let certificate = Certificate::new("127.0.0.1", 2099);
    let over_tls = runtime.block_on(TlsServer::start(&certificate, Delays::default()));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("roots.pem"), &certificate.pem).unwrap();
    let file = directory.path().join("why403.toml");
    let toml = format!(
        "[network]\ntls_roots = \"roots.pem\"\n\
         [[targets]]\nname = \"plain\"\n\
         [[targets]]\nname = \"tls\"\nbase_url = \"{}\"\n\
         grant = \"access_token\"\naccess_token_env = \"TOKEN\"\n",
        over_tls.url()
    );
    std::fs::write(&file, toml).unwrap();
    let mut variables = platform.variables().to_vec();
    variables.push(("TOKEN", "any-token-will-do"));
    variables.extend(PROXY_VARIABLES.map(|name| (name, proxy_url.as_str())));
    let arguments = ["diagnose", "--config", file.to_str().unwrap()];
    let finished = run(&arguments, &variables);
    // Whoever connected would still be waiting to be accepted.
    let connected = proxy.accept().map(|(_, peer)| peer);
    let error = connected.expect_err("the proxy was connected to");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let warned = finished.stderr.contains("HTTPS_PROXY: is ignored");
    assert!(warned, "{finished:#?}");
}

#[test]
fn a_store_without_a_certificate_is_told_with_what_else_can_be_set() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    // As PEM is, but no library takes it for a certificate.
    let unusable = directory.path().join("unusable.pem");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&unusable, pem).unwrap();
    let unusable = unusable.to_str().unwrap();
    let platform = Platform::start("healthy");
    for (roots, store) in [
        ("system", "the system's certificate store"),
        (unusable, unusable),
    ] {
        let mut variables = platform.variables().to_vec();
        variables.push(("SSL_CERT_FILE", empty.to_str().unwrap()));
        variables.push(("WHY403__NETWORK__TLS_ROOTS", roots));
        for arguments in [&["diagnose"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let finished = run(arguments, &variables);
            assert_eq!(finished.status, Some(2), "{finished:#?}");
            let said = format!(
                "network.tls_roots: no usable certificate in {store}; use \"bundled\" or a PEM file"
            );
            assert!(finished.stderr.contains(&said), "{said}: {finished:#?}");
        }
    }
    assert_eq!(platform.simulator.requests().len(), 0, "nothing was called");
}
