//! Whether what was wrong has been mended: a diagnosis compared with the one before.
//!
//! The words here are about one look, and about all of them together; when to look again is
//! decided elsewhere.

use std::fmt::Write as _;
use std::time::Duration;

use super::words::ago;
use super::{Cause, Class, Confidence, Diagnosis, Finding, Missing, Outcome};
use crate::evidence::ExperimentKind;

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verified {
    /// Nothing was wrong before, and nothing is now.
    Ok,
    /// What was wrong has been mended.
    Fixed,
    /// It could not be told.
    Undetermined,
    /// It is as it was.
    NotFixed,
    /// Something else is wrong now.
    Changed,
}

impl Verified {
    /// The name used in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fixed => "fixed",
            Self::Undetermined => "undetermined",
            Self::NotFixed => "not_fixed",
            Self::Changed => "changed",
        }
    }
}

/// What one look says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is settled.
    Settled(Verified),
    /// It may still change; what it is if it does not.
    Waiting(Verified),
    /// A fresh token was accepted, and takes the place of the refused one: one more look tells.
    Confirm,
}

impl Progress {
    /// What it is if nothing changes any more.
    #[must_use]
    pub fn verified(self) -> Verified {
        match self {
            Self::Settled(verified) | Self::Waiting(verified) => verified,
            Self::Confirm => Verified::Undetermined,
        }
    }

    /// What several operations of one target amount to.
    #[must_use]
    pub fn of_all(all: &[Self]) -> Self {
        let worst = all.iter().map(|one| one.verified()).max();
        let worst = worst.unwrap_or(Verified::Undetermined);
        let is_waiting = |one: &Self| matches!(one, Self::Waiting(_));
        if all.contains(&Self::Settled(Verified::Changed)) {
            Self::Settled(Verified::Changed)
        } else if all.contains(&Self::Confirm) {
            Self::Confirm
        } else if all.iter().any(is_waiting) {
            Self::Waiting(worst)
        } else {
            Self::Settled(worst)
        }
    }
}

/// Whether nothing is wrong, now or soon.
#[must_use]
pub fn is_well(diagnosis: &Diagnosis) -> bool {
    diagnosis.finding.outcome() == Outcome::Ok
        && diagnosis.early_warning.is_none()
        && diagnosis.missing == Missing::default()
}

/// Compares what was found before with what is found now.
#[must_use]
pub fn progress(before: &Diagnosis, now: &Diagnosis) -> Progress {
    use Verified::{Changed, NotFixed, Undetermined};
    let was_well = is_well(before);
    if now.finding.outcome() == Outcome::Ok {
        return works(before, now);
    }
    if mended_by_fresh(now) {
        return Progress::Confirm;
    }
    if is_same(before, now) {
        return Progress::Waiting(NotFixed);
    }
    match (may_pass(before), may_pass(now)) {
        (true, true) => return Progress::Waiting(NotFixed),
        (false, true) if was_well => return Progress::Settled(Undetermined),
        (false, true) => return Progress::Waiting(Undetermined),
        (_, false) => {}
    }
    if now.provisional {
        return Progress::Waiting(Undetermined);
    }
    if is_on_its_way(now) && !was_well {
        return Progress::Waiting(Changed);
    }
    Progress::Settled(Changed)
}

/// The operation works: what was wrong before decides what that means.
fn works(before: &Diagnosis, now: &Diagnosis) -> Progress {
    match (&before.early_warning, &now.early_warning) {
        (Some(_), Some(_)) => Progress::Waiting(Verified::NotFixed),
        // Access was ending: only a fresh token tells whether it still is.
        (Some(_), None) if replayed(now).is_none() => Progress::Waiting(Verified::Undetermined),
        (None, Some(_)) if !is_well(before) => Progress::Waiting(Verified::NotFixed),
        _ if is_well(before) => Progress::Settled(Verified::Ok),
        _ => Progress::Settled(Verified::Fixed),
    }
}

/// Whether cause and what is missing are the same.
fn is_same(before: &Diagnosis, now: &Diagnosis) -> bool {
    let ids = |missing: &Missing| -> Vec<String> {
        let divisions = missing.divisions.iter();
        divisions.map(|one| one.id.clone()).collect()
    };
    let (old, new) = (&before.missing, &now.missing);
    before.finding == now.finding
        && old.permissions == new.permissions
        && old.scopes == new.scopes
        && ids(old) == ids(new)
}

/// Whether the operation works, and will not with the next token.
fn ends_soon(diagnosis: &Diagnosis) -> bool {
    diagnosis.finding.outcome() == Outcome::Ok && diagnosis.early_warning.is_some()
}

/// Whether this may pass by itself, and tells nothing about access.
fn may_pass(diagnosis: &Diagnosis) -> bool {
    matches!(
        diagnosis.finding.outcome().class(),
        Some(Class::Throttled | Class::Upstream | Class::Network | Class::Unreadable)
    )
}

/// Whether the permission is there and only time or a fresh token may be wanting.
#[must_use]
pub fn is_on_its_way(diagnosis: &Diagnosis) -> bool {
    match diagnosis.finding {
        Finding::Forbidden(Cause::Propagating | Cause::StaleToken) => true,
        Finding::Forbidden(Cause::PolicyDenied) => diagnosis.confidence < Confidence::Proven,
        _ => false,
    }
}

/// Whether a token that was minted later could make a difference.
#[must_use]
pub fn could_need_fresh(diagnosis: &Diagnosis) -> bool {
    match diagnosis.finding {
        Finding::Forbidden(cause) => {
            !matches!(cause, Cause::EdgeBlock | Cause::UnreadableForbidden)
        }
        Finding::Other(outcome) => {
            matches!(outcome, Outcome::QueuesEmpty | Outcome::QueuesMissing)
                || diagnosis.early_warning.is_some()
        }
    }
}

/// The status that a fresh token was answered, where one was tried.
fn replayed(diagnosis: &Diagnosis) -> Option<u16> {
    let fresh = ExperimentKind::FreshToken.slug();
    let mut lines = diagnosis.evidence.iter();
    lines.find(|line| line.step == fresh)?.status
}

/// Whether a fresh token is accepted where the one in use is not.
fn mended_by_fresh(diagnosis: &Diagnosis) -> bool {
    let fresh = ExperimentKind::FreshToken.slug();
    let cause = diagnosis.finding.cause();
    let lines = || diagnosis.evidence.iter().filter(|line| line.step == fresh);
    let is_accepted = lines().all(|line| line.status.is_some_and(|it| it < 300));
    let supports = lines().any(|line| line.supports.iter().any(|it| Some(*it) == cause));
    is_accepted && supports
}

/// What one look says, in a few words.
#[must_use]
pub fn says(progress: Progress, before: &Diagnosis, now: &Diagnosis) -> &'static str {
    match progress {
        Progress::Settled(Verified::Ok) | Progress::Waiting(Verified::NotFixed)
            if ends_soon(now) && !ends_soon(before) =>
        {
            "works, but a fresh token is refused"
        }
        Progress::Waiting(Verified::NotFixed) if !is_same(before, now) => {
            "fails otherwise than before, and tells nothing of access"
        }
        Progress::Settled(Verified::Ok | Verified::Fixed) => "works",
        Progress::Settled(Verified::Changed) => "something else than before",
        Progress::Waiting(Verified::Changed) => {
            "the permission is held now, and the call is still refused"
        }
        Progress::Settled(Verified::NotFixed) | Progress::Waiting(Verified::NotFixed) => {
            "as before"
        }
        Progress::Settled(Verified::Undetermined) | Progress::Waiting(_) => "tells nothing",
        Progress::Confirm => "a fresh token is accepted; looking once more with it",
    }
}

/// What came of one operation, in a few sentences; `looks` are in order, and the last of them came
/// `after` the beginning.
#[must_use]
pub fn summary(before: &Diagnosis, looks: &[&Diagnosis], after: Duration) -> String {
    let Some(now) = looks.last() else {
        return "Nothing was looked at.".to_owned();
    };
    let mut text = now.summary.clone();
    let was = before.finding.cause().unwrap_or("ok");
    let added = match progress(before, now).verified() {
        Verified::Ok => Ok(()),
        Verified::Fixed => write!(text, " {}", how(before, looks, after)),
        Verified::NotFixed if is_same(before, now) => {
            write!(text, " That is as before, {} later.", ago(after))
        }
        Verified::NotFixed | Verified::Changed => write!(text, " Before, it was {was}."),
        Verified::Undetermined => {
            write!(text, " Whether {was} is mended cannot be told from that.")
        }
    };
    // Text can always be added to text.
    added.unwrap_or_default();
    text
}

/// What made the difference.
fn how(before: &Diagnosis, looks: &[&Diagnosis], after: Duration) -> String {
    let all = || std::iter::once(&before).chain(looks).copied();
    let Some(refused) = all().rfind(|one| !is_well(one)) else {
        return String::new();
    };
    let generation = |one: &Diagnosis| one.token.as_ref().map(|facts| facts.generation);
    let is_same_token = all().next_back().map(generation) == Some(generation(refused));
    let is_about_access = matches!(
        refused.finding.outcome(),
        Outcome::Forbidden | Outcome::QueuesEmpty | Outcome::QueuesMissing
    );
    match refused.finding {
        _ if !is_about_access => String::new(),
        Finding::Forbidden(Cause::Propagating) if mended_by_fresh(refused) => format!(
            "The change propagated within {}: the old token was accepted by then, too.",
            ago(after)
        ),
        _ if mended_by_fresh(refused) => {
            "A fresh token was needed: the one from before the change knew nothing of it."
                .to_owned()
        }
        _ if is_same_token && after < Duration::from_secs(1) => {
            "The same token is accepted that was refused before: none had to be minted.".to_owned()
        }
        _ if is_same_token => format!(
            "The change propagated within {}: the same token is accepted that was refused before.",
            ago(after)
        ),
        _ => "The token is another one than before, so that token or time may have made the \
              difference."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EarlyWarning, diagnose};
    use super::*;
    use crate::evidence::file::Saved;

    /// A diagnosis of saved evidence.
    fn saved(file: &[u8]) -> Diagnosis {
        diagnose(&Saved::read(file).unwrap().records[0].evidence)
    }

    fn permission() -> Diagnosis {
        saved(include_bytes!(
            "../../tests/evidence/v1/missing-permission.json"
        ))
    }

    fn outage() -> Diagnosis {
        saved(include_bytes!("../../tests/evidence/v1/outage.json"))
    }

    fn good() -> Diagnosis {
        Diagnosis {
            finding: Finding::Other(Outcome::Ok),
            missing: Missing::default(),
            evidence: Vec::new(),
            ..permission()
        }
    }

    fn of(cause: Cause, confidence: Confidence) -> Diagnosis {
        Diagnosis {
            finding: Finding::Forbidden(cause),
            confidence,
            ..permission()
        }
    }

    fn ending() -> Diagnosis {
        Diagnosis {
            early_warning: Some(EarlyWarning {
                cause: Cause::MissingPermission,
                missing: Missing::default(),
                message: None,
                ends_at: None,
            }),
            ..good()
        }
    }

    #[test]
    fn what_was_before_decides_what_is_now() {
        use Progress::{Confirm, Settled, Waiting};
        use Verified::{Changed, Fixed, NotFixed, Ok, Undetermined};
        let edge = saved(include_bytes!("../../tests/evidence/v1/edge-block.json"));
        let stale = saved(include_bytes!("../../tests/evidence/v1/stale-token.json"));
        let minting = saved(include_bytes!(
            "../../tests/evidence/v1/minting-failure.json"
        ));
        let policy = of(Cause::PolicyDenied, Confidence::Likely);
        let on_its_way = of(Cause::Propagating, Confidence::Possible);
        let mut other = permission();
        other.missing.permissions = vec!["routing:queue:search".to_owned()];
        let mut slower = outage();
        slower.finding = Finding::Other(Outcome::Connect);
        let mut young = minting.clone();
        young.provisional = true;
        for (before, now, expected) in vec![
            (good(), good(), Settled(Ok)),
            (good(), ending(), Settled(Ok)),
            (good(), permission(), Settled(Changed)),
            (good(), policy.clone(), Settled(Changed)),
            (good(), outage(), Settled(Undetermined)),
            (permission(), good(), Settled(Fixed)),
            (permission(), permission(), Waiting(NotFixed)),
            (permission(), other, Settled(Changed)),
            (permission(), edge.clone(), Settled(Changed)),
            (permission(), outage(), Waiting(Undetermined)),
            (permission(), policy.clone(), Waiting(Changed)),
            (permission(), on_its_way, Waiting(Changed)),
            (permission(), stale, Confirm),
            (permission(), ending(), Waiting(NotFixed)),
            (permission(), young, Waiting(Undetermined)),
            (outage(), slower, Waiting(NotFixed)),
            (outage(), edge, Settled(Changed)),
            (outage(), good(), Settled(Fixed)),
            (minting.clone(), minting, Waiting(NotFixed)),
            (policy.clone(), policy, Waiting(NotFixed)),
            (ending(), ending(), Waiting(NotFixed)),
            (ending(), good(), Waiting(Undetermined)),
        ] {
            let causes = (before.finding.cause(), now.finding.cause());
            assert_eq!(progress(&before, &now), expected, "{causes:?}");
        }
    }

    #[test]
    fn the_worst_operation_speaks_for_all() {
        use Progress::{Confirm, Settled, Waiting};
        use Verified::{Changed, Fixed, NotFixed, Ok, Undetermined};
        for (all, expected) in [
            (vec![], Settled(Undetermined)),
            (vec![Settled(Ok), Settled(Fixed)], Settled(Fixed)),
            (vec![Settled(Fixed), Waiting(NotFixed)], Waiting(NotFixed)),
            (
                vec![Waiting(Undetermined), Waiting(NotFixed)],
                Waiting(NotFixed),
            ),
            (vec![Waiting(NotFixed), Settled(Changed)], Settled(Changed)),
            (vec![Settled(Fixed), Confirm], Confirm),
        ] {
            assert_eq!(Progress::of_all(&all), expected, "{all:?}");
        }
    }

    #[test]
    fn what_made_the_difference_is_said() {
        let minute = Duration::from_mins(1);
        let said = |before: &Diagnosis, after| summary(before, &[&good()], after);
        let later = said(&permission(), minute);
        assert!(
            later.contains("propagated within 60 s: the same token"),
            "{later}"
        );
        let at_once = said(&permission(), Duration::ZERO);
        assert!(at_once.contains("none had to be minted"), "{at_once}");
        let mut other = permission();
        other.token = None;
        let unsure = said(&other, minute);
        assert!(unsure.contains("token or time"), "{unsure}");
        let heals = said(&outage(), minute);
        assert!(!heals.contains("token"), "{heals}");
    }
}
