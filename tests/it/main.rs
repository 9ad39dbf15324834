//! The integration tests, one binary: the real client, the real service and the simulator in one
//! runtime, most of the time with its clock paused.
//!
//! With a paused clock everything that is waited for is either ready or a timer, so that days pass
//! in seconds and a test that waits for something which never happens fails instead of hanging.
//! That holds only while client, service and simulator share one current-thread runtime, speak to
//! IP literals and use no blocking pool; `clock.rs` has the canary. Tests of TLS, of measured
//! durations and of other processes use the real clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, and says where"
)]

mod harness;
mod over_tls;
mod process;

mod cli;
mod clock;
mod corpus;
mod end_to_end;
mod evidence;
mod examination;
mod faked_clock;
mod fuzzed;
mod network;
mod probe;
mod prometheus;
mod runbooks;
mod scenarios;
mod secrecy;
mod service;
mod stall;
mod tidy;
mod timeline;
mod token;
mod week;
