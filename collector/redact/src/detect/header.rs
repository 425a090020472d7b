//! What headers carry to be let in: other schemes than Bearer and Basic, and the cookies of a session.

use super::bytes::{run, run_back};
use super::label::{Bond, word};
use super::{Detector, Label, Trigger};
use std::ops::Range;

pub(super) const AUTHORIZATION: Detector = Detector {
    rule: "AUTHORIZATION",
    reason: "whoever bears it is let in",
    triggers: &[Trigger::Label(&Label {
        words: &["authorization", "proxy-authorization", "x-api-key", "x-auth-key", "x-access-token"],
        loose: false,
        accept: accept_header,
    })],
};

pub(super) const SESSION_COOKIE: Detector = Detector {
    rule: "SESSION_COOKIE",
    reason: "whoever sends it is taken for its owner",
    triggers: &[
        Trigger::Literal(
            &[
                "jsessionid=",
                "phpsessid=",
                "connect.sid=",
                "asp.net_sessionid=",
                "laravel_session=",
                "rack.session=",
                "__host-",
                "__secure-",
                "next-auth.session-token=",
                "remember_token=",
            ],
            cookie,
        ),
        Trigger::Literal(&["cookie:", "cookie="], cookies),
        Trigger::Literal(&["cookie"], quoted_cookies),
    ],
};

/// What frameworks call the cookie of a session.
fn cookie(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let name = run(text, at.start, 80, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (text.get(name) == Some(&b'=')).then(|| value(text, name + 1)).flatten()
}

/// The first of a header that opens a session; those with a name of their own are found by it.
fn cookies(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let line = run(text, at.end, 4096, |byte| byte != b'\n' && byte != b'"' && byte != b'\'');
    let pairs = memchr::memchr_iter(b'=', &text[at.end..line]);
    pairs.map(|sign| at.end + sign).find_map(|sign| {
        let name = run_back(text, sign, 64, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let name = text[name..sign].to_ascii_lowercase();
        let opens = [&b"sess"[..], b"sid", b"auth", b"token", b"login"]
            .iter()
            .any(|part| memchr::memmem::find(&name, part).is_some());
        opens.then(|| value(text, sign + 1)).flatten()
    })
}

/// The same as JSON writes it. The quotes are no part of the word that is looked for: they may be escaped.
fn quoted_cookies(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    const SIGNS: &[u8] = b"\": \"";
    text[at.end..].starts_with(SIGNS).then(|| cookies(text, at.start..at.end + SIGNS.len())).flatten()
}

fn value(text: &[u8], start: usize) -> Option<Range<usize>> {
    let value = word(&text[start..], Bond::Assigned);
    (value.len() >= 16 && is_random(value)).then(|| start..start + value.len())
}

/// `Token 8f14e4…`, `Digest username=…`, or a value alone. What has a detector of its own is left to that.
fn accept_header(text: &[u8], _: Bond) -> Option<usize> {
    let scheme = run(text, 0, 24, |byte| byte.is_ascii_alphabetic() || byte == b'-');
    let has_scheme = scheme > 2 && text.get(scheme) == Some(&b' ');
    if has_scheme && [&b"bearer"[..], b"basic"].iter().any(|known| text[..scheme].eq_ignore_ascii_case(known))
    {
        return None;
    }
    if has_scheme && text[..scheme].eq_ignore_ascii_case(b"digest") {
        let line = run(text, 0, 512, |byte| byte != b'\n' && byte != b'\'');
        let answer = memchr::memmem::find(&text[..line], b"response=")? + b"response=".len();
        let value = run(text, answer, 4, |byte| byte == b'"');
        return Some(run(text, value, 128, |byte| byte.is_ascii_alphanumeric()));
    }
    let start = if has_scheme { scheme + 1 } else { 0 };
    let value = word(&text[start..], Bond::Assigned);
    is_random(value).then_some(start + value.len())
}

fn is_random(value: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let turns =
        value.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    value.len() >= 12 && has(u8::is_ascii_alphabetic) && (has(u8::is_ascii_digit) || turns >= 3)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_what_headers_carry() {
        found("Authorization: Token 8f14e45fceea167a", "AUTHORIZATION", &["Token 8f14e45fceea167a"]);
        found("authorization: 8f14e45fceea167a", "AUTHORIZATION", &["8f14e45fceea167a"]);
        found(
            "Cookie: theme=dark; JSESSIONID=8f14e45fceea167a5a36; a=b",
            "SESSION_COOKIE",
            &["8f14e45fceea167a5a36"],
        );
        found(
            "Set-Cookie: connect.sid=s%3AAbc8f14e45fceea; Path=/",
            "SESSION_COOKIE",
            &["s%3AAbc8f14e45fceea"],
        );
    }

    #[test]
    fn leaves_what_only_speaks_of_headers() {
        for text in [
            "Authorization: <token>",
            "authorization: required",
            "Authorization: Token $TOKEN",
            "sid: 12",
            r#"{"sessionId": "8f14e45fceea167a5a36dedd4bea2543", "sid": "8f14e45fceea167a5a36dedd4bea2543"}"#,
            "Cookie: theme=dark; lang=en; a=8f14e45fceea167a5a36",
            "session_id=8f14e45f-ceea-167a-5a36-dedd4bea2543",
        ] {
            nothing(text);
        }
    }
}
