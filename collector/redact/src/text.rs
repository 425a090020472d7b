//! Another view of a text, with the way back to the bytes it came from.
//!
//! Detectors look at a *folded* view: escapes, percent signs and entities decoded, invisible characters gone, exotic
//! spaces, hyphens and digits made plain. What they find there is mapped back, always to whole escapes, so that an
//! edit of the source never cuts one in two.

use std::borrow::Cow;
use std::ops::Range;

mod fold;
pub(crate) use fold::{fold, fold_in_json, is_plain};

/// A stretch of the view that is not a plain copy of its source. There may be millions.
#[derive(Debug, Clone, Copy)]
struct Unit {
    view: Span,
    source: Span,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

/// Units of one view: 32 MB of them. A text of ten megabytes, JSON within JSON, has less.
const MOST_UNITS: usize = 2 << 20;

/// A text derived from `source`, and the units in which the two differ, in order.
#[derive(Debug)]
pub(crate) struct View<'a> {
    source: &'a str,
    text: Cow<'a, str>,
    units: Vec<Unit>,
    taken: usize,
    is_too_dense: bool,
    is_layered: bool,
}

impl<'a> View<'a> {
    /// The source itself.
    pub(crate) fn of(source: &'a str) -> View<'a> {
        View {
            source,
            text: Cow::Borrowed(source),
            units: Vec::new(),
            taken: source.len(),
            is_too_dense: false,
            is_layered: false,
        }
    }

    /// An empty view, to be filled from left to right.
    pub(crate) fn starting(source: &'a str) -> View<'a> {
        let text = Cow::Owned(String::with_capacity(source.len()));
        View { source, text, units: Vec::new(), taken: 0, is_too_dense: false, is_layered: false }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn source(&self) -> &'a str {
        self.source
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
        let view = Span::new(self.text.len(), with.len());
        let source = Span::new(self.taken, length);
        self.taken += length;
        match (view, source) {
            (Some(view), Some(source)) if self.units.len() < MOST_UNITS => {
                self.text.to_mut().push_str(with);
                self.units.push(Unit { view, source });
            }
            _ => self.is_too_dense = true,
        }
    }

    /// Says whether what was put there last may begin an escape of its own.
    pub(crate) fn layer(&mut self, may_escape: bool) {
        self.is_layered |= may_escape;
    }

    /// True where there were so many differences that not all of them are here: nobody may look into such a view and
    /// call its source clean.
    pub(crate) fn is_too_dense(&self) -> bool {
        self.is_too_dense
    }

    /// True where an escape became a sign that may begin another one, so that one has to fold again.
    pub(crate) fn is_layered(&self) -> bool {
        self.is_layered
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

    /// Where the byte of the source at `at` stands in the view, unless something else stands there for it.
    pub(crate) fn view_of(&self, at: usize) -> Option<usize> {
        let next = self.units.partition_point(|unit| unit.source.range().start <= at);
        match next.checked_sub(1).map(|last| self.units[last]) {
            None => Some(at),
            Some(unit) if at < unit.source.range().end => None,
            Some(unit) => Some(unit.view.range().end + (at - unit.source.range().end)),
        }
    }

    /// The source of the one byte of the view at `at`.
    fn locate(&self, at: usize) -> Range<usize> {
        let next = self.units.partition_point(|unit| unit.view.range().start <= at);
        match next.checked_sub(1).map(|last| self.units[last]) {
            None => at..at + 1,
            Some(unit) if at < unit.view.range().end => unit.source.range(),
            Some(unit) => {
                let start = unit.source.range().end + (at - unit.view.range().end);
                start..start + 1
            }
        }
    }
}

impl Span {
    fn new(start: usize, length: usize) -> Option<Self> {
        let end = start.checked_add(length)?;
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[cfg(test)]
mod tests;
