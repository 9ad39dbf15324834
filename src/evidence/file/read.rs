//! From the file to evidence: everything is checked, and text is made printable again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::super::{
    Answer, Client, Evidence, Exchange, Experiment, ExperimentKind, Fault, FaultKind, Found, Grant,
    Identity, Lack, MintFailure, Named, Origin, Permitted, Phases, Policy, RoleIn, Standing, Step,
    TokenAge, TokenEvidence, TokenFacts, TokenOwner, printable,
};
use super::{Record, Saved, UnreadError, v1};
use crate::clock::Moment;
use crate::target::{self, Expect, IdentityKind, Mode, Name, Operation};

/// Most characters of a name, an id, a scope or a permission.
const NAME_CAP: usize = 250;
/// Most characters of a header's value, of a reason and of a URL.
const TEXT_CAP: usize = 8_192;
/// Longest body, in bytes; what is no UTF-8 grows when it is replaced.
const BODY_CAP_BYTES: usize = 256 * 1024;
/// Most entries of the whole file, and of any list below it.
const MOST_RECORDS: usize = 10_000;
const MOST: usize = 100_000;
/// Most exchanges, experiments and headers.
const FEW: usize = 100;
/// Longest time, about thirty thousand years.
const LONGEST_MS: f64 = 1e15;

/// What is wrong, and where below the place that is read.
struct Wrong {
    path: String,
    what: String,
}

type Checked<T> = Result<T, Wrong>;

fn wrong<T>(what: impl Into<String>) -> Checked<T> {
    Err(Wrong {
        path: String::new(),
        what: what.into(),
    })
}

/// Says in which field something is wrong.
trait In<T> {
    fn within(self, field: &str) -> Checked<T>;
}

impl<T> In<T> for Checked<T> {
    fn within(self, field: &str) -> Self {
        self.map_err(|Wrong { path, what }| {
            let dot = if path.is_empty() || path.starts_with('[') {
                ""
            } else {
                "."
            };
            Wrong {
                path: format!("{field}{dot}{path}"),
                what,
            }
        })
    }
}

/// Reads a list of at most `most` entries.
fn list<T, U>(all: &[T], most: usize, read: impl Fn(&T) -> Checked<U>) -> Checked<Vec<U>> {
    if all.len() > most {
        return wrong(format!(
            "has {} entries, at most {most} are read",
            all.len()
        ));
    }
    let entries = all.iter().enumerate();
    entries
        .map(|(place, entry)| read(entry).within(&format!("[{place}]")))
        .collect()
}

fn optional<T: ?Sized, U>(
    value: Option<&T>,
    read: impl Fn(&T) -> Checked<U>,
) -> Checked<Option<U>> {
    value.map(read).transpose()
}

/// One line of text for people.
fn text(value: &str, cap: usize) -> Checked<String> {
    if value.chars().nth(cap).is_some() {
        return wrong(format!("is longer than {cap} characters"));
    }
    Ok(printable(value, cap))
}

fn name(value: &str) -> Checked<String> {
    text(value, NAME_CAP)
}

fn sentence(value: &str) -> Checked<String> {
    text(value, TEXT_CAP)
}

fn names(all: &[String]) -> Checked<Vec<String>> {
    list(all, MOST, |one| name(one))
}

/// One of a closed list of words.
fn word<T: Copy>(value: &str, find: impl Fn(&str) -> Option<T>) -> Checked<T> {
    let unknown = || Wrong {
        path: String::new(),
        what: format!("{:?} is not known here", printable(value, 60)),
    };
    find(value).ok_or_else(unknown)
}

fn wall(value: &str) -> Checked<Timestamp> {
    let read = value.get(..value.len().min(64)).map(str::parse);
    match read {
        Some(Ok(at)) => Ok(at),
        _ => wrong("is no time like 2026-03-02T12:00:00Z"),
    }
}

fn milliseconds(value: f64) -> Checked<Duration> {
    let range = 0.0..=LONGEST_MS;
    let time = range
        .contains(&value)
        .then(|| Duration::try_from_secs_f64(value / 1_000.0).ok());
    match time.flatten() {
        Some(time) => Ok(time),
        None => wrong("is no length of time in milliseconds"),
    }
}

fn span(value: Option<f64>) -> Checked<Option<Duration>> {
    value.map(milliseconds).transpose()
}

fn moment(at: &v1::Moment) -> Checked<Moment> {
    Ok(Moment {
        elapsed: milliseconds(at.elapsed_ms).within("elapsed_ms")?,
        wall: wall(&at.wall).within("wall")?,
    })
}

pub(super) fn file(file: &v1::File) -> Result<Saved, UnreadError> {
    saved(file).map_err(|Wrong { path, what }| UnreadError::Wrong { path, what })
}

fn saved(file: &v1::File) -> Checked<Saved> {
    Ok(Saved {
        taken_at: moment(&file.taken_at).within("taken_at")?,
        written_by: name(&file.written_by).within("written_by")?,
        records: list(&file.evidence, MOST_RECORDS, record).within("evidence")?,
    })
}

fn record(file: &v1::Evidence) -> Checked<Record> {
    let evidence = Evidence {
        target: target(&file.target).within("target")?,
        operation: operation(&file.operation).within("operation")?,
        identity: identity(&file.identity).within("identity")?,
        expect: expect(&file.expect).within("expect")?,
        token: token(&file.token).within("token")?,
        exchanges: list(&file.exchanges, FEW, exchange).within("exchanges")?,
        experiments: list(&file.experiments, FEW, experiment).within("experiments")?,
        unasked: optional(file.unasked.as_deref(), sentence).within("unasked")?,
        before: optional(file.before.as_ref(), standing)
            .within("before")?
            .map(Arc::new),
        at: moment(&file.at).within("at")?,
    };
    Ok(Record {
        evidence: Arc::new(evidence),
        since: optional(file.since.as_deref(), wall).within("since")?,
    })
}

fn target(value: &str) -> Checked<Name> {
    match Name::new(value) {
        Ok(name) => Ok(name),
        Err(invalid) => wrong(invalid.to_string()),
    }
}

/// The operation of this build, with what was published about it when the evidence was taken.
fn operation(file: &v1::Operation) -> Checked<&'static Operation> {
    let Some(known) = Operation::find(&file.label) else {
        let label = printable(&file.label, NAME_CAP);
        let version = env!("CARGO_PKG_VERSION");
        return wrong(format!(
            "why403 {version} does not know {label:?}: take the why403 that wrote the file"
        ))
        .within("label");
    };
    let modes = |text: &str| {
        [Mode::Any, Mode::All]
            .into_iter()
            .find(|it| it.as_str() == text)
    };
    let mode = word(&file.mode, modes).within("mode")?;
    let permissions = list(&file.permissions, FEW, |one| name(one)).within("permissions")?;
    let scopes = list(&file.scopes, FEW, |one| name(one)).within("scopes")?;
    if mode == known.mode && permissions == known.permissions && scopes == known.scopes {
        return Ok(known);
    }
    // The vendor has published something else since. Operations live as long as the process, and
    // a process reads few files.
    Ok(Box::leak(Box::new(Operation {
        mode,
        permissions: lasting(permissions),
        scopes: lasting(scopes),
        ..known.clone()
    })))
}

fn lasting(texts: Vec<String>) -> &'static [&'static str] {
    let texts: Vec<&'static str> = texts.into_iter().map(|it| &*it.leak()).collect();
    texts.leak()
}

fn identity(file: &v1::Identity) -> Checked<Identity> {
    let kinds = |text: &str| {
        IdentityKind::ALL
            .iter()
            .find(|it| it.as_str() == text)
            .copied()
    };
    let grants = |text: &str| target::Grant::NAMES.iter().find(|it| **it == text).copied();
    Ok(Identity {
        kind: word(&file.kind, kinds).within("kind")?,
        grant: word(&file.grant, grants).within("grant")?,
        client_id: optional(file.client_id.as_deref(), sentence).within("client_id")?,
    })
}

fn expect(file: &v1::Expect) -> Checked<Expect> {
    Ok(Expect {
        min_queues: file.min_queues,
        divisions: list(&file.divisions, MOST, |one| sentence(one)).within("divisions")?,
    })
}

fn token(file: &v1::TokenEvidence) -> Checked<TokenEvidence> {
    Ok(match file {
        v1::TokenEvidence::Unknown => TokenEvidence::Unknown,
        v1::TokenEvidence::Held(facts) => TokenEvidence::Held(token_facts(facts).within("held")?),
        v1::TokenEvidence::Unavailable(failure) => {
            let failure = mint_failure(failure).within("unavailable")?;
            TokenEvidence::Unavailable(Arc::new(failure))
        }
    })
}

fn token_facts(file: &v1::TokenFacts) -> Checked<TokenFacts> {
    Ok(TokenFacts {
        generation: file.generation,
        issued_at: moment(&file.issued_at).within("issued_at")?,
        expires_at: optional(file.expires_at.as_deref(), wall).within("expires_at")?,
        given: file.given,
        scopes: optional(file.scopes.as_deref(), names).within("scopes")?,
    })
}

fn mint_failure(file: &v1::MintFailure) -> Checked<MintFailure> {
    Ok(MintFailure {
        exchange: optional(file.exchange.as_ref(), exchange).within("exchange")?,
        at: moment(&file.at).within("at")?,
    })
}

fn exchange(file: &v1::Exchange) -> Checked<Exchange> {
    Ok(Exchange {
        step: word(&file.step, Step::find).within("step")?,
        request: sentence(&file.request).within("request")?,
        sent_at: moment(&file.sent_at).within("sent_at")?,
        phases: phases(&file.phases_ms).within("phases_ms")?,
        certificate_ends: None,
        result: match &file.result {
            v1::Result::Answer(it) => Ok(answer(it).within("answer").within("result")?),
            v1::Result::Fault(it) => Err(fault(it).within("fault").within("result")?),
        },
        flaw: optional(file.flaw.as_deref(), sentence).within("flaw")?,
    })
}

fn phases(file: &v1::Phases) -> Checked<Phases> {
    Ok(Phases {
        dns: span(file.dns).within("dns")?,
        connect: span(file.connect).within("connect")?,
        tls: span(file.tls).within("tls")?,
        first_byte: span(file.first_byte).within("first_byte")?,
        total: milliseconds(file.total).within("total")?,
    })
}

fn answer(file: &v1::Answer) -> Checked<Answer> {
    if !(100..=999).contains(&file.status) {
        return wrong(format!("{} is no status of HTTP", file.status)).within("status");
    }
    if file.body.len() > BODY_CAP_BYTES {
        return wrong(format!("is longer than {BODY_CAP_BYTES} bytes")).within("body");
    }
    let header =
        |(key, value): &(String, String)| Ok((name(key)?.to_ascii_lowercase(), sentence(value)?));
    Ok(Answer {
        status: file.status,
        headers: list(&file.headers, FEW, header).within("headers")?,
        body: file.body.clone(),
        length: usize::try_from(file.length).unwrap_or(usize::MAX),
        truncated: file.truncated,
    })
}

fn fault(file: &v1::Fault) -> Checked<Fault> {
    let kinds = |text: &str| {
        FaultKind::ALL
            .iter()
            .find(|it| it.as_str() == text)
            .copied()
    };
    let lacks = |text: &str| Lack::ALL.iter().find(|it| it.as_str() == text).copied();
    let lack = optional(file.lack.as_deref(), |one| word(one, lacks)).within("lack")?;
    let proxy = optional(file.proxy.as_deref(), sentence).within("proxy")?;
    Ok(Fault {
        kind: word(&file.kind, kinds).within("kind")?,
        origin: match (lack, proxy) {
            (Some(lack), _) => Origin::Machine(lack),
            (None, Some(address)) => Origin::Proxy(address),
            (None, None) => Origin::Way,
        },
        detail: sentence(&file.detail).within("detail")?,
    })
}

fn experiment(file: &v1::Experiment) -> Checked<Experiment> {
    let kinds = |text: &str| {
        ExperimentKind::ALL
            .iter()
            .find(|it| it.slug() == text)
            .copied()
    };
    Ok(Experiment {
        kind: word(&file.kind, kinds).within("kind")?,
        about: optional(file.about.as_deref(), sentence).within("about")?,
        exchanges: list(&file.exchanges, FEW, exchange).within("exchanges")?,
        result: match &file.result {
            v1::Settled::Found(it) => Ok(found(it).within("found").within("result")?),
            v1::Settled::Undetermined(reason) => {
                Err(sentence(reason).within("undetermined").within("result")?)
            }
        },
    })
}

fn found(file: &v1::Found) -> Checked<Found> {
    Ok(match file {
        v1::Found::Owner(it) => Found::Owner(owner(it).within("owner")?),
        v1::Found::Permitted(it) => Found::Permitted(permitted(it).within("permitted")?),
        v1::Found::Replayed(facts) => Found::Replayed(token_facts(facts).within("replayed")?),
        v1::Found::Grants(grants) => Found::Grants(list(grants, MOST, grant).within("grants")?),
        v1::Found::Permissions(known) => Found::Permissions(names(known).within("permissions")?),
        v1::Found::Control => Found::Control,
    })
}

fn named(file: &v1::Named) -> Checked<Named> {
    Ok(Named {
        id: sentence(&file.id).within("id")?,
        name: optional(file.name.as_deref(), sentence).within("name")?,
    })
}

fn owner(file: &v1::Owner) -> Checked<TokenOwner> {
    Ok(TokenOwner {
        organization: optional(file.organization.as_ref(), named).within("organization")?,
        home_organization: optional(file.home_organization.as_ref(), named)
            .within("home_organization")?,
        client: optional(file.client.as_ref(), client).within("client")?,
        scopes: optional(file.scopes.as_deref(), names).within("scopes")?,
    })
}

fn client(file: &v1::Client) -> Checked<Client> {
    Ok(Client {
        named: named(&file.named).within("named")?,
        grant_type: optional(file.grant_type.as_deref(), name).within("grant_type")?,
        state: optional(file.state.as_deref(), name).within("state")?,
    })
}

fn permitted(file: &v1::Permitted) -> Checked<Permitted> {
    Ok(Permitted {
        permission: sentence(&file.permission).within("permission")?,
        all: file.all,
        total: file.total,
        divisions: list(&file.divisions, MOST, named).within("divisions")?,
    })
}

fn grant(file: &v1::Grant) -> Checked<Grant> {
    Ok(Grant {
        role: named(&file.role).within("role")?,
        division: named(&file.division).within("division")?,
        made_at: optional(file.made_at.as_deref(), wall).within("made_at")?,
        policies: list(&file.policies, MOST, policy).within("policies")?,
    })
}

fn policy(file: &v1::Policy) -> Checked<Policy> {
    Ok(Policy {
        domain: name(&file.domain).within("domain")?,
        entity: name(&file.entity).within("entity")?,
        actions: names(&file.actions).within("actions")?,
        conditional: file.conditional,
    })
}

fn standing(file: &v1::Standing) -> Checked<Standing> {
    let roles = |roles: &[v1::RoleIn]| list(roles, MOST, role_in);
    Ok(Standing {
        at: wall(&file.at).within("at")?,
        token: optional(file.token.as_ref(), token_age).within("token")?,
        queues: file.queues,
        organization: optional(file.organization.as_ref(), named).within("organization")?,
        roles: optional(file.roles.as_deref(), roles).within("roles")?,
        divisions: optional(file.divisions.as_ref(), permitted).within("divisions")?,
        scopes: optional(file.scopes.as_deref(), names).within("scopes")?,
    })
}

fn token_age(file: &v1::TokenAge) -> Checked<TokenAge> {
    Ok(TokenAge {
        generation: file.generation,
        age: span(file.age_ms).within("age_ms")?,
    })
}

fn role_in(file: &v1::RoleIn) -> Checked<RoleIn> {
    Ok(RoleIn {
        role: named(&file.role).within("role")?,
        division: named(&file.division).within("division")?,
    })
}
