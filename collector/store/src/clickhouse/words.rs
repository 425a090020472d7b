//! Statements in ClickHouse's own words, with their values in them.
//!
//! Texts and bytes stand as hexadecimal digits: no value can end where it should not, and none is in an address that
//! servers and proxies write to their logs, as it would be with parameters of the HTTP interface.

use std::fmt::Write;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use crate::Error;
use crate::sql::Values;

/// What stands for what.
const WORDS: &[(&str, &str)] = &[
    ("joins IS NOT NULL AND source <> x''", "is_naming = 1"),
    ("x''", "''"),
    ("instr(", "position("),
    ("kinds & ?", "bitAnd(kinds, ?)"),
];

pub(super) fn with_values(sql: &str, values: Values<'_>) -> Result<String, Error> {
    let mut sql = sql.to_owned();
    for (ours, its) in WORDS {
        if sql.contains(ours) {
            sql = sql.replace(ours, its);
        }
    }
    // Whoever numbers no placeholder means the next one.
    let (mut all, mut next) = (String::with_capacity(sql.len() + 64 * values.len()), 0);
    let mut parts = sql.split('?');
    all.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|first: char| first.is_ascii_digit()).len();
        let at = match part[..digits].parse::<usize>() {
            Ok(number) => number - 1,
            Err(_) => {
                next += 1;
                next - 1
            }
        };
        push(values.get(at).ok_or(Error::Damaged("a statement with too few values"))?, &mut all)?;
        all.push_str(&part[digits..]);
    }
    Ok(all)
}

/// Adds a value.
pub(super) fn push(value: &dyn ToSql, to: &mut String) -> Result<(), Error> {
    match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => push_ref(value, to),
        ToSqlOutput::Owned(value) => push_value(&value, to),
        _ => return Err(Error::Damaged("a value that its column cannot have")),
    }
    Ok(())
}

pub(super) fn push_value(value: &Value, to: &mut String) {
    push_ref(value.into(), to);
}

fn push_ref(value: ValueRef<'_>, to: &mut String) {
    match value {
        ValueRef::Null => to.push_str("NULL"),
        // Behind a word, a sign would be an operator.
        ValueRef::Integer(number) if number < 0 => drop(write!(to, "({number})")),
        ValueRef::Integer(number) => drop(write!(to, "{number}")),
        ValueRef::Real(number) => drop(write!(to, "({number:e})")),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => push_bytes(bytes, to),
    }
}

fn push_bytes(bytes: &[u8], to: &mut String) {
    to.push('\'');
    for byte in bytes {
        to.push_str("\\x");
        push_digits(&[*byte], to);
    }
    to.push('\'');
}

/// Adds the hexadecimal digits of bytes.
pub(super) fn push_digits(bytes: &[u8], to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        to.push(char::from(DIGITS[usize::from(byte >> 4)]));
        to.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::params;

    use super::*;

    #[test]
    fn values_stand_in_their_places() {
        let sql = "SELECT a FROM t WHERE b = ?2 AND c = ?1 AND kinds & ? <> 0 AND d <> x''";
        let told = with_values(sql, params![-1, "o'b", 7]).unwrap();
        let expected =
            r"SELECT a FROM t WHERE b = '\x6f\x27\x62' AND c = (-1) AND bitAnd(kinds, (-1)) <> 0 AND d <> ''";
        assert_eq!(told, expected);
        assert!(with_values("?2", params![1]).is_err());
    }

    #[test]
    fn a_record_that_names_a_span_has_a_column_that_says_so() {
        let told = with_values("WHERE joins IS NOT NULL AND source <> x''", params![]).unwrap();
        assert_eq!(told, "WHERE is_naming = 1");
    }

    proptest! {
        #[test]
        fn whatever_a_text_is_it_stays_a_value(text in ".*") {
            let told = with_values("?1", params![text]).unwrap();
            let digits = told.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            prop_assert!(digits.split(r"\x").skip(1).all(|two| u8::from_str_radix(two, 16).is_ok()));
            prop_assert_eq!(digits.len(), 4 * text.len());
        }
    }
}
