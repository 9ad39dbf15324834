//! The shipped rules and the shipped dashboard on a real Prometheus, which scrapes the real service
//! while simulated platforms break and are mended.
//!
//! Minutes of the rules are two seconds here, because a probe is made every second instead of every
//! thirty. Everything else is as it is shipped.

mod alerts;
mod dashboard;
mod server;

use std::fmt::Write as _;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::process::{Platform, Running, ask, free_address, wait_for, wait_until_probed, why403};
use server::Prometheus;

/// A target, the scenario that breaks it, and what that is.
struct Case {
    target: &'static str,
    scenario: &'static str,
    /// The alert of the cause, and the cause or class that it names.
    alert: &'static str,
    label: &'static str,
    is_page: bool,
}

/// A refusal, or a failure, that pages.
const fn page(
    target: &'static str,
    scenario: &'static str,
    alert: &'static str,
    label: &'static str,
) -> Case {
    Case {
        target,
        scenario,
        alert,
        label,
        is_page: true,
    }
}

/// What is in doubt, and does not page.
const fn warning(
    target: &'static str,
    scenario: &'static str,
    alert: &'static str,
    label: &'static str,
) -> Case {
    Case {
        is_page: false,
        ..page(target, scenario, alert, label)
    }
}

/// The service, its platforms, and the Prometheus that scrapes it.
struct Stage {
    platforms: Vec<Platform>,
    service: Running,
    address: SocketAddr,
    prometheus: Prometheus,
    /// Holds the configuration.
    directory: TempDir,
}

impl Stage {
    /// Starts with one target per name, each on a platform of its own in the given scenario, and
    /// goes on when Prometheus has seen probes of all of them.
    fn start(targets: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let platforms: Vec<_> = targets
            .iter()
            .map(|(_, scenario)| Platform::start(scenario))
            .collect();
        let address = free_address();
        let named = targets.iter().map(|(name, _)| *name).zip(&platforms);
        let config = configuration(address, named);
        std::fs::write(directory.path().join("why403.toml"), config).unwrap();
        let service = serve(&directory, &platforms, address);
        let prometheus = Prometheus::start(address);
        wait_for("Prometheus has seen every target twice", || {
            let seen = prometheus.query("why403_probes_total >= 2");
            (seen.len() == targets.len()).then_some(())
        });
        Self {
            platforms,
            service,
            address,
            prometheus,
            directory,
        }
    }

    /// Ends the service at once, and starts it again.
    fn restart(&mut self) {
        self.service.signal("KILL");
        wait_for("the service has ended", || {
            (!self.service.is_alive()).then_some(())
        });
        self.service = serve(&self.directory, &self.platforms, self.address);
    }

    /// Puts the platform at this place into a scenario.
    fn switch(&self, index: usize, scenario: &str) {
        let platform = &self.platforms[index];
        platform.simulator.set_scenario(scenario).unwrap();
    }

    /// Has the service mint a token for the target's credential, which it does not do on request
    /// more often than every 30 seconds.
    fn renew(&self, target: &str, status: u16) {
        let request = format!("POST /token/{target}/refresh");
        wait_for("the token is renewed", || {
            (ask(self.address, &request, "").status == status).then_some(())
        });
    }
}

fn serve(directory: &TempDir, platforms: &[Platform], address: SocketAddr) -> Running {
    let config = directory.path().join("why403.toml");
    let mut command = why403(&["serve", "--config", config.to_str().unwrap()]);
    let [id, secret, _] = platforms[0].variables();
    command.envs([id, secret]);
    let service = Running::listening(&mut command, address);
    wait_until_probed(address, "");
    service
}

fn configuration<'a>(
    address: SocketAddr,
    targets: impl Iterator<Item = (&'a str, &'a Platform)>,
) -> String {
    let mut text = format!(
        "[server]\nlisten = \"{address}\"\nshutdown_delay = \"0s\"\n\
         [probe]\ninterval = \"1s\"\ntimeout = \"500ms\"\nconnect_timeout = \"500ms\"\njitter = 0.0\n"
    );
    for (name, platform) in targets {
        let url = &platform.url;
        write!(
            text,
            "[[targets]]\nname = \"{name}\"\nbase_url = \"{url}\"\n"
        )
        .unwrap();
    }
    text
}
