//! Removing from an answer what must not be kept: our own secrets and control characters.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

use super::{Auth, Field};

const REDACTED: &str = "[redacted]";

/// Secrets shorter than this are not searched for: they would blank unrelated text.
const SHORTEST_SECRET: usize = 4;

/// Replaces the secrets of one call wherever an answer echoes them.
pub(super) struct Scrubber {
    /// The secrets in every form, longest first.
    needles: Vec<String>,
}

impl Scrubber {
    /// `others` are secrets of the way, such as the proxy's.
    pub(super) fn new(auth: Auth<'_>, form: &[Field<'_>], others: &[SecretString]) -> Self {
        let mut needles = Vec::new();
        match auth {
            Auth::Bearer(token) => add(token.expose_secret(), &mut needles),
            Auth::Basic(id, secret) => {
                let secret = secret.expose_secret();
                add(secret, &mut needles);
                add(&format!("{id}:{secret}"), &mut needles);
            }
            Auth::None => {}
        }
        for field in form {
            if let Field::Secret(_, secret) = field {
                add(secret.expose_secret(), &mut needles);
            }
        }
        for secret in others {
            add(secret.expose_secret(), &mut needles);
        }
        // Longest first, so that no needle leaves the tail of another behind.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
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

    /// As [`Self::scrub`], for a text that was cut, perhaps in the middle of a secret.
    pub(super) fn scrub_cut(&self, text: &str) -> String {
        let mut scrubbed = self.scrub(text);
        let began = self
            .needles
            .iter()
            .filter_map(|needle| longest_end(&scrubbed, needle))
            .max();
        if let Some(length) = began {
            scrubbed.truncate(scrubbed.len() - length);
            scrubbed.push_str(REDACTED);
        }
        scrubbed
    }
}

/// Adds the forms in which an answer may echo `secret`: as it is, in base64, and each of these
/// as a URL or a JSON text has it.
fn add(secret: &str, needles: &mut Vec<String>) {
    if secret.len() < SHORTEST_SECRET {
        return;
    }
    for form in [
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        let in_form: String = byte_serialize(form.as_bytes()).collect();
        let in_url = in_form.replace('+', "%20").replace("%7E", "~");
        let in_json = form.replace('\\', "\\\\").replace('"', "\\\"");
        needles.extend([lower_hex(&in_form), lower_hex(&in_url), in_form, in_url]);
        // Some writers of JSON escape slashes, too, and what is not ASCII.
        let slashes = in_json.replace('/', "\\/");
        needles.extend([ascii_json(&in_json), ascii_json(&slashes), slashes]);
        needles.extend([in_page(&form), in_json, form]);
    }
}

/// A JSON text whose characters outside ASCII are escaped.
fn ascii_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units).iter();
            escaped.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped
}

/// A text as an HTML page shows it.
fn in_page(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// `%2F` as `%2f`.
fn lower_hex(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut lower = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        lower.extend(["%", &digits.to_ascii_lowercase(), rest]);
    }
    lower
}

/// The length of the longest end of `text` that `needle` begins with; short ones do not count.
fn longest_end(text: &str, needle: &str) -> Option<usize> {
    let ends = needle.char_indices().map(|(at, _)| at);
    ends.rev()
        .take_while(|length| *length >= SHORTEST_SECRET)
        .find(|length| {
            needle
                .get(..*length)
                .is_some_and(|begin| text.ends_with(begin))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_removed_in_every_usual_form() {
        let secret = SecretString::from("s3cr3t/+\"~~~~ value");
        let pair = STANDARD.encode("client:s3cr3t/+\"~~~~ value");
        assert!(pair.contains('+'), "{pair} is the same in a URL");
        let scrubber = Scrubber::new(Auth::Basic("client", &secret), &[], &[]);
        for echo in [
            secret.expose_secret().to_owned(),
            STANDARD.encode(secret.expose_secret()),
            URL_SAFE_NO_PAD.encode(secret.expose_secret()),
            pair.clone(),
            pair.replace('+', "%2B").replace('=', "%3D"),
            pair.replace('+', "%2b").replace('=', "%3d"),
            pair.trim_end_matches('=').to_owned(),
            "s3cr3t%2F%2B%22%7E%7E%7E%7E+value".to_owned(),
            "s3cr3t%2f%2b%22%7e%7e%7e%7e+value".to_owned(),
            "s3cr3t%2F%2B%22~~~~%20value".to_owned(),
            r#"s3cr3t/+\"~~~~ value"#.to_owned(),
            r#"s3cr3t\/+\"~~~~ value"#.to_owned(),
        ] {
            let text = format!("before {echo} after");
            assert_eq!(scrubber.scrub(&text), "before [redacted] after", "{echo}");
        }
    }

    #[test]
    fn the_secrets_of_a_form_are_removed_and_its_other_fields_are_kept() {
        let password = SecretString::from("pä\"ss & wörd/1");
        let form = [
            Field::Plain("username", "ada@example.com"),
            Field::Secret("password", &password),
        ];
        let scrubber = Scrubber::new(Auth::None, &form, &[]);
        for echo in [
            password.expose_secret(),
            "p\u{e4}\\\"ss & w\u{f6}rd\\/1",
            "p\\u00e4\\\"ss & w\\u00f6rd/1",
            "p%C3%A4%22ss+%26+w%C3%B6rd%2F1",
            "p%c3%a4%22ss%20%26%20w%c3%b6rd%2f1",
            "p\u{e4}&quot;ss &amp; w\u{f6}rd/1",
        ] {
            let text = format!("ada@example.com sent {echo}.");
            assert_eq!(scrubber.scrub(&text), "ada@example.com sent [redacted].");
        }
    }

    #[test]
    fn a_secret_that_was_cut_is_removed_as_far_as_it_goes() {
        let secret = SecretString::from("tökens3cr3t");
        let scrubber = Scrubber::new(Auth::Bearer(&secret), &[], &[]);
        assert_eq!(scrubber.scrub_cut("see tökens3cr"), "see [redacted]");
        assert_eq!(scrubber.scrub_cut("see tökens3cr3t"), "see [redacted]");
        assert_eq!(scrubber.scrub_cut("see tök"), "see [redacted]");
        assert_eq!(scrubber.scrub_cut("see t%C3%B6ke"), "see [redacted]");
        assert_eq!(scrubber.scrub_cut("see tö"), "see tö", "too short to tell");
        assert_eq!(scrubber.scrub_cut("tökens3 is part"), "tökens3 is part");
        assert_eq!(scrubber.scrub_cut(""), "");
    }
}
