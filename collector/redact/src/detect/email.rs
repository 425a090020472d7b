//! E-mail addresses, found from their `@` outward.

use super::bytes::{before, is_word, run, run_back};
use super::{Detector, Trigger, spelled};
use std::ops::Range;

pub(super) const EMAIL: Detector = Detector {
    rule: "EMAIL",
    reason: "an address names a person and joins what is known of them",
    triggers: &[
        Trigger::Byte(b'@', find),
        Trigger::Literal(spelled::IN_BRACKETS, spelled::in_brackets),
        Trigger::Literal(spelled::IN_WORDS, spelled::in_words),
    ],
};

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = local_part(text, at.start)?;
    let end = domain(text, at.end)?;
    let is_ssh = &text[start..at.start] == b"git" && text.get(end) == Some(&b':');
    (!is_ssh && !in_authority(text, start)).then_some(start..end)
}

fn local_part(text: &[u8], end: usize) -> Option<usize> {
    let pass = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let widest = run_back(text, end, 64, pass);
    // Signs that mail allows and no mailbox has are signs of the text around it: `to=`, `|`, `'`, a path.
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_%~".contains(&byte);
    let mut start = run_back(text, end, end - widest, usual);
    // `o'neill`, and letters with marks: a script without cases belongs to the sentence around.
    while let Some(more) = odd_letter(text, start) {
        start = run_back(text, more, 64, usual);
        if end - start > 64 {
            break;
        }
    }
    let trimmed = run(text, start, end - start, |byte| b".+-%~".contains(&byte));
    (trimmed < end && text[end - 1] != b'.').then_some(trimmed)
}

/// Where a letter begins that ends at `end` and that only some mailboxes have.
fn odd_letter(text: &[u8], end: usize) -> Option<usize> {
    let apostrophe = before(text, end) == Some(b'\'') && is_word(text.get(end).copied());
    if apostrophe && is_word(end.checked_sub(2).and_then(|at| text.get(at)).copied()) {
        return Some(end - 1);
    }
    let from = run_back(text, end, 3, |byte| (0x80..0xc0).contains(&byte)).checked_sub(1)?;
    let letter = std::str::from_utf8(text.get(from..end)?).ok()?.chars().next()?;
    (letter.is_alphabetic() && (letter.is_lowercase() || letter.is_uppercase())).then_some(from)
}

/// Of the Internet's first alphabet, or else of any: `example.com`, `bücher.example`, `почта.рф`.
fn domain(text: &[u8], start: usize) -> Option<usize> {
    let any = || {
        domain_of(text, start, |byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte) || byte >= 0x80)
    };
    domain_of(text, start, |byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)).or_else(any)
}

fn domain_of(text: &[u8], start: usize, of_name: fn(u8) -> bool) -> Option<usize> {
    let widest = run(text, start, 253, of_name);
    let name = &text[start..widest];
    let end = name.len() - name.iter().rev().take_while(|&&byte| byte == b'.' || byte == b'-').count();
    let name = &name[..end];
    let dot = memchr::memrchr(b'.', name)?;
    let top = &name[dot + 1..];
    let well_formed =
        name.split(|&byte| byte == b'.').all(|label| !label.is_empty() && label.first() != Some(&b'-'));
    (well_formed && is_top_level(top) && !is_word(text.get(start + end).copied())).then_some(start + end)
}

fn is_top_level(top: &[u8]) -> bool {
    const FILES: [&[u8]; 16] = [
        b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"json", b"html", b"wasm", b"tgz",
        b"gz", b"whl", b"jar", b"deb",
    ];
    let letters =
        top.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80) || top.starts_with(b"xn--");
    letters && top.len() >= 2 && !FILES.contains(&top)
}

/// `scheme://user:secret@host` is not an address: [`super::url`] takes the secret and leaves the host.
fn in_authority(text: &[u8], start: usize) -> bool {
    let from = run_back(text, start, 256, |byte| byte > b' ' && !b"\"'<>/@".contains(&byte));
    before(text, from) == Some(b'/') && from >= 3 && &text[from - 3..from] == b"://"
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_addresses_in_running_text() {
        found("mail ada.lovelace@example.com.", "EMAIL", &["ada.lovelace@example.com"]);
        found("<a+b_c@eu.mail.example.org>", "EMAIL", &["a+b_c@eu.mail.example.org"]);
        found("to=a@b.io,cc=c-d@e.museum", "EMAIL", &["a@b.io", "c-d@e.museum"]);
        found("mailto:ada@example.com?subject=x", "EMAIL", &["ada@example.com"]);
        found("信はada@example.comへ", "EMAIL", &["ada@example.com"]);
    }

    #[test]
    fn sees_through_escapes_and_invisible_characters() {
        found(r"a\nada@example.com", "EMAIL", &["ada@example.com"]);
        found(r"ada\u0040example.com", "EMAIL", &[r"ada\u0040example.com"]);
        found("q=ada%40example.com&x", "EMAIL", &["ada%40example.com"]);
        found("ada&#64;example.com", "EMAIL", &["ada&#64;example.com"]);
        found("ada@exam\u{200b}ple.com", "EMAIL", &["ada@exam\u{200b}ple.com"]);
    }

    #[test]
    fn leaves_what_only_has_an_at_sign() {
        for text in [
            "react@19.0.0-beta.2",
            "@types/node@22.1.0",
            "@app.route('/v1')",
            "W @ x + b",
            "git@github.com:a/b.git",
            "logo@2x.png",
            "wasi-cli@0.2.0.wasm",
            "ada@localhost",
            "@media (min-width: 600px)",
        ] {
            nothing(text);
        }
    }
}
