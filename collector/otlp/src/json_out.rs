//! Protobuf → OTLP/JSON, by the mapping of the OTLP specification: hexadecimal ids, enums as numbers, 64-bit
//! integers as texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use crate::export::{group_with, layout};
use crate::schema::{Field, Kind, Message, Signal};
use crate::value::{double_to_json, fields};
use crate::wire::RawValue;

/// Records of one signal, put together again to the groups of a request.
#[derive(Debug)]
pub struct Assembly<'a> {
    signal: Signal,
    groups: Vec<(&'a [u8], Vec<&'a [u8]>)>,
}

impl<'a> Assembly<'a> {
    pub fn new(signal: Signal) -> Self {
        Self { signal, groups: Vec::new() }
    }

    /// Adds a record; records of one context that follow each other share a group.
    pub fn add(&mut self, context: &'a [u8], record: &'a [u8]) {
        match self.groups.last_mut() {
            Some((last, records)) if *last == context => records.push(record),
            _ => self.groups.push((context, vec![record])),
        }
    }

    /// The groups as OTLP/JSON: the elements of `resourceSpans` or `resourceLogs`.
    pub fn to_json(&self) -> Vec<Value> {
        let group = |(context, records): &(&'a [u8], Vec<&'a [u8]>)| {
            to_json(layout(self.signal), &group_with(context, records.iter().copied()))
        };
        self.groups.iter().map(group).collect()
    }

    /// True where nothing was added.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// A message as OTLP/JSON. Its bytes were checked at the door, depth included.
fn to_json(message: &'static Message, bytes: &[u8]) -> Value {
    let mut object = Map::new();
    for raw in fields(bytes) {
        let Some(field) = message.field(raw.number) else { continue };
        let Some(value) = value(field, raw.value) else { continue };
        if field.repeated {
            let list = object.entry(field.json).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        } else {
            // The last one counts, of a field as of the variants of a value, and stays the last.
            object.shift_remove(field.json);
            object.insert(field.json.to_owned(), value);
        }
    }
    Value::Object(object)
}

#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "protobuf writes signed numbers as the varint of their two's complement, and reads 32 bits of a longer one"
)]
fn value(field: &'static Field, raw: RawValue<'_>) -> Option<Value> {
    Some(match (field.kind, raw) {
        (Kind::Message(message), RawValue::Bytes(bytes)) => to_json(message, bytes),
        (Kind::Text, RawValue::Bytes(text)) => Value::from(std::str::from_utf8(text).ok()?),
        (Kind::Bytes, RawValue::Bytes(bytes)) => Value::from(BASE64.encode(bytes)),
        (Kind::Id(_), RawValue::Bytes(id)) => Value::from(hexadecimal(id)),
        (Kind::Bool, RawValue::Varint(truth)) => Value::from(truth != 0),
        (Kind::Int64, RawValue::Varint(number)) => Value::from((number as i64).to_string()),
        (Kind::Uint32, RawValue::Varint(number)) => Value::from(number as u32),
        (Kind::Enum(_), RawValue::Varint(number)) => Value::from(number as i32),
        (Kind::Fixed64, RawValue::Fixed64(number)) => Value::from(number.to_string()),
        (Kind::Double, RawValue::Fixed64(bits)) => double_to_json(f64::from_bits(bits)),
        (Kind::Fixed32, RawValue::Fixed32(number)) => Value::from(number),
        _ => return None,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
