//! Private keys in their armour.

use super::bytes::{run, starts};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const PRIVATE_KEY: Detector = Detector {
    rule: "PRIVATE_KEY",
    reason: "it signs and decrypts in somebody's name",
    triggers: &[Trigger::Literal(&["-----begin "], find), Trigger::Literal(&["private-lines: "], putty)],
};

/// The private half of a PuTTY file: lines of Base64, and what checks them.
fn putty(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let count = run(text, at.end, 4, |byte| byte.is_ascii_digit());
    let most = text.len().min(count + 16 * 1024);
    let of_body = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n \\".contains(&byte);
    let body = run(text, count, most - count, of_body);
    let check = starts(text, body, b"-MAC: ") || starts(text, body, b"-Hash: ");
    let end =
        if check { run(text, body + 6, 70, |byte| byte.is_ascii_hexdigit() || byte == b' ') } else { body };
    (count > at.end && body > count + 40).then_some(at.start..end)
}

/// From the first dash to the last, or as far as the key reaches where its end was cut off.
fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let label = run(text, at.end, 40, |byte| byte.is_ascii_uppercase() || byte == b' ');
    let is_private =
        text[at.end..label].ends_with(b"PRIVATE KEY") || text[at.end..label].ends_with(b"PRIVATE KEY BLOCK");
    if !is_private || !starts(text, label, b"-----") {
        return None;
    }
    let start = label + 5;
    // The body ends at the next row of dashes, so that no text is walked twice.
    let dashes = memchr::memmem::find(&text[start..], b"-----").map(|offset| start + offset);
    let end = run(text, start, dashes.unwrap_or(text.len()) - start, is_body);
    let close = dashes.filter(|dashes| *dashes == end).and_then(|dashes| closing(text, dashes));
    (end > start + 16).then(|| at.start..close.unwrap_or_else(|| trimmed(text, end)))
}

/// The end of `-----END … KEY-----`.
fn closing(text: &[u8], dashes: usize) -> Option<usize> {
    let name = run(text, dashes + 9, 40, |byte| byte.is_ascii_uppercase() || byte == b' ');
    (starts(text, dashes, b"-----END ") && starts(text, name, b"-----")).then_some(name + 5)
}

/// A key that was cut off ends before the quotes and spaces that follow it.
fn trimmed(text: &[u8], end: usize) -> usize {
    end - text[..end].iter().rev().take_while(|byte| b"\"' \n\r\t,.:".contains(byte)).count()
}

fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=\n\r\t \\:,.-_#+\"'".contains(&byte)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    fn key(kind: &str) -> String {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKj";
        format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----")
    }

    #[test]
    fn finds_keys_from_dash_to_dash() {
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            let key = key(kind);
            found(&format!("key:\n{key}\nok"), "PRIVATE_KEY", &[&key]);
        }
        let escaped = key("EC PRIVATE KEY").replace('\n', "\\n");
        found(&format!("K=\"{escaped}\""), "PRIVATE_KEY", &[&escaped]);
    }

    #[test]
    fn leaves_public_keys_and_bare_armour() {
        nothing(&key("PUBLIC KEY"));
        nothing(&key("CERTIFICATE"));
        nothing("grep for -----BEGIN PRIVATE KEY-----");
    }
}
