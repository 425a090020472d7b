//! The engine: candidates in one pass over the bytes, then a short look around each.

use crate::base64::is_url_safe;
use crate::detect::{DETECTORS, Find, Label, TOKENS, Token, Trigger, WINDOW};
use crate::steps;
use literals::Literals;
pub(crate) use scout::Sight;
use scout::{MOST_TRIGGERS, scout};
use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

mod blob;
mod glance;
mod literals;
mod merge;
mod rows;
mod scout;
pub(crate) use glance::{Glance, Seen};
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
    literals: Literals,
    /// By the number of the literal.
    targets: Vec<(usize, Target)>,
    /// The bytes that are triggers, the last one again and again.
    triggers: [u8; MOST_TRIGGERS],
    /// By the byte.
    bytes: Box<[Vec<Look>; 256]>,
    /// By the length of the run of digits; the last for all longer ones.
    digits: ByLength,
    groups: ByLength,
    digits_behind_letter: ByLength,
}

const LENGTHS: usize = 33;
type ByLength = [Vec<Look>; LENGTHS];

/// What looks closer, and the number of its rule.
type Look = (usize, Find);

#[derive(Debug, Clone, Copy)]
enum Target {
    Find(Find),
    Label(&'static Label),
    Token(&'static Token),
    /// What stands behind it are rows of values, under the names before it.
    Inserted,
    Ruled,
}

impl Engine {
    /// Compiles the detectors; `rule` gives the number of a rule by its name.
    pub(crate) fn new(rule: impl Fn(&str) -> usize) -> Engine {
        let mut words: Vec<Cow<'static, str>> = TOKENS.iter().map(|token| token.prefix.into()).collect();
        let mut targets: Vec<_> =
            TOKENS.iter().map(|token| (rule(token.rule), Target::Token(token))).collect();
        let mut bytes: Box<[Vec<Look>; 256]> = Box::new([const { Vec::new() }; 256]);
        let [mut digits, mut groups, mut digits_behind_letter] =
            std::array::from_fn(|_| [const { Vec::new() }; LENGTHS]);
        for detector in DETECTORS {
            let number = rule(detector.rule);
            let mut say = |word, target| {
                words.push(word);
                targets.push((number, target));
            };
            for trigger in detector.triggers {
                match trigger {
                    Trigger::Literal(literals, find) => {
                        literals.iter().for_each(|word| say((*word).into(), Target::Find(*find)));
                    }
                    Trigger::Label(label) => {
                        names_of(label).for_each(|name| say(name, Target::Label(label)));
                    }
                    Trigger::Byte(byte, find) => bytes[usize::from(*byte)].push((number, *find)),
                    Trigger::Digits(lengths, find) => at_digits(&mut digits, lengths, (number, *find)),
                    Trigger::Groups(lengths, find) => at_digits(&mut groups, lengths, (number, *find)),
                    Trigger::DigitsBehindLetter(lengths, find) => {
                        at_digits(&mut digits_behind_letter, lengths, (number, *find));
                    }
                }
            }
        }
        words.extend(INSERTED.iter().chain(RULED).map(|word| Cow::Borrowed(*word)));
        targets.extend(INSERTED.iter().map(|_| (0, Target::Inserted)));
        targets.extend(RULED.iter().map(|_| (0, Target::Ruled)));
        let follows = |word: usize, byte| match targets[word].1 {
            Target::Token(token) => token.goes_on_with(byte),
            // A label ends there, and any other word of two bytes goes on with what it gives away.
            Target::Label(_) => !byte.is_ascii_alphanumeric(),
            _ => is_url_safe(byte) || matches!(byte, b'.' | b'~'),
        };
        let literals = Literals::new(words, follows);
        let alone = [&digits[1], &digits_behind_letter[1]];
        assert!(alone.iter().all(|looks| looks.is_empty()), "a single digit is nothing without its group");
        let triggers = triggers(&bytes);
        Engine { literals, targets, triggers, bytes, digits, groups, digits_behind_letter }
    }

    /// Where something may be in texts that are not folded yet; false where only a reading tells.
    pub(crate) fn glance(&self, text: &[u8], seen: &mut Glance) -> bool {
        glance::glance(text, &self.literals, &self.triggers, seen)
    }

    /// Looks through a folded text.
    pub(crate) fn scan(&self, text: &str, out: &mut Vec<Candidate>) {
        steps::read(text.len());
        let mut found = Found::default();
        scout(text.as_bytes(), &self.literals, &self.triggers, |sight| {
            self.look(text.as_bytes(), &sight, &mut found);
            found.values.len().max(found.tokens.len()) <= MOST_CANDIDATES
        });
        found.tell(text, out);
    }

    /// Looks at a folded text where something was seen.
    pub(crate) fn look_at(&self, text: &str, sights: impl Iterator<Item = Sight>, out: &mut Vec<Candidate>) {
        let mut found = Found::default();
        sights.for_each(|sight| self.look(text.as_bytes(), &sight, &mut found));
        found.tell(text, out);
    }

    fn look(&self, text: &[u8], sight: &Sight, found: &mut Found) {
        match *sight {
            Sight::Sign(at) if text[at].is_ascii_digit() => self.at_digits(text, at, found),
            Sight::Sign(at) => found.keep(&self.bytes[usize::from(text[at])], text, at..at + 1),
            Sight::Word(last) => {
                for (word, place) in self.literals.at(text, last) {
                    self.at_literal(word, text, place, found);
                }
            }
        }
    }

    fn at_digits(&self, text: &[u8], at: usize, found: &mut Found) {
        let before = at.checked_sub(1).map_or(b' ', |before| text[before]);
        let length = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (at, slot) = (at..at + length, length.min(LENGTHS - 1));
        if before.is_ascii_alphabetic() {
            return found.keep(&self.digits_behind_letter[slot], text, at);
        }
        if goes_on(&text[at.end..]) && !continues(&text[..at.start]) {
            found.keep(&self.groups[slot], text, at.clone());
        }
        found.keep(&self.digits[slot], text, at);
    }

    fn at_literal(&self, word: usize, text: &[u8], at: Range<usize>, found: &mut Found) {
        let (rule, target) = self.targets[word];
        let here = |place| Candidate { place, rule, bare_number: None };
        match target {
            Target::Find(find) => found.values.extend(find(text, at).map(here)),
            Target::Token(token) => found.tokens.extend(token.find(text, &at).map(here)),
            Target::Label(label) => {
                let place = label.value_beside(text, &at, found.taken);
                if let Some(long) = place.as_ref().filter(|place| place.len() > WINDOW) {
                    found.taken = long.end;
                }
                match place {
                    Some(place) => found.values.push(here(place)),
                    None => self.separated(text, &at, found),
                }
            }
            Target::Inserted => self.inserted(text, &at, found),
            Target::Ruled => self.ruled(text, &at, found),
        }
    }

    /// Whether a label stands in the key of a value.
    pub(crate) fn is_label(&self, key: &str) -> bool {
        self.literals.all(key.as_bytes()).any(|(word, _)| matches!(self.targets[word].1, Target::Label(_)))
    }

    /// What of the value of a JSON string goes because of its key.
    pub(crate) fn value_of_key(&self, key: &str, value: &str) -> Option<Candidate> {
        let every = self.literals.all(key.as_bytes()).filter_map(|(word, at)| {
            let (rule, Target::Label(label)) = self.targets[word] else { return None };
            let place = label.value_of_key(key.as_bytes(), &at, value.as_bytes())?;
            Some(Candidate { place, rule, bare_number: None })
        });
        every.min_by_key(|candidate| candidate.rule)
    }
}

/// The words of a label, and those of several words as keys and columns are named as well: `data_urodzenia`,
/// `data-urodzenia`, `dataurodzenia`.
fn names_of(label: &'static Label) -> impl Iterator<Item = Cow<'static, str>> {
    let of_words = label.words.iter().filter(|word| word.contains(' '));
    let named = of_words.flat_map(|word| ["_", "-", ""].map(|sign| word.replace(' ', sign)));
    let others = named.filter(|name| !label.words.contains(&name.as_str())).map(Cow::Owned);
    label.words.iter().map(|word| Cow::Borrowed(*word)).chain(others)
}

/// Whether another group of a number stands behind a sign or two.
fn goes_on(text: &[u8]) -> bool {
    let is_sign = |byte: u8| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')');
    match *text {
        [first, second, ..] if is_sign(first) && second.is_ascii_digit() => true,
        [first, second, third, ..] => is_sign(first) && is_sign(second) && third.is_ascii_digit(),
        _ => false,
    }
}

/// Whether what follows is a later part of an id, a version or a date.
fn continues(text: &[u8]) -> bool {
    matches!(*text, [.., first, b'-' | b'.'] if first.is_ascii_alphanumeric()) || text.ends_with(b"_")
}

/// What was found in one text.
#[derive(Debug, Default)]
struct Found {
    values: Vec<Candidate>,
    /// Tokens stand apart from the rest: they know themselves whether the data around them is a reason to doubt.
    tokens: Vec<Candidate>,
    /// What of the text long values have taken: labels inside of one would read it to its end again.
    taken: usize,
    /// How far tables were read: a name within one begins no other.
    rows_until: usize,
}

/// Words behind which rows of values stand.
const INSERTED: &[&str] = &["values"];
const RULED: &[&str] = &["|---", "| ---", "|:--", "| :--"];

impl Found {
    fn tell(self, text: &str, out: &mut Vec<Candidate>) {
        let Self { mut values, mut tokens, .. } = self;
        let is_cut_short = values.len().max(tokens.len()) > MOST_CANDIDATES;
        if !values.is_empty() {
            blob::drop_inside(text.as_bytes(), &mut values);
        }
        let first = values
            .first()
            .or(tokens.first())
            .filter(|_| is_cut_short || values.len() + tokens.len() > MOST_FINDINGS);
        if let Some(first) = first {
            return out.push(Candidate { place: 0..text.len(), ..first.clone() });
        }
        out.append(&mut values);
        out.append(&mut tokens);
    }

    fn keep(&mut self, looks: &[Look], text: &[u8], at: Range<usize>) {
        let found = looks.iter().filter_map(|&(rule, find)| {
            Some(Candidate { place: find(text, at.clone())?, rule, bare_number: None })
        });
        self.values.extend(found);
    }
}

fn triggers(bytes: &[Vec<Look>; 256]) -> [u8; MOST_TRIGGERS] {
    let mut with_looks = (0..=u8::MAX).filter(|byte| !bytes[usize::from(*byte)].is_empty());
    let mut last = b'@';
    let triggers = std::array::from_fn(|_| {
        last = with_looks.next().unwrap_or(last);
        last
    });
    assert!(with_looks.next().is_none(), "a byte that is a trigger is asked of every text: let there be few");
    triggers
}

fn at_digits(looks: &mut ByLength, lengths: &RangeInclusive<usize>, look: Look) {
    let longest = (*lengths.end()).min(LENGTHS - 1);
    looks[*lengths.start()..=longest].iter_mut().for_each(|looks| looks.push(look));
}
