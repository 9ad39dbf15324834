//! File descriptors: as many as the system allows, and enough for what is configured.

use crate::config::Config;

/// Descriptors for a call to the platform: two addresses that are tried, and a name server.
const PER_CALL: u64 = 3;

/// For calls that mint tokens, for files that are read, and for the process itself.
const OTHERS: u64 = 128;

/// Raises the limit of open files as far as it goes without privileges.
///
/// Without descriptors nobody can be answered, the kubelet least of all, and probes would fail for
/// a reason that is not the platform's; so what cannot fit is refused before anything begins.
///
/// # Errors
/// What the configuration may need, what the system allows, and what to do.
pub fn provide(config: &Config) -> Result<(), String> {
    let addresses = if config.server.admin_listen.is_some() {
        2
    } else {
        1
    };
    let connections = config.server.max_connections;
    let calls = config.probe.max_in_flight;
    let needed = needed(connections.saturating_mul(addresses), calls);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < needed => Err(format!(
            "this configuration may need {needed} file descriptors (server.max_connections is \
             {connections}, probe.max_in_flight {calls}), but the system allows {limit}; allow more \
             (ulimit -n, LimitNOFILE= of systemd) or lower server.max_connections"
        )),
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is not known: {error}");
            Ok(())
        }
    }
}

fn needed(connections: usize, calls: usize) -> u64 {
    let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
    let calls = count(calls).saturating_mul(PER_CALL);
    count(connections)
        .saturating_add(calls)
        .saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_has_no_end_and_does_not_overflow() {
        assert_eq!(needed(512, 64), 512 + 192 + 128);
        assert_eq!(needed(usize::MAX, usize::MAX), u64::MAX);
    }
}
