//! From candidates to findings: in order, without overlap, never inside of a mark.

use super::Candidate;
use std::ops::Range;

/// Sorts and joins what overlaps, under the name of the strongest rule.
pub(crate) fn merge(mut found: Vec<Candidate>) -> Vec<Candidate> {
    found.sort_unstable_by_key(|candidate| (candidate.place.start, candidate.rule));
    let mut merged: Vec<Candidate> = Vec::with_capacity(found.len());
    for candidate in found.into_iter().filter(|candidate| !candidate.place.is_empty()) {
        match merged.last_mut().filter(|last| candidate.place.start < last.place.end) {
            Some(last) => join(last, &candidate),
            None => merged.push(candidate),
        }
    }
    merged
}

fn join(last: &mut Candidate, next: &Candidate) {
    last.rule = last.rule.min(next.rule);
    last.place.end = last.place.end.max(next.place.end);
    last.bare_number = last.bare_number.or(next.bare_number);
}

/// What of each candidate lies outside of the marks.
pub(crate) fn spare(marks: &[Range<usize>], found: &mut Vec<Candidate>, from: usize) {
    if marks.is_empty() {
        return;
    }
    let pieces: Vec<Candidate> =
        found.drain(from..).flat_map(|candidate| outside(marks, &candidate)).collect();
    found.extend(pieces);
}

fn outside(marks: &[Range<usize>], candidate: &Candidate) -> Vec<Candidate> {
    let mut pieces = Vec::new();
    let mut start = candidate.place.start;
    let first = marks.partition_point(|mark| mark.end <= start);
    for mark in marks[first..].iter().take_while(|mark| mark.start < candidate.place.end) {
        if start < mark.start {
            pieces.push(Candidate { place: start..mark.start, ..candidate.clone() });
        }
        start = mark.end;
    }
    if start < candidate.place.end {
        pieces.push(Candidate { place: start..candidate.place.end, ..candidate.clone() });
    }
    pieces
}
