//! Hand-built diagnoses and snapshots for the tests of this module.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::AppState;
use crate::clock::{Clock, Moment};
use crate::config::{self, HealthPolicy, Level};
use crate::diagnosis::{
    AnswerFacts, Cause, Command, Confidence, Diagnosis, Division, EvidenceLine, Finding, Missing,
    OpenQuestion, Outcome, Queue, Queues, Remedy, RuledOut, Tool,
};
use crate::evidence::{Identity, Named, Permitted, RoleIn, Standing, TokenAge, TokenFacts};
use crate::health::{Health, Reach, Thresholds, stale_after};
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::snapshot::{CheckView, CredentialView, PlatformView, Snapshot, TargetView};
use crate::target::{IdentityKind, Mode, Name, Operation};
use crate::timeline::Timeline;

/// The time at which all examples were examined.
pub(super) fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// `seconds` after noon, on both clocks.
pub(super) fn after(seconds: u64) -> Moment {
    let start = Moment {
        elapsed: Duration::ZERO,
        wall: noon(),
    };
    start.plus(Duration::from_secs(seconds))
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn thresholds() -> Thresholds {
    Thresholds {
        policy: HealthPolicy {
            forbidden: Level::Fail,
            unauthorized: Level::Fail,
            misconfigured: Level::Fail,
            visibility: Level::Warn,
            outage: Level::Warn,
            throttled: Level::Warn,
            stale: Level::Warn,
        },
        fall: 3,
        rise: 2,
        stale_after: stale_after(Duration::from_secs(30), Duration::from_secs(10)),
    }
}

fn identity() -> Identity {
    Identity {
        kind: IdentityKind::Machine,
        grant: "client_credentials",
        client_id: Some("6f4cd1ab-92a5-4d3c-8a52-0c6d9b5f3b11".to_owned()),
    }
}

fn token_facts() -> TokenFacts {
    TokenFacts {
        given: false,
        generation: 1,
        issued_at: after(0),
        expires_at: Some(after(86_400).wall),
        scopes: None,
    }
}

fn empty(target: &str, finding: Finding) -> Diagnosis {
    Diagnosis {
        target: name(target),
        operation: Operation::queues(),
        finding,
        provisional: false,
        confidence: Confidence::Proven,
        summary: String::new(),
        answer: None,
        missing: Missing::default(),
        identity: identity(),
        owner: None,
        token: Some(token_facts()),
        standing: Standing::default(),
        clock_skew: Some(jiff::SignedDuration::ZERO),
        early_warning: None,
        queues: Queues::default(),
        remedy: Remedy::default(),
        ruled_out: Vec::new(),
        undetermined: Vec::new(),
        evidence: Vec::new(),
        examined_at: after(60).wall,
    }
}

const REQUEST: &str = "GET https://api.mypurecloud.de/api/v2/routing/queues?pageSize=1";

fn line(status: Option<u16>, duration_ms: u64, says: &str) -> EvidenceLine {
    EvidenceLine {
        step: "probe",
        request: REQUEST.to_owned(),
        status,
        at: after(60).wall,
        duration: Duration::from_millis(duration_ms),
        correlation_id: status.map(|_| "5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77".to_owned()),
        says: says.to_owned(),
        supports: Vec::new(),
        rules_out: Vec::new(),
    }
}

/// Access works.
pub(super) fn good(target: &str) -> Diagnosis {
    Diagnosis {
        summary: "12 queues are visible.".to_owned(),
        answer: Some(AnswerFacts {
            status: 200,
            code: None,
            message: None,
            correlation_id: Some("5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77".to_owned()),
            retry_after: None,
        }),
        queues: Queues {
            total: Some(12),
            first: Some(Queue {
                id: "b0e7d1ac-2c4f-4c58-a7df-95e2f3ab0a55".to_owned(),
                name: "Support Berlin".to_owned(),
            }),
        },
        evidence: vec![line(Some(200), 31, "12 queues are visible")],
        ..empty(target, Finding::Other(Outcome::Ok))
    }
}

/// A permission is missing.
pub(super) fn forbidden(target: &str) -> Diagnosis {
    Diagnosis {
        confidence: Confidence::Likely,
        summary: "The client may not view queues: no role granted to it carries any of the two \
                  permissions that the operation accepts."
            .to_owned(),
        answer: Some(AnswerFacts {
            status: 403,
            code: Some("missing.any.permissions".to_owned()),
            message: Some(
                "Unable to perform the requested action. You must have at least one of the \
                 following permissions assigned: [routing:queue:view, routing:queue:search]"
                    .to_owned(),
            ),
            correlation_id: Some("5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77".to_owned()),
            retry_after: None,
        }),
        missing: Missing {
            assumed: false,
            mode: Some(Mode::Any),
            permissions: vec![
                "routing:queue:view".to_owned(),
                "routing:queue:search".to_owned(),
            ],
            scopes: Vec::new(),
            divisions: vec![Division {
                id: "3f1c0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10".to_owned(),
                name: Some("Home".to_owned()),
            }],
        },
        remedy: Remedy {
            who: "An administrator of the Genesys Cloud org who may edit OAuth clients".to_owned(),
            steps: vec![
                "Open Admin > Integrations > OAuth and the client \
                 6f4cd1ab-92a5-4d3c-8a52-0c6d9b5f3b11."
                    .to_owned(),
                "On the Roles tab, add a role that carries routing:queue:view, in every division \
                 whose queues the integration needs."
                    .to_owned(),
                "Save.".to_owned(),
            ],
            propagation: "Changes of roles can take up to 5 minutes to show.".to_owned(),
            verify: "curl 'http://127.0.0.1:8403/diagnose/prod-eu?fresh=1&format=text'".to_owned(),
            commands: commands(),
        },
        ruled_out: vec![
            RuledOut {
                cause: "edge_block",
                because: "the answer is the platform's own error body with a correlation id"
                    .to_owned(),
            },
            RuledOut {
                cause: "missing_scope",
                because: "scopes do not apply to client credentials".to_owned(),
            },
        ],
        undetermined: vec![OpenQuestion {
            question: "Would a fresh token be refused as well?".to_owned(),
            because: "the replay was not made: the rate limit is reached".to_owned(),
        }],
        evidence: vec![
            EvidenceLine {
                step: "token",
                request: "POST https://login.mypurecloud.de/oauth/token".to_owned(),
                correlation_id: None,
                ..line(Some(200), 84, "a token valid for 24 h")
            },
            line(
                Some(403),
                31,
                "missing.any.permissions names two permissions",
            ),
        ],
        ..empty(target, Finding::Forbidden(Cause::MissingPermission))
    }
}

fn commands() -> Vec<Command> {
    let client = "6f4cd1ab-92a5-4d3c-8a52-0c6d9b5f3b11";
    let division = "3f1c0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10";
    vec![
        Command {
            tool: Tool::Gc,
            purpose: "grant it to the client",
            text: format!(
                "gc authorization subjects divisions roles create {client} {division} <roleId> \
                 --subjectType PC_OAUTH_CLIENT"
            ),
        },
        Command {
            tool: Tool::Terraform,
            purpose: "in genesyscloud_oauth_client of the integration",
            text: format!(
                "roles {{\n  role_id     = \"<roleId>\"\n  division_id = \"{division}\"\n}}"
            ),
        },
    ]
}

/// Nothing comes back.
pub(super) fn outage(target: &str) -> Diagnosis {
    Diagnosis {
        summary: "No answer came within 10 s; the connection was established in 12 ms.".to_owned(),
        remedy: Remedy {
            who: "Nobody here, unless it lasts".to_owned(),
            steps: vec!["Look at https://status.mypurecloud.com for the region.".to_owned()],
            propagation: String::new(),
            verify: "The next probe.".to_owned(),
            commands: Vec::new(),
        },
        evidence: vec![line(None, 10_000, "no complete answer in time")],
        ..empty(target, Finding::Other(Outcome::Timeout))
    }
}

/// A check with the diagnoses of `rows` probes in a row, the last one minute after noon.
pub(super) fn check(diagnosis: Option<Diagnosis>, rows: u32) -> CheckView {
    let at = after(60);
    let health = diagnosis.as_ref().map_or(Health::default(), |diagnosis| {
        (0..rows).fold(Health::default(), |health, _| {
            health.observe(diagnosis.into(), at, &thresholds())
        })
    });
    let good = |it: &Diagnosis| it.finding == Finding::Other(Outcome::Ok);
    CheckView {
        operation: Operation::queues(),
        health,
        reach: Reach::default(),
        suspected: false,
        since: diagnosis.as_ref().map(|_| after(10).wall),
        last_probe: diagnosis.as_ref().map(|_| at),
        last_success: diagnosis.as_ref().filter(|it| good(it)).map(|_| at),
        timeline: Arc::new(Timeline::new(1)),
        evidence: None,
        diagnosis: diagnosis.map(Arc::new),
    }
}

pub(super) fn target(text: &str, check: CheckView) -> Arc<TargetView> {
    Arc::new(TargetView {
        name: name(text),
        api: "https://api.mypurecloud.de".to_owned(),
        host: "api.mypurecloud.de".to_owned(),
        platform: PlatformView::default(),
        identity: IdentityKind::Machine,
        credential: name("prod-eu"),
        refresh_failing: None,
        interval: Duration::from_secs(30),
        notices_within: Duration::from_secs(40),
        thresholds: thresholds(),
        checks: vec![check],
    })
}

pub(super) fn snapshot(targets: Vec<Arc<TargetView>>) -> Snapshot {
    Snapshot {
        sequence: 7,
        at: after(60),
        started: after(0),
        suspected_local_fault: false,
        targets,
        credentials: vec![Arc::new(CredentialView {
            name: name("prod-eu"),
            grant: "client_credentials",
            client_id: identity().client_id,
            token: Some(token_facts()),
            refresh_failing: None,
            secret_modified: None,
            rate_limit_remaining: None,
            login: PlatformView::default(),
        })],
    }
}

/// One target that works.
pub(super) fn passing() -> Snapshot {
    snapshot(vec![target("prod-eu", check(Some(good("prod-eu")), 1))])
}

/// One target whose client lacks a permission.
pub(super) fn failing() -> Snapshot {
    snapshot(vec![target(
        "prod-eu",
        check(Some(forbidden("prod-eu")), 1),
    )])
}

/// One target that does not answer.
pub(super) fn warning() -> Snapshot {
    snapshot(vec![target("prod-eu", check(Some(outage("prod-eu")), 3))])
}

/// One target that has not been probed.
pub(super) fn starting() -> Snapshot {
    snapshot(vec![target("prod-eu", check(None, 0))])
}

/// One target of each kind.
pub(super) fn mixed() -> Snapshot {
    snapshot(vec![
        target("prod-us", check(Some(good("prod-us")), 1)),
        target("prod-eu", check(Some(forbidden("prod-eu")), 1)),
        target("test-jp", check(None, 0)),
        target("test-eu", check(Some(outage("test-eu")), 3)),
    ])
}

fn in_divisions(at: Moment, queues: Option<u64>, divisions: &[&str]) -> Standing {
    let named = |id: &str, name: &str| Named {
        id: id.to_owned(),
        name: Some(name.to_owned()),
    };
    let held = |name: &&str| named(&format!("id-{name}"), name);
    Standing {
        at: at.wall,
        token: Some(TokenAge {
            generation: 1,
            age: Some(at.elapsed),
        }),
        queues,
        organization: Some(named("id-org", "Example")),
        roles: Some(
            divisions
                .iter()
                .map(|name| RoleIn {
                    role: named("id-reader", "Queue Reader"),
                    division: held(name),
                })
                .collect(),
        ),
        divisions: Some(Permitted {
            permission: "routing:queue:view".to_owned(),
            all: false,
            total: u64::try_from(divisions.len()).unwrap(),
            divisions: divisions.iter().map(held).collect(),
        }),
        scopes: None,
    }
}

/// A target that was refused and works again, and one that is refused.
pub(super) fn troubled() -> Snapshot {
    let before = Arc::new(in_divisions(after(5), Some(12), &["Home", "Sales"]));
    let refused = |name: &str| Diagnosis {
        standing: in_divisions(after(10), None, &["Home"]),
        examined_at: after(10).wall,
        ..forbidden(name)
    };
    let proven = |name: &str| Diagnosis {
        confidence: Confidence::Proven,
        examined_at: after(40).wall,
        ..refused(name)
    };
    let mended = Diagnosis {
        standing: in_divisions(after(60), Some(12), &["Home", "Sales"]),
        ..good("prod-us")
    };
    let told = |diagnoses: &[Diagnosis]| {
        let mut timeline = Timeline::new(1);
        for diagnosis in diagnoses {
            timeline.observe(diagnosis, Some(&before));
        }
        Arc::new(timeline)
    };
    let ended = CheckView {
        timeline: told(&[refused("prod-us"), mended.clone()]),
        ..check(Some(mended), 1)
    };
    let open = CheckView {
        timeline: told(&[refused("prod-eu"), proven("prod-eu")]),
        ..check(Some(proven("prod-eu")), 1)
    };
    snapshot(vec![target("prod-us", ended), target("prod-eu", open)])
}

/// Names and messages that try to break out of the page or the terminal.
pub(super) fn hostile() -> Snapshot {
    let nasty = "</p><script>alert(1)</script>\u{1b}[2J\r\n\u{202e}\"'&";
    let mut diagnosis = forbidden("prod-eu");
    diagnosis.summary = nasty.to_owned();
    diagnosis.missing.permissions = vec![nasty.to_owned()];
    diagnosis.remedy.steps = vec![nasty.to_owned()];
    diagnosis.identity.client_id = Some(nasty.to_owned());
    if let Some(answer) = &mut diagnosis.answer {
        answer.code = Some(nasty.to_owned());
        answer.message = Some(nasty.to_owned());
        answer.correlation_id = Some(nasty.to_owned());
    }
    for line in &mut diagnosis.evidence {
        line.request = nasty.to_owned();
        line.says = nasty.to_owned();
        line.correlation_id = Some(nasty.to_owned());
    }
    let mut before = in_divisions(after(5), Some(12), &[nasty]);
    before.organization = None;
    diagnosis.standing = in_divisions(after(10), None, &[]);
    let mut timeline = Timeline::new(1);
    timeline.observe(&diagnosis, Some(&Arc::new(before)));
    let check = CheckView {
        timeline: Arc::new(timeline),
        ..check(Some(diagnosis), 1)
    };
    snapshot(vec![target("prod-eu", check)])
}

/// A service with `snapshot`, at one minute after noon, and what a test may turn.
pub(super) struct Stage {
    pub(super) app: AppState,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Stage {
    /// Needs a runtime whose clock is paused. One minute passes, so that the clock agrees with
    /// the examples.
    pub(super) async fn new(snapshot: Snapshot) -> Self {
        let stage = Self::live(snapshot);
        stage.app.clock.sleep_until(after(60).elapsed).await;
        stage
    }

    /// The same at noon, for a runtime whose clock runs.
    pub(super) fn live(snapshot: Snapshot) -> Self {
        let clock = Clock::simulated(noon());
        let (snapshots, receiver) = watch::channel(Arc::new(snapshot));
        let app = AppState {
            monitor: Monitor::ended(receiver, clock.clone()),
            metrics: Arc::new(Metrics::new(&[], &[]).unwrap()),
            clock,
            server: Arc::new(server()),
            stopping: CancellationToken::new(),
        };
        Self { app, snapshots }
    }
}

pub(super) fn server() -> config::Server {
    config::Server {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: None,
        tls: None,
        admin_token: None,
        protect_details: false,
        state_dir: None,
        max_connections: 512,
        header_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(5),
        shutdown_delay: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(15),
    }
}
