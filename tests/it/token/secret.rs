//! A secret that is replaced while the service runs.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use why403::diagnosis::Outcome;
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

use super::*;
use crate::harness::*;

/// A platform whose client's secret is in a file.
async fn with_secret_file(directory: &Path) -> (Platform, PathBuf, Mint) {
    let platform = Platform::start().await;
    let path = directory.join("secret");
    write_secret(&path, DEMO_CLIENT_SECRET);
    let mint = with_secret_at(&path, &platform);
    (platform, path, mint)
}

/// The task of the platform's client, whose secret is there.
fn with_secret_at(path: &Path, platform: &Platform) -> Mint {
    Mint::start(&platform.config(&format!(
        "[[targets]]\nname = \"default\"\nclient_id = \"{DEMO_CLIENT_ID}\"\nclient_secret_file = \"{}\"",
        path.display()
    )))
}

#[tokio::test(start_paused = true)]
async fn k18_a_rotated_secret_is_used_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    assert_eq!(mint.tried().await.result, Ok(()));
    platform
        .simulator
        .with(|org| org.rotate_secret(DEMO_CLIENT_ID, "the-next-one"));
    write_secret(&path, "the-next-one");
    let rotated = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(rotated).unwrap() <= seconds(15));
    assert_eq!(mint.tries_for(Duration::from_hours(1)).await, []);
}

/// As Kubernetes does it: the file is a link that stays the same, and what it leads to is swapped.
#[tokio::test(start_paused = true)]
async fn k18_a_rotated_secret_of_a_mounted_volume_is_used_at_once() {
    let platform = Platform::start().await;
    let mount = tempfile::tempdir().unwrap();
    let put = |version: &str, secret: &str| {
        let directory = mount.path().join(version);
        std::fs::create_dir(&directory).unwrap();
        write_secret(&directory.join("secret"), secret);
        symlink(version, mount.path().join("..next")).unwrap();
        std::fs::rename(mount.path().join("..next"), mount.path().join("..data")).unwrap();
    };
    put("..1", DEMO_CLIENT_SECRET);
    let path = mount.path().join("secret");
    symlink("..data/secret", &path).unwrap();
    let mut mint = with_secret_at(&path, &platform);
    assert_eq!(mint.tried().await.result, Ok(()));
    platform
        .simulator
        .with(|org| org.rotate_secret(DEMO_CLIENT_ID, "the-next-one"));
    put("..2", "the-next-one");
    std::fs::remove_dir_all(mount.path().join("..1")).unwrap();
    let rotated = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(rotated).unwrap() <= seconds(15));
    assert_eq!(mint.usable(), Some(2));
}

/// Who takes a secret away means it: it is used for as long as the process lives, but not put back.
#[tokio::test(start_paused = true)]
async fn a_secret_whose_file_is_gone_is_kept_and_not_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    platform.simulator.with(|org| org.set_expires_in(600));
    assert_eq!(mint.tried().await.result, Ok(()));
    std::fs::remove_file(&path).unwrap();
    for try_ in mint.tries_for(Duration::from_hours(1)).await {
        assert_eq!(try_.result, Ok(()), "{try_:?}");
    }
    assert!(platform.mints() >= 10);
    assert!(!path.exists());
}

/// A slip of the hand while the token is good costs nothing until the token ends.
#[tokio::test(start_paused = true)]
async fn k18_a_wrong_secret_leaves_the_token_that_works_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    assert_eq!(mint.tried().await.result, Ok(()));
    write_secret(&path, "mistyped");
    assert_eq!(mint.tried().await.result, Err(Outcome::ClientRejected));
    let tries = mint.tries_for(Duration::from_hours(1)).await;
    assert!((11..=60).contains(&tries.len()), "slowly: {}", tries.len());
    let rejected = |it: &Tried| it.result == Err(Outcome::ClientRejected);
    assert!(tries.iter().all(rejected), "{tries:?}");
    assert_eq!(mint.usable(), Some(1));
    write_secret(&path, DEMO_CLIENT_SECRET);
    let mended = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(mended).unwrap() <= seconds(30));
    assert_eq!(mint.usable(), Some(2));
    assert_eq!(platform.probes(), 0);
}

#[tokio::test(start_paused = true)]
async fn k18_a_rotated_secret_ends_the_pause_after_a_refusal() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    platform
        .simulator
        .with(|org| org.rotate_secret(DEMO_CLIENT_ID, "the-next-one"));
    for _ in 0..4 {
        assert_eq!(mint.tried().await.result, Err(Outcome::ClientRejected));
    }
    write_secret(&path, "the-next-one");
    let rotated = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(rotated).unwrap() <= seconds(15));
}

#[tokio::test(start_paused = true)]
async fn k18_a_secret_that_cannot_be_read_for_a_while_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    assert_eq!(mint.tried().await.result, Ok(()));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mint.tries_for(MINUTE).await, []);
    write_secret(&path, "");
    assert_eq!(mint.tries_for(MINUTE).await, []);
    // A renewal meanwhile is made with the secret that was read before.
    pass(seconds(30)).await;
    assert_eq!(generation(mint.tokens.force().await), 2);
    write_secret(&path, DEMO_CLIENT_SECRET);
    let tries = mint.tries_for(MINUTE).await;
    assert_eq!(
        tries.len(),
        1,
        "the forced one, and none for an unchanged secret"
    );
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_secret_is_shown_and_that_of_one_in_a_variable_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start().await;
    let path = directory.path().join("secret");
    let changed_at = |seconds| {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    };
    write_secret(&path, DEMO_CLIENT_SECRET);
    changed_at(1_700_000_000);
    let service = Service::start(platform.config(&format!(
        "[[targets]]\nname = \"file\"\nclient_id = \"{DEMO_CLIENT_ID}\"\nclient_secret_file = \"{}\"\n\
         [[targets]]\nname = \"variable\"\nclient_id = \"another\"\nclient_secret_env = \"SECRET\"",
        path.display()
    )));
    service.first_round().await;
    let age = async |of: &str| {
        let shown = service.metrics(&["secret_mtime_timestamp_seconds"]).await;
        let series = format!("why403_secret_mtime_timestamp_seconds{{credential=\"{of}\"}}");
        shown.get(&series).copied()
    };
    assert_eq!(age("file").await, Some(1_700_000_000.0));
    assert_eq!(age("variable").await, Some(0.0));
    // Written again by somebody, whatever is in it.
    changed_at(1_700_086_400);
    pass(seconds(30)).await;
    assert_eq!(age("file").await, Some(1_700_086_400.0));
}

/// A token made elsewhere cannot be renewed, but whoever makes it may have put another there.
#[tokio::test(start_paused = true)]
async fn a_given_token_that_is_rejected_is_looked_for_in_its_file() {
    let platform = Platform::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    write_secret(&path, "the-first");
    let mint = Mint::start(&platform.config(&format!(
        "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_file = \"{}\"",
        path.display()
    )));
    assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 1);
    let kept = mint.tokens.replace(1).await;
    assert!(matches!(kept, Err(NotRenewed::Given)), "{kept:?}");
    write_secret(&path, "the-next");
    assert_eq!(generation(mint.tokens.replace(1).await), 2);
    assert_eq!(mint.elapsed(), seconds(0));
    write_secret(&path, "the-last");
    pass(seconds(31)).await;
    assert_eq!(mint.usable(), Some(3), "noticed without being asked for");
    assert_eq!(platform.mints(), 0);
}
