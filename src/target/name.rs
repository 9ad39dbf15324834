//! Names of targets and credentials.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A target's name: 1 to 63 characters of `a-z 0-9 . _ -`, beginning with a letter or a digit.
///
/// The set is that of DNS labels plus `.` and `_`, so that a name is safe as a path segment, a
/// metric label and a file name without escaping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "a name has 1 to 63 characters of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
)]
pub struct InvalidName;

impl Name {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 63;

    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// [`InvalidName`] when the text is empty, too long, or has a character outside the set.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let first = text.bytes().next().ok_or(InvalidName)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let allowed = |byte: u8| plain(byte) || matches!(byte, b'.' | b'_' | b'-');
        if text.len() > Self::MAX_LEN || !plain(first) || !text.bytes().all(allowed) {
            return Err(InvalidName);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_closed_set_of_characters() {
        for good in ["default", "prod-eu", "0", "a.b_c-d", &"x".repeat(63)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(64);
        for bad in ["", "-a", ".", "Prod", "a b", "a/b", "ä", "a\0", &long] {
            assert_eq!(Name::new(bad), Err(InvalidName), "{bad:?}");
        }
    }
}
