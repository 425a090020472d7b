//! Whether marks bare anything more, asked where it can be: beside them.
//!
//! What a mark stands for may have hidden a neighbour: a number glued to another, a word before a label. So a text is
//! looked at until its own output holds nothing more; but detectors look a few lines far, and text that no mark is near
//! was looked at already.

use crate::Rules;
use crate::base64::is_standard;
use crate::detect::WINDOW;
use crate::scan::{Candidate, merge};
use std::ops::Range;

/// How far a detector's look may reach to a mark that stands behind it (a label and its value), or before it.
const BEFORE: usize = WINDOW + 88;
const BEHIND: usize = 128;
/// No look crosses a line, unless it is this near.
const LINE: usize = 32;
/// So much of the alphabet of Base64 beside a mark may be data, that reads differently now.
const DATA: usize = 24;

/// Whether nothing more is found beside the marks of what was found in the text. `false` where that is not known.
pub(super) fn is_settled(rules: &Rules, text: &str, found: &[Candidate]) -> bool {
    // What patterns of users look at, nobody knows.
    if rules.own_count() > 0 {
        return false;
    }
    let found = merge(found.to_vec());
    let is_open = |found: &Candidate| {
        beside_data(text.as_bytes(), &found.place) || may_move_a_table(text.as_bytes(), &found.place)
    };
    if found.iter().any(is_open) {
        return false;
    }
    let mut rest = found.as_slice();
    while let Some(first) = rest.first() {
        let Some(start) = start_of_look(text.as_bytes(), first.place.start) else { return false };
        let mut piece = Piece { rules, text, marked: String::new(), taken: start };
        let mut end = piece.taken;
        while let Some((next, others)) = rest.split_first()
            && (end == start || next.place.start < end)
        {
            piece.mark(next);
            let Some(reach) = end_of_look(text.as_bytes(), next.place.end) else { return false };
            (end, rest) = (reach, others);
        }
        if !piece.ends_clean(end) {
            return false;
        }
    }
    true
}

/// Marks and the text around them.
struct Piece<'a> {
    rules: &'a Rules,
    text: &'a str,
    marked: String,
    taken: usize,
}

impl Piece<'_> {
    fn mark(&mut self, found: &Candidate) {
        self.marked.push_str(&self.text[self.taken..found.place.start]);
        self.rules.write_mark(found.rule, &mut self.marked);
        self.taken = found.place.end;
    }

    fn ends_clean(mut self, end: usize) -> bool {
        self.marked.push_str(&self.text[self.taken..end]);
        let mut more = Vec::new();
        self.rules.plain(&self.marked, &mut more);
        more.is_empty()
    }
}

/// The start of a line that is not too near, or else of a word that is far enough, or else of the line.
fn start_of_look(text: &[u8], mark: usize) -> Option<usize> {
    let far = mark.saturating_sub(BEFORE);
    let farther = far.saturating_sub(BEFORE);
    let near = mark.saturating_sub(LINE).max(far);
    let line = |range: Range<usize>| Some(range.start + memchr::memrchr(b'\n', &text[range])? + 1);
    let whole = (far == 0).then_some(0);
    let word = || Some(farther + text[farther..far].iter().rposition(|byte| begins_word(*byte))?);
    line(far..near).or(whole).or_else(word).or_else(|| line(near..mark))
}

/// The end of such a line or word.
fn end_of_look(text: &[u8], mark: usize) -> Option<usize> {
    let far = text.len().min(mark + BEHIND);
    let farther = text.len().min(far + BEHIND);
    let near = far.min(mark + LINE);
    let line = |range: Range<usize>| Some(range.start + memchr::memchr(b'\n', &text[range])?);
    let whole = (far == text.len()).then_some(far);
    let word = || Some(far + text[far..farther].iter().position(|byte| begins_word(*byte))?);
    line(near..far).or(whole).or_else(word).or_else(|| line(mark..near))
}

/// A space, or the first byte of a character of another script, some of which write without spaces.
fn begins_word(byte: u8) -> bool {
    byte == b' ' || byte >= 0xc0
}

/// Whether lines that are far away may be read otherwise: the mark stands for what parts cells, or in the names of the
/// columns of a table. (A line of CSV that has a mark names nothing.)
fn may_move_a_table(text: &[u8], place: &Range<usize>) -> bool {
    let parts_cells = text[place.clone()].iter().any(|byte| b",;|\t\n\"'()".contains(byte));
    let rest = &text[place.end..text.len().min(place.end + HEAD)];
    let below = memchr::memchr(b'\n', rest).map(|line| rest[line..].trim_ascii_start());
    parts_cells
        || below.is_some_and(|below| {
            [&b"|-"[..], b"| -", b"|:", b"| :"].iter().any(|rule| below.starts_with(rule))
        })
}

/// No line that names columns is longer.
const HEAD: usize = 4096;

fn beside_data(text: &[u8], place: &Range<usize>) -> bool {
    let before = text[..place.start].iter().rev().take(DATA).take_while(|&&byte| is_standard(byte)).count();
    let behind = text[place.end..].iter().take(DATA).take_while(|&&byte| is_standard(byte)).count();
    before.max(behind) == DATA
}
