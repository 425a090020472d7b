//! Atoms, put together into pieces.

use std::ops::Range;

use treering_otlp::Signal;

use super::Name;
use super::atoms::atoms;

/// Bodies that are shorter stay whole: what a piece costs would be more than what it could save.
const WHOLE: usize = 2048;
/// A piece goes on for so long at least, unless what it lies in is over.
const LEAST: usize = 512;
/// One place of so many bytes ends a piece, on average.
const BYTES_AN_END: u64 = 1024;
/// A piece that is so long ends with its atom.
const MOST: usize = 8192;
/// What is shorter is written out where it stands.
const WORTH_A_NAME: usize = 256;
/// One name of so many ends a list of names, on average.
const NAMES_AN_END: u8 = 8;
/// A list that is so long ends.
pub(super) const MOST_NAMES: usize = 64;
/// Runs of names up to this stand in the recipe itself.
pub(super) const FEW_NAMES: usize = 8;

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes that are written out.
    Literal(Range<usize>),
    /// Bytes that have a name.
    Piece(Range<usize>),
}

/// The parts of a body, in order; they are all of it.
pub(super) fn parts(signal: Signal, body: &[u8]) -> Vec<Part> {
    if body.len() < WHOLE {
        return vec![Part::Literal(0..body.len())];
    }
    let mut parts = Parts { done: Vec::new(), start: 0 };
    let mut at = 0;
    for atom in atoms(signal, body) {
        let length = atom.end - parts.start;
        let is_end = length >= MOST || length >= LEAST && ends(&body[at..atom.end]);
        if atom.border || is_end {
            parts.end(atom.end);
        }
        at = atom.end;
    }
    parts.end(body.len());
    parts.done
}

struct Parts {
    done: Vec<Part>,
    start: usize,
}

impl Parts {
    fn end(&mut self, end: usize) {
        let start = std::mem::replace(&mut self.start, end);
        if end - start >= WORTH_A_NAME {
            return self.done.push(Part::Piece(start..end));
        }
        match self.done.last_mut() {
            Some(Part::Literal(before)) => before.end = end,
            _ => self.done.push(Part::Literal(start..end)),
        }
    }
}

/// True where an atom ends a piece. It looks at nothing else, so that what comes again is cut in the same way
/// whatever stands before; long atoms end one more often, so that many small ones come together.
fn ends(atom: &[u8]) -> bool {
    u64::from(crc32fast::hash(atom)) * BYTES_AN_END < (atom.len() as u64) << 32
}

/// True where a name ends a list of names.
pub(super) fn ends_list(name: &Name) -> bool {
    name[0].is_multiple_of(NAMES_AN_END)
}
