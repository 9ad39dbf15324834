//! The verbs that change the model: what an administrator, a licence or the platform may do.

use std::net::IpAddr;
use std::time::Duration;

use super::access::{Grant, Lag, Role};
use super::clock;
use super::org::{Client, ClientState, Division, GrantType, Org, Queue, Wording};
use super::permission::{Condition, Policy};

/// Divisions, queues, roles and grants.
impl Org {
    /// Adds a division and returns its id.
    pub fn add_division(&mut self, name: &str) -> String {
        let id = self.new_id("d1");
        self.divisions.push(Division {
            id: id.clone(),
            name: name.to_owned(),
            home: self.divisions.is_empty(),
        });
        id
    }

    /// The id of the division called `name`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn division_id(&self, name: &str) -> String {
        if name == "*" {
            return name.to_owned();
        }
        match self
            .divisions
            .iter()
            .find(|division| division.name == name || division.id == name)
        {
            Some(division) => division.id.clone(),
            None => panic!("the simulated organisation has no division {name:?}"),
        }
    }

    /// Adds a queue in a division and returns its id.
    pub fn add_queue(&mut self, name: &str, division: &str) -> String {
        let (id, division) = (self.new_id("9e"), self.division_id(division));
        let members = u32::try_from(self.queues.len() % 7 + 2).unwrap_or(2);
        self.queues.push(Queue {
            id: id.clone(),
            name: name.to_owned(),
            division,
            members,
        });
        id
    }

    /// Removes the queue called `name`.
    pub fn remove_queue(&mut self, name: &str) {
        let at = self.queue_at(name);
        self.queues.remove(at);
    }

    /// Moves the queue called `name` to another division.
    pub fn move_queue(&mut self, name: &str, division: &str) {
        let (at, division) = (self.queue_at(name), self.division_id(division));
        if let Some(queue) = self.queues.get_mut(at) {
            queue.division = division;
        }
    }

    /// Names of all queues, sorted, whoever may see them.
    #[must_use]
    pub fn queue_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.queues.iter().map(|queue| queue.name.clone()).collect();
        names.sort();
        names
    }

    /// Adds a role with policies such as `routing:queue:view`, `routing:*:*` or `a:b:c,d`.
    pub fn add_role(&mut self, name: &str, policies: &[&str]) -> String {
        let id = self.new_id("01");
        let policies = policies.iter().map(|text| Policy::parse(text)).collect();
        self.access.roles.push(Role {
            id: id.clone(),
            name: name.to_owned(),
            policies,
        });
        id
    }

    /// Replaces the policies of a role.
    pub fn set_policies(&mut self, role: &str, policies: &[&str]) {
        let id = self.role_id(role);
        if let Some(role) = self.access.roles.iter_mut().find(|role| role.id == id) {
            role.policies = policies.iter().map(|text| Policy::parse(text)).collect();
        }
    }

    /// Puts all policies of a role under a condition, so that they count only while it is met.
    ///
    /// The model does not evaluate the text: whether it is met is said here.
    pub fn set_condition(&mut self, role: &str, text: &str, is_met: bool) {
        let id = self.role_id(role);
        let condition = Condition {
            text: text.to_owned(),
            is_met,
        };
        let roles = self.access.roles.iter_mut();
        roles
            .filter(|role| role.id == id)
            .flat_map(|role| role.policies.iter_mut())
            .for_each(|policy| policy.condition = Some(condition.clone()));
    }

    /// Grants `role` to a client or user (by id) in a division, or in all of them (`*`).
    pub fn grant(&mut self, subject: &str, role: &str, division: &str) {
        self.check_subject(subject);
        let (role, division) = (self.role_id(role), self.division_id(division));
        self.access.grants.retain(|grant| {
            grant.subject != subject || grant.role != role || grant.division != division
        });
        self.access.grants.push(Grant {
            subject: subject.to_owned(),
            role,
            division,
            made_at: self.wall.now(),
        });
    }

    /// Takes `role` from a client or user in every division.
    pub fn revoke(&mut self, subject: &str, role: &str) {
        self.check_subject(subject);
        let role = self.role_id(role);
        self.access
            .grants
            .retain(|grant| grant.subject != subject || grant.role != role);
    }

    /// Takes `role` from a client or user in one division.
    pub fn revoke_in(&mut self, subject: &str, role: &str, division: &str) {
        self.check_subject(subject);
        let (role, division) = (self.role_id(role), self.division_id(division));
        self.access.grants.retain(|grant| {
            grant.subject != subject || grant.role != role || grant.division != division
        });
    }

    /// Takes every role from a client or user.
    pub fn revoke_all(&mut self, subject: &str) {
        self.check_subject(subject);
        self.access.grants.retain(|grant| grant.subject != subject);
    }

    /// Takes a permission from the organisation, as the end of a licence would: no role carries it.
    pub fn remove_permission(&mut self, permission: &str) {
        self.permissions.retain(|known| known != permission);
    }

    /// Denies a permission by an attribute-based policy, although roles grant it.
    pub fn deny_by_policy(&mut self, permission: &str) {
        self.rules.denied_by_policy.push(permission.to_owned());
    }
}

/// OAuth clients and tokens.
impl Org {
    /// Adds a client-credentials client without roles.
    pub fn add_client(&mut self, id: &str, secret: &str) {
        self.clients.push(Client {
            id: id.to_owned(),
            name: id.to_owned(),
            secret: secret.to_owned(),
            grant_type: GrantType::ClientCredentials,
            state: ClientState::Active,
        });
    }

    /// Deletes a client; its tokens die with it.
    pub fn remove_client(&mut self, id: &str) {
        self.client_mut(id);
        self.clients.retain(|client| client.id != id);
    }

    /// Sets the state of a client.
    pub fn set_client_state(&mut self, id: &str, state: ClientState) {
        self.client_mut(id).state = state;
    }

    /// Sets what a client may ask the token endpoint for.
    pub fn set_client_grant(&mut self, id: &str, grant_type: GrantType) {
        self.client_mut(id).grant_type = grant_type;
    }

    /// Gives a client another secret; its tokens live on.
    pub fn rotate_secret(&mut self, id: &str, secret: &str) {
        secret.clone_into(&mut self.client_mut(id).secret);
    }

    /// Issues a given access token to a client, as if by client credentials.
    pub fn issue_client_token(&mut self, value: &str, client: &str) {
        self.client_mut(client);
        self.mint(Some(value.to_owned()), client, None, clock::now());
    }

    /// Issues a given access token to a user (by id or e-mail) through a client, limited to `scopes`.
    ///
    /// # Panics
    /// When there is no such user or client.
    pub fn issue_user_token(&mut self, value: &str, client: &str, user: &str, scopes: &[&str]) {
        self.client_mut(client);
        let Some(user) = self
            .users
            .iter()
            .find(|known| known.id == user || known.email == user)
        else {
            panic!("the simulated organisation has no user {user:?}");
        };
        let (user, scopes) = (
            user.id.clone(),
            scopes.iter().map(|&scope| scope.to_owned()).collect(),
        );
        self.mint(
            Some(value.to_owned()),
            client,
            Some((&user, scopes)),
            clock::now(),
        );
    }

    /// Revokes all tokens issued so far: they are answered 401 `bad.credentials`.
    pub fn revoke_tokens(&mut self) {
        self.tokens
            .iter_mut()
            .for_each(|token| token.revoked = true);
    }

    /// Ends the life of all tokens issued so far: they are answered 401 `credentials.expired`.
    pub fn expire_tokens(&mut self) {
        let now = clock::now();
        self.tokens
            .iter_mut()
            .for_each(|token| token.expires_at = Some(now));
    }

    /// Sets the announced life of tokens to come, in seconds.
    pub fn set_expires_in(&mut self, seconds: u64) {
        self.rules.expires_in = seconds;
    }

    /// Lets every token, issued or to come, expire at an age other than the announced one.
    pub fn expire_tokens_after(&mut self, age: Option<Duration>) {
        self.rules.expire_after = age;
        let announced = Duration::from_secs(self.rules.expires_in);
        for token in &mut self.tokens {
            token.expires_at = token.minted_at.checked_add(age.unwrap_or(announced));
        }
    }

    /// Lets every token, issued or to come, die (401 `bad.credentials`) at an age.
    pub fn kill_tokens_after(&mut self, age: Option<Duration>) {
        self.rules.die_after = age;
        for token in &mut self.tokens {
            token.dies_at = age.and_then(|age| token.minted_at.checked_add(age));
        }
    }

    /// Sets after what time without use a token dies.
    pub fn set_idle_timeout(&mut self, timeout: Option<Duration>) {
        self.rules.idle_timeout = timeout;
    }

    /// Sets how many live tokens a client may have before minting revokes the oldest.
    pub fn set_max_tokens(&mut self, max: Option<usize>) {
        self.rules.max_tokens = max;
    }
}

/// How the platform behaves.
impl Org {
    /// Sets the organisation's state (`active`, `inactive`, `deleted`).
    pub fn set_state(&mut self, state: &str) {
        state.clone_into(&mut self.state);
    }

    /// Sets the API's limit of requests per minute and token; none switches it off.
    pub fn set_rate_limit(&mut self, per_minute: Option<u32>) {
        self.rules.requests_per_minute = per_minute;
    }

    /// Sets whether answers carry the older `inin-ratelimit-*` headers.
    pub fn report_rate_limit(&mut self, reports: bool) {
        self.rules.reports_rate_limit = reports;
    }

    /// Sets the token endpoint's limit of requests per minute; none switches it off.
    pub fn set_token_rate_limit(&mut self, per_minute: Option<u32>) {
        self.rules.token_requests_per_minute = per_minute;
    }

    /// Sets whether the use of a refresh token replaces it; the old one is good for nothing then.
    pub fn rotate_refresh_tokens(&mut self, rotate: bool) {
        self.rules.rotates_refresh_tokens = rotate;
    }

    /// Replaces the demo user's refresh token, as a new login would.
    pub fn issue_refresh_token(&mut self, value: &str) {
        value.clone_into(&mut self.refresh_token);
    }

    /// Replaces the demo user's refresh token after it was used.
    pub(super) fn rotate_refresh_token(&mut self) {
        let number = self.new_id("4e");
        self.refresh_token = format!("demo-refresh-token-{number}");
    }

    /// The refresh token of the demo user that is good now.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        &self.refresh_token
    }

    /// Sets whether the token endpoint takes a user's name and password; the real one does not.
    pub fn allow_password_grant(&mut self, allow: bool) {
        self.rules.offers_password_grant = allow;
    }

    /// Sets whether user tokens are held to their scopes.
    pub fn enforce_scopes(&mut self, enforce: bool) {
        self.rules.enforces_scopes = enforce;
    }

    /// Sets the IP allow-list of the API; none means that there is no list.
    pub fn allow_addresses(&mut self, addresses: Option<Vec<IpAddr>>) {
        self.rules.allowed_addresses = addresses;
    }

    /// Sets how refusals for want of a permission are worded.
    pub fn word_refusals(&mut self, wording: Wording) {
        self.rules.wording = wording;
    }

    /// Lets the queue list be refused unless the permission is held in this very division.
    ///
    /// The real list filters silently; this stands in for operations that are refused by division.
    pub fn require_division(&mut self, division: Option<&str>) {
        self.rules.list_division = division.map(|name| self.division_id(name));
    }

    /// Sets how long role changes take to reach the permission checks, for every token.
    pub fn propagate_after(&mut self, delay: Duration) {
        self.rules.lag = Lag {
            delay: Some(delay),
            ..Lag::default()
        };
    }

    /// Sets how long role changes take to reach the tokens of one client; others know at once.
    pub fn propagate_to_client_after(&mut self, client: &str, delay: Duration) {
        self.client_mut(client);
        self.rules.lag = Lag {
            delay: Some(delay),
            client: Some(client.to_owned()),
            ..Lag::default()
        };
    }

    /// Sets how long role changes take to reach tokens that were issued before them; newer tokens
    /// know at once. Without a delay such a token keeps its roles for ever.
    pub fn propagate_to_tokens_after(&mut self, delay: Option<Duration>) {
        self.rules.lag = Lag {
            delay,
            spares_newer_tokens: true,
            ..Lag::default()
        };
    }

    /// Sets whether `subjects/me` and `divisionspermitted` believe what the permission checks
    /// believe, instead of telling the grants as they are.
    pub fn delay_helpers(&mut self, delayed: bool) {
        self.rules.helpers_lag = delayed;
    }

    /// Lets a proxy on the way take the `Authorization` header from API requests.
    pub fn drop_authorization(&mut self, dropped: bool) {
        self.rules.authorization_dropped = dropped;
    }

    /// Makes the callers guests from another organisation (id, name).
    pub fn set_home_organization(&mut self, home: Option<(&str, &str)>) {
        self.rules.home_organization = home.map(|(id, name)| (id.to_owned(), name.to_owned()));
    }
}

impl Org {
    fn new_id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        guid(prefix, self.next_id)
    }

    fn queue_at(&self, name: &str) -> usize {
        match self
            .queues
            .iter()
            .position(|queue| queue.name == name || queue.id == name)
        {
            Some(at) => at,
            None => panic!("the simulated organisation has no queue {name:?}"),
        }
    }

    fn role_id(&self, name: &str) -> String {
        match self
            .access
            .roles
            .iter()
            .find(|role| role.name == name || role.id == name)
        {
            Some(role) => role.id.clone(),
            None => panic!("the simulated organisation has no role {name:?}"),
        }
    }

    fn client_mut(&mut self, id: &str) -> &mut Client {
        match self.clients.iter_mut().find(|client| client.id == id) {
            Some(client) => client,
            None => panic!("the simulated organisation has no client {id:?}"),
        }
    }

    fn check_subject(&self, id: &str) {
        let known = self.client(id).is_some() || self.users.iter().any(|user| user.id == id);
        assert!(
            known,
            "the simulated organisation has no client or user {id:?}"
        );
    }
}

/// A readable, deterministic GUID: what it is in front, a number at the end.
pub(super) fn guid(prefix: &str, number: u64) -> String {
    format!("{prefix:0<8}-0000-4000-8000-{number:012x}")
}
