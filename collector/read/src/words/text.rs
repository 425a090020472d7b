//! Words of a text.

use std::ops::Range;

use memchr::memchr;

use super::fold::{fold, split};
use super::{LONGEST, Tell};
use treering_redact::{Left, Mark};

/// From here on, a run in the alphabet of Base64 may be data: as long as a line of it is.
const DATA: usize = 64;

/// Tells the words of a text, which may be JSON or quote something: what its quotes escape is undone. So torn JSON,
/// which exporters that cut texts send, is read as well as whole JSON.
pub(super) fn any(text: &str, rounds: u8, tell: Tell<'_>) {
    let escapes = rounds > 0 && [b'\\', b'"'].iter().all(|byte| memchr(*byte, text.as_bytes()).is_some());
    if !escapes {
        return plain(text, tell);
    }
    let is_json = text.trim_start().starts_with(['{', '[', '"']);
    if !is_json {
        // Which of its quotes open something is not known, so that it is read both ways.
        plain(text, tell);
    }
    let mut at = 0;
    while let Some(quoted) = literal(text.as_bytes(), at) {
        if is_json {
            plain(&text[at..quoted.start], tell);
        }
        match unescape(&text[quoted.clone()]) {
            Some(inner) => any(&inner, rounds - 1, tell),
            None if is_json => plain(&text[quoted.clone()], tell),
            None => {}
        }
        at = (quoted.end + 1).min(text.len());
    }
    if is_json {
        plain(&text[at..], tell);
    }
}

/// What stands between the next quote and the one that ends it, or the end of the text.
fn literal(text: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + memchr(b'"', &text[from..])? + 1;
    let mut at = start;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    Some(start..at.min(text.len()))
}

/// Undoes the escapes of JSON and of Rust's `Debug`; `None` where there are none.
fn unescape(quoted: &str) -> Option<String> {
    let mut rest = quoted;
    let mut plain = String::new();
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        rest = escaped(&rest[at + 1..], &mut plain);
    }
    let any = rest.len() < quoted.len();
    plain.push_str(rest);
    any.then_some(plain)
}

/// Undoes the escape that a backslash before this began; gives what follows it.
fn escaped<'a>(rest: &'a str, plain: &mut String) -> &'a str {
    let mut after = rest.chars();
    match after.next() {
        Some('n' | 'r' | 't' | 'b' | 'f' | '0') => plain.push(' '),
        Some('u') => match unit(after.as_str()) {
            Some((char, rest)) => {
                plain.push(char);
                return rest;
            }
            None => plain.push_str("\\u"),
        },
        Some(char @ ('"' | '\'' | '\\' | '/')) => plain.push(char),
        Some(char) => plain.extend(['\\', char]),
        None => {}
    }
    after.as_str()
}

fn unit(rest: &str) -> Option<(char, &str)> {
    if let Some((digits, rest)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest));
    }
    let (high, rest) = hex(rest)?;
    if let Some(char) = char::from_u32(high) {
        return Some((char, rest));
    }
    let low = rest.strip_prefix("\\u").and_then(hex);
    let (low, rest) = low.filter(|(low, _)| (0xdc00..0xe000).contains(low) && high < 0xdc00)?;
    Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, rest))
}

fn hex(rest: &str) -> Option<(u32, &str)> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u32::from_str_radix(digits, 16).ok().filter(|_| all)?, rest))
}

/// Tells the words of a text as it stands.
pub(super) fn plain(text: &str, tell: Tell<'_>) {
    let bytes = text.as_bytes();
    let (mut at, mut known_until, mut small) = (0, 0, String::new());
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            let mark = Mark::at_start_of(&text[at..]).inspect(|mark| of_mark(mark, tell));
            // What is no part of a word is ASCII, so that the next byte begins a character.
            at += mark.map_or(1, |mark| mark.text.len());
            continue;
        }
        if at >= known_until {
            let run = run(&bytes[at..], is_base64);
            known_until = at + run;
            if bytes[..at].ends_with(b";base64,") || is_data(&bytes[at..known_until]) {
                at = known_until;
                continue;
            }
        }
        let end = at + run(&bytes[at..], is_part);
        part(&text[at..end], &mut small, tell);
        at = end;
    }
}

/// A mark is one word as it stands, and found by its type alone as well.
fn of_mark(mark: &Mark<'_>, tell: Tell<'_>) {
    tell(mark.text);
    if mark.left != Left::Nothing {
        tell(&format!("[REDACTED:{}]", mark.kind));
    }
}

/// What may stand in a word: letters and digits of ASCII, and whatever else is looked at more closely.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

fn run(bytes: &[u8], of: fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !of(*byte)).unwrap_or(bytes.len())
}

/// True for a long run that changes between capitals, small letters and digits all the time, which paths and names
/// do not, however long they are.
fn is_data(run: &[u8]) -> bool {
    let class = |byte: &u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase(), byte.is_ascii_digit());
    let has = |kind: fn(&u8) -> bool| run.iter().any(kind);
    // Zeros in the data are capitals in a row; what separates says nothing.
    let tells =
        |[one, next]: &&[u8; 2]| one != next && one.is_ascii_alphanumeric() && next.is_ascii_alphanumeric();
    let pairs = || run.array_windows().filter(tells);
    let changes = || pairs().filter(|[one, next]| class(one) != class(next)).count();
    run.len() >= DATA
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && changes() * 3 > pairs().count()
}

fn part(part: &str, small: &mut String, tell: Tell<'_>) {
    if !part.is_ascii() {
        return split(&fold(part), tell);
    }
    if part.len() > LONGEST {
        return;
    }
    if !part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return tell(part);
    }
    small.clear();
    small.push_str(part);
    small.make_ascii_lowercase();
    tell(small);
}
