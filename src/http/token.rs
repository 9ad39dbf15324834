//! Forced refresh of tokens: facts about the new token, never the token.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use tokio::task::JoinSet;

use super::guard::Admin;
use super::problem::{Kind, Problem, some_of};
use super::wire::{self, Time};
use super::{Shared, json};
use crate::clock::Moment;
use crate::monitor::{Declined, Refreshed};
use crate::snapshot::Snapshot;
use crate::target::Name;

/// Most credentials whose failure one answer describes.
const MOST_FAILURES: usize = 5;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    generated_at: Time,
    credentials: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    credential: &'a str,
    result: &'static str,
    cause: Option<&'static str>,
    token: Option<wire::Token<'a>>,
}

/// `POST /token/{credential}/refresh`
pub(super) async fn refresh_one(
    _: Admin,
    State(shared): State<Arc<Shared>>,
    credential: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let name = credential
        .ok()
        .and_then(|Path(name)| credential_in(&snapshot, &name))
        .ok_or_else(|| Problem::bare(Kind::UnknownCredential))?;
    let attempts = refresh(&shared, vec![name]).await?;
    answer(&attempts, shared.app.clock.now())
}

/// `POST /token/refresh`
pub(super) async fn refresh_all(
    _: Admin,
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let credentials = snapshot.credentials.iter();
    let names = credentials.map(|it| it.name.clone()).collect();
    let mut attempts = refresh(&shared, names).await?;
    // A credential that a new configuration removed meanwhile is no failure.
    attempts.retain(|(_, result)| !matches!(result, Err(Declined::Unknown)));
    answer(&attempts, shared.app.clock.now())
}

fn credential_in(snapshot: &Snapshot, name: &str) -> Option<Name> {
    let mut credentials = snapshot.credentials.iter();
    let found = credentials.find(|credential| credential.name.as_str() == name)?;
    Some(found.name.clone())
}

/// One credential and what came of its refresh.
type Attempt = (Name, Result<Refreshed, Declined>);

/// Refreshes side by side and waits for all; refreshes go on when this request ends before them.
async fn refresh(shared: &Shared, names: Vec<Name>) -> Result<Vec<Attempt>, Problem> {
    let _permit = shared
        .waiting
        .try_acquire()
        .map_err(|_| Problem::overloaded())?;
    let mut running = JoinSet::new();
    for (position, name) in names.into_iter().enumerate() {
        let monitor = shared.app.monitor.clone();
        running.spawn(async move {
            let result = monitor.refresh(&name).await;
            (position, (name, result))
        });
    }
    let Ok(mut attempts) =
        tokio::time::timeout(shared.upstream_timeout(), running.join_all()).await
    else {
        let detail = "the refresh goes on; the token facts in /diagnose will show it";
        return Err(Problem::new(Kind::TimedOut, detail));
    };
    attempts.sort_by_key(|(position, _)| *position);
    Ok(attempts.into_iter().map(|(_, attempt)| attempt).collect())
}

/// Facts when any token was minted (or none was to be), otherwise the worst reason why not.
fn answer(attempts: &[Attempt], now: Moment) -> Result<Response, Problem> {
    let minted = |(_, result): &Attempt| matches!(result, Ok(Refreshed { result: Ok(_), .. }));
    if !attempts.is_empty() && !attempts.iter().any(minted) {
        return Err(why_not(attempts));
    }
    Ok(json(&Answer {
        generated_at: Time(now.wall),
        credentials: attempts.iter().map(|attempt| entry(attempt, now)).collect(),
    }))
}

fn entry((name, result): &Attempt, now: Moment) -> Entry<'_> {
    let (word, cause, token) = match result {
        Ok(Refreshed { result, .. }) => match result {
            Ok(facts) => ("refreshed", None, Some(wire::token(facts, now))),
            Err(outcome) => ("failed", Some(outcome.slug()), None),
        },
        Err(Declined::TooSoon(_) | Declined::LeftAlone(_)) => ("too_soon", None, None),
        Err(Declined::NotRefreshable) => ("not_refreshable", None, None),
        Err(Declined::Unknown) => ("unknown", None, None),
        Err(Declined::Stopping) => ("stopping", None, None),
    };
    Entry {
        credential: name.as_str(),
        result: word,
        cause,
        token,
    }
}

fn why_not(attempts: &[Attempt]) -> Problem {
    let failures: Vec<String> = attempts
        .iter()
        .filter_map(|(name, result)| {
            let outcome = result.as_ref().ok()?.result.as_ref().err()?;
            Some(format!("{name}: {}", outcome.slug()))
        })
        .collect();
    if !failures.is_empty() {
        return Problem::new(Kind::RefreshFailed, some_of(&failures, MOST_FAILURES));
    }
    let declined = attempts
        .iter()
        .filter_map(|(_, result)| result.as_ref().err());
    declined
        .min_by_key(|declined| rank(declined))
        .map_or_else(|| Problem::bare(Kind::Internal), Problem::not_refreshed)
}

/// Which reason speaks for several: the one that most concerns the caller.
fn rank(declined: &Declined) -> u8 {
    match declined {
        Declined::Stopping => 0,
        Declined::TooSoon(_) | Declined::LeftAlone(_) => 1,
        Declined::NotRefreshable => 2,
        Declined::Unknown => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diagnosis::Outcome;
    use crate::evidence::TokenFacts;
    use crate::http::examples::{after, name};

    fn minted() -> Refreshed {
        Refreshed {
            credential: name("a"),
            result: Ok(TokenFacts {
                given: false,
                generation: 2,
                issued_at: after(0),
                expires_at: Some(after(86_400).wall),
                scopes: None,
            }),
        }
    }

    fn failed() -> Refreshed {
        Refreshed {
            credential: name("a"),
            result: Err(Outcome::ClientRejected),
        }
    }

    fn kind(results: Vec<Result<Refreshed, Declined>>) -> Option<Kind> {
        let attempts: Vec<_> = results.into_iter().map(|it| (name("a"), it)).collect();
        answer(&attempts, after(3))
            .err()
            .map(|problem| problem.kind())
    }

    #[test]
    fn one_new_token_makes_a_good_answer() {
        let soon = || Err(Declined::TooSoon(Duration::from_secs(9)));
        assert_eq!(kind(vec![]), None);
        assert_eq!(kind(vec![Ok(minted())]), None);
        assert_eq!(kind(vec![Ok(failed()), soon(), Ok(minted())]), None);
        assert_eq!(kind(vec![soon(), Ok(failed())]), Some(Kind::RefreshFailed));
        let given = Err(Declined::NotRefreshable);
        assert_eq!(kind(vec![given.clone(), soon()]), Some(Kind::TooSoon));
        assert_eq!(kind(vec![given.clone()]), Some(Kind::NotRefreshable));
        assert_eq!(
            kind(vec![given, Err(Declined::Stopping)]),
            Some(Kind::Stopping)
        );
        assert_eq!(
            kind(vec![Err(Declined::Unknown)]),
            Some(Kind::UnknownCredential)
        );
    }

    #[tokio::test]
    async fn the_answer_holds_facts_and_no_token() {
        let attempts = [(name("a"), Ok(minted())), (name("b"), Ok(failed()))];
        let response = answer(&attempts, after(3)).unwrap();
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(body.into()).unwrap(), @r#"{"generated_at":"2026-03-02T12:00:03.000Z","credentials":[{"credential":"a","result":"refreshed","cause":null,"token":{"age_seconds":3,"expires_at":"2026-03-03T12:00:00.000Z","scopes":null}},{"credential":"b","result":"failed","cause":"client_rejected","token":null}]}"#);
    }
}
