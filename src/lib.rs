//! why403 watches whether an integration can still read Genesys Cloud queues and, when it is
//! refused, says exactly why, proves it as far as it can, and tells whom to ask for what.
//!
//! # The tour
//!
//! Data flows one way:
//!
//! ```text
//! config → target → token → probe → evidence → diagnosis → health → snapshot
//!                                                                      │
//!                                      /health · /diagnose · /metrics · page
//! ```
//!
//! [`config`] turns file, environment and flags into [`target`]s: an org, a credential and the
//! operations that an integration needs. For each credential a background task keeps one
//! [`token`]. On its [`schedule`] a target is [`probe`]d through [`upstream`], the only module that
//! names the HTTP client, and whatever happens becomes [`evidence`]: a probe that failed is not an
//! error. [`diagnosis::diagnose`] reads evidence and says what it means; it is a pure function.
//! [`health`] turns a row of findings into a verdict that does not flap. The [`monitor`] publishes
//! all of it as one immutable [`snapshot`], and everything that others see, [`http`] and
//! [`metrics`], is made from that.
//!
//! [`app`] puts the parts together, owns every task and stops them in order. [`sim`] is the other
//! side: a small, honest Genesys Cloud, which [`demo`] and the tests run against.
//!
//! # The order
//!
//! The modules below stand in the order of their dependencies: **a module uses only modules that
//! stand above it.** `sim` uses nothing of ours, and only `demo`, `cli` and tests name it. `target`,
//! `evidence`, `diagnosis`, `health`, `schedule` and `timeline` are pure: no I/O, no clock, no runtime, no
//! randomness; whatever they need to know of time comes in with the data.
//!
//! # Where to start reading
//!
//! Begin with [`evidence`] and [`diagnosis`], the heart; then [`probe`], [`token`] and [`monitor`]
//! for how evidence comes about, [`timeline`] and [`store`] for what changed, and [`snapshot`] and [`http`] for what becomes of it.
//! `src/diagnosis/catalogue/` holds what is said to people. To see it work, run `why403 demo`.

pub mod sim;
pub mod clock;
pub mod target;
pub mod config;
pub mod evidence;
pub mod diagnosis;
pub mod health;
pub mod schedule;
pub mod timeline;
pub mod upstream;
pub mod token;
pub mod probe;
pub mod store;
pub mod snapshot;
pub mod metrics;
pub mod monitor;
pub mod http;
pub mod telemetry;
pub mod app;
pub mod demo;
pub mod cli;
