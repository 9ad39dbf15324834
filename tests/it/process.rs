//! The real binary as a child process, a simulator for it, and just enough HTTP.
//!
//! Everything here runs on real clocks: a paused one knows nothing of other processes. Nothing
//! sleeps and hopes; what is waited for is asked for again until a deadline that only a defect
//! reaches.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Runtime;
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator};

/// Longest wait for anything; only a defect, or a machine that stands still, takes so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `ready` has something, and says what it waited for if it never has.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    wait_for_or_not(ready).unwrap_or_else(|| panic!("waited in vain until {what}"))
}

/// Waits until `ready` has something, or until the deadline.
fn wait_for_or_not<T>(mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..DEADLINE.as_millis() / PAUSE.as_millis() {
        if let Some(found) = ready() {
            return Some(found);
        }
        thread::sleep(PAUSE);
    }
    None
}

/// The binary, with no environment but what a test gives it.
pub(crate) fn why403(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_why403"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The same command with a limit, in blocks, to the size of a file that it may write.
pub(crate) fn limited(plain: &Command, blocks: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear().stdin(Stdio::null());
    let variables = plain.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    command
}

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = why403(arguments);
    finished(command.envs(variables.iter().copied()))
}

/// Runs a command to its end.
pub(crate) fn finished(command: &mut Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A simulator that is served by a runtime of its own.
pub(crate) struct Platform {
    pub(crate) simulator: Simulator,
    pub(crate) url: String,
    _runtime: Runtime,
}

impl Platform {
    /// Starts in a scenario.
    pub(crate) fn start(scenario: &str) -> Self {
        let simulator = Simulator::new();
        simulator.set_scenario(scenario).unwrap();
        let runtime = runtime();
        let listener = bind(&runtime);
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(simulator.clone().run(listener, std::future::pending()));
        Self {
            simulator,
            url,
            _runtime: runtime,
        }
    }

    /// The variables of an integration that uses the simulator as its platform.
    pub(crate) fn variables(&self) -> [(&str, &str); 3] {
        [
            ("GENESYS_CLOUD_CLIENT_ID", DEMO_CLIENT_ID),
            ("GENESYS_CLOUD_CLIENT_SECRET", DEMO_CLIENT_SECRET),
            ("GENESYS_CLOUD_BASE_URL", &self.url),
        ]
    }
}

/// A runtime on the real clock, one thread beside those of the tests.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// A listener on a free loopback port.
pub(crate) fn bind(runtime: &Runtime) -> tokio::net::TcpListener {
    let address = (Ipv4Addr::LOCALHOST, 0);
    runtime
        .block_on(tokio::net::TcpListener::bind(address))
        .unwrap()
}

/// An address for one service of one test.
///
/// Every call has a loopback host of its own, so that no other listener can take the port before
/// the service does: not one of these tests, which all sit on 127.0.0.1, and not one of another
/// run of them beside this one.
pub(crate) fn free_address() -> SocketAddr {
    static HOSTS: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(
        127,
        64 | (high & 63),
        low,
        HOSTS.fetch_add(1, Ordering::Relaxed),
    );
    let listener = TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// A running binary; dropping it ends it.
pub(crate) struct Running {
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

impl Running {
    /// Starts the command; what it writes is collected.
    pub(crate) fn start(command: &mut Command) -> Self {
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start_as_is(pipes)
    }

    /// Starts the command with the standard streams that it has; pipes are collected.
    pub(crate) fn start_as_is(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = Collected::from(child.stdout.take());
        let stderr = Collected::from(child.stderr.take());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Starts a command that listens on `address`, and waits until it does.
    #[track_caller]
    pub(crate) fn listening(command: &mut Command, address: SocketAddr) -> Self {
        let mut running = Self::start(command);
        running.wait_until_listening(address);
        running
    }

    /// Waits until the command accepts connections on `address`.
    #[track_caller]
    pub(crate) fn wait_until_listening(&mut self, address: SocketAddr) {
        wait_for("the service listens", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{status} instead of listening: {}", self.stderr());
            }
            TcpStream::connect(address).ok()
        });
    }

    /// Standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, for example `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status().unwrap();
        assert!(sent.success(), "{line}");
    }

    /// Waits for the end, and for everything that was written before it.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        let status: ExitStatus = wait_for("the process ends", || self.child.try_wait().unwrap());
        Finished {
            status: status.code(),
            stdout: self.stdout.end(),
            stderr: self.stderr.end(),
        }
    }
}

impl Running {
    /// Says what became of it, for whoever reads why a test failed.
    #[expect(
        clippy::print_stderr,
        reason = "the output of a failed test is what is read"
    )]
    fn tell(&mut self) {
        const LINES: usize = 20;
        let status = self.child.try_wait();
        let said = self.stderr();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines.len().saturating_sub(LINES);
        eprintln!("status {status:?}; its last lines:");
        for line in &lines[last..] {
            eprintln!("  {line}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell();
        }
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// What a stream brings, read by a thread so that its pipe never fills.
#[derive(Default)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn from(stream: Option<impl Read + Send + 'static>) -> Self {
        let Some(mut stream) = stream else {
            return Self::default();
        };
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8 * 1024];
            while let Ok(count) = stream.read(&mut buffer)
                && count > 0
            {
                shared.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks once, on a connection of its own, with further header lines (each ending in `\r\n`).
#[track_caller]
pub(crate) fn ask(address: SocketAddr, request: &str, headers: &str) -> Reply {
    try_ask(address, request, headers).unwrap_or_else(|error| panic!("{request}: {error}"))
}

/// As [`ask`], for a service that may be about to go.
pub(crate) fn try_ask(address: SocketAddr, request: &str, headers: &str) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let head = format!("{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    stream.write_all(format!("{head}{headers}\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    Ok(Reply {
        status: status.ok_or_else(|| std::io::Error::other(format!("no HTTP: {text:?}")))?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// Waits until the service has probed every target once; `headers` may hold the admin token.
#[track_caller]
pub(crate) fn wait_until_probed(address: SocketAddr, headers: &str) {
    let mut last = String::new();
    let waited = wait_for_or_not(|| {
        let reply = try_ask(address, "GET /diagnose", headers);
        last = format!("{reply:?}");
        let reply = reply.ok()?;
        let probed = !reply.body.contains("\"outcome\":null") && reply.status == 200;
        probed.then_some(())
    });
    assert!(waited.is_some(), "not every target was probed: {last}");
}
