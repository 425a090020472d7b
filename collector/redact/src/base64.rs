//! Just enough Base64 to look inside: both alphabets, padding optional.

use crate::block::Places;
use crate::steps;
use std::ops::Range;

/// Decodes as far as the alphabet reaches, up to `limit` bytes.
pub(crate) fn decode(text: &[u8], limit: usize) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(limit.min(text.len() / 4 * 3 + 3));
    decoded.extend(bytes(text).take(limit));
    decoded
}

/// The bytes that the letters stand for, as far as the alphabet reaches.
pub(crate) fn bytes(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut goes_on = true;
    let groups = text.chunks(4).map_while(move |letters| {
        goes_on.then(|| {
            let values = letters.iter().map_while(|&byte| value(byte));
            let (bits, held) = values.fold((0, 0), |(bits, held), value| ((bits << 6) | value, held + 6));
            goes_on = held == 24;
            let [_, first, second, third] = (bits << (24 - held)).to_be_bytes();
            [first, second, third].into_iter().take(held / 8)
        })
    });
    groups.flatten().inspect(|_| steps::read(1))
}

fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

pub(crate) const fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

pub(crate) const fn is_standard(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Runs of the standard alphabet, `least` long or longer, with the padding that ends them: what follows an equals sign
/// is something else.
pub(crate) fn runs(text: &[u8], least: usize) -> Vec<Range<usize>> {
    runs_of(text, least, &STANDARD, 0)
}

/// Runs of both alphabets.
pub(crate) fn runs_of_either(text: &[u8], least: usize) -> Vec<Range<usize>> {
    runs_of(text, least, &EITHER, 1)
}

/// It looks at the end of a window first, so that prose is passed over a word at a time.
fn runs_of(text: &[u8], least: usize, alphabet: &[bool; 256], either: u8) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    let mut others = Places::of(text, |byte| is_other(byte, either));
    while let Some(window) = text.get(at..at + least) {
        if let Some(other) = window.iter().rposition(|&byte| !alphabet[usize::from(byte)]) {
            at += other + 1;
            continue;
        }
        let end = others.from(at + least).unwrap_or(text.len());
        let padding = text[end..].iter().take(2).take_while(|&&byte| byte == b'=').count();
        runs.push(at..end + padding);
        at = end + padding;
    }
    runs
}

const STANDARD: [bool; 256] = table(false);
const EITHER: [bool; 256] = table(true);

const fn table(either: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        table[byte as usize] = is_standard(byte) || either && is_url_safe(byte);
        byte += 1;
    }
    table
}

/// One where the byte is none of the alphabet, zero where it is, without a branch.
fn is_other(byte: u8, either: u8) -> u8 {
    let letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    // `/` stands right before the digits.
    let digit = u8::from(byte.wrapping_sub(b'/') < 11);
    let sign = u8::from(byte == b'-') | u8::from(byte == b'_');
    (letter | digit | u8::from(byte == b'+') | sign & either) ^ 1
}

#[cfg(test)]
mod tests {
    use super::{decode, runs};

    #[test]
    fn decodes_both_alphabets_and_stops_at_anything_else() {
        assert_eq!(decode(b"aGVsbG8=", 99), b"hello");
        assert_eq!(decode(b"_-8", 99), [0xff, 0xef]);
        assert_eq!(decode(b"/+8 rest", 99), [0xff, 0xef]);
        assert_eq!(decode(b"aGVsbG8", 2), b"he");
    }

    #[test]
    fn finds_runs_that_are_long_enough() {
        assert_eq!(runs(b"abc abcd/= abcdefg a=bcde==", 4), [4..10, 11..18, 21..27]);
        assert!(runs(b"abc", 4).is_empty());
    }
}
