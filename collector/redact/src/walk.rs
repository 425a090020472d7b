//! The way through a text: JSON leaf by leaf, strings that are JSON again, Base64 that is text, and at the end of each
//! the folded view in which the rules look.

use crate::Rules;
use crate::detect::is_bare_card;
use crate::json::{self, Leaf};
use crate::scan::{Candidate, Glance, Seen, Sight, merge};
use crate::text::{View, fold, fold_in_json};
use std::ops::Range;

mod encoded;
mod joined;
mod settled;

/// JSON in strings in JSON, and Base64 in either, is followed so many times.
const ROUNDS: u8 = 3;

/// What one look at a text has found.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Sorted and without overlap.
    pub(crate) found: Vec<Candidate>,
    /// Whether marks in these places are known to bare nothing more. Where it is not, one has to look again.
    pub(crate) is_settled: bool,
}

/// Scans a text as what it is: JSON leaf by leaf, anything else as a whole; where it is the value of a key, for
/// what the key says as well. What `keeps` says stays.
pub(crate) fn pass(
    rules: &Rules,
    text: &str,
    (key, seen): (Option<&str>, Option<Seen<'_>>),
    keeps: &dyn Fn(&Candidate) -> bool,
) -> Pass {
    look(Way { rules, glances: true, is_settled: true }, text, (key, seen), keeps)
}

/// The same without a glance before it: it finds the same.
#[cfg(test)]
pub(crate) fn thorough(rules: &Rules, text: &str) -> Vec<Candidate> {
    look(Way { rules, glances: false, is_settled: true }, text, (None, None), &|_| false).found
}

fn look(
    mut way: Way<'_>,
    text: &str,
    (key, seen): (Option<&str>, Option<Seen<'_>>),
    keeps: &dyn Fn(&Candidate) -> bool,
) -> Pass {
    let mut found = Vec::new();
    let glance = if seen.is_none() { way.glance(text) } else { None };
    let seen = seen.or(glance.as_ref().map(|glance| glance.from(0)));
    if !seen.is_some_and(|seen| seen.passes(&(0..text.len()))) {
        way.walk(text, seen, 0, &mut found);
    }
    if let Some(key) = key {
        way.labelled(&fold(key), || fold(text), 0, &mut found);
    }
    // What stays goes before anything is joined with it.
    let count = found.len();
    found.retain(|found| !keeps(found));
    Pass { is_settled: way.is_settled && found.len() == count, found: merge(found) }
}

/// Where a string begins, and what was seen of the text that it stands in.
type Stands<'a> = (usize, Option<Seen<'a>>);

struct Way<'a> {
    rules: &'a Rules,
    glances: bool,
    is_settled: bool,
}

impl Way<'_> {
    fn glance(&self, text: &str) -> Option<Glance> {
        let mut glance = Glance::default();
        (self.glances && self.rules.glance(text.as_bytes(), &mut glance)).then_some(glance)
    }

    fn walk(&mut self, text: &str, seen: Option<Seen<'_>>, depth: u8, out: &mut Vec<Candidate>) {
        if !json::looks_like(text) {
            return self.seen(&fold(text), (0, seen), depth, out);
        }
        let Some(fault) = json::fault(text) else { return self.json(text, seen, depth, out) };
        let before = out.len();
        self.folded(&fold(text), 0, depth, out);
        self.stays_faulty(fault, &out[before..]);
    }

    /// A mark in the place of what is not JSON may make it JSON, and a mark behind that does not.
    fn stays_faulty(&mut self, fault: usize, found: &[Candidate]) {
        self.is_settled &= found.iter().all(|found| found.place.start > fault);
    }

    /// What a glance passes is not looked at.
    fn json(&mut self, text: &str, seen: Option<Seen<'_>>, depth: u8, out: &mut Vec<Candidate>) {
        let passes = |place: &Range<usize>| seen.is_some_and(|seen| seen.passes(place));
        let every = json::leaves(text, |leaf| match leaf {
            Leaf::Key(place) if passes(&place) => {}
            Leaf::Key(place) => self.key(&text[place.clone()], (place.start, seen), depth, out),
            Leaf::Number(place) => self.number(text, place, depth, out),
            Leaf::Text(place, key) => {
                let raw = &text[place.clone()];
                if !passes(&place) {
                    self.string(raw, (place.start, seen), depth, out);
                }
                if let Some(key) = key.filter(|key| !passes(key)) {
                    self.labelled(&fold_in_json(&text[key]), || fold_in_json(raw), place.start, out);
                }
            }
        });
        debug_assert!(every.is_ok(), "it was JSON a moment ago");
    }

    fn key(&mut self, raw: &str, at: Stands<'_>, depth: u8, out: &mut Vec<Candidate>) {
        let before = out.len();
        self.seen(&fold_in_json(raw), at, depth, out);
        // Another key may be the label of the value.
        self.is_settled &= out.len() == before;
    }

    /// A JSON string: JSON again, or text.
    fn string(&mut self, raw: &str, (offset, seen): Stands<'_>, depth: u8, out: &mut Vec<Candidate>) {
        if depth == ROUNDS || !json::looks_like(raw) && !raw.trim_ascii_start().starts_with('\\') {
            return self.seen(&fold_in_json(raw), (offset, seen), depth, out);
        }
        let view = json::decode(raw);
        if view.is_too_dense() {
            return out.push(self.whole(&view, offset));
        }
        if !json::looks_like(view.text()) {
            return self.folded(&fold_in_json(raw), offset, depth, out);
        }
        let Some(fault) = json::fault(view.text()) else {
            let mut inner = Vec::new();
            let glance = self.glance(view.text());
            self.json(view.text(), glance.as_ref().map(|glance| glance.from(0)), depth + 1, &mut inner);
            return out
                .extend(inner.into_iter().map(|found| moved(&found, |place| view.source_of(place), offset)));
        };
        let before = out.len();
        self.folded(&fold_in_json(raw), offset, depth, out);
        self.stays_faulty(offset + view.source_of(&(fault..fault + 1)).start, &out[before..]);
    }

    /// A text as a reader would see it, of which the source begins at `offset` of what was seen.
    fn seen(&mut self, view: &View<'_>, (offset, seen): Stands<'_>, depth: u8, out: &mut Vec<Candidate>) {
        let place = offset..offset + view.source().len();
        let sights = seen.and_then(|seen| seen.sights(&place)).filter(|_| !view.is_too_dense());
        let Some(sights) = sights else { return self.folded(view, offset, depth, out) };
        // An escape stands for a sign that is in no word.
        let in_view = |sight: Sight| sight.moved(|at| view.view_of(at - offset));
        let sights = sights.filter_map(in_view);
        let mut found = Vec::new();
        self.rules.look_at(view.text(), sights, &mut found);
        if !found.is_empty() {
            self.is_settled = self.is_settled && settled::is_settled(self.rules, view.text(), &found);
        }
        out.extend(found.iter().map(|found| moved(found, |place| view.source_of(place), offset)));
    }

    /// The same where nothing is known of it.
    fn folded(&mut self, view: &View<'_>, offset: usize, depth: u8, out: &mut Vec<Candidate>) {
        if view.is_too_dense() {
            return out.push(self.whole(view, offset));
        }
        let mut found = Vec::new();
        if view.is_layered() && depth < ROUNDS {
            self.folded(&fold(view.text()), 0, depth + 1, &mut found);
            return out.extend(found.iter().map(|found| moved(found, |place| view.source_of(place), offset)));
        }
        self.rules.plain(view.text(), &mut found);
        joined::across(self.rules, view.text(), &mut found);
        if !found.is_empty() {
            self.is_settled = self.is_settled && settled::is_settled(self.rules, view.text(), &found);
        }
        if depth < ROUNDS {
            self.decoded(view.text(), depth, &mut found);
        }
        out.extend(found.iter().map(|found| moved(found, |place| view.source_of(place), offset)));
    }

    /// What stands in the text as Base64.
    fn decoded(&mut self, text: &str, depth: u8, out: &mut Vec<Candidate>) {
        for encoded in encoded::texts(text) {
            let mut inner = Vec::new();
            self.walk(&encoded.text, None, depth + 1, &mut inner);
            // A mark in the middle of it makes other texts of the rest.
            self.is_settled &= inner.is_empty();
            out.extend(inner.iter().map(|found| encoded.encoded(found)));
        }
    }

    /// What the key says of its value, which is folded only where the key says something.
    fn labelled<'a>(
        &mut self,
        key: &View<'_>,
        value: impl FnOnce() -> View<'a>,
        offset: usize,
        out: &mut Vec<Candidate>,
    ) {
        if !self.rules.is_label(key.text()) {
            return;
        }
        let value = value();
        if value.is_too_dense() {
            return out.push(self.whole(&value, offset));
        }
        if let Some(found) = self.rules.value_of_key(key.text(), value.text()) {
            self.is_settled &= found.place == (0..value.text().len());
            out.push(moved(&found, |place| value.source_of(place), offset));
        }
    }

    /// What nobody could look through does not stay.
    fn whole(&self, view: &View<'_>, offset: usize) -> Candidate {
        let rule = self.rules.unreadable();
        Candidate { place: offset..offset + view.source().len(), rule, bare_number: None }
    }

    fn number(&self, text: &str, place: Range<usize>, depth: u8, out: &mut Vec<Candidate>) {
        let is_card = is_bare_card(text[place.clone()].as_bytes());
        if let Some(rule) = self.rules.bare_card().filter(|_| is_card) {
            out.push(Candidate { place, rule, bare_number: Some(depth) });
        }
    }
}

fn moved(found: &Candidate, source_of: impl Fn(&Range<usize>) -> Range<usize>, offset: usize) -> Candidate {
    let place = source_of(&found.place);
    Candidate {
        place: place.start + offset..place.end + offset,
        rule: found.rule,
        bare_number: found.bare_number,
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::found;

    #[test]
    fn escapes_in_escapes_are_read() {
        for mail in [
            "ada%5Cu0040example.com",
            "ada&amp;#64;example.com",
            r"ada\u0026#64;example.com",
            "a%26%2364%3Bex.io",
        ] {
            found(&format!("to {mail} now"), "EMAIL", &[mail]);
        }
    }

    #[test]
    fn letters_of_two_bytes_are_read() {
        let mail: String = "ada@example.com".chars().flat_map(|char| [char, '\0']).collect();
        let written = mail.trim_end_matches('\0');
        found(&mail, "EMAIL", &[written]);
        found(
            &format!("[\"{}\"]", written.replace('\0', "\\u0000")),
            "EMAIL",
            &[&written.replace('\0', "\\u0000")],
        );
    }
}
