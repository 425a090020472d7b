//! Rows, as `RowBinaryWithNamesAndTypes` brings them.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::Error;
use crate::hashes::encode;

/// A row, and the names of its columns. Texts and bytes are alike.
#[derive(Debug, Clone)]
pub(crate) struct ChRow {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl ChRow {
    pub(super) fn of(names: &Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names: names.clone(), values }
    }

    pub(crate) fn value(&self, at: usize) -> Option<&Value> {
        self.values.get(at)
    }

    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|one| one == name)
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

const TORN: Error = Error::Damaged("an answer of ClickHouse that ends too early");

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// So many bytes, with a sign or without.
    Integer(usize, bool),
    Real,
    Bytes,
    Fixed(usize),
    Hashes,
    Optional(Box<Kind>),
    /// Of nothing but absent values.
    Nothing,
}

impl Kind {
    fn of(name: &str) -> Result<Self, Error> {
        let inner = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix(')');
        if let Some(inner) = inner("Nullable(") {
            return Ok(Self::Optional(Box::new(Self::of(inner)?)));
        }
        if let Some(inner) = inner("LowCardinality(") {
            return Self::of(inner);
        }
        if let Some(length) = inner("FixedString(").and_then(|length| length.parse().ok()) {
            return Ok(Self::Fixed(length));
        }
        Ok(match name {
            "Bool" | "UInt8" => Self::Integer(1, false),
            "UInt16" => Self::Integer(2, false),
            "UInt32" => Self::Integer(4, false),
            "UInt64" => Self::Integer(8, false),
            "Int8" => Self::Integer(1, true),
            "Int16" => Self::Integer(2, true),
            "Int32" => Self::Integer(4, true),
            "Int64" => Self::Integer(8, true),
            "Float64" => Self::Real,
            "String" => Self::Bytes,
            "Array(UInt32)" => Self::Hashes,
            "Nothing" => Self::Nothing,
            _ => return Err(Error::Damaged("a column of another kind")),
        })
    }

    fn read(&self, from: &mut &[u8]) -> Result<Value, Error> {
        Ok(match self {
            Self::Optional(inner) => match take(from, 1)?[0] {
                0 => inner.read(from)?,
                _ => Value::Null,
            },
            Self::Integer(bytes, has_sign) => Value::Integer(integer(take(from, *bytes)?, *has_sign)),
            Self::Real => Value::Real(f64::from_le_bytes(take(from, 8)?.try_into().map_err(|_| TORN)?)),
            Self::Bytes => Value::Blob(bytes(from)?.to_vec()),
            Self::Fixed(length) => Value::Blob(take(from, *length)?.to_vec()),
            Self::Hashes => {
                let count = length(from)?;
                let hashes = take(from, count.checked_mul(4).ok_or(TORN)?)?.as_chunks().0;
                let hashes: Vec<_> = hashes.iter().map(|hash| u32::from_le_bytes(*hash)).collect();
                Value::Blob(encode(&hashes))
            }
            Self::Nothing => Value::Null,
        })
    }
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> Result<&'a [u8], Error> {
    let (taken, rest) = from.split_at_checked(count).ok_or(TORN)?;
    *from = rest;
    Ok(taken)
}

fn integer(bytes: &[u8], has_sign: bool) -> i64 {
    let fill = if has_sign && bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
    let mut all = [fill; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(all)
}

fn length(from: &mut &[u8]) -> Result<usize, Error> {
    let (mut length, mut shift) = (0_u64, 0);
    loop {
        let byte = take(from, 1)?[0];
        length |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return usize::try_from(length).map_err(|_| TORN);
        }
        if shift > 56 {
            return Err(TORN);
        }
    }
}

fn bytes<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let length = length(from)?;
    take(from, length)
}

fn text(from: &mut &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes(from)?.to_vec()).map_err(|_| TORN)
}

pub(super) fn rows(mut from: &[u8]) -> Result<Vec<ChRow>, Error> {
    // An answer without columns has no header either.
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let from = &mut from;
    let count = length(from)?;
    let names: Arc<[String]> = (0..count).map(|_| text(from)).collect::<Result<_, _>>()?;
    let kinds: Vec<_> = (0..count).map(|_| Kind::of(&text(from)?)).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    while !from.is_empty() {
        let values = kinds.iter().map(|kind| kind.read(from)).collect::<Result<_, _>>()?;
        rows.push(ChRow::of(&names, values));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_is_read() {
        let mut answer = vec![7];
        let kinds = [
            "Int64",
            "Nullable(UInt32)",
            "LowCardinality(Nullable(String))",
            "FixedString(2)",
            "Float64",
            "Bool",
            "Nullable(Nothing)",
        ];
        for text in ["a", "b", "c", "d", "e", "f", "g"].iter().chain(&kinds) {
            answer.push(u8::try_from(text.len()).unwrap());
            answer.extend(text.as_bytes());
        }
        answer.extend((-2_i64).to_le_bytes());
        answer.extend([0, 1, 0, 0, 0]);
        answer.extend([0, 1, b'x']);
        answer.extend(b"yz");
        answer.extend(1.5_f64.to_le_bytes());
        answer.extend([1, 1]);
        let rows = rows(&answer).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].place_of("c"), Some(2));
        assert_eq!(
            rows[0].values(),
            [
                Value::Integer(-2),
                Value::Integer(1),
                Value::Blob(b"x".to_vec()),
                Value::Blob(b"yz".to_vec()),
                Value::Real(1.5),
                Value::Integer(1),
                Value::Null
            ]
        );
    }

    #[test]
    fn an_answer_that_ends_too_early_is_damage() {
        let whole = [1, 1, b'a', 6, b'S', b't', b'r', b'i', b'n', b'g', 3, b'x', b'y', b'z'];
        assert_eq!(rows(&whole).unwrap().len(), 1);
        for length in 1..whole.len() {
            // Where it ends behind the header it has no rows.
            let is_header = length == 10;
            assert_eq!(rows(&whole[..length]).is_ok(), is_header, "{length}");
        }
    }
}
