//! Values on their way to PostgreSQL and back, in the words that the embedded database has for them.

use std::borrow::Cow;

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::Error;
use crate::sql::{Kind, Values};

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// A value, or a list of values, that is sent. It owns what it holds, since it is sent by another thread.
#[derive(Debug)]
pub(super) enum Parameter {
    One(Value),
    List(Kind, Vec<Value>),
}

impl Parameter {
    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::One(Value::Null) => Type::UNKNOWN,
            Self::One(Value::Integer(_)) => Type::INT8,
            Self::One(Value::Real(_)) => Type::FLOAT8,
            Self::One(Value::Text(_)) => Type::TEXT,
            Self::One(Value::Blob(_)) => Type::BYTEA,
            Self::List(Kind::Integer, _) => Type::INT8_ARRAY,
            Self::List(Kind::Real, _) => Type::FLOAT8_ARRAY,
            Self::List(Kind::Text, _) => Type::TEXT_ARRAY,
            Self::List(Kind::Bytes, _) => Type::BYTEA_ARRAY,
        }
    }
}

pub(super) fn parameters(values: Values<'_>) -> Result<Vec<Parameter>, Error> {
    values.iter().map(|value| parameter(rusqlite::ToSql::to_sql(value)?)).collect()
}

fn parameter(value: ToSqlOutput<'_>) -> Result<Parameter, Error> {
    Ok(match value {
        ToSqlOutput::Borrowed(value) => Parameter::One(value.try_into().map_err(|_| NOT_TEXT)?),
        ToSqlOutput::Owned(value) => Parameter::One(value),
        _ => return Err(Error::Damaged("a value of an unknown kind")),
    })
}

const NOT_TEXT: Error = Error::Damaged("a text that is none");

impl ToSql for Parameter {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::One(value) => One(value).to_sql(of, out),
            Self::List(_, list) => list.iter().map(One).collect::<Vec<_>>().to_sql(of, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[derive(Debug)]
struct One<'a>(&'a Value);

impl ToSql for One<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(of, out),
            Value::Real(number) => number.to_sql(of, out),
            Value::Text(text) => without_nul(text).to_sql(of, out),
            Value::Blob(bytes) => bytes.to_sql(of, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Stands before a zero for U+0000, which no text of PostgreSQL has, and before itself: one of the characters that
/// Unicode keeps for use within.
const ESCAPE: char = '\u{10fffe}';

fn without_nul(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            _ => escaped.push(character),
        }
    }
    escaped.into()
}

/// A text that came, where it is not what was sent.
pub(crate) fn with_nul(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(text, ESCAPE.encode_utf8(&mut [0; 4]).as_bytes())?;
    let mut characters = std::str::from_utf8(text).ok()?.chars();
    let mut sent = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => sent.extend(characters.next().map(|next| if next == '0' { '\0' } else { next })),
            _ => sent.push(character),
        }
    }
    Some(sent.into_bytes())
}

/// A value that came.
pub(crate) struct Cell<'a>(pub(crate) ValueRef<'a>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        let value = match *of {
            Type::BOOL => ValueRef::Integer(bool::from_sql(of, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(of, raw)?.into()),
            Type::INT4 => ValueRef::Integer(i32::from_sql(of, raw)?.into()),
            Type::INT8 => ValueRef::Integer(i64::from_sql(of, raw)?),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(of, raw)?),
            Type::BYTEA => ValueRef::Blob(raw),
            Type::TEXT | Type::NAME | Type::VARCHAR | Type::UNKNOWN => ValueRef::Text(raw),
            _ => return Err(format!("a column of the type {of}").into()),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_comes_back_and_none_is_sent_with_a_nul(text in "(?s)[a0\0\u{10fffe}\u{10ffff}é]{0,12}") {
            let sent = without_nul(&text).into_owned();
            prop_assert!(!sent.contains('\0'));
            let came = with_nul(sent.as_bytes()).unwrap_or(sent.into_bytes());
            prop_assert_eq!(came, text.into_bytes());
        }
    }
}
