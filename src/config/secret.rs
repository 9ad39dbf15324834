//! Secrets: reading them from files, and refusing what cannot be one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::problem::Complaint;

/// Why a file gives no secret. No message contains any of the file's content.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A directory, a pipe or a device; reading one could wait for ever.
    #[error("is not a regular file")]
    NotRegular,
    /// Larger than any secret.
    #[error("is larger than {} KiB", MAX_SECRET_BYTES / 1024)]
    TooLarge,
    /// Some byte is not part of UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// Empty, a placeholder, several lines, or otherwise impossible.
    #[error("its content {0}")]
    Unusable(&'static str),
}

/// Where a secret goes, which decides what it may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// Into a header: one line of visible ASCII.
    Header,
    /// Into a field of a form: one line of any text.
    Field,
    /// Into a field of a form, as base64: a SAML assertion, however its file writes it.
    Assertion,
}

/// The largest secret file that is read.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Reads a secret from a regular file of at most 64 KiB.
///
/// One newline at the end is dropped, because editors and `echo` add it. An assertion may be
/// base64 of either alphabet, in one line or in many, or the XML itself, which is encoded as
/// RFC 7522 asks for. This is also how a rotated secret is read again later, so it keeps no state.
///
/// # Errors
/// [`SecretFileError`] says what is wrong with the file, never what is in it.
pub fn read_secret_file(path: &Path, kind: SecretKind) -> Result<SecretString, SecretFileError> {
    let bytes = read_regular(path, MAX_SECRET_BYTES).map_err(|error| match error {
        ReadError::Io(error) => SecretFileError::Io(error),
        ReadError::NotRegular => SecretFileError::NotRegular,
        ReadError::TooLarge => SecretFileError::TooLarge,
    })?;
    let mut text = String::from_utf8(bytes).map_err(|_| SecretFileError::NotText)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if kind == SecretKind::Assertion {
        text = assertion(&text).map_err(SecretFileError::Unusable)?;
    }
    match flaw(&text, kind) {
        Some((what, _)) => Err(SecretFileError::Unusable(what)),
        None => Ok(SecretString::from(text)),
    }
}

/// When the content of a secret's file last changed, as the file system tells; none when it does
/// not, or when there is no such file.
#[must_use]
pub fn secret_file_modified(path: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(path).and_then(|it| it.modified()).ok()?;
    Timestamp::try_from(modified).ok()
}

/// Fewest characters of the admin token.
pub(super) const MIN_ADMIN_TOKEN: usize = 16;

/// Reads the admin token again, by the rules that hold for it at the start.
///
/// # Errors
/// [`SecretFileError`], also for one that is too short.
pub fn read_admin_token(path: &Path) -> Result<SecretString, SecretFileError> {
    let token = read_secret_file(path, SecretKind::Header)?;
    if is_short(&token) {
        return Err(SecretFileError::Unusable("is too short"));
    }
    Ok(token)
}

/// Whether an admin token could be guessed for its length.
pub(super) fn is_short(token: &SecretString) -> bool {
    token.expose_secret().chars().count() < MIN_ADMIN_TOKEN
}

/// The assertion in a file as it is sent: base64 on one line.
fn assertion(text: &str) -> Result<String, &'static str> {
    let text = text.trim_start_matches('\u{feff}').trim();
    // White space around the document is no part of what is signed. A placeholder has no end tag.
    if text.starts_with('<') && text.contains("</") {
        return Ok(URL_SAFE_NO_PAD.encode(text));
    }
    if is_placeholder(text) {
        return Ok(text.to_owned());
    }
    let joined: String = text.split_ascii_whitespace().collect();
    let digits = joined.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if digits.bytes().all(known) && digits.len() % 4 != 1 && joined.len() - digits.len() <= 2 {
        return Ok(joined);
    }
    Err("is neither base64 nor XML, as an assertion is")
}

/// Checks a secret that came from a variable or a profile; the complaint does not contain it.
pub(super) fn check(text: &str, kind: SecretKind) -> Result<SecretString, Complaint> {
    match flaw(text, kind) {
        Some((what, fix)) => Err(Complaint::new(what, fix)),
        None => Ok(SecretString::from(text)),
    }
}

/// Whether `text` would be read as this very secret if it stood in a file.
#[must_use]
pub fn secret_can_be(text: &str, kind: SecretKind) -> bool {
    text.len() as u64 <= MAX_SECRET_BYTES && flaw(text, kind).is_none()
}

/// What makes `text` impossible as a secret or a client's id, and what to do about it.
pub(super) fn flaw(text: &str, kind: SecretKind) -> Option<(&'static str, &'static str)> {
    const AS_SHOWN: &str = "give it exactly as Genesys Cloud shows it";
    if text.is_empty() {
        return Some(("is empty", AS_SHOWN));
    }
    if is_placeholder(text) {
        return Some(("is a placeholder", "replace it by the real value"));
    }
    if kind != SecretKind::Header {
        return form_flaw(text);
    }
    if text.to_ascii_lowercase().starts_with("bearer ") {
        return Some(("begins with the word Bearer", "give the token alone"));
    }
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    form_flaw(text).or((!visible).then_some((
        "contains a space or a character outside ASCII, which no header may carry",
        AS_SHOWN,
    )))
}

/// What is wrong with the form of a text, whatever it means.
pub(super) fn form_flaw(text: &str) -> Option<(&'static str, &'static str)> {
    if text.chars().any(char::is_control) {
        return Some((
            "contains a line break or another control character",
            "give it on one line; files written on Windows end lines with a carriage return",
        ));
    }
    if text.trim() != text {
        return Some((
            "begins or ends with white space",
            "remove the space around it",
        ));
    }
    let wrapped = |mark: char| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
    (wrapped('"') || wrapped('\'')).then_some((
        "is wrapped in quotation marks",
        "remove them; an --env-file keeps quotation marks as part of the value",
    ))
}

/// Whether this is what documentation and templates write where a value belongs.
fn is_placeholder(text: &str) -> bool {
    // Only what nobody would choose: a gateway of one's own may well have "secret" for a secret.
    const WORDS: &[&str] = &[
        "changeme",
        "placeholder",
        "todo",
        "tbd",
        "fixme",
        "redacted",
        "yourclientsecret",
        "yourclientid",
        "yoursecret",
        "yourid",
        "youraccesstoken",
        "yourtoken",
        "replaceme",
        "none",
        "null",
        "undefined",
        "insertsecrethere",
    ];
    let enclosed = |open: &str, close: char| text.starts_with(open) && text.ends_with(close);
    if enclosed("<", '>') || enclosed("${", '}') || enclosed("{{", '}') || enclosed("%", '%') {
        return true;
    }
    let word: String = text
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | ' ' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let is_mask = word.chars().all(|c| matches!(c, 'x' | '*' | '…' | '•'));
    (is_mask && word != "x") || WORDS.contains(&word.as_str())
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    NotRegular,
    TooLarge,
}

/// Reads a regular file of at most `most` bytes, without ever waiting on a pipe.
pub(super) fn read_regular(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    // Opening a pipe waits for its writer, so look before opening.
    let before = fs::metadata(path).map_err(ReadError::Io)?;
    if !before.is_file() {
        return Err(ReadError::NotRegular);
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    let opened = file.metadata().map_err(ReadError::Io)?;
    if !opened.is_file() {
        return Err(ReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(most.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > most {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

/// The complaint about a file that every user of this machine may read; none where that cannot be
/// told.
pub(super) fn world_readable(path: &Path) -> Option<Complaint> {
    is_world_readable(path).then(|| {
        Complaint::new(
            format!("{} can be read by every user", path.display()),
            "chmod 600 it; in Kubernetes set defaultMode: 0440 and the pod's fsGroup",
        )
    })
}

fn is_world_readable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
    }
    #[cfg(not(unix))]
    {
        let _: &Path = path;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        read_as(SecretKind::Header, bytes)
    }

    fn read_as(kind: SecretKind, bytes: &[u8]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, bytes).unwrap();
        read_secret_file(&path, kind)
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_newline_at_the_end_is_dropped_and_nothing_else() {
        assert_eq!(read(b"s3cr3t").unwrap(), "s3cr3t");
        assert_eq!(read(b"s3cr3t\n").unwrap(), "s3cr3t");
        assert_eq!(read(b"s3cr3t\r\n").unwrap(), "s3cr3t");
    }

    #[test]
    fn files_that_hold_no_secret_are_refused_without_showing_them() {
        for (bytes, why) in [
            (&b""[..], "its content is empty"),
            (b"\n", "its content is empty"),
            (b"a\n\n", "control character"),
            (b"a\nb", "control character"),
            (b" a", "white space"),
            (b"\"a\"", "quotation marks"),
            (b"changeme\n", "placeholder"),
            (b"Bearer abc", "the word Bearer"),
            (b"two words", "no header may carry"),
            ("\u{e4}".as_bytes(), "no header may carry"),
            (b"a\xff", "not UTF-8"),
            (&vec![b'a'; 64 * 1024 + 1], "larger than 64 KiB"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(read(&vec![b'a'; 64 * 1024]).unwrap().len(), 64 * 1024);
    }

    #[test]
    fn what_goes_into_a_form_may_be_any_text_on_one_line() {
        let field = |bytes: &[u8]| read_as(SecretKind::Field, bytes);
        assert_eq!(
            field("Bearer of s\u{fc}gar & \"\n".as_bytes()).unwrap(),
            "Bearer of s\u{fc}gar & \""
        );
        assert_eq!(field(b"\"").unwrap(), "\"", "one mark wraps nothing");
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b"a\nb", "control character"),
            (b" a", "white space"),
            (b"'a'", "quotation marks"),
            (b"<password>", "placeholder"),
        ] {
            let error = field(bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn an_assertion_is_read_however_its_file_writes_it() {
        let assertion = |text: &str| read_as(SecretKind::Assertion, text.as_bytes());
        assert_eq!(assertion("PGE+\r\nPC9hPg==\r\n\n").unwrap(), "PGE+PC9hPg==");
        assert_eq!(assertion("PGE-PC9hPg").unwrap(), "PGE-PC9hPg");
        let xml = "<saml:Assertion ID=\"a?>\">\u{fc}</saml:Assertion>";
        let sent = assertion(&format!("\u{feff}\n{xml}\n\n")).unwrap();
        assert_eq!(sent, URL_SAFE_NO_PAD.encode(xml));
        let largest = "a".repeat(64 * 1024);
        assert_eq!(assertion(&largest).unwrap(), largest);
        for (text, why) in [
            ("", "is empty"),
            ("\n \n", "is empty"),
            ("<assertion>", "placeholder"),
            ("PGE%2BPC9hPg", "neither base64 nor XML"),
            ("a.b.c", "neither base64 nor XML"),
            ("ab=cd", "neither base64 nor XML"),
            ("abcd===", "neither base64 nor XML"),
            ("abcde", "neither base64 nor XML"),
            (&"a".repeat(64 * 1024 + 1), "larger than 64 KiB"),
        ] {
            let error = assertion(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn an_admin_token_that_is_too_short_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin");
        let read = |token: &str| {
            fs::write(&path, token).unwrap();
            let read = read_admin_token(&path).map(|token| token.expose_secret().to_owned());
            read.map_err(|error| error.to_string())
        };
        let long = "a".repeat(MIN_ADMIN_TOKEN);
        assert_eq!(read(&format!("{long}\n")), Ok(long.clone()));
        let short = read(&"a".repeat(MIN_ADMIN_TOKEN - 1));
        assert_eq!(short, Err("its content is too short".to_owned()));
        assert!(read("changeme-changeme").is_ok() && read("").is_err());
    }

    #[test]
    fn placeholders_are_known_in_many_spellings() {
        for text in [
            "changeme",
            "CHANGE_ME",
            "your-client-secret",
            "<secret>",
            "${CLIENT_SECRET}",
            "{{ secret }}",
            "xxxxxxxx",
            "********",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "demo-secret",
            "demo-client",
            "x1",
            "x",
            "secretive",
            "0",
            "<secret",
            "secret>",
            "${SECRET",
            "50%",
            "%50",
            "{{secret",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_directory_and_a_missing_file_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let error = read_secret_file(directory.path(), SecretKind::Header).unwrap_err();
        assert_eq!(error.to_string(), "is not a regular file");
        let error =
            read_secret_file(&directory.path().join("none"), SecretKind::Field).unwrap_err();
        assert!(error.to_string().starts_with("cannot be read: "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_writer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            let error = read_secret_file(&path, SecretKind::Header).unwrap_err();
            assert_eq!(error.to_string(), "is not a regular file");
        }
    }
}
