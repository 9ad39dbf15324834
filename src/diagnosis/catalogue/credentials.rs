//! Findings about tokens, clients and addresses.

use super::{
    AT_ONCE, Entry, NETWORK, RUNNERS, UNDOCUMENTED, WORKS, When, both, machine, unlike, user,
};

const TOKEN: &str = "Expect a new token, and the outcome `ok` for {operation}.";

pub(super) static TOKEN_REJECTED: Entry = Entry {
    title: "The platform does not accept the token",
    meaning: "401 `bad.credentials`: the token is dead, revoked or was issued in another region. A \
        token can die before it expires: its client was disabled, the org's idle timeout passed, or \
        so many newer tokens were issued that the oldest ones became invalid.",
    who: RUNNERS,
    confused_with: &[
        unlike("token_expired", "The token's own lifetime is over."),
        unlike(
            "client_rejected",
            "The token endpoint refused, so that there is no token.",
        ),
    ],
    steps: &[
        both(
            "Check that the token was issued by the login host of the same region as {host}: a token \
             of another region is refused like a dead one.",
        ),
        machine(
            "In {oauth}, open {client} and check that it is active: a disabled client's tokens die.",
        ),
        machine(
            "If new tokens work and die again before their time, look for another process that mints \
             tokens with {client}, and let all of them share one token.",
        ),
        user("Have the user log in again and use the new token."),
        both(
            "If tokens die after a time without calls, ask an administrator for the token idle \
             timeout of the org.",
        ),
    ],
    propagation: AT_ONCE,
    expect: TOKEN,
};

pub(super) static TOKEN_EXPIRED: Entry = Entry {
    title: "The token has expired",
    meaning: "401 `credentials.expired`: the token's lifetime is over. The lifetime is set on the \
        OAuth client, between 300 and 172800 seconds.",
    who: RUNNERS,
    confused_with: &[unlike(
        "token_rejected",
        "The token died before its time, or is of another region.",
    )],
    steps: &[
        machine(
            "Have the integration request a new token before `expires_in` has passed; why403 does so \
             by itself.",
        ),
        machine(
            "If new tokens expire at once, compare the clock of this machine and the token duration \
             in {oauth}, open {client}.",
        ),
        user(
            "Have the user log in again and hand over the new token: a token that was handed over \
             cannot be renewed here.",
        ),
    ],
    propagation: AT_ONCE,
    expect: TOKEN,
};

pub(super) static TOKEN_MISSING: Entry = Entry {
    title: "No token arrived at the platform",
    meaning: "401 `authentication.required`: the request had no bearer token when it arrived. why403 \
        sends one with every call, so something on the way has probably removed the Authorization \
        header.",
    who: NETWORK,
    confused_with: &[unlike(
        "token_rejected",
        "A token arrived and was not accepted.",
    )],
    steps: &[
        both(
            "Have the proxy or gateway between this machine and {host} pass the Authorization header \
             on.",
        ),
        both("Check that the configured URL is the platform's own and not one that forwards."),
        both("Make the call from a network without that proxy or gateway, and compare."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static IP_NOT_ALLOWED: Entry = Entry {
    title: "The caller's address is not on the allow-list",
    meaning: "401 `ip.not.authorized`: the org, or the OAuth client, accepts calls from listed \
        addresses only. No change of roles, scopes or secrets helps.",
    who: "A Genesys Cloud administrator, with the network team",
    confused_with: &[unlike(
        "edge_block",
        "A firewall or proxy answers 403 without a code of the platform.",
    )],
    steps: &[
        both(
            "Ask the network team for the public IPv4 addresses that this machine's calls leave from: \
             those of the NAT or proxy, not the private ones.",
        ),
        both(
            "Give them to the administrator, who adds them in CIDR form in {settings}, Allowed IP \
             Addresses.",
        ),
        machine(
            "In {oauth}, open {client}: if it has allowed IP addresses of its own (announced for \
             client credentials in April 2026), add them there too.",
        ),
        both(
            "Have those addresses kept fixed: each change of the egress address brings this finding \
             back.",
        ),
    ],
    propagation: UNDOCUMENTED,
    expect: WORKS,
};

pub(super) static CLIENT_REJECTED: Entry = Entry {
    title: "The token endpoint refused the client: id, secret or region",
    meaning: "`invalid_client`: a wrong id, a wrong secret and a wrong region cannot be told apart by \
        one answer, so check all three. why403 does not try other regions by itself, because that \
        would send the secret to other hosts.",
    who: "The team that runs the integration, with a Genesys Cloud administrator",
    confused_with: &[
        unlike(
            "grant_rejected",
            "The client is known, but may not use this grant.",
        ),
        unlike(
            "auth_rate_limited",
            "The description begins with `rate limit exceeded`.",
        ),
    ],
    steps: &[
        both(
            "Region: compare {host} with the domain in the browser's address bar of somebody who is \
             logged in to the org: unless a gateway is used, both end in the same domain.",
        ),
        both(
            "Id: in {oauth}, find {client} by its id; if it is not listed, the id or the org is wrong.",
        ),
        both(
            "State and grant: open the client there and check that it is active and that its grant \
             type is Client Credentials.",
        ),
        both(
            "Secret: look for a space, a line break or quotation marks in the file or variable, and \
             for the secret of another client.",
        ),
        both(
            "If all this is right, have a new secret made for the client and put it into every place \
             that uses the client.",
        ),
    ],
    propagation: UNDOCUMENTED,
    expect: "Expect a token and a different outcome than `client_rejected`.",
};

pub(super) static GRANT_REJECTED: Entry = Entry {
    title: "The token endpoint refused the grant",
    meaning: "The client may not use this grant, or what it presented (a code, a refresh token or an \
        assertion) is not valid any more. Genesys Cloud does not offer the password grant.",
    who: "The team that runs the integration, with a Genesys Cloud administrator",
    confused_with: &[unlike(
        "client_rejected",
        "The client's id, secret or region is wrong.",
    )],
    steps: &[
        both(
            "Use another grant: Genesys Cloud does not offer name and password. For a user take a \
             refresh token of the authorization code grant or a SAML2 assertion, for a service client \
             credentials.",
        )
        .when(When::PasswordGrant),
        both("If {host} is a gateway of your own, ask its team whether it offers the password grant.")
            .when(When::PasswordGrant),
        both(
            "Check that {host} is the login host of Genesys Cloud: what answered does not offer this \
             grant, and Genesys Cloud does.",
        )
        .when(When::UnknownGrant),
        machine(
            "In {oauth}, open {client}: its grant type must be Client Credentials. Otherwise use, or \
             add, a client of that type for this integration.",
        )
        .when(When::OtherGrant),
        user(
            "Have the user log in again, because a code or refresh token that was used or has \
             expired is refused.",
        )
        .when(When::OtherGrant),
        user(
            "In {oauth}, open {client} and check that its grant type is the one the application uses.",
        )
        .when(When::OtherGrant),
    ],
    propagation: UNDOCUMENTED,
    expect: TOKEN,
};

pub(super) static AUTH_RATE_LIMITED: Entry = Entry {
    title: "Too many token requests: the token endpoint limits the rate",
    meaning: "400 `invalid_request` with a description that begins with `rate limit exceeded`: the \
        token endpoint does not use 429. Some process requests tokens far more often than they \
        expire.",
    who: RUNNERS,
    confused_with: &[
        unlike("rate_limited", "429: too many calls of the API itself."),
        unlike(
            "client_rejected",
            "The credentials are wrong, and waiting does not help.",
        ),
    ],
    steps: &[
        both(
            "Find every process that requests tokens with {client}: jobs that start often, processes \
             that crash and restart, code that requests a token for each call.",
        ),
        both(
            "Let them share one token until shortly before `expires_in`, and stop retrying at once.",
        ),
        both(
            "Do not add clients to get round the limit: Genesys may shut down clients that do so.",
        ),
        both("Then wait some minutes before the next token request."),
    ],
    propagation: "Genesys does not document how long the limit lasts; look again after a few \
        minutes.",
    expect: TOKEN,
};

pub(super) static TOKEN_UNREADABLE: Entry = Entry {
    title: "The token endpoint's answer holds no usable token",
    meaning: "The token endpoint answered with success, but not with a token; or the token that was \
        handed over is none. Usually another server answered: a proxy, a portal or the wrong host.",
    who: RUNNERS,
    confused_with: &[unlike(
        "client_rejected",
        "The token endpoint itself says no.",
    )],
    steps: &[
        both(
            "Check that {host} is the login host of the region (`login.` and the domain), not the \
             API host or a web page.",
        ),
        both(
            "Look at the evidence in the diagnosis: the content type and the length of the answer often \
             show a login page or an error page of a proxy.",
        ),
        both(
            "If a proxy or gateway stands before it, have it pass `POST /oauth/token` through \
             unchanged.",
        ),
        both("If a token was handed over, check that the file or variable holds the token alone."),
    ],
    propagation: AT_ONCE,
    expect: TOKEN,
};

pub(super) static TOKEN_ENDPOINT_DOWN: Entry = Entry {
    title: "The token endpoint cannot be reached or fails",
    meaning: "No new token could be had, because the login host did not answer or answered with an \
        error of its own. A token that is still valid goes on working meanwhile.",
    who: NETWORK,
    confused_with: &[
        unlike("client_rejected", "The token endpoint answers and says no."),
        unlike("connect", "The API host cannot be reached."),
    ],
    steps: &[
        both(
            "Look at the evidence: a failed connection is for the network team, a 5xx for Genesys.",
        )
        .when(When::Resolved),
        both("Resolve the name on the same machine, in the same container: `getent hosts {host}`.")
            .when(When::NotResolved),
        both(
            "Check the spelling of {host}, the resolver's configuration and its network policy, port \
             53 included.",
        )
        .when(When::NotResolved),
        both(
            "Check that this machine may connect to {host} on TCP port {port}: firewalls often allow \
             the API host and forget the login host.",
        )
        .when(When::Resolved),
        both("Look at the Genesys Cloud status page for your region."),
        both("Do not raise the rate of token requests meanwhile; why403 retries by itself."),
    ],
    propagation: AT_ONCE,
    expect: TOKEN,
};
