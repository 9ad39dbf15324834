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
    refresh(&shared, vec![name]).await
}

/// `POST /token/refresh`
pub(super) async fn refresh_all(
    _: Admin,
    State(shared): State<Arc<Shared>>,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let credentials = snapshot.credentials.iter();
    refresh(&shared, credentials.map(|it| it.name.clone()).collect()).await
}

fn credential_in(snapshot: &Snapshot, name: &str) -> Option<Name> {
    let mut credentials = snapshot.credentials.iter();
    let found = credentials.find(|credential| credential.name.as_str() == name)?;
    Some(found.name.clone())
}

/// One credential and what came of its refresh.
type Attempt = (Name, Result<Refreshed, Declined>);

/// Refreshes side by side and waits for all; refreshes go on when this request ends before them.
async fn refresh(shared: &Shared, names: Vec<Name>) -> Result<Response, Problem> {
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
    let attempts: Vec<Attempt> = attempts.into_iter().map(|(_, attempt)| attempt).collect();
    answer(&attempts, shared.app.clock.now())
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
        Err(Declined::TooSoon(_)) => ("too_soon", None, None),
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
        Declined::TooSoon(_) => 1,
        Declined::NotRefreshable => 2,
        Declined::Unknown => 3,
    }
}
