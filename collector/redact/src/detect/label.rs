//! Values that are only known by the word beside them: `password: …`, `"api_key": "…"`, `the API key is …`.

use super::bytes::{before, is_alphanumeric, run, run_back, starts};
use crate::mark::MARK;
use std::ops::Range;

/// Words, and what a value beside one of them looks like.
#[derive(Debug)]
pub(crate) struct Label {
    /// The words, in any case. They end the label: `api_key_id` and `password_policy` are others.
    pub(crate) words: &'static [&'static str],
    /// Whether a space is enough between the word and the value.
    pub(crate) loose: bool,
    /// How many bytes of the text that begins with the value are the value, if it is one.
    pub(crate) accept: fn(&[u8], Bond) -> Option<usize>,
}

/// How sure the text is that word and value belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// Key and value of JSON: the value is the whole of the text.
    Key,
    /// `key=x`, quotes, or a cell of a table.
    Assigned,
    /// `password: x`, `password = x`, `the password is x`.
    Said,
}

impl Label {
    /// The value beside the word at `word`, unless it begins before `from`.
    pub(crate) fn value_beside(&self, text: &[u8], word: &Range<usize>, from: usize) -> Option<Range<usize>> {
        let goes_on = is_alphanumeric(text.get(word.end).copied());
        if goes_on || !stands_alone(text, word) || ends_a_mark(text, word) || is_of_a_page(text, word) {
            return None;
        }
        let (start, bond) = self.separator(text, word).filter(|(start, _)| *start >= from)?;
        let window = &text[start..text.len().min(start + WINDOW)];
        let whole = quoted(text, start).and_then(|value| self.value(value, Bond::Key));
        let length = whole.or_else(|| Some(end_of_value(text, start, self.value(window, bond)?) - start))?;
        Some(start..start + length)
    }

    /// How much of what stands beside the word is its value.
    fn value(&self, text: &[u8], bond: Bond) -> Option<usize> {
        (self.accept)(text, bond).filter(|length| !is_placeholder(&text[..*length]))
    }

    /// The part of a JSON string that goes, where the key of that string ends in the word at `word`.
    pub(crate) fn value_of_key(&self, key: &[u8], word: &Range<usize>, value: &[u8]) -> Option<Range<usize>> {
        let names = word.end == key.len() && stands_alone(key, word) && !is_of_a_page(key, word);
        if !names || is_placeholder(value) {
            return None;
        }
        self.value(value, Bond::Key).map(|length| 0..length)
    }

    fn separator(&self, text: &[u8], word: &Range<usize>) -> Option<(usize, Bond)> {
        let end = word.end;
        if let Some(start) = markup(text, word) {
            return Some((start, Bond::Assigned));
        }
        let closed = run(text, end, 3, |byte| b"\"'`]*".contains(&byte));
        let at = run(text, closed, 4, |byte| byte == b' ' || byte == b'\t');
        let sign = run(text, at, 2, |byte| b":=>".contains(&byte));
        let after = match text.get(at)? {
            b':' | b'=' => sign,
            b'|' => at + 1,
            _ if at > closed && copula(text, at).is_some() => copula(text, at)?,
            _ if at == closed && JOINED_COPULAS.iter().any(|word| starts(text, at, word.as_bytes())) => {
                at + 3
            }
            // `--password hunter2`: a flag of a command line.
            _ if at > closed && is_flag(text, word.start) => at,
            b'.' | b'#' if self.loose => at + 1,
            _ if self.loose && at > closed => at,
            _ => return None,
        };
        let value = run(text, after, 8, |byte| byte == b' ' || byte == b'\t');
        let opened = run(text, value, 1, |byte| b"\"'`".contains(&byte));
        // `key=value` assigns; `key = value` without quotes may be code, where the value is a name.
        let tight = text[at..after].contains(&b'=') && at == closed && value == after;
        let flag = after == at && is_flag(text, word.start);
        let assigned = closed > end || opened > value || tight || text[at] == b'|' || flag;
        let bond = if assigned { Bond::Assigned } else { Bond::Said };
        Some((opened, bond))
    }
}

/// What stands between a label and its value in a sentence, in the languages that labels are known in.
const COPULAS: &[&str] = &[
    "is ",
    "was ",
    "ist ",
    "lautet ",
    "est ",
    "es ",
    "è ",
    "é ",
    "er ",
    "är ",
    "je ",
    "on ",
    "jest ",
    "to ",
    "este ",
    "είναι ",
    "היא ",
    "הוא ",
    "هي ",
    "هو ",
    "है ",
    "คือ ",
    "là ",
    "adalah ",
    "-> ",
    "=> ",
    "— ",
    "– ",
    "- ",
];
/// The same where no space is written; each has three bytes.
const JOINED_COPULAS: &[&str] = &["は", "是", "为", "為", "が", "는", "은"];

fn copula(text: &[u8], at: usize) -> Option<usize> {
    COPULAS.iter().find(|word| starts(text, at, word.as_bytes())).map(|word| at + word.len())
}

fn is_flag(text: &[u8], start: usize) -> bool {
    let dashes = run_back(text, start, 40, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    text[dashes..start].starts_with(b"--")
        && before(text, dashes).is_none_or(|byte| byte.is_ascii_whitespace() || byte == b'"')
}

/// Tags between a label and its value: `<password>x</password>`, `<th>password</th><td>x`, `key="password" value="x"`.
fn markup(text: &[u8], word: &Range<usize>) -> Option<usize> {
    let quoted = word.end + usize::from(matches!(text.get(word.end), Some(b'"' | b'\'')));
    let attribute = run(text, quoted, 2, |byte| byte == b' ');
    if attribute > quoted && starts(text, attribute, b"value=") {
        return Some(run(text, attribute + 6, 1, |byte| b"\"'".contains(&byte)));
    }
    let opens = || {
        before(
            text,
            run_back(text, word.start, 64, |byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte)),
        )
    };
    match text.get(word.end)? {
        b'>' if opens() == Some(b'<') => Some(word.end + 1),
        b'<' if starts(text, word.end, b"</") => after_tags(text, word.end),
        _ => None,
    }
}

/// Behind the end of a cell and the beginning of the next one.
fn after_tags(text: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut is_cell) = (from, false);
    for _ in 0..4 {
        at = run(text, at, 64, |byte| byte.is_ascii_whitespace());
        if text.get(at) != Some(&b'<') {
            break;
        }
        let end = at + memchr::memchr(b'>', &text[at..text.len().min(at + 64)])?;
        is_cell |= [&b"<td"[..], b"<dd", b"<string", b"<value", b"<span", b"<code"]
            .iter()
            .any(|tag| starts(text, at, tag));
        at = end + 1;
    }
    is_cell.then_some(at)
}

/// So much of a text decides whether it is a value. Labels may stand in each other's values, and each looks.
pub(crate) const WINDOW: usize = 512;

/// `next_page_token`, `continuationToken`: it opens the next page and nothing else.
fn is_of_a_page(text: &[u8], word: &Range<usize>) -> bool {
    let before =
        text[run_back(text, word.start, 16, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            ..word.start]
            .to_ascii_lowercase();
    let name = before.strip_suffix(b"_").or(before.strip_suffix(b"-")).unwrap_or(&before);
    text[word.clone()].eq_ignore_ascii_case(b"token")
        && [&b"page"[..], b"next", b"continuation", b"sync", b"cursor", b"eos", b"bos", b"pad"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Whether the word is the name in a mark, or its end: `[REDACTED:NATIONAL_ID] 4111` says nothing of the number.
fn ends_a_mark(text: &[u8], word: &Range<usize>) -> bool {
    let in_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    text.get(word.end) == Some(&b']')
        && text[..run_back(text, word.start, 40, in_name)].ends_with(MARK.as_bytes())
}

/// What stands in quotes from `start` on, if they close on the same line.
fn quoted(text: &[u8], start: usize) -> Option<&[u8]> {
    let quote = before(text, start).filter(|byte| b"\"'`".contains(byte))?;
    let value = &text[start..];
    let end = memchr::memchr2(quote, b'\n', value).filter(|end| value[*end] == quote)?;
    Some(&value[..end])
}

/// A value that fills the window ends where its token does.
fn end_of_value(text: &[u8], start: usize, length: usize) -> usize {
    let unread = text.get(start + length..start + WINDOW);
    let goes_on = unread.is_some_and(|rest| rest.iter().copied().all(is_full_stop));
    start + if goes_on { word(&text[start..], Bond::Assigned).len() } else { length }
}

fn is_full_stop(byte: u8) -> bool {
    matches!(byte, b'.' | b':')
}

/// Whether a word begins there: after a sign, at a hump of `camelCase`, or it is long enough to be no accident.
fn stands_alone(text: &[u8], word: &Range<usize>) -> bool {
    let hump = text[word.start].is_ascii_uppercase()
        && before(text, word.start).is_some_and(|byte| byte.is_ascii_lowercase());
    word.len() >= 6 || hump || !is_alphanumeric(before(text, word.start))
}

/// The value up to what ends an unquoted or a quoted one.
pub(super) fn word(text: &[u8], bond: Bond) -> &[u8] {
    let ends = |byte: u8| byte <= b' ' || b"\"'`,;&<>|)]}".contains(&byte);
    match bond {
        Bond::Key => text,
        Bond::Assigned | Bond::Said => {
            let end = run(text, 0, text.len(), |byte| !ends(byte));
            let full_stops = text[..end].iter().rev().take_while(|byte| is_full_stop(**byte)).count();
            &text[..end - full_stops]
        }
    }
}

/// `$NAME`, `${…}`, `<…>`, `%(…)s`: a sign that opens a template, and what a template has behind it.
fn is_reference(value: &[u8]) -> bool {
    let is_name = |rest: &[u8]| {
        let rest = rest.strip_suffix(b"%").unwrap_or(rest);
        !rest.is_empty()
            && rest.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit())
            || matches!(rest, b"s" | b"d" | b"v" | b"q" | b"@")
            || rest.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
    };
    let closes = |closing: u8| value[1..].contains(&closing) || value.len() < 4;
    if value[0] == b'!' && value.len() < 12 && value[1..].iter().all(u8::is_ascii_lowercase) {
        // A tag of YAML, such as `!vault`.
        return true;
    }
    match (value[0], value.get(1)) {
        (b'$' | b'%', Some(b'{')) => closes(b'}'),
        (b'$' | b'%', Some(b'(')) => closes(b')'),
        (b'$', Some(b'1'..=b'9')) if value.len() < 4 => true,
        (b'$' | b'%', _) => is_name(&value[1..]),
        (b'<', _) => closes(b'>') || value[1..].iter().all(u8::is_ascii_alphabetic),
        (b'{', _) => closes(b'}') || value.get(1).is_none_or(|next| b"{\"'".contains(next)),
        (b'[', _) => closes(b']') || value.get(1).is_none_or(|next| b"\"'[{".contains(next)),
        (b'(', _) => true,
        // A symbol, a pointer.
        (b':' | b'&', _) => is_name(&value[1..]),
        (b'*', _) => value.get(1) == Some(&b'*') || is_name(&value[1..]),
        _ => false,
    }
}

/// `xxxx` and `----` are no longer.
const LONGEST_STAND_IN: usize = 256;

/// `$TOKEN`, `<token>`, `sk-...`, `YOUR_API_KEY`, `os.environ[…]`, `****`: it stands for a value and is none.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const PARTS: [&[u8]; 7] =
        [b"...", b"your_", b"your-", b"environ", b"process.env", b"getenv", b"secrets."];
    let lower = value.to_ascii_lowercase();
    let opens = value.first().is_none_or(|_| is_reference(value));
    let one_sign = value.len() <= LONGEST_STAND_IN && value.iter().all(|byte| *byte == value[0]);
    opens || one_sign || PARTS.iter().any(|part| memchr::memmem::find(&lower, part).is_some())
}
