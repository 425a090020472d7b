//! OTLP/JSON → protobuf, leniently: whatever can only be meant one way is taken that way.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::index::{Malformed, Rejected};
use crate::schema::{Field, Kind, Message, Role, Signal};
use crate::wire::{put_bytes, put_tag, put_varint};

type Object = Map<String, Value>;
type Encoded = Result<(), Malformed>;

pub(crate) fn to_protobuf(signal: Signal, json: &[u8]) -> Result<(Vec<u8>, Rejected), Malformed> {
    let value: Value = serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => Malformed::Json("it is cut off"),
        // serde_json says "recursion limit exceeded" as a syntax error.
        _ => Malformed::Json("it is no JSON, or is nested deeper than 128 levels"),
    })?;
    let Value::Object(request) = value else { return Err(Malformed::Json("it is not an object")) };
    let mut encoder = Encoder { rejected: Rejected::default() };
    let mut out = Vec::with_capacity(json.len() / 2);
    encoder.message(signal.request(), &request, &mut out)?;
    Ok((out, encoder.rejected))
}

struct Encoder {
    rejected: Rejected,
}

impl Encoder {
    fn message(&mut self, message: &'static Message, object: &Object, out: &mut Vec<u8>) -> Encoded {
        for field in message.fields {
            match object.get(field.json) {
                None | Some(Value::Null) => {}
                Some(Value::Array(items)) if field.repeated => {
                    items.iter().try_for_each(|item| self.field(field, item, out))?;
                }
                Some(_) if field.repeated => return Err(Malformed::WrongType),
                Some(value) => self.field(field, value, out)?,
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field, value: &Value, out: &mut Vec<u8>) -> Encoded {
        match field.kind {
            Kind::Message(message) => self.nested(field, message, value, out)?,
            Kind::Text => put_bytes(out, field.number, text(value)?.as_bytes()),
            Kind::Bytes => put_bytes(out, field.number, &base64(text(value)?)?),
            Kind::Id(length) => put_bytes(out, field.number, &id(text(value)?, length)?),
            Kind::Bool => varint(out, field.number, u64::from(truth(value)?)),
            #[expect(
                clippy::cast_sign_loss,
                reason = "protobuf writes an int64 as the varint of its two's complement"
            )]
            Kind::Int64 => varint(out, field.number, signed(value)? as u64),
            Kind::Uint32 => varint(out, field.number, u64::from(unsigned32(value)?)),
            Kind::Enum(names) => varint(out, field.number, named(value, names)?),
            Kind::Fixed64 => fixed(out, field.number, 1, &unsigned(value)?.to_le_bytes()),
            Kind::Fixed32 => fixed(out, field.number, 5, &unsigned32(value)?.to_le_bytes()),
            Kind::Double => fixed(out, field.number, 1, &double(value)?.to_bits().to_le_bytes()),
        }
        Ok(())
    }

    /// A record that cannot be encoded is refused alone.
    fn nested(
        &mut self,
        field: &Field,
        message: &'static Message,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Encoded {
        let mut inner = Vec::new();
        let encoded = match value {
            Value::Object(object) => self.message(message, object, &mut inner),
            // An element of a list may be null; as a value it is the empty one.
            Value::Null => Ok(()),
            _ => Err(Malformed::WrongType),
        };
        match encoded {
            Ok(()) => put_bytes(out, field.number, &inner),
            Err(reason) if message.role == Role::Record => {
                self.rejected.count += 1;
                self.rejected.reason.get_or_insert(reason);
            }
            Err(reason) => return Err(reason),
        }
        Ok(())
    }
}

fn varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 0);
    put_varint(out, value);
}

fn fixed(out: &mut Vec<u8>, number: u32, wire_type: u8, bytes: &[u8]) {
    put_tag(out, number, wire_type);
    out.extend_from_slice(bytes);
}

fn text(value: &Value) -> Result<&str, Malformed> {
    value.as_str().ok_or(Malformed::WrongType)
}

fn truth(value: &Value) -> Result<bool, Malformed> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) => text.parse().map_err(|_| Malformed::WrongType),
        _ => Err(Malformed::WrongType),
    }
}

/// 64-bit integers come as numbers, as texts, and out of JavaScript as numbers with a point.
fn signed(value: &Value) -> Result<i64, Malformed> {
    integer(value, Value::as_i64, -9.3e18..9.3e18, |whole| {
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates")]
        let number = whole as i64;
        number
    })
}

fn unsigned(value: &Value) -> Result<u64, Malformed> {
    integer(value, Value::as_u64, 0.0..1.9e19, |whole| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a double saturates"
        )]
        let number = whole as u64;
        number
    })
}

fn integer<T: std::str::FromStr>(
    value: &Value,
    exact: fn(&Value) -> Option<T>,
    room: std::ops::Range<f64>,
    cast: fn(f64) -> T,
) -> Result<T, Malformed> {
    if let Some(number) = exact(value) {
        return Ok(number);
    }
    if let Some(number) = value.as_str().and_then(|text| text.trim().parse().ok()) {
        return Ok(number);
    }
    let whole = double(value)?;
    (whole.fract() == 0.0 && room.contains(&whole)).then(|| cast(whole)).ok_or(Malformed::WrongType)
}

fn unsigned32(value: &Value) -> Result<u32, Malformed> {
    u32::try_from(unsigned(value)?).map_err(|_| Malformed::WrongType)
}

fn named(value: &Value, names: &[(&str, u64)]) -> Result<u64, Malformed> {
    let by_name = |text: &str| names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    match value.as_str().and_then(by_name) {
        Some(number) => Ok(number),
        None => unsigned(value),
    }
}

fn double(value: &Value) -> Result<f64, Malformed> {
    match value {
        Value::Number(number) => number.as_f64().ok_or(Malformed::WrongType),
        // "NaN", "Infinity" and "-Infinity" are proto3's own spelling, and Rust's parser knows them.
        Value::String(text) => text.trim().parse().map_err(|_| Malformed::WrongType),
        _ => Err(Malformed::WrongType),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Malformed> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .map_err(|_| Malformed::WrongType)
}

/// An id in hexadecimal digits; where their number is that of base64, in base64, as browser exporters of old
/// send it. An empty one is none.
fn id(text: &str, length: usize) -> Result<Vec<u8>, Malformed> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let invalid = if length == 16 { Malformed::InvalidTraceId } else { Malformed::InvalidSpanId };
    if text.len() != length * 2 {
        return base64(text).ok().filter(|bytes| bytes.len() == length).ok_or(invalid);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    text.as_bytes().chunks_exact(2).map(pair).collect::<Option<_>>().ok_or(invalid)
}
