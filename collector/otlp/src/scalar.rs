//! One value of OTLP/JSON that is neither list nor object, and what it means in a field.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::index::Malformed;
use crate::schema::{Field, Kind};
use crate::wire::{put_bytes, put_tag, put_varint};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    /// Writes it as this field.
    pub(crate) fn write(self, field: &Field, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match field.kind {
            Kind::Message(_) => return Err(Malformed::WrongType),
            Kind::Text => put_bytes(out, field.number, self.text()?.as_bytes()),
            Kind::Bytes => put_bytes(out, field.number, &base64(self.text()?)?),
            Kind::Id(length) => put_bytes(out, field.number, &id(self.text()?, length)?),
            Kind::Bool => varint(out, field.number, u64::from(self.truth()?)),
            #[expect(
                clippy::cast_sign_loss,
                reason = "protobuf writes an int64 as the varint of its two's complement"
            )]
            Kind::Int64 => varint(out, field.number, self.integer::<i64>()? as u64),
            Kind::Uint32 => varint(out, field.number, self.integer::<u32>()?.into()),
            Kind::Enum(names) => varint(out, field.number, self.named(names)?),
            Kind::Fixed64 => fixed(out, field.number, 1, &self.integer::<u64>()?.to_le_bytes()),
            Kind::Fixed32 => fixed(out, field.number, 5, &self.integer::<u32>()?.to_le_bytes()),
            Kind::Double => fixed(out, field.number, 1, &self.double()?.to_bits().to_le_bytes()),
        }
        Ok(())
    }

    fn text(self) -> Result<&'a str, Malformed> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Malformed::WrongType),
        }
    }

    fn truth(self) -> Result<bool, Malformed> {
        match self {
            Self::Bool(truth) => Ok(truth),
            Self::Text(text) => text.parse().map_err(|_| Malformed::WrongType),
            _ => Err(Malformed::WrongType),
        }
    }

    /// 64-bit integers come as numbers, as texts, and out of JavaScript as numbers with a point.
    fn integer<T: TryFrom<i128>>(self) -> Result<T, Malformed> {
        let exact = match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = match exact {
            Some(number) => number,
            None => whole(self.double()?).ok_or(Malformed::WrongType)?,
        };
        T::try_from(number).map_err(|_| Malformed::WrongType)
    }

    fn named(self, names: &[(&str, u64)]) -> Result<u64, Malformed> {
        let by_name = |text: &str| names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
        match self.text().ok().and_then(by_name) {
            Some(number) => Ok(number),
            None => self.integer(),
        }
    }

    fn double(self) -> Result<f64, Malformed> {
        match self {
            Self::Double(number) => Ok(number),
            Self::Int(number) => Ok(number as f64),
            // "NaN", "Infinity" and "-Infinity" are proto3's own spelling, and Rust's parser knows them.
            Self::Text(text) => text.trim().parse().map_err(|_| Malformed::WrongType),
            Self::Bool(_) => Err(Malformed::WrongType),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast of a double saturates, and no field has 128 bits"
)]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0).then_some(number as i128)
}

fn varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, 0);
    put_varint(out, value);
}

fn fixed(out: &mut Vec<u8>, number: u32, wire_type: u8, bytes: &[u8]) {
    put_tag(out, number, wire_type);
    out.extend_from_slice(bytes);
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
