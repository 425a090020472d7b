//! Texts: words, and what stands between words, in and out.

use super::Random;

const JOINTS: &[&str] = &[
    " ",
    "\n",
    "=",
    ": ",
    "\": \"",
    "\"",
    "'",
    "\\",
    "\\\"",
    "\\u0040",
    "@",
    ".",
    "-",
    "+",
    "://",
    "%40",
    "%25",
    "&#64;",
    "\u{200b}",
    "\u{a0}",
    "é",
    "😀",
    "{\"",
    "\":",
    "[",
    "]",
    "}",
    ",",
    "[REDACTED:",
    "[REDACTED:EMAIL]",
    "4111 1111",
    "eyJ",
    "==",
    "QUJD",
];

/// Puts in words and joints, takes parts out, repeats parts, or encodes the whole as JSON.
pub fn text(bytes: &[u8], random: &mut Random, words: &[String]) -> Option<Vec<u8>> {
    let mut text = std::str::from_utf8(bytes).ok()?.to_owned();
    for _ in 0..=random.below(4) {
        let (from, to) = part(&text, random);
        match random.below(8) {
            0 => text.replace_range(from..to, ""),
            1 => {
                let again = text[from..to].to_owned();
                text.insert_str(to, &again);
            }
            2 => text = serde_json::Value::from(text).to_string(),
            3 => text = serde_json::json!({ random.one_of(words): text }).to_string(),
            4 | 5 => text.insert_str(to, random.one_of::<&str>(JOINTS)),
            _ => text.insert_str(to, random.one_of::<String>(words)),
        }
    }
    Some(text.into_bytes())
}

/// A part of at most 40 bytes.
fn part(text: &str, random: &mut Random) -> (usize, usize) {
    let floor = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let from = floor(random.below(text.len() + 1));
    (from, floor((from + random.below(41)).min(text.len())))
}
