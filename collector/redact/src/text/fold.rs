//! The folded view: what a reader would see, whatever the escapes and the invisible characters.

use super::View;
use crate::block::Places;
use crate::steps;

/// Folds `raw`; borrows it where there is nothing to fold.
pub(crate) fn fold(raw: &str) -> View<'_> {
    folded(raw, false)
}

/// Folds what stands between the quotes of a JSON string, where a single backslash is never a character of its own.
pub(crate) fn fold_in_json(raw: &str) -> View<'_> {
    folded(raw, true)
}

fn folded(raw: &str, in_json: bool) -> View<'_> {
    steps::read(raw.len());
    let bytes = raw.as_bytes();
    let mut odd = Places::of(bytes, is_odd);
    let Some(first) = odd.from(0) else { return View::of(raw) };
    let mut view = View::starting(raw);
    let mut next = Some(first);
    while let Some(at) = next {
        view.copy_until(at);
        let unit = unit(raw, at, view.text(), in_json);
        match unit.becomes {
            Become::Itself => view.copy_until(at + unit.length),
            Become::Nothing => view.replace(unit.length, ""),
            Become::Char(char) => {
                let may_escape = matches!(char, '%' | '&') || char == '\\' && bytes[at] != b'\\';
                view.replace(unit.length, char.encode_utf8(&mut [0; 4]));
                view.layer(may_escape);
            }
        }
        next = odd.from(at + unit.length);
    }
    view.finish()
}

struct Folded {
    length: usize,
    becomes: Become,
}

enum Become {
    Itself,
    Nothing,
    Char(char),
}

/// Whether the byte may begin something to fold: `\`, `%`, `&`, or the lead of one of the blocks that [`plain`] knows
/// (U+0080, U+2000, U+3000, U+F000).
fn is_odd(byte: u8) -> u8 {
    let sign = u8::from(byte == b'\\') | u8::from(byte == b'%') | u8::from(byte == b'&');
    // Texts of two bytes a letter, read as single bytes, have a zero beside each.
    let lead =
        u8::from(byte == 0) | u8::from(byte == 0xc2) | u8::from(byte & 0xfe == 0xe2) | u8::from(byte == 0xef);
    sign | lead
}

fn unit(raw: &str, at: usize, before: &str, in_json: bool) -> Folded {
    let decoded = match raw.as_bytes()[at] {
        b'\\' => Some(backslash(&raw.as_bytes()[at..], before, in_json)),
        b'%' => percent(&raw.as_bytes()[at..]),
        b'&' => entity(&raw[at..]),
        _ => None,
    };
    let (length, char) = decoded.unwrap_or_else(|| {
        let char = raw[at..].chars().next().unwrap_or_default();
        (char.len_utf8(), char)
    });
    let becomes = match plain(char) {
        None => Become::Nothing,
        Some(folded) if decoded.is_none() && folded == char => Become::Itself,
        Some(folded) => Become::Char(folded),
    };
    Folded { length, becomes }
}

/// Any number of backslashes and what they escape, as one unit: a text may have been escaped more than once.
fn backslash(bytes: &[u8], before: &str, in_json: bool) -> (usize, char) {
    let run = bytes.iter().take_while(|&&byte| byte == b'\\').count();
    let rest = &bytes[run..];
    // In JSON an odd one belongs to the letter that it escapes.
    let separator = if in_json { run & !1 } else { run };
    if separator > 0 && rest.first().is_some_and(u8::is_ascii_alphabetic) && ends_in_users(before) {
        return (separator, '\\');
    }
    let simple = match rest.first() {
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b' | b'f') => ' ',
        Some(&quote @ (b'"' | b'\'' | b'/')) => char::from(quote),
        Some(b'u') if rest.get(1) == Some(&b'{') => {
            return braced(rest).map_or((run, '\\'), |(length, char)| (run + length, char));
        }
        Some(b'u') => return unicode(rest).map_or((run, '\\'), |(length, char)| (run + length, char)),
        Some(b'x') => return hex(rest, 1, 2).and_then(ascii).map_or((run, '\\'), |char| (run + 3, char)),
        _ => return (run, '\\'),
    };
    (run + 1, simple)
}

/// `C:\Users\nina`: the backslash before a user's name separates, it escapes nothing.
fn ends_in_users(before: &str) -> bool {
    let tail = before.len().checked_sub(6).and_then(|start| before.as_bytes().get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(b"\\users"))
}

/// `u{XXXX}`.
fn braced(rest: &[u8]) -> Option<(usize, char)> {
    let end = rest.iter().take(9).position(|byte| *byte == b'}')?;
    Some((end + 1, char::from_u32(hex(rest, 2, end.checked_sub(2).filter(|digits| *digits > 0)?)?)?))
}

/// `uXXXX`, or a pair of surrogates; a lone surrogate is shown as the replacement character.
fn unicode(rest: &[u8]) -> Option<(usize, char)> {
    let first = hex(rest, 1, 4)?;
    if let Some(char) = char::from_u32(first) {
        return Some((5, char));
    }
    let gap = rest[5..].iter().take_while(|&&byte| byte == b'\\').count();
    let pair = rest
        .get(5 + gap..)
        .filter(|tail| gap > 0 && tail.first() == Some(&b'u'))
        .and_then(|tail| hex(tail, 1, 4));
    let joined = pair
        .filter(|low| first < 0xdc00 && (0xdc00..0xe000).contains(low))
        .and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00)));
    Some(joined.map_or((5, char::REPLACEMENT_CHARACTER), |char| (10 + gap, char)))
}

/// A character of which each byte was percent-encoded, up to [`PERCENTS`] times over. A stray percent sign is nothing to
/// decode.
fn percent(bytes: &[u8]) -> Option<(usize, char)> {
    if let Some(hex) =
        bytes.get(1..).filter(|rest| rest.first() == Some(&b'u')).and_then(|rest| hex(rest, 1, 4))
    {
        return Some((6, char::from_u32(hex)?));
    }
    let (mut decoded, mut length) = ([0; 4], 0);
    for count in 0..decoded.len() {
        let (more, byte) = unpercent(&bytes[length..], PERCENTS).filter(|(more, _)| *more > 1)?;
        decoded[count] = byte;
        length += more;
        if let Ok(text) = std::str::from_utf8(&decoded[..=count]) {
            let char = text.chars().next()?;
            return (!char.is_ascii() || ascii(char.into()).is_some()).then_some((length, char));
        }
    }
    None
}

const PERCENTS: u8 = 3;

/// The next byte and its length, where the sign and both digits may themselves be encoded, each `rounds - 1` times.
fn unpercent(bytes: &[u8], rounds: u8) -> Option<(usize, u8)> {
    let Some(rounds) = rounds.checked_sub(1) else { return Some((1, *bytes.first()?)) };
    let (sign, first) = unpercent(bytes, rounds)?;
    let decoded = || {
        let (high, left) = unpercent(&bytes[sign..], rounds).filter(|_| first == b'%')?;
        let (low, right) = unpercent(&bytes[sign + high..], rounds)?;
        let byte = u8::try_from(hex(&[left, right], 0, 2)?).ok()?;
        Some((sign + high + low, byte))
    };
    Some(decoded().unwrap_or((sign, first)))
}

/// The entities that hide an address or a quote: named ones of HTML's first day, and numbers.
fn entity(text: &str) -> Option<(usize, char)> {
    let end = text.as_bytes().iter().take(10).position(|&byte| byte == b';')?;
    let char = match &text[1..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "commat" => '@',
        "period" => '.',
        "lowbar" => '_',
        "colon" => ':',
        "sol" => '/',
        "plus" => '+',
        "equals" => '=',
        "hyphen" | "dash" => '-',
        "shy" | "zwj" | "zwnj" => '\u{ad}',
        "ensp" | "emsp" | "thinsp" => ' ',
        "Tab" => '\t',
        "NewLine" => '\n',
        name => char::from_u32(number(name.strip_prefix('#')?)?)?,
    };
    Some((end + 1, char))
}

fn number(digits: &str) -> Option<u32> {
    match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

fn hex(bytes: &[u8], from: usize, length: usize) -> Option<u32> {
    let digits = bytes.get(from..from + length)?;
    digits.iter().try_fold(0, |value, &byte| Some(value * 16 + char::from(byte).to_digit(16)?))
}

fn ascii(code: u32) -> Option<char> {
    char::from_u32(code).filter(|char| matches!(char, ' '..='~' | '\n' | '\r' | '\t'))
}

/// Whether a character is read as itself.
pub(crate) fn is_plain(char: char) -> bool {
    plain(char) == Some(char)
}

/// What a character is read as: `None` where nobody sees it.
fn plain(char: char) -> Option<char> {
    match char {
        '\0' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => None,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' => Some('-'),
        '\u{fe52}' => Some('.'),
        '\u{fe6b}' => Some('@'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0),
        _ => Some(char),
    }
}
