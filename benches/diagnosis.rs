//! How long it takes to say what an answer means.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use jiff::Timestamp;

use why403::clock::Moment;
use why403::config::{self, Environment, Sources};
use why403::diagnosis::diagnose;
use why403::evidence::{Answer, Evidence, Exchange, Phases, Step, TokenEvidence, TokenFacts};
use why403::target::Operation;

const GOOD: &str = r#"{"entities":[{"id":"b0e7d1ac-2c4f-4c58-a7df-95e2f3ab0a55","name":"Billing"}],
"pageSize":1,"pageNumber":1,"total":12,"pageCount":12}"#;

const FORBIDDEN: &str = r#"{"message":"Unable to perform the requested action. You must have at least one of the following permissions assigned: [routing:queue:view, routing:queue:search]",
"code":"missing.any.permissions","status":403,"contextId":"5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77",
"details":[],"errors":[]}"#;

const EDGE: &str = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\">\n<HTML><HEAD>\
<TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>403 ERROR</H1>\
<H2>The request could not be satisfied.</H2>Request blocked.</BODY></HTML>";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let platform = [
        ("content-type", "application/json"),
        (
            "inin-correlation-id",
            "5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77",
        ),
    ];
    let edge = [("content-type", "text/html"), ("server", "CloudFront")];
    // Looks like JSON for as long as possible, and then is not.
    let junk = format!("{{\"message\":\"{}", "[a:b:c] <html> ".repeat(4_500));
    let cases = [
        ("ok", evidence(200, &platform, GOOD)),
        ("missing_permission", evidence(403, &platform, FORBIDDEN)),
        ("edge_page", evidence(403, &edge, EDGE)),
        ("junk_64_kib", evidence(403, &[], &junk)),
    ];
    let mut group = criterion.benchmark_group("diagnose");
    for (name, evidence) in &cases {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| diagnose(black_box(evidence)));
        });
    }
    group.finish();
    criterion.final_summary();
}

/// One probe that was answered like this.
fn evidence(status: u16, headers: &[(&str, &str)], body: &str) -> Evidence {
    let sources = Sources {
        environment: Environment::from_pairs([
            ("GENESYS_CLOUD_CLIENT_ID", "demo-client"),
            ("GENESYS_CLOUD_CLIENT_SECRET", "demo-secret"),
        ]),
        ..Sources::default()
    };
    let config = config::load(&sources).unwrap().config;
    let at = Moment {
        elapsed: Duration::from_mins(1),
        wall: Timestamp::UNIX_EPOCH,
    };
    let mut evidence = Evidence::new(config.targets.first().unwrap(), Operation::queues(), at);
    evidence.token = TokenEvidence::Held(TokenFacts {
        given: false,
        generation: 1,
        issued_at: at,
        expires_at: None,
        scopes: None,
    });
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    evidence.exchanges.push(Exchange {
        step: Step::Probe,
        request: "GET https://api.mypurecloud.com/api/v2/routing/queues?pageSize=1".to_owned(),
        sent_at: at,
        phases: Phases::default(),
        certificate_ends: None,
        flaw: None,
        result: Ok(Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.to_owned(),
            length: 0,
            truncated: body.len() >= 64 * 1024,
        }),
    });
    evidence
}
