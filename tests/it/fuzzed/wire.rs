//! A server that says given bytes, and the real client, in one runtime whose clock stands.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use why403::clock::Clock;
use why403::config::{self, Config, Environment, Sources};
use why403::upstream::Upstream;

use super::CANARY;

/// Longest time of one call.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is made once and used for every input.
pub(super) struct Stage {
    runtime: Runtime,
    local: LocalSet,
    says: Rc<RefCell<Vec<u8>>>,
    pub(super) upstream: Upstream,
    pub(super) clock: Clock,
    /// A configuration that leads to the server, with the secret in it.
    pub(super) config: Config,
}

thread_local! {
    static STAGE: Stage = Stage::new();
}

/// Does something against a server that says `bytes` to everybody.
pub(super) fn against<T>(bytes: Vec<u8>, work: impl AsyncFnOnce(&Stage) -> T) -> T {
    STAGE.with(|stage| {
        *stage.says.borrow_mut() = bytes;
        let worked = stage.local.run_until(work(stage));
        stage.runtime.block_on(worked)
    })
}

impl Stage {
    fn new() -> Self {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let local = LocalSet::new();
        let says: Rc<RefCell<Vec<u8>>> = Rc::default();
        let listening = TcpListener::bind("127.0.0.1:0");
        let listener = runtime.block_on(listening).expect("a free port");
        let config = configured(listener.local_addr().expect("an address"));
        let (upstream, clock) = runtime.block_on(async {
            let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
            let upstream = Upstream::new(&config.network, TIMEOUT, clock.clone());
            (upstream.expect("a client"), clock)
        });
        let own = Rc::clone(&says);
        #[allow(clippy::disallowed_methods, reason = "it lives as long as its thread")]
        local.spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let bytes = own.borrow().clone();
                say(stream, &bytes).await;
            }
        });
        Self {
            runtime,
            local,
            says,
            upstream,
            clock,
            config,
        }
    }
}

fn configured(address: SocketAddr) -> Config {
    let base_url = format!("http://{address}");
    let environment = [
        ("GENESYS_CLOUD_CLIENT_ID", "the-client"),
        ("GENESYS_CLOUD_CLIENT_SECRET", CANARY),
        ("GENESYS_CLOUD_BASE_URL", &base_url),
    ];
    let sources = Sources {
        environment: Environment::from_pairs(environment),
        ..Sources::default()
    };
    config::load(&sources).expect("a configuration").config
}

/// Reads a request as far as its head and says the bytes; the client's form comes with its head.
async fn say(mut stream: TcpStream, bytes: &[u8]) {
    let mut head: Vec<u8> = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length @ 1..) => head.extend(part.iter().take(length)),
            _ => return,
        }
    }
    // A peer may have seen enough before the end.
    drop(stream.write_all(bytes).await);
}
