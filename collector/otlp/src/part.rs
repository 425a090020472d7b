//! A request by its parts: each resource, scope and record with its attributes, for who decides by names.

use std::borrow::Cow;
use std::ops::Range;

use crate::Export;
use crate::schema::{
    ANY_VALUE_ARRAY, ANY_VALUE_MAP, GROUP_RESOURCE, GROUP_SCOPES, GROUPS, KEY_VALUE_KEY, KEY_VALUE_VALUE,
    Kind, Message, Role, SCOPED_RECORDS, SCOPED_SCOPE,
};
use crate::value::Value;
use crate::wire::{Fields, RawField, RawValue};

/// A resource, a scope or a record, in the order of the bytes.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    bytes: &'a [u8],
    layout: &'static Message,
    place: Range<usize>,
    is_record: bool,
}

/// A key and its value, wherever in a part they stand. All places are bytes of the request.
#[derive(Debug, Clone)]
pub struct Attribute<'a> {
    /// Its key; of one within a map, after the keys around it and dots: `http.headers` and `cookie` are
    /// `http.headers.cookie`; what stands in a list comes after its number. A body is called `body`.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
    /// The whole field, tag included: an [`Edit`](crate::Edit) of it with nothing takes it away, one with a text puts the
    /// attribute [`DROPPED`] in its place.
    pub place: Range<usize>,
    /// The field of its value, tag included: an edit of it puts a text in the place of any value.
    pub value_place: Range<usize>,
    /// Whether it is one of the part itself: not of an event, of a link, or within another value.
    pub is_own: bool,
}

/// What the attribute is called that stands in the place of one that was taken away.
pub const DROPPED: &str = "treering.dropped";

/// What the body of a log record is called where rules speak of attributes.
const BODY: &str = "body";
const BODY_FIELD: &str = "body";

impl Export {
    /// Every resource, scope and record.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let bytes = self.as_bytes();
        let request = self.signal().request();
        within(bytes, request, 0..bytes.len(), GROUPS).flat_map(move |(group, at)| {
            inner(bytes, group, at).flat_map(move |(number, layout, at)| {
                let own = (number == GROUP_RESOURCE).then(|| Part::new(bytes, layout, at.clone(), false));
                let scoped = (number == GROUP_SCOPES).then(|| {
                    inner(bytes, layout, at).filter_map(move |(number, layout, at)| {
                        let is_part = number == SCOPED_SCOPE || number == SCOPED_RECORDS;
                        is_part.then(|| Part::new(bytes, layout, at, number == SCOPED_RECORDS))
                    })
                });
                own.into_iter().chain(scoped.into_iter().flatten())
            })
        })
    }
}

impl<'a> Part<'a> {
    fn new(bytes: &'a [u8], layout: &'static Message, place: Range<usize>, is_record: bool) -> Self {
        Self { bytes, layout, place, is_record }
    }

    /// Where its payload stands, in bytes of the request.
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// Whether it is a span or a log record.
    pub fn is_record(&self) -> bool {
        self.is_record
    }

    /// Visits its attributes in the order of the bytes, those of events, of links and within maps as well, and the body of
    /// a log record.
    pub fn each_attribute(&self, visit: &mut dyn FnMut(Attribute<'a>)) {
        walk(self.bytes, self.layout, self.place.clone(), true, "", visit);
    }

    /// The fields that hold its texts, tags included, and whether a text may stand there instead: without them it says when
    /// something was, and nothing of what.
    pub fn fields_of_text(&self) -> impl Iterator<Item = (Range<usize>, bool)> + '_ {
        fields(self.bytes, self.place.clone()).filter_map(|raw| {
            let kind = self.layout.field(raw.number)?.kind;
            let takes_text = match kind {
                Kind::Text => true,
                Kind::Message(message) => matches!(message.role, Role::KeyValue | Role::Value),
                Kind::Bytes => false,
                _ => return None,
            };
            Some((raw.start..raw.end, takes_text))
        })
    }
}

fn walk<'a>(
    bytes: &'a [u8],
    layout: &'static Message,
    at: Range<usize>,
    is_own: bool,
    around: &str,
    visit: &mut dyn FnMut(Attribute<'a>),
) {
    for raw in fields(bytes, at) {
        let Some(field) = layout.field(raw.number) else { continue };
        let Kind::Message(message) = field.kind else { continue };
        let payload = raw.payload..raw.end;
        match message.role {
            Role::KeyValue => key_value(bytes, &raw, is_own, around, visit),
            Role::Value if field.json == BODY_FIELD => {
                let value = Value::parse(&bytes[payload.clone()]);
                let place = raw.start..raw.end;
                visit(Attribute {
                    key: Cow::Borrowed(BODY),
                    value,
                    place: place.clone(),
                    value_place: place,
                    is_own,
                });
                nested(bytes, payload, BODY, visit);
            }
            Role::Value => nested(bytes, payload, around, visit),
            Role::Plain | Role::Record => walk(bytes, message, payload, false, around, visit),
        }
    }
}

fn key_value<'a>(
    bytes: &'a [u8],
    raw: &RawField<'a>,
    is_own: bool,
    around: &str,
    visit: &mut dyn FnMut(Attribute<'a>),
) {
    let (mut key, mut value) = ("", None);
    for field in fields(bytes, raw.payload..raw.end) {
        match (field.number, field.value) {
            (KEY_VALUE_KEY, RawValue::Bytes(text)) => key = std::str::from_utf8(text).unwrap_or_default(),
            (KEY_VALUE_VALUE, RawValue::Bytes(_)) => value = Some(field),
            _ => {}
        }
    }
    let Some(value) = value else { return };
    let key = if around.is_empty() { Cow::Borrowed(key) } else { Cow::Owned(format!("{around}.{key}")) };
    let payload = value.payload..value.end;
    visit(Attribute {
        key: key.clone(),
        value: Value::parse(&bytes[payload.clone()]),
        place: raw.start..raw.end,
        value_place: value.start..value.end,
        is_own,
    });
    nested(bytes, payload, &key, visit);
}

/// The keys and values within a value.
fn nested<'a>(bytes: &'a [u8], value: Range<usize>, around: &str, visit: &mut dyn FnMut(Attribute<'a>)) {
    for raw in fields(bytes, value) {
        match (raw.number, raw.value) {
            (ANY_VALUE_ARRAY, RawValue::Bytes(_)) => {
                for (number, one) in fields(bytes, raw.payload..raw.end).enumerate() {
                    nested(bytes, one.payload..one.end, &format!("{around}.{number}"), visit);
                }
            }
            (ANY_VALUE_MAP, RawValue::Bytes(_)) => fields(bytes, raw.payload..raw.end)
                .filter(|one| matches!(one.value, RawValue::Bytes(_)))
                .for_each(|one| key_value(bytes, &one, false, around, visit)),
            _ => {}
        }
    }
}

/// The bytes were checked at the door, so that a torn field cannot occur; were there one, the walk ends there.
fn fields(bytes: &[u8], at: Range<usize>) -> impl Iterator<Item = RawField<'_>> {
    Fields::within(bytes, at.start, at.end).map_while(Result::ok)
}

/// The messages within a message, each with its number and layout.
fn inner<'a>(
    bytes: &'a [u8],
    layout: &'static Message,
    at: Range<usize>,
) -> impl Iterator<Item = (u32, &'static Message, Range<usize>)> + 'a {
    fields(bytes, at).filter_map(|raw| match layout.field(raw.number)?.kind {
        Kind::Message(message) => Some((raw.number, message, raw.payload..raw.end)),
        _ => None,
    })
}

fn within<'a>(
    bytes: &'a [u8],
    layout: &'static Message,
    at: Range<usize>,
    number: u32,
) -> impl Iterator<Item = (&'static Message, Range<usize>)> + 'a {
    inner(bytes, layout, at).filter(move |(found, ..)| *found == number).map(|(_, message, at)| (message, at))
}
