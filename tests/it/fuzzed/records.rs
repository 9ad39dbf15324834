//! Records of the state on disk, in a database of ours.
//!
//! The first line is `good` or `episode`, the rest is the record.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use redb::{Database, TableDefinition};
use tokio::runtime::Builder;
use why403::store::{self, Past};
use why403::target::{Name, Operation};

const FILE: &str = "why403.redb";
const TARGET: &str = "default";
const ID: u64 = 7;

const EPISODES: TableDefinition<'_, (&str, &str, u64), &[u8]> = TableDefinition::new("episodes");
const GOOD: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("good");

thread_local! {
    /// A new database, as it is made at the first start.
    static NEW: OnceCell<Vec<u8>> = const { OnceCell::new() };
}

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (kind, record) = data.split_at(at.unwrap_or(data.len()));
    let record = record.get(1..).unwrap_or_default();
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    match kind {
        b"good" | b"episode" => lay_out(directory, kind == b"good", record),
        _ => return,
    }
    let before = recalled(directory, None);
    let was_set_aside = aside(directory);
    assert!(!was_set_aside || is_empty(&before), "half of it was used");
    // Written once more it is the same.
    let kept = recalled(directory, Some(&before));
    assert_eq!(format!("{before:?}"), format!("{kept:?}"), "a second time");
    let after = recalled(directory, None);
    assert_eq!(format!("{before:?}"), format!("{after:?}"), "what was kept");
    assert_eq!(aside(directory), was_set_aside, "set aside what is ours");
}

/// What is known of the target, after `keep` was kept.
fn recalled(directory: &Path, keep: Option<&Past>) -> Past {
    let opened = store::open(directory, Timestamp::UNIX_EPOCH);
    let (store, keeper, mut recalled) = opened.unwrap_or_else(|error| panic!("{error}"));
    let target = Name::new(TARGET).expect("a name");
    if let Some(past) = keep {
        for episode in &past.episodes {
            assert_eq!((&episode.target, episode.id), (&target, ID));
            store.keep(&std::sync::Arc::new(episode.clone()));
        }
        if let Some(good) = &past.good {
            let good = std::sync::Arc::new(good.clone());
            store.good(&target, Operation::queues(), good, true);
        }
        drop(store);
        // A clock that stands while the disk is at work: a slow one is no finding.
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build();
        let written = keeper.run(|written| assert!(written, "not written"));
        runtime.expect("a runtime").block_on(written);
    }
    recalled.take(&target, Operation::queues())
}

fn is_empty(past: &Past) -> bool {
    past.episodes.is_empty() && past.good.is_none()
}

fn aside(directory: &Path) -> bool {
    let files = fs::read_dir(directory).expect("a directory");
    let mut names = files.map(|file| file.expect("a file").file_name());
    names.any(|name| name.to_string_lossy().contains("set-aside"))
}

/// Makes a database with this one record.
fn lay_out(directory: &Path, is_good: bool, record: &[u8]) {
    let file = directory.join(FILE);
    NEW.with(|new| {
        let new = new.get_or_init(|| {
            let opened = store::open(directory, Timestamp::UNIX_EPOCH);
            drop(opened.expect("a new database"));
            fs::read(&file).expect("a file")
        });
        fs::write(&file, new).expect("a file");
    });
    let database = Database::open(&file).expect("our own database");
    let transaction = database.begin_write().expect("a transaction");
    let operation = Operation::queues().label();
    if is_good {
        let mut table = transaction.open_table(GOOD).expect("a table");
        let key = (TARGET, operation.as_str());
        table.insert(key, record).expect("a record");
    } else {
        let mut table = transaction.open_table(EPISODES).expect("a table");
        let key = (TARGET, operation.as_str(), ID);
        table.insert(key, record).expect("a record");
    }
    transaction.commit().expect("a record");
}
