//! The engine: candidates in one pass over the bytes, then a short look around each.

use crate::detect::{DETECTORS, Find, Label, TOKENS, Token, Trigger, WINDOW};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::ops::{Range, RangeInclusive};

mod blob;
mod merge;
pub(crate) use merge::{merge, spare};

/// A finding by the number of its rule; the lower number names what overlaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) place: Range<usize>,
    pub(crate) rule: usize,
    pub(crate) bare_number: Option<u8>,
}

/// A text with more findings than this goes whole: nobody reads what is left between them, and they take memory.
const MOST_FINDINGS: usize = 100_000;
/// Before those are left out that stand in data, such as an image, there may be so many.
const MOST_CANDIDATES: usize = 1_000_000;

/// The built-in detectors, compiled.
#[derive(Debug)]
pub(crate) struct Engine {
    literals: AhoCorasick,
    targets: Vec<(usize, Target)>,
    bytes: Vec<(u8, usize, Find)>,
    digits: Vec<Digits>,
    classes: [Class; 256],
}

/// What looks closer at a run of digits.
#[derive(Debug)]
struct Digits {
    behind_letter: bool,
    lengths: RangeInclusive<usize>,
    rule: usize,
    find: Find,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Find(Find),
    Label(&'static Label),
    Token(&'static Token),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ordinary,
    Digit,
    Trigger,
}

impl Engine {
    /// Compiles the detectors; `rule` gives the number of a rule by its name.
    pub(crate) fn new(rule: impl Fn(&str) -> usize) -> Result<Engine, aho_corasick::BuildError> {
        let mut words: Vec<&str> = TOKENS.iter().map(|token| token.prefix).collect();
        let mut targets: Vec<_> =
            TOKENS.iter().map(|token| (rule(token.rule), Target::Token(token))).collect();
        let (mut bytes, mut digits) = (Vec::new(), Vec::new());
        for detector in DETECTORS {
            let number = rule(detector.rule);
            for trigger in detector.triggers {
                let mut say = |literals: &'static [&'static str], target| {
                    words.extend(literals);
                    targets.extend(literals.iter().map(|_| (number, target)));
                };
                let mut count = |behind_letter, lengths: &RangeInclusive<usize>, find| {
                    digits.push(Digits { behind_letter, lengths: lengths.clone(), rule: number, find });
                };
                match trigger {
                    Trigger::Literal(literals, find) => say(literals, Target::Find(*find)),
                    Trigger::Label(label) => say(label.words, Target::Label(label)),
                    Trigger::Byte(byte, find) => bytes.push((*byte, number, *find)),
                    Trigger::Digits(lengths, find) => count(false, lengths, *find),
                    Trigger::DigitsBehindLetter(lengths, find) => count(true, lengths, *find),
                }
            }
        }
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)?;
        let classes = classes(&bytes);
        Ok(Engine { literals, targets, bytes, digits, classes })
    }

    /// Looks through a folded text.
    pub(crate) fn scan(&self, text: &str, out: &mut Vec<Candidate>) {
        let (mut found, mut tokens) = (Vec::new(), Vec::new());
        self.at_literals(text.as_bytes(), &mut found, &mut tokens);
        self.at_bytes(text.as_bytes(), &mut found);
        let is_cut_short = found.len().max(tokens.len()) > MOST_CANDIDATES;
        if !found.is_empty() {
            blob::drop_inside(text.as_bytes(), &mut found);
        }
        let first = found
            .first()
            .or(tokens.first())
            .filter(|_| is_cut_short || found.len() + tokens.len() > MOST_FINDINGS);
        if let Some(first) = first {
            return out.push(Candidate { place: 0..text.len(), ..first.clone() });
        }
        out.append(&mut found);
        out.append(&mut tokens);
    }

    /// Tokens come apart from the rest: they know themselves whether the data around them is a reason to doubt.
    fn at_literals(&self, text: &[u8], out: &mut Vec<Candidate>, tokens: &mut Vec<Candidate>) {
        // What of the text long values have taken: labels inside of one would read it to its end again.
        let mut taken = 0;
        for hit in self.literals.find_overlapping_iter(text) {
            if out.len().max(tokens.len()) > MOST_CANDIDATES {
                return;
            }
            let (rule, target) = self.targets[hit.pattern().as_usize()];
            let at = hit.range();
            let found = |place| Candidate { place, rule, bare_number: None };
            match target {
                Target::Find(find) => out.extend(find(text, at).map(found)),
                Target::Token(token) => tokens.extend(token.find(text, &at).map(found)),
                Target::Label(label) => {
                    let place = label.value_beside(text, &at, taken);
                    taken = place.iter().filter(|place| place.len() > WINDOW).fold(taken, |_, long| long.end);
                    out.extend(place.map(found));
                }
            }
        }
    }

    fn at_bytes(&self, text: &[u8], out: &mut Vec<Candidate>) {
        let mut at = 0;
        while out.len() <= MOST_CANDIDATES
            && let Some(offset) =
                text[at..].iter().position(|byte| self.classes[usize::from(*byte)] != Class::Ordinary)
        {
            at += offset;
            let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                let behind_letter = at > 0 && text[at - 1].is_ascii_alphabetic();
                let fits =
                    |look: &&Digits| look.behind_letter == behind_letter && look.lengths.contains(&digits);
                let looks = self.digits.iter().filter(fits);
                keep(looks.map(|look| (look.rule, (look.find)(text, at..at + digits))), out);
            } else {
                let here = self.bytes.iter().filter(|(byte, ..)| *byte == text[at]);
                keep(here.map(|&(_, rule, find)| (rule, find(text, at..at + 1))), out);
            }
            at += digits.max(1);
        }
    }

    /// What of the value of a JSON string goes because of its key.
    pub(crate) fn value_of_key(&self, key: &str, value: &str) -> Option<Candidate> {
        self.literals.find_overlapping_iter(key).find_map(|hit| {
            let (rule, Target::Label(label)) = self.targets[hit.pattern().as_usize()] else { return None };
            let place = label.value_of_key(key.as_bytes(), &hit.range(), value.as_bytes())?;
            Some(Candidate { place, rule, bare_number: None })
        })
    }
}

fn keep(looks: impl Iterator<Item = (usize, Option<Range<usize>>)>, out: &mut Vec<Candidate>) {
    out.extend(looks.filter_map(|(rule, place)| Some(Candidate { place: place?, rule, bare_number: None })));
}

fn classes(bytes: &[(u8, usize, Find)]) -> [Class; 256] {
    let mut classes = [Class::Ordinary; 256];
    classes[usize::from(b'0')..=usize::from(b'9')].fill(Class::Digit);
    bytes.iter().for_each(|(byte, ..)| classes[usize::from(*byte)] = Class::Trigger);
    classes
}
