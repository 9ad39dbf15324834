//! The connections of those who ask this service.

use prometheus::{IntCounter, IntGauge, Registry};

use super::vectors::opts;

/// Counts connections, and what becomes of them when there are too many.
#[derive(Clone, Debug)]
pub struct Connections {
    open: IntGauge,
    cut: IntCounter,
    not_accepted: IntCounter,
}

impl Connections {
    /// Counts that `registry` shows.
    ///
    /// # Errors
    /// When `registry` has such counts already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counts = Self {
            open: IntGauge::with_opts(opts(
                "http_connections",
                "Open connections to this service.",
            ))?,
            cut: IntCounter::with_opts(opts(
                "http_connections_cut_total",
                "Connections without a request that were cut to make room for new ones.",
            ))?,
            not_accepted: IntCounter::with_opts(opts(
                "http_accept_errors_total",
                "Connections that could not be accepted, most often for lack of file descriptors.",
            ))?,
        };
        registry.register(Box::new(counts.open.clone()))?;
        registry.register(Box::new(counts.cut.clone()))?;
        registry.register(Box::new(counts.not_accepted.clone()))?;
        Ok(counts)
    }

    /// A connection is open for as long as what is returned exists.
    #[must_use]
    pub fn opened(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// Counts a connection that was cut to make room.
    pub fn cut(&self) {
        self.cut.inc();
    }

    /// Counts a connection that could not be accepted.
    pub fn not_accepted(&self) {
        self.not_accepted.inc();
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
