//! Text in Base64 or in hexadecimal digits: decoded, looked through, and cut where the letters of a finding stand.

use crate::base64::{decode, is_standard, runs_of_either};
use crate::scan::Candidate;
use crate::text::View;
use std::ops::Range;

/// Shorter runs hold no finding and are ids as a rule.
const LEAST: usize = 24;
/// Shorter lines are none of a text that was wrapped.
const LINE: usize = 40;
/// So much of the decoded text tells whether it is one: pictures and hashes are told apart without decoding them.
const PROBE: usize = 12;

/// Text that was found in other letters.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    start: usize,
    /// The letters, without the ends of lines between them.
    letters: View<'a>,
    alphabet: Alphabet,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy)]
enum Alphabet {
    Base64,
    Hex,
}

pub(super) fn texts(text: &str) -> impl Iterator<Item = Encoded<'_>> {
    let mut taken = 0;
    runs_of_either(text.as_bytes(), LEAST).into_iter().flat_map(move |run| {
        let found = if run.start < taken { Vec::new() } else { of_run(text, &run) };
        taken = found.iter().map(|encoded| encoded.end()).fold(taken, usize::max);
        found
    })
}

/// All of the run, or the parts of it in the standard alphabet: the signs of the other one may separate.
fn of_run<'a>(text: &'a str, run: &Range<usize>) -> Vec<Encoded<'a>> {
    let bytes = &text.as_bytes()[run.clone()];
    if let Some(hex) = hex(text, run) {
        return vec![hex];
    }
    let whole = base64(text, run);
    if whole.is_some() || bytes.iter().all(|byte| !matches!(byte, b'-' | b'_')) {
        return whole.into_iter().collect();
    }
    let mut start = run.start;
    let parts = bytes.split(|byte| matches!(byte, b'-' | b'_')).map(|part| {
        let place = start..start + part.len();
        start = place.end + 1;
        place
    });
    parts.filter(|part| part.len() >= LEAST).filter_map(|part| base64(text, &part)).collect()
}

fn base64<'a>(text: &'a str, run: &Range<usize>) -> Option<Encoded<'a>> {
    let run_bytes = &text.as_bytes()[run.clone()];
    // Three bytes tell most ids apart, twelve the rest.
    if !crate::base64::bytes(run_bytes).take(3).all(begins_text) {
        return None;
    }
    readable(&decode(run_bytes, PROBE))?;
    let letters = unwrapped(text, run);
    let decoded = decode(letters.text().as_bytes(), letters.text().len());
    let text = readable(&decoded)?.to_owned();
    Some(Encoded { start: run.start, letters, alphabet: Alphabet::Base64, text })
}

fn hex<'a>(text: &'a str, run: &Range<usize>) -> Option<Encoded<'a>> {
    let prefix = if text[run.clone()].starts_with("0x") { 2 } else { 0 };
    let letters = &text[run.start + prefix..run.end];
    let pairs = || letters.as_bytes().chunks(2).map(pair);
    if !pairs().take(3).all(|byte| byte.is_some_and(begins_text)) {
        return None;
    }
    let decoded: Vec<u8> = pairs().collect::<Option<_>>()?;
    let text = readable(&decoded)?.to_owned();
    Some(Encoded { start: run.start + prefix, letters: View::of(letters), alphabet: Alphabet::Hex, text })
}

fn pair(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else { return None };
    let value = char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?;
    u8::try_from(value).ok()
}

/// The run and the lines that go on with it, where lines are all of one length but the last.
fn unwrapped<'a>(text: &'a str, run: &Range<usize>) -> View<'a> {
    let bytes = text.as_bytes();
    let mut lines = vec![run.clone()];
    while let Some(next) = lines.last().and_then(|last| next_line(bytes, last))
        && lines.iter().all(|line| line.len() == run.len())
        && next.len() <= run.len()
    {
        lines.push(next);
    }
    let mut view = match lines.as_slice() {
        [_, .., last] => View::starting(&text[run.start..last.end]),
        _ => return View::of(&text[run.clone()]),
    };
    for pair in lines.windows(2) {
        view.copy_until(pair[0].end - run.start);
        view.replace(pair[1].start - pair[0].end, "");
    }
    view.finish()
}

/// The letters of the next line, where this one is full.
fn next_line(text: &[u8], line: &Range<usize>) -> Option<Range<usize>> {
    let rest = &text[line.end..];
    let end = rest.iter().take(LINE).position(|byte| *byte == b'\n').filter(|end| *end < 2)?;
    let gap =
        end + 1 + rest[end + 1..].iter().take(LINE).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let letters = rest[gap..].iter().take_while(|byte| is_standard(**byte) || **byte == b'=').count();
    let full = line.len() >= LINE && line.len().is_multiple_of(4);
    (full && letters > 0).then(|| line.end + gap..line.end + gap + letters)
}

fn begins_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t')
}

/// The text that the bytes begin with, where it is one: none of its first characters is a sign that nobody writes.
fn readable(bytes: &[u8]) -> Option<&str> {
    let is_text = |char: char| !char.is_control() || matches!(char, '\n' | '\r' | '\t');
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
    };
    let end = valid.find(|char| !is_text(char)).unwrap_or(valid.len());
    // A character may be cut in two where the probe ends.
    (end + 3 >= bytes.len().min(PROBE) && end > PROBE / 2).then(|| &valid[..end])
}

impl Encoded<'_> {
    fn end(&self) -> usize {
        self.start + self.letters.source().len()
    }

    /// The letters, in groups as they are read, that hold what was found in the decoded text.
    pub(super) fn encoded(&self, found: &Candidate) -> Candidate {
        let Range { start, end } = found.place;
        let letters = match self.alphabet {
            Alphabet::Base64 => start / 3 * 4..end.div_ceil(3) * 4,
            Alphabet::Hex => start * 2..end * 2,
        };
        let place = self.letters.source_of(&(letters.start..letters.end.min(self.letters.text().len())));
        Candidate {
            place: place.start + self.start..place.end + self.start,
            rule: found.rule,
            bare_number: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};
    use base64::Engine;

    #[test]
    fn text_in_base64_is_read_as_what_it_is() {
        // {"mail": "ada@example.com", "n": 1}
        let text = "eyJtYWlsIjogImFkYUBleGFtcGxlLmNvbSIsICJuIjogMX0=";
        found(text, "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
        found(&format!(r#"{{"data":"{text}"}}"#), "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
        found(&format!("data={text}"), "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
    }

    #[test]
    fn both_alphabets_and_hexadecimal_digits_are_read() {
        // {"mail":"ada@example.com?>?~","n":1}
        let text = "eyJtYWlsIjoiYWRhQGV4YW1wbGUuY29tPz4_fiIsIm4iOjF9";
        found(&format!("x={text}&y"), "EMAIL", &["YWRhQGV4YW1wbGUuY29t"]);
        let hex: String = "mail ada@example.com".bytes().map(|byte| format!("{byte:02x}")).collect();
        let [_, mail] = hex.split_once("20").map(|(word, mail)| [word, mail]).expect("a space is there");
        found(&hex, "EMAIL", &[mail]);
        found(&format!("bytea 0x{hex}"), "EMAIL", &[mail]);
        // Behind a character of three bytes: {"value": "€ 1", "mail": "ada@example.com"}
        found(
            "eyJ2YWx1ZSI6ICLigqwgMSIsICJtYWlsIjogImFkYUBleGFtcGxlLmNvbSJ9",
            "EMAIL",
            &["ImFkYUBleGFtcGxlLmNvbSJ9"],
        );
    }

    #[test]
    fn lines_of_one_text_are_read_as_one() {
        let text = r#"{"id":"00000000","mail":"ada.lovelace@example.com"}"#;
        let letters = base64::engine::general_purpose::STANDARD.encode(text);
        for end in ["\n", "\r\n", "\n  "] {
            let lines = format!("{}{end}{}", &letters[..40], &letters[40..]);
            found(&format!("a:{end}{lines}"), "EMAIL", &[&lines[32..]]);
        }
    }

    #[test]
    fn hashes_and_pictures_are_not_text() {
        nothing("sha256:877e335c08e937897db249024eb4856ab4bd7c206a11bd9504d09f0870fe130a");
        nothing("iVBORw0KGgoAAAANSUhEUgAAtsfi01wzjzmLVdQ/raQLPrENUHZhVogcWEfD");
    }
}
