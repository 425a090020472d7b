//! Another view of a text, with the way back to the bytes it came from.
//!
//! Detectors look at a *folded* view: escapes, percent signs and entities decoded, invisible characters gone, exotic
//! spaces, hyphens and digits made plain. What they find there is mapped back, always to whole escapes, so that an
//! edit of the source never cuts one in two.

use std::borrow::Cow;
use std::ops::Range;

mod fold;
pub(crate) use fold::{fold, fold_in_json};

/// A stretch of the view that is not a plain copy of its source.
#[derive(Debug, Clone, Copy)]
struct Unit {
    view: Span,
    source: Span,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

/// A text derived from `source`, and the units in which the two differ, in order.
#[derive(Debug)]
pub(crate) struct View<'a> {
    source: &'a str,
    text: Cow<'a, str>,
    units: Vec<Unit>,
    taken: usize,
}

impl<'a> View<'a> {
    /// The source itself.
    pub(crate) fn of(source: &'a str) -> View<'a> {
        View { source, text: Cow::Borrowed(source), units: Vec::new(), taken: source.len() }
    }

    /// An empty view, to be filled from left to right.
    pub(crate) fn starting(source: &'a str) -> View<'a> {
        View { source, text: Cow::Owned(String::with_capacity(source.len())), units: Vec::new(), taken: 0 }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text.into_owned()
    }

    /// Copies the source up to `end` as it is.
    pub(crate) fn copy_until(&mut self, end: usize) {
        let piece = &self.source[self.taken..end];
        self.text.to_mut().push_str(piece);
        self.taken = end;
    }

    /// Puts `with` in the place of the next `length` bytes of the source.
    pub(crate) fn replace(&mut self, length: usize, with: &str) {
        let view = Span { start: self.text.len(), end: self.text.len() + with.len() };
        let source = Span { start: self.taken, end: self.taken + length };
        self.text.to_mut().push_str(with);
        self.units.push(Unit { view, source });
        self.taken += length;
    }

    /// Copies the rest.
    pub(crate) fn finish(mut self) -> View<'a> {
        self.copy_until(self.source.len());
        self
    }

    /// The range of the source that a range of the view stands for, widened to whole characters and whole units:
    /// detectors count bytes, and every place they name comes through here.
    pub(crate) fn source_of(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(range.start);
        if range.is_empty() {
            let at = self.locate(start).start;
            return at..at;
        }
        let end = self.text.ceil_char_boundary(range.end);
        self.locate(start).start..self.locate(end - 1).end
    }

    /// The source of the one byte of the view at `at`.
    fn locate(&self, at: usize) -> Span {
        let next = self.units.partition_point(|unit| unit.view.start <= at);
        match next.checked_sub(1).map(|last| self.units[last]) {
            None => Span { start: at, end: at + 1 },
            Some(unit) if at < unit.view.end => unit.source,
            Some(unit) => {
                let start = unit.source.end + (at - unit.view.end);
                Span { start, end: start + 1 }
            }
        }
    }
}

#[cfg(test)]
mod tests;
