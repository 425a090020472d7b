//! Text in Base64: decoded, looked through, and cut where the letters of a finding stand.

use crate::base64::{decode, runs};
use crate::scan::Candidate;
use std::ops::Range;

/// Shorter runs hold no finding and are ids as a rule.
const LEAST: usize = 24;

/// Text that was found in Base64, and where.
#[derive(Debug)]
pub(super) struct Encoded {
    place: Range<usize>,
    pub(super) text: String,
}

pub(super) fn texts(text: &str) -> impl Iterator<Item = Encoded> {
    let runs = runs(text.as_bytes(), LEAST).into_iter();
    runs.filter_map(|place| Some(Encoded { text: readable(&text.as_bytes()[place.clone()])?, place }))
}

/// The decoded text, where it is one. A few bytes tell pictures and hashes apart without decoding them.
fn readable(run: &[u8]) -> Option<String> {
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t');
    let is_ascii = |byte: &u8| byte.is_ascii() && is_text(byte);
    let plausible = decode(run, 12).iter().all(is_ascii);
    let text = plausible.then(|| decode(run, run.len()))?;
    text.iter().all(is_text).then(|| String::from_utf8(text).ok())?
}

impl Encoded {
    /// The groups of four letters that hold what was found in the decoded text.
    pub(super) fn encoded(&self, found: &Candidate) -> Candidate {
        let start = self.place.start + found.place.start / 3 * 4;
        let end = self.place.start + found.place.end.div_ceil(3) * 4;
        Candidate { place: start..end.min(self.place.end), rule: found.rule, bare_number: None }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn text_in_base64_is_read_as_what_it_is() {
        // {"mail": "ada@example.com", "n": 1}
        let text = "eyJtYWlsIjogImFkYUBleGFtcGxlLmNvbSIsICJuIjogMX0=";
        found(text, "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
        found(&format!(r#"{{"data":"{text}"}}"#), "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
        found(&format!("data={text}"), "EMAIL", &["ImFkYUBleGFtcGxlLmNvbSIs"]);
    }

    #[test]
    fn hashes_and_pictures_are_not_text() {
        nothing("sha256:877e335c08e937897db249024eb4856ab4bd7c206a11bd9504d09f0870fe130a");
        nothing("iVBORw0KGgoAAAANSUhEUgAAtsfi01wzjzmLVdQ/raQLPrENUHZhVogcWEfD");
    }
}
