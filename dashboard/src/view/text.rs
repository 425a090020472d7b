//! Text that somebody else wrote, made safe to look at: what was redacted becomes an inked mark, and what the
//! eye would not see, or would be deceived by, becomes a visible one. Escaping is the templates' part.

use serde::Serialize;
use treering_redact::{Left, Mark};

/// Letters of a pseudonym that tell two apart at a glance; the whole one is in the JSON.
const GLANCE: usize = 4;
/// The names that ASCII gives its control characters.
const CONTROLS: [&str; 32] = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS",
    "US",
];
/// How many unseen characters in a row are named before the rest is only counted.
const NAMED: usize = 4;

/// A text in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Text(Vec<Piece>);

/// Plain text, a redaction, or characters that are not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Piece {
    Plain(String),
    Redacted { redacted: String },
    Unseen { unseen: String },
}

impl Text {
    /// The whole text.
    pub(crate) fn of(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = 0;
        let mut at = 0;
        while let Some(found) = text[at..].chars().next() {
            let Some((piece, end)) = special(text, at, found) else {
                at += found.len_utf8();
                continue;
            };
            push_plain(&mut pieces, &text[plain..at]);
            pieces.extend(piece);
            (plain, at) = (end, end);
        }
        push_plain(&mut pieces, &text[plain..]);
        Self(pieces)
    }

    /// The beginning of a text, for places of one line.
    pub(crate) fn line(text: &str, most: usize) -> Self {
        let line = text.trim().split(['\n', '\r']).next().unwrap_or_default();
        match line.char_indices().nth(most) {
            Some((end, _)) => Self::of(&format!("{}…", &line[..end])),
            None if line.len() < text.trim().len() => Self::of(&format!("{line} …")),
            None => Self::of(line),
        }
    }
}

impl Text {
    /// The text for places that take no marks, such as a title.
    pub(crate) fn plain(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Redacted { redacted } => format!("[{redacted}]"),
            Piece::Unseen { unseen } => format!("[{unseen}]"),
        };
        self.0.iter().map(piece).collect()
    }
}

fn push_plain(pieces: &mut Vec<Piece>, plain: &str) {
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain.to_owned()));
    }
}

/// The piece that begins here, where it is not plain, and the place behind it.
fn special(text: &str, at: usize, found: char) -> Option<(Option<Piece>, usize)> {
    match found {
        '[' => redaction(text, at),
        // The line break of Windows is one line break.
        '\r' if text[at + 1..].starts_with('\n') => Some((None, at + 1)),
        _ if is_unseen(text, at, found) => Some(unseen(text, at)),
        _ => None,
    }
}

fn redaction(text: &str, at: usize) -> Option<(Option<Piece>, usize)> {
    let mark = Mark::at_start_of(&text[at..])?;
    Some((Some(Piece::Redacted { redacted: in_words(&mark) }), at + mark.text.len()))
}

fn in_words(mark: &Mark<'_>) -> String {
    let kind = rule(mark.kind);
    match mark.left {
        Left::Nothing => kind,
        Left::Pseudonym(letters) => format!("{kind} · {}…", letters.get(..GLANCE).unwrap_or(letters)),
        Left::LastFour(four) => format!("{kind} · …{four}"),
    }
}

/// The type of a mark as a page writes it.
pub(crate) fn rule(kind: &str) -> String {
    kind.to_ascii_lowercase().replace('_', " ")
}

/// All unseen characters from here on, named.
fn unseen(text: &str, start: usize) -> (Option<Piece>, usize) {
    let mut names = Vec::new();
    let mut more = 0;
    let mut end = start;
    while let Some(found) = text[end..].chars().next().filter(|found| is_unseen(text, end, *found)) {
        if names.len() < NAMED {
            names.push(name(found))
        } else {
            more += 1
        }
        end += found.len_utf8();
    }
    if more > 0 {
        names.push(format!("+{more}"));
    }
    (Some(Piece::Unseen { unseen: names.join(" ") }), end)
}

fn name(unseen: char) -> String {
    match u32::from(unseen) {
        code @ 0..0x20 => CONTROLS[code as usize].to_owned(),
        0x7f => "DEL".to_owned(),
        code => format!("U+{code:04X}"),
    }
}

fn is_unseen(text: &str, at: usize, found: char) -> bool {
    match found {
        '\n' | '\t' => false,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Joiners and the emoji selector are honest within emoji and in scripts that need them.
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => !joins(text, at, found),
        _ => is_format(found),
    }
}

/// Characters without a picture: they hide, reorder, or break lines where the eye sees nothing.
fn is_format(found: char) -> bool {
    matches!(
        found,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn joins(text: &str, at: usize, joiner: char) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + joiner.len_utf8()..].chars().next();
    match joiner {
        '\u{fe0e}' | '\u{fe0f}' => before.is_some_and(takes_selector),
        _ => before.is_some_and(is_joined) && after.is_some_and(is_joined),
    }
}

fn takes_selector(before: char) -> bool {
    matches!(before, '0'..='9' | '#' | '*' | '©' | '®' | '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Arabic to Sinhala and their neighbours, whose letters take joiners, and emoji with what follows them.
fn is_joined(neighbour: char) -> bool {
    matches!(neighbour, '\u{600}'..='\u{dff}' | '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Redacted { redacted } => format!("«{redacted}»"),
            Piece::Unseen { unseen } => format!("‹{unseen}›"),
        };
        Text::of(text).0.iter().map(piece).collect()
    }

    #[test]
    fn a_redaction_becomes_a_mark_that_names_its_rule() {
        assert_eq!(shown("to [REDACTED:EMAIL], by [REDACTED:API_KEY]."), "to «email», by «api key».");
        assert_eq!(shown("to [REDACTED:EMAIL:qwertyuiopas]"), "to «email · qwer…»");
        assert_eq!(shown("by [REDACTED:CREDIT_CARD:*1111]."), "by «credit card · …1111».");
        assert_eq!(shown("[REDACTED:WITHHELD]"), "«withheld»");
    }

    #[test]
    fn what_only_resembles_a_redaction_stays_text() {
        for text in [
            "[REDACTED:]",
            "[REDACTED:EMAIL",
            "[REDACTED:EMAIL:12]",
            "[REDACTED:<b>]",
            "[redacted:EMAIL]",
            "[",
            "[REDACTED:é]",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn characters_that_hide_or_reorder_are_shown() {
        assert_eq!(shown("pass\u{200b}word"), "pass‹U+200B›word");
        assert_eq!(shown("\u{1b}[31m\u{0}"), "‹ESC›[31m‹NUL›");
        assert_eq!(shown("abc\u{202e}gpj.exe"), "abc‹U+202E›gpj.exe");
        assert_eq!(shown(&format!("a{}", "\u{e0041}".repeat(9))), "a‹U+E0041 U+E0041 U+E0041 U+E0041 +5›");
        assert_eq!(shown("\u{85}\u{7f}"), "‹U+0085 DEL›");
    }

    #[test]
    fn honest_joiners_and_line_breaks_stay() {
        for text in [
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "🏳\u{fe0f}\u{200d}🌈",
            "می\u{200c}خواهم",
            "1\u{fe0f}",
            "a\n\tb",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("a\r\nb\rc"), "a\nb‹CR›c");
        assert_eq!(shown("a\u{200d}b"), "a‹U+200D›b");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_nothing_unseen_stays_and_nothing_plain_is_lost(text in "\\PC*|.*|[\\[\\]REDACT:EMAIL\u{200b}\u{202e}\r\n]*") {
            let pieces = Text::of(&text).0;
            let unseen = |c: char| c != '\n' && c != '\t' && (c.is_control() || is_format(c));
            for piece in &pieces {
                if let Piece::Plain(plain) = piece {
                    assert!(!plain.is_empty() && text.contains(plain.as_str()) && !plain.contains(unseen));
                }
            }
            if !text.contains(['[', '\u{200c}', '\u{200d}', '\u{fe0e}', '\u{fe0f}']) {
                let plain = |piece: &Piece| matches!(piece, Piece::Plain(_)).then(|| piece.clone());
                let shown: String = pieces.iter().filter_map(plain).map(|piece| Text(vec![piece]).plain()).collect();
                assert_eq!(shown, text.replace(unseen, ""));
            }
        }
    }

    #[test]
    fn a_line_ends_where_its_place_ends() {
        let line = |text: &str, most| serde_json::to_string(&Text::line(text, most)).unwrap();
        assert_eq!(line("short", 10), r#"["short"]"#);
        assert_eq!(line("äöüäöü", 3), r#"["äöü…"]"#);
        assert_eq!(line("\nfirst\nsecond", 10), r#"["first …"]"#);
    }
}
