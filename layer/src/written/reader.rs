use std::borrow::Cow;

use tracing::Metadata;
use treering_step::{SpanId, TraceId};

use super::{Own, kind, tag};
use crate::source::Tick;

/// Reads the items of a buffer in the order in which they were written.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    callsites: std::slice::Iter<'a, &'static Metadata<'static>>,
    of: &'static Metadata<'static>,
}

#[derive(Debug)]
pub(crate) enum Item<'a> {
    Field(FieldItem<'a>),
    Event(EventItem<'a>),
    Link(TraceId, SpanId),
    Own(Own, Text<'a>),
}

/// A text, and the length that it had before it was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) whole: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct FieldItem<'a> {
    pub(crate) name: Cow<'static, str>,
    pub(crate) raw: Raw<'a>,
    /// Recorded after the step began: an argument of a function never is.
    pub(crate) late: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct EventItem<'a> {
    /// Of this very step, and not of a span within that is no step.
    pub(crate) own: bool,
    pub(crate) at: Tick,
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) fields: Fields<'a>,
}

/// A value as `tracing` handed it over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text<'a>),
    /// What `Debug` or `Display` wrote; `tracing` does not say which.
    Debug(Text<'a>),
    /// What went wrong, with the chain of its causes, one a line.
    Failure(Text<'a>, Text<'a>),
    Texts(Vec<Text<'a>>),
}

/// The fields of an event.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    of: &'static Metadata<'static>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        bytes: &'a [u8],
        callsites: &'a [&'static Metadata<'static>],
        of: &'static Metadata<'static>,
    ) -> Self {
        Self { bytes, at: 0, callsites: callsites.iter(), of }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn read<T>(&mut self, read: impl FnOnce(&mut Bytes<'a>) -> Option<T>) -> Option<T> {
        let mut bytes = Bytes(self.bytes.get(self.at..)?);
        let before = bytes.0.len();
        let value = read(&mut bytes)?;
        self.at += before - bytes.0.len();
        Some(value)
    }

    fn item(&mut self, tag: u8) -> Option<Item<'a>> {
        let of = self.of;
        let own = |own| move |bytes: &mut Bytes<'a>| Some(Item::Own(own, bytes.text()?));
        match tag {
            tag::FIELD => self.read(|bytes| bytes.field(of, false)).map(Item::Field),
            tag::LATE => self.read(|bytes| bytes.field(of, true)).map(Item::Field),
            tag::NAMED => self.read(Bytes::named).map(Item::Field),
            tag::EVENT => {
                let metadata = self.callsites.next()?;
                self.read(|bytes| bytes.event(metadata)).map(Item::Event)
            }
            tag::LINK => self.read(Bytes::link),
            tag::INPUT => self.read(own(Own::Input)),
            tag::OUTPUT => self.read(own(Own::Output)),
            tag::REASONING => self.read(own(Own::Reasoning)),
            tag::SESSION => self.read(own(Own::Session)),
            tag::USER => self.read(own(Own::User)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let tag = self.read(Bytes::byte)?;
        self.item(tag)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = FieldItem<'a>;

    fn next(&mut self) -> Option<FieldItem<'a>> {
        let mut bytes = Bytes(self.bytes);
        let field = bytes.field(self.of, false)?;
        self.bytes = bytes.0;
        Some(field)
    }
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let (kept, whole) = (self.length()?, self.length()?);
        Some(Text { text: Cow::Borrowed(std::str::from_utf8(self.take(kept)?).ok()?), whole })
    }

    fn raw(&mut self) -> Option<Raw<'a>> {
        Some(match self.byte()? {
            kind::FALSE => Raw::Bool(false),
            kind::TRUE => Raw::Bool(true),
            kind::INT => Raw::Int(i64::from_le_bytes(self.array()?)),
            kind::FLOAT => Raw::Float(f64::from_le_bytes(self.array()?)),
            kind::TEXT => Raw::Text(self.text()?),
            kind::DEBUG => Raw::Debug(self.text()?),
            kind::FAILURE => Raw::Failure(self.text()?, self.text()?),
            kind::TEXTS => {
                let count = self.length()?;
                Raw::Texts((0..count).map(|_| self.text()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn field(&mut self, of: &'static Metadata<'static>, late: bool) -> Option<FieldItem<'a>> {
        let index = usize::from(u16::from_le_bytes(self.array()?));
        let name = of.fields().iter().nth(index).map_or("", |field| field.name());
        Some(FieldItem { name: Cow::Borrowed(name), raw: self.raw()?, late })
    }

    fn named(&mut self) -> Option<FieldItem<'a>> {
        let name = Cow::Owned(self.text()?.text.into_owned());
        Some(FieldItem { name, raw: self.raw()?, late: true })
    }

    fn event(&mut self, metadata: &'static Metadata<'static>) -> Option<EventItem<'a>> {
        let own = self.byte()? == 1;
        let at = u64::from_le_bytes(self.array()?);
        let length = self.length()?;
        let fields = Fields { bytes: self.take(length)?, of: metadata };
        Some(EventItem { own, at, metadata, fields })
    }

    fn link(&mut self) -> Option<Item<'a>> {
        let trace_id = TraceId::from_bytes(&self.array::<16>()?)?;
        Some(Item::Link(trace_id, SpanId::from_bytes(&self.array::<8>()?)?))
    }
}
