//! Removing from an answer what must not be kept: our own secrets and control characters.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;

use super::Auth;

const REDACTED: &str = "[redacted]";

/// Secrets shorter than this are not searched for: they would blank unrelated text.
const SHORTEST_SECRET: usize = 4;

/// Replaces the secrets of one call wherever an answer echoes them.
pub(super) struct Scrubber {
    needles: Vec<String>,
}

impl Scrubber {
    pub(super) fn new(auth: Auth<'_>) -> Self {
        let mut needles = Vec::new();
        let mut add = |secret: &str| {
            if secret.len() >= SHORTEST_SECRET {
                needles.push(secret.to_owned());
                needles.push(STANDARD.encode(secret));
                needles.push(URL_SAFE_NO_PAD.encode(secret));
                needles.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
            }
        };
        match auth {
            Auth::Bearer(token) => add(token.expose_secret()),
            Auth::Basic(id, secret) => {
                add(secret.expose_secret());
                add(&format!("{id}:{}", secret.expose_secret()));
            }
        }
        // Longest first, so that no needle leaves the tail of another behind.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        Self { needles }
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, needle| {
            if text.contains(needle.as_str()) {
                text.replace(needle.as_str(), REDACTED)
            } else {
                text
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn an_echoed_secret_is_removed_in_every_usual_form() {
        let secret = SecretString::from("s3cr3t/+ value");
        let scrubber = Scrubber::new(Auth::Basic("client", &secret));
        for echo in [
            "s3cr3t/+ value".to_owned(),
            STANDARD.encode("client:s3cr3t/+ value"),
            STANDARD.encode("s3cr3t/+ value"),
            "s3cr3t%2F%2B+value".to_owned(),
        ] {
            let text = format!("before {echo} after");
            assert_eq!(scrubber.scrub(&text), "before [redacted] after", "{echo}");
        }
    }
}
