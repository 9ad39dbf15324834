//! Boots the simulator and the service in the runtime of the test.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use why403::app::{App, Listeners, Reloads, StopSignal};
use why403::clock::Clock;
use why403::config::{self, Config, Environment, Loaded, Sources};
use why403::diagnosis::{Diagnosis, Outcome};
use why403::health::Status;
use why403::monitor::{Monitor, Pace};
use why403::sim::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_USER_TOKEN, Request, Route, Scripted, Simulator,
};
use why403::snapshot::{CheckView, Snapshot};
use why403::token::{Attempt, Minter, Permits, Setup, Tokens};
use why403::upstream::Upstream;

mod raw;

pub(crate) use raw::RawServer;

/// Longest wait for a state, in virtual time: what takes longer never happens.
const PATIENCE: Duration = Duration::from_hours(48);

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Where the wall clocks of service and simulator stand at the start of a test.
fn wall_start() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A wall clock that stands at a known time now and follows the runtime's clock.
pub(crate) fn simulated_clock() -> Clock {
    Clock::simulated(wall_start())
}

/// Sleeps; with a paused clock that is how time passes.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The configuration in `toml`, by the way that every configuration goes.
///
/// The demo client and `base_url` come from the environment, so that a target needs no more than
/// a name, and none at all when there is one. `SECRET` and `TOKEN` hold the demo client's secret
/// and the demo user's token.
pub(crate) fn config_for(base_url: &str, toml: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("why403.toml");
    std::fs::write(&path, toml).unwrap();
    match config::load(&sources_for(base_url, path)) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}

/// The same for a file that is there.
pub(crate) fn sources_for(base_url: &str, file: PathBuf) -> Sources {
    let environment = [
        ("GENESYS_CLOUD_CLIENT_ID", DEMO_CLIENT_ID),
        ("GENESYS_CLOUD_CLIENT_SECRET", DEMO_CLIENT_SECRET),
        ("GENESYS_CLOUD_BASE_URL", base_url),
        ("SECRET", DEMO_CLIENT_SECRET),
        ("TOKEN", DEMO_USER_TOKEN),
    ];
    Sources {
        file: Some(file),
        environment: Environment::from_pairs(environment),
        ..Sources::default()
    }
}

/// So many targets, `t-0` and on, with the demo client.
pub(crate) fn fleet(count: usize) -> String {
    let names: Vec<_> = (0..count).map(|n| format!("name = \"t-{n}\"\n")).collect();
    format!("[[targets]]\n{}", names.join("[[targets]]\n"))
}

/// Writes a secret as its owner would: readable by nobody else, and put in place at once.
pub(crate) fn write_secret(path: &Path, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let next = path.with_extension("next");
    std::fs::write(&next, secret).unwrap();
    std::fs::set_permissions(&next, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(next, path).unwrap();
}

/// A served simulator.
pub(crate) struct Platform {
    pub(crate) simulator: Simulator,
    address: SocketAddr,
    _server: JoinSet<io::Result<()>>,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let simulator = Simulator::new();
        simulator.set_wall(wall_start());
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

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn config(&self, toml: &str) -> Config {
        config_for(&self.url(), toml)
    }

    /// The service, watching this platform as `toml` says.
    pub(crate) fn watched(&self, toml: &str) -> Service {
        Service::start(self.config(toml))
    }

    /// Requests for tokens so far.
    pub(crate) fn mints(&self) -> u64 {
        self.simulator.count(Route::Token)
    }

    /// Requests for queues so far.
    pub(crate) fn probes(&self) -> u64 {
        self.simulator.count(Route::Queues)
    }

    /// The latest request of a route.
    pub(crate) fn latest(&self, route: Route) -> Request {
        let mut requests = self.simulator.requests().into_iter().rev();
        requests.find(|request| request.route == route).unwrap()
    }

    pub(crate) fn always(&self, route: Route, step: Scripted) {
        self.simulator.always(route, Some(step));
    }

    pub(crate) fn mend(&self, route: Route) {
        self.simulator.always(route, None);
    }

    pub(crate) fn script(&self, route: Route, steps: impl IntoIterator<Item = Scripted>) {
        self.simulator.script(route, steps);
    }
}

/// The service, served on a port of its own.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// Where everything but the answers for probes is, if that is elsewhere.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) clock: Clock,
    pub(crate) monitor: Monitor,
    signals: mpsc::Sender<StopSignal>,
    running: JoinSet<anyhow::Result<()>>,
}

impl Service {
    pub(crate) fn start(config: Config) -> Self {
        Self::serve(config, None)
    }

    /// Starts with what a file says, and goes on with what it says later; a message asks to read
    /// it at once.
    pub(crate) fn following(sources: Sources) -> (Self, mpsc::Sender<()>) {
        let Loaded { config, file, .. } = config::load(&sources).unwrap();
        let (ask, asked) = mpsc::channel(1);
        let reloads = Reloads {
            sources,
            file,
            asked,
        };
        (Self::serve(config, Some(reloads)), ask)
    }

    fn serve(config: Config, reloads: Option<Reloads>) -> Self {
        let clock = simulated_clock();
        let mut server = config.server.clone();
        server.listen = "127.0.0.1:0".parse().unwrap();
        let listeners = Listeners::open(&server).unwrap();
        let address = listeners.first.local_addr().unwrap();
        let admin = listeners.admin.as_ref().map(|it| it.local_addr().unwrap());
        let app = App::start(config, clock.clone(), Pace::Spread).unwrap();
        let monitor = app.monitor().clone();
        let (signals, received) = mpsc::channel(2);
        let mut running = JoinSet::new();
        running.spawn(app.serve(listeners, received, reloads));
        Self {
            address,
            admin,
            clock,
            monitor,
            signals,
            running,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().elapsed
    }

    /// Waits until a snapshot, this one or a later one, shows what is waited for.
    pub(crate) async fn until(
        &self,
        what: impl fmt::Display,
        shows: impl FnMut(&Arc<Snapshot>) -> bool,
    ) -> Arc<Snapshot> {
        let mut snapshots = self.monitor.subscribe();
        let found = tokio::time::timeout(PATIENCE, snapshots.wait_for(shows)).await;
        match found {
            Ok(Ok(snapshot)) => Arc::clone(&snapshot),
            Ok(Err(_)) => panic!("the watch ended before: {what}"),
            Err(waited) => panic!("{what}: {waited}; {:?}", self.monitor.snapshot()),
        }
    }

    /// Waits until every target has been probed once.
    pub(crate) async fn first_round(&self) -> Arc<Snapshot> {
        let over = |snapshot: &Arc<Snapshot>| snapshot.first_round_is_over();
        self.until("the first round", over).await
    }

    /// The outcome of the very first probe.
    pub(crate) async fn first_outcome(&self) -> Outcome {
        let snapshot = self.first_round().await;
        outcome(&snapshot)
    }

    /// Waits until the first target is probed on schedule once more.
    pub(crate) async fn next_probe(&self) -> Arc<Snapshot> {
        let last = |snapshot: &Snapshot| snapshot.targets[0].last_probe().map(|at| at.elapsed);
        let before = last(&self.monitor.snapshot());
        self.until("the next probe", |snapshot| last(snapshot) > before)
            .await
    }

    /// The verdict about everything, now.
    pub(crate) fn verdict(&self) -> Status {
        self.monitor.snapshot().verdict(self.clock.now()).status
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str) -> Reply {
        self.send("POST", path, "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str) -> Reply {
        send(self.address, method, path, headers).await.unwrap()
    }

    /// Metrics of these families, by name and labels as they stand there.
    pub(crate) async fn metrics(&self, families: &[&str]) -> BTreeMap<String, f64> {
        let text = self.get("/metrics").await.text();
        let wanted = |line: &&str| {
            families
                .iter()
                .any(|family| line.starts_with(&format!("why403_{family}{{")))
        };
        text.lines()
            .filter(wanted)
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// The value of the series without labels of this metric.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let series = format!("why403_{name} ");
        let value = text.lines().find_map(|it| it.strip_prefix(&series));
        value.expect("there is such a series").parse().unwrap()
    }

    pub(crate) async fn signal(&self, signal: StopSignal) {
        self.signals.send(signal).await.unwrap();
    }

    /// Waits until the service has stopped.
    pub(crate) async fn stopped(&mut self) {
        self.running.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// The only operation of the first target.
pub(crate) fn check(snapshot: &Snapshot) -> &CheckView {
    &snapshot.targets[0].checks[0]
}

/// The latest diagnosis of the first target.
pub(crate) fn diagnosis(snapshot: &Snapshot) -> &Diagnosis {
    check(snapshot).diagnosis.as_ref().expect("a first probe")
}

/// The outcome of the latest probe of the first target.
pub(crate) fn outcome(snapshot: &Snapshot) -> Outcome {
    diagnosis(snapshot).finding.outcome()
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// One request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
) -> io::Result<Reply> {
    exchange(TcpStream::connect(address).await?, method, path, headers).await
}

/// One request on a connection that ends with it.
pub(crate) async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &str,
) -> io::Result<Reply> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let split = split.ok_or_else(|| io::Error::other("the answer has no whole head"))?;
    let body = answer.split_off(split + 4);
    let head = String::from_utf8(answer).map_err(io::Error::other)?;
    let status = head
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or_default();
    Ok(Reply { status, head, body })
}

/// The background task of one credential, and what it reports.
pub(crate) struct Mint {
    pub(crate) tokens: Tokens,
    pub(crate) clock: Clock,
    attempts: mpsc::UnboundedReceiver<Attempt>,
    _task: JoinSet<()>,
}

/// A finished attempt to mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) result: Result<(), Outcome>,
}

impl Mint {
    /// The task for the credential of the first target, without jitter.
    pub(crate) fn start(config: &Config) -> Self {
        Self::with_jitter(config, || 0.0)
    }

    pub(crate) fn with_jitter(config: &Config, random: fn() -> f64) -> Self {
        let clock = simulated_clock();
        let target = &config.targets[0];
        let upstream =
            Upstream::new(&config.network, config.probe.connect_timeout, clock.clone()).unwrap();
        let (sender, attempts) = mpsc::unbounded_channel();
        let setup = Setup {
            upstream,
            clock: clock.clone(),
            call_timeout: target.timeout,
            beside_pause: config.probe.examination_pause,
            permits: Arc::new(Permits::default()),
            attempts: sender,
            random,
        };
        let (minter, tokens) = Minter::new(Arc::clone(&target.credential), setup, Duration::ZERO);
        let mut task = JoinSet::new();
        task.spawn(minter.run(CancellationToken::new()));
        Self {
            tokens,
            clock,
            attempts,
            _task: task,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().elapsed
    }

    /// The generation of the token that may be sent now.
    pub(crate) fn usable(&self) -> Option<u64> {
        let state = self.tokens.state();
        state
            .usable(self.clock.now())
            .map(|token| token.facts.generation)
    }

    /// Waits for the next finished attempt.
    pub(crate) async fn tried(&mut self) -> Tried {
        let attempt = tokio::time::timeout(PATIENCE, self.attempts.recv()).await;
        let attempt = attempt.expect("another attempt").expect("a running task");
        let ended = self.elapsed();
        Tried {
            began: ended.saturating_sub(attempt.took),
            ended,
            result: attempt.result,
        }
    }

    /// Every attempt that ends in the time to come.
    pub(crate) async fn tries_for(&mut self, time: Duration) -> Vec<Tried> {
        let end = self.elapsed() + time;
        let mut tries = Vec::new();
        loop {
            let clock = self.clock.clone();
            tokio::select! {
                biased;
                next = self.tried() => tries.push(next),
                () = clock.sleep_until(end) => return tries,
            }
        }
    }
}

/// The pauses between attempts.
pub(crate) fn pauses(tries: &[Tried]) -> Vec<Duration> {
    tries
        .windows(2)
        .map(|two| two[1].began.saturating_sub(two[0].ended))
        .collect()
}
