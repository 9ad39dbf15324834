//! Servers that say what no honest one says.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server that says the same bytes to everybody, whatever is asked.
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    _server: JoinSet<()>,
}

impl RawServer {
    pub(crate) async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(say(stream, Arc::clone(&bytes)));
            }
        });
        Self {
            address,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn say(mut stream: TcpStream, bytes: Arc<Vec<u8>>) {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    // What does not begin with a method, such as a TLS handshake, has no end to wait for.
    let is_http = |head: &[u8]| head.first().is_none_or(u8::is_ascii_uppercase);
    while is_http(&head) && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length @ 1..) => head.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    // A peer may have seen enough before the end.
    drop(stream.write_all(&bytes).await);
}
