//! `why403 explain`.

use std::process::ExitCode;

use super::args::{Explain, Page};
use super::output::{complain, deliver, wants_color};
use super::{MISUSED, runbook};
use crate::config::Environment;
use crate::diagnosis::{explain, suggestions};
use crate::http::text;

/// Says what a word really is.
pub(super) fn run(options: &Explain, environment: &Environment) -> ExitCode {
    let word = options.words.join(" ");
    let found = explain(&word);
    if !found.is_empty() {
        let text = match options.format {
            Page::Text => text::explanations(&found, wants_color(environment)),
            Page::Markdown => runbook::pages(&found),
        };
        return deliver(&text, ExitCode::SUCCESS);
    }
    let near = suggestions(&word);
    let hint = if near.is_empty() {
        "a cause, outcome, error code, scope, permission or operation is understood".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    let shown: String = word.chars().filter(|c| !c.is_control()).take(100).collect();
    complain(&format!("error: {shown:?} is not known here; {hint}"));
    ExitCode::from(MISUSED)
}
