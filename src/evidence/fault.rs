//! What the transport did instead of answering, and where that lies.

/// What the transport did instead of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// Where it lies.
    pub origin: Origin,
    /// What it was, in a few words, without URL and without secret.
    pub detail: String,
}

/// Kinds of transport failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The name could not be resolved.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// No complete answer in time.
    Timeout,
    /// The connection ended, or spoke something else than HTTP, before a complete answer.
    Reset,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
    ];

    /// The name used in saved evidence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
        }
    }
}

/// Where a failure lies, as far as the transport shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The host that was called, or the way to it: nothing says otherwise.
    #[default]
    Way,
    /// This machine, which lacked something.
    Machine(Lack),
    /// The configured proxy: its host and port, without user and password.
    Proxy(String),
}

/// What this machine lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// File descriptors, of the process or of the whole system.
    Descriptors,
    /// A local port or address to connect from.
    Ports,
    /// A route to any address of the host.
    Route,
    /// Memory of the kernel for a connection.
    Memory,
    /// Time of its own: it stood still while it should have looked.
    Processor,
}

impl Lack {
    /// Everything that can be lacking.
    pub const ALL: &'static [Self] = &[
        Self::Descriptors,
        Self::Ports,
        Self::Route,
        Self::Memory,
        Self::Processor,
    ];

    /// The name used in saved evidence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Ports => "ports",
            Self::Route => "route",
            Self::Memory => "memory",
            Self::Processor => "processor",
        }
    }
}
