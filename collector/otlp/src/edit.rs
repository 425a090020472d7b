//! Edits of ranges: the bytes around them are copied, the lengths of the messages around them written anew.

use crate::schema::{Kind, Message};
use crate::wire::{Fields, RawField, RawValue, Torn, put_bytes};

/// A part of a string, and what stands there instead. An edit that covers a whole field, its tag included,
/// with nothing takes the field away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where the part begins, in bytes of the request.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What stands there instead.
    pub replacement: String,
}

/// The message with these edits, which are sorted and do not overlap.
pub(crate) fn apply(message: &'static Message, bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, Torn> {
    let mut out = Vec::with_capacity(bytes.len());
    rewrite(message, bytes, (0, bytes.len()), edits, &mut out)?;
    Ok(out)
}

fn rewrite(
    message: &'static Message,
    bytes: &[u8],
    (start, end): (usize, usize),
    mut edits: &[Edit],
    out: &mut Vec<u8>,
) -> Result<(), Torn> {
    // What needs no edit is copied in as long runs as possible.
    let mut copied = start;
    for field in Fields::within(bytes, start, end) {
        let raw = field?;
        let inside = edits.partition_point(|edit| edit.start < raw.end);
        if inside == 0 {
            continue;
        }
        let (here, later) = edits.split_at(inside);
        edits = later;
        out.extend_from_slice(&bytes[copied..raw.start]);
        copied = raw.end;
        let whole = here.iter().any(|edit| edit.start <= raw.start && edit.end >= raw.end);
        if !whole {
            rewrite_field(message, bytes, &raw, here, out)?;
        }
    }
    out.extend_from_slice(&bytes[copied..end]);
    Ok(())
}

fn rewrite_field(
    message: &'static Message,
    bytes: &[u8],
    raw: &RawField<'_>,
    edits: &[Edit],
    out: &mut Vec<u8>,
) -> Result<(), Torn> {
    let mut payload = Vec::with_capacity(raw.end - raw.payload);
    match (message.field(raw.number).map(|field| field.kind), raw.value) {
        (Some(Kind::Message(inner)), RawValue::Bytes(_)) => {
            rewrite(inner, bytes, (raw.payload, raw.end), edits, &mut payload)?;
        }
        _ => replace(bytes, (raw.payload, raw.end), edits, &mut payload),
    }
    put_bytes(out, raw.number, &payload);
    Ok(())
}

fn replace(bytes: &[u8], (start, end): (usize, usize), edits: &[Edit], out: &mut Vec<u8>) {
    let mut copied = start;
    for edit in edits {
        out.extend_from_slice(&bytes[copied..edit.start.max(copied)]);
        out.extend_from_slice(edit.replacement.as_bytes());
        copied = edit.end.clamp(copied, end);
    }
    out.extend_from_slice(&bytes[copied..end]);
}
