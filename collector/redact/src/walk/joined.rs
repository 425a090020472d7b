//! Values that are written in pieces: over lines, or as literals that code puts together.
//!
//! Where a joint stands between two pieces, they are looked at without it, and what is found counts where it crosses the
//! joint. Literals are put together by whoever wrote them. A line may end anywhere, so that across lines only that is
//! believed which says itself what it is.

use crate::Rules;
use crate::block::Places;
use crate::scan::Candidate;
use crate::text::View;
use std::ops::Range;

/// What stands between two pieces.
#[derive(Debug, Clone)]
struct Joint {
    place: Range<usize>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `" + "`, `' . '`, `" "`.
    Literals,
    /// A new line, with what marks that it goes on, and its indentation.
    Lines,
}

/// So much of a piece is looked at, and so much before the first one, where a label may be.
const PIECE: usize = 320;
const LABEL: usize = 64;
/// So many joints may one value have.
const MOST_JOINTS: usize = 4;
/// What is shorter is a word and another one, with a line between them.
const LEAST: usize = 16;

/// Adds what is found across joints of the text to what was found in it.
pub(super) fn across(rules: &Rules, text: &str, found: &mut Vec<Candidate>) {
    let known = Known::of(found);
    let mut places = Places::of(text.as_bytes(), may_begin);
    let mut from = 0;
    while let Some(at) = places.from(from) {
        from = at + 1;
        let Some(joint) = joint(text.as_bytes(), at) else { continue };
        let crossing = match joint.kind {
            Kind::Literals => literals(rules, text, &joint),
            Kind::Lines => lines(rules, text, &joint, &known),
        };
        found.extend(crossing);
    }
}

/// Where something was found, for who asks at every line.
struct Known {
    /// In order.
    starts: Vec<usize>,
    ends: Vec<usize>,
    /// By the place among the starts, how far that one or any before it reaches.
    reach: Vec<usize>,
}

impl Known {
    fn of(found: &[Candidate]) -> Known {
        let mut places: Vec<_> = found.iter().map(|found| (found.place.start, found.place.end)).collect();
        places.sort_unstable();
        let reach = places.iter().scan(0, |far, (_, end)| {
            *far = (*far).max(*end);
            Some(*far)
        });
        let reach = reach.collect();
        let (starts, mut ends): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        ends.sort_unstable();
        Known { starts, ends, reach }
    }

    fn crosses(&self, joint: &Joint) -> bool {
        let before = self.starts.partition_point(|start| *start < joint.place.start);
        before > 0 && self.reach[before - 1] > joint.place.end
    }
}

fn may_begin(byte: u8) -> u8 {
    u8::from(byte == b'\n') | u8::from(byte == b'"') | u8::from(byte == b'\'') | u8::from(byte == b'`')
}

fn joint(text: &[u8], at: usize) -> Option<Joint> {
    let (place, kind) = match text[at] {
        b'\n' => (line(text, at), Kind::Lines),
        _ => (operator(text, at)?, Kind::Literals),
    };
    let glued = place.start > 0 && is_piece(text[place.start - 1]);
    (glued && text.get(place.end).is_some_and(|byte| is_piece(*byte))).then_some(Joint { place, kind })
}

/// A new line, with the sign before it that says that the value goes on, and the spaces behind it.
fn line(text: &[u8], at: usize) -> Range<usize> {
    let line = if text[..at].ends_with(b"\r") { at - 1 } else { at };
    let goes_on = text[..line].ends_with(b"\\") || text[..line].ends_with(b"=");
    let indent = text[at + 1..].iter().take(PIECE).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    line - usize::from(goes_on)..at + 1 + indent
}

/// The end of a literal, an operator that joins texts in some language, and the start of another literal.
fn operator(text: &[u8], close: usize) -> Option<Range<usize>> {
    const OPERATORS: [&[u8]; 8] = [b"++", b"||", b"..", b"<>", b"+", b".", b"&", b"~"];
    let spaces = |from: usize| {
        from + text[from..].iter().take(LABEL).take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let at = spaces(close + 1);
    let sign = OPERATORS.iter().find(|sign| text[at..].starts_with(sign));
    // Without an operator a space is enough.
    let behind = match sign {
        Some(sign) => spaces(at + sign.len()),
        None if at > close + 1 => at,
        None => return None,
    };
    let prefixed =
        matches!(text.get(behind..behind + 2)?, [b'f' | b'r' | b'b' | b'u', quote] if *quote == text[close]);
    let open = behind + usize::from(prefixed);
    (text.get(open) == Some(&text[close])).then_some(close..open + 1)
}

fn is_piece(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./+=:@%~#!$^*?".contains(&byte)
}

/// The pieces on both sides of the joints, without them.
fn view<'a>(text: &'a str, before: usize, joints: &[Joint]) -> (usize, View<'a>) {
    let (first, last) = (joints[0].place.start, joints[joints.len() - 1].place.end);
    let start = text.floor_char_boundary(before.min(first));
    let end = text.ceil_char_boundary((end_of_piece(text.as_bytes(), last) + 1).min(text.len()));
    let mut view = View::starting(&text[start..end]);
    for joint in joints {
        view.copy_until(joint.place.start - start);
        view.replace(joint.place.len(), "");
    }
    (start, view.finish())
}

fn start_of_piece(text: &[u8], end: usize) -> usize {
    end - text[end.saturating_sub(PIECE)..end].iter().rev().take_while(|byte| is_piece(**byte)).count()
}

fn end_of_piece(text: &[u8], start: usize) -> usize {
    start + text[start..].iter().take(PIECE).take_while(|byte| is_piece(**byte)).count()
}

/// The joint and those that follow it, as long as pieces and joints of its kind take turns.
fn chain(text: &[u8], first: &Joint) -> Vec<Joint> {
    let next = |last: &Joint| {
        let end = end_of_piece(text, last.place.end);
        let sign = end + text[end..].iter().take(2).take_while(|byte| matches!(byte, b'\\' | b'\r')).count();
        text.get(sign).filter(|byte| may_begin(**byte) == 1)?;
        joint(text, sign).filter(|next| next.kind == first.kind)
    };
    std::iter::successors(Some(first.clone()), next).take(MOST_JOINTS).collect()
}

/// What is found in the view across all of its joints, as places of the text.
fn crossing(rules: &Rules, text: &str, before: usize, joints: &[Joint]) -> Vec<Candidate> {
    let (start, view) = view(text, before, joints);
    let mut found = Vec::new();
    rules.plain(view.text(), &mut found);
    let moved = found.into_iter().map(|found| {
        let place = view.source_of(&found.place);
        Candidate { place: place.start + start..place.end + start, ..found }
    });
    moved.filter(|found| joints.iter().all(|joint| crosses(&found.place, joint))).collect()
}

fn crosses(place: &Range<usize>, joint: &Joint) -> bool {
    place.start < joint.place.start && joint.place.end < place.end
}

fn literals(rules: &Rules, text: &str, joint: &Joint) -> Vec<Candidate> {
    let joints = chain(text.as_bytes(), joint);
    let start = start_of_piece(text.as_bytes(), joint.place.start).saturating_sub(LABEL);
    let each = (1..=joints.len()).rev().map(|count| crossing(rules, text, start, &joints[..count]));
    each.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// The shortest that is found: the line behind it is another value as a rule.
fn lines(rules: &Rules, text: &str, joint: &Joint, known: &Known) -> Vec<Candidate> {
    let bytes = text.as_bytes();
    let start = start_of_piece(bytes, joint.place.start);
    let pieces = [start..joint.place.start, joint.place.end..end_of_piece(bytes, joint.place.end)];
    if known.crosses(joint)
        || known.starts.binary_search(&joint.place.end).is_ok()
        || !may_be_value(&pieces.map(|piece| &bytes[piece]))
    {
        return Vec::new();
    }
    let goes_on = known.ends.binary_search(&joint.place.start).is_ok();
    let joints = chain(bytes, joint);
    let believed = |found: &Candidate| {
        let last = joints.iter().rfind(|joint| crosses(&found.place, joint)).map_or(0, |last| last.place.end);
        rules.says_what_it_is(found.rule) && (!goes_on || is_mixed(&bytes[last..found.place.end]))
    };
    let each =
        (1..=joints.len()).map(|count| crossing(rules, text, start.saturating_sub(1), &joints[..count]));
    each.into_iter()
        .map(|found| found.into_iter().filter(believed).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Two words with a line between them are none.
fn may_be_value(pieces: &[&[u8]; 2]) -> bool {
    let has = |kind: fn(&u8) -> bool| pieces.iter().any(|piece| piece.iter().any(kind));
    pieces[0].len() + pieces[1].len() >= LEAST && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

/// Whether the rest of a value looks like one where it would be one without the rest.
fn is_mixed(rest: &[u8]) -> bool {
    rest.len() >= 4 && rest.iter().any(u8::is_ascii_digit) && rest.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    fn key() -> [String; 2] {
        [["ghp_", "TREERINGfake01234"].concat(), "56789abcdefghijklmnop".to_owned()]
    }

    #[test]
    fn literals_are_joined_as_code_joins_them() {
        let [left, right] = key();
        for joint in [
            "\" + \"",
            "' . '",
            "\" .. \"",
            "\" & \"",
            "' || '",
            "\" \"",
            "\"\n    \"",
            "\" +\n f\"",
            "%22%20%2B%20%22",
        ] {
            let value = format!("{left}{joint}{right}");
            found(&format!("key = {value}, ok"), "GITHUB_TOKEN", &[&value]);
        }
        let mail = "ada\" + \"@exam\" + \"ple.com";
        found(&format!("to(\"{mail}\")"), "EMAIL", &[mail]);
    }

    #[test]
    fn lines_are_joined_where_the_value_says_what_it_is() {
        let [left, right] = key();
        for joint in ["\n", "\r\n", "\\\n", "=\n", "\n    ", "\\n"] {
            let value = format!("{left}{joint}{right}");
            found(&format!("key = {value}\nREF=chatcmpl-1 and so on"), "GITHUB_TOKEN", &[&value]);
        }
    }

    #[test]
    fn lines_that_stand_by_themselves_are_not_joined() {
        let [left, right] = key();
        let whole = left + &right;
        found(&format!("{whole}\n{whole}\nthe end"), "GITHUB_TOKEN", &[&whole, &whole]);
        found(&format!("{whole}\nREF=1"), "GITHUB_TOKEN", &[&whole]);
        found("Contact\nada@example.com", "EMAIL", &["ada@example.com"]);
        nothing("version 1.2.3\n4.5.6\n20240611\n000123 \"a\" + \"b\"");
    }
}
