//! The demonstration: simulator and service on loopback, and a short day that breaks and mends
//! access while somebody watches.
//!
//! Nothing is configured and nothing but loopback is called. The service is the real one; only
//! its clock runs faster, a probe every two seconds.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{self, App, StopSignal};
use crate::clock::Clock;
use crate::config::{self, Config, Environment, Sources};
use crate::diagnosis::{Diagnosis, Finding, Outcome};
use crate::monitor::Pace;
use crate::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Org, Route, Scripted, Simulator};
use crate::snapshot::Snapshot;

/// One turn of the day.
#[derive(Debug)]
struct Turn {
    act: Act,
    /// What happens, for whoever watches.
    says: &'static str,
    /// The cause that the service finds, or `ok`.
    #[cfg_attr(
        not(test),
        allow(dead_code, reason = "what a test expects of the turn")
    )]
    finds: &'static str,
    /// How long it lasts.
    seconds: u64,
}

/// What is done to the simulated platform.
#[derive(Debug)]
enum Act {
    /// One of the simulator's scenarios.
    Scenario(&'static str),
    /// Every token dies; new ones work.
    RevokeTokens,
    /// Another process has used up the rate limit, for these seconds.
    LimitRate(u64),
}

const DAY: &[Turn] = &[
    turn(Act::Scenario("healthy"), "Everything works.", "ok", 8),
    turn(
        Act::Scenario("role-removed"),
        "An administrator removes the role that carried the permission.",
        "missing_permission",
        10,
    ),
    turn(
        Act::Scenario("healthy"),
        "The role is granted again.",
        "ok",
        8,
    ),
    turn(
        Act::Scenario("division-refused"),
        "The role is granted, but not in the division asked for.",
        "missing_division_permission",
        8,
    ),
    turn(Act::Scenario("healthy"), "The division is added.", "ok", 6),
    turn(
        Act::Scenario("permission-not-in-org"),
        "The product that brought the permission ends.",
        "permission_not_in_org",
        8,
    ),
    turn(
        Act::Scenario("stale-token"),
        "The product is back, but the cached token still stands for what was before.",
        "stale_token",
        8,
    ),
    turn(
        Act::Scenario("edge-block"),
        "A firewall in front of the platform begins to refuse.",
        "edge_block",
        8,
    ),
    turn(
        Act::RevokeTokens,
        "The firewall is mended, and every token is revoked: a new one is minted, the call repeated.",
        "ok",
        8,
    ),
    turn(
        Act::LimitRate(3),
        "Another process uses up the rate limit.",
        "rate_limited",
        6,
    ),
    turn(
        Act::Scenario("queues-empty"),
        "The caller keeps the permission only where no queue is: status 200, and nothing in it.",
        "queues_empty",
        8,
    ),
    turn(
        Act::Scenario("queues-missing"),
        "The caller sees one division of three: still 200, with fewer queues.",
        "queues_missing",
        8,
    ),
    turn(
        Act::Scenario("upstream-error"),
        "The platform itself has an outage.",
        "upstream_error",
        8,
    ),
    turn(Act::Scenario("healthy"), "The day ends well.", "ok", 8),
];

const fn turn(act: Act, says: &'static str, finds: &'static str, seconds: u64) -> Turn {
    Turn {
        act,
        says,
        finds,
        seconds,
    }
}

/// Does to the platform what the turn says; every turn begins from a healthy one.
fn arrange(simulator: &Simulator, act: &Act) {
    let scenario = match act {
        Act::Scenario(name) => name,
        Act::RevokeTokens | Act::LimitRate(_) => "healthy",
    };
    if let Err(unknown) = simulator.set_scenario(scenario) {
        tracing::error!("{unknown}");
    }
    match act {
        Act::Scenario(_) => {}
        Act::RevokeTokens => simulator.with(Org::revoke_tokens),
        Act::LimitRate(seconds) => simulator.always(Route::Queues, Some(limited(*seconds))),
    }
}

fn limited(seconds: u64) -> Scripted {
    let message =
        format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
    let code = "too.many.requests.retry.after";
    let body = serde_json::json!({"message": message, "code": code, "status": 429});
    Scripted::Respond {
        status: 429,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("retry-after".to_owned(), seconds.to_string()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// Plays the demonstration until a signal arrives, or with `once` until the day is over.
///
/// `tell` receives what is meant for the person who watches, a piece at a time.
///
/// # Errors
/// When no loopback port can be had, or a part of the service ends early.
pub async fn run(
    listen: SocketAddr,
    once: bool,
    mut signals: mpsc::Receiver<StopSignal>,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let upstream_address = upstream.local_addr()?;
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        // The usual port is taken, most likely by another demonstration.
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            app::bind(SocketAddr::new(listen.ip(), 0))?
        }
        Err(_) => app::bind(listen)?,
    };
    let address = listener.local_addr()?;
    let simulator = Simulator::new();
    let over = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let stopped = over.clone().cancelled_owned();
    let serving = simulator.clone().run(upstream, stopped);
    tasks.spawn(async move { serving.await.map_err(anyhow::Error::from) });
    let app = App::start(
        configuration(upstream_address)?,
        Clock::system(),
        Pace::Spread,
    )?;
    let snapshots = app.monitor().subscribe();
    let (stop, stop_signals) = mpsc::channel(2);
    tasks.spawn(app.serve(listener, stop_signals, None));
    tell(&welcome(address, upstream_address));
    let ended = tokio::select! {
        () = play(&simulator, snapshots, once, tell) => Ok(()),
        Some(_) = signals.recv() => Ok(()),
        Some(early) = tasks.join_next() => early?,
    };
    tell("Stopping.");
    stop.send(StopSignal::Interrupt).await.unwrap_or_default();
    over.cancel();
    let drained = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        () = drained => {}
        Some(_) = signals.recv() => {}
    }
    ended
}

/// The configuration of the demonstration, by the way that every configuration goes.
fn configuration(upstream: SocketAddr) -> Result<Config> {
    let variables = [
        ("GENESYS_CLOUD_CLIENT_ID", DEMO_CLIENT_ID.to_owned()),
        ("GENESYS_CLOUD_CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()),
        ("GENESYS_CLOUD_BASE_URL", format!("http://{upstream}")),
        ("WHY403__PROBE__INTERVAL", "2s".to_owned()),
        ("WHY403__PROBE__TIMEOUT", "1s".to_owned()),
        ("WHY403__PROBE__CONNECT_TIMEOUT", "1s".to_owned()),
        // Every turn of the day is examined.
        ("WHY403__PROBE__EXAMINATION_PAUSE", "1s".to_owned()),
    ];
    let sources = Sources {
        environment: Environment::from_pairs(variables),
        ..Sources::default()
    };
    config::load(&sources)
        .map(|loaded| loaded.config)
        .map_err(|problems| anyhow::anyhow!("{problems}"))
}

/// Plays the day and tells what the service finds.
async fn play(
    simulator: &Simulator,
    mut snapshots: watch::Receiver<std::sync::Arc<Snapshot>>,
    once: bool,
    tell: &mut (dyn FnMut(&str) + Send),
) {
    let mut told = None;
    for turn in DAY {
        arrange(simulator, &turn.act);
        tell(&format!("\n{}", turn.says));
        let length = Duration::from_secs(turn.seconds);
        let follow = follow(&mut snapshots, &mut told, tell);
        // The turn ends by time, whatever was seen.
        tokio::time::timeout(length, follow)
            .await
            .unwrap_or_default();
    }
    if once {
        return;
    }
    tell(
        "\nThe day is over, the service goes on. Break it yourself with the PUT above; \
         Ctrl-C ends the demonstration.",
    );
    follow(&mut snapshots, &mut told, tell).await;
}

/// Tells every change of finding, for ever.
async fn follow(
    snapshots: &mut watch::Receiver<std::sync::Arc<Snapshot>>,
    told: &mut Option<Finding>,
    tell: &mut (dyn FnMut(&str) + Send),
) {
    loop {
        let found = snapshots
            .borrow_and_update()
            .targets
            .first()
            .and_then(|target| {
                let check = target.checks.first()?;
                check.diagnosis.clone()
            });
        if let Some(diagnosis) = found
            && *told != Some(diagnosis.finding)
        {
            *told = Some(diagnosis.finding);
            tell(&line(&diagnosis));
        }
        if snapshots.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn line(diagnosis: &Diagnosis) -> String {
    let time = diagnosis.examined_at.strftime("%H:%M:%S");
    let status = diagnosis
        .answer
        .as_ref()
        .map(|answer| format!("{} ", answer.status))
        .unwrap_or_default();
    let cause = diagnosis.finding.cause().unwrap_or("ok");
    let symbol = match diagnosis.finding.outcome() {
        Outcome::Ok => "✓",
        Outcome::QueuesEmpty | Outcome::QueuesMissing | Outcome::RateLimited => "!",
        _ => "✗",
    };
    format!(
        "  {time}  {symbol} {status}{cause} ({})  {}",
        diagnosis.confidence.as_str(),
        diagnosis.summary
    )
}

fn welcome(service: SocketAddr, simulator: SocketAddr) -> String {
    format!(
        "why403 watches a simulated Genesys Cloud. Nothing leaves this machine.\n\
         \n  \
         status page   http://{service}/\n  \
         diagnosis     curl -H 'Accept: text/plain' http://{service}/diagnose\n  \
         as JSON       curl http://{service}/diagnose\n  \
         verdict       curl -i http://{service}/health\n  \
         metrics       curl http://{service}/metrics\n  \
         new token     curl -X POST http://{service}/token/refresh\n  \
         break it      curl -X PUT -d role-removed http://{simulator}/sim/scenario\n  \
         mend it       curl -X PUT -d healthy http://{simulator}/sim/scenario\n  \
         scenarios     curl http://{simulator}/sim/scenarios"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_turn_of_the_day_is_found_and_it_ends_well() {
        let (_stop, signals) = mpsc::channel(1);
        let mut told = Vec::new();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        run(listen, true, signals, &mut |text| {
            told.push(text.to_owned());
        })
        .await
        .unwrap();
        let mut last = "";
        for turn in DAY {
            let begin = told
                .iter()
                .position(|text| text.trim() == turn.says)
                .unwrap();
            let found = told.get(begin + 1).filter(|text| text.starts_with("  "));
            if turn.finds != last {
                let found = found.unwrap_or_else(|| panic!("nothing found: {}", turn.says));
                assert!(
                    found.contains(&format!("{} (", turn.finds)),
                    "{}: {found}",
                    turn.says
                );
            }
            last = turn.finds;
        }
        assert_eq!(last, "ok");
    }

    #[test]
    fn the_configuration_of_the_demonstration_is_good() {
        let config = configuration(SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
        assert_eq!(config.targets.len(), 1);
    }
}
