//! A file of saved evidence: read, diagnosed, and written once more.

use why403::evidence::file::{MOST_BYTES, Saved};

use super::{assert_one_line, reading};

/// The longest that a complaint may be.
const LONGEST: usize = 2_000;

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let saved = match Saved::read(data) {
        Ok(saved) => saved,
        Err(error) => {
            let error = error.to_string();
            assert_one_line(&error, "why the file is not read");
            assert!(!error.is_empty() && error.chars().count() < LONGEST);
            return;
        }
    };
    assert_one_line(&saved.written_by, "the program");
    let written = saved
        .write(MOST_BYTES)
        .expect("what was read is not too long");
    let again = Saved::read(written.as_bytes()).unwrap_or_else(|error| {
        panic!("what was written is not read: {error}\n{written}");
    });
    assert_eq!(again.write(MOST_BYTES).expect("a second time"), written);
    assert_eq!(saved.records.len(), again.records.len());
    for (before, after) in saved.records.iter().zip(&again.records) {
        assert_eq!(before.since, after.since);
        let before = reading::check(&before.evidence);
        let after = reading::check(&after.evidence);
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }
}
