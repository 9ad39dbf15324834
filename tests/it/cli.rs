//! The command line as a person or a script meets it: the real binary, what it prints, and with
//! which status it ends.

mod commands;
mod crowd;
mod diagnose;
mod environment;
mod evidence;
mod service;
mod shortage;
mod state;
mod watch;
