//! The first look at a text: where something might be, in any reading of its escapes.
//!
//! It takes the bytes as they stand, without folding them and without knowing where the strings of JSON begin, and says
//! too much rather than too little: a stretch in which nothing was seen holds nothing that any detector would find, by
//! itself or as a string of the JSON that it stands in. Most are such. Where something was seen, and nothing that only a
//! reading tells, the detectors look there and nowhere else.
//!
//! Several texts are looked at in one go only where a byte stands between them that belongs to none: what stands before and
//! behind a text is read with it.

use std::ops::Range;

use super::literals::Literals;
use super::scout::{MOST_TRIGGERS, Sight, each};
use crate::block::{BLOCK, Block, bits, bits_of_three, block};
use crate::steps;
use crate::text::is_plain;

/// What a glance has seen, each in order.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// What is worth a look.
    sights: Vec<Sight>,
    /// Where only a reading tells: escapes that may hide a letter, what may be encoded, what may go on elsewhere.
    doubts: Vec<usize>,
}

/// What a glance has seen of a part of its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    glance: &'a Glance,
    /// Where the part begins.
    base: usize,
}

/// What is longer may hold so many escapes that nobody reads them all.
const LONGEST: usize = 1 << 20;
/// More than these are as good as one everywhere.
const MOST_HITS: usize = 4_096;
/// Runs of letters that may be text in Base64 or in hexadecimal digits have so many, as `walk::encoded` has it.
const ENCODED: usize = 24;
/// So far a value that was put together goes on behind a quote.
const JOINT: usize = 128;
/// So much of a line belongs to a value that goes on in the next one.
const PIECE: usize = 320;

impl Glance {
    /// What was seen from there on.
    pub(crate) fn from(&self, base: usize) -> Seen<'_> {
        Seen { glance: self, base }
    }
}

impl<'a> Seen<'a> {
    /// Whether nothing is in this place.
    pub(crate) fn passes(&self, place: &Range<usize>) -> bool {
        self.sights(place).is_some_and(|mut sights| sights.next().is_none())
    }

    /// All that is worth a look in this place, or nothing where it must be read.
    pub(crate) fn sights(&self, place: &Range<usize>) -> Option<impl Iterator<Item = Sight> + use<'a>> {
        let Self { glance: Glance { sights, doubts }, base } = *self;
        let (start, end) = (base + place.start, base + place.end);
        let doubt = doubts.partition_point(|doubt| *doubt < start);
        if doubts.get(doubt).is_some_and(|doubt| *doubt < end) {
            return None;
        }
        let first = sights.partition_point(|sight| sight.at() < start);
        let inside = sights[first..].iter().take_while(move |sight| sight.at() < end);
        Some(inside.filter_map(move |sight| sight.moved(|at| at.checked_sub(base))))
    }
}

/// Looks at bytes in which there are texts; false where that tells nothing.
pub(super) fn glance(
    text: &[u8],
    literals: &Literals,
    triggers: &[u8; MOST_TRIGGERS],
    seen: &mut Glance,
) -> bool {
    seen.sights.clear();
    seen.doubts.clear();
    if text.len() > LONGEST {
        return false;
    }
    steps::read(text.len());
    let mut looking = Looking { text, literals, seen, escaped_until: 0 };
    let (mut before, mut run) = ([0; 2], 0);
    for base in (0..text.len()).step_by(BLOCK) {
        let block = block(text, base);
        let inside = u32::MAX >> BLOCK.saturating_sub(text.len() - base);
        let words = literals.bits(before, &block) & inside;
        let signs = signs(&block, before[1], text.get(base + BLOCK).copied(), triggers) & inside;
        let escapes = bits(&block, is_escape) & inside;
        let others = bits(&block, is_no_letter) | !inside;
        before = [block[BLOCK - 2], block[BLOCK - 1]];
        let [ended, inner] = encoded(others, run);
        let first = looking.seen.doubts.len();
        looking.seen.doubts.extend(ended.map(|behind| (base + behind).saturating_sub(1)));
        looking.seen.doubts.extend(inner.map(|place| base + place));
        run = if others == 0 { run + BLOCK } else { others.leading_zeros() as usize };
        each(escapes, |place| looking.escape(base + place));
        looking.seen.doubts[first..].sort_unstable();
        // A sign and a word in one place are two sights.
        each(signs | words, |place| {
            let at = base + place;
            (signs >> place & 1 == 0 || looking.sign(at)) && (words >> place & 1 == 0 || looking.word(at))
        });
        if looking.seen.sights.len() + looking.seen.doubts.len() > MOST_HITS {
            return false;
        }
    }
    true
}

struct Looking<'a> {
    text: &'a [u8],
    literals: &'a Literals,
    seen: &'a mut Glance,
    /// What stands before this was read with the escape before it.
    escaped_until: usize,
}

impl Looking<'_> {
    fn sign(&mut self, at: usize) -> bool {
        // Most colons and dashes are those of JSON and of names, and no detector looks twice at them.
        let (before, behind) = (at.checked_sub(1).map(|before| self.text[before]), self.text.get(at + 1));
        let is_address = |sign: u8| {
            behind.is_some_and(|behind| behind.is_ascii_hexdigit() || *behind == sign)
                && (behind == Some(&sign)
                    || before.is_some_and(|before| before.is_ascii_hexdigit() || before == sign))
        };
        let tells = match self.text[at] {
            b'-' => self.text.get(at + 3) == Some(&b'-'),
            b':' => self.text.get(at + 3) == Some(&b':') || is_address(b':'),
            _ => true,
        };
        if tells {
            self.seen.sights.push(Sight::Sign(at));
        }
        true
    }

    fn word(&mut self, last: usize) -> bool {
        if self.literals.at(self.text, last).next().is_some() {
            self.seen.sights.push(Sight::Word(last));
        }
        true
    }

    /// What a fold may change, and what may stand between the pieces of a value.
    fn escape(&mut self, at: usize) -> bool {
        let tells = match self.text[at] {
            _ if at < self.escaped_until => false,
            b'\\' => self.backslashes(at),
            b'\n' => self.joins_lines(at, at + 1),
            b'"' | b'\'' | b'`' => self.joins_literals(at + 1),
            // A sign that stands alone encodes nothing.
            b'%' | b'&' => self.text.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace()),
            0 => true,
            _ => !self.is_plain(at),
        };
        if tells {
            self.seen.doubts.push(at);
        }
        true
    }

    /// Whether the character that begins there is read as itself.
    fn is_plain(&self, at: usize) -> bool {
        let most = &self.text[at..self.text.len().min(at + 4)];
        most.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()).is_some_and(is_plain)
    }

    /// An end of a line, a tab or a quote stands there, however often it was escaped: no word has one in it. Any other
    /// escape may be the letter of one.
    fn backslashes(&mut self, at: usize) -> bool {
        let letter = at + self.text[at..].iter().take_while(|byte| **byte == b'\\').count();
        self.escaped_until = letter + 1;
        match self.text.get(letter) {
            Some(b'n' | b'r') => self.joins_lines(at, letter + 1),
            Some(b't') => false,
            Some(b'"') => self.joins_literals(letter + 1),
            _ => true,
        }
    }

    /// Whether a value may go on in the next line: it has a digit then, as `walk::joined` has it.
    fn joins_lines(&self, before: usize, behind: usize) -> bool {
        let is_piece = |byte: &&u8| !byte.is_ascii_whitespace() && **byte != b'"';
        let before = &self.text[before.saturating_sub(PIECE)..before];
        let before = before.strip_suffix(b"\r").unwrap_or(before);
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        if before.iter().rev().take_while(is_piece).any(is_digit) {
            return true;
        }
        let behind = &self.text[behind..self.text.len().min(behind + PIECE)];
        let is_gap = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\\' | b't' | b'n' | b'r');
        let gap = behind.iter().take_while(is_gap).count();
        behind[gap..].iter().take_while(is_piece).any(is_digit)
    }

    /// Whether another literal may follow, behind an operator or a space.
    fn joins_literals(&self, behind: usize) -> bool {
        let behind = &self.text[behind..self.text.len().min(behind + JOINT)];
        let is_between = |byte: &u8| {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    b'\\'
                        | b'n'
                        | b'r'
                        | b't'
                        | b'+'
                        | b'|'
                        | b'.'
                        | b'<'
                        | b'>'
                        | b'&'
                        | b'~'
                        | b'f'
                        | b'b'
                        | b'u'
                )
        };
        let between = behind.iter().take_while(|byte| is_between(byte)).count();
        let is_quote = behind.get(between).is_none_or(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        is_quote && behind[..between].iter().any(|byte| *byte != b'\\')
    }
}

/// Backslashes, quotes, ends of lines, and what else `text::fold` looks at.
fn is_escape(byte: u8) -> u8 {
    let quote = u8::from(byte == b'"') | u8::from(byte == b'\'') | u8::from(byte == b'`');
    let sign = u8::from(byte == b'\\') | u8::from(byte == b'%') | u8::from(byte == b'&');
    let lead =
        u8::from(byte == 0) | u8::from(byte == 0xc2) | u8::from(byte & 0xfe == 0xe2) | u8::from(byte == 0xef);
    quote | sign | lead | u8::from(byte == b'\n')
}

fn is_no_letter(byte: u8) -> u8 {
    let letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    // `/` stands right before the digits.
    let digit = u8::from(byte.wrapping_sub(b'/') < 11);
    let sign = u8::from(byte == b'-') | u8::from(byte == b'_') | u8::from(byte == b'+');
    (letter | digit | sign) ^ 1
}

/// Of runs of letters that are long: where the one that began before the block ends, or the block does, and where one
/// begins that lies within the block.
fn encoded(others: u32, run: usize) -> [Option<usize>; 2] {
    let first = others.trailing_zeros() as usize;
    let ended = (run + first >= ENCODED).then_some(first);
    let eight = [1, 2, 4].into_iter().fold(!others, |runs, shift| runs & runs >> shift);
    let inner = eight & eight >> 8 & eight >> 16;
    [ended, (inner != 0).then(|| inner.trailing_zeros() as usize)]
}

/// Runs of digits but for single ones that no sign follows, and bytes that are triggers by themselves.
#[inline(always)]
fn signs(block: &Block, last: u8, next: Option<u8>, triggers: &[u8; MOST_TRIGGERS]) -> u32 {
    let (mut before, mut behind) = ([last; BLOCK], [next.unwrap_or_default(); BLOCK]);
    before[1..].copy_from_slice(&block[..BLOCK - 1]);
    behind[..BLOCK - 1].copy_from_slice(&block[1..]);
    let digit = |byte: u8| u8::from(byte.wrapping_sub(b'0') < 10);
    let sign = |byte: u8| {
        u8::from(byte == b' ') | u8::from(byte & 0xfe == b'(') | u8::from(byte.wrapping_sub(b'-') < 3)
    };
    bits_of_three(&before, block, &behind, |before, byte, behind| {
        let trigger = triggers.iter().fold(0, |any, trigger| any | u8::from(byte == *trigger));
        trigger | digit(byte) & (digit(before) ^ 1) & (digit(behind) | sign(behind))
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::tests::{BUILTIN, found};
    use crate::walk::{pass, thorough};

    #[test]
    fn what_is_encoded_is_seen_wherever_in_a_block_it_stands() {
        let letters = STANDARD.encode("ada@example.com!!!");
        assert_eq!(letters.len(), super::ENCODED);
        for before in 0..64 {
            for behind in [0, 1, 40] {
                let text = format!("{}{letters}{}", " ".repeat(before), " ".repeat(behind));
                found(&text, "EMAIL", &[&letters[..20]]);
            }
        }
    }

    #[test]
    fn a_word_beside_an_escaped_quote_is_seen() {
        let header = r#"{"set-cookie": "connected_auth=8f14e45fceea167a5a36dedd; Path=/"}"#;
        let text = serde_json::json!({ "said": format!("it was {header}") }).to_string();
        found(&text, "SESSION_COOKIE", &["8f14e45fceea167a5a36dedd"]);
    }

    #[test]
    fn a_value_over_two_lines_is_seen_whichever_of_them_has_the_digit() {
        let (with, without) = ("TREERINGfake0123456789", "abcdefghijklmnop");
        for (left, right) in [(with, without), (without, with)] {
            for joint in ["\n", "\r\n", "\n   ", "\\n", "\\r\\n", "\\t\n", "\\\\n\\t"] {
                let token = ["gh", "p_", left, joint, right].concat();
                let text = format!("the first line\n{token}\nthe last line");
                for text in [serde_json::json!([text]).to_string(), text.clone()] {
                    let look = pass(&BUILTIN, &text, (None, None), &|_| false).found;
                    assert_eq!(look, thorough(&BUILTIN, &text), "in {text:?}");
                }
                if joint != "\\t\n" {
                    found(&text, "GITHUB_TOKEN", &[&token]);
                }
            }
        }
    }
}
