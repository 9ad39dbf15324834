//! Where the service listens.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::config;
use crate::http::Tls;

/// The sockets of the HTTP server, and its certificate.
#[derive(Debug)]
pub struct Listeners {
    /// For everything, or for probes alone when there is another one.
    pub first: TcpListener,
    /// For everything else.
    pub admin: Option<TcpListener>,
    /// Without it both speak plain HTTP.
    pub tls: Option<Tls>,
}

/// One address for everything, without TLS.
impl From<TcpListener> for Listeners {
    fn from(first: TcpListener) -> Self {
        Self {
            first,
            admin: None,
            tls: None,
        }
    }
}

impl Listeners {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// Says which address or which file, why, and what to do.
    pub async fn open(server: &config::Server) -> Result<Self> {
        let tls = server.tls.clone();
        let tls = tls.map(|files| Tls::read(files, server.admin_listen.is_some()));
        let tls = tls.transpose().map_err(anyhow::Error::msg)?;
        let admin = match server.admin_listen {
            Some(address) => Some(bind_to(address, "server.admin_listen").await?),
            None => None,
        };
        Ok(Self {
            first: bind(server.listen).await?,
            admin,
            tls,
        })
    }
}

/// Binds the listener.
///
/// # Errors
/// Says which address, why, and what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    bind_to(address, "--listen or server.listen").await
}

async fn bind_to(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| {
        format!("cannot listen on {address}; choose another address with {setting}")
    })
}
