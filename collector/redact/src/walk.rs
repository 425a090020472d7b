//! The way through a text: JSON leaf by leaf, strings that are JSON again, Base64 that is text, and at the end of each
//! the folded view in which the rules look.

use crate::Rules;
use crate::detect::is_bare_card;
use crate::json::{self, Leaf};
use crate::scan::{Candidate, merge};
use crate::text::{View, fold, fold_in_json};
use std::ops::Range;

mod encoded;

/// JSON in strings in JSON, and Base64 in either, is followed so many times.
const ROUNDS: u8 = 3;

/// Scans a text as what it is: JSON leaf by leaf, anything else as a whole; where it is the value of a key, for
/// what the key says as well. What `keeps` says stays. Sorted and without overlap.
pub(crate) fn pass(
    rules: &Rules,
    text: &str,
    key: Option<&str>,
    keeps: &dyn Fn(&Candidate) -> bool,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    walk(rules, text, 0, &mut out);
    if let Some(key) = key {
        labelled(rules, &fold(key), &fold(text), 0, &mut out);
    }
    // What stays goes before anything is joined with it.
    out.retain(|found| !keeps(found));
    merge(out)
}

fn walk(rules: &Rules, text: &str, depth: u8, out: &mut Vec<Candidate>) {
    if !json::looks_like(text) || !json::is_json(text) {
        return folded(rules, &fold(text), 0, depth, out);
    }
    let every = json::leaves(text, |leaf| match leaf {
        Leaf::Key(place) => folded(rules, &fold_in_json(&text[place.clone()]), place.start, depth, out),
        Leaf::Number(place) => number(rules, text, place, depth, out),
        Leaf::Text(place, key) => {
            string(rules, &text[place.clone()], place.start, depth, out);
            if let Some(key) = key {
                let value = fold_in_json(&text[place.clone()]);
                labelled(rules, &fold_in_json(&text[key]), &value, place.start, out);
            }
        }
    });
    debug_assert!(every.is_some(), "it was JSON a moment ago");
}

/// A JSON string: JSON again, or text.
fn string(rules: &Rules, raw: &str, offset: usize, depth: u8, out: &mut Vec<Candidate>) {
    if depth < ROUNDS && (json::looks_like(raw) || raw.trim_ascii_start().starts_with('\\')) {
        let view = json::decode(raw);
        if view.is_too_dense() {
            return out.push(whole(rules, &view, offset));
        }
        if json::looks_like(view.text()) && json::is_json(view.text()) {
            let mut inner = Vec::new();
            walk(rules, view.text(), depth + 1, &mut inner);
            return out
                .extend(inner.into_iter().map(|found| moved(&found, |place| view.source_of(place), offset)));
        }
    }
    folded(rules, &fold_in_json(raw), offset, depth, out);
}

/// A text as a reader would see it.
fn folded(rules: &Rules, view: &View<'_>, offset: usize, depth: u8, out: &mut Vec<Candidate>) {
    if view.is_too_dense() {
        return out.push(whole(rules, view, offset));
    }
    let mut found = Vec::new();
    rules.plain(view.text(), &mut found);
    if depth < ROUNDS {
        decoded(rules, view.text(), depth, &mut found);
    }
    out.extend(found.iter().map(|found| moved(found, |place| view.source_of(place), offset)));
}

/// What stands in the text as Base64.
fn decoded(rules: &Rules, text: &str, depth: u8, out: &mut Vec<Candidate>) {
    for encoded in encoded::texts(text) {
        let mut inner = Vec::new();
        walk(rules, &encoded.text, depth + 1, &mut inner);
        out.extend(inner.iter().map(|found| encoded.encoded(found)));
    }
}

fn labelled(rules: &Rules, key: &View<'_>, value: &View<'_>, offset: usize, out: &mut Vec<Candidate>) {
    if value.is_too_dense() {
        return out.push(whole(rules, value, offset));
    }
    let found = rules.value_of_key(key.text(), value.text());
    out.extend(found.map(|found| moved(&found, |place| value.source_of(place), offset)));
}

/// What nobody could look through does not stay.
fn whole(rules: &Rules, view: &View<'_>, offset: usize) -> Candidate {
    Candidate { place: offset..offset + view.source().len(), rule: rules.unreadable(), bare_number: None }
}

fn number(rules: &Rules, text: &str, place: Range<usize>, depth: u8, out: &mut Vec<Candidate>) {
    let is_card = is_bare_card(text[place.clone()].as_bytes());
    if let Some(rule) = rules.bare_card().filter(|_| is_card) {
        out.push(Candidate { place, rule, bare_number: Some(depth) });
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
