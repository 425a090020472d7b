//! What becomes of a request: every edit that makes it a redacted one.
//!
//! It fails closed. A text whose redaction panics goes whole; where the budget is spent, all that was not looked at yet
//! goes, and the records that it belonged to say so.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use treering_otlp::{Edit, Export, Number, Part, Place, Text};

use crate::action::Action;
use crate::budget::Budget;
use crate::finding::{Finding, write_mark};
use crate::look::Look;
use crate::pieces::Pieces;
use crate::plan::{Plan, Planner};
use crate::pseudonym::Pseudonyms;
use crate::rules::{At, Lens, Rules, WITHHELD};
use crate::scan::Glance;

/// Edits of one request: a hundred bytes each while they are made. What lies behind more of them is withheld.
const MOST_EDITS: usize = 250_000;

/// The edits, sorted and without overlap.
pub(crate) fn edits(
    rules: &Rules,
    export: &Export,
    pseudonyms: Option<Pseudonyms<'_>>,
    budget: &Budget,
) -> Vec<Edit> {
    let look = || Work { rules, pseudonyms, budget, edits: Vec::new() }.done(export);
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| withheld(export, 0, Vec::new()))
}

struct Work<'a> {
    rules: &'a Rules,
    pseudonyms: Option<Pseudonyms<'a>>,
    budget: &'a Budget,
    edits: Vec<Edit>,
}

/// Where the budget was spent: what begins there or later was not looked at.
struct Spent(usize);

impl<'a> Work<'a> {
    fn done(mut self, export: &'a Export) -> Vec<Edit> {
        match self.all(export) {
            Ok(()) => self.edits,
            Err(Spent(at)) => withheld(export, at, self.edits),
        }
    }

    fn all(&mut self, export: &'a Export) -> Result<(), Spent> {
        let mut places = export.places().peekable();
        let mut numbers = export.numbers().peekable();
        let mut planner = Planner::new(self.rules, self.pseudonyms);
        let (mut glance, mut own, mut strings) = (Glance::default(), Vec::new(), Vec::new());
        for part in export.parts() {
            let place = part.place();
            let before = std::iter::from_fn(|| places.next_if(|text| text.start() < place.start));
            self.texts(export, before, &Plan::default(), None)?;
            own.clear();
            own.extend(std::iter::from_fn(|| places.next_if(|text| text.start() < place.end)));
            let plan = planner.plan(export, &part, &own);
            if plan.is_too_much {
                return Err(Spent(place.start));
            }
            let from = self.edits.len();
            apart(export, &place, &own, &mut strings);
            let is_seen = self.rules.glance(&strings, &mut glance);
            let seen = is_seen.then_some((&glance, place.start));
            let looked = self.part(export, &own, &plan, seen);
            self.numbers(std::iter::from_fn(|| numbers.next_if(|number| number.start < place.end)), &plan);
            self.edits.extend(plan.edits);
            self.edits[from..].sort_unstable_by_key(|edit| edit.start);
            join(&mut self.edits, from);
            // A part of which only some was looked at goes whole, so that it says so in the same way as the others.
            looked.map_err(|Spent(_)| Spent(place.start))?;
        }
        self.texts(export, places, &Plan::default(), None)
    }

    fn part(
        &mut self,
        export: &'a Export,
        own: &[Place],
        plan: &Plan<'_>,
        seen: Option<Sighted<'_>>,
    ) -> Result<(), Spent> {
        let looked = self.texts(export, own.iter().copied(), plan, seen);
        let mut pieces = Pieces::default();
        own.iter().for_each(|place| pieces.take(export, place, plan.may_stream));
        self.pieces(pieces, plan);
        looked
    }

    fn texts(
        &mut self,
        export: &'a Export,
        places: impl Iterator<Item = Place>,
        plan: &Plan<'_>,
        seen: Option<Sighted<'_>>,
    ) -> Result<(), Spent> {
        for place in places.filter(|place| !plan.takes(place.start())) {
            // What is no text was read as one, and that is what was not seen.
            let seen = seen.filter(|_| !place.is_bytes());
            if seen.is_some_and(|seen| passes(seen, &place.range()) && passes(seen, &place.key())) {
                self.budget.spend(place.range().len());
            } else {
                self.text(&export.text(place), &place, plan, seen);
            }
            if self.budget.is_spent() || self.edits.len() > MOST_EDITS {
                return Err(Spent(place.start()));
            }
        }
        Ok(())
    }

    /// What is found in several pieces of one value goes from each of them.
    fn pieces(&mut self, pieces: Pieces, plan: &Plan<'_>) {
        for (place, rule) in pieces.found(self.rules) {
            let finding = Finding::new(place, self.rules.name(rule));
            let look = Look::new(self.rules.layers(), plan.at(finding.start), "");
            if look.action(&finding.rule, 0) != Action::Keep && !plan.takes(finding.start) {
                self.edits.push(edit(0, &finding));
            }
        }
    }

    fn text(&mut self, text: &Text<'_>, place: &Place, plan: &Plan<'_>, seen: Option<Sighted<'_>>) {
        // Where nothing is seen in a key, it is no label.
        let key = text.key.filter(|_| !seen.is_some_and(|seen| passes(seen, &place.key())));
        let seen = seen.map(|(glance, start)| glance.from(text.start - start));
        let look = || {
            let at = plan.at(text.start);
            let is_particular = if at.attribute.is_some() { true } else { self.rules.is_particular(&at) };
            let look = is_particular.then(|| Look::new(self.rules.layers(), at, &text.text));
            let lens = Lens { key, look: look.as_ref(), pseudonyms: self.pseudonyms, seen };
            self.rules.settle(&text.text, lens, self.budget)
        };
        match catch_unwind(AssertUnwindSafe(look)) {
            Ok(findings) => {
                self.budget.spend_on(findings.len());
                self.edits.extend(findings.iter().map(|finding| edit(text.start, finding)));
            }
            Err(_) => {
                let (start, end) = (text.start, text.start + text.text.len());
                self.edits.push(Edit { start, end, replacement: withheld_mark().into() });
            }
        }
    }

    /// A card may come as a number; its mark makes a text of it.
    fn numbers(&mut self, numbers: impl Iterator<Item = Number>, plan: &Plan<'_>) {
        for number in numbers.filter(|number| !plan.takes(number.start)) {
            let digits = number.value.to_string();
            let Some(finding) = self.rules.scan_integer(&digits) else { continue };
            let look = Look::new(self.rules.layers(), plan.at(number.start), "");
            let finding = self.rules.decided(&digits, finding, &look, self.pseudonyms);
            self.edits.extend(finding.map(|finding| Edit {
                start: number.start,
                end: number.end,
                replacement: mark(&finding).into(),
            }));
        }
    }
}

/// Stands where no string does. It is no sign, no letter and no digit, and nothing that is escaped.
const NO_STRING: u8 = 1;

/// The strings of a part in their places, and nothing between them: tags and lengths are bytes like any other, and would be
/// read as the letter or the digit before or behind a string.
fn apart(export: &Export, part: &Range<usize>, strings: &[Place], out: &mut Vec<u8>) {
    out.clear();
    out.resize(part.len(), NO_STRING);
    for string in strings.iter().filter(|string| !string.is_bytes()) {
        let at = string.range();
        out[at.start - part.start..at.end - part.start].copy_from_slice(&export.as_bytes()[at]);
    }
}

/// What was seen of a part, and where that begins in the request.
type Sighted<'a> = (&'a Glance, usize);

/// Whether nothing was seen in a place of the request.
fn passes((glance, start): Sighted<'_>, place: &Range<usize>) -> bool {
    place.is_empty() || glance.from(0).passes(&(place.start - start..place.end - start))
}

impl Plan<'_> {
    /// Whether what stands there goes with its attribute.
    fn takes(&self, at: usize) -> bool {
        let before = self.edits.partition_point(|edit| edit.start <= at);
        before > 0 && at < self.edits[before - 1].end
    }

    /// Where it stands, as far as rules ask.
    fn at(&self, at: usize) -> At<'_> {
        let before = self.particular.partition_point(|value| value.place.start <= at);
        let around = self.particular[..before].iter().rev().take(MOST_NESTED);
        around.filter(|value| value.place.contains(&at)).map(|value| value.at()).next().unwrap_or_default()
    }
}

/// Values that are looked back through for one that stands around a text.
const MOST_NESTED: usize = 64;

/// Where two edits share a part of a text, the first one takes all of it.
fn join(edits: &mut Vec<Edit>, from: usize) {
    let mut joined: Vec<Edit> = Vec::with_capacity(edits.len() - from);
    for edit in edits.drain(from..) {
        match joined.last_mut() {
            Some(last) if edit.start < last.end => last.end = last.end.max(edit.end),
            _ => joined.push(edit),
        }
    }
    edits.extend(joined);
}

fn edit(base: usize, finding: &Finding) -> Edit {
    Edit { start: base + finding.start, end: base + finding.end, replacement: mark(finding).into() }
}

fn mark(finding: &Finding) -> String {
    let mut mark = String::new();
    finding.write_mark(&mut mark);
    mark
}

fn withheld_mark() -> String {
    let mut mark = String::new();
    write_mark(WITHHELD, None, &mut mark);
    mark
}

/// These edits up to there, and from there on nothing that is a text: of records their ids and times are left, and a mark
/// that says that the rest was withheld.
fn withheld(export: &Export, from: usize, mut edits: Vec<Edit>) -> Vec<Edit> {
    let mark = withheld_mark();
    edits.retain(|edit| edit.start < from);
    let mut after = from;
    let mut texts = export.places().map(|place| place.range()).peekable();
    for part in export.parts().filter(|part| part.place().end > from) {
        let place = part.place();
        let between = std::iter::from_fn(|| texts.next_if(|text| text.start < place.start));
        edits.extend(between.filter(|text| text.start >= after).map(|text| gone(text, &mark)));
        edits.extend(without_texts(&part, &mark));
        while texts.next_if(|text| text.start < place.end).is_some() {}
        after = after.max(place.end);
    }
    edits.extend(texts.filter(|text| text.start >= after).map(|text| gone(text, &mark)));
    edits
}

fn gone(text: Range<usize>, mark: &str) -> Edit {
    Edit { start: text.start, end: text.end, replacement: mark.to_owned().into() }
}

/// The mark stands in the place of the first text that can be one: the name, or an attribute.
fn without_texts(part: &Part<'_>, mark: &str) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut is_told = false;
    for (place, takes_text) in part.fields_of_text() {
        let tells = takes_text && !is_told;
        is_told |= tells;
        match edits.last_mut() {
            Some(last) if !tells && last.replacement.is_empty() && last.end == place.start => {
                last.end = place.end
            }
            _ => {
                let replacement = if tells { mark.to_owned().into() } else { "".into() };
                edits.push(Edit { start: place.start, end: place.end, replacement });
            }
        }
    }
    edits
}
