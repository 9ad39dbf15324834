//! Where the service listens.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket};

use crate::config;
use crate::http::Tls;

/// Connections that the kernel holds until they are accepted, as far as it agrees.
///
/// By default there are 128. A crowd that comes at once fills them, and whoever finds no room there
/// tries again after a second: by then a kubelet has given up.
const BACKLOG: u32 = 4_096;

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
    pub fn open(server: &config::Server) -> Result<Self> {
        let tls = server.tls.clone();
        let tls = tls.map(|files| Tls::read(files, server.admin_listen.is_some()));
        let tls = tls.transpose().map_err(anyhow::Error::msg)?;
        let admin = match server.admin_listen {
            Some(address) => Some(bind_to(address, "server.admin_listen")?),
            None => None,
        };
        Ok(Self {
            first: bind(server.listen)?,
            admin,
            tls,
        })
    }
}

/// Binds the listener.
///
/// # Errors
/// Says which address, why, and what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener> {
    bind_to(address, "--listen or server.listen")
}

fn bind_to(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    listen(address).with_context(|| {
        format!("cannot listen on {address}; choose another address with {setting}")
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a service that was here a moment ago are no obstacle.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    /// Nobody accepts: whoever finds no room in the kernel waits for ever.
    #[tokio::test]
    async fn a_crowd_that_comes_at_once_has_room() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut crowd = Vec::new();
        for number in 0..300 {
            let connecting = TcpStream::connect(address);
            let connected = timeout(Duration::from_secs(20), connecting).await;
            let connected = connected.unwrap_or_else(|_| panic!("{number} are in and no more"));
            crowd.push(connected.unwrap());
        }
    }
}
