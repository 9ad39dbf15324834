//! What to do where it is known whose the failure of a call is: this machine's or the proxy's.

use super::{Context, Step, both};
use crate::evidence::{Lack, Origin};

/// The steps that take the place of those of the outcome.
pub(super) fn steps(context: &Context<'_>) -> Option<&'static [Step]> {
    let fault = context.case.fault.as_ref()?;
    Some(match &fault.origin {
        Origin::Way => return None,
        Origin::Machine(Lack::Descriptors) => DESCRIPTORS,
        Origin::Machine(Lack::Ports) => PORTS,
        Origin::Machine(Lack::Route) => ROUTE,
        Origin::Machine(Lack::Memory) => MEMORY,
        Origin::Machine(Lack::Processor) => PROCESSOR,
        Origin::Proxy(_) => PROXY,
    })
}

/// Who can act.
pub(super) fn who(context: &Context<'_>) -> Option<&'static str> {
    match context.case.fault.as_ref()?.origin {
        Origin::Way => None,
        Origin::Machine(_) => Some("Whoever runs the machine or container that why403 runs on"),
        Origin::Proxy(_) => Some("Whoever runs {proxy}"),
    }
}

/// What was lacking, as a clause.
pub(in super::super) fn lacking(lack: Lack) -> &'static str {
    match lack {
        Lack::Descriptors => "this machine has no file descriptor left",
        Lack::Ports => "this machine has no local port or address left to connect from",
        Lack::Route => "this machine has no route there",
        Lack::Memory => "this machine has no memory left for a connection",
        Lack::Processor => "this machine or process stood still meanwhile",
    }
}

static DESCRIPTORS: &[Step] = &[
    both(
        "Compare `process_open_fds` with `process_max_fds` in `/metrics`: if they are close, raise the \
         limit of the process (`LimitNOFILE=` of systemd, `ulimits` of a container).",
    ),
    both(
        "If they are not, the whole machine has run out: raise `fs.file-max`, or find who holds them.",
    ),
    both(
        "Lower `probe.max_in_flight` and `server.max_connections` meanwhile: each call and each \
         connection takes one.",
    ),
];

static PORTS: &[Step] = &[
    both(
        "Count the connections of this machine: `ss -s`; many in TIME-WAIT mean that ports run out.",
    ),
    both("Find who opens so many, and widen `net.ipv4.ip_local_port_range` if they are needed."),
    both(
        "If it is an IPv6 address that is called, see whether this machine has one: `ip -6 address`.",
    ),
];

static ROUTE: &[Step] = &[
    both("Look at the routes of this machine, in the same container: `ip route`, `ip -6 route`."),
    both("Look at its interfaces: `ip address`; a lease or a link may be gone."),
    both("If the way out is a proxy, configure it for why403: `network.proxy`."),
];

static MEMORY: &[Step] = &[
    both(
        "Look at the memory of this machine and the limit of the container, kernel memory included.",
    ),
    both("Lower `probe.max_in_flight` meanwhile: each call takes memory of the kernel."),
];

static PROCESSOR: &[Step] = &[
    both("If the machine was suspended or the process stopped, wait for the next probe: it tells."),
    both(
        "Look at the load of this machine, and whether the container is throttled: \
         `why403_scheduler_lag_seconds` shows how late calls begin.",
    ),
    both("Give why403 more processor time, or lower `probe.max_in_flight`."),
];

static PROXY: &[Step] = &[
    both(
        "Check that {proxy} works and lets this machine connect to {host} on port {port}: \
         `curl -v -x http://PROXY https://{host}:{port}/` from here shows what it answers.",
    ),
    both(
        "If it asks for a user name and a password, put them into the URL in the variable HTTPS_PROXY \
         and set `network.proxy = \"env\"`.",
    ),
    both(
        "If it is not the proxy that is meant, correct `network.proxy` or the variable HTTPS_PROXY.",
    ),
    both("If {host} can be reached without it, add the host to NO_PROXY."),
];
