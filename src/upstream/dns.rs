//! Name resolution that neither blocks a thread nor outlives its call.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use thiserror::Error;

use super::timeline::{Mark, Timeline};
use crate::target::is_private;

/// For how long an answer is good at most, whatever it says of itself: a prober must see a change of
/// address, and a fleet should not ask for the same name two hundred times a second. A target by
/// itself asks anew for each probe, because its interval is longer.
const KEPT: Duration = Duration::from_secs(2);

/// Most names whose addresses are kept.
const MOST_NAMES: u64 = 1_024;

/// Resolves names by the system's configuration (`resolv.conf`, `hosts`).
///
/// The configuration is read at the first use, and again after a failure: it may have changed
/// since, as when a laptop moves to another network.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    system: Arc<Mutex<Option<TokioResolver>>>,
    deny_private: bool,
}

/// Why a name has no address to connect to.
#[derive(Debug, Error)]
pub(super) enum LookupError {
    /// It cannot be resolved.
    #[error(transparent)]
    Unresolved(#[from] NetError),
    /// It leads where nothing may be called.
    #[error("{0} is an address of a private network, which network.deny_private_addresses refuses")]
    Private(IpAddr),
}

impl Resolver {
    /// One that leaves out addresses of private networks, if `deny_private`.
    pub(super) fn new(deny_private: bool) -> Self {
        Self {
            system: Arc::default(),
            deny_private,
        }
    }

    /// All addresses of `name`; the port is left 0 for the connector to fill in.
    ///
    /// What is checked here is what is connected to: a name that changes its address afterwards
    /// gains nothing.
    pub(super) async fn lookup(self, name: String) -> Result<Vec<SocketAddr>, LookupError> {
        Timeline::mark(Mark::DnsBegan);
        let found = self.system()?.lookup_ip(name).await;
        if found.is_err() {
            *self.lock() = None;
        }
        let found = found?;
        let (denied, addresses): (Vec<IpAddr>, Vec<IpAddr>) = found
            .iter()
            .partition(|it| self.deny_private && is_private(*it));
        if let ([], Some(denied)) = (addresses.as_slice(), denied.first()) {
            return Err(LookupError::Private(*denied));
        }
        Timeline::note_addresses(&addresses);
        Timeline::mark(Mark::DnsEnded);
        let with_port = |address: IpAddr| SocketAddr::new(address, 0);
        Ok(addresses.into_iter().map(with_port).collect())
    }

    fn system(&self) -> Result<TokioResolver, NetError> {
        let mut system = self.lock();
        if let Some(resolver) = system.as_ref() {
            return Ok(resolver.clone());
        }
        let mut builder = TokioResolver::builder_tokio()?;
        let options = builder.options_mut();
        options.cache_size = MOST_NAMES;
        options.positive_max_ttl = Some(KEPT);
        options.negative_max_ttl = Some(KEPT);
        let resolver = builder.build()?;
        Ok(system.insert(resolver).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<TokioResolver>> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime;
    use tokio::task::spawn_blocking;

    use super::*;

    #[test]
    fn a_name_is_resolved_while_all_threads_for_files_are_busy() {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(1).build();
        runtime.unwrap().block_on(async {
            let (end, hangs) = mpsc::channel::<()>();
            let disk = spawn_blocking(move || hangs.recv());
            let found = Resolver::new(false).lookup("localhost".to_owned()).await;
            assert!(found.unwrap().iter().any(|it| it.ip().is_loopback()));
            assert!(!disk.is_finished());
            end.send(()).unwrap();
        });
    }
}
