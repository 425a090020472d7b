//! What `Debug` wrote, read back: `tracing` hands the layer every structured value as its `Debug` text.

use serde_json::Value as Json;

/// The text that a complete Rust string literal stands for; `None` for anything else.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return None,
            '\\' => text.push(unescape(&mut chars)?),
            plain => text.push(plain),
        }
    }
    Some(text)
}

fn unescape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    match chars.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        same @ ('\\' | '"' | '\'') => Some(same),
        'u' => {
            let (digits, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
            *chars = rest.chars();
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        }
        _ => None,
    }
}

/// The text without the quotes of `Debug`, if it has them.
pub(crate) fn plain(debug: String) -> String {
    unquote(&debug).unwrap_or(debug)
}

/// A `Debug` text as JSON: string literals as their text, what reads as JSON as that, anything else as text.
pub(crate) fn json_of_debug(debug: String) -> Json {
    match unquote(&debug) {
        Some(text) => Json::String(text),
        None => serde_json::from_str(&debug).unwrap_or(Json::String(debug)),
    }
}

/// The structure in a text that is a JSON object or array; other texts, numbers among them, stay texts.
pub(crate) fn structure(text: String) -> Json {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        _ => Json::String(text),
    }
}

/// What a `return` event says of how the function ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Returned {
    Nothing,
    Output(Json),
    Failure(String),
}

/// Reads the `Debug` text of a returned value: `ret` without `err` writes a whole `Result`.
pub(crate) fn returned(debug: String) -> Returned {
    if let Some(error) = enclosed(&debug, "Err(") {
        return Returned::Failure(plain(error.to_owned()));
    }
    let value = match enclosed(&debug, "Ok(") {
        Some(value) => value.to_owned(),
        None => debug,
    };
    match value.as_str() {
        "()" => Returned::Nothing,
        _ => Returned::Output(match json_of_debug(value) {
            Json::String(text) => structure(text),
            other => other,
        }),
    }
}

fn enclosed<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    text.strip_prefix(opening)?.strip_suffix(')')
}

/// What is left of a text that was cut: JSON is closed so that it stays JSON, other texts end with a mark.
pub(crate) fn mended(cut: &str) -> String {
    match cut.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => closed(cut),
        _ => format!("{cut}…"),
    }
}

/// JSON up to where it was cut, closed: a value that is cut in its middle goes, and a text ends there with a mark.
fn closed(cut: &str) -> String {
    let (bytes, mut at) = (cut.as_bytes(), 0);
    let mut open = Vec::new();
    // Up to here, and with so many brackets closed, it is JSON.
    let mut sound = (0, 0);
    let mut is_value = false;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                open.push(*byte);
                sound = (at, open.len());
                is_value = *byte == b'[';
            }
            b'}' | b']' => {
                open.pop();
                sound = (at, open.len());
            }
            b',' => {
                sound = (at - 1, open.len());
                is_value = open.last() == Some(&b'[');
            }
            b':' => is_value = true,
            b'"' => match string(bytes, at) {
                Ok(end) if is_value => {
                    (at, sound) = (end, (end, open.len()));
                }
                Ok(end) => at = end,
                Err(end) if is_value => return brackets(format!("{}…\"", &cut[..end]), &open),
                Err(_) => break,
            },
            _ => {}
        }
    }
    brackets(cut[..sound.0].to_owned(), &open[..sound.1])
}

/// Where the string ends whose text begins at `at`; or else the last place where it could end.
fn string(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    // Half a character that is written as two escapes is none.
    let mut half = None;
    loop {
        let here = half.unwrap_or(at);
        let length = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(b'\\'), Some(b'u')) => 6,
            (Some(b'\\'), _) => 2,
            (Some(_), _) => 1,
            (None, _) => return Err(here),
        };
        if at + length > bytes.len() {
            return Err(here);
        }
        let is_high = length == 6
            && bytes[at + 2].eq_ignore_ascii_case(&b'd')
            && matches!(bytes[at + 3], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
        half = is_high.then_some(at);
        at += length;
    }
}

fn brackets(mut text: String, open: &[u8]) -> String {
    text.extend(open.iter().rev().map(|byte| if *byte == b'{' { '}' } else { ']' }));
    text
}
