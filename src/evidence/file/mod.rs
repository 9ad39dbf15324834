//! Evidence as a file: saved here, handed on, and read elsewhere and later to the same diagnosis.
//!
//! The file is JSON with a version. Every version that was ever written stays readable: `v1` has
//! types of its own, so that the inner ones may change. A file can come from anywhere, so that
//! everything in it is checked while it is read, and its text is made printable again.
//!
//! No file or clock is touched here: text comes in and goes out.

mod read;
mod v1;
mod write;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::{Evidence, printable};
use crate::clock::Moment;

/// The newest version of the format, which is the one that is written.
pub const VERSION: u64 = 1;

/// Longest file, in bytes.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Most characters of a path, of what the JSON library says, and of a program's name.
const PATH_CAP: usize = 200;
const SAID_CAP: usize = 300;
const WRITER_CAP: usize = 100;

/// Saved evidence.
#[derive(Clone, Debug)]
pub struct Saved {
    /// When it was saved.
    pub taken_at: Moment,
    /// By which program, for example `why403 0.1.0`.
    pub written_by: String,
    /// The evidence, one entry per target and operation.
    pub records: Vec<Record>,
}

/// The evidence about one operation of one target.
#[derive(Clone, Debug)]
pub struct Record {
    /// The evidence.
    pub evidence: Arc<Evidence>,
    /// Since when the finding had been the same.
    pub since: Option<Timestamp>,
}

/// Why evidence cannot be saved.
#[derive(Debug, Error)]
pub enum UnsavedError {
    /// It is longer than it may be.
    #[error("the evidence takes more than {0} bytes: choose fewer targets")]
    TooLong(usize),
    /// It cannot be written as JSON.
    #[error("the evidence cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Why a file is not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnreadError {
    /// It is longer than what is read.
    #[error("the file is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// It is not saved evidence.
    #[error("this is no saved evidence: {0}")]
    Foreign(String),
    /// It was written by a newer program.
    #[error(
        "the file has version {0} of the format, written by {1}; this is why403 {version}, which \
         reads version {VERSION} and older: take a newer why403",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(u64, String),
    /// Something in it makes no sense.
    #[error("{path}: {what}")]
    Wrong {
        /// Where in the file, for example `evidence[0].exchanges[1].sent_at.wall`.
        path: String,
        /// What is wrong there.
        what: String,
    },
}

impl Saved {
    /// The file, of at most as many bytes, of which [`MOST_BYTES`] are read.
    ///
    /// # Errors
    /// [`UnsavedError`] when it would be longer; it is given up as soon as that is known.
    pub fn write(&self, most: usize) -> Result<String, UnsavedError> {
        let mut evidence = Vec::with_capacity(self.records.len());
        let mut least = 0_usize;
        for record in &self.records {
            let one = write::evidence(&record.evidence, record.since);
            // Without the spaces that it gets below.
            least = least.saturating_add(serde_json::to_string(&one)?.len());
            if least > most {
                return Err(UnsavedError::TooLong(most));
            }
            evidence.push(one);
        }
        let file = v1::File {
            why403_evidence: VERSION,
            taken_at: write::moment(self.taken_at),
            written_by: self.written_by.clone(),
            evidence,
        };
        let mut text = serde_json::to_string_pretty(&file)?;
        text.push('\n');
        if text.len() > most {
            return Err(UnsavedError::TooLong(most));
        }
        Ok(text)
    }

    /// Reads a file of any version.
    ///
    /// # Errors
    /// [`UnreadError`] says what is wrong, and where.
    pub fn read(bytes: &[u8]) -> Result<Self, UnreadError> {
        if bytes.len() > MOST_BYTES {
            return Err(UnreadError::TooLong);
        }
        let head: Head =
            serde_json::from_slice(bytes).map_err(|error| UnreadError::Foreign(said(&error)))?;
        match head.why403_evidence {
            Some(VERSION) => read::file(&parsed(bytes)?),
            Some(newer) if newer > VERSION => Err(UnreadError::Newer(newer, head.writer())),
            Some(other) => Err(UnreadError::Foreign(format!(
                "there is no version {other} of the format"
            ))),
            None => Err(UnreadError::Foreign(
                "the field why403_evidence is missing".to_owned(),
            )),
        }
    }
}

/// What every version begins with.
#[derive(Deserialize)]
struct Head {
    why403_evidence: Option<u64>,
    written_by: Option<Value>,
}

impl Head {
    /// The program that wrote the file, as far as it tells.
    fn writer(&self) -> String {
        let told = self.written_by.as_ref().and_then(Value::as_str);
        printable(told.unwrap_or("an unknown program"), WRITER_CAP)
    }
}

/// The file as its version describes it, before anything is checked.
fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UnreadError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| UnreadError::Wrong {
        path: printable(&error.path().to_string(), PATH_CAP),
        what: said(error.inner()),
    })
}

/// What the JSON library says; it may quote the file.
fn said(error: &serde_json::Error) -> String {
    printable(&error.to_string(), SAID_CAP)
}

/// This program, as a file names it.
#[must_use]
pub fn writer() -> String {
    concat!("why403 ", env!("CARGO_PKG_VERSION")).to_owned()
}
