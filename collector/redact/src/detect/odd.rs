//! Tokens that do not begin with their issuer's mark: it stands in their middle, or at their end.

use std::ops::Range;

use super::bytes::{before, is_word, run, run_back};
use super::{Detector, Trigger};
use crate::base64::is_url_safe;

pub(super) const TELEGRAM_TOKEN: Detector = Detector {
    rule: "TELEGRAM_TOKEN",
    reason: "it speaks as the bot",
    triggers: &[Trigger::Literal(&[":aa"], telegram)],
};

pub(super) const MAILCHIMP_KEY: Detector = Detector {
    rule: "MAILCHIMP_KEY",
    reason: "it writes to everybody on the list",
    triggers: &[Trigger::Literal(&["-us"], mailchimp)],
};

pub(super) const AZURE_SECRET: Detector = Detector {
    rule: "AZURE_SECRET",
    reason: "it opens what its application opens",
    triggers: &[Trigger::Literal(&["q~"], azure)],
};

pub(super) const TERRAFORM_TOKEN: Detector = Detector {
    rule: "TERRAFORM_TOKEN",
    reason: "it changes what is built",
    triggers: &[Trigger::Literal(&[".atlasv1."], terraform)],
};

pub(super) const URL_SECRET: Detector = Detector {
    rule: "URL_SECRET",
    reason: "whoever has the signed address is let in",
    triggers: &[Trigger::Literal(
        &["x-amz-signature=", "x-goog-signature=", "&sig=", "?sig=", "&signature=", "?key=", "&key="],
        signature,
    )],
};

/// `123456789:AA…`
fn telegram(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = run_back(text, at.start, 10, |byte| byte.is_ascii_digit());
    let end = run(text, at.start + 1, 36, is_url_safe);
    let fits = at.start - start >= 8 && end - at.start - 1 == 35 && text[at.start + 1..].starts_with(b"AA");
    (fits && !is_word(before(text, start))).then_some(start..end)
}

/// Thirty-two digits and the place where they are good: `…-us12`.
fn mailchimp(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = run_back(text, at.start, 33, |byte| byte.is_ascii_hexdigit());
    let end = run(text, at.end, 2, |byte| byte.is_ascii_digit());
    let fits = at.start - start == 32 && end > at.end && !is_word(before(text, start));
    (fits && !is_word(text.get(end).copied())).then_some(start..end)
}

/// Three signs, a digit, `Q~`, and some thirty more.
fn azure(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let of_secret = |byte: u8| is_url_safe(byte) || matches!(byte, b'.' | b'~');
    let start = run_back(text, at.start, 5, of_secret);
    let end = run(text, at.end, 40, of_secret);
    let fits = at.start - start == 4 && text[at.start - 1].is_ascii_digit() && text[at.start] == b'Q';
    (fits && (31..=36).contains(&(end - at.end))).then_some(start..end)
}

fn terraform(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = run_back(text, at.start, 15, |byte| byte.is_ascii_alphanumeric());
    let end = run(text, at.end, 80, |byte| is_url_safe(byte) || byte == b'=');
    (at.start - start == 14 && end - at.end >= 60).then_some(start..end)
}

fn signature(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let end = run(text, at.end, 1024, |byte| is_url_safe(byte) || b"%+/=".contains(&byte));
    let value = &text[at.end..end];
    let random = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    (value.len() >= 24 && random).then_some(at.end..end)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_tokens_by_what_stands_within_them() {
        let body = |length: usize| "aB3dE5gH".chars().cycle().take(length).collect::<String>();
        let hex: String = "0a1b2c3d".chars().cycle().take(32).collect();
        for (rule, token) in [
            ("TELEGRAM_TOKEN", format!("123456789:AA{}", body(33))),
            ("MAILCHIMP_KEY", format!("{hex}-us12")),
            ("AZURE_SECRET", format!("abC8Q~{}", body(34))),
            ("TERRAFORM_TOKEN", format!("{}.atlasv1.{}", body(14), body(64))),
        ] {
            found(&format!("with {token}, ok"), rule, &[&token]);
        }
        let signed = body(64);
        found(&format!("https://x.io/a?b=c&X-Amz-Signature={signed}&d=e"), "URL_SECRET", &[&signed]);
    }

    #[test]
    fn leaves_words_with_the_same_letters() {
        for text in ["at 12:aa and FAQ~x", "en-us12 and de-us", "x.atlasv1.y", "?sig=none&x=y"] {
            nothing(text);
        }
    }
}
