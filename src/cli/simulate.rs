//! `why403 simulate`.

use std::process::ExitCode;

use tokio::task::JoinSet;

use super::args::Simulate;
use super::output::{complain, deliver, say};
use super::{MISUSED, Misuse, Workers, block_on, signals};
use crate::app;
use crate::config::Environment;
use crate::sim::{self, Scenario, Simulator};

/// Variables that may hold real credentials.
const SECRETS: &[&str] = &[
    "GENESYS_CLOUD_CLIENT_SECRET",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET",
    "GENESYSCLOUD_ACCESS_TOKEN",
];

/// Runs the simulator until a signal arrives.
pub(super) fn run(options: &Simulate, environment: &Environment) -> ExitCode {
    if options.list {
        return deliver(&list(), ExitCode::SUCCESS);
    }
    if let Some(name) = real_credentials(environment) {
        complain(&format!(
            "error: {name} is set: the simulator does not run beside real credentials, so that no \
             real secret is sent to it by mistake; unset it, or set it to the simulator's {}",
            sim::DEMO_CLIENT_SECRET
        ));
        return ExitCode::from(MISUSED);
    }
    let simulator = Simulator::new();
    if let Err(unknown) = simulator.set_scenario(&options.scenario) {
        complain(&format!(
            "error: {unknown}; `why403 simulate --list` names the scenarios"
        ));
        return ExitCode::from(MISUSED);
    }
    let (listen, scenario) = (options.listen, options.scenario.clone());
    block_on(Workers::One, async move {
        let mut tasks = JoinSet::new();
        let mut signals = signals::install(&mut tasks)?;
        if !listen.ip().is_loopback() {
            return Err(Misuse(format!(
                "{listen} is no loopback address; try 127.0.0.1:8480"
            ))
            .into());
        }
        let listener = app::bind(listen).map_err(|error| Misuse(format!("{error:#}")))?;
        say(&welcome(listener.local_addr()?, &scenario));
        let stopped = async move {
            signals.recv().await;
        };
        simulator.run(listener, stopped).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn real_credentials(environment: &Environment) -> Option<&'static str> {
    SECRETS.iter().copied().find(|name| {
        environment
            .get(name)
            .is_some_and(|value| !value.is_empty() && value != sim::DEMO_CLIENT_SECRET)
    })
}

fn list() -> String {
    let line = |scenario: &Scenario| {
        let cause = scenario.cause.unwrap_or(scenario.outcome);
        format!("{:26} {cause:28} {}", scenario.name, scenario.title)
    };
    let lines: Vec<_> = Simulator::scenarios().iter().map(line).collect();
    format!("{}\n", lines.join("\n"))
}

fn welcome(address: std::net::SocketAddr, scenario: &str) -> String {
    let (id, secret) = (sim::DEMO_CLIENT_ID, sim::DEMO_CLIENT_SECRET);
    format!(
        "Simulating Genesys Cloud on http://{address}, scenario {scenario}. Ctrl-C ends it.\n\
         \n\
         In another terminal:\n  \
         export GENESYS_CLOUD_CLIENT_ID={id} GENESYS_CLOUD_CLIENT_SECRET={secret}\n  \
         export GENESYS_CLOUD_BASE_URL=http://{address}\n  \
         why403 diagnose\n  \
         curl -X PUT -d role-removed http://{address}/sim/scenario\n  \
         curl http://{address}/sim/scenarios\n"
    )
}
