//! The remedy of each cause, with and without facts, as people read it.

use std::fmt::Write as _;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::visibility::Loss;
use super::super::{
    AnswerFacts, Cause, Command, Division, Finding, Missing, Outcome, Remedy, Tool,
};
use super::*;
use crate::evidence::Named;
use crate::target::{IdentityKind, Mode, Operation};

const CLIENT: &str = "6f4cd1ab-92a5-4d3c-8a52-0c6d9b5f3b11";
const ROLE: &str = "b0a4d1ac-2c4f-4c58-a7df-95e2f3ab0a55";
const HOME: &str = "3f1c0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10";
const SALES: &str = "77aa0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10";

fn named(id: &str, name: &str) -> Named {
    Named {
        id: id.to_owned(),
        name: Some(name.to_owned()),
    }
}

fn division(id: &str, name: &str) -> Division {
    Division {
        id: id.to_owned(),
        name: Some(name.to_owned()),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What is known when every experiment was answered.
fn known() -> Case {
    Case {
        target: Some("prod-eu".to_owned()),
        carrier: Carrier::Elsewhere(named(ROLE, "Queue Reader")),
        divisions: vec![division(HOME, "Home"), division(SALES, "Sales")],
        organization: Some(named("0e0e0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10", "Example Ltd")),
        home: Some(named("0f0f0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10", "Partner Ltd")),
        client: Some(named(CLIENT, "Orders")),
        at: Some(at("2026-03-02T12:00:00Z")),
        settled_at: Some(at("2026-03-02T12:04:30Z")),
        was_controlled: true,
        is_proven: true,
        fresh_works: true,
        trace: vec!["server: CloudFront".to_owned(), "via: 1.1 proxy".to_owned()],
        ..Case::default()
    }
}

fn missing(divisions: Vec<Division>) -> Missing {
    Missing {
        mode: Some(Mode::Any),
        permissions: vec!["routing:queue:view".to_owned()],
        scopes: vec!["routing".to_owned(), "routing:readonly".to_owned()],
        divisions,
        ..Missing::default()
    }
}

fn answer() -> AnswerFacts {
    AnswerFacts {
        status: 403,
        code: None,
        message: None,
        correlation_id: Some("c0ffee00-6f60-4f7e-8e0b-1f3f4f0c2d10".to_owned()),
        retry_after: None,
    }
}

fn made(finding: Finding, kind: IdentityKind, missing: &Missing, case: &Case) -> Remedy {
    let identity = Identity {
        kind,
        grant: "client_credentials",
        client_id: (kind == IdentityKind::Machine).then(|| CLIENT.to_owned()),
    };
    let answer = case.at.map(|_| answer());
    let context = Context {
        identity: &identity,
        operation: Operation::queues(),
        missing,
        answer: answer.as_ref(),
        host: case.at.map(|_| "api.mypurecloud.de"),
        case,
    };
    compose(finding, &context)
}

fn show(remedy: &Remedy) -> String {
    let mut shown = format!("who: {}\n", remedy.who);
    for (number, step) in (1..).zip(&remedy.steps) {
        writeln!(shown, "{number}. {step}").unwrap();
    }
    writeln!(shown, "then: {}", remedy.propagation).unwrap();
    for command in &remedy.commands {
        let Command {
            tool,
            purpose,
            text,
        } = command;
        writeln!(shown, "[{}] {purpose}\n{text}", tool.as_str()).unwrap();
    }
    shown
}

/// The remedy for a machine and for a user, with all facts and with none.
fn sheet(finding: Finding, missing: &Missing, known: &Case) -> String {
    let mut sheet = String::new();
    for kind in [IdentityKind::Machine, IdentityKind::User] {
        for (label, case) in [("known", known), ("not known", &Case::default())] {
            let nothing = Missing::default();
            let missing = if case.at.is_some() { missing } else { &nothing };
            let remedy = made(finding, kind, missing, case);
            writeln!(sheet, "--- {}, {label}\n{}", kind.as_str(), show(&remedy)).unwrap();
        }
    }
    sheet
}

#[test]
fn each_cause_of_a_403() {
    for cause in Cause::ALL {
        let divisions = match cause {
            Cause::MissingDivisionPermission => vec![division(HOME, "Home")],
            _ => Vec::new(),
        };
        let case = match cause {
            Cause::MissingPermission => Case {
                carrier: Carrier::New,
                could: Some(named("c0", "Reporting")),
                ..known()
            },
            _ => known(),
        };
        let finding = Finding::Forbidden(*cause);
        insta::assert_snapshot!(cause.slug(), sheet(finding, &missing(divisions), &case));
    }
}

#[test]
fn a_role_that_was_taken_or_edited_or_is_bound_by_a_condition() {
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let missing = missing(Vec::new());
    let taken = Case {
        carrier: Carrier::Again(named(ROLE, "Queue Reader")),
        ..known()
    };
    insta::assert_snapshot!("role_taken", sheet(finding, &missing, &taken));
    let edited = Case {
        carrier: Carrier::Edited(named(ROLE, "Queue Reader")),
        ..known()
    };
    insta::assert_snapshot!("role_edited", sheet(finding, &missing, &edited));
    let bound = Case {
        bound: vec![named(ROLE, "Queue Reader")],
        ..known()
    };
    let finding = Finding::Forbidden(Cause::PolicyDenied);
    insta::assert_snapshot!("role_bound", sheet(finding, &missing, &bound));
}

#[test]
fn each_reason_for_seeing_fewer_queues() {
    let finding = Finding::Other(Outcome::QueuesMissing);
    let mut shown = String::new();
    for loss in [
        Loss::Lost,
        Loss::NotGranted,
        Loss::Behind,
        Loss::Deleted,
        Loss::DeletedOrMoved,
        Loss::NoneThere,
        Loss::Hidden,
    ] {
        let case = Case {
            loss: Some(loss),
            below_minimum: loss == Loss::NoneThere,
            ..known()
        };
        let missing = Missing {
            divisions: vec![division(SALES, "Sales")],
            ..Missing::default()
        };
        let remedy = made(finding, IdentityKind::Machine, &missing, &case);
        writeln!(shown, "--- {loss:?}\n{}", show(&remedy)).unwrap();
    }
    insta::assert_snapshot!("queues_missing", shown);
}

#[test]
fn access_that_ends_is_mended_before_it_ends() {
    let case = Case {
        is_ending: true,
        ends_at: Some(at("2026-03-03T12:00:00Z")),
        ..known()
    };
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let remedy = made(finding, IdentityKind::Machine, &missing(Vec::new()), &case);
    assert!(
        remedy.steps[0].contains("2026-03-03 12:00 UTC"),
        "{remedy:?}"
    );
    assert!(remedy.steps[1].contains("Queue Reader"), "{remedy:?}");
}

#[test]
fn the_password_grant_is_called_what_it_is() {
    let identity = Identity {
        kind: IdentityKind::User,
        grant: "password",
        client_id: Some(CLIENT.to_owned()),
    };
    let context = Context {
        identity: &identity,
        operation: Operation::queues(),
        missing: &Missing::default(),
        answer: None,
        host: None,
        case: &Case::default(),
    };
    let remedy = compose(Finding::Other(Outcome::GrantRejected), &context);
    assert!(
        remedy.steps[0].contains("does not offer name and password"),
        "{remedy:?}"
    );
    let identity = Identity {
        grant: "client_credentials",
        ..identity.clone()
    };
    let answer = AnswerFacts {
        code: Some("unsupported_grant_type".to_owned()),
        ..answer()
    };
    let context = Context {
        identity: &identity,
        answer: Some(&answer),
        ..context
    };
    let remedy = compose(Finding::Other(Outcome::GrantRejected), &context);
    assert!(
        remedy.steps[0].contains("does not offer this grant"),
        "{remedy:?}"
    );
}

#[test]
fn both_permissions_are_named_and_the_published_one_is_granted_first() {
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let other = Missing {
        permissions: vec!["routing:skill:assign".to_owned()],
        ..Missing::default()
    };
    let new = Case {
        carrier: Carrier::New,
        ..known()
    };
    let remedy = made(finding, IdentityKind::Machine, &other, &new);
    assert!(
        remedy.steps[0].contains("`routing:queue:view`"),
        "{remedy:?}"
    );
    assert!(
        remedy.steps[2].contains("`routing:skill:assign` only if"),
        "{remedy:?}"
    );
    let held = Case {
        is_held: true,
        ..new
    };
    let remedy = made(finding, IdentityKind::Machine, &other, &held);
    assert!(
        remedy.steps[0].contains("`routing:skill:assign`"),
        "{remedy:?}"
    );
}

#[test]
fn a_division_of_which_only_the_name_is_known_is_looked_up_first() {
    let case = Case {
        divisions: vec![division("it's Sales", "it's Sales"), division("*", "all")],
        ..known()
    };
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let remedy = made(finding, IdentityKind::Machine, &missing(Vec::new()), &case);
    let all = show(&remedy);
    assert!(
        all.contains(r"divisions list --name 'it'\''s Sales' -a"),
        "{all}"
    );
    assert!(
        all.contains(&format!("create {CLIENT} <divisionId> {ROLE} ")),
        "{all}"
    );
    assert!(
        all.contains(&format!("create {CLIENT} '*' {ROLE} ")),
        "{all}"
    );
}

#[test]
fn no_wildcard_is_ever_granted() {
    let wild = Missing {
        permissions: vec!["routing:*:*".to_owned()],
        ..Missing::default()
    };
    let finding = Finding::Forbidden(Cause::MissingPermission);
    let all = show(&made(finding, IdentityKind::Machine, &wild, &known()));
    assert!(!all.contains("routing:*"), "{all}");
}

/// What a shell reads of a line besides quoted words.
fn unquoted(line: &str) -> String {
    let plain = line.replace(r"'\''", "");
    plain.split('\'').step_by(2).collect()
}

proptest! {
    #[test]
    fn nothing_that_is_pasted_becomes_anything_else(
        id in "\\PC{0,40}",
        name in "\\PC{0,40}",
        permission in "\\PC{0,20}:\\PC{0,9}:\\PC{0,9}",
        kind in 0..3_usize,
        carrier in 0..4_usize,
    ) {
        let role = named(&id, &name);
        let case = Case {
            carrier: match carrier {
                0 => Carrier::New,
                1 => Carrier::Again(role.clone()),
                2 => Carrier::Elsewhere(role.clone()),
                _ => Carrier::Edited(role.clone()),
            },
            bound: vec![role.clone()],
            divisions: vec![division(&id, &name), division(&name, &name)],
            client: Some(role),
            loss: Some(Loss::Lost),
            ..Case::default()
        };
        let missing = Missing { permissions: vec![permission], ..Missing::default() };
        let kinds = [IdentityKind::Machine, IdentityKind::User, IdentityKind::Unknown];
        let causes = Cause::ALL.iter().map(|cause| Finding::Forbidden(*cause));
        for finding in causes.chain([Finding::Other(Outcome::QueuesMissing)]) {
            for command in made(finding, kinds[kind], &missing, &case).commands {
                let harmless = |c: char| c.is_ascii_alphanumeric() || " ,-_".contains(c);
                prop_assert!(command.purpose.chars().all(harmless), "{}", command.purpose);
                if command.tool == Tool::Gc {
                    for line in command.text.lines().filter(|line| !line.starts_with("# ")) {
                        let read = unquoted(line);
                        let plain = |c: char| c.is_ascii_alphanumeric() || " -:_.".contains(c);
                        let read = read.replace(" | gc ", " ").replace(" > role.json", "");
                        let read = read.replace(['<', '>'], "");
                        prop_assert!(read.chars().all(plain), "{line}");
                    }
                } else {
                    let is_template = ["${", "%{"].iter().any(|it| command.text.contains(it));
                    prop_assert!(!is_template, "{}", command.text);
                }
            }
        }
    }
}
