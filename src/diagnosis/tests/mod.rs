mod borders;
mod build;
mod details;
mod experiments;
mod gateways;
mod loss;
mod planned;
mod properties;
mod questions;
mod rights;
mod transport;
mod verified;
mod wording;

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::clock::Moment;
use crate::evidence::{
    Answer, Exchange, Experiment, ExperimentKind, Found, Phases, Step, TokenFacts,
};
use crate::target::{Credential, Expect, Grant, Name, Operation, Secret, Target};

const GUID: &str = "0b5d3a4e-1f2a-4c3b-9d8e-7f6a5b4c3d2e";

fn moment(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        wall: Timestamp::UNIX_EPOCH,
    }
}

fn target(grant: Grant) -> Target {
    let name = Name::new("default").unwrap();
    Target {
        name: name.clone(),
        api: Url::parse("https://api.mypurecloud.de").unwrap(),
        credential: std::sync::Arc::new(Credential {
            name,
            login: Url::parse("https://login.mypurecloud.de").unwrap(),
            grant,
        }),
        operations: vec![Operation::queues()],
        expect: Expect::default(),
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(10),
    }
}

fn machine() -> Grant {
    Grant::ClientCredentials {
        client_id: "demo-client".to_owned(),
        client_secret: Secret::fixed("secret"),
    }
}

/// Evidence of one probe with this answer, with a token `age` seconds old.
fn evidence(grant: Grant, status: u16, headers: &[(&str, &str)], body: &str, age: u64) -> Evidence {
    let target = target(grant);
    let mut evidence = Evidence::new(&target, Operation::queues(), moment(10_000));
    evidence.token = TokenEvidence::Held(TokenFacts {
        generation: 1,
        issued_at: moment(10_000 - age),
        expires_at: Some(Timestamp::UNIX_EPOCH),
        given: false,
        scopes: None,
    });
    evidence.exchanges.push(Exchange {
        step: Step::Probe,
        request: format!("GET {}", target.probe_url(Operation::queues())),
        sent_at: moment(10_000),
        phases: Phases::default(),
        certificate_ends: None,
        result: Ok(Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned(),
            length: body.len(),
            truncated: false,
        }),
        flaw: None,
    });
    evidence
}

fn api(code: &str, message: &str) -> String {
    serde_json::json!({"code": code, "message": message, "status": 403, "contextId": GUID})
        .to_string()
}

const API: &[(&str, &str)] = &[
    ("inin-correlation-id", GUID),
    ("content-type", "application/json"),
];

fn forbidden(headers: &[(&str, &str)], body: &str) -> Diagnosis {
    diagnose(&evidence(machine(), 403, headers, body, 3_600))
}

fn cause_of(headers: &[(&str, &str)], body: &str) -> (&'static str, Confidence) {
    let diagnosis = forbidden(headers, body);
    (diagnosis.finding.cause().unwrap(), diagnosis.confidence)
}

#[test]
fn every_403_that_one_answer_can_tell_is_told() {
    use Confidence::{Likely, Possible};
    let any =
        "You must have at least one of the following permissions assigned: [routing:queue:view]";
    let all = "You are missing the following permission(s): [routing:queue:view]";
    let division =
        format!("permissions assigned: [] in at least one of the following division(s): [{GUID}]");
    let fourth =
        format!("You are missing the following permission(s): [routing:queue:view:{GUID}]");
    for (body, cause, confidence) in [
        (
            api("missing.any.permissions", any),
            "missing_permission",
            Likely,
        ),
        (
            api("missing.permissions", all),
            "missing_permission",
            Likely,
        ),
        (
            api(
                "missing.permissions",
                "Es fehlen Rechte: [routing:queue:view]",
            ),
            "missing_permission",
            Likely,
        ),
        (
            api("missing.any.permissions", "[analytics:x:view]"),
            "missing_permission",
            Possible,
        ),
        (
            api("missing.division.permission", &division),
            "missing_division_permission",
            Likely,
        ),
        (
            api("missing.any.permissions", &division),
            "missing_division_permission",
            Likely,
        ),
        (
            api("missing.permissions", &fourth),
            "missing_division_permission",
            Likely,
        ),
        (
            api("missing.trustor.permissions", ""),
            "trustor_permission",
            Likely,
        ),
        (
            api(
                "not.authorized",
                "You are not authorized to perform the requested action.",
            ),
            "object_forbidden",
            Possible,
        ),
        (api("not.authorized", all), "missing_permission", Likely),
        (api("insufficient_scope", ""), "missing_scope", Possible),
        (
            r#"{"errorCode":"insufficient_scope","message":"x"}"#.to_owned(),
            "missing_scope",
            Possible,
        ),
        (
            api("", "The token lacks a required scope."),
            "missing_scope",
            Possible,
        ),
        (api("", "Access denied"), "missing_permission", Possible),
        (api("", "microscope"), "unknown_403", Possible),
        (
            api("some.new.code", "Something new."),
            "unknown_403",
            Possible,
        ),
        ("[]".to_owned(), "unknown_403", Possible),
        (r#"{"status":403}"#.to_owned(), "unknown_403", Possible),
        (String::new(), "unreadable_403", Possible),
        ("\u{1}\u{2}\u{fffd}".to_owned(), "unreadable_403", Possible),
        (
            "<html>from the platform itself</html>".to_owned(),
            "unreadable_403",
            Possible,
        ),
    ] {
        assert_eq!(cause_of(API, &body), (cause, confidence), "{body}");
    }
}

#[test]
fn an_edge_is_known_by_what_it_makes_not_by_what_passes_through_it() {
    let passed = [
        ("inin-correlation-id", GUID),
        ("via", "1.1 x.cloudfront.net (CloudFront)"),
        ("x-cache", "Error from cloudfront"),
    ];
    assert_eq!(
        cause_of(&passed, &api("missing.permissions", "[routing:queue:view]")).0,
        "missing_permission"
    );
    let html = "<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE>";
    assert_eq!(
        cause_of(&[("server", "CloudFront")], html),
        ("edge_block", Confidence::Likely)
    );
    assert_eq!(cause_of(&[], html), ("edge_block", Confidence::Possible));
    assert_eq!(
        cause_of(&[("server", "awselb/2.0")], ""),
        ("edge_block", Confidence::Likely)
    );
    assert_eq!(
        cause_of(&[], "Access Denied. Reference #18.1"),
        ("edge_block", Confidence::Possible)
    );
    assert_eq!(cause_of(&[], "Access denied").0, "unreadable_403");
    assert_eq!(
        cause_of(
            &[("x-amzn-errortype", "ForbiddenException")],
            r#"{"message":"Forbidden"}"#
        )
        .0,
        "edge_block"
    );
    assert_eq!(cause_of(&[], r#"{"message":"Forbidden"}"#).0, "unknown_403");
}

#[test]
fn a_scope_that_looks_like_a_permission_is_still_a_scope() {
    let body = r#"{"message":"Insufficient scope. Required scope: routing:queue:read"}"#;
    let diagnosis = forbidden(&[], body);
    assert_eq!(diagnosis.finding, Finding::Forbidden(Cause::MissingScope));
    assert_eq!(diagnosis.missing.scopes, ["routing:queue:read"]);
}

#[test]
fn the_word_division_in_the_name_of_a_permission_is_no_division() {
    let body = api(
        "missing.permissions",
        "You are missing: [authorization:division:view]",
    );
    assert_eq!(cause_of(API, &body).0, "missing_permission");
}

#[test]
fn a_gateway_behind_an_edge_speaks_for_the_platform() {
    let passed = [("cf-ray", "8a-FRA"), ("server", "cloudflare")];
    let body = r#"{"message":"You are missing the following permission(s): [routing:queue:view]"}"#;
    assert_eq!(cause_of(&passed, body).0, "missing_permission");
    assert_eq!(
        cause_of(&passed, "<html>blocked"),
        ("edge_block", Confidence::Possible)
    );
}

#[test]
fn a_permission_that_the_answer_does_not_name_is_doubted() {
    let diagnosis = forbidden(API, &api("missing.permissions", ""));
    assert!(diagnosis.missing.assumed);
    assert!(
        diagnosis.summary.contains("names none"),
        "{}",
        diagnosis.summary
    );
    assert!(
        diagnosis.undetermined[0]
            .because
            .contains("names no permission")
    );
}

#[test]
fn a_401_is_provisional_until_a_fresh_token_was_tried() {
    let mut rejected = evidence(machine(), 401, API, &api("bad.credentials", ""), 60);
    assert!(diagnose(&rejected).provisional);
    let mut retry = rejected.exchanges[0].clone();
    retry.step = Step::Retry;
    rejected.exchanges.push(retry);
    assert!(!diagnose(&rejected).provisional);
    let address = evidence(machine(), 401, API, &api("ip.not.authorized", ""), 60);
    assert!(!diagnose(&address).provisional);
}

#[test]
fn a_challenge_outranks_the_body() {
    let headers = [(
        "www-authenticate",
        r#"Bearer error="insufficient_scope", scope="routing""#,
    )];
    let diagnosis = forbidden(&headers, "");
    assert_eq!(diagnosis.finding, Finding::Forbidden(Cause::MissingScope));
    assert_eq!(diagnosis.missing.scopes, ["routing"]);
    let token = Grant::AccessToken {
        token: Secret::fixed("token"),
    };
    let user = diagnose(&evidence(token, 403, &headers, "", 0));
    assert_eq!(user.confidence, Confidence::Likely);
}

#[test]
fn a_refusal_that_names_nothing_is_filled_from_the_catalogue() {
    let body = api(
        "missing.division.permission",
        &format!("permissions assigned: [] in at least one of the following division(s): [{GUID}]"),
    );
    let diagnosis = forbidden(API, &body);
    assert_eq!(diagnosis.missing.permissions, ["routing:queue:view"]);
    assert_eq!(diagnosis.missing.divisions[0].id, GUID);
}

#[test]
fn every_other_answer_has_its_outcome() {
    let user = "This request requires a user context. Client credentials cannot be used for requests to this resource.";
    for (status, body, outcome) in [
        (
            200,
            r#"{"entities":[{"id":"1","name":"n"}],"total":3}"#.to_owned(),
            Outcome::Ok,
        ),
        (
            200,
            r#"{"entities":[],"total":0}"#.to_owned(),
            Outcome::QueuesEmpty,
        ),
        (200, "<html>login".to_owned(), Outcome::UnreadableAnswer),
        (204, String::new(), Outcome::UnreadableAnswer),
        (101, String::new(), Outcome::UnreadableAnswer),
        (600, "{}".to_owned(), Outcome::UnreadableAnswer),
        (302, String::new(), Outcome::Redirected),
        (400, api("bad.request", "x"), Outcome::BadRequest),
        (400, api("", user), Outcome::UserContextRequired),
        (
            401,
            api("bad.credentials", "Invalid login credentials."),
            Outcome::TokenRejected,
        ),
        (401, api("credentials.expired", ""), Outcome::TokenExpired),
        (
            401,
            api("authentication.required", ""),
            Outcome::TokenMissing,
        ),
        (401, api("ip.not.authorized", ""), Outcome::IpNotAllowed),
        (401, String::new(), Outcome::TokenRejected),
        (404, api("not.found", ""), Outcome::NotFound),
        (410, String::new(), Outcome::NotFound),
        (
            405,
            api("featuretoggleservice.featurenotenabled", ""),
            Outcome::FeatureDisabled,
        ),
        (405, String::new(), Outcome::BadRequest),
        (501, api("not.implemented", ""), Outcome::FeatureDisabled),
        (429, String::new(), Outcome::RateLimited),
        (500, "<html>".to_owned(), Outcome::UpstreamError),
        (503, String::new(), Outcome::UpstreamError),
        (
            504,
            api("authentication.request.timeout", ""),
            Outcome::AuthServiceSlow,
        ),
        (504, api("request.timeout", ""), Outcome::UpstreamError),
        (418, String::new(), Outcome::BadRequest),
    ] {
        let diagnosis = diagnose(&evidence(machine(), status, API, &body, 3_600));
        assert_eq!(
            diagnosis.finding,
            Finding::Other(outcome),
            "{status} {body}"
        );
    }
}

#[test]
fn fewer_queues_than_expected_are_missing() {
    let mut evidence = evidence(machine(), 200, API, r#"{"entities":[],"total":3}"#, 0);
    evidence.expect.min_queues = 4;
    assert_eq!(
        diagnose(&evidence).finding,
        Finding::Other(Outcome::QueuesMissing)
    );
    evidence.expect.min_queues = 3;
    assert_eq!(diagnose(&evidence).finding, Finding::Other(Outcome::Ok));
}

#[test]
fn a_success_too_large_to_read_is_said_and_a_large_refusal_is_still_read() {
    let mut large = evidence(machine(), 200, API, "{\"entities\":[", 0);
    large.exchanges[0].result.as_mut().unwrap().truncated = true;
    assert_eq!(
        diagnose(&large).finding,
        Finding::Other(Outcome::AnswerTooLarge)
    );
    let mut refused = evidence(
        machine(),
        403,
        API,
        "{\"code\":\"missing.permissions\",\"x\":\"",
        0,
    );
    refused.exchanges[0].result.as_mut().unwrap().truncated = true;
    assert_eq!(
        diagnose(&refused).finding,
        Finding::Forbidden(Cause::MissingPermission)
    );
}

#[test]
fn one_answer_proves_no_cause_of_a_403() {
    let diagnosis = forbidden(API, &api("missing.permissions", "[routing:queue:view]"));
    assert_eq!(diagnosis.confidence, Confidence::Likely);
    let ruled: Vec<_> = diagnosis
        .ruled_out
        .iter()
        .map(|ruled| ruled.cause)
        .collect();
    assert_eq!(ruled, ["edge_block", "token_rejected", "missing_scope"]);
    assert!(
        diagnosis
            .undetermined
            .iter()
            .any(|open| open.question.contains("fresh token"))
    );
    let fresh = diagnose(&evidence(
        machine(),
        403,
        API,
        &api("missing.permissions", "[routing:queue:view]"),
        2,
    ));
    assert!(
        fresh
            .ruled_out
            .iter()
            .any(|ruled| ruled.cause == "stale_token")
    );
}

proptest! {
    #[test]
    fn every_answer_gives_a_diagnosis_and_the_same_one_again(
        status: u16,
        body: String,
        header in prop_oneof!["www-authenticate", "inin-correlation-id", "retry-after", "server"],
        value: String,
    ) {
        let evidence = evidence(machine(), status, &[(header.as_str(), value.as_str())], &body, 5);
        let first = diagnose(&evidence);
        let again = diagnose(&evidence);
        prop_assert_eq!(first.finding, again.finding);
        prop_assert_eq!(&first.summary, &again.summary);
        prop_assert_eq!(first.finding.outcome() == Outcome::Forbidden, status == 403);
        prop_assert!(status != 403 || first.confidence < Confidence::Proven);
        prop_assert!(!first.summary.chars().any(char::is_control), "{}", first.summary);
        prop_assert!(!first.remedy.who.is_empty());
    }

    #[test]
    fn every_error_body_gives_a_diagnosis(code: String, message: String) {
        let body = api(&code, &message);
        let diagnosis = forbidden(API, &body);
        prop_assert!(diagnosis.finding.cause().is_some());
        prop_assert!(!diagnosis.summary.is_empty());
    }
}
