//! What a step says, as one flat buffer: written on the instrumented thread without an allocation once the buffer has
//! grown, read by `told` elsewhere. Names of fields are not copied; a field is its number in the callsite's metadata.

use std::collections::HashMap;
use std::fmt;

mod reader;
mod visitor;

use tracing::Metadata;
use treering_step::{SpanId, TraceId};

pub(crate) use reader::{EventItem, FieldItem, Item, Raw, Reader, Text};
pub(crate) use visitor::{Form, Visitor};

use crate::Value;
use crate::source::Tick;

/// The last events are the ones that tell how a step ended, so these are kept.
pub(crate) const EVENTS_KEPT: usize = 128;
/// From this size on a buffer is tidied of what was overwritten each time it has doubled.
const TIDIED_FROM: usize = 64 * 1024;
/// A buffer that grew beyond this is not used again.
const KEPT_CAPACITY: usize = 16 * 1024;
/// What a step may hold: with its JSON escaped it still fits into the 4 MiB that receivers of gRPC take unless told
/// otherwise.
const STEP_BYTES: usize = 2 * 1024 * 1024;

/// What an item is.
mod tag {
    pub(super) const FIELD: u8 = 1;
    pub(super) const LATE: u8 = 2;
    pub(super) const NAMED: u8 = 3;
    pub(super) const EVENT: u8 = 4;
    pub(super) const LINK: u8 = 5;
    pub(super) const INPUT: u8 = 6;
    pub(super) const OUTPUT: u8 = 7;
    pub(super) const REASONING: u8 = 8;
    pub(super) const SESSION: u8 = 9;
    pub(super) const USER: u8 = 10;
}

/// What a value is.
mod kind {
    pub(super) const FALSE: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    pub(super) const DEBUG: u8 = 5;
    pub(super) const FAILURE: u8 = 6;
    pub(super) const TEXTS: u8 = 7;
}

/// A text of its own that a step is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Input,
    Output,
    Reasoning,
    Session,
    User,
}

impl Own {
    fn tag(self) -> u8 {
        match self {
            Self::Input => tag::INPUT,
            Self::Output => tag::OUTPUT,
            Self::Reasoning => tag::REASONING,
            Self::Session => tag::SESSION,
            Self::User => tag::USER,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::Session => "session.id",
            Self::User => "user.id",
        }
    }
}

/// The buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    bytes: Vec<u8>,
    /// Those of the events, in their order.
    callsites: Vec<&'static Metadata<'static>>,
    left_out: LeftOut,
    tidied_at: usize,
}

/// What a step had no room for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LeftOut {
    pub(crate) events: u32,
    pub(crate) bytes: u64,
}

impl Written {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn callsites(&self) -> &[&'static Metadata<'static>] {
        &self.callsites
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Empty, for the next step; false where it grew so large that it is better let go.
    pub(crate) fn clear(&mut self) -> bool {
        self.bytes.clear();
        self.callsites.clear();
        self.left_out = LeftOut::default();
        self.tidied_at = 0;
        self.bytes.capacity() <= KEPT_CAPACITY && self.callsites.capacity() <= KEPT_CAPACITY / 8
    }

    /// Fields that another buffer was given: code of the user's writes there, and no lock is held meanwhile.
    pub(crate) fn append(&mut self, fields: &Self, of: &'static Metadata<'static>) {
        if self.has_room(fields.bytes.len(), of) {
            self.bytes.extend_from_slice(&fields.bytes);
        }
    }

    /// An event with the fields that another buffer was given.
    pub(crate) fn event(
        &mut self,
        own: bool,
        at: Tick,
        event: &'static Metadata<'static>,
        fields: &Self,
        of: &'static Metadata<'static>,
    ) {
        if self.callsites.len() >= 2 * EVENTS_KEPT {
            self.tidy(of);
        }
        if !self.has_room(fields.bytes.len(), of) {
            self.left_out.events = self.left_out.events.saturating_add(1);
            return;
        }
        let mut head = [0; 14];
        head[..2].copy_from_slice(&[tag::EVENT, u8::from(own)]);
        head[2..10].copy_from_slice(&at.to_le_bytes());
        head[10..].copy_from_slice(&length(fields.bytes.len()).to_le_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(&fields.bytes);
        self.callsites.push(event);
    }

    /// A field by its name, declared or not.
    pub(crate) fn named(&mut self, name: &str, value: &Value, limit: usize, of: &'static Metadata<'static>) {
        if self.has_room(name.len() + value.weight().min(limit), of) {
            self.bytes.push(tag::NAMED);
            self.text(name, usize::MAX);
            self.value(value, limit);
        }
    }

    /// Whether so much more may be written; what may not is counted.
    fn has_room(&mut self, more: usize, of: &'static Metadata<'static>) -> bool {
        let after = self.bytes.len() + more;
        if after > TIDIED_FROM.max(2 * self.tidied_at) && !self.bytes.is_empty() {
            self.tidy(of);
        }
        let fits = self.bytes.len() + more <= STEP_BYTES;
        self.left_out.bytes += if fits { 0 } else { more as u64 };
        fits
    }

    /// A text of its own.
    pub(crate) fn own(&mut self, own: Own, text: &str, limit: usize, of: &'static Metadata<'static>) {
        // For whom a step ran is said in any case.
        if matches!(own, Own::Session | Own::User) || self.has_room(text.len().min(limit), of) {
            self.bytes.push(own.tag());
            self.text(text, limit);
        }
    }

    pub(crate) fn link(&mut self, trace_id: TraceId, span_id: SpanId) {
        self.bytes.push(tag::LINK);
        self.bytes.extend_from_slice(trace_id.as_bytes());
        self.bytes.extend_from_slice(span_id.as_bytes());
    }

    fn value(&mut self, value: &Value, limit: usize) {
        match value {
            Value::Bool(value) => self.bytes.push(if *value { kind::TRUE } else { kind::FALSE }),
            Value::Int(value) => self.number(kind::INT, value.to_le_bytes()),
            Value::Float(value) => self.number(kind::FLOAT, value.to_le_bytes()),
            Value::Text(text) => {
                self.bytes.push(kind::TEXT);
                self.text(text, limit);
            }
            Value::Texts(texts) => {
                self.bytes.push(kind::TEXTS);
                self.length(texts.len());
                texts.iter().for_each(|text| self.text(text, limit));
            }
        }
    }

    fn number(&mut self, kind: u8, bytes: [u8; 8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&bytes);
    }

    /// What `write` writes, cut at a character after `limit` bytes, with the length that it had.
    fn streamed(&mut self, limit: usize, write: impl FnOnce(&mut Stream<'_>) -> fmt::Result) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        let mut stream = Stream { bytes: &mut self.bytes, left: limit, whole: 0 };
        // A `Debug` that fails has said what it could.
        let _ = write(&mut stream);
        let whole = stream.whole;
        let kept = self.bytes.len() - at - 8;
        self.bytes[at..at + 8].copy_from_slice(&lengths(kept, whole));
    }

    fn text(&mut self, text: &str, limit: usize) {
        let kept = cut(text, limit);
        if kept.len() > KEPT_CAPACITY {
            // Doubling would take up twice the bytes of a large prompt.
            self.bytes.reserve_exact(kept.len() + 256);
        }
        self.bytes.extend_from_slice(&lengths(kept.len(), text.len()));
        self.bytes.extend_from_slice(kept.as_bytes());
    }

    fn length(&mut self, count: usize) {
        self.bytes.extend_from_slice(&length(count).to_le_bytes());
    }

    /// Takes out what was overwritten, and all but the last events.
    fn tidy(&mut self, of: &'static Metadata<'static>) {
        let superfluous = self.callsites.len().saturating_sub(EVENTS_KEPT);
        let mut reader = Reader::new(&self.bytes, &self.callsites, of);
        let (mut items, mut last, mut events) = (Vec::new(), HashMap::new(), 0);
        loop {
            let from = reader.at();
            let Some(item) = reader.next() else { break };
            let mut stays = true;
            if let Item::Event(_) = &item {
                events += 1;
                stays = events > superfluous;
            }
            if let Item::Field(field) = &item {
                // The first one says whether the step began with it.
                let (first, before) = last.entry(field.name.clone()).or_insert((items.len(), items.len()));
                if first != before {
                    let (_, stays): &mut (_, bool) = &mut items[*before];
                    *stays = false;
                }
                *before = items.len();
            }
            items.push((from..reader.at(), stays));
        }
        let staying = items.into_iter().filter(|(_, stays)| *stays);
        self.bytes = staying.flat_map(|(range, _)| &self.bytes[range]).copied().collect();
        self.callsites.drain(..superfluous);
        self.left_out.events = self.left_out.events.saturating_add(length(superfluous));
        self.tidied_at = self.bytes.len();
    }
}

/// A text up to the last character that ends within `limit` bytes.
fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit { text } else { &text[..text.floor_char_boundary(limit)] }
}

/// Four bytes are enough: no text of a step is longer than what a request may hold.
fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many bytes of a text are there, and how many it had.
fn lengths(kept: usize, whole: usize) -> [u8; 8] {
    (u64::from(length(kept)) | u64::from(length(whole)) << 32).to_le_bytes()
}

/// Takes what `Debug` writes up to a limit, and counts the rest. It never refuses: there is code that panics then.
struct Stream<'a> {
    bytes: &'a mut Vec<u8>,
    left: usize,
    whole: usize,
}

impl fmt::Write for Stream<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.whole += text.len();
        let kept = cut(text, self.left);
        // Nothing follows what did not fit.
        self.left = if kept.len() == text.len() { self.left - kept.len() } else { 0 };
        self.bytes.extend_from_slice(kept.as_bytes());
        Ok(())
    }
}
