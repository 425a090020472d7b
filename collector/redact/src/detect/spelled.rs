//! E-mail addresses that people write so that no machine reads them: `ada [at] example [dot] com`, `ada at example dot com`.

use std::ops::Range;

use super::bytes::{run, run_back};

/// The sign between brackets. The dots may be written so as well, or as they are.
pub(super) const IN_BRACKETS: &[&str] = &["[at]", "(at)", "{at}", "<at>"];
/// The last dot, in words.
pub(super) const IN_WORDS: &[&str] = &[" dot "];

/// Without brackets only addresses that end as most do: anybody may be *at home dot something*.
const ENDINGS: [&[u8]; 16] = [
    b"com", b"org", b"net", b"edu", b"gov", b"io", b"dev", b"de", b"fr", b"uk", b"eu", b"es", b"it", b"nl",
    b"ch", b"info",
];

pub(super) fn in_brackets(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = local_part(text, run_back(text, at.start, 1, |byte| byte == b' '))?;
    let mut end = label(text, over(text, at.end))?;
    let mut last = end..end;
    while let Some(next) = dot(text, end).and_then(|dot| Some(dot..label(text, dot)?)) {
        end = next.end;
        last = next;
    }
    let is_domain = last.len() >= 2 && text[last].iter().all(u8::is_ascii_alphabetic);
    is_domain.then_some(start..end)
}

/// Behind `.`, `[dot]`, or ` (dot) `.
fn dot(text: &[u8], end: usize) -> Option<usize> {
    if text.get(end) == Some(&b'.') {
        return Some(end + 1);
    }
    let open = over(text, end);
    let &[bracket, b'd' | b'D', b'o' | b'O', b't' | b'T', close] = text.get(open..open + 5)? else {
        return None;
    };
    let pair = matches!([bracket, close], [b'[', b']'] | [b'(', b')'] | [b'{', b'}'] | [b'<', b'>']);
    pair.then(|| over(text, open + 5))
}

pub(super) fn in_words(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let domain = run_back(text, at.start, 64, is_letter);
    let sign = domain.checked_sub(4)?;
    let is_at = domain < at.start && text[sign..domain].eq_ignore_ascii_case(b" at ");
    let end = label(text, at.end).filter(|_| is_at)?;
    let known = ENDINGS.iter().any(|ending| text[at.end..end].eq_ignore_ascii_case(ending));
    known.then_some(local_part(text, sign)?..end)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn local_part(text: &[u8], end: usize) -> Option<usize> {
    let start = run_back(text, end, 64, |byte| byte.is_ascii_alphanumeric() || b"._+-%".contains(&byte));
    (start < end).then_some(start)
}

fn label(text: &[u8], start: usize) -> Option<usize> {
    let end = run(text, start, 63, is_letter);
    (end > start).then_some(end)
}

/// Behind the space, if one is there.
fn over(text: &[u8], at: usize) -> usize {
    at + usize::from(text.get(at) == Some(&b' '))
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_addresses_in_words_and_brackets() {
        for mail in [
            "ada.lovelace [at] example [dot] com",
            "ada[at]example[dot]co[dot]uk",
            "ada(at)example.com",
            "ada {AT} mail (DOT) example (DOT) org",
            "ada at example dot com",
            "Ada.Lovelace AT example DOT org",
        ] {
            found(&format!("write to {mail}, please"), "EMAIL", &[mail]);
        }
    }

    #[test]
    fn leaves_what_is_said_of_places_and_signs() {
        for text in [
            "meet at noon dot the i",
            "x[at] = y",
            "the (at) sign and the [dot]",
            "see it at home dot sweet",
            "f(at) example",
        ] {
            nothing(text);
        }
    }
}
