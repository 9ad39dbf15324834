//! What a refusal and the experiments about it amount to, before any rule looks at them.
//!
//! Every fact is three-valued: yes, no, or not known. An experiment that failed gives no fact.

use std::time::Duration;

use jiff::Timestamp;

use super::forbidden::Refusal;
use super::permissions::domain;
use crate::evidence::{
    Carries, Evidence, Exchange, ExperimentKind, Found, Grant, Named, Permitted, Step, TokenOwner,
};
use crate::target::{IdentityKind, Mode, Operation, covers};

/// A token younger than this is fresh by definition: no newer one could know more.
pub(super) const FRESH: Duration = Duration::from_secs(10);
/// How long a change of roles may take to show: the vendor's help pages say a few minutes.
pub(super) const PROPAGATION: Duration = Duration::from_mins(5);

/// A refusal and what the experiments found.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) operation: &'static Operation,
    pub(super) refusal: &'a Refusal,
    /// Whether the refusal carries the platform's correlation id.
    pub(super) by_platform: bool,
    /// Whose permissions decide, as far as is known by now.
    pub(super) kind: IdentityKind,
    pub(super) owner: Option<&'a TokenOwner>,
    pub(super) permitted: Option<&'a Permitted>,
    pub(super) grants: Option<&'a [Grant]>,
    /// The domain whose permissions the org was asked for, and those that it has.
    pub(super) org: Option<(&'a str, &'a [String])>,
}

/// Permissions that could be what is missing, and how they combine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suspect<'a> {
    pub(super) mode: Mode,
    pub(super) permissions: Vec<&'a str>,
}

/// Where a permission is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    Nowhere,
    /// Only where a condition of a role's policy holds.
    Conditionally,
    Somewhere,
    /// What the roles carry and what the platform says of it are not the same.
    Disagreed,
}

/// What a call with another token, or with none, was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Accepted,
    Refused,
    /// 401: the platform's answer to a call without a token.
    Unauthorized,
    Other,
}

impl<'a> Facts<'a> {
    pub(super) fn of(evidence: &'a Evidence, refusal: &'a Refusal, by_platform: bool) -> Self {
        let experiment = |kind| evidence.experiment(kind);
        let found = |kind| experiment(kind).and_then(|one| one.found());
        let owner = owner(evidence);
        Self {
            evidence,
            operation: evidence.operation,
            refusal,
            by_platform,
            kind: settled_kind(evidence, owner),
            owner,
            permitted: match found(ExperimentKind::DivisionsPermitted) {
                Some(Found::Permitted(permitted)) => Some(permitted),
                _ => None,
            },
            grants: match found(ExperimentKind::SubjectsMe) {
                Some(Found::Grants(grants)) => Some(grants),
                _ => None,
            },
            org: match found(ExperimentKind::Permissions) {
                Some(Found::Permissions(known)) => experiment(ExperimentKind::Permissions)
                    .and_then(|one| Some((one.about.as_deref()?, known.as_slice()))),
                _ => None,
            },
        }
    }

    /// The permissions that the answer names.
    pub(super) fn named(&self) -> Option<Suspect<'a>> {
        let missing = &self.refusal.missing;
        if missing.assumed || missing.permissions.is_empty() {
            return None;
        }
        Some(Suspect {
            mode: missing.mode.unwrap_or(self.operation.mode),
            permissions: missing.permissions.iter().map(String::as_str).collect(),
        })
    }

    /// The permissions that the vendor publishes for the operation.
    pub(super) fn published(&self) -> Suspect<'a> {
        Suspect {
            mode: self.operation.mode,
            permissions: self.operation.permissions.to_vec(),
        }
    }

    /// What is most likely missing: what the answer names, or else what is published.
    pub(super) fn suspect(&self) -> Suspect<'a> {
        self.named().unwrap_or_else(|| self.published())
    }

    /// Whether the answer names other permissions than the vendor publishes.
    pub(super) fn is_disputed(&self) -> bool {
        let published = self.operation.permissions;
        self.named().is_some_and(|named| {
            !published.is_empty() && !named.permissions.iter().any(|one| published.contains(one))
        })
    }

    /// Where `suspect` is held, the platform's own word counting more than the roles.
    pub(super) fn held(&self, suspect: &Suspect<'_>) -> Option<Held> {
        let effective = combined(suspect, |permission| self.effective(permission));
        let granted = combined(suspect, |permission| self.granted(permission));
        match (effective, granted) {
            (Some(Held::Nowhere), Some(Held::Somewhere))
            | (Some(Held::Somewhere), Some(Held::Nowhere)) => Some(Held::Disagreed),
            (Some(Held::Somewhere), Some(Held::Conditionally)) => Some(Held::Conditionally),
            (effective, granted) => effective.or(granted),
        }
    }

    /// Where the platform says that a permission is held.
    fn effective(&self, permission: &str) -> Option<Held> {
        let permitted = self.permitted.filter(|one| one.permission == permission)?;
        Some(if permitted.is_nowhere() {
            Held::Nowhere
        } else {
            Held::Somewhere
        })
    }

    /// Where the caller's roles carry a permission.
    pub(super) fn granted(&self, permission: &str) -> Option<Held> {
        let carried = self.grants?.iter().map(|grant| grant.carries(permission));
        Some(match carried.max() {
            Some(Carries::Yes) => Held::Somewhere,
            Some(Carries::Conditionally) => Held::Conditionally,
            Some(Carries::No) | None => Held::Nowhere,
        })
    }

    /// Whether `suspect` is held in the divisions that the answer names, or in one of them where one
    /// is enough; none when it names none, or when it cannot be told.
    pub(super) fn held_where_asked(&self, suspect: &Suspect<'_>) -> Option<bool> {
        let asked = &self.refusal.missing.divisions;
        if asked.is_empty() {
            return None;
        }
        let everywhere = |permission: &&str| {
            let inside = asked.iter().map(|one| self.includes(permission, &one.id));
            let mode = if self.refusal.any_division {
                Mode::Any
            } else {
                Mode::All
            };
            kleene(inside, mode)
        };
        kleene(suspect.permissions.iter().map(everywhere), suspect.mode)
    }

    pub(super) fn includes(&self, permission: &str, division: &str) -> Option<bool> {
        let permitted = self.permitted.filter(|one| one.permission == permission);
        if let Some(said) = permitted.and_then(|one| one.includes(division)) {
            return Some(said);
        }
        let mut carrying = self.carrying(permission)?;
        Some(carrying.any(|grant| grant.is_everywhere() || grant.division.is_called(division)))
    }

    fn carrying(&self, permission: &str) -> Option<impl Iterator<Item = &'a Grant> + use<'a>> {
        let permission = permission.to_owned();
        let carries = move |grant: &&Grant| grant.carries(&permission) == Carries::Yes;
        Some(self.grants?.iter().filter(carries))
    }

    /// Whether the org has what `suspect` needs; none when it was not asked about its domain.
    pub(super) fn in_org(&self, suspect: &Suspect<'_>) -> Option<bool> {
        if suspect.permissions.is_empty() {
            return None;
        }
        let known = |permission: &&str| {
            if self.effective(permission) == Some(Held::Somewhere) {
                return Some(true);
            }
            let (asked, known) = self.org?;
            let is_asked = domain(permission).eq_ignore_ascii_case(asked);
            is_asked.then(|| known.iter().any(|one| matches_listed(one, permission)))
        };
        kleene(suspect.permissions.iter().map(known), suspect.mode)
    }

    /// When a role that carries one of `suspect` was last granted.
    pub(super) fn granted_at(&self, suspect: &Suspect<'_>) -> Option<Timestamp> {
        let carrying = suspect.permissions.iter().map(|one| self.carrying(one));
        let made = carrying
            .flatten()
            .flatten()
            .filter_map(|grant| grant.made_at);
        made.max()
    }

    /// How long before the refusal a role that carries one of `suspect` was last granted.
    pub(super) fn grant_age(&self, suspect: &Suspect<'_>) -> Option<Duration> {
        let refused = self.evidence.last_probe()?.sent_at.wall;
        // A clock that is behind the platform's would show the future.
        let age = refused.duration_since(self.granted_at(suspect)?);
        Some(Duration::try_from(age).unwrap_or(Duration::ZERO))
    }

    /// Whether the caller is a guest from another org.
    pub(super) fn is_guest(&self) -> Option<bool> {
        self.owner?.is_guest()
    }

    /// The scopes of the token that count; none for a machine, to which they do not apply.
    pub(super) fn scopes(&self) -> Option<&'a [String]> {
        if self.kind == IdentityKind::Machine {
            return None;
        }
        let owned = self.owner.and_then(|owner| owner.scopes.as_deref());
        // A token of a user without any scope does not exist, so an empty list tells nothing.
        owned.filter(|scopes| !scopes.is_empty())
    }

    /// Whether the token's scopes cover the operation.
    pub(super) fn scopes_cover(&self) -> Option<bool> {
        let held = self.scopes()?;
        let needed = self.operation.scopes;
        let is_covered = |needed: &&str| held.iter().any(|held| covers(held, needed));
        (!needed.is_empty()).then(|| needed.iter().any(is_covered))
    }

    /// What the same call with a fresh token was answered.
    pub(super) fn fresh(&self) -> Option<Said> {
        self.replays()?.next()
    }

    /// What it was answered with the fresh token once more.
    pub(super) fn fresh_once_more(&self) -> Option<Said> {
        self.replays()?.nth(1)
    }

    fn replays(&self) -> Option<impl Iterator<Item = Said> + use<'a>> {
        let experiment = self.evidence.experiment(ExperimentKind::FreshToken)?;
        experiment.found()?;
        let step = Step::Experiment(ExperimentKind::FreshToken);
        let replays = experiment.exchanges.iter();
        Some(replays.filter(move |one| one.step == step).map(said))
    }

    /// What the cached token was answered after a fresh one had been accepted.
    pub(super) fn again(&self) -> Option<Said> {
        let experiment = self.evidence.experiment(ExperimentKind::FreshToken)?;
        let again = experiment
            .exchanges
            .iter()
            .find(|one| one.step == Step::Again);
        again.filter(|one| one.answer().is_some()).map(said)
    }

    /// What the same call without a token was answered.
    pub(super) fn control(&self) -> Option<Said> {
        let experiment = self.evidence.experiment(ExperimentKind::WithoutToken)?;
        experiment.found()?;
        experiment.exchanges.first().map(said)
    }

    /// Whether that answer carries the platform's correlation id.
    pub(super) fn control_by_platform(&self) -> bool {
        let experiment = self.evidence.experiment(ExperimentKind::WithoutToken);
        let exchange = experiment.and_then(|one| one.exchanges.first());
        let answer = exchange.and_then(Exchange::answer);
        answer.is_some_and(|answer| answer.correlation_id().is_some())
    }

    /// Whether the refused token was as good as new.
    pub(super) fn was_young(&self) -> bool {
        let age = self.evidence.token_age_when_examined();
        age.is_some_and(|age| age < FRESH)
    }

    /// Whether no newer token could make a difference.
    pub(super) fn fresh_refused(&self) -> bool {
        self.was_young() || self.fresh() == Some(Said::Refused)
    }

    /// The name of a division, from whatever named it.
    pub(super) fn division_name(&self, id: &str) -> Option<String> {
        division_name(self.evidence, id)
    }
}

/// Whose token it is, if `tokens/me` told.
pub(super) fn owner(evidence: &Evidence) -> Option<&TokenOwner> {
    match evidence.experiment(ExperimentKind::TokensMe)?.found()? {
        Found::Owner(owner) => Some(owner),
        _ => None,
    }
}

/// The name of a division, from whatever named it: where a permission is held, roles of any kind,
/// or the standing before.
pub(super) fn division_name(evidence: &Evidence, id: &str) -> Option<String> {
    let mut known: Vec<&Named> = Vec::new();
    for experiment in &evidence.experiments {
        match experiment.found() {
            Some(Found::Permitted(permitted)) => known.extend(&permitted.divisions),
            Some(Found::Grants(grants)) => known.extend(grants.iter().map(|one| &one.division)),
            _ => {}
        }
    }
    if let Some(before) = &evidence.before {
        known.extend(before.divisions.iter().flat_map(|one| &one.divisions));
        known.extend(before.roles.iter().flatten().map(|one| &one.division));
    }
    known.into_iter().find(|one| one.id == id)?.name.clone()
}

/// Whose permissions decide: a token that was handed over tells it only by `tokens/me`.
pub(super) fn settled_kind(evidence: &Evidence, owner: Option<&TokenOwner>) -> IdentityKind {
    let told = || owner?.client.as_ref()?.is_machine();
    match (evidence.identity.kind, told()) {
        (IdentityKind::Unknown, Some(true)) => IdentityKind::Machine,
        (IdentityKind::Unknown, Some(false)) => IdentityKind::User,
        (kind, _) => kind,
    }
}

/// What an exchange was answered.
fn said(exchange: &Exchange) -> Said {
    match exchange.answer().map(|answer| answer.status) {
        Some(200..=299) => Said::Accepted,
        Some(403) => Said::Refused,
        Some(401) => Said::Unauthorized,
        _ => Said::Other,
    }
}

/// Whether an entry of the org's list is `permission`, or stands for it.
fn matches_listed(listed: &str, permission: &str) -> bool {
    let mut both = listed.split(':').zip(permission.split(':'));
    both.all(|(listed, asked)| listed == "*" || listed.eq_ignore_ascii_case(asked))
}

/// Where a set of permissions is held: the best of any, the worst of all.
fn combined(suspect: &Suspect<'_>, held: impl Fn(&str) -> Option<Held>) -> Option<Held> {
    let all: Vec<Option<Held>> = suspect.permissions.iter().map(|one| held(one)).collect();
    let known = all.iter().copied().flatten();
    let (settled, extreme) = match suspect.mode {
        Mode::Any => (Held::Somewhere, known.max()),
        Mode::All => (Held::Nowhere, known.min()),
    };
    extreme.filter(|extreme| *extreme == settled || all.iter().all(Option::is_some))
}

/// Any or all of three-valued answers; none of nothing.
fn kleene(answers: impl Iterator<Item = Option<bool>>, mode: Mode) -> Option<bool> {
    let all: Vec<Option<bool>> = answers.collect();
    let decides = mode == Mode::Any;
    if all.contains(&Some(decides)) {
        return Some(decides);
    }
    let is_settled = !all.is_empty() && !all.contains(&None);
    is_settled.then_some(!decides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_decides_nothing() {
        let any = |answers: &[Option<bool>]| kleene(answers.iter().copied(), Mode::Any);
        let all = |answers: &[Option<bool>]| kleene(answers.iter().copied(), Mode::All);
        assert_eq!(any(&[Some(false), None]), None);
        assert_eq!(any(&[Some(true), None]), Some(true));
        assert_eq!(any(&[Some(false), Some(false)]), Some(false));
        assert_eq!(all(&[Some(true), None]), None);
        assert_eq!(all(&[Some(false), None]), Some(false));
        assert_eq!(all(&[Some(true), Some(true)]), Some(true));
        assert_eq!((any(&[]), all(&[])), (None, None));
    }

    #[test]
    fn a_set_is_held_as_its_mode_says() {
        let held = |mode, held: &[Option<Held>]| {
            let names = ["0", "1", "2"];
            let permissions = names.into_iter().take(held.len()).collect();
            let suspect = Suspect { mode, permissions };
            combined(&suspect, |name| held[name.parse::<usize>().unwrap()])
        };
        let (no, yes) = (Some(Held::Nowhere), Some(Held::Somewhere));
        assert_eq!(held(Mode::Any, &[no, yes, None]), yes);
        assert_eq!(held(Mode::Any, &[no, None]), None);
        assert_eq!(held(Mode::Any, &[no, no]), no);
        assert_eq!(held(Mode::All, &[yes, no, None]), no);
        assert_eq!(held(Mode::All, &[yes, None]), None);
        assert_eq!(
            held(Mode::All, &[yes, Some(Held::Conditionally)]),
            Some(Held::Conditionally)
        );
        assert_eq!(held(Mode::All, &[]), None);
    }
}
