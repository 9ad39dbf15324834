//! Removing from an answer what must not be kept: our own secrets.
//!
//! Whoever echoes a secret writes it as the format wants: escaped as JSON, percent-encoded, as a
//! page, in base64, in hexadecimal, or some of these in turn. So that nothing has to be known of
//! all writers, a text is searched as its readers see it, and what was found is removed where it
//! stands.

mod view;

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};

use self::view::{Decoder, View, json, page, percent};

const REDACTED: &str = "[redacted]";

/// Secrets shorter than this are not searched for: they would blank unrelated text.
const SHORTEST_SECRET: usize = 4;

/// Encodings of anything shorter are not searched for within longer ones.
const SHORTEST_CORE: usize = 8;

/// So much of a text is looked at together; a view takes several times that much memory.
const PIECE_BYTES: usize = 64 * 1024;

/// An escape has at most so many bytes for one.
const LONGEST_ESCAPE: usize = 12;

/// How texts are read: an encoding within another one, the inner one last.
const READINGS: &[&[Decoder]] = &[
    &[],
    &[json],
    &[json, json],
    &[json, percent],
    &[json, page],
    &[percent],
    &[percent, percent],
    &[page],
];

/// Replaces secrets wherever a text repeats them.
pub(super) struct Scrubber {
    /// The secrets in every form, longest first.
    needles: Vec<Vec<u8>>,
}

impl Scrubber {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            add(secret.expose_secret(), &mut needles);
        }
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        let found = READINGS.iter().flat_map(|it| self.found(text, it));
        without(text, found.collect())
    }

    /// As [`Self::scrub`], for a text that was cut, perhaps in the middle of a secret.
    pub(super) fn scrub_cut(&self, text: &str) -> String {
        let mut scrubbed = self.scrub(text);
        let whole = scrubbed.as_str();
        // It may have been cut within an escape, too.
        let escape = whole.rfind(['\\', '%', '&']);
        let escape = escape.filter(|at| whole.len() - at < LONGEST_ESCAPE);
        let texts = [Some(whole), escape.and_then(|at| whole.get(..at))];
        let began = texts.into_iter().flatten();
        let began = began
            .filter_map(|text| self.begun(text))
            .min()
            .map(|at| whole.floor_char_boundary(at));
        if let Some(began) = began {
            scrubbed.truncate(began);
            scrubbed.push_str(REDACTED);
        }
        scrubbed
    }

    /// Where needles stand in a text that is read in this way.
    fn found(&self, text: &str, reading: &[Decoder]) -> Vec<Range<usize>> {
        let longest = self.needles.first().map_or(0, Vec::len);
        let overlap = longest.saturating_mul(LONGEST_ESCAPE);
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        for begin in (0..bytes.len()).step_by(PIECE_BYTES) {
            let end = begin.saturating_add(PIECE_BYTES).saturating_add(overlap);
            let piece = bytes.get(begin..end.min(bytes.len())).unwrap_or_default();
            for range in self.found_in(piece, reading) {
                found.push(begin + range.start..begin + range.end);
            }
        }
        found
    }

    fn found_in(&self, piece: &[u8], reading: &[Decoder]) -> Vec<Range<usize>> {
        let in_bytes = |bytes: &[u8]| -> Vec<Range<usize>> {
            let of = |needle: &Vec<u8>| {
                let length = needle.len();
                let places = memmem::find_iter(bytes, needle);
                places.map(move |at| at..at + length).collect::<Vec<_>>()
            };
            self.needles.iter().flat_map(of).collect()
        };
        if reading.is_empty() {
            return in_bytes(piece);
        }
        let Some(view) = seen(piece, reading) else {
            return Vec::new();
        };
        let found = in_bytes(&view.bytes).into_iter();
        found.map(|range| view.original(range)).collect()
    }

    /// Where the longest beginning of a needle stands that the text ends with.
    fn begun(&self, text: &str) -> Option<usize> {
        let longest = self.needles.first().map_or(0, Vec::len);
        let begin = text
            .len()
            .saturating_sub(longest.saturating_mul(LONGEST_ESCAPE));
        let piece = text.as_bytes().get(begin..).unwrap_or_default();
        let in_reading = |reading: &&[Decoder]| {
            let view = if reading.is_empty() {
                View::plain(piece)
            } else {
                seen(piece, reading)?
            };
            let length = self
                .needles
                .iter()
                .filter_map(|needle| longest_end(&view.bytes, needle))
                .max()?;
            let all = view.bytes.len();
            Some(begin + view.original(all - length..all).start)
        };
        READINGS.iter().filter_map(in_reading).min()
    }
}

/// The bytes as they are read in this way; none where that changes nothing.
fn seen(piece: &[u8], reading: &[Decoder]) -> Option<View> {
    memchr::memchr3(b'\\', b'%', b'&', piece)?;
    let plain = View::plain(piece);
    reading
        .iter()
        .try_fold(plain, |view, decoder| view.decoded(*decoder))
}

/// The text with a word in place of each range, and one in place of those that overlap.
fn without(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut kept = String::with_capacity(text.len());
    let mut done = 0;
    for range in ranges {
        let end = text.ceil_char_boundary(range.end);
        let begin = text.floor_char_boundary(range.start);
        if begin >= done {
            kept.push_str(text.get(done..begin).unwrap_or_default());
            kept.push_str(REDACTED);
        }
        done = done.max(end);
    }
    kept.push_str(text.get(done..).unwrap_or_default());
    kept
}

/// Adds the forms in which an answer may repeat `secret` apart from escapes: as it is, with `+`
/// for spaces as in a form, in hexadecimal, and in base64, alone or within something longer.
fn add(secret: &str, needles: &mut Vec<Vec<u8>>) {
    if secret.len() < SHORTEST_SECRET {
        return;
    }
    let hex = hex(secret);
    for form in [
        secret.to_owned(),
        secret.replace(' ', "+"),
        hex.to_ascii_uppercase(),
        hex,
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        needles.push(form.into_bytes());
    }
    if secret.len() >= SHORTEST_CORE {
        needles.extend(cores(secret));
    }
}

fn hex(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    digits.collect()
}

/// What base64 of any longer text has of `secret`, whatever stands before and after it.
fn cores(secret: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..3_usize).flat_map(move |before| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        // Six bits a digit: the first and the last one may carry bits of something else.
        let first = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ]
        .map(|text| text.as_bytes().get(first..end).unwrap_or_default().to_vec())
    })
}

/// The length of the longest end of `text` that `needle` begins with; short ones do not count.
fn longest_end(text: &[u8], needle: &[u8]) -> Option<usize> {
    let most = text.len().min(needle.len().saturating_sub(1));
    (SHORTEST_SECRET..=most)
        .rev()
        .find(|length| needle.get(..*length).is_some_and(|it| text.ends_with(it)))
}

#[cfg(test)]
mod tests;
