//! The table of keys itself, in the order of the file.

use std::time::Duration;

use super::keys::{GENESYS, Key, Preset, TARGETS};
use super::kind::Kind;

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    default: Preset,
    doc: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        default,
        example: "",
        doc,
    }
}

const fn optional(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        default: Preset::Nothing,
        example,
        doc,
    }
}

/// A name that people try, answered with what to write instead.
const fn refused(section: &'static str, name: &'static str, instead: &'static str) -> Key {
    key(
        section,
        name,
        Kind::Refused { instead },
        Preset::Nothing,
        "",
    )
}

const fn time(min_milliseconds: u64, max_seconds: u64) -> Kind {
    Kind::Duration {
        min: Duration::from_millis(min_milliseconds),
        max: Duration::from_secs(max_seconds),
    }
}

const fn level(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    let kind = Kind::OneOf(&["pass", "warn", "fail"]);
    key("health", name, kind, Preset::Text(default), doc)
}

const DAY: u64 = 24 * 60 * 60;

/// Where new tokens of any kind are to be put instead of into the file.
const SECRET_ELSEWHERE: &str = "remove it (and renew it if the file was shared), then put the \
    secret into a file and write client_secret_file, or name a variable with client_secret_env";
const TOKEN_ELSEWHERE: &str = "remove it (and renew it if the file was shared), then put the \
    token into a file and write access_token_file, or name a variable with access_token_env";
const REFRESH_TOKEN_ELSEWHERE: &str = "remove it (and renew it if the file was shared), then put \
    the token into a file of its own and write refresh_token_file";
const ASSERTION_ELSEWHERE: &str =
    "remove it, then put the assertion into a file and write assertion_file";
const PASSWORD_ELSEWHERE: &str = "remove it (and change it if the file was shared), then put the \
    password into a file and write password_file, or name a variable with password_env";
const ADMIN_ELSEWHERE: &str =
    "remove it, then put the token into a file and write admin_token_file";

const KEY_ELSEWHERE: &str = "remove it (and renew the key if the file was shared), then put the key into a file and write \
    tls_key_file";

/// Every key.
pub(super) static KEYS: &[Key] = &[
    key(
        "server",
        "listen",
        Kind::Address,
        Preset::Text("127.0.0.1:8403"),
        "The address and port to listen on. Port 0 takes a free one.",
    ),
    optional(
        "server",
        "admin_token_file",
        Kind::Path,
        "\"/run/secrets/why403-admin\"",
        "A file with the bearer token, at least 16 characters, that POST requests must carry.\n\
         Without it POST requests are accepted from this machine only.",
    ),
    refused("server", "admin_token", ADMIN_ELSEWHERE),
    optional(
        "server",
        "admin_listen",
        Kind::Address,
        "\"127.0.0.1:8404\"",
        "A second address, for everything but /livez, /readyz and /health. The first one then has\n\
         these three alone.",
    ),
    optional(
        "server",
        "tls_cert_file",
        Kind::Path,
        "\"/run/secrets/why403-tls/tls.crt\"",
        "A PEM file with the server's certificate, and those that lead to its authority. With it\n\
         both addresses speak HTTPS. The files of TLS are read again when they change.",
    ),
    optional(
        "server",
        "tls_key_file",
        Kind::Path,
        "\"/run/secrets/why403-tls/tls.key\"",
        "A PEM file with the private key of that certificate, not encrypted.",
    ),
    refused("server", "tls_key", KEY_ELSEWHERE),
    optional(
        "server",
        "tls_client_ca_file",
        Kind::Path,
        "\"/run/secrets/why403-tls/ca.crt\"",
        "A PEM file with the authority whose certificates clients must present. Probes of\n\
         Kubernetes cannot: with admin_listen only that address asks for one.",
    ),
    optional(
        "server",
        "state_dir",
        Kind::Path,
        "\"/var/lib/why403\"",
        "A directory for what outlives a restart: episodes of trouble, and how callers stood when\n\
         access last worked. One process at a time; it is made if missing. Without it these are\n\
         kept in memory only.",
    ),
    key(
        "server",
        "protect_details",
        Kind::Flag,
        Preset::Flag(false),
        "Ask for the admin token on /, /diagnose, /timeline and /probe, too.",
    ),
    key(
        "server",
        "max_connections",
        Kind::Integer {
            min: 1,
            max: 65_536,
        },
        Preset::Integer(512),
        "Most connections at the same time; a further one cuts the longest idle.",
    ),
    key(
        "server",
        "header_timeout",
        time(100, 300),
        Preset::Text("10s"),
        "Longest wait for the head of a request; also how long an idle connection is kept.",
    ),
    key(
        "server",
        "request_timeout",
        time(100, 300),
        Preset::Text("5s"),
        "Longest time to answer one request. A fresh diagnosis may take three times as long.",
    ),
    key(
        "server",
        "shutdown_delay",
        time(0, 600),
        Preset::Text("5s"),
        "How long to go on serving after SIGTERM, already not ready, until load balancers know.",
    ),
    key(
        "server",
        "drain_timeout",
        time(0, 600),
        Preset::Text("15s"),
        "Longest wait after that for requests under way.",
    ),
    key(
        "probe",
        "interval",
        time(1000, DAY),
        Preset::Text("30s"),
        "Time from one probe of a target to the next.",
    ),
    key(
        "probe",
        "timeout",
        time(100, DAY),
        Preset::Text("10s"),
        "Longest time for one call, from name resolution to the last byte. Shorter than interval.",
    ),
    key(
        "probe",
        "connect_timeout",
        time(100, DAY),
        Preset::Text("3s"),
        "Longest time to connect, as part of timeout.",
    ),
    key(
        "probe",
        "fall",
        Kind::Integer { min: 1, max: 100 },
        Preset::Integer(3),
        "Failures in a row before the verdict turns bad. A definite refusal counts at once.",
    ),
    key(
        "probe",
        "rise",
        Kind::Integer { min: 1, max: 100 },
        Preset::Integer(2),
        "Successes in a row before it turns good again. The very first success counts at once.",
    ),
    key(
        "probe",
        "jitter",
        Kind::Fraction { min: 0.0, max: 0.2 },
        Preset::Fraction(0.05),
        "Random part of each interval, 0 to 0.2, so that many instances do not probe together.",
    ),
    key(
        "probe",
        "max_in_flight",
        Kind::Integer {
            min: 1,
            max: 10_000,
        },
        Preset::Integer(64),
        "Most probes at the same time, over all targets.",
    ),
    key(
        "probe",
        "examination_pause",
        time(1000, DAY),
        Preset::Text("5m"),
        "Least time between two examinations of a target that nobody asks for: up to six extra\n\
         calls, and one fresh token, that find out why it is refused.",
    ),
    level(
        "forbidden",
        "fail",
        "403: authenticated, but a permission, division, scope or policy is in the way.",
    ),
    level(
        "unauthorized",
        "fail",
        "401, or the login server refuses the client.",
    ),
    level(
        "misconfigured",
        "fail",
        "The request itself is wrong: 400, 404, a redirect, a feature that is off.",
    ),
    level("visibility", "warn", "200, but fewer queues than expected."),
    level(
        "outage",
        "warn",
        "Genesys Cloud or the network does not work: 5xx, DNS, TLS, timeouts.",
    ),
    level("throttled", "warn", "429: too many requests."),
    level(
        "stale",
        "warn",
        "No recent result, so that nothing is known.",
    ),
    key(
        "network",
        "allow_http",
        Kind::Flag,
        Preset::Flag(false),
        "Accept http:// for other machines. Secrets and tokens then travel in clear text.",
    ),
    key(
        "network",
        "deny_private_addresses",
        Kind::Flag,
        Preset::Flag(false),
        "Never connect to an address of a private network or of this machine, whatever a name\n\
         resolves to. Behind a proxy the proxy resolves names, and this is its affair.",
    ),
    key(
        "network",
        "proxy",
        Kind::Proxy,
        Preset::Text(""),
        "The URL of an HTTP proxy, \"env\" to take HTTPS_PROXY and NO_PROXY, or \"none\".\n\
         A proxy that needs a password is taken from the environment only.",
    ),
    key(
        "network",
        "tls_roots",
        Kind::Roots,
        Preset::Text("bundled"),
        "Certificate authorities to trust: \"bundled\", \"system\", or the path of a PEM file.",
    ),
    key(
        "log",
        "level",
        Kind::OneOf(&["error", "warn", "info", "debug", "trace"]),
        Preset::Text("info"),
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\".",
    ),
    key(
        "log",
        "format",
        Kind::OneOf(&["auto", "text", "json"]),
        Preset::Text("auto"),
        "\"text\", \"json\", or \"auto\": text on a terminal, else JSON.",
    ),
    optional(
        GENESYS,
        "region",
        Kind::Region,
        "\"eu-central-1\"",
        "The region: an AWS name (eu-central-1) or a domain (mypurecloud.de). Or give base_url.",
    ),
    key(
        GENESYS,
        "base_url",
        Kind::Url,
        Preset::Text("https://api.mypurecloud.com"),
        "The base URL of the Platform API, if it is not that of a region.",
    ),
    optional(
        GENESYS,
        "login_url",
        Kind::Url,
        "\"https://login.mypurecloud.com\"",
        "The base URL of the login server, if it does not follow from the API's:\n\
         //api. becomes //login., any other host serves both.",
    ),
    optional(
        GENESYS,
        "grant",
        Kind::Grant,
        "\"client_credentials\"",
        "\"client_credentials\"; for users \"refresh_token\", \"saml2_bearer\" or \"password\" (which\n\
         Genesys Cloud does not offer); or \"access_token\" for a token made elsewhere.\n\
         Without it, the keys below that are set decide.",
    ),
    optional(
        GENESYS,
        "client_id",
        Kind::ClientId,
        "\"6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11\"",
        "The id of the OAuth client.",
    ),
    optional(
        GENESYS,
        "client_secret_file",
        Kind::Path,
        "\"/run/secrets/genesys\"",
        "The file with the client's secret. It is read again when it changes. A public client\n\
         (PKCE) has none, and needs none for grant = \"refresh_token\".",
    ),
    optional(
        GENESYS,
        "client_secret_env",
        Kind::Variable,
        "\"GENESYS_SECRET\"",
        "Or the name of the environment variable with the client's secret.",
    ),
    refused(GENESYS, "client_secret", SECRET_ELSEWHERE),
    optional(
        GENESYS,
        "refresh_token_file",
        Kind::Path,
        "\"/var/lib/why403/refresh-token\"",
        "The file with a refresh token, for grant = \"refresh_token\". When the token endpoint\n\
         replaces the token, the file is replaced, so that its directory must be writable.",
    ),
    refused(GENESYS, "refresh_token", REFRESH_TOKEN_ELSEWHERE),
    optional(
        GENESYS,
        "assertion_file",
        Kind::Path,
        "\"/run/secrets/genesys-assertion\"",
        "The file with a SAML2 assertion, for grant = \"saml2_bearer\": base64 or base64url, in\n\
         one line or many, or the XML itself. It is read again when it changes.",
    ),
    refused(GENESYS, "assertion", ASSERTION_ELSEWHERE),
    optional(
        GENESYS,
        "organization_name",
        Kind::Text,
        "\"example\"",
        "The short name of the org, which goes with the assertion.",
    ),
    optional(
        GENESYS,
        "username",
        Kind::Text,
        "\"ada@example.com\"",
        "The name of the user, for grant = \"password\".",
    ),
    optional(
        GENESYS,
        "password_file",
        Kind::Path,
        "\"/run/secrets/genesys-password\"",
        "The file with the user's password. It is read again when it changes.",
    ),
    optional(
        GENESYS,
        "password_env",
        Kind::Variable,
        "\"GENESYS_PASSWORD\"",
        "Or the name of the environment variable with the user's password.",
    ),
    refused(GENESYS, "password", PASSWORD_ELSEWHERE),
    optional(
        GENESYS,
        "access_token_file",
        Kind::Path,
        "\"/run/secrets/genesys-token\"",
        "The file with an access token, for grant = \"access_token\".",
    ),
    optional(
        GENESYS,
        "access_token_env",
        Kind::Variable,
        "\"GENESYS_TOKEN\"",
        "Or the name of the environment variable with an access token.",
    ),
    refused(GENESYS, "access_token", TOKEN_ELSEWHERE),
    optional(
        GENESYS,
        "profile",
        Kind::Text,
        "\"DEFAULT\"",
        "A profile of the gc command-line tool, for region, client and secret in one.",
    ),
    key(
        GENESYS,
        "profile_file",
        Kind::Path,
        Preset::Text("~/.gc/config.toml"),
        "Where gc keeps its profiles.",
    ),
    key(
        GENESYS,
        "operations",
        Kind::Operations,
        Preset::List(&["GET /api/v2/routing/queues"]),
        "The operations that the integration needs; each of them is probed.",
    ),
    key(
        GENESYS,
        "expect.min_queues",
        Kind::Integer {
            min: 0,
            max: i64::MAX,
        },
        Preset::Integer(0),
        "Fewest queues that must be visible; fewer is a symptom of missing divisions.",
    ),
    optional(
        GENESYS,
        "expect.divisions",
        Kind::Names,
        "[\"Home\", \"Sales\"]",
        "Names or ids of divisions whose queues must be visible; looked at once per\n\
         examination_pause.",
    ),
    optional(
        TARGETS,
        "name",
        Kind::Name,
        "\"prod-eu\"",
        "A unique name, for paths, labels and logs: a-z, 0-9, '.', '_' and '-'.",
    ),
    optional(
        TARGETS,
        "interval",
        time(1000, DAY),
        "\"1m\"",
        "This target's own probe.interval.",
    ),
    optional(
        TARGETS,
        "timeout",
        time(100, DAY),
        "\"5s\"",
        "This target's own probe.timeout.",
    ),
];
