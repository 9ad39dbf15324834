//! Findings about the way to the platform: nothing, or too much, came back.

use super::{AT_ONCE, Entry, NETWORK, RUNNERS, WORKS, both, unlike};

pub(super) static DNS: Entry = Entry {
    title: "The host's name could not be resolved",
    meaning: "The resolver of this machine gave no address for the host. Nothing was sent, so this \
        says nothing about credentials or roles.",
    who: NETWORK,
    confused_with: &[unlike(
        "connect",
        "The name has an address, but nothing answers there.",
    )],
    steps: &[
        both(
            "Check the spelling of {host}: it must be `api.` or `login.` and the domain of the \
             org's region, unless a gateway is used.",
        ),
        both("Resolve the name on the same machine, in the same container: `getent hosts {host}`."),
        both("Check the resolver's configuration and its network policy, port 53 included."),
        both("If only a proxy may resolve outside names, configure that proxy for why403."),
    ],
    propagation: "A name that was just created or changed is seen when the resolver's cache expires.",
    expect: WORKS,
};

pub(super) static CONNECT: Entry = Entry {
    title: "No connection could be made",
    meaning: "The host has an address, but no TCP connection to it came about: it was refused, or \
        nothing answered. A firewall or a missing proxy is the usual reason.",
    who: NETWORK,
    confused_with: &[
        unlike("dns", "The name has no address."),
        unlike(
            "timeout",
            "A connection exists, but the answer does not come.",
        ),
    ],
    steps: &[
        both("Have connections from this machine to {host} on TCP port {port} allowed."),
        both("If the way out is a proxy, configure it for why403, and check that it is reachable."),
        both("Allow names rather than addresses: the addresses of the platform's hosts change."),
        both("Check the network policy of the container or cluster, the login host included."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static TLS: Entry = Entry {
    title: "The TLS handshake failed",
    meaning: "A connection was made, but no trusted TLS session. Usually a corporate proxy inspects \
        TLS with a certificate authority that why403 does not know, or the clock is wrong.",
    who: NETWORK,
    confused_with: &[unlike("reset", "The session existed and was cut off.")],
    steps: &[
        both(
            "See who signed: `openssl s_client -connect {host}:{port} -servername {host}` shows the \
             issuer; one of your company's own means TLS inspection.",
        ),
        both(
            "With TLS inspection, let why403 trust that authority: `network.tls_roots = \"system\"` \
             when the machine trusts it, or the path of its PEM file.",
        ),
        both("Compare the clock of this machine: a wrong date makes good certificates invalid."),
        both("Check that the URL names the host of the certificate and not an IP address."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static TIMEOUT: Entry = Entry {
    title: "No complete answer in time",
    meaning: "The call did not finish within its timeout. The evidence shows how far it came: without \
        a connection the way is the suspect, with one the platform or a proxy is slow.",
    who: NETWORK,
    confused_with: &[
        unlike(
            "auth_service_slow",
            "The platform itself answers 504 about its authentication service.",
        ),
        unlike("connect", "The connection is refused at once."),
    ],
    steps: &[
        both("Read in the evidence which phase took the time: name, connection, TLS or answer."),
        both(
            "Without a connection: a firewall drops packets silently; have TCP port {port} to {host} \
             allowed, or configure the proxy.",
        ),
        both(
            "With a connection: look at the Genesys Cloud status page and at the load of the proxy.",
        ),
        both("Only if answers are slow but regular, raise `probe.timeout`."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static RESET: Entry = Entry {
    title: "The connection ended before a complete answer",
    meaning: "The other side, or something between, closed the connection in the middle, or spoke \
        something else than HTTP. A firewall, a proxy with a short idle limit or a restart is the \
        usual reason.",
    who: NETWORK,
    confused_with: &[unlike(
        "tls",
        "The connection ends during the handshake already.",
    )],
    steps: &[
        both(
            "If it happened once, wait for the next probe: single resets are normal on long ways.",
        ),
        both("If it repeats, look for a firewall or proxy that cuts connections to {host}."),
        both("Check that the URL's scheme and port speak HTTPS."),
        both("Make the call from another network, and compare."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static ANSWER_TOO_LARGE: Entry = Entry {
    title: "The answer is longer than why403 reads",
    meaning: "A success answer was longer than the cap, and the rest was not read. why403 asks for \
        the smallest page, so something on the way ignores the query or answers in the platform's \
        place.",
    who: RUNNERS,
    confused_with: &[unlike(
        "unreadable_answer",
        "The answer is complete, but is not what the operation answers.",
    )],
    steps: &[
        both("Check that the gateway or proxy before {host} passes the query `pageSize=1` on."),
        both("Look at the excerpt in the diagnosis: a web page names its sender."),
        both("If {operation} always answers that much, watch a smaller operation instead."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};
