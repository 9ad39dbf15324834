//! What holds for every evidence: one diagnosis, always the same, no more sure than its evidence.

use std::collections::BTreeSet;

use super::build::*;
use super::*;

const OTHER: &str = "analytics:queue:view";

/// A refusal by anybody, about anything, of a token of any age.
fn any_refusal() -> impl Strategy<Value = Evidence> {
    let bodies = vec![
        api("missing.any.permissions", &format!("[{VIEW}]")),
        api("missing.permissions", &format!("[{VIEW}, {OTHER}]")),
        api("missing.permissions", &format!("[{OTHER}]")),
        api("missing.permissions", ""),
        api("missing.permissions", &format!("[{VIEW}:{GUID}]")),
        api(
            "missing.any.permissions",
            &format!("[] in the following division(s): [{GUID}]"),
        ),
        api("missing.trustor.permissions", ""),
        api("not.authorized", "No."),
        api("insufficient_scope", ""),
        api("some.code", "Something."),
        "<html>".to_owned(),
        String::new(),
        "[]".to_owned(),
    ];
    let headers = prop_oneof![
        Just(API.to_vec()),
        Just(Vec::new()),
        Just(vec![("server", "CloudFront")]),
    ];
    let given = Grant::AccessToken {
        token: Secret::fixed("token"),
    };
    let grant = prop_oneof![Just(machine()), Just(given)];
    (
        grant,
        headers,
        proptest::sample::select(bodies),
        0_u64..9_000,
    )
        .prop_map(|(grant, headers, body, age)| evidence(grant, 403, &headers, &body, age))
}

/// One experiment of each kind, with any result; half of them were not made.
fn any_experiments() -> impl Strategy<Value = Vec<Experiment>> {
    let pick = |options: Vec<Experiment>| proptest::option::of(proptest::sample::select(options));
    let failed = |kind| experiment(kind, Err(NOBODY.to_owned()));
    let ago = |ago, bound| grants(vec![role(&[VIEW], GUID, ago, bound)]);
    (
        pick(vec![
            owner("o", "CLIENT-CREDENTIALS", &[]),
            owner("o", "CODE", &["routing"]),
            owner("o", "CODE", &["analytics"]),
            owner("x", "CODE", &[]),
            failed(ExperimentKind::TokensMe),
        ]),
        pick(vec![
            permitted(VIEW, &[]),
            permitted(VIEW, &["d"]),
            permitted(VIEW, &[GUID]),
            permitted(VIEW, &["*"]),
            permitted(OTHER, &[]),
            failed(ExperimentKind::DivisionsPermitted),
        ]),
        pick(vec![
            fresh(200, Some(403)),
            fresh(200, Some(200)),
            fresh(403, None),
            failed(ExperimentKind::FreshToken),
        ]),
        pick(vec![
            grants(vec![]),
            ago(Some(60), false),
            ago(Some(9_999), false),
            ago(None, false),
            ago(Some(9_999), true),
            grants(vec![role(&[OTHER], "d", None, false)]),
            failed(ExperimentKind::SubjectsMe),
        ]),
        pick(vec![
            org(&[]),
            org(&[VIEW]),
            failed(ExperimentKind::Permissions),
        ]),
        pick(vec![
            control(401),
            control(403),
            failed(ExperimentKind::WithoutToken),
        ]),
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect())
}

fn with(evidence: &Evidence, experiments: &[Experiment]) -> Diagnosis {
    diagnose(&Evidence {
        experiments: experiments.to_vec(),
        ..evidence.clone()
    })
}

proptest! {
    #[test]
    fn every_evidence_has_one_diagnosis_that_does_not_contradict_itself(
        refusal in any_refusal(),
        experiments in any_experiments(),
    ) {
        let diagnosis = with(&refusal, &experiments);
        let again = with(&refusal, &experiments);
        prop_assert_eq!(format!("{diagnosis:?}"), format!("{again:?}"));
        let cause = diagnosis.finding.cause().unwrap();
        prop_assert!(Cause::find(cause).is_some());
        let excluded: Vec<_> = diagnosis.ruled_out.iter().map(|one| one.cause).collect();
        prop_assert!(!excluded.contains(&cause), "{cause} is ruled out, too");
        let distinct: BTreeSet<_> = excluded.iter().collect();
        prop_assert_eq!(distinct.len(), excluded.len());
        prop_assert!(diagnosis.ruled_out.iter().all(|one| !one.because.is_empty()));
        prop_assert!(diagnosis.undetermined.iter().all(|one| !one.because.is_empty()));
        prop_assert!(!diagnosis.remedy.steps.is_empty());
        for line in &diagnosis.evidence {
            prop_assert!(line.supports.iter().all(|one| *one == cause));
        }
    }

    #[test]
    fn a_failed_experiment_is_never_evidence(
        refusal in any_refusal(),
        experiments in any_experiments(),
    ) {
        let (made, failed): (Vec<_>, Vec<_>) =
            experiments.iter().cloned().partition(|one| one.result.is_ok());
        let with_failed = with(&refusal, &experiments);
        let without = with(&refusal, &made);
        prop_assert_eq!(with_failed.finding, without.finding);
        prop_assert_eq!(with_failed.confidence, without.confidence);
        prop_assert_eq!(&with_failed.missing, &without.missing);
        prop_assert_eq!(&with_failed.ruled_out, &without.ruled_out);
        drop(failed);
    }

    /// More evidence makes a diagnosis less sure only where something else comes into question,
    /// and then it says what.
    #[test]
    fn more_evidence_is_never_less_without_a_reason(
        refusal in any_refusal(),
        experiments in any_experiments(),
        keep in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let fewer: Vec<_> = experiments
            .iter()
            .zip(keep)
            .filter_map(|(one, keep)| keep.then_some(one.clone()))
            .collect();
        let (less, more) = (with(&refusal, &fewer), with(&refusal, &experiments));
        if more.confidence < less.confidence {
            let is_other = more.finding != less.finding;
            prop_assert!(
                is_other || !more.undetermined.is_empty(),
                "{:?} {:?} became {:?} without an open question: {}",
                less.finding, less.confidence, more.confidence, more.summary
            );
        }
    }

    #[test]
    fn one_answer_proves_nothing_and_no_policy_is_ever_proven(
        refusal in any_refusal(),
        experiments in any_experiments(),
    ) {
        prop_assert!(with(&refusal, &[]).confidence < Confidence::Proven);
        let diagnosis = with(&refusal, &experiments);
        let never = [Cause::PolicyDenied, Cause::UnknownForbidden, Cause::UnreadableForbidden];
        if let Finding::Forbidden(cause) = diagnosis.finding
            && never.contains(&cause)
        {
            prop_assert!(diagnosis.confidence < Confidence::Proven);
        }
    }

    /// Whatever the answers are, an examination ends, asks nothing twice and keeps its budget.
    #[test]
    fn every_examination_ends_within_its_budget(
        refusal in any_refusal(),
        answers in any_experiments(),
        status in prop_oneof![Just(403_u16), Just(200)],
        deep in prop_oneof![Just(Depth::Explain), Just(Depth::Survey), Just(Depth::Verify)],
    ) {
        let mut evidence = refusal;
        evidence.exchanges[0].result.as_mut().unwrap().status = status;
        let mut asked = BTreeSet::new();
        while let Some(ask) = next(&evidence, deep) {
            prop_assert!(asked.insert(ask.kind.slug()), "{} twice", ask.kind.slug());
            let answer = answers.iter().find(|one| one.kind == ask.kind).cloned();
            let failed = || experiment(ask.kind, Err(NOBODY.to_owned()));
            evidence.experiments.push(answer.unwrap_or_else(failed));
        }
        let calls = evidence.experiments.iter().flat_map(|one| &one.exchanges);
        prop_assert!(calls.filter(|one| one.step != Step::Token).count() <= MOST_CALLS);
    }
}
