//! One value of OTLP/JSON that is neither list nor object, and what it means in a field.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::index::Malformed;
use crate::schema::{ANY_VALUE_BOOL, ANY_VALUE_DOUBLE, ANY_VALUE_INT, ANY_VALUE_STRING, Field, Kind};
use crate::wire::{put_bytes, put_tag, put_varint};

/// The part of a visitor that is the same wherever one value may stand: it hands each on to `scalar`.
macro_rules! visit_scalars {
    () => {
        fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
            self.scalar(Scalar::Bool(truth));
            Ok(())
        }

        fn visit_i64<E>(self, number: i64) -> Result<(), E> {
            self.scalar(Scalar::Int(number.into()));
            Ok(())
        }

        fn visit_u64<E>(self, number: u64) -> Result<(), E> {
            self.scalar(Scalar::Int(number.into()));
            Ok(())
        }

        fn visit_f64<E>(self, number: f64) -> Result<(), E> {
            self.scalar(Scalar::Double(number));
            Ok(())
        }

        fn visit_str<E>(self, text: &str) -> Result<(), E> {
            self.scalar(Scalar::Text(text));
            Ok(())
        }
    };
}

pub(crate) use visit_scalars;

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
        if let (Kind::Id(length), Self::Text(text)) = (field.kind, self) {
            put_bytes(out, field.number, &id(text, length)?);
            return Ok(());
        }
        self.put(field, out).ok_or(Malformed::WrongType(field.json))
    }

    fn put(self, field: &Field, out: &mut Vec<u8>) -> Option<()> {
        let number = field.number;
        match field.kind {
            Kind::Message(_) | Kind::Id(_) => return None,
            Kind::Text => put_bytes(out, number, self.text()?.as_bytes()),
            Kind::Bytes => put_bytes(out, number, &base64(self.text()?)?),
            Kind::Bool => varint(out, number, u64::from(self.truth()?)),
            Kind::Int64 => varint(out, number, complement(self.integer()?)),
            Kind::Uint32 => varint(out, number, self.integer::<u32>()?.into()),
            Kind::Enum(names) => varint(out, number, complement(self.named(names)?.into())),
            Kind::Fixed64 => fixed(out, number, 1, &self.integer::<u64>()?.to_le_bytes()),
            Kind::Fixed32 => fixed(out, number, 5, &self.integer::<u32>()?.to_le_bytes()),
            Kind::Double => fixed(out, number, 1, &self.double()?.to_bits().to_le_bytes()),
        }
        Some(())
    }

    /// Writes it as what it is, where the field may be anything.
    pub(crate) fn write_plain(self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(truth) => varint(out, ANY_VALUE_BOOL, truth.into()),
            Self::Text(text) => put_bytes(out, ANY_VALUE_STRING, text.as_bytes()),
            Self::Int(number) => match i64::try_from(number) {
                Ok(number) => varint(out, ANY_VALUE_INT, complement(number)),
                Err(_) => double(out, number as f64),
            },
            Self::Double(number) => double(out, number),
        }
    }

    fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn truth(self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(truth),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// 64-bit integers come as numbers, as texts, and out of JavaScript as numbers with a point.
    fn integer<T: TryFrom<i128>>(self) -> Option<T> {
        let exact = match self {
            Self::Int(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = match exact {
            Some(number) => number,
            None => whole(self.double()?)?,
        };
        T::try_from(number).ok()
    }

    fn named(self, names: &[(&str, i32)]) -> Option<i32> {
        let by_name =
            |text: &str| names.iter().find(|(name, _)| is_called(name, text)).map(|(_, number)| *number);
        self.text().and_then(by_name).or_else(|| self.integer())
    }

    fn double(self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(number),
            Self::Int(number) => Some(number as f64),
            // "NaN", "Infinity" and "-Infinity" are proto3's own spelling, and Rust's parser knows them.
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(_) => None,
        }
    }
}

/// By its name, or by the end of it, in any case: `SPAN_KIND_CLIENT` may be called `Client`.
fn is_called(name: &str, text: &str) -> bool {
    let split = name.len().checked_sub(text.len()).map(|start| name.split_at(start));
    split
        .is_some_and(|(rest, end)| end.eq_ignore_ascii_case(text) && (rest.is_empty() || rest.ends_with('_')))
}

/// A number with a sign as protobuf writes it.
#[expect(
    clippy::cast_sign_loss,
    reason = "protobuf writes an int64 or an enum as the varint of its two's complement"
)]
fn complement(number: i64) -> u64 {
    number as u64
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

fn double(out: &mut Vec<u8>, number: f64) {
    fixed(out, ANY_VALUE_DOUBLE, 1, &number.to_bits().to_le_bytes());
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .ok()
}

/// An id in hexadecimal digits; where their number is that of base64, in base64, as browser exporters of old
/// send it. An empty one is none.
fn id(text: &str, length: usize) -> Result<Vec<u8>, Malformed> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let invalid = if length == 16 { Malformed::InvalidTraceId } else { Malformed::InvalidSpanId };
    if text.len() != length * 2 {
        return base64(text).filter(|bytes| bytes.len() == length).ok_or(invalid);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    text.as_bytes().chunks_exact(2).map(pair).collect::<Option<_>>().ok_or(invalid)
}
