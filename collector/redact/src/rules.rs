//! A set of rules, compiled once and used for every text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::action::Action;
use crate::budget::Budget;
use crate::detect::{DETECTORS, TOKENS, is_bare_card};
use crate::finding::{Finding, Redaction, apply, write_mark};
use crate::look::Look;
use crate::mark::MARK;
use crate::pseudonym::{Pseudonyms, is_detail, last_four, name};
use crate::scan::{Candidate, Engine, Glance, Seen, Sight, merge, spare};
use crate::walk::{Pass, pass};

mod file;
mod layer;
mod own;
pub use file::Error;
use file::LONGEST_NAME;
pub(crate) use layer::{At, Layer, Whole, found, is_particular, whole, withholds};
use own::{Pattern, Words};

/// What is looked for, and what happens to it.
#[derive(Debug)]
pub struct Rules {
    /// Those of the patterns, of the words, and of the built-in rules: the earlier one names what overlaps.
    names: Vec<Arc<str>>,
    /// Names of marks that are no rule's: those of whole values.
    marks: BTreeSet<Arc<str>>,
    patterns: Vec<Arc<Pattern>>,
    words: Vec<Arc<Words>>,
    builtin: Option<Arc<Engine>>,
    bare_card: usize,
    layers: Vec<Arc<Layer>>,
}

/// After so many looks at its own output a text is left as it is. Two are the rule: a mark may bare a neighbour that
/// the redacted value had hidden.
const ROUNDS: usize = 8;

/// What a text is looked at with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lens<'a> {
    /// The key that the text is the value of.
    pub(crate) key: Option<&'a str>,
    /// What is decided in this place; absent where every finding becomes a mark.
    pub(crate) look: Option<&'a Look<'a>>,
    /// Absent where values cannot be named: then they are marked.
    pub(crate) pseudonyms: Option<Pseudonyms<'a>>,
    /// What was seen of the text before; absent where nobody had a glance at it.
    pub(crate) seen: Option<Seen<'a>>,
}

impl Rules {
    /// The rules that are on where nobody says otherwise.
    pub fn builtin() -> Rules {
        Rules::new(Vec::new(), Vec::new(), true, Layer::builtin())
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
    ///
    ///     [[rule]]
    ///     find = ["CREDIT_CARD"]
    ///     action = "last-four"
    /// "#)?;
    /// assert_eq!(rules.redact("see ACME-1234").text, "see [REDACTED:TICKET]");
    /// # Ok::<(), treering_redact::Error>(())
    /// ```
    pub fn parse(toml: &str) -> Result<Rules, Error> {
        let file = file::read(toml, builtin_names())?;
        Ok(Rules::new(file.patterns, file.words, file.builtin, file.layer))
    }

    fn new(patterns: Vec<Arc<Pattern>>, words: Vec<Arc<Words>>, builtin: bool, layer: Layer) -> Rules {
        let builtin = builtin.then(|| Arc::new(Engine::new(builtin_number)));
        Rules::of(patterns, words, builtin, vec![Arc::new(layer)])
    }

    fn of(
        patterns: Vec<Arc<Pattern>>,
        words: Vec<Arc<Words>>,
        builtin: Option<Arc<Engine>>,
        layers: Vec<Arc<Layer>>,
    ) -> Rules {
        let own = patterns.iter().map(|pattern| &pattern.name).chain(words.iter().map(|words| &words.name));
        let names = own.cloned().chain(builtin_names().map(Arc::from)).collect();
        let bare_card = patterns.len() + words.len() + builtin_number("CREDIT_CARD");
        let wholes = layers.iter().flat_map(|layer| layer.names()).cloned();
        let marks = wholes.chain(MARKS.map(Arc::from)).collect();
        Rules { names, marks, patterns, words, builtin, bare_card, layers }
    }

    /// These and others as one: whatever either of them finds is found, in one look. Where both find the same, it
    /// has the name that these give it; and of what they do with it, these show nothing that they would not show alone,
    /// unless they let the others.
    pub fn joined(&self, others: &Rules) -> Rules {
        let patterns = self.patterns.iter().chain(&others.patterns).cloned().collect();
        let words = self.words.iter().chain(&others.words).cloned().collect();
        let builtin = self.builtin.as_ref().or(others.builtin.as_ref()).cloned();
        let layers = self.layers.iter().chain(&others.layers).cloned().collect();
        Rules::of(patterns, words, builtin, layers)
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
        findings.extend(self.settle(text, Lens::default(), &Budget::of(text.len())));
    }

    /// The same for the value of an attribute, of which the key may say what the value alone does not: `hunter2`
    /// is a word, and under the key `password` it is one.
    pub fn scan_value(&self, key: &str, value: &str, findings: &mut Vec<Finding>) {
        let lens = Lens { key: Some(key), ..Lens::default() };
        findings.extend(self.settle(value, lens, &Budget::of(value.len())));
    }

    /// The same for a whole number that was sent as one, by its decimal digits: it is a card, or it may stay. The
    /// finding takes all of it; what stands in its place must be a string.
    pub fn scan_integer(&self, digits: &str) -> Option<Finding> {
        let rule = self.bare_card().filter(|_| is_bare_card(digits.as_bytes()))?;
        Some(Finding::new(0..digits.len(), Arc::clone(&self.names[rule])))
    }

    /// The text with a mark in the place of each finding. What is redacted once stays as it is.
    pub fn redact(&self, text: &str) -> Redaction {
        self.redact_with(text, None)
    }

    /// The same with names for values, where a rule wants them.
    pub fn redact_with(&self, text: &str, pseudonyms: Option<Pseudonyms<'_>>) -> Redaction {
        let at = At::default();
        let look = self.is_particular(&at).then(|| Look::new(&self.layers, at, text));
        let lens = Lens { look: look.as_ref(), pseudonyms, ..Lens::default() };
        let findings = self.settle(text, lens, &Budget::of(text.len()));
        let text = apply(text, &findings).into_text();
        Redaction { text, findings }
    }

    /// The value of an attribute as a record keeps it that came with it.
    pub fn redact_attribute(&self, key: &str, value: &str, pseudonyms: Option<Pseudonyms<'_>>) -> String {
        let at = At { attribute: Some(key), ..At::default() };
        if let Some(whole) = whole(&self.layers, &at) {
            let mut mark = String::new();
            write_mark(
                &whole.name,
                detail(whole.action, &whole.name, value, pseudonyms).as_deref(),
                &mut mark,
            );
            return mark;
        }
        let look = self.is_particular(&at).then(|| Look::new(&self.layers, at, value));
        let lens = Lens { key: Some(key), look: look.as_ref(), pseudonyms, ..Lens::default() };
        apply(value, &self.settle(value, lens, &Budget::of(value.len()))).into_text()
    }

    /// Looks until its own output holds nothing more.
    pub(crate) fn settle(&self, text: &str, lens: Lens<'_>, budget: &Budget) -> Vec<Finding> {
        budget.spend(text.len());
        let keep = |found: &Candidate| self.keeps(lens, found, found.place.start);
        let Pass { mut found, is_settled } = pass(self, text, (lens.key, lens.seen), &keep);
        for _ in 1..ROUNDS {
            if is_settled || found.is_empty() || budget.is_spent() {
                break;
            }
            let findings = self.findings(text, &found, lens);
            let view = apply(text, &findings);
            budget.spend(view.text().len());
            let keep = |found: &Candidate| self.keeps(lens, found, view.source_of(&found.place).start);
            let more = pass(self, view.text(), (lens.key, None), &keep).found;
            if more.is_empty() {
                return findings;
            }
            found.extend(
                more.into_iter().map(|next| Candidate { place: view.source_of(&next.place), ..next }),
            );
            found = merge(found);
        }
        self.findings(text, &found, lens)
    }

    fn keeps(&self, lens: Lens<'_>, found: &Candidate, start: usize) -> bool {
        lens.look.is_some_and(|look| look.action(&self.names[found.rule], start) == Action::Keep)
    }

    fn findings(&self, text: &str, found: &[Candidate], lens: Lens<'_>) -> Vec<Finding> {
        found.iter().map(|candidate| self.finding(text, candidate, lens)).collect()
    }

    fn finding(&self, text: &str, found: &Candidate, lens: Lens<'_>) -> Finding {
        let rule = Arc::clone(&self.names[found.rule]);
        let action = lens.look.map_or(Action::Mark, |look| look.action(&rule, found.place.start));
        let detail = detail(action, &rule, &text[found.place.clone()], lens.pseudonyms);
        Finding { bare_number: found.bare_number, detail, ..Finding::new(found.place.clone(), rule) }
    }

    /// What is decided about a finding that takes all of a text; `None` where it stays.
    pub(crate) fn decided(
        &self,
        text: &str,
        finding: Finding,
        look: &Look<'_>,
        pseudonyms: Option<Pseudonyms<'_>>,
    ) -> Option<Finding> {
        let action = look.action(&finding.rule, finding.start);
        let detail = detail(action, &finding.rule, text, pseudonyms);
        (action != Action::Keep).then_some(Finding { detail, ..finding })
    }

    /// Where marks of these rules stand already. A mark with another name is text, or anybody could hide in one.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let ends = |start: usize| {
            let name = start + MARK.len();
            let length = text.as_bytes()[name..].iter().take(LONGEST_MARK).position(|byte| *byte == b']')?;
            self.is_mark(&text[name..name + length]).then(|| start..name + length + 1)
        };
        memchr::memmem::find_iter(text.as_bytes(), MARK).filter_map(ends).collect()
    }

    /// The text without the marks in it.
    pub(crate) fn without_marks<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let marks = self.marks(text);
        let starts = std::iter::once(0).chain(marks.iter().map(|mark| mark.end));
        let ends = marks.iter().map(|mark| mark.start).chain([text.len()]);
        match marks.is_empty() {
            true => Cow::Borrowed(text),
            false => Cow::Owned(starts.zip(ends).map(|(start, end)| &text[start..end]).collect()),
        }
    }

    pub(crate) fn is_mark(&self, written: &str) -> bool {
        let (name, detail) =
            written.split_once(':').map_or((written, None), |(name, detail)| (name, Some(detail)));
        let known = || self.names.iter().any(|own| **own == *name) || self.marks.contains(name);
        detail.is_none_or(|detail| is_detail(detail.as_bytes())) && known()
    }

    pub(crate) fn name(&self, rule: usize) -> Arc<str> {
        Arc::clone(&self.names[rule])
    }

    pub(crate) fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    pub(crate) fn is_particular(&self, at: &At<'_>) -> bool {
        is_particular(&self.layers, at)
    }
}

/// What a mark says behind its name.
pub(crate) fn detail(
    action: Action,
    rule: &str,
    value: &str,
    pseudonyms: Option<Pseudonyms<'_>>,
) -> Option<String> {
    match action {
        Action::LastFour => last_four(value),
        Action::Pseudonym => pseudonyms.map(|pseudonyms| name(pseudonyms, rule, value)),
        Action::Keep | Action::Mark | Action::Drop | Action::Withhold => None,
    }
}

/// The longest name, and the longest that may stand behind it.
const LONGEST_MARK: usize = LONGEST_NAME + 2 + crate::pseudonym::LETTERS;

/// What [`crate::walk`] asks on its way.
impl Rules {
    /// Where something may be in texts that are not folded yet; false where only a reading tells. What patterns of users
    /// look at, nobody knows.
    pub(crate) fn glance(&self, text: &[u8], seen: &mut Glance) -> bool {
        let engine = self.builtin.as_ref().filter(|_| self.own_count() == 0);
        engine.is_some_and(|engine| engine.glance(text, seen))
    }

    /// Looks at a folded text where a glance has seen something.
    pub(crate) fn look_at(&self, text: &str, sights: impl Iterator<Item = Sight>, out: &mut Vec<Candidate>) {
        let Some(engine) = &self.builtin else { return };
        let from = out.len();
        engine.look_at(text, sights, out);
        if out.len() > from {
            spare(&self.marks(text), out, from);
        }
    }

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

    /// Whether a key may say what its value is.
    pub(crate) fn is_label(&self, key: &str) -> bool {
        self.builtin.as_ref().is_some_and(|engine| engine.is_label(key))
    }

    /// Writes what stands in the place of what was found, where nothing else is decided.
    pub(crate) fn write_mark(&self, rule: usize, out: &mut String) {
        Finding::new(0..0, Arc::clone(&self.names[rule])).write_mark(out);
    }

    /// What of a JSON string goes because of its key.
    pub(crate) fn value_of_key(&self, key: &str, value: &str) -> Option<Candidate> {
        let found = self.builtin.as_ref()?.value_of_key(key, value)?;
        let outside = self.marks(value).is_empty();
        outside.then(|| Candidate { rule: found.rule + self.own_count(), ..found })
    }

    /// Whether a finding of this rule is one by its own form or checksum, wherever it stands.
    pub(crate) fn says_what_it_is(&self, rule: usize) -> bool {
        const FORMS: [&str; 4] = ["JWT", "SLACK_WEBHOOK", "IBAN", "IP_ADDRESS"];
        let name = &*self.names[rule];
        FORMS.contains(&name) || TOKENS.iter().any(|token| token.rule == name)
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

/// What could not be redacted, or belongs to a step whose payload goes.
pub(crate) const WITHHELD: &str = "WITHHELD";
/// An attribute that a rule took away.
pub(crate) const DROPPED: &str = "DROPPED";
const MARKS: [&str; 2] = [WITHHELD, DROPPED];

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
