//! The file: opened, read, written, and set aside where it cannot be used.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError,
    TableDefinition, TableHandle as _,
};

use super::record::{read_episode, read_good, write_episode, write_good};
use super::{FILE, Pending, Recalled, StoreError};

/// Most bytes that the database keeps in memory.
const CACHE_BYTES: usize = 1024 * 1024;

/// The layout of the file that this version writes and reads.
const FORMAT: &str = "1";

const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("why403");
const EPISODES: TableDefinition<'_, (&str, &str, u64), &[u8]> = TableDefinition::new("episodes");
const GOOD: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("good");

/// Why a file was not opened.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another process has it.
    Locked,
    /// The disk is full, or a limit is reached.
    NoRoom(io::Error),
    /// The operating system refuses.
    Io(io::Error),
    /// It is not ours, or broken.
    Unusable(String),
    /// Another file stands in its place, or none; with what was in it, where that can be read.
    Gone(Option<Pending>),
}

impl Trouble {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::NoRoom(error)
            }
            _ => Self::Io(error),
        }
    }
}

/// The file that is written to.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// None as long as there is none, and where it was closed after a failure.
    database: Option<Database>,
    /// Which file it is, as long as that is known.
    id: Option<Id>,
}

/// Device and inode, where the system has them.
type Id = (u64, u64);

/// The file when the service starts.
#[derive(Debug)]
pub(super) struct Opened {
    /// Trouble where the disk has no room to begin one; the keeper tries again.
    pub held: Result<Held, Trouble>,
    pub recalled: Recalled,
}

impl Opened {
    /// Where there is no room for a new file there is nothing to recall, and what happens from now
    /// on can wait in memory: nothing is wrong with the configuration, for which a start is refused.
    fn of(
        path: &Path,
        is_new: bool,
        opened: Result<(Held, Recalled), Trouble>,
    ) -> Result<Self, StoreError> {
        match opened {
            Ok((held, recalled)) => Ok(Self {
                held: Ok(held),
                recalled,
            }),
            Err(trouble @ Trouble::NoRoom(_)) if is_new => Ok(Self {
                held: Err(trouble),
                recalled: Recalled::default(),
            }),
            Err(trouble) => Err(StoreError::of(path, trouble)),
        }
    }
}

/// Opens or makes the file in `directory` and reads it; what cannot be used is set aside.
pub(super) fn open(directory: &Path, now: Timestamp) -> Result<Opened, StoreError> {
    make(directory).map_err(|reason| StoreError::Directory {
        path: directory.to_owned(),
        reason,
    })?;
    let path = directory.join(FILE);
    let is_new = is_new(&path);
    let why = match open_and_read(&path) {
        Err(Trouble::Unusable(why)) => why,
        opened => return Opened::of(&path, is_new, opened),
    };
    let aside = set_aside(&path, now).map_err(|reason| StoreError::Aside {
        path: path.clone(),
        why: why.clone(),
        reason,
    })?;
    tracing::warn!(
        path = %path.display(),
        aside = %aside.display(),
        "{} cannot be used: {why}. It is kept as {}, and a new one is begun",
        path.display(),
        aside.display(),
    );
    Opened::of(&path, true, open_and_read(&path))
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

/// Renames what stands at `path`, to a name that is free.
fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let time = now.strftime("%Y%m%dT%H%M%SZ");
    let mut aside = path.with_file_name(format!("{FILE}.set-aside-{time}"));
    let mut number = 1;
    while fs::symlink_metadata(&aside).is_ok() {
        number += 1;
        aside = path.with_file_name(format!("{FILE}.set-aside-{time}-{number}"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn open_and_read(path: &Path) -> Result<(Held, Recalled), Trouble> {
    guarded(|| {
        let (database, id) = open_file(path)?;
        let recalled = read(&database)?;
        let held = Held {
            database: Some(database),
            id,
        };
        Ok((held, recalled))
    })
}

/// Does something with a database; a panic, which a broken file can cause, is an answer.
fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let why = "the database library gave up on its content".to_owned();
        Err(Trouble::Unusable(why))
    })
}

/// Opens the file, or makes it, readable for its owner only.
fn open_file(path: &Path) -> Result<(Database, Option<Id>), Trouble> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(Trouble::Unusable("it is no regular file".to_owned()));
        }
        _ => {}
    }
    let is_new = is_new(path);
    let file = file_at(path).map_err(Trouble::of)?;
    let same = file.try_clone().map_err(Trouble::of)?;
    let id = file.metadata().ok().map(|found| id(&found));
    let opened = database_in(file);
    if is_new && matches!(opened, Err(Trouble::NoRoom(_))) {
        // Half a beginning would count as broken the next time.
        let _emptied = same.set_len(0);
    }
    opened.map(|database| (database, id))
}

#[cfg(unix)]
fn id(found: &Metadata) -> Id {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

/// All are the same: what is open cannot be removed here.
#[cfg(not(unix))]
fn id(_: &Metadata) -> Id {
    (0, 0)
}

/// Whether there is nothing in it.
fn is_new(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |found| found.len() == 0)
}

fn file_at(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn database_in(file: File) -> Result<Database, Trouble> {
    let backend = FileBackend::new(file)?;
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)?;
    Ok(database)
}

/// Everything in it; a new one gets its tables.
fn read(database: &Database) -> Result<Recalled, Trouble> {
    if !is_ours(database)? {
        lay_out(database)?;
    }
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let broken = |error| Trouble::Unusable(format!("a record in it cannot be read: {error}"));
    let mut recalled = Recalled::default();
    let episodes = transaction
        .open_table(EPISODES)
        .map_err(redb::Error::from)?;
    for entry in episodes.iter()? {
        let (key, value) = entry?;
        let (target, operation, id) = key.value();
        let episode = read_episode((target, operation, id), value.value()).map_err(broken)?;
        let past = recalled.past(target, operation);
        past.episodes.extend(episode);
    }
    let good = transaction.open_table(GOOD).map_err(redb::Error::from)?;
    for entry in good.iter()? {
        let (key, value) = entry?;
        let (target, operation) = key.value();
        recalled.past(target, operation).good = read_good(value.value()).map_err(broken)?;
    }
    Ok(recalled)
}

/// Whether it has our tables; false when it has none at all.
fn is_ours(database: &Database) -> Result<bool, Trouble> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let tables = transaction.list_tables()?;
    let tables: Vec<String> = tables.map(|table| table.name().to_owned()).collect();
    if tables.is_empty() && transaction.list_multimap_tables()?.count() == 0 {
        return Ok(false);
    }
    let foreign = |what: &str| Err(Trouble::Unusable(what.to_owned()));
    if !tables.iter().any(|name| name == ABOUT.name()) {
        return foreign("it is the database of another program");
    }
    let about = transaction.open_table(ABOUT).map_err(redb::Error::from)?;
    let format = about.get("format")?.map(|it| it.value().to_owned());
    match format.as_deref() {
        Some(FORMAT) => Ok(true),
        _ => foreign("it was written by another version"),
    }
}

fn lay_out(database: &Database) -> Result<(), Trouble> {
    let transaction = database.begin_write().map_err(redb::Error::from)?;
    {
        let mut about = transaction.open_table(ABOUT).map_err(redb::Error::from)?;
        about.insert("format", FORMAT)?;
        transaction
            .open_table(EPISODES)
            .map_err(redb::Error::from)?;
        transaction.open_table(GOOD).map_err(redb::Error::from)?;
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

impl Held {
    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Writes a batch, all of it or nothing; it is on the disk when this returns. What is gone is
    /// noticed also when there is nothing to write. A database that was closed after a failure is
    /// opened again first.
    pub(super) fn write(&mut self, path: &Path, batch: &Pending) -> Result<(), Trouble> {
        guarded(|| {
            // Whoever writes to a file that was removed is told that all is well.
            if self.id.is_some() && !self.is_at(path)? {
                let left = std::mem::take(self);
                return Err(Trouble::Gone(left.rescued()));
            }
            // Left closed when anything fails from here on, and opened anew the next time.
            let database = match self.database.take() {
                Some(database) => database,
                None => self.begin(path)?,
            };
            if !batch.is_empty() {
                commit(&database, batch)?;
            }
            self.database = Some(database);
            Ok(())
        })
    }

    fn begin(&mut self, path: &Path) -> Result<Database, Trouble> {
        if let Some(directory) = path.parent() {
            make(directory).map_err(Trouble::of)?;
        }
        let (database, id) = open_file(path)?;
        self.id = id;
        Ok(database)
    }

    /// Whether it is this file that stands at `path`.
    fn is_at(&self, path: &Path) -> Result<bool, Trouble> {
        match fs::metadata(path) {
            Ok(found) => Ok(self.id == Some(id(&found))),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(false),
                _ => Err(Trouble::of(error)),
            },
        }
    }

    /// Everything in a file that has no name any more, but is still open.
    fn rescued(self) -> Option<Pending> {
        let database = self.database?;
        let recalled = guarded(|| read(&database)).ok()?;
        Some(recalled.into_pending())
    }
}

fn commit(database: &Database, batch: &Pending) -> Result<(), Trouble> {
    // One that was begun again after a failure has no tables yet; one of another program has.
    if !is_ours(database)? {
        lay_out(database)?;
    }
    let wrong = |error: serde_json::Error| Trouble::Io(error.into());
    let transaction = database.begin_write().map_err(redb::Error::from)?;
    {
        let mut episodes = transaction
            .open_table(EPISODES)
            .map_err(redb::Error::from)?;
        for ((target, operation, id), episode) in &batch.episodes {
            let key = (target.as_str(), operation.as_str(), *id);
            match episode {
                Some(episode) => {
                    let bytes = write_episode(episode).map_err(wrong)?;
                    episodes.insert(key, bytes.as_slice())?;
                }
                None => {
                    episodes.remove(key)?;
                }
            }
        }
        let mut good = transaction.open_table(GOOD).map_err(redb::Error::from)?;
        for ((target, operation), standing) in &batch.good {
            let key = (target.as_str(), operation.as_str());
            match standing {
                Some(standing) => {
                    let bytes = write_good(standing).map_err(wrong)?;
                    good.insert(key, bytes.as_slice())?;
                }
                None => {
                    good.remove(key)?;
                }
            }
        }
    }
    transaction.commit().map_err(redb::Error::from)?;
    Ok(())
}

impl From<DatabaseError> for Trouble {
    fn from(error: DatabaseError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::Locked,
            redb::Error::Io(error) => match error.kind() {
                // The first is "no database at all", the others come of a file that was cut.
                ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                    Self::Unusable(error.to_string())
                }
                _ => Self::of(error),
            },
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                Self::Io(io::Error::other(error.to_string()))
            }
            other => Self::Unusable(other.to_string()),
        }
    }
}
