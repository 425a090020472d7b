//! One walk over the bytes of a request: checks them, finds its strings and records, and notes what goes.

use treering_step::{SpanId, TraceId};

use crate::schema::{Field, KEY_VALUE_KEY, Kind, Message, Role, Signal};
use crate::wire::{Fields, RawField, RawValue, Torn};

/// Messages nested deeper than this are refused. Counted as levels of JSON, where a list is one as well: what is taken
/// is given away as JSON, and parsers of that stop at 128. A value may hold 36 lists or 27 maps within each other; the
/// published decoders of protobuf take as much.
pub(crate) const MAX_DEPTH: u32 = 118;

/// A request that cannot be read as OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the body is not an OTLP request in protobuf: it is cut off or damaged")]
    Torn,
    #[error("the body is not an OTLP request in JSON: {0}")]
    Json(&'static str),
    #[error("`{0}` has another type than OTLP gives it")]
    WrongType(&'static str),
    #[error("values are nested too deep: send at most 25 lists or maps within each other")]
    TooDeep,
    #[error("a trace id has 16 bytes and is not all zeros")]
    InvalidTraceId,
    #[error("a span id has 8 bytes and is not all zeros")]
    InvalidSpanId,
    #[error("a request has at most 4 GiB")]
    TooLong,
    #[error("resources repeated for each of their scopes take over 64 MiB: send fewer scopes in a request")]
    TooManyScopes,
    #[error("a request has at most two million strings and long numbers: send smaller batches")]
    TooManyValues,
    #[error("a request has at most 100,000 spans or log records: send smaller batches")]
    TooManyRecords,
    #[error("an edit does not fit the request: it would break a record or take it away")]
    BrokenByEdit,
}

impl Malformed {
    /// True where smaller batches are what helps.
    pub fn is_too_large(self) -> bool {
        matches!(self, Self::TooLong | Self::TooManyScopes | Self::TooManyValues | Self::TooManyRecords)
    }
}

impl From<Torn> for Malformed {
    fn from(_: Torn) -> Self {
        Self::Torn
    }
}

/// Places that are remembered of one request: 32 MB of them. In batches of real spans a place stands for some thirty
/// bytes and more, so that the limit on bytes comes first.
const MOST_PLACES: usize = 2_000_000;
/// Each of them becomes a row.
const MOST_RECORDS: usize = 100_000;

/// Records that were refused, one by one, while their neighbours went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejected {
    /// How many.
    pub count: usize,
    /// Why the first of them was refused.
    pub reason: Option<Malformed>,
}

/// A part of the request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Range {
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    pub(crate) fn of_mut<'a>(&self, bytes: &'a mut [u8]) -> &'a mut [u8] {
        &mut bytes[self.start as usize..self.end as usize]
    }
}

/// A string of the request, and the end of the attribute key that it is a value of. There may be millions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextAt {
    pub(crate) range: Range,
    key_end: u32,
    /// 0 for a string that is no value.
    key_length: u16,
    pub(crate) kind: TextKind,
}

/// What a string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// A field of bytes, which need not be UTF-8.
    Bytes,
    Text,
    /// The key of an attribute.
    Key,
    /// The key of what stands within the value of another one.
    InnerKey,
}

/// A key travels with each of its values. Of a longer one this much goes, or a key of megabytes would be looked at
/// for each of a million values.
const LONGEST_KEY: u16 = 256;

impl TextAt {
    fn new(range: Range, key: Option<Range>, kind: TextKind) -> Self {
        let key = key.unwrap_or_default();
        let key_length = u16::try_from(key.end - key.start).unwrap_or(LONGEST_KEY).min(LONGEST_KEY);
        Self { range, key_end: key.end, key_length, kind }
    }

    pub(crate) fn key_place(&self) -> std::ops::Range<usize> {
        let end = self.key_end as usize;
        end - usize::from(self.key_length)..end
    }

    pub(crate) fn is_text(&self) -> bool {
        self.kind != TextKind::Bytes
    }

    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let key = &bytes[self.key_place()];
        // A key that was shortened may begin within a character.
        let cut = key.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
        std::str::from_utf8(&key[cut..]).ok().filter(|key| !key.is_empty())
    }
}

/// Where things are in the bytes of a request.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Every string that is not empty.
    pub(crate) texts: Vec<TextAt>,
    /// Fields of whole numbers so long that they may be the number of a card.
    pub(crate) numbers: Vec<Range>,
    pub(crate) records: usize,
    /// Fields that must not go further: unknown ones and odd ids, whose strings nobody could redact, and bad
    /// records. What stands side by side is one range, even where it begins in one message and ends in another.
    pub(crate) gone: Vec<Range>,
    /// True where a text is not UTF-8.
    pub(crate) illegible: bool,
    pub(crate) rejected: usize,
    pub(crate) reason: Option<Malformed>,
}

impl Index {
    fn bounded(&self) -> Result<(), Malformed> {
        if self.texts.len() + self.numbers.len() + self.gone.len() > MOST_PLACES {
            return Err(Malformed::TooManyValues);
        }
        if self.records > MOST_RECORDS { Err(Malformed::TooManyRecords) } else { Ok(()) }
    }

    fn take_away(&mut self, field: &RawField<'_>) {
        let range = span(field.start, field.end);
        match self.gone.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.gone.push(range),
        }
    }
}

pub(crate) fn index(signal: Signal, bytes: &[u8]) -> Result<Index, Malformed> {
    u32::try_from(bytes.len()).map_err(|_| Malformed::TooLong)?;
    let mut walk = Walk { bytes, signal, index: Index::default() };
    walk.message(signal.request(), span(0, bytes.len()), None, 0)?;
    walk.index.bounded()?;
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
        let around = key;
        let key = if message.role == Role::KeyValue { self.key_of(at)? } else { key };
        for field in Fields::within(self.bytes, at.start as usize, at.end as usize) {
            let raw = field?;
            self.index.bounded()?;
            match message.field(raw.number) {
                // A key is a string of its own, not a value of itself.
                Some(field) if message.role == Role::KeyValue && raw.number == KEY_VALUE_KEY => {
                    let kind = if around.is_some() { TextKind::InnerKey } else { TextKind::Key };
                    self.own_text(field, &raw, kind)?;
                }
                Some(field) => self.field(field, &raw, key, depth)?,
                None => self.index.take_away(&raw),
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
                self.record(message, raw, depth + 2);
            }
            (Kind::Message(message), RawValue::Bytes(_)) => {
                self.message(message, payload, key, depth + 1 + u32::from(field.repeated))?;
            }
            (Kind::Text, RawValue::Bytes(text)) => {
                self.index.illegible |= std::str::from_utf8(text).is_err();
                self.text(payload, key, TextKind::Text);
            }
            (Kind::Bytes, RawValue::Bytes(_)) => self.text(payload, key, TextKind::Bytes),
            // An odd id says no more than none at all, and is a place for a string that nobody redacts.
            (Kind::Id(length), RawValue::Bytes(id)) if id.len() != length && !id.is_empty() => {
                self.index.take_away(raw);
            }
            (Kind::Int64 | Kind::Double, value) if whole_number(field.kind, value).is_some_and(is_long) => {
                self.index.numbers.push(span(raw.start, raw.end));
            }
            (Kind::Id(_), RawValue::Bytes(_))
            | (Kind::Bool | Kind::Int64 | Kind::Uint32 | Kind::Enum(_), RawValue::Varint(_))
            | (Kind::Fixed64 | Kind::Double, RawValue::Fixed64(_))
            | (Kind::Fixed32, RawValue::Fixed32(_)) => {}
            _ => return Err(Malformed::WrongType(field.json)),
        }
        Ok(())
    }

    fn own_text(&mut self, field: &Field, raw: &RawField<'_>, kind: TextKind) -> Result<(), Malformed> {
        let RawValue::Bytes(text) = raw.value else { return Err(Malformed::WrongType(field.json)) };
        self.index.illegible |= std::str::from_utf8(text).is_err();
        self.text(span(raw.payload, raw.end), None, kind);
        Ok(())
    }

    fn text(&mut self, at: Range, key: Option<Range>, kind: TextKind) {
        if at.start < at.end {
            self.index.texts.push(TextAt::new(at, key, kind));
        }
    }

    /// A bad record goes alone: its strings are forgotten, its neighbours stay.
    fn record(&mut self, message: &'static Message, raw: &RawField<'_>, depth: u32) {
        let (texts, numbers) = (self.index.texts.len(), self.index.numbers.len());
        let gone = self.index.gone.len();
        let payload = span(raw.payload, raw.end);
        let read = self.message(message, payload, None, depth).and_then(|()| self.ids(payload));
        match read {
            Ok(()) => self.index.records += 1,
            // What is too much stays too much: the walk ends at the next field.
            Err(reason) if reason.is_too_large() => {}
            Err(reason) => {
                self.index.texts.truncate(texts);
                self.index.numbers.truncate(numbers);
                self.index.gone.truncate(gone);
                self.index.take_away(raw);
                self.index.rejected += 1;
                self.index.reason.get_or_insert(reason);
            }
        }
    }

    /// A span has a trace id and a span id, and if they stand there twice, then each of them is one. A log
    /// record may lack either.
    fn ids(&self, at: Range) -> Result<(), Malformed> {
        if self.signal == Signal::Logs {
            return Ok(());
        }
        let (mut trace, mut id) = (None, None);
        for field in Fields::within(self.bytes, at.start as usize, at.end as usize) {
            match field? {
                RawField { number: 1, value: RawValue::Bytes(bytes), .. } => {
                    trace = Some(TraceId::from_bytes(bytes).ok_or(Malformed::InvalidTraceId)?);
                }
                RawField { number: 2, value: RawValue::Bytes(bytes), .. } => {
                    id = Some(SpanId::from_bytes(bytes).ok_or(Malformed::InvalidSpanId)?);
                }
                _ => {}
            }
        }
        trace.ok_or(Malformed::InvalidTraceId).and(id.ok_or(Malformed::InvalidSpanId)).map(|_| ())
    }
}

/// Puts a question mark in the place of each byte that is not UTF-8. Other receivers refuse such a text; it is
/// mostly one that was cut within a character, or written in another encoding, and says nearly all that it said.
/// Byte for byte, so that places stay places.
pub(crate) fn mend(mut text: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(text) {
        let bad = error.valid_up_to();
        let end = error.error_len().map_or(text.len(), |length| bad + length);
        text[bad..end].fill(b'?');
        text = &mut text[end..];
    }
}

/// The number of a field of `intValue` or `doubleValue`, where it is a whole one.
#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "protobuf writes an int64 as the varint of its two's complement; a cast of a double saturates"
)]
pub(crate) fn whole_number(kind: Kind, value: RawValue<'_>) -> Option<i64> {
    match (kind, value) {
        (Kind::Int64, RawValue::Varint(number)) => Some(number as i64),
        (Kind::Double, RawValue::Fixed64(bits)) => {
            Some(f64::from_bits(bits)).filter(|number| number.fract() == 0.0).map(|number| number as i64)
        }
        _ => None,
    }
}

/// 13 to 19 digits.
fn is_long(number: i64) -> bool {
    number.unsigned_abs() >= 1_000_000_000_000
}
