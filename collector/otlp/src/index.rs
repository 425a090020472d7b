//! One walk over the bytes of a request: checks them, finds its strings and records, and notes what goes.

use crate::schema::{Field, Kind, Message, Role, Signal};
use crate::wire::{Fields, RawField, RawValue, Torn};

/// Messages nested deeper than this are refused. Each level of a value nests three messages, so that a value
/// may hold thirty levels of lists; the published decoders stop at about the same depth.
const MAX_DEPTH: u32 = 100;

/// A request that cannot be read as OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the body is not an OTLP request in protobuf: it is cut off or damaged")]
    Torn,
    #[error("the body is not an OTLP request in JSON: {0}")]
    Json(&'static str),
    #[error("a field has another type than OTLP gives it")]
    WrongType,
    #[error("a text is not UTF-8")]
    NotUtf8,
    #[error("values are nested deeper than 100 messages")]
    TooDeep,
    #[error("a trace id has 16 bytes and is not all zeros")]
    InvalidTraceId,
    #[error("a span id has 8 bytes and is not all zeros")]
    InvalidSpanId,
    #[error("a request has at most 4 GiB")]
    TooLong,
}

impl From<Torn> for Malformed {
    fn from(_: Torn) -> Self {
        Self::Torn
    }
}

/// Records that were refused, one by one, while their neighbours went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejected {
    /// How many.
    pub count: usize,
    /// Why the first of them was refused.
    pub reason: Option<Malformed>,
}

/// A part of the request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Range {
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// A string of the request, and the attribute key that it is a value of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextAt {
    pub(crate) range: Range,
    pub(crate) key: Option<Range>,
    /// False for a field of bytes, which need not be UTF-8.
    pub(crate) is_text: bool,
}

/// Where things are in the bytes of a request.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) texts: Vec<TextAt>,
    pub(crate) records: usize,
    /// Fields that must not go further: unknown ones, whose strings nobody could redact, and bad records.
    pub(crate) gone: Vec<Range>,
    pub(crate) rejected: usize,
    pub(crate) reason: Option<Malformed>,
}

pub(crate) fn index(signal: Signal, bytes: &[u8]) -> Result<Index, Malformed> {
    u32::try_from(bytes.len()).map_err(|_| Malformed::TooLong)?;
    let mut walk = Walk { bytes, signal, index: Index::default() };
    walk.message(signal.request(), span(0, bytes.len()), None, 0)?;
    Ok(walk.index)
}

/// Every position fits, since `index` refuses requests that are longer than `u32::MAX`.
#[expect(clippy::cast_possible_truncation, reason = "the length was checked before the walk")]
fn span(start: usize, end: usize) -> Range {
    Range { start: start as u32, end: end as u32 }
}

struct Walk<'a> {
    bytes: &'a [u8],
    signal: Signal,
    index: Index,
}

impl Walk<'_> {
    fn message(
        &mut self,
        message: &'static Message,
        at: Range,
        key: Option<Range>,
        depth: u32,
    ) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::TooDeep);
        }
        let key = if message.role == Role::KeyValue { self.key_of(at)? } else { key };
        for field in Fields::within(self.bytes, at.start as usize, at.end as usize) {
            let raw = field?;
            match message.field(raw.number) {
                Some(field) => self.field(field, &raw, key, depth)?,
                None => self.index.gone.push(span(raw.start, raw.end)),
            }
        }
        Ok(())
    }

    /// The key of a key and value, wherever in the message it stands.
    fn key_of(&self, at: Range) -> Result<Option<Range>, Malformed> {
        let mut key = None;
        for field in Fields::within(self.bytes, at.start as usize, at.end as usize) {
            let raw = field?;
            if raw.number == 1 {
                key = Some(span(raw.payload, raw.end));
            }
        }
        Ok(key)
    }

    fn field(
        &mut self,
        field: &'static Field,
        raw: &RawField<'_>,
        key: Option<Range>,
        depth: u32,
    ) -> Result<(), Malformed> {
        let payload = span(raw.payload, raw.end);
        match (field.kind, raw.value) {
            (Kind::Message(message), RawValue::Bytes(_)) if message.role == Role::Record => {
                self.record(message, raw, depth);
            }
            (Kind::Message(message), RawValue::Bytes(_)) => self.message(message, payload, key, depth + 1)?,
            (Kind::Text, RawValue::Bytes(text)) => {
                std::str::from_utf8(text).map_err(|_| Malformed::NotUtf8)?;
                // A key is a string of its own, not a value of itself.
                let key = key.filter(|key| *key != payload);
                self.index.texts.push(TextAt { range: payload, key, is_text: true });
            }
            (Kind::Bytes, RawValue::Bytes(_)) => {
                self.index.texts.push(TextAt { range: payload, key, is_text: false });
            }
            (Kind::Id(_), RawValue::Bytes(_))
            | (Kind::Bool | Kind::Int64 | Kind::Uint32 | Kind::Enum(_), RawValue::Varint(_))
            | (Kind::Fixed64 | Kind::Double, RawValue::Fixed64(_))
            | (Kind::Fixed32, RawValue::Fixed32(_)) => {}
            _ => return Err(Malformed::WrongType),
        }
        Ok(())
    }

    /// A bad record goes alone: its strings are forgotten, its neighbours stay.
    fn record(&mut self, message: &'static Message, raw: &RawField<'_>, depth: u32) {
        let (texts, gone) = (self.index.texts.len(), self.index.gone.len());
        let payload = span(raw.payload, raw.end);
        let read = self.message(message, payload, None, depth + 1).and_then(|()| self.ids(payload));
        match read {
            Ok(()) => self.index.records += 1,
            Err(reason) => {
                self.index.texts.truncate(texts);
                self.index.gone.truncate(gone);
                self.index.gone.push(span(raw.start, raw.end));
                self.index.rejected += 1;
                self.index.reason.get_or_insert(reason);
            }
        }
    }

    /// A span has a trace id and a span id. A log record may lack either, and an odd one says no more than
    /// none at all.
    fn ids(&self, at: Range) -> Result<(), Malformed> {
        if self.signal == Signal::Logs {
            return Ok(());
        }
        let (mut trace, mut id) = (&[][..], &[][..]);
        for field in Fields::within(self.bytes, at.start as usize, at.end as usize) {
            match field? {
                RawField { number: 1, value: RawValue::Bytes(bytes), .. } => trace = bytes,
                RawField { number: 2, value: RawValue::Bytes(bytes), .. } => id = bytes,
                _ => {}
            }
        }
        treering_step::TraceId::from_bytes(trace).ok_or(Malformed::InvalidTraceId)?;
        treering_step::SpanId::from_bytes(id).ok_or(Malformed::InvalidSpanId)?;
        Ok(())
    }
}
