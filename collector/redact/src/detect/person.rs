//! Names of people, where their form shows them: before their own address.

use std::ops::Range;

use super::bytes::before;
use super::{Detector, Trigger};

pub(super) const PERSON: Detector = Detector {
    rule: "PERSON",
    reason: "the name beside an address is whose address it is",
    triggers: &[Trigger::Byte(b'@', mailbox)],
};

/// A name has so many words and bytes at the most.
const MOST_WORDS: usize = 5;
const LONGEST: usize = 96;

/// `Ada Lovelace <ada@example.com>`, as RFC 5322 writes a mailbox: the words with capitals before the angle.
fn mailbox(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let from = at.start.saturating_sub(80);
    let angle = from + memchr::memrchr(b'<', &text[from..at.start])?;
    let local = &text[angle + 1..at.start];
    let is_address =
        !local.is_empty() && !local.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b'>');
    let closes = memchr::memchr3(b'>', b' ', b'\n', &text[at.end..text.len().min(at.end + 256)]);
    if !is_address || closes.is_none_or(|end| text[at.end + end] != b'>') {
        return None;
    }
    name_before(text, angle)
}

fn name_before(text: &[u8], angle: usize) -> Option<Range<usize>> {
    let quoted = text[..angle].trim_ascii_end();
    let end = if quoted.ends_with(b"\"") { quoted.len() - 1 } else { quoted.len() };
    let from = end.saturating_sub(LONGEST);
    let line = from + memchr::memrchr3(b'\n', b'"', b'<', &text[from..end]).map_or(0, |at| at + 1);
    let mut start = end;
    for _ in 0..MOST_WORDS {
        let word = word_before(text, line, start);
        if word == start || !begins_a_name(&text[word..start]) {
            break;
        }
        start = word;
        if before(text, start) != Some(b' ') || start <= line + 1 {
            break;
        }
        start -= 1;
    }
    let start = start + text[start..end].iter().take_while(|byte| **byte == b' ').count();
    (start < end).then_some(start..end)
}

fn word_before(text: &[u8], line: usize, end: usize) -> usize {
    let letters = |byte: &&u8| byte.is_ascii_alphabetic() || **byte >= 0x80 || b"-'.".contains(byte);
    end - text[line..end].iter().rev().take_while(letters).count()
}

/// A capital, or a letter of a script that has none. Of what begins with other letters nobody knows.
fn begins_a_name(word: &[u8]) -> bool {
    let first = std::str::from_utf8(word).ok().and_then(|word| word.chars().next());
    first.is_some_and(|first| first.is_uppercase() || first.is_alphabetic() && !first.is_lowercase())
}

#[cfg(test)]
mod tests {
    use crate::tests::{BUILTIN, nothing};

    #[test]
    fn a_name_before_its_address_goes_with_it() {
        let redact = |text: &str| BUILTIN.redact(text).text;
        let (both, quoted) =
            ("[REDACTED:PERSON] <[REDACTED:EMAIL]>", "\"[REDACTED:PERSON]\" <[REDACTED:EMAIL]>");
        assert_eq!(redact("Hi, I am Zoë Müller-Łukasz <ada@example.com>"), format!("Hi, I am {both}"));
        assert_eq!(redact("From: \"Ada B. Lovelace\" <ada@example.com>"), format!("From: {quoted}"));
        assert_eq!(redact("the list <ada@example.com>"), "the list <[REDACTED:EMAIL]>");
        assert_eq!(redact("山田 太郎 <ada@example.com>"), both);
    }

    #[test]
    fn what_is_no_mailbox_is_left() {
        nothing("Vec <T> and <a @ b> c");
        nothing("Box<Pin @ 3>");
    }
}
