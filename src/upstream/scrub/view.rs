//! A text as a reader of JSON, of a URL or of a page sees it, and where in the text that stands.

use std::ops::Range;

/// Tells what an escape at the beginning of the bytes means, and how long it is.
pub(super) type Decoder = fn(&[u8]) -> Option<(Decoded, usize)>;

/// Up to four bytes that stand for one escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    fn character(character: char) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What is read, and for each of its bytes where in the original that begins.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    begins: Vec<u32>,
    end: u32,
}

impl View {
    /// The bytes as they are.
    pub(super) fn plain(bytes: &[u8]) -> Self {
        let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self {
            bytes: bytes.to_vec(),
            begins: (0..end).collect(),
            end,
        }
    }

    /// What a decoder makes of it; none where there is nothing to decode.
    pub(super) fn decoded(&self, decoder: Decoder) -> Option<Self> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut begins = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        while let (Some(byte), Some(begin)) = (self.bytes.get(at), self.begins.get(at)) {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (piece, length) = decoder(rest).unwrap_or((Decoded::byte(*byte), 1));
            bytes.extend_from_slice(piece.as_slice());
            begins.extend(std::iter::repeat_n(*begin, piece.length));
            at += length.max(1);
        }
        (bytes != self.bytes).then_some(Self {
            bytes,
            begins,
            end: self.end,
        })
    }

    /// Where in the original these bytes of the view stand, whole escapes included.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let place = |begin: u32| usize::try_from(begin).unwrap_or(usize::MAX);
        let begin = self.begins.get(range.start).copied().unwrap_or(self.end);
        let last = range.end.checked_sub(1).and_then(|at| self.begins.get(at));
        let following = self.begins.get(range.end..).unwrap_or_default();
        let end = following.iter().find(|it| Some(*it) != last);
        place(begin)..place(end.copied().unwrap_or(self.end))
    }
}

/// The escapes of a string in JSON (RFC 8259, section 7), and JavaScript's `\x26`.
pub(super) fn json(rest: &[u8]) -> Option<(Decoded, usize)> {
    let plain = |byte| Some((Decoded::byte(byte), 2));
    match rest {
        [b'\\', byte @ (b'"' | b'\\' | b'/' | b'\''), ..] => plain(*byte),
        [b'\\', b'b', ..] => plain(8),
        [b'\\', b'f', ..] => plain(12),
        [b'\\', b'n', ..] => plain(b'\n'),
        [b'\\', b'r', ..] => plain(b'\r'),
        [b'\\', b't', ..] => plain(b'\t'),
        [b'\\', b'x', digits @ ..] => {
            let byte = u8::try_from(number(digits.get(..2)?, 16)?).ok()?;
            Some((Decoded::byte(byte), 4))
        }
        [b'\\', b'u', digits @ ..] => {
            let first = u16::try_from(number(digits.get(..4)?, 16)?).ok()?;
            let second = match digits.get(4..10) {
                Some([b'\\', b'u', digits @ ..]) => {
                    number(digits, 16).and_then(|it| u16::try_from(it).ok())
                }
                _ => None,
            };
            let pair = [first, second.unwrap_or_default()];
            match char::decode_utf16(pair).next()? {
                Ok(one) => {
                    let length = if one.len_utf16() == 2 { 12 } else { 6 };
                    Some((Decoded::character(one), length))
                }
                Err(_) => Some((Decoded::character(char::REPLACEMENT_CHARACTER), 6)),
            }
        }
        _ => None,
    }
}

/// The escapes of a URL and of a form (RFC 3986, section 2.1).
pub(super) fn percent(rest: &[u8]) -> Option<(Decoded, usize)> {
    let [b'%', digits @ ..] = rest else {
        return None;
    };
    let byte = u8::try_from(number(digits.get(..2)?, 16)?).ok()?;
    Some((Decoded::byte(byte), 3))
}

/// The character references of a page for those characters that have to be written so, and all
/// numeric ones.
pub(super) fn page(rest: &[u8]) -> Option<(Decoded, usize)> {
    const LONGEST: usize = 10;
    let [b'&', name @ ..] = rest else {
        return None;
    };
    let length = name.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let name = name.get(..length)?;
    let character = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((Decoded::character(character), length.saturating_add(2)))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // The library would take a sign.
    digits.chars().all(|it| it.is_digit(radix)).then_some(())?;
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, decoder: Decoder) -> String {
        let plain = View::plain(text.as_bytes());
        let view = plain.decoded(decoder).unwrap_or(plain);
        String::from_utf8_lossy(&view.bytes).into_owned()
    }

    #[test]
    fn escapes_are_read_as_their_readers_read_them() {
        for (text, decoder, expected) in [
            ("a\\u0026\\\"\\/\\u00E4", json as Decoder, "a&\"/ä"),
            ("\\ud83e\\udd80\\n\\x26", json, "🦀\n&"),
            ("\\ud83e\\u0041\\u12", json, "\u{fffd}A\\u12"),
            ("\\u+041\\", json, "\\u+041\\"),
            ("a%2Fb%2f%", percent, "a/b/%"),
            ("%C3%A4%+1", percent, "ä%+1"),
            ("&amp;&lt;&#38;&#x2f;&nbsp;&", page, "&<&/&nbsp;&"),
        ] {
            assert_eq!(read(text, decoder), expected, "{text}");
        }
    }

    #[test]
    fn what_is_found_in_a_view_is_found_in_the_text() {
        let text = "see \\u0026amp; there";
        let plain = View::plain(text.as_bytes());
        assert!(plain.decoded(percent).is_none());
        let once = plain.decoded(json).unwrap();
        let twice = once.decoded(page).unwrap();
        assert_eq!(twice.bytes, b"see & there");
        assert_eq!(text.get(twice.original(4..5)), Some("\\u0026amp;"));
        assert_eq!(text.get(twice.original(0..11)), Some(text));
        let view = View::plain(b"\\u00e4x").decoded(json).unwrap();
        assert_eq!(view.original(0..1), 0..6, "a part of it is all of it");
        assert_eq!(view.original(2..3), 6..7);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\\\u?[0-9a-fd]{0,4}|%[0-9a-f]{0,2}|&#?x?[0-9a-f]{0,7};?|.){0,20}") {
            let plain = View::plain(text.as_bytes());
            for decoder in [json as Decoder, percent, page] {
                let view = plain.decoded(decoder).unwrap_or_else(|| plain.clone());
                prop_assert_eq!(view.original(0..view.bytes.len()), 0..text.len());
            }
        }
    }
}
