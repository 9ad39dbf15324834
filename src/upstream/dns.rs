//! Name resolution that neither blocks a thread nor outlives its call.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;

use super::timeline::{Mark, Timeline};

/// Resolves names by the system's configuration (`resolv.conf`, `hosts`), read at the first use.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    system: Arc<OnceLock<TokioResolver>>,
}

impl Resolver {
    /// All addresses of `name`; the port is left 0 for the connector to fill in.
    pub(super) async fn lookup(self, name: String) -> Result<Vec<SocketAddr>, NetError> {
        Timeline::mark(Mark::DnsBegan);
        let addresses = self.system()?.lookup_ip(name).await?;
        Timeline::mark(Mark::DnsEnded);
        let with_port = |address: IpAddr| SocketAddr::new(address, 0);
        Ok(addresses.iter().map(with_port).collect())
    }

    fn system(&self) -> Result<&TokioResolver, NetError> {
        if let Some(resolver) = self.system.get() {
            return Ok(resolver);
        }
        let mut builder = TokioResolver::builder_tokio()?;
        // A prober must see a change of address: answers live in no cache of ours.
        builder.options_mut().cache_size = 0;
        let resolver = builder.build()?;
        Ok(self.system.get_or_init(|| resolver))
    }
}
