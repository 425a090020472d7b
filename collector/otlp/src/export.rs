use std::borrow::Cow;

use crate::edit::{Edit, apply};
use crate::index::{Index, Malformed, Rejected, index};
use crate::json_in;
use crate::schema::{GROUP_SCOPES, GROUPS, Message, SCOPED_RECORDS, Signal};
use crate::wire::{Fields, RawField, RawValue, put_bytes};

/// An OTLP request behind the door: checked protobuf bytes, and an index of where their strings are.
pub struct Export {
    signal: Signal,
    bytes: Vec<u8>,
    index: Index,
    rejected: Rejected,
}

/// A string of a request.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// Where it begins, in bytes of the request.
    pub start: usize,
    /// The string. Bytes that are no UTF-8 are shown as spaces, one for one, so that places stay places.
    pub text: Cow<'a, str>,
    /// The key of the attribute that it is a value of.
    pub key: Option<&'a str>,
}

impl Export {
    /// A request in protobuf.
    pub fn from_protobuf(signal: Signal, bytes: Vec<u8>) -> Result<Self, Malformed> {
        let found = index(signal, &bytes)?;
        let rejected = Rejected { count: found.rejected, reason: found.reason };
        if found.gone.is_empty() {
            return Ok(Self { signal, bytes, index: found, rejected });
        }
        let edits: Vec<_> =
            found.gone.iter().map(|gone| removal(gone.start as usize, gone.end as usize)).collect();
        Self::edited(signal, &bytes, &edits, rejected)
    }

    /// A request in OTLP/JSON, read leniently: nulls, names of enums, numbers as texts and the like are taken
    /// for what they mean.
    pub fn from_json(signal: Signal, json: &[u8]) -> Result<Self, Malformed> {
        let (bytes, refused) = json_in::to_protobuf(signal, json)?;
        let mut export = Self::from_protobuf(signal, bytes)?;
        export.rejected.count += refused.count;
        export.rejected.reason = refused.reason.or(export.rejected.reason);
        Ok(export)
    }

    fn edited(signal: Signal, bytes: &[u8], edits: &[Edit], rejected: Rejected) -> Result<Self, Malformed> {
        let bytes = apply(signal.request(), bytes, edits)?;
        let index = index(signal, &bytes)?;
        Ok(Self { signal, bytes, index, rejected })
    }

    /// What it carries.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// How many spans or log records it holds.
    pub fn records_count(&self) -> usize {
        self.index.records
    }

    /// What was refused at the door.
    pub fn rejected(&self) -> Rejected {
        self.rejected
    }

    /// Every string: names, keys, values at any depth, events, links, status, resource, scope, bodies, and
    /// bytes as far as they can be read as text.
    pub fn texts(&self) -> impl Iterator<Item = Text<'_>> {
        self.index.texts.iter().map(|at| {
            let bytes = at.range.of(&self.bytes);
            let key = at.key.and_then(|key| std::str::from_utf8(key.of(&self.bytes)).ok());
            let text = match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(legible(bytes)),
            };
            debug_assert!(!at.is_text || matches!(text, Cow::Borrowed(_)));
            Text { start: at.range.start as usize, text, key }
        })
    }

    #[cfg(test)]
    pub(crate) fn index_texts(&self) -> Vec<bool> {
        self.index.texts.iter().map(|at| at.is_text).collect()
    }

    /// The request with these edits, which are sorted, do not overlap, and stand within strings.
    pub fn with_edits(self, edits: &[Edit]) -> Result<Self, Malformed> {
        if edits.is_empty() {
            return Ok(self);
        }
        Self::edited(self.signal, &self.bytes, edits, self.rejected)
    }

    /// The bytes, as protobuf.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, as protobuf.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Each record apart: its context (the request around it, without any record), and its own bytes.
    pub fn records(&self) -> Vec<(std::sync::Arc<[u8]>, &[u8])> {
        let mut records = Vec::with_capacity(self.index.records);
        for group in messages(&self.bytes, GROUPS) {
            for scoped in messages(group, GROUP_SCOPES) {
                let context: std::sync::Arc<[u8]> = context(group, scoped).into();
                records.extend(messages(scoped, SCOPED_RECORDS).map(|record| (context.clone(), record)));
            }
        }
        records
    }
}

impl std::fmt::Debug for Export {
    /// Never the payload: an export may hold what was not redacted yet.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export")
            .field("signal", &self.signal)
            .field("bytes", &self.bytes.len())
            .field("records", &self.index.records)
            .finish_non_exhaustive()
    }
}

fn removal(start: usize, end: usize) -> Edit {
    Edit { start, end, replacement: String::new() }
}

/// Bytes as a text of the same length: what is ASCII stays, everything else is a space.
fn legible(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ' ' }).collect()
}

/// The payloads of the sub-messages with this number. The bytes were checked at the door, so that a torn
/// field cannot occur; were there one, the walk ends there.
pub(crate) fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::of(message).map_while(Result::ok).filter_map(move |field| match field.value {
        RawValue::Bytes(payload) if field.number == number => Some(payload),
        _ => None,
    })
}

/// The group of a record without any record: its resource and schema, and one scope with its schema.
fn context(group: &[u8], scoped: &[u8]) -> Vec<u8> {
    let mut context = Vec::new();
    copy_but(group, GROUP_SCOPES, &mut context);
    let mut scope = Vec::new();
    copy_but(scoped, SCOPED_RECORDS, &mut scope);
    put_bytes(&mut context, GROUP_SCOPES, &scope);
    context
}

fn copy_but(message: &[u8], number: u32, out: &mut Vec<u8>) {
    for RawField { number: found, start, end, .. } in Fields::of(message).map_while(Result::ok) {
        if found != number {
            out.extend_from_slice(&message[start..end]);
        }
    }
}

/// One group of a request again: the context with these records in it.
pub(crate) fn group_with<'a>(context: &[u8], records: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut group = Vec::new();
    copy_but(context, GROUP_SCOPES, &mut group);
    let mut scoped = messages(context, GROUP_SCOPES).next().unwrap_or_default().to_vec();
    for record in records {
        put_bytes(&mut scoped, SCOPED_RECORDS, record);
    }
    put_bytes(&mut group, GROUP_SCOPES, &scoped);
    group
}

/// What a JSON writer needs of a signal.
pub(crate) fn layout(signal: Signal) -> &'static Message {
    signal.group()
}
