//! Name resolution that neither blocks a thread nor outlives its call.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;

use super::timeline::{Mark, Timeline};

/// Resolves names by the system's configuration (`resolv.conf`, `hosts`).
///
/// The configuration is read at the first use, and again after a failure: it may have changed
/// since, as when a laptop moves to another network.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    system: Arc<Mutex<Option<TokioResolver>>>,
}

impl Resolver {
    /// All addresses of `name`; the port is left 0 for the connector to fill in.
    pub(super) async fn lookup(self, name: String) -> Result<Vec<SocketAddr>, NetError> {
        Timeline::mark(Mark::DnsBegan);
        let found = self.system()?.lookup_ip(name).await;
        if found.is_err() {
            *self.lock() = None;
        }
        let addresses = found?;
        Timeline::mark(Mark::DnsEnded);
        let with_port = |address: IpAddr| SocketAddr::new(address, 0);
        Ok(addresses.iter().map(with_port).collect())
    }

    fn system(&self) -> Result<TokioResolver, NetError> {
        let mut system = self.lock();
        if let Some(resolver) = system.as_ref() {
            return Ok(resolver.clone());
        }
        let mut builder = TokioResolver::builder_tokio()?;
        // A prober must see a change of address: answers live in no cache of ours.
        builder.options_mut().cache_size = 0;
        let resolver = builder.build()?;
        Ok(system.insert(resolver).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<TokioResolver>> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
