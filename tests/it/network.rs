//! Calls in a network of their own: with name servers that fail, addresses that lead nowhere, and
//! without routes or ports.
//!
//! Each test runs itself again inside namespaces of a user, network and mounts of its own, where it
//! may be the name server and may take away what the kernel has. All of them use the real clock, and
//! are ignored, because not every machine allows it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use secrecy::SecretString;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use why403::clock::Clock;
use why403::diagnosis::Outcome;
use why403::evidence::{Exchange, Fault, FaultKind, Lack, Origin, Step};
use why403::snapshot::Snapshot;
use why403::target::Operation;
use why403::upstream::{Auth, Call, Upstream, Withheld};

use crate::harness::*;

/// Where the name server listens, inside.
const NAME_SERVER: &str = "127.0.0.53";
/// Set inside.
const INSIDE: &str = "WHY403_TEST_INSIDE";

/// Runs `work` inside, where this is called as the test `name` of this file.
fn inside(name: &str, work: impl Future<Output = ()>) {
    // Only this test reads it, and only the call below sets it.
    #[allow(
        clippy::disallowed_methods,
        reason = "a test tells itself where it runs"
    )]
    let is_inside = std::env::var_os(INSIDE).is_some();
    if is_inside {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        return builder.enable_all().build().unwrap().block_on(work);
    }
    let mut configuration = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        configuration,
        "nameserver {NAME_SERVER}\noptions timeout:1 attempts:1"
    )
    .unwrap();
    let script =
        "ip link set lo up && mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
    let status = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(configuration.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            &format!("network::{name}"),
        ])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// What the name server does.
#[derive(Clone, Debug)]
enum Says {
    Nothing,
    Code(ResponseCode),
    Addresses(Vec<IpAddr>),
}

/// A name server that says the same of every name, until it is told otherwise.
struct Names {
    says: Arc<Mutex<Says>>,
    _server: JoinSet<()>,
}

impl Names {
    async fn start(says: Says) -> Self {
        let socket = UdpSocket::bind((NAME_SERVER, 53)).await.unwrap();
        let says = Arc::new(Mutex::new(says));
        let mut server = JoinSet::new();
        server.spawn(serve(socket, Arc::clone(&says)));
        Self {
            says,
            _server: server,
        }
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

async fn serve(socket: UdpSocket, says: Arc<Mutex<Says>>) {
    let mut bytes = [0; 1024];
    loop {
        let (length, peer) = socket.recv_from(&mut bytes).await.unwrap();
        let query = Message::from_bytes(&bytes[..length]).unwrap();
        let says = says.lock().unwrap().clone();
        if let Some(answer) = answer(query, &says) {
            socket
                .send_to(&answer.to_bytes().unwrap(), peer)
                .await
                .unwrap();
        }
    }
}

fn answer(mut query: Message, says: &Says) -> Option<Message> {
    query.metadata.message_type = MessageType::Response;
    match says {
        Says::Nothing => return None,
        Says::Code(code) => query.metadata.response_code = *code,
        Says::Addresses(addresses) => {
            let asked = query.queries.first()?.clone();
            let records = addresses.iter().filter_map(|address| {
                let data = match (address, asked.query_type()) {
                    (IpAddr::V4(address), RecordType::A) => RData::A(A(*address)),
                    (IpAddr::V6(address), RecordType::AAAA) => RData::AAAA(AAAA(*address)),
                    _ => return None,
                };
                Some(Record::from_rdata(asked.name().clone(), 3_600, data))
            });
            query.answers.extend(records);
        }
    }
    Some(query)
}

/// One call of the queues at `url`, with a client that lives for it alone.
async fn call(url: &str) -> Exchange {
    upstream(url).send().await
}

/// A client, and where it calls.
struct Calls {
    upstream: Upstream,
    config: why403::config::Config,
}

fn upstream(url: &str) -> Calls {
    let toml =
        "[network]\nallow_http = true\n[probe]\nconnect_timeout = \"2s\"\ntimeout = \"5s\"\n";
    let config = config_for(url, toml);
    let upstream = Upstream::new(
        &config.network,
        config.probe.connect_timeout,
        Clock::system(),
    );
    Calls {
        upstream: upstream.unwrap(),
        config,
    }
}

impl Calls {
    async fn send(&self) -> Exchange {
        let token = SecretString::from("nobody-issued-this");
        let target = &self.config.targets[0];
        self.upstream
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
}

/// The word, unless it is a number, which differs from one run to the next.
fn without_numbers(word: &str) -> &str {
    if word.parse::<u32>().is_ok() {
        "…"
    } else {
        word
    }
}

async fn fault(url: &str) -> Fault {
    call(url).await.result.unwrap_err()
}

#[test]
#[ignore = "needs namespaces"]
fn a_name_server_that_fails_is_told_in_plain_words() {
    inside("a_name_server_that_fails_is_told_in_plain_words", async {
        let names = Names::start(Says::Nothing).await;
        for (says, words) in [
            (Says::Nothing, "given up after … ms"),
            (
                Says::Code(ResponseCode::ServFail),
                "the name server failed (SERVFAIL)",
            ),
            (
                Says::Code(ResponseCode::Refused),
                "the name server refuses to answer (REFUSED)",
            ),
            (
                Says::Code(ResponseCode::NXDomain),
                "the name does not exist",
            ),
            (Says::Addresses(Vec::new()), "the name has no address"),
        ] {
            names.say(says.clone());
            let fault = fault("http://api.example").await;
            assert_eq!(
                (fault.kind, &fault.origin),
                (FaultKind::Dns, &Origin::Way),
                "{says:?}"
            );
            let told: Vec<_> = fault.detail.split(' ').map(without_numbers).collect();
            let told = told.join(" ");
            assert_eq!(told, format!("{words} (resolving the name)"), "{says:?}");
        }
        drop(names);
        let fault = fault("http://api.example").await;
        assert_eq!(fault.kind, FaultKind::Dns, "nobody listens: {fault:?}");
    });
}

#[test]
#[ignore = "needs namespaces"]
fn a_silent_name_server_delays_nobody_who_does_not_need_it() {
    inside(
        "a_silent_name_server_delays_nobody_who_does_not_need_it",
        async {
            let _names = Names::start(Says::Nothing).await;
            let platform = Platform::start().await;
            let login = platform.url();
            let interval = seconds(2);
            let mut toml = "[network]\nallow_http = true\n[probe]\ninterval = \"2s\"\n\
                        timeout = \"1500ms\"\nconnect_timeout = \"1500ms\"\njitter = 0.0\n\
                        [[targets]]\nname = \"good\"\n"
                .to_owned();
            // Their tokens are had from an address, or from the same name.
            for n in 0..4 {
                let target = format!(
                    "[[targets]]\nname = \"api-{n}\"\nbase_url = \"http://api-{n}.example\"\n\
                 login_url = \"{login}\"\n\
                 [[targets]]\nname = \"all-{n}\"\nbase_url = \"http://all-{n}.example\"\n"
                );
                toml.push_str(&target);
            }
            let service = platform.watched(&toml);
            let first = service.first_round().await;
            let good = |snapshot: &Snapshot| {
                let target = snapshot.target("good").unwrap();
                target.last_probe().map(|at| at.elapsed)
            };
            let mut last = good(&first);
            let slot = last.unwrap();
            for n in 1..=5 {
                let snapshot = service
                    .until("the next probe", |snapshot| good(snapshot) > last)
                    .await;
                last = good(&snapshot);
                let lag = last.unwrap().abs_diff(slot + interval * n);
                assert!(lag < seconds(1), "probe {n}: {lag:?}");
            }
            let last = service.monitor.snapshot();
            for view in &last.targets {
                let outcome = view.checks[0].diagnosis.as_ref().unwrap().finding.outcome();
                let expected = match view.name.as_str() {
                    "good" => Outcome::Ok,
                    name if name.starts_with("api") => Outcome::Dns,
                    _ => Outcome::TokenEndpointDown,
                };
                assert_eq!(outcome, expected, "{}", view.name);
            }
        },
    );
}

#[test]
#[ignore = "needs namespaces"]
fn a_name_that_gets_another_address_is_followed() {
    inside("a_name_that_gets_another_address_is_followed", async {
        let [before, after] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(Ipv4Addr::from);
        let names = Names::start(Says::Addresses(vec![before.into()])).await;
        let first = answering(before, 8080, "first").await;
        let calls = upstream("http://api.example:8080");
        let server = |exchange: &Exchange| {
            let answer = exchange.answer().unwrap_or_else(|| panic!("{exchange:?}"));
            answer.header("server").unwrap().to_owned()
        };
        assert_eq!(server(&calls.send().await), "first");
        let _second = answering(after, 8080, "second").await;
        names.say(Says::Addresses(vec![after.into()]));
        assert_eq!(server(&calls.send().await), "first", "asked a moment ago");
        // The answer of the name server would have been good for an hour.
        let followed = async {
            while server(&calls.send().await) == "first" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(3), followed).await;
        in_time.expect("it is asked for again after two seconds");
        drop(first);
        assert_eq!(server(&calls.send().await), "second");
    });
}

/// A server with a name of its own.
async fn answering(host: Ipv4Addr, port: u16, name: &str) -> JoinSet<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind((host, port)).await.unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\nServer: {name}\r\nContent-Length: 2\r\n\r\n{{}}");
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _length = stream.read(&mut head).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    server
}

#[test]
#[ignore = "needs namespaces"]
fn an_address_that_leads_nowhere_is_passed_over() {
    inside("an_address_that_leads_nowhere_is_passed_over", async {
        // Packets go in, and nobody is there to answer them.
        run("ip -6 address add 2001:db8::2/128 dev lo && ip -6 route add 2001:db8:1::/64 dev lo");
        let nowhere: Ipv6Addr = "2001:db8:1::1".parse().unwrap();
        let there = Ipv4Addr::LOCALHOST;
        let _names = Names::start(Says::Addresses(vec![nowhere.into(), there.into()])).await;
        let _server = answering(there, 8080, "there").await;
        let exchange = call("http://api.example:8080").await;
        assert_eq!(exchange.answer().unwrap().status, 200);
        let took = exchange.phases.connect.unwrap();
        assert!(
            took >= Duration::from_millis(200),
            "it was not tried first: {took:?}"
        );
        assert!(took < Duration::from_secs(1), "{took:?}");
    });
}

#[test]
#[ignore = "needs namespaces"]
fn what_this_machine_lacks_is_told_as_that() {
    inside("what_this_machine_lacks_is_told_as_that", async {
        // Of documentation: nothing leads there, and there is no way out either.
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let lost = fault(&format!("https://{address}")).await;
        assert_eq!(lost.kind, FaultKind::Connect);
        assert_eq!(lost.origin, Origin::Machine(Lack::Route), "{lost:?}");
        run("ip route add unreachable 198.51.100.0/24");
        let local = fault("https://198.51.100.1").await;
        assert_eq!(local.origin, Origin::Machine(Lack::Route), "{local:?}");
        let names = Names::start(Says::Addresses(vec!["203.0.113.1".parse().unwrap()])).await;
        let lost = fault("http://api.example").await;
        assert_eq!(
            (lost.kind, lost.origin),
            (FaultKind::Connect, Origin::Machine(Lack::Route))
        );
        drop(names);
        run(
            "echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range && \
             echo 40000 > /proc/sys/net/ipv4/ip_local_reserved_ports",
        );
        let full = fault("http://127.0.0.1:9").await;
        assert_eq!(full.kind, FaultKind::Connect);
        assert_eq!(full.origin, Origin::Machine(Lack::Ports), "{full:?}");
    });
}

fn run(script: &str) {
    let status = Command::new("sh").args(["-c", script]).status().unwrap();
    assert!(status.success(), "{script}: {status}");
}
