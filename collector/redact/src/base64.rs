//! Just enough Base64 to look inside: both alphabets, padding optional.

use crate::block::Places;
use std::ops::Range;

/// Decodes as far as the alphabet reaches, up to `limit` bytes.
pub(crate) fn decode(text: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bits = 0_u32;
    let mut held = 0;
    for value in text.iter().map_while(|&byte| value(byte)) {
        bits = (bits << 6) | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.extend((bits >> held).to_le_bytes().first());
            bits &= (1 << held) - 1;
        }
        if out.len() == limit {
            break;
        }
    }
    out
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

pub(crate) fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

pub(crate) const fn is_standard(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Runs of the standard alphabet, `least` long or longer, with the padding that ends them: what follows an equals sign
/// is something else. It looks at the end of a window first, so that prose is passed over a word at a time.
pub(crate) fn runs(text: &[u8], least: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    let mut others = Places::of(text, is_other);
    while let Some(window) = text.get(at..at + least) {
        if let Some(other) = window.iter().rposition(|&byte| !STANDARD[usize::from(byte)]) {
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

const STANDARD: [bool; 256] = {
    let mut standard = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        standard[byte as usize] = is_standard(byte);
        byte += 1;
    }
    standard
};

/// One where the byte is none of the alphabet, zero where it is, without a branch.
fn is_other(byte: u8) -> u8 {
    let letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    // `/` stands right before the digits.
    let digit = u8::from(byte.wrapping_sub(b'/') < 11);
    (letter | digit | u8::from(byte == b'+')) ^ 1
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
