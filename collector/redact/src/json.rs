//! A tolerant lexer of JSON: where the strings and the numbers of a text are.
//!
//! It keeps no tree and no stack. It refuses a text that has anything but JSON's own tokens outside of strings, and
//! accepts what is merely cut off or unbalanced: edits inside of leaves cannot make that worse.

use crate::steps;
use crate::text::View;
use std::ops::Range;

/// A place of the text that may be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// What stands between the quotes of a key.
    Key(Range<usize>),
    /// What stands between the quotes of a value, and the key it belongs to.
    Text(Range<usize>, Option<Range<usize>>),
    Number(Range<usize>),
}

/// Whether it is worth a try.
pub(crate) fn looks_like(text: &str) -> bool {
    may_be(text.as_bytes())
}

/// The same of bytes.
pub(crate) fn may_be(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

/// Where the text is no longer JSON, if it is not JSON to its end.
pub(crate) fn fault(text: &str) -> Option<usize> {
    leaves(text, |_| {}).err()
}

/// Visits the leaves in order, up to where the text is no longer JSON, which is the error. There may be millions of them,
/// so that a text is better looked at twice than all of its leaves kept.
pub(crate) fn leaves(text: &str, mut visit: impl FnMut(Leaf)) -> Result<(), usize> {
    steps::read(text.len());
    let bytes = text.as_bytes();
    let mut key = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => string(bytes, at, &mut key, &mut visit),
            b'{' | b'[' | b'}' | b']' | b',' => {
                key = None;
                at + 1
            }
            b':' | b' ' | b'\n' | b'\r' | b'\t' => at + 1,
            b'-' | b'0'..=b'9' => number(bytes, at, &mut visit),
            b't' | b'f' | b'n' => word(bytes, at).ok_or(at)?,
            _ => return Err(at),
        };
    }
    Ok(())
}

fn string(bytes: &[u8], open: usize, key: &mut Option<Range<usize>>, visit: &mut impl FnMut(Leaf)) -> usize {
    let end = closing_quote(bytes, open + 1);
    let after = bytes.len().min(end + 1);
    let content = open + 1..end;
    if bytes[after..].trim_ascii_start().first() == Some(&b':') {
        visit(Leaf::Key(content.clone()));
        *key = Some(content);
    } else {
        visit(Leaf::Text(content, key.take()));
    }
    after
}

/// The quote that ends the string, or the end of a text that was cut off.
pub(crate) fn closing_quote(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(offset) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += offset;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

fn number(bytes: &[u8], start: usize, visit: &mut impl FnMut(Leaf)) -> usize {
    let more = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let end = start + bytes[start..].iter().take_while(more).count();
    visit(Leaf::Number(start..end));
    end
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let words: [&[u8]; 3] = [b"true", b"false", b"null"];
    words.iter().find(|word| bytes[at..].starts_with(word)).map(|word| at + word.len())
}

/// The content of a string, decoded as JSON says.
pub(crate) fn decode(raw: &str) -> View<'_> {
    let bytes = raw.as_bytes();
    let mut view = View::starting(raw);
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'\\', &bytes[at..]) {
        view.copy_until(at + offset);
        let (length, char) = escape(&bytes[at + offset..]);
        view.replace(length, char.encode_utf8(&mut [0; 4]));
        at += offset + length;
    }
    view.finish()
}

fn escape(bytes: &[u8]) -> (usize, char) {
    let char = match bytes.get(1) {
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&same @ (b'"' | b'/' | b'\\')) => char::from(same),
        Some(b'u') => return unicode(bytes).unwrap_or((1, '\\')),
        _ => return (1, '\\'),
    };
    (2, char)
}

/// `\uXXXX`, or a pair of surrogates as one unit.
fn unicode(bytes: &[u8]) -> Option<(usize, char)> {
    let first = four_hex(bytes)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((6, char));
    }
    let second = bytes.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(four_hex);
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    Some(pair.map_or((6, char::REPLACEMENT_CHARACTER), |char| (12, char)))
}

fn four_hex(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(2..6)?;
    let value =
        digits.iter().try_fold(0, |value, &byte| Some(value * 16 + char::from(byte).to_digit(16)?))?;
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests;
