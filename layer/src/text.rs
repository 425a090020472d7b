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
