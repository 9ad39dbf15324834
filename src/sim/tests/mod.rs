//! The simulator over real sockets, with the clock paused.

mod access;
mod experiments;
mod faults;
mod model;
mod obstacles;
mod scenarios;
mod tokens;

use std::net::SocketAddr;

use base64::Engine as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

const QUEUES: &str = "/api/v2/routing/queues";
/// Far less than a flood: a paused clock jumps when socket buffers are full and both sides wait.
const MOST_READ: u64 = 1 << 20;

/// A served simulator, and a client that writes and reads bytes.
struct Bench {
    simulator: Simulator,
    address: SocketAddr,
    _server: JoinSet<io::Result<()>>,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.lines().filter_map(|line| line.split_once(": "));
        found
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Bench {
    async fn start() -> Self {
        let simulator = Simulator::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(simulator.clone().run(listener, std::future::pending()));
        Self {
            simulator,
            address,
            _server: server,
        }
    }

    async fn exchange(&self, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MOST_READ).read_to_end(&mut answer).await?;
        Ok(answer)
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        let answer = self.exchange(&request).await.unwrap();
        let split = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a whole head");
        let head = String::from_utf8(answer[..split].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head,
            body: answer[split + 4..].to_vec(),
        }
    }

    async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(
            "GET",
            path,
            &format!("authorization: Bearer {token}\r\n"),
            "",
        )
        .await
    }

    async fn login(&self, id: &str, secret: &str, form: &str) -> Reply {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let headers = format!(
            "authorization: Basic {basic}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        );
        self.send("POST", "/oauth/token", &headers, form).await
    }

    async fn token(&self) -> String {
        let reply = self
            .login(
                DEMO_CLIENT_ID,
                DEMO_CLIENT_SECRET,
                "grant_type=client_credentials",
            )
            .await;
        reply.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    async fn queue_names(&self, query: &str, token: &str) -> Vec<String> {
        let reply = self.get(&format!("{QUEUES}?{query}"), token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let listing = reply.json();
        listing["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|queue| queue["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn code(reply: &Reply) -> (u16, String) {
    (
        reply.status,
        reply.json()["code"].as_str().unwrap_or_default().to_owned(),
    )
}
