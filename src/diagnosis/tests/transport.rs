//! What is said where no answer of the API came: whose failure it is, and what to do about it.

use super::*;
use crate::evidence::{Fault, FaultKind, Lack, MintFailure, Origin};

fn fault(kind: FaultKind, origin: Origin, detail: &str) -> Fault {
    Fault {
        kind,
        origin,
        detail: detail.to_owned(),
    }
}

/// The diagnosis of a call that ended so.
fn failed(fault: Fault) -> Diagnosis {
    let mut evidence = evidence(machine(), 200, &[], "", 5);
    evidence.exchanges[0].result = Err(fault);
    diagnose(&evidence)
}

/// The same for the token endpoint at `url`.
fn not_minted(url: &str, fault: Fault) -> Diagnosis {
    let mut evidence = Evidence::new(&target(machine()), Operation::queues(), moment(0));
    evidence.token = TokenEvidence::Unavailable(std::sync::Arc::new(MintFailure {
        exchange: Some(Exchange {
            step: Step::Token,
            request: format!("POST {url}/oauth/token"),
            sent_at: moment(0),
            phases: Phases::default(),
            certificate_ends: None,
            result: Err(fault),
            flaw: None,
        }),
        at: moment(0),
    }));
    diagnose(&evidence)
}

fn steps(diagnosis: &Diagnosis) -> String {
    diagnosis.remedy.steps.join("\n")
}

#[test]
fn what_this_machine_lacks_is_blamed_on_nobody_else() {
    for (lack, words, advice) in [
        (Lack::Descriptors, "no file descriptor left", "LimitNOFILE"),
        (Lack::Ports, "no local port", "ip_local_port_range"),
        (Lack::Route, "no route there", "`ip route`"),
        (Lack::Memory, "no memory left", "memory of this machine"),
        (Lack::Processor, "stood still", "scheduler_lag"),
    ] {
        for kind in [FaultKind::Dns, FaultKind::Connect] {
            let fault = fault(kind, Origin::Machine(lack), "it failed (connecting)");
            for diagnosis in [
                failed(fault.clone()),
                not_minted("https://login.mypurecloud.de", fault),
            ] {
                let summary = &diagnosis.summary;
                assert!(summary.contains(": this machine "), "{summary}");
                assert!(summary.contains(words), "{summary}");
                assert!(
                    summary.ends_with("Seen: it failed (connecting)."),
                    "{summary}"
                );
                assert!(diagnosis.remedy.who.contains("why403 runs on"));
                assert!(steps(&diagnosis).contains(advice), "{}", steps(&diagnosis));
                let blames = ["status page", "firewall", "mypurecloud"];
                assert!(!blames.iter().any(|word| steps(&diagnosis).contains(word)));
            }
        }
    }
}

#[test]
fn a_proxy_that_fails_is_named_and_the_platform_is_not_suspected() {
    let proxy = || Origin::Proxy("proxy.example:3128".to_owned());
    for (kind, outcome) in [
        (FaultKind::Dns, Outcome::Dns),
        (FaultKind::Connect, Outcome::Connect),
        (FaultKind::Tls, Outcome::Tls),
        (FaultKind::Timeout, Outcome::Timeout),
        (FaultKind::Reset, Outcome::Reset),
    ] {
        let diagnosis = failed(fault(kind, proxy(), "it said no"));
        assert_eq!(diagnosis.finding, Finding::Other(outcome));
        let summary = &diagnosis.summary;
        assert!(
            summary.contains("because of the proxy proxy.example:3128. Seen: it said no."),
            "{summary}"
        );
        assert_eq!(
            diagnosis.remedy.who,
            "Whoever runs the proxy proxy.example:3128"
        );
        let steps = steps(&diagnosis);
        assert!(
            steps.contains("connect to api.mypurecloud.de on port 443"),
            "{steps}"
        );
        assert!(!steps.contains("status page"), "{steps}");
    }
    let diagnosis = not_minted(
        "https://gateway.example:8443",
        fault(FaultKind::Connect, proxy(), "no"),
    );
    let steps = steps(&diagnosis);
    assert_eq!(
        diagnosis.finding,
        Finding::Other(Outcome::TokenEndpointDown)
    );
    assert!(
        steps.contains("connect to gateway.example on port 8443"),
        "{steps}"
    );
}

#[test]
fn a_proxy_that_answers_in_the_platforms_stead_is_no_platform() {
    let diagnosis = diagnose(&evidence(machine(), 407, &[], "<html>", 5));
    assert_eq!(diagnosis.finding, Finding::Other(Outcome::BadRequest));
    assert_eq!(diagnosis.confidence, Confidence::Likely);
    let said = "Seen: a proxy on the way asks for a user name and a password";
    assert!(diagnosis.summary.contains(said), "{}", diagnosis.summary);
}

#[test]
fn the_port_that_was_called_is_the_one_that_is_named() {
    let way = |kind| fault(kind, Origin::Way, "it failed");
    let down = not_minted("https://login.example:8443", way(FaultKind::Timeout));
    assert!(steps(&down).contains("connect to login.example on TCP port 8443"));
    let usual = not_minted("https://login.mypurecloud.de", way(FaultKind::Timeout));
    assert!(steps(&usual).contains("on TCP port 443"));
    for kind in [FaultKind::Connect, FaultKind::Timeout] {
        assert!(steps(&failed(way(kind))).contains("TCP port 443"));
    }
    assert!(steps(&failed(way(FaultKind::Tls))).contains("api.mypurecloud.de:443"));
}

#[test]
fn a_login_host_whose_name_is_not_resolved_is_a_matter_of_names() {
    let url = "https://login.mypurecloud.de";
    let unresolved = not_minted(url, fault(FaultKind::Dns, Origin::Way, "it does not exist"));
    let unresolved = steps(&unresolved);
    assert!(
        unresolved.contains("`getent hosts login.mypurecloud.de`"),
        "{unresolved}"
    );
    assert!(!unresolved.contains("TCP port"), "{unresolved}");
    let refused = not_minted(
        url,
        fault(FaultKind::Connect, Origin::Way, "it was refused"),
    );
    let refused = steps(&refused);
    assert!(!refused.contains("getent"), "{refused}");
    assert!(refused.contains("TCP port 443"), "{refused}");
}

#[test]
fn clocks_that_differ_are_told_where_dates_matter() {
    // The call was made at the epoch, and this is how late the platform thinks it is.
    let dated = |minutes: u32| format!("Thu, 01 Jan 1970 00:{minutes:02}:00 GMT");
    let summary = |status, date: &str, body: &str| {
        let headers = [API, &[("date", date)]].concat();
        let evidence = evidence(machine(), status, &headers, body, 3_600);
        let diagnosis = diagnose(&evidence);
        (diagnosis.summary, diagnosis.clock_skew.unwrap().as_secs())
    };
    let expired = api("credentials.expired", "The token has expired");
    let (told, skew) = summary(401, &dated(5), &expired);
    assert!(
        told.ends_with(
            "The platform's clock is 5 min ahead of this machine's: that alone can be the reason."
        ),
        "{told}"
    );
    assert_eq!(skew, 300);
    let (silent, _) = summary(401, &dated(0), &expired);
    assert!(!silent.contains("clock"), "{silent}");
    // A role that is missing has nothing to do with the time of day.
    let (silent, skew) = summary(
        403,
        &dated(5),
        &api("missing.permissions", "[routing:queue:view]"),
    );
    assert!(!silent.contains("clock"), "{silent}");
    assert_eq!(skew, 300);
}

#[test]
fn without_a_probe_the_token_endpoint_decides() {
    let target = target(machine());
    let mut evidence = Evidence::new(&target, Operation::queues(), moment(0));
    evidence.token = TokenEvidence::Unavailable(std::sync::Arc::new(MintFailure {
        exchange: Some(Exchange {
            step: Step::Token,
            request: "POST https://login.mypurecloud.de/oauth/token".to_owned(),
            sent_at: moment(0),
            phases: Phases::default(),
            certificate_ends: None,
            result: Ok(Answer {
                status: 200,
                ..Answer::default()
            }),
            flaw: Some("the answer has no access_token".to_owned()),
        }),
        at: moment(0),
    }));
    let diagnosis = diagnose(&evidence);
    assert_eq!(diagnosis.finding, Finding::Other(Outcome::TokenUnreadable));
    assert!(diagnosis.summary.contains("no access_token"));
}
