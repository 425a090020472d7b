//! The marks that redaction left: `[REDACTED:EMAIL]`, with a pseudonym `[REDACTED:EMAIL:qwertyuiopas]`, with the last
//! four of what stood there `[REDACTED:CREDIT_CARD:*1111]`. Whatever else looks like one is text.

use std::collections::BTreeMap;

use memchr::memmem;

/// How every mark begins.
pub(crate) const MARK: &str = "[REDACTED:";

/// The longest name of a rule that a mark is believed to carry; rules have shorter ones.
const LONGEST_TYPE: usize = 64;
/// Letters of a pseudonym.
const PSEUDONYM: usize = crate::pseudonym::LETTERS;

/// A mark, in the place of what was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// All of it, as it stands in the text.
    pub text: &'a str,
    /// The type that it names: `EMAIL`. `WITHHELD` is one as well.
    pub kind: &'a str,
    pub left: Left<'a>,
}

/// What a mark still tells of what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left<'a> {
    Nothing,
    /// Twelve letters, the same for equal values.
    Pseudonym(&'a str),
    /// Its last four characters.
    LastFour(&'a str),
}

impl<'a> Mark<'a> {
    /// The mark that this text begins with.
    pub fn at_start_of(text: &'a str) -> Option<Self> {
        Self::of(text.as_bytes())
    }

    /// Every mark of a text.
    pub fn all(text: &'a str) -> impl Iterator<Item = Self> {
        Self::all_in(text.as_bytes())
    }

    /// Every mark of a record or of a request: each of their strings stands contiguous in their bytes.
    pub fn all_in(bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        memmem::find_iter(bytes, MARK).filter_map(|at| Self::of(&bytes[at..]))
    }

    fn of(bytes: &'a [u8]) -> Option<Self> {
        let inside = bytes.strip_prefix(MARK.as_bytes())?;
        let kind = text(inside.get(..run(inside, is_of_name).min(LONGEST_TYPE + 1))?)?;
        let rest = inside.get(kind.len()..)?;
        let (left, length) = Left::of(rest)?;
        let is_type = (1..=LONGEST_TYPE).contains(&kind.len()) && rest.get(length) == Some(&b']');
        let end = MARK.len() + kind.len() + length + 1;
        is_type.then_some(Self { text: text(bytes.get(..end)?)?, kind, left })
    }
}

impl<'a> Left<'a> {
    /// What follows the type, and how many bytes that is.
    fn of(rest: &'a [u8]) -> Option<(Self, usize)> {
        let Some(rest) = rest.strip_prefix(b":") else { return Some((Self::Nothing, 0)) };
        if let Some(last) = rest.strip_prefix(b"*") {
            let four = text(last.get(..4)?)?;
            return four
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
                .then_some((Self::LastFour(four), 6));
        }
        let letters = text(rest.get(..PSEUDONYM)?)?;
        let is_pseudonym = letters.bytes().all(|byte| byte.is_ascii_lowercase());
        is_pseudonym.then_some((Self::Pseudonym(letters), 1 + PSEUDONYM))
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn run(bytes: &[u8], of: fn(u8) -> bool) -> usize {
    bytes.iter().take(LONGEST_TYPE + 1).take_while(|byte| of(**byte)).count()
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The marks that redaction left in a record, counted by type. Every string of a record stands contiguous in
/// its bytes, so that names, keys, values and events are all seen by one search.
pub(crate) fn count(record: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for mark in Mark::all_in(record) {
        *counts.entry(mark.kind.to_owned()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_three_forms_and_one_type() {
        let mark = |text| Mark::at_start_of(text).map(|mark| (mark.kind, mark.left, mark.text.len()));
        assert_eq!(mark("[REDACTED:EMAIL] x"), Some(("EMAIL", Left::Nothing, 16)));
        let pseudonym = Left::Pseudonym("qwertyuiopas");
        assert_eq!(mark("[REDACTED:EMAIL:qwertyuiopas]"), Some(("EMAIL", pseudonym, 29)));
        assert_eq!(mark("[REDACTED:IBAN:*13fx]]"), Some(("IBAN", Left::LastFour("13fx"), 21)));
        assert_eq!(mark("[REDACTED:WITHHELD]"), Some(("WITHHELD", Left::Nothing, 19)));
        let longest = "a".repeat(LONGEST_TYPE);
        assert_eq!(mark(&format!("[REDACTED:{longest}:*1111]")).map(|mark| mark.0), Some(&*longest));
    }

    #[test]
    fn what_only_resembles_a_mark_is_text() {
        let long = format!("[REDACTED:{}]", "a".repeat(LONGEST_TYPE + 1));
        for text in [
            "",
            "[REDACTED:",
            "[REDACTED:]",
            "[REDACTED:EMAIL",
            "[REDACTED:EMAIL:]",
            "[REDACTED:EMAIL:qwertyuiopa]",
            "[REDACTED:EMAIL:qwertyuiopasd]",
            "[REDACTED:EMAIL:QWERTYUIOPAS]",
            "[REDACTED:EMAIL:*111]",
            "[REDACTED:EMAIL:*11111]",
            "[REDACTED:EMAIL:*11é]",
            "[REDACTED::*1111]",
            "[REDACTED:é]",
            "[REDACTED:a b]",
            "[REDACTED:EMAIL:qwertyuiopas:*1111]",
            "[redacted:EMAIL]",
            &long,
        ] {
            assert_eq!(Mark::at_start_of(text), None, "{text}");
        }
    }

    #[test]
    fn every_form_counts_for_its_type() {
        let text = "\u{fffd}[REDACTED:EMAIL][REDACTED:EMAIL:qwertyuiopas] [REDACTED:CARD:*1111] [REDACTED:[REDACTED:WITHHELD]";
        let counts = count(text.as_bytes());
        let counts: Vec<_> = counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        assert_eq!(counts, [("CARD", 1), ("EMAIL", 2), ("WITHHELD", 1)]);
        assert_eq!(Mark::all(text).count(), 4);
    }
}
