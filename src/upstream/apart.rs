//! Threads on which calls are made, apart from those that answer callers and keep the schedule.
//!
//! The HTTP library reads for as long as there is something to read, up to fifty megabytes at a
//! stretch: 128 times, which is what the runtime allows a task, of at most 400 KiB. An upstream that
//! sends hints (1xx) without end therefore holds a thread for half a second at a time, and nothing
//! else on that thread happens meanwhile. Between threads the operating system divides more fairly.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinSet;

/// The threads; clones share them, and the last one ends them.
#[derive(Clone, Debug)]
pub(super) struct Threads(Option<Arc<Owned>>);

impl Threads {
    /// As many as there are processors, when the caller's runtime has several as well; else none,
    /// and calls are made on the caller's only thread: a command that answers nobody needs no
    /// other, and a paused clock is that of one runtime.
    ///
    /// # Errors
    /// When the system has no threads left.
    pub(super) fn new() -> io::Result<Self> {
        let has_several = |it: Handle| it.runtime_flavor() == RuntimeFlavor::MultiThread;
        if !Handle::try_current().is_ok_and(has_several) {
            return Ok(Self(None));
        }
        let mut builder = Builder::new_multi_thread();
        builder.thread_name("why403-calls").enable_all();
        // Where no thread can be had the library panics instead of saying so.
        let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
        let runtime =
            built.unwrap_or_else(|_| Err(io::Error::other("no thread can be started")))?;
        Ok(Self(Some(Arc::new(Owned(Some(runtime))))))
    }

    /// Does the work on one of them; whoever stops waiting for it ends it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let Some(handle) = self.handle() else {
            return work.await;
        };
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, handle);
        match tasks.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // Nobody else can end it: the runtime lives for as long as `self`.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    fn handle(&self) -> Option<&Handle> {
        let Owned(runtime) = self.0.as_deref()?;
        runtime.as_ref().map(Runtime::handle)
    }
}

/// A runtime that may be dropped within another one, where nobody may wait for its threads.
#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::Clock;
    use crate::config::{self, Environment, Sources};
    use crate::evidence::Step;
    use crate::upstream::{Auth, BODY_CAP_BYTES, Call, Upstream, Withheld};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn calls_are_made_on_threads_of_their_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let variables = [
            ("GENESYS_CLOUD_CLIENT_ID", "id"),
            ("GENESYS_CLOUD_CLIENT_SECRET", "secret"),
            ("GENESYS_CLOUD_BASE_URL", &url),
        ];
        let sources = Sources {
            environment: Environment::from_pairs(variables),
            ..Sources::default()
        };
        let network = config::load(&sources).unwrap().config.network;
        let upstream = Upstream::new(&network, Duration::from_secs(5), Clock::system()).unwrap();
        let calls = upstream.threads.handle().unwrap().metrics();
        let withheld = Withheld::default();
        let call = upstream.send(Call {
            step: Step::Probe,
            url: url.parse().unwrap(),
            auth: Auth::None,
            withheld: &withheld,
            form: None,
            timeout: Duration::from_secs(5),
            body_cap: BODY_CAP_BYTES,
        });
        // As long as nobody answers, the call is one of the tasks there. Counted while it is waited
        // for and the connection is open: a branch's handler comes after the other was dropped.
        let counted = async {
            let _connection = listener.accept().await.unwrap();
            calls.num_alive_tasks()
        };
        tokio::select! {
            answered = call => unreachable!("by nobody: {answered:?}"),
            alive = counted => assert!(alive > 0),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_is_done_on_threads_of_its_own() {
        let threads = Threads::new().unwrap();
        let name = threads.run(async { thread::current().name().map(str::to_owned) });
        assert_eq!(name.await.as_deref(), Some("why403-calls"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn whoever_stops_waiting_ends_the_work() {
        let threads = Threads::new().unwrap();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let work = async move {
            std::future::pending::<()>().await;
            drop(alive);
        };
        tokio::select! {
            biased;
            () = threads.run(work) => unreachable!("it has no end"),
            () = tokio::task::yield_now() => {}
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok_and(|sent| sent.is_err()), "it was dropped");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    #[should_panic(expected = "a defect")]
    async fn a_panic_is_that_of_whoever_waits() {
        let threads = Threads::new().unwrap();
        threads.run(async { panic!("a defect") }).await;
    }

    #[tokio::test]
    async fn one_thread_does_everything_where_there_is_only_one() {
        let threads = Threads::new().unwrap();
        let here = thread::current().id();
        assert_eq!(threads.run(async { thread::current().id() }).await, here);
    }
}
