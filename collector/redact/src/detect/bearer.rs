//! Credentials in headers.

use super::bytes::{before, is_word, run};
use super::{Detector, Trigger};
use crate::base64;
use std::ops::Range;

pub(super) const BEARER_TOKEN: Detector = Detector {
    rule: "BEARER_TOKEN",
    reason: "whoever bears it is let in",
    triggers: &[Trigger::Literal(&["bearer "], bearer)],
};

pub(super) const BASIC_AUTH: Detector = Detector {
    rule: "BASIC_AUTH",
    reason: "a name and a password in another alphabet",
    triggers: &[Trigger::Literal(&["basic "], basic)],
};

fn bearer(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let end =
        run(text, at.end, text.len(), |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let token = &text[at.end..end];
    let token = &token[..token.len() - token.iter().rev().take_while(|&&byte| byte == b'.').count()];
    let random = token.iter().any(u8::is_ascii_digit) && token.iter().any(u8::is_ascii_alphabetic);
    let stands_alone = !is_word(before(text, at.start));
    (stands_alone && token.len() >= 16 && random).then_some(at.end..at.end + token.len())
}

fn basic(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let end = run(text, at.end, text.len(), |byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte));
    let decoded = base64::decode(&text[at.end..end], 1024);
    let pair = decoded.contains(&b':')
        && decoded.len() > 3
        && decoded.iter().all(|byte| (b' '..0x7f).contains(byte));
    (pair && !is_word(before(text, at.start))).then_some(at.end..end)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_credentials_of_headers() {
        found("Authorization: Bearer df307HMXl9arUmHXlLi5", "BEARER_TOKEN", &["df307HMXl9arUmHXlLi5"]);
        found(
            r#"{"authorization":"bearer df307HMXl9arUmHXlLi5"}"#,
            "BEARER_TOKEN",
            &["df307HMXl9arUmHXlLi5"],
        );
        found("Authorization: Basic dXNlcjpodW50ZXIy", "BASIC_AUTH", &["dXNlcjpodW50ZXIy"]);
        let long = "aB3d".repeat(2_000);
        found(&format!("Authorization: Bearer {long}, ok"), "BEARER_TOKEN", &[&long]);
    }

    #[test]
    fn leaves_bearers_of_news_and_basic_ideas() {
        for text in [
            "bearer of bad news",
            "Bearer $TOKEN",
            "Bearer <token>",
            "Basic understanding",
            "Bearer authentication-required",
        ] {
            nothing(text);
        }
    }
}
