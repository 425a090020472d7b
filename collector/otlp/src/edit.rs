//! Edits of ranges: the bytes around them are copied, the lengths of the messages around them written anew.

use std::borrow::Cow;

use crate::index::{Malformed, Range};
use crate::part::DROPPED;
use crate::schema::{ANY_VALUE_STRING, KEY_VALUE_KEY, KEY_VALUE_VALUE, Kind, Message, Role};
use crate::wire::{Fields, RawField, RawValue, close, open, put_bytes};

/// A part of a request, and what stands there instead: a part of a string, or the whole field of a number
/// ([`Export::numbers`](crate::Export::numbers)), of a value or of an attribute ([`Part`](crate::Part)), which becomes a
/// string, or an attribute that says so. A field that is covered whole, its tag included, with nothing goes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where the part begins, in bytes of the request.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What stands there instead.
    pub replacement: Cow<'static, str>,
}

/// An edit, or a range that goes away; of those there may be millions.
pub(crate) trait Patch {
    fn start(&self) -> usize;
    fn end(&self) -> usize;
    fn replacement(&self) -> &str;
}

impl Patch for Edit {
    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.end
    }

    fn replacement(&self) -> &str {
        &self.replacement
    }
}

impl Patch for Range {
    fn start(&self) -> usize {
        self.start as usize
    }

    fn end(&self) -> usize {
        self.end as usize
    }

    fn replacement(&self) -> &'static str {
        ""
    }
}

/// The message with these patches.
pub(crate) fn apply<P: Patch>(
    message: &'static Message,
    bytes: &[u8],
    patches: &[P],
) -> Result<Vec<u8>, Malformed> {
    let sorted = patches.is_sorted_by(|one, next| one.end() <= next.start());
    let inside = |patch: &P| patch.start() <= patch.end() && patch.end() <= bytes.len();
    if !sorted || !patches.iter().all(inside) {
        return Err(Malformed::BrokenByEdit);
    }
    let mut out = Vec::with_capacity(bytes.len());
    rewrite(message, bytes, (0, bytes.len()), patches, &mut out)?;
    Ok(out)
}

fn rewrite<P: Patch>(
    message: &'static Message,
    bytes: &[u8],
    (start, end): (usize, usize),
    mut patches: &[P],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    // What needs no edit is copied in as long runs as possible.
    let mut copied = start;
    for field in Fields::within(bytes, start, end) {
        let raw = field?;
        let Some(next) = patches.first() else { break };
        if next.start() >= raw.end {
            continue;
        }
        out.extend_from_slice(&bytes[copied..raw.start]);
        copied = raw.end;
        let inside = patches.partition_point(|patch| patch.start() < raw.end);
        rewrite_field(message, bytes, &raw, &patches[..inside], out)?;
        // One that reaches beyond this field goes on in the next.
        let done = if patches[inside - 1].end() > raw.end { inside - 1 } else { inside };
        patches = &patches[done..];
    }
    out.extend_from_slice(&bytes[copied..end]);
    Ok(())
}

/// `patches` begin before the field ends, and at least one does.
fn rewrite_field<P: Patch>(
    message: &'static Message,
    bytes: &[u8],
    raw: &RawField<'_>,
    patches: &[P],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let kind = message.field(raw.number).map(|field| field.kind);
    let whole = patches.first().filter(|patch| patch.start() <= raw.start && patch.end() >= raw.end);
    match (whole.map(Patch::replacement), kind, raw.value) {
        (Some(""), ..) => {}
        (Some(text), Some(Kind::Int64 | Kind::Double), _) => {
            put_bytes(out, ANY_VALUE_STRING, text.as_bytes())
        }
        (Some(text), Some(Kind::Text), _) => put_bytes(out, raw.number, text.as_bytes()),
        (Some(text), Some(Kind::Message(inner)), _) if inner.role == Role::Value => {
            put_text(out, raw.number, text);
        }
        (Some(text), Some(Kind::Message(inner)), _) if inner.role == Role::KeyValue => {
            let attribute = open(out, raw.number);
            put_bytes(out, KEY_VALUE_KEY, DROPPED.as_bytes());
            put_text(out, KEY_VALUE_VALUE, text);
            close(out, attribute);
        }
        (None, Some(Kind::Message(inner)), RawValue::Bytes(_)) => {
            let payload = open(out, raw.number);
            rewrite(inner, bytes, (raw.payload, raw.end), patches, out)?;
            close(out, payload);
        }
        (None, Some(Kind::Text | Kind::Bytes), RawValue::Bytes(_)) => {
            let payload = open(out, raw.number);
            replace(bytes, (raw.payload, raw.end), patches, out);
            close(out, payload);
        }
        _ => return Err(Malformed::BrokenByEdit),
    }
    Ok(())
}

/// A value that is a text, as the field of this number.
fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    let value = open(out, number);
    put_bytes(out, ANY_VALUE_STRING, text.as_bytes());
    close(out, value);
}

fn replace<P: Patch>(bytes: &[u8], (start, end): (usize, usize), patches: &[P], out: &mut Vec<u8>) {
    let mut copied = start;
    for patch in patches {
        out.extend_from_slice(&bytes[copied..patch.start().max(copied)]);
        out.extend_from_slice(patch.replacement().as_bytes());
        copied = patch.end().clamp(copied, end);
    }
    out.extend_from_slice(&bytes[copied..end]);
}
