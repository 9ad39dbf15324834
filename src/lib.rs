//! why403 watches whether an integration can still read Genesys Cloud queues and, when it is
//! refused, says exactly why.

pub mod sim;
pub mod clock;
pub mod target;
pub mod config;
pub mod evidence;
pub mod diagnosis;
pub mod health;
pub mod schedule;
pub mod upstream;
pub mod token;
pub mod probe;
pub mod snapshot;
pub mod metrics;
pub mod monitor;
pub mod http;
pub mod telemetry;
pub mod app;
pub mod demo;
pub mod cli;
