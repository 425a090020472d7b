//! A set of rules, compiled once and used for every text.

use crate::detect::{DETECTORS, TOKENS, is_bare_card};
use crate::finding::{Finding, MARK, Redaction, apply};
use crate::scan::{Candidate, Engine, merge, spare};
use crate::walk::pass;
use std::ops::Range;
use std::sync::Arc;

mod file;
pub use file::Error;
use file::{LONGEST_NAME, Pattern, Words};

/// What is looked for.
#[derive(Debug)]
pub struct Rules {
    /// Those of the patterns, of the words, and of the built-in rules: the earlier one names what overlaps.
    names: Vec<Arc<str>>,
    patterns: Vec<Arc<Pattern>>,
    words: Vec<Arc<Words>>,
    builtin: Option<Arc<Engine>>,
    bare_card: usize,
}

/// After so many looks at its own output a text is left as it is. Two are the rule: a mark may bare a neighbour that
/// the redacted value had hidden.
const ROUNDS: usize = 8;

impl Rules {
    /// The rules that are on where nobody says otherwise.
    pub fn builtin() -> Rules {
        Rules::new(Vec::new(), Vec::new(), true)
            .expect("the built-in words are few enough to compile, as every test shows")
    }

    /// Reads a rule file.
    ///
    /// ```
    /// let rules = treering_redact::Rules::parse(r#"
    ///     [[pattern]]
    ///     name = "TICKET"
    ///     regex = "ACME-[0-9]{4,8}"
    ///
    ///     [[word]]
    ///     name = "PROJECT"
    ///     words = ["Bluebird", "Nightjar"]
    /// "#)?;
    /// assert_eq!(rules.redact("see ACME-1234").text, "see [REDACTED:TICKET]");
    /// # Ok::<(), treering_redact::Error>(())
    /// ```
    pub fn parse(toml: &str) -> Result<Rules, Error> {
        let file = file::read(toml)?;
        Rules::new(file.patterns, file.words, file.builtin)
    }

    fn new(patterns: Vec<Arc<Pattern>>, words: Vec<Arc<Words>>, builtin: bool) -> Result<Rules, Error> {
        let builtin = if builtin { Some(Arc::new(Engine::new(builtin_number)?)) } else { None };
        Ok(Rules::of(patterns, words, builtin))
    }

    fn of(patterns: Vec<Arc<Pattern>>, words: Vec<Arc<Words>>, builtin: Option<Arc<Engine>>) -> Rules {
        let own = patterns.iter().map(|pattern| &pattern.name).chain(words.iter().map(|words| &words.name));
        let names = own.cloned().chain(builtin_names().map(Arc::from)).collect();
        let bare_card = patterns.len() + words.len() + builtin_number("CREDIT_CARD");
        Rules { names, patterns, words, builtin, bare_card }
    }

    /// These and others as one: whatever either of them finds is found, in one look. Where both find the same, it
    /// has the name that these give it.
    pub fn joined(&self, others: &Rules) -> Rules {
        let patterns = self.patterns.iter().chain(&others.patterns).cloned().collect();
        let words = self.words.iter().chain(&others.words).cloned().collect();
        Rules::of(patterns, words, self.builtin.as_ref().or(others.builtin.as_ref()).cloned())
    }

    /// How many patterns and lists of words there are beside the built-in rules.
    pub fn own_count(&self) -> usize {
        self.patterns.len() + self.words.len()
    }

    /// Whether the built-in rules are on.
    pub fn builtin_enabled(&self) -> bool {
        self.builtin.is_some()
    }

    /// Every type of finding that the built-in rules know, and why it must not be kept.
    pub fn builtin_reasons() -> impl Iterator<Item = (&'static str, &'static str)> {
        let tokens = TOKENS.iter().map(|token| (token.rule, "a key that its issuer's mark gives away"));
        DETECTORS.iter().map(|detector| (detector.rule, detector.reason)).chain(tokens)
    }

    /// Adds the places of `text` that must go to `findings`, sorted and without overlap.
    pub fn scan(&self, text: &str, findings: &mut Vec<Finding>) {
        findings.extend(self.settle(text, None));
    }

    /// The same for the value of an attribute, of which the key may say what the value alone does not: `hunter2`
    /// is a word, and under the key `password` it is one.
    pub fn scan_value(&self, key: &str, value: &str, findings: &mut Vec<Finding>) {
        findings.extend(self.settle(value, Some(key)));
    }

    /// The same for a whole number that was sent as one, by its decimal digits: it is a card, or it may stay. The
    /// finding takes all of it; what stands in its place must be a string.
    pub fn scan_integer(&self, digits: &str) -> Option<Finding> {
        let rule = self.bare_card().filter(|_| is_bare_card(digits.as_bytes()))?;
        let rule = Arc::clone(&self.names[rule]);
        Some(Finding { start: 0, end: digits.len(), rule, bare_number: None })
    }

    /// The text with a mark in the place of each finding. What is redacted once stays as it is.
    pub fn redact(&self, text: &str) -> Redaction {
        let findings = self.settle(text, None);
        let text = apply(text, &findings).into_text();
        Redaction { text, findings }
    }

    /// Looks until its own output holds nothing more.
    fn settle(&self, text: &str, key: Option<&str>) -> Vec<Finding> {
        let mut found = pass(self, text, key);
        for _ in 1..ROUNDS {
            if found.is_empty() {
                break;
            }
            let findings = self.findings(&found);
            let view = apply(text, &findings);
            let more = pass(self, view.text(), key);
            if more.is_empty() {
                return findings;
            }
            found.extend(
                more.into_iter().map(|next| Candidate { place: view.source_of(&next.place), ..next }),
            );
            found = merge(found);
        }
        self.findings(&found)
    }

    fn findings(&self, found: &[Candidate]) -> Vec<Finding> {
        let named = |candidate: &Candidate| Finding {
            start: candidate.place.start,
            end: candidate.place.end,
            rule: Arc::clone(&self.names[candidate.rule]),
            bare_number: candidate.bare_number,
        };
        found.iter().map(named).collect()
    }

    /// Where marks of these rules stand already. A mark with another name is text, or anybody could hide in one.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let ends = |start: usize| {
            let name = start + MARK.len();
            let length =
                text.as_bytes()[name..].iter().take(LONGEST_NAME + 1).position(|byte| *byte == b']')?;
            let known = self.names.iter().any(|own| **own == text[name..name + length]);
            known.then(|| start..name + length + 1)
        };
        memchr::memmem::find_iter(text.as_bytes(), MARK).filter_map(ends).collect()
    }
}

/// What [`crate::walk`] asks on its way.
impl Rules {
    /// Looks through a folded text.
    pub(crate) fn plain(&self, text: &str, out: &mut Vec<Candidate>) {
        let from = out.len();
        for (rule, pattern) in self.patterns.iter().enumerate() {
            pattern.find(text, rule, out);
        }
        for (rule, words) in self.words.iter().enumerate() {
            words.find(text, self.patterns.len() + rule, out);
        }
        if let Some(engine) = &self.builtin {
            let before = out.len();
            engine.scan(text, out);
            out[before..].iter_mut().for_each(|found| found.rule += self.own_count());
        }
        if out.len() > from {
            spare(&self.marks(text), out, from);
        }
    }

    /// What of a JSON string goes because of its key.
    pub(crate) fn value_of_key(&self, key: &str, value: &str) -> Option<Candidate> {
        let found = self.builtin.as_ref()?.value_of_key(key, value)?;
        let outside = self.marks(value).is_empty();
        outside.then(|| Candidate { rule: found.rule + self.own_count(), ..found })
    }

    /// The name under which a text goes that is too dense to be looked through: the last of all.
    pub(crate) fn unreadable(&self) -> usize {
        self.names.len() - 1
    }

    /// The rule for cards that stand in JSON as bare numbers, if it is on.
    pub(crate) fn bare_card(&self) -> Option<usize> {
        self.builtin.as_ref().map(|_| self.bare_card)
    }
}

/// Of a text with millions of escapes and the like, which would take too much memory to look through.
const UNREADABLE: &str = "UNREADABLE";

fn builtin_names() -> impl Iterator<Item = &'static str> {
    let mut tokens: Vec<&str> = TOKENS.iter().map(|token| token.rule).collect();
    tokens.dedup();
    let detectors = DETECTORS.iter().map(|detector| detector.rule);
    tokens.into_iter().chain(detectors).chain([UNREADABLE])
}

/// Its place among the built-in names.
fn builtin_number(name: &str) -> usize {
    builtin_names().position(|known| known == name).unwrap_or_default()
}

#[cfg(test)]
mod tests;
