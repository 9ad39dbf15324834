//! Signals of the operating system.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::StopSignal;

/// Installs the handlers; each SIGTERM or SIGINT becomes a message while `tasks` lives.
///
/// Handlers are installed before this returns: a process that is PID 1 ignores signals that it
/// does not handle.
///
/// # Errors
/// When the operating system refuses a handler.
#[cfg(unix)]
pub(super) fn install(tasks: &mut JoinSet<()>) -> std::io::Result<mpsc::Receiver<StopSignal>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (sender, receiver) = mpsc::channel(2);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tasks.spawn(async move {
        loop {
            let signal = tokio::select! {
                Some(()) = terminate.recv() => StopSignal::Terminate,
                Some(()) = interrupt.recv() => StopSignal::Interrupt,
                else => return,
            };
            if sender.send(signal).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Installs the handler; each Ctrl-C becomes a message while `tasks` lives.
///
/// # Errors
/// Never on this platform.
#[cfg(not(unix))]
pub(super) fn install(tasks: &mut JoinSet<()>) -> std::io::Result<mpsc::Receiver<StopSignal>> {
    let (sender, receiver) = mpsc::channel(2);
    tasks.spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(StopSignal::Interrupt).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Installs the handler of SIGHUP; each becomes a message while `tasks` lives, and many at a time
/// become one.
///
/// # Errors
/// When the operating system refuses the handler.
#[cfg(unix)]
pub(super) fn hangups(tasks: &mut JoinSet<()>) -> std::io::Result<mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (sender, receiver) = mpsc::channel(1);
    let mut hangup = signal(SignalKind::hangup())?;
    tasks.spawn(async move {
        while let Some(()) = hangup.recv().await {
            // A wish that nobody has taken up yet is enough.
            if let Err(mpsc::error::TrySendError::Closed(())) = sender.try_send(()) {
                return;
            }
        }
    });
    Ok(receiver)
}

/// There is no such signal.
///
/// # Errors
/// Never on this platform.
#[cfg(not(unix))]
pub(super) fn hangups(_: &mut JoinSet<()>) -> std::io::Result<mpsc::Receiver<()>> {
    Ok(mpsc::channel(1).1)
}

/// Keeps the process alive when a file reaches the limit of its size (`ulimit -f`): the write fails
/// then, as on a disk that is full, and is told like any other.
#[cfg(unix)]
pub(super) fn outlive_large_files() {
    use tokio::signal::unix::{SignalKind, signal};

    // Only installing it needs a runtime; the handler stays for as long as the process. Where there
    // is no room for one, whatever needs more of it will say so.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let Ok(runtime) = builder.enable_io().build() else {
        return;
    };
    let _entered = runtime.enter();
    let installed = signal(SignalKind::from_raw(libc::SIGXFSZ));
    installed.map(drop).unwrap_or_default();
}

/// There is no such signal.
#[cfg(not(unix))]
pub(super) fn outlive_large_files() {}
