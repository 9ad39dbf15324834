//! Refresh tokens that the token endpoint replaces by their use.

use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use why403::diagnosis::Outcome;
use why403::sim::{DEMO_REFRESH_TOKEN, Org, PORTAL_CLIENT_ID, Route, Scripted};

use super::*;
use crate::harness::*;

/// A line that can be read, in a directory where nobody can make a file, not even root.
const FIXED_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// A platform that rotates, and a good refresh token in a directory of its own.
struct Login {
    platform: Platform,
    directory: tempfile::TempDir,
}

impl Login {
    async fn start() -> Self {
        let platform = Platform::start().await;
        platform
            .simulator
            .with(|org| org.rotate_refresh_tokens(true));
        let login = Self {
            platform,
            directory: tempfile::tempdir().unwrap(),
        };
        write_secret(&login.file(), DEMO_REFRESH_TOKEN);
        login
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("refresh-token")
    }

    fn target(&self, name: &str) -> String {
        format!(
            "[[targets]]\nname = \"{name}\"\nclient_id = \"{PORTAL_CLIENT_ID}\"\n\
             client_secret_env = \"SECRET\"\nrefresh_token_file = \"{}\"\n",
            self.file().display()
        )
    }

    fn mint(&self) -> Mint {
        Mint::start(&self.platform.config(&self.target("default")))
    }

    /// The refresh token that the platform takes next.
    fn good(&self) -> String {
        let read = |org: &mut Org| org.refresh_token().to_owned();
        self.platform.simulator.with(read)
    }

    fn stored(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// A new login, for which somebody puts the token into the file.
    fn log_in_again(&self, token: &str) {
        self.platform
            .simulator
            .with(|org| org.issue_refresh_token(token));
        write_secret(&self.file(), token);
    }
}

/// What is logged by this test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Listens to everything until the guard is dropped.
    fn listen() -> (Self, DefaultGuard) {
        // Where it knows of one listener alone, the library asks the thread that comes to a line
        // first whether it listens, and remembers the answer for all threads: that of another test.
        static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&ANOTHER);
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, what: &str) -> usize {
        self.text().matches(what).count()
    }
}

/// Lets `link` lead to `file` from now on.
fn lead(link: &Path, file: &Path) {
    let next = link.with_extension("link");
    symlink(file, &next).unwrap();
    std::fs::rename(next, link).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_refresh_token_is_stored_before_the_access_token_is_seen() {
    let login = Login::start().await;
    let mint = login.mint();
    mint.tokens.token().await.unwrap();
    // Nothing was awaited since, so that nothing can have been written since.
    assert_ne!(login.stored(), DEMO_REFRESH_TOKEN);
    assert_eq!(login.stored(), login.good());
    let mode = std::fs::metadata(login.file()).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let entries = std::fs::read_dir(login.directory.path()).unwrap();
    assert_eq!(entries.count(), 1, "the file alone");
}

#[tokio::test(start_paused = true)]
async fn every_renewal_uses_the_one_before_and_nothing_is_minted_besides() {
    let login = Login::start().await;
    login.platform.simulator.with(|org| org.set_expires_in(300));
    let mut mint = login.mint();
    let tries = mint.tries_for(Duration::from_hours(1)).await;
    assert!((20..=26).contains(&tries.len()), "{}", tries.len());
    assert!(tries.iter().all(|tried| tried.result == Ok(())));
    assert_eq!(login.stored(), login.good());
    // Our own writes are no new login.
    assert_eq!(login.platform.mints(), tries.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_what_was_stored() {
    let login = Login::start().await;
    for _ in 0..3 {
        let mut mint = login.mint();
        assert_eq!(mint.tried().await.result, Ok(()));
    }
    assert_eq!(login.platform.mints(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_kept_although_the_rest_of_the_answer_is_of_no_use() {
    let login = Login::start().await;
    let body = json!({"access_token": "made-up", "expires_in": 0, "refresh_token": "next"});
    login
        .platform
        .script(Route::Token, [Scripted::json(200, &body)]);
    login
        .platform
        .simulator
        .with(|org| org.issue_refresh_token("next"));
    let mut mint = login.mint();
    assert_eq!(mint.tried().await.result, Err(Outcome::TokenUnreadable));
    assert_eq!(login.stored(), "next");
    assert_eq!(mint.tried().await.result, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_new_login_ends_the_pause_after_a_refusal() {
    let login = Login::start().await;
    write_secret(&login.file(), "used-up");
    let mut mint = login.mint();
    let tries = mint.tries_for(10 * MINUTE).await;
    assert!((2..=5).contains(&tries.len()), "no storm: {tries:?}");
    assert!(
        tries
            .iter()
            .all(|tried| tried.result == Err(Outcome::GrantRejected))
    );
    login.log_in_again("another-login");
    let again = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(again).unwrap() <= seconds(15));
    assert_eq!(login.stored(), login.good());
    assert_ne!(login.stored(), "another-login");
    assert_eq!(mint.tries_for(Duration::from_hours(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn targets_with_one_refresh_token_share_its_only_use() {
    let login = Login::start().await;
    let toml = ["one", "two", "three"].map(|name| login.target(name));
    let service = login.platform.watched(&toml.concat());
    let snapshot = service.first_round().await;
    assert_eq!(snapshot.credentials.len(), 1);
    for target in &snapshot.targets {
        let diagnosis = target.checks[0].diagnosis.as_ref().unwrap();
        assert_eq!(diagnosis.finding.outcome(), Outcome::Ok);
    }
    assert_eq!(login.platform.mints(), 1);
    assert_eq!(login.stored(), login.good());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_kept_told_once_and_stored_as_soon_as_it_can_be() {
    let fixed = Path::new(FIXED_FILE);
    let Ok(first) = std::fs::read_to_string(fixed) else {
        return;
    };
    let first = first.trim().to_owned();
    let (lines, _guard) = Lines::listen();
    let login = Login::start().await;
    login.platform.simulator.with(|org| {
        org.set_expires_in(300);
        org.issue_refresh_token(&first);
    });
    std::fs::remove_file(login.file()).unwrap();
    lead(&login.file(), fixed);
    let mut mint = login.mint();
    let mut good = vec![first.clone()];
    for _ in 0..5 {
        assert_eq!(mint.tried().await.result, Ok(()));
        good.push(login.good());
    }
    assert_eq!(login.stored().trim(), first);
    let failures = lines.count("cannot be put into its file");
    assert_eq!(failures, 1, "{}", lines.text());
    // Now the same old token stands where it can be replaced: that is no new login.
    let file = login.directory.path().join("moved");
    write_secret(&file, &first);
    lead(&login.file(), &file);
    assert_eq!(mint.tries_for(seconds(20)).await, []);
    assert_eq!(login.stored(), login.good());
    assert_eq!(lines.count("is in its file now"), 1, "{}", lines.text());
    assert_eq!(mint.tried().await.result, Ok(()));
    good.push(login.good());
    assert_eq!(login.stored(), login.good());
    let seen = lines.text() + &format!("{mint:?}", mint = mint.tokens);
    for token in good {
        assert!(!seen.contains(&token), "{token} in {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_gone_for_a_while_loses_nothing() {
    let mut login = Login::start().await;
    login.platform.simulator.with(|org| org.set_expires_in(300));
    let mut mint = login.mint();
    assert_eq!(mint.tried().await.result, Ok(()));
    let path = login.directory.path().to_owned();
    login.directory.disable_cleanup(true);
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(mint.tried().await.result, Ok(()));
    std::fs::create_dir(&path).unwrap();
    assert_eq!(mint.tries_for(seconds(20)).await, []);
    assert_eq!(login.stored(), login.good());
    login.directory.disable_cleanup(false);
}

#[tokio::test(start_paused = true)]
async fn a_new_login_wins_over_what_could_not_be_stored() {
    let fixed = Path::new(FIXED_FILE);
    let Ok(first) = std::fs::read_to_string(fixed) else {
        return;
    };
    let login = Login::start().await;
    login
        .platform
        .simulator
        .with(|org| org.issue_refresh_token(first.trim()));
    std::fs::remove_file(login.file()).unwrap();
    lead(&login.file(), fixed);
    let mut mint = login.mint();
    assert_eq!(mint.tried().await.result, Ok(()));
    login.log_in_again("another-login");
    assert_eq!(mint.tried().await.result, Ok(()));
    assert_eq!(login.stored(), login.good());
    assert_eq!(login.platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_replaced_is_left_alone() {
    let login = Login::start().await;
    login
        .platform
        .simulator
        .with(|org| org.rotate_refresh_tokens(false));
    let before = std::fs::metadata(login.file()).unwrap().modified().unwrap();
    let mut mint = login.mint();
    assert_eq!(mint.tried().await.result, Ok(()));
    assert_eq!(login.stored(), DEMO_REFRESH_TOKEN);
    let after = std::fs::metadata(login.file()).unwrap().modified().unwrap();
    assert_eq!(before, after);
}
