use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::edit::{Edit, Patch, apply};
use crate::index::{Index, Malformed, Rejected, TextAt, TextKind, index, mend, whole_number};
use crate::json_in;
use crate::schema::{ANY_VALUE, GROUP_SCOPES, GROUPS, Message, SCOPED_RECORDS, Signal};
use crate::value::fields;
use crate::wire::{Fields, RawField, RawValue, close, open, put_bytes};

/// An OTLP request behind the door: checked protobuf bytes, and an index of where their strings are.
pub struct Export {
    signal: Signal,
    bytes: Bytes,
    index: Index,
    rejected: Rejected,
    whole: bool,
}

/// The contexts of all records together take no more; each repeats the resource for its scope.
const MOST_CONTEXT: usize = 64 << 20;

/// A string of a request, which is not empty.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// Where it begins, in bytes of the request.
    pub start: usize,
    /// The string. Bytes that are no UTF-8 are shown as spaces, one for one, so that places stay places.
    pub text: Cow<'a, str>,
    /// The key of the attribute that it is a value of; of one longer than 256 bytes, its end.
    pub key: Option<&'a str>,
}

/// Where a string stands, which is not empty. There may be millions.
#[derive(Debug, Clone, Copy)]
pub struct Place(TextAt);

impl Place {
    /// Where it begins, in bytes of the request.
    pub fn start(&self) -> usize {
        self.0.range.start as usize
    }

    /// The bytes of it.
    pub fn range(&self) -> Range<usize> {
        self.0.range.start as usize..self.0.range.end as usize
    }

    /// Where the key stands of which it is a value, as far as [`Text::key`] tells it; empty where it is none.
    pub fn key(&self) -> Range<usize> {
        self.0.key_place()
    }

    /// Whether it is the key of an attribute, but of none within another one's value.
    pub fn is_key(&self) -> bool {
        self.0.kind == TextKind::Key
    }

    /// Whether it is the key of something within the value of an attribute.
    pub fn is_inner_key(&self) -> bool {
        self.0.kind == TextKind::InnerKey
    }

    /// Whether it is a field of bytes, which need not be UTF-8.
    pub fn is_bytes(&self) -> bool {
        !self.0.is_text()
    }
}

/// A whole number of 13 to 19 digits in a value, which might be the number of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Where its field begins, in bytes of the request, its tag included.
    pub start: usize,
    /// Where its field ends. An [`Edit`] of the whole field puts a string there.
    pub end: usize,
    /// The number; one that came with a point (`4e15`) counts like any other.
    pub value: i64,
}

impl Export {
    /// A request in protobuf. Bytes that are shared stay so.
    ///
    /// Bytes of a text that are not UTF-8 become question marks.
    pub fn from_protobuf(signal: Signal, bytes: impl Into<Bytes>) -> Result<Self, Malformed> {
        let mut bytes = bytes.into();
        let mut index = index(signal, &bytes)?;
        let rejected = Rejected { count: index.rejected, reason: index.reason };
        let gone = std::mem::take(&mut index.gone);
        let whole = gone.is_empty() && !index.illegible;
        if index.illegible {
            let mut mended = Vec::from(bytes);
            index.texts.iter().filter(|at| at.is_text()).for_each(|at| mend(at.range.of_mut(&mut mended)));
            bytes = mended.into();
        }
        let export = Self { signal, bytes, index, rejected, whole };
        let export = if gone.is_empty() { export } else { export.patched(&gone)? };
        if contexts(&export.bytes) > MOST_CONTEXT {
            return Err(Malformed::TooManyScopes);
        }
        Ok(export)
    }

    /// A request in OTLP/JSON, read leniently: nulls, names of enums, numbers as texts and the like are taken
    /// for what they mean.
    pub fn from_json(signal: Signal, json: &[u8]) -> Result<Self, Malformed> {
        let mut legible = Cow::Borrowed(json);
        let was_legible = std::str::from_utf8(json).is_ok();
        if !was_legible {
            mend(legible.to_mut());
        }
        let (bytes, refused) = json_in::to_protobuf(signal, &legible)?;
        let mut export = Self::from_protobuf(signal, bytes)?;
        export.rejected.count += refused.count;
        export.rejected.reason = refused.reason.or(export.rejected.reason);
        export.whole &= refused.count == 0 && was_legible;
        Ok(export)
    }

    /// A request of one record that was in one before, and what surrounded it there.
    pub fn from_record(signal: Signal, context: &[u8], record: &[u8]) -> Result<Self, Malformed> {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, GROUPS, &group_with(context, std::iter::once(record)));
        Self::from_protobuf(signal, bytes)
    }

    /// What was found good stays good, or nothing is done at all.
    fn patched<P: Patch>(mut self, patches: &[P]) -> Result<Self, Malformed> {
        // There may be millions of texts, and they are found again.
        self.index.texts = Vec::new();
        self.bytes = apply(self.signal.request(), &self.bytes, patches)?.into();
        let index = index(self.signal, &self.bytes)?;
        if !index.gone.is_empty() || index.records != self.index.records {
            return Err(Malformed::BrokenByEdit);
        }
        Ok(Self { index, ..self })
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

    /// True where nothing at all was refused or taken away: what is held is what came. Bytes that were an export
    /// before are whole, or this is not the program that wrote them.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Every string that is not empty: names, keys, values at any depth, events, links, status, resource, scope, bodies, and
    /// bytes as far as they can be read as text.
    pub fn texts(&self) -> impl Iterator<Item = Text<'_>> {
        self.places().map(|place| self.text(place))
    }

    /// Where each of them stands, in the order of the bytes.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.index.texts.iter().map(|at| Place(*at))
    }

    /// The string that stands there.
    pub fn text(&self, Place(at): Place) -> Text<'_> {
        let bytes = at.range.of(&self.bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(legible(bytes)),
        };
        debug_assert!(!at.is_text() || matches!(text, Cow::Borrowed(_)));
        Text { start: at.range.start as usize, text, key: at.key(&self.bytes) }
    }

    /// Every whole number so long that it might be the number of a card, in the order of the bytes.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.index.numbers.iter().filter_map(|at| {
            let (start, end) = (at.start as usize, at.end as usize);
            let raw = Fields::within(&self.bytes, start, end).next()?.ok()?;
            let value = whole_number(ANY_VALUE.field(raw.number)?.kind, raw.value)?;
            Some(Number { start, end, value })
        })
    }

    #[cfg(test)]
    pub(crate) fn index_texts(&self) -> Vec<bool> {
        self.index.texts.iter().map(TextAt::is_text).collect()
    }

    /// The request with these edits, which are sorted and do not overlap. An edit that would break a record is an
    /// error: nothing that was found good is lost in silence.
    pub fn with_edits(self, edits: &[Edit]) -> Result<Self, Malformed> {
        if edits.is_empty() {
            return Ok(self);
        }
        self.patched(edits)
    }

    /// The same for whoever edits it no more: without the memory of where its strings are. Edits within strings, which
    /// take and leave whole characters, cannot break anything, so that the request is not walked through again.
    pub fn finished(mut self, edits: &[Edit]) -> Result<Self, Malformed> {
        if !edits.is_empty() && !self.are_within_texts(edits) {
            self = self.patched(edits)?;
        } else if !edits.is_empty() {
            let whole = std::mem::take(&mut self.bytes);
            self.bytes = apply(self.signal.request(), &whole, edits)?.into();
        }
        self.index.texts = Vec::new();
        self.index.numbers = Vec::new();
        Ok(self)
    }

    fn are_within_texts(&self, edits: &[Edit]) -> bool {
        let texts = &self.index.texts;
        let is_boundary = |at: usize| self.bytes.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        edits.iter().all(|edit| {
            let next = texts.partition_point(|text| text.range.start as usize <= edit.start);
            let around = next.checked_sub(1).map(|last| texts[last]);
            around.is_some_and(|text| edit.end <= text.range.end as usize)
                && is_boundary(edit.start)
                && is_boundary(edit.end)
        })
    }

    /// The bytes, as protobuf.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, as protobuf.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into()
    }

    /// A part of its own bytes, such as a record, that keeps all of them.
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }

    /// Each record apart: its context (the request around it, without any record), and its own bytes.
    pub fn records(&self) -> Vec<(Arc<[u8]>, &[u8])> {
        self.each_record().collect()
    }

    /// The same one by one, for whoever has no room for all of them.
    pub fn each_record(&self) -> impl Iterator<Item = (Arc<[u8]>, &[u8])> {
        messages(&self.bytes, GROUPS).flat_map(|group| {
            let mut around = Vec::new();
            copy_but(group, GROUP_SCOPES, &mut around);
            let scopes = messages(group, GROUP_SCOPES).filter(|scoped| has_records(scoped));
            scopes.flat_map(move |scoped| {
                let context: Arc<[u8]> = context(&around, scoped).into();
                messages(scoped, SCOPED_RECORDS).map(move |record| (context.clone(), record))
            })
        })
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

/// Bytes as a text of the same length: what is ASCII stays, everything else is a space.
fn legible(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ' ' }).collect()
}

/// The payloads of the sub-messages with this number. The bytes were checked at the door, so that a torn
/// field cannot occur; were there one, the walk ends there.
pub(crate) fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    fields(message).filter_map(move |field| match field.value {
        RawValue::Bytes(payload) if field.number == number => Some(payload),
        _ => None,
    })
}

/// What surrounds a record: its resource and schema, and one scope with its schema.
fn context(around: &[u8], scoped: &[u8]) -> Vec<u8> {
    let mut context = around.to_vec();
    let scope = open(&mut context, GROUP_SCOPES);
    copy_but(scoped, SCOPED_RECORDS, &mut context);
    close(&mut context, scope);
    context
}

fn has_records(scoped: &[u8]) -> bool {
    messages(scoped, SCOPED_RECORDS).next().is_some()
}

/// How many bytes the contexts of all records take.
fn contexts(request: &[u8]) -> usize {
    let of_group = |group| {
        let around = length_but(group, GROUP_SCOPES);
        let scopes = messages(group, GROUP_SCOPES).filter(|scoped| has_records(scoped));
        scopes.map(|scoped| around + length_but(scoped, SCOPED_RECORDS)).fold(0, usize::saturating_add)
    };
    messages(request, GROUPS).map(of_group).fold(0, usize::saturating_add)
}

/// How many bytes the fields take that have another number.
fn length_but(message: &[u8], number: u32) -> usize {
    fields(message).filter(|field| field.number != number).map(|field| field.end - field.start).sum()
}

fn copy_but(message: &[u8], number: u32, out: &mut Vec<u8>) {
    for RawField { number: found, start, end, .. } in fields(message) {
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
