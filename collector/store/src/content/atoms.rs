//! The smallest parts that a body is made of: fields of protobuf, elements of JSON inside long strings, and, where
//! neither is small, what a rolling hash finds. Whatever the bytes are, the atoms are all of them.

use treering_otlp::Signal;

use super::{gear, json};

/// Values that are shorter stay whole.
const LONG: usize = 4096;
/// Values within values that are looked into; whoever nests deeper is cut as text.
const DEEPEST: usize = 32;

/// An atom goes from the end of the one before to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) end: usize,
    /// True where what follows begins anew: before it stands what changes with the length of a long value, or that
    /// value is over.
    pub(super) border: bool,
}

/// What a field may hold, as OTLP numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Span,
    Log,
    Event,
    Link,
    Attribute,
    Value,
    Array,
    Attributes,
    Text,
}

impl Kind {
    fn field(self, number: u64) -> Self {
        match (self, number) {
            (Self::Span, 9) | (Self::Event, 3) | (Self::Link, 4) | (Self::Log, 6) | (Self::Attributes, 1) => {
                Self::Attribute
            }
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Log, 5) | (Self::Attribute, 2) | (Self::Array, 1) => Self::Value,
            (Self::Value, 5) => Self::Array,
            (Self::Value, 6) => Self::Attributes,
            _ => Self::Text,
        }
    }
}

/// The atoms of a body.
pub(super) fn atoms(signal: Signal, body: &[u8]) -> Vec<Atom> {
    let kind = match signal {
        Signal::Traces => Kind::Span,
        Signal::Logs => Kind::Log,
    };
    let mut walk = Walk { body, atoms: Vec::new() };
    walk.message(0, body.len(), kind, 0);
    walk.atoms
}

struct Walk<'a> {
    body: &'a [u8],
    atoms: Vec<Atom>,
}

impl Walk<'_> {
    fn message(&mut self, start: usize, end: usize, kind: Kind, depth: usize) {
        let (mut at, mut is_head) = (start, true);
        while at < end {
            let Some(field) = Field::first(&self.body[at..end]) else { return self.text(at, end) };
            let (payload, after) = (at + field.payload, at + field.end);
            let inner = kind.field(field.number);
            // Ids, names and times are each record's own; attributes come again.
            if is_head && inner != Kind::Text {
                is_head = false;
                self.close(at);
            }
            if field.end < LONG {
                self.atoms.push(Atom { end: after, border: false });
            } else {
                self.atoms.push(Atom { end: payload, border: true });
                match inner {
                    Kind::Text => self.text(payload, after),
                    inner if depth < DEEPEST => self.message(payload, after, inner, depth + 1),
                    _ => self.text(payload, after),
                }
                self.close(after);
            }
            at = after;
        }
    }

    fn text(&mut self, start: usize, end: usize) {
        let text = &self.body[start..end];
        let mut at = 0;
        let mut atom = |(part, is_over): (usize, bool)| {
            let ends = gear::ends(&text[at..part]).map(|end| at + end);
            self.atoms.extend(ends.map(|end| Atom { end: start + end, border: is_over && end == part }));
            at = part;
        };
        match text.first() {
            Some(b'[' | b'{') => json::ends(text).for_each(atom),
            _ => atom((text.len(), false)),
        }
    }

    /// What follows this end begins anew.
    fn close(&mut self, end: usize) {
        match self.atoms.last_mut() {
            Some(last) if last.end == end => last.border = true,
            _ if end == 0 => {}
            _ => self.atoms.push(Atom { end, border: true }),
        }
    }
}

/// A field of protobuf at the beginning of some bytes.
struct Field {
    number: u64,
    /// Where its payload begins.
    payload: usize,
    end: usize,
}

impl Field {
    /// `None` where there is none, or it does not end within the bytes.
    fn first(bytes: &[u8]) -> Option<Self> {
        let (tag, payload) = varint(bytes)?;
        let (payload, length) = match tag & 7 {
            0 => (payload, varint(&bytes[payload..])?.1),
            1 => (payload, 8),
            2 => {
                let (length, width) = varint(&bytes[payload..])?;
                (payload + width, usize::try_from(length).ok()?)
            }
            5 => (payload, 4),
            _ => return None,
        };
        let end = payload.checked_add(length).filter(|end| *end <= bytes.len())?;
        Some(Self { number: tag >> 3, payload, end })
    }
}

/// A number of protobuf at the beginning of some bytes, and how many it takes.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the loop left less than 0x80")]
    out.push(value as u8);
}
