use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Number, Value as Json};

use crate::wire::{Fields, RawField, RawValue};

/// A value of an attribute, or a body, as it stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Array(Array<'a>),
    Map(Attributes<'a>),
}

/// Values in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a>(&'a [u8]);

/// Keys and their values: those of a record, an event, a resource, or a structured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attributes<'a> {
    message: &'a [u8],
    field: u32,
}

impl<'a> Value<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Self {
        // Of several variants the last one counts, as protobuf has it for a oneof.
        fields(message).map(Self::variant).filter(|value| *value != Self::Empty).last().unwrap_or(Self::Empty)
    }

    #[expect(
        clippy::cast_possible_wrap,
        reason = "protobuf writes an int64 as the varint of its two's complement"
    )]
    fn variant(field: RawField<'a>) -> Self {
        match (field.number, field.value) {
            (1, RawValue::Bytes(text)) => std::str::from_utf8(text).map_or(Self::Empty, Self::Text),
            (2, RawValue::Varint(truth)) => Self::Bool(truth != 0),
            (3, RawValue::Varint(number)) => Self::Int(number as i64),
            (4, RawValue::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
            (5, RawValue::Bytes(message)) => Self::Array(Array(message)),
            (6, RawValue::Bytes(message)) => Self::Map(Attributes::of(message, 1)),
            (7, RawValue::Bytes(bytes)) => Self::Bytes(bytes),
            _ => Self::Empty,
        }
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON: bytes in base64, numbers that JSON does not have (`NaN`, `Infinity`) as their names.
    pub fn to_json(self) -> Json {
        match self {
            Self::Empty => Json::Null,
            Self::Text(text) => Json::from(text),
            Self::Bool(truth) => Json::Bool(truth),
            Self::Int(number) => Json::from(number),
            Self::Double(number) => double_to_json(number),
            Self::Bytes(bytes) => Json::from(BASE64.encode(bytes)),
            Self::Array(array) => array.iter().map(Value::to_json).collect(),
            Self::Map(map) => Json::Object(map.to_json()),
        }
    }
}

pub(crate) fn double_to_json(number: f64) -> Json {
    let name = || {
        if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
    };
    Number::from_f64(number).map_or_else(|| Json::from(name()), Json::Number)
}

impl<'a> Array<'a> {
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        crate::export::messages(self.0, 1).map(Value::parse)
    }
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(message: &'a [u8], field: u32) -> Self {
        Self { message, field }
    }

    /// In the order of the bytes, repeated keys included.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        crate::export::messages(self.message, self.field).map(|pair| {
            let (mut key, mut value) = ("", Value::Empty);
            for field in fields(pair) {
                match (field.number, field.value) {
                    (1, RawValue::Bytes(text)) => key = std::str::from_utf8(text).unwrap_or_default(),
                    (2, RawValue::Bytes(message)) => value = Value::parse(message),
                    _ => {}
                }
            }
            (key, value)
        })
    }

    /// The value of this key; of repeated ones the last.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.iter().filter(|(found, _)| *found == key).last().map(|(_, value)| value)
    }

    pub fn to_json(self) -> Map<String, Json> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect()
    }
}

/// The fields of a message that was checked at the door: a torn one cannot occur, and would end the walk.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = RawField<'_>> {
    Fields::of(message).map_while(Result::ok)
}
