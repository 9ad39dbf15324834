//! What ended an episode, concluded from how the caller stood before and after.

use super::difference::{Difference, difference, in_words, rights_are_known};
use super::episode::RecoveredBy;
use crate::diagnosis::{Cause, Class, Finding, Outcome};
use crate::evidence::Standing;

/// What is known at the end of an episode.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// The last finding that says more than that nothing worked.
    pub(super) finding: Finding,
    /// How the caller stood when it failed first.
    pub(super) first_bad: &'a Standing,
    /// How it stood when it failed last; none when no failure was seen since the last start.
    pub(super) last_bad: Option<&'a Standing>,
    /// How it stands.
    pub(super) now: &'a Standing,
}

/// What recovered access, and why that is concluded.
pub(super) fn recovered_by(end: &End<'_>) -> (RecoveredBy, String) {
    let say = |by, text: &str| (by, text.to_owned());
    let back = RecoveredBy::UpstreamBack;
    match end.finding {
        Finding::Forbidden(Cause::EdgeBlock) => say(
            back,
            "What refused in front of the platform lets the call pass again.",
        ),
        Finding::Forbidden(cause) => refused(end, cause),
        Finding::Other(outcome) => match outcome.class() {
            Some(Class::Network) => say(back, "The platform can be reached again."),
            Some(Class::Upstream) => say(back, "The platform answers again."),
            Some(Class::Unreadable) => say(back, "The platform's answers can be read again."),
            Some(Class::Visibility) => hidden(end),
            _ if outcome == Outcome::IpNotAllowed => say(
                RecoveredBy::Unknown,
                "The caller's address is accepted again: the allow-list or the address was changed.",
            ),
            Some(Class::Unauthorized | Class::Credentials) => unauthorized(end),
            _ => say(
                RecoveredBy::Unknown,
                "The same call works again; what was changed cannot be seen from here.",
            ),
        },
    }
}

/// A 403 of the platform.
fn refused(end: &End<'_>, cause: Cause) -> (RecoveredBy, String) {
    let gained = gains(end.first_bad, end.now);
    let is_settled =
        |last: &Standing| rights_are_known(last, end.now) && gains(last, end.now).is_empty();
    // Roles that were there while access still failed are not what ended it.
    let was_granted = end.last_bad.is_some_and(is_settled);
    if !gained.is_empty() && !was_granted {
        return (RecoveredBy::RightsChanged, in_words(&gained));
    }
    let granted = match gained.as_slice() {
        [] => String::new(),
        gained => format!(" Before, while it still failed: {}", in_words(gained)),
    };
    let Some(last) = end.last_bad else {
        return after_restart(end);
    };
    let is_known = rights_are_known(last, end.now);
    match (has_new_token(last, end.now), is_known) {
        (true, true) => (
            RecoveredBy::NewToken,
            format!("The token is a new one, and the caller's rights are those of the last failure.{granted}"),
        ),
        (true, false) => (
            RecoveredBy::NewToken,
            "The token is a new one. Whether roles were changed, too, is not known.".to_owned(),
        ),
        (false, known) if may_propagate(cause) && (known || cause == Cause::Propagating) => (
            RecoveredBy::Time,
            format!("The token is the same and so are the caller's rights: what was changed before has propagated.{granted}"),
        ),
        (false, true) => (
            RecoveredBy::Unknown,
            "Neither the token nor the caller's rights differ: something else on the platform was changed."
                .to_owned(),
        ),
        (false, false) => (
            RecoveredBy::Unknown,
            "The token is the same. Whether roles were changed is not known: they were not looked at."
                .to_owned(),
        ),
    }
}

/// Whether nothing but time can end it.
fn may_propagate(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::Propagating
            | Cause::StaleToken
            | Cause::MissingPermission
            | Cause::MissingDivisionPermission
    )
}

/// Fewer queues than there should be.
fn hidden(end: &End<'_>) -> (RecoveredBy, String) {
    let gained = gains(end.first_bad, end.now);
    if !gained.is_empty() {
        return (RecoveredBy::RightsChanged, in_words(&gained));
    }
    let before = end.last_bad.unwrap_or(end.first_bad).queues;
    let now = end.now.queues;
    let count = now.map_or_else(String::new, |now| now.to_string());
    if now <= before {
        let text = format!(
            "Still {count} visible: after a while, and with no division lost, that is taken for what is meant."
        );
        return (RecoveredBy::Accepted, text);
    }
    let rights = if rights_are_known(end.first_bad, end.now) {
        "The caller's rights are the same"
    } else {
        "Whether roles were changed is not known"
    };
    match end.last_bad.map(|last| has_new_token(last, end.now)) {
        None => after_restart(end),
        Some(true) => (
            RecoveredBy::NewToken,
            format!("The token is a new one, and {count} are visible. {rights}."),
        ),
        Some(false) => (
            RecoveredBy::QueuesBack,
            format!("{count} are visible again. {rights}."),
        ),
    }
}

/// A token, or what mints it, was refused.
fn unauthorized(end: &End<'_>) -> (RecoveredBy, String) {
    let Some(last) = end.last_bad else {
        return after_restart(end);
    };
    if last.token.is_none() || has_new_token(last, end.now) {
        let text = "A new token was issued, and it is accepted.";
        (RecoveredBy::NewToken, text.to_owned())
    } else {
        let text = "The same token is accepted again.";
        (RecoveredBy::Unknown, text.to_owned())
    }
}

fn after_restart(end: &End<'_>) -> (RecoveredBy, String) {
    let rights = if rights_are_known(end.first_bad, end.now) {
        "the caller's rights are the same"
    } else {
        "whether roles were changed is not known"
    };
    let text = format!(
        "It worked at the first look after why403 was started anew, with a new token; {rights}."
    );
    (RecoveredBy::Restart, text)
}

fn has_new_token(before: &Standing, after: &Standing) -> bool {
    let generation = |standing: &Standing| standing.token.map(|token| token.generation);
    match (generation(before), generation(after)) {
        (Some(before), Some(after)) => before != after,
        _ => false,
    }
}

fn gains(before: &Standing, after: &Standing) -> Vec<Difference> {
    let mut found = difference(before, after);
    found.retain(Difference::is_gain);
    found
}
