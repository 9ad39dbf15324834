//! Every finding has its text, and the texts keep to the rules.

use std::time::Duration;

use super::*;
use crate::diagnosis::Division;
use crate::evidence::{Fault, FaultKind, Lack, Origin};
use crate::target::{Mode, OPERATIONS};

pub(super) fn findings() -> Vec<Finding> {
    let causes = Cause::ALL.iter().map(|cause| Finding::Forbidden(*cause));
    let outcomes = Outcome::ALL.iter().map(|outcome| Finding::Other(*outcome));
    causes.chain(outcomes).collect()
}

const KINDS: [IdentityKind; 3] = [
    IdentityKind::Machine,
    IdentityKind::User,
    IdentityKind::Unknown,
];

fn identity(kind: IdentityKind) -> Identity {
    Identity {
        kind,
        grant: "client_credentials",
        client_id: (kind == IdentityKind::Machine).then(|| "demo-client".to_owned()),
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn full() -> Missing {
    Missing {
        mode: Some(Mode::Any),
        assumed: false,
        permissions: texts(&["routing:queue:edit", "routing:queue:view"]),
        scopes: texts(&["routing", "routing:readonly"]),
        divisions: vec![
            Division {
                id: "4f1c".to_owned(),
                name: Some("Sales".to_owned()),
            },
            Division {
                id: "77aa".to_owned(),
                name: None,
            },
        ],
    }
}

fn answer() -> AnswerFacts {
    AnswerFacts {
        status: 403,
        code: Some("missing.any.permissions".to_owned()),
        message: None,
        correlation_id: Some("c0ffee".to_owned()),
        retry_after: Some(Duration::from_secs(42)),
    }
}

fn show(remedy: &Remedy) -> String {
    let steps: Vec<String> = (1..)
        .zip(&remedy.steps)
        .map(|(number, step)| format!("{number}. {step}\n"))
        .collect();
    format!(
        "who: {}\n{}then: {}\ncheck: {}\n",
        remedy.who,
        steps.concat(),
        remedy.propagation,
        remedy.verify
    )
}

fn shown(finding: Finding, kind: IdentityKind, missing: &Missing, host: &str) -> String {
    let identity = identity(kind);
    let answer = answer();
    show(&remedy(
        finding,
        &Context {
            identity: &identity,
            operation: Operation::queues(),
            missing,
            answer: Some(&answer),
            host: Some(host),
            case: &Case::default(),
        },
    ))
}

/// Every remedy there can be, roughly: each finding, identity, operation, and how much is known.
fn each_remedy(mut check: impl FnMut(Finding, IdentityKind, &Remedy)) {
    let (nothing, full, answer) = (Missing::default(), full(), answer());
    let unknown = Case::default();
    let failed = failed();
    let known = [
        (&nothing, None, None, &unknown),
        (&full, Some(&answer), Some("api.mypurecloud.de"), &unknown),
    ];
    let failed = failed
        .iter()
        .map(|case| (&nothing, None, Some("api.mypurecloud.de"), case));
    let known: Vec<_> = known.into_iter().chain(failed).collect();
    for finding in findings() {
        for kind in KINDS {
            let identity = identity(kind);
            for operation in OPERATIONS {
                for (missing, answer, host, case) in &known {
                    let context = Context {
                        identity: &identity,
                        operation,
                        missing,
                        answer: *answer,
                        host: *host,
                        case,
                    };
                    check(finding, kind, &remedy(finding, &context));
                }
            }
        }
    }
}

/// Calls that no answer came to, by where that lies.
fn failed() -> Vec<Case> {
    let lacks = Lack::ALL.iter().map(|lack| Origin::Machine(*lack));
    let proxy = Origin::Proxy("proxy.example:3128".to_owned());
    let case = |origin| Case {
        fault: Some(Fault {
            kind: FaultKind::Dns,
            origin,
            detail: String::new(),
        }),
        port: Some(8443),
        ..Case::default()
    };
    lacks.chain([proxy, Origin::Way]).map(case).collect()
}

fn is_sentence(text: &str) -> bool {
    text.ends_with('.') && !text.contains("  ") && text.starts_with(|c: char| !c.is_whitespace())
}

#[test]
fn every_finding_has_a_title_a_meaning_and_somebody_to_act() {
    let mut titles = std::collections::BTreeSet::new();
    for finding in findings() {
        let entry = entry(finding);
        assert!(titles.insert(entry.title), "{} is used twice", entry.title);
        assert!(entry.title.chars().count() <= 80, "{}", entry.title);
        assert!(!entry.title.is_empty() && !entry.title.ends_with('.'));
        assert!(is_sentence(entry.meaning), "{}", entry.meaning);
        assert!(!entry.who.is_empty() && !entry.who.ends_with('.'));
        for neighbour in entry.confused_with {
            let slug = neighbour.slug;
            assert!(
                Cause::find(slug).is_some() || Outcome::find(slug).is_some(),
                "{slug}"
            );
            assert_ne!(Some(slug), finding.cause());
            assert!(
                is_sentence(neighbour.difference),
                "{}",
                neighbour.difference
            );
        }
    }
}

#[test]
fn every_remedy_is_complete_and_reads_as_sentences() {
    each_remedy(|finding, kind, remedy| {
        assert!(!remedy.steps.is_empty(), "{finding:?} {kind:?}");
        let most = if kind == IdentityKind::Unknown { 8 } else { 6 };
        assert!(remedy.steps.len() <= most, "{finding:?} {kind:?}");
        let texts = [&remedy.propagation, &remedy.verify];
        for text in remedy.steps.iter().chain(texts) {
            assert!(is_sentence(text), "{finding:?}: {text}");
            let filled = text.replace("{queueId}", "").replace("{roleId}", "");
            let filled = filled.replace("{clientId}", "").replace("{target}", "");
            assert!(!filled.contains(['{', '}']), "{finding:?}: {text}");
        }
    });
}

#[test]
fn no_remedy_grants_more_than_is_needed() {
    each_remedy(|finding, _, remedy| {
        let all = show(remedy);
        for greedy in ["Master Admin", "all permissions", "All Permissions"] {
            assert!(!all.contains(greedy), "{finding:?}: {all}");
        }
    });
}

#[test]
fn of_several_permissions_the_least_powerful_is_granted_or_all_when_all_are_needed() {
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let host = "api.mypurecloud.de";
    let any = shown(finding, IdentityKind::Machine, &full(), host);
    assert!(
        any.contains("a role with the permission `routing:queue:view`"),
        "{any}"
    );
    assert!(!any.contains("routing:queue:edit"), "{any}");
    let all = Missing {
        mode: Some(Mode::All),
        ..full()
    };
    let all = shown(finding, IdentityKind::Machine, &all, host);
    assert!(
        all.contains("`routing:queue:edit` (Routing > Queue > Edit) and "),
        "{all}"
    );
    assert!(!all.contains("would do"), "{all}");
}

#[test]
fn no_machine_is_told_to_add_a_scope() {
    each_remedy(|finding, kind, remedy| {
        if kind != IdentityKind::Machine {
            return;
        }
        for step in &remedy.steps {
            let step = step.to_lowercase();
            let advises = [
                "add ",
                "ask for",
                "authorize",
                "request",
                "grant ",
                "allow ",
            ]
            .iter()
            .any(|verb| step.contains(verb));
            assert!(!(step.contains("scope") && advises), "{finding:?}: {step}");
        }
    });
}

#[test]
fn machine_and_user_are_sent_to_different_places() {
    for cause in [
        Cause::MissingPermission,
        Cause::MissingDivisionPermission,
        Cause::MissingScope,
    ] {
        let finding = Finding::Forbidden(cause);
        let machine = shown(
            finding,
            IdentityKind::Machine,
            &full(),
            "api.mypurecloud.de",
        );
        let user = shown(finding, IdentityKind::User, &full(), "api.mypurecloud.de");
        assert!(
            machine.contains("the OAuth client demo-client"),
            "{machine}"
        );
        assert!(!machine.contains("open the person"), "{machine}");
        assert!(!user.contains("demo-client"), "{user}");
        let unknown = shown(
            finding,
            IdentityKind::Unknown,
            &full(),
            "api.mypurecloud.de",
        );
        assert!(
            unknown.contains("If the token belongs to a user: "),
            "{unknown}"
        );
        assert!(
            unknown.contains("If the token belongs to an OAuth client: "),
            "{unknown}"
        );
    }
}

#[test]
fn a_permission_that_genesys_does_not_publish_for_the_operation_is_pointed_out() {
    let missing = Missing {
        permissions: texts(&["routing:queue:frobnicate"]),
        ..Missing::default()
    };
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let host = "api.mypurecloud.de";
    let differs = shown(finding, IdentityKind::Machine, &missing, host);
    assert!(
        differs.contains("Genesys publishes `routing:queue:view`"),
        "{differs}"
    );
    let agrees = shown(finding, IdentityKind::Machine, &full(), host);
    assert!(!agrees.contains("Genesys publishes"), "{agrees}");
}

#[test]
fn a_scope_that_is_not_of_the_platform_is_pointed_out() {
    let missing = Missing {
        scopes: texts(&["routing:queue:read"]),
        ..Missing::default()
    };
    let finding = Finding::Forbidden(Cause::MissingScope);
    let host = "gateway.example";
    let foreign = shown(finding, IdentityKind::User, &missing, host);
    assert!(
        foreign.contains("`routing:queue:read` is asked for by a gateway"),
        "{foreign}"
    );
    let own = shown(finding, IdentityKind::User, &full(), host);
    assert!(!own.contains("by a gateway"), "{own}");
    assert!(
        own.contains("ask for the scope `routing:readonly` when"),
        "{own}"
    );
}

#[test]
fn remedies_that_people_read_most() {
    insta::assert_snapshot!(
        "machine_missing_permission",
        shown(
            Finding::Forbidden(Cause::MissingPermission),
            IdentityKind::Machine,
            &full(),
            "api.mypurecloud.de"
        )
    );
    insta::assert_snapshot!(
        "user_missing_scope",
        shown(
            Finding::Forbidden(Cause::MissingScope),
            IdentityKind::User,
            &full(),
            "api.mypurecloud.de"
        )
    );
    insta::assert_snapshot!(
        "client_rejected",
        shown(
            Finding::Other(Outcome::ClientRejected),
            IdentityKind::Machine,
            &Missing::default(),
            "login.mypurecloud.de"
        )
    );
    insta::assert_snapshot!(
        "unknown_identity_missing_division",
        shown(
            Finding::Forbidden(Cause::MissingDivisionPermission),
            IdentityKind::Unknown,
            &full(),
            "api.mypurecloud.de"
        )
    );
}
