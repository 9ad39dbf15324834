//! Logging to standard error.
//!
//! One line per change of state, not per probe. Upstream text in a line is cut and printable.
//! Libraries log from `warn` on only, whatever the level, unless `RUST_LOG` says otherwise.

mod writer;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::writer::Lines;
use crate::config::{Log, LogFormat, LogLevel};

/// The lines of this process.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts logging; a second call changes nothing.
///
/// `directives` is the value of `RUST_LOG`: `target=level` pairs, which add to the level.
///
/// # Errors
/// When there is no thread to write the lines.
pub fn init(log: Log, directives: Option<&str>) -> io::Result<()> {
    let filter = filter(log.level, directives);
    let writer = if let Some(lines) = LINES.get() {
        lines.clone()
    } else {
        let lines = Lines::to(io::stderr())?;
        LINES.get_or_init(|| lines).clone()
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let terminal = io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let lines = if text {
        lines.with_ansi(terminal).with_target(false).boxed()
    } else {
        lines
            .json()
            // Beside the field `target`, a module path of the same name would hide it.
            .with_target(false)
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed()
    };
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
    // Only a test that runs several services in one process starts logging twice.
    registry.try_init().unwrap_or_default();
    Ok(())
}

/// Waits for a moment until what was logged is written: for the end of the process.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

fn filter(level: LogLevel, directives: Option<&str>) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let libraries = own.min(LevelFilter::WARN);
    let base = Targets::new()
        .with_default(libraries)
        .with_target("why403", own);
    match directives.and_then(|text| text.parse::<Targets>().ok()) {
        Some(extra) => {
            let default = extra.default_level().unwrap_or(libraries);
            let own = own.max(extra.default_level().unwrap_or(own));
            base.with_default(default)
                .with_target("why403", own)
                .with_targets(extra)
        }
        None => base,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_stay_quiet_unless_asked() {
        let quiet = filter(LogLevel::Trace, None);
        assert!(quiet.would_enable("why403::token", &Level::TRACE));
        assert!(!quiet.would_enable("hyper", &Level::INFO));
        let loud = filter(LogLevel::Info, Some("hyper=debug"));
        assert!(loud.would_enable("hyper", &Level::DEBUG));
        assert!(!loud.would_enable("why403", &Level::DEBUG));
        let all = filter(LogLevel::Info, Some("trace"));
        assert!(all.would_enable("why403::token", &Level::TRACE));
        assert!(all.would_enable("reqwest", &Level::TRACE));
        assert!(!filter(LogLevel::Error, Some("=nonsense=")).would_enable("x", &Level::WARN));
    }
}
