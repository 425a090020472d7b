//! The few words in which the two databases differ. Statements are written once, with the words of neither or of one,
//! and each database gets its own.
//!
//! | written | SQLite | PostgreSQL |
//! | --- | --- | --- |
//! | `?1` | `?1` | `$1` |
//! | `x''` | `x''` | `''::bytea` |
//! | `greatest(a, b)` | `max(a, b)` | `greatest(a, b)` |
//! | `instr(a, b)` | `instr(a, b)` | `strpos(a, b)` |
//!
//! `greatest` is of values that are there: of absent ones the two think differently.

use std::borrow::Cow;

/// So many placeholders, from the first on.
pub(crate) fn placeholders(count: usize) -> String {
    (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn for_sqlite(sql: &str) -> Cow<'_, str> {
    if sql.contains("greatest(") { sql.replace("greatest(", "max(").into() } else { sql.into() }
}

pub(crate) fn for_postgres(sql: &str) -> String {
    let sql = sql.replace("x''", "''::bytea").replace("instr(", "strpos(");
    // Whoever numbers no placeholder means the next one.
    let (mut all, mut next) = (String::with_capacity(sql.len() + 16), 1);
    let mut parts = sql.split('?');
    all.push_str(parts.next().unwrap_or_default());
    for part in parts {
        all.push('$');
        if !part.starts_with(|first: char| first.is_ascii_digit()) {
            all.push_str(&next.to_string());
            next += 1;
        }
        all.push_str(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_own_words() {
        let sql = "SELECT greatest(a, ?1) FROM t WHERE b = ?2 AND c <> x'' AND instr(d, ?3) > 0";
        assert_eq!(
            for_sqlite(sql),
            "SELECT max(a, ?1) FROM t WHERE b = ?2 AND c <> x'' AND instr(d, ?3) > 0"
        );
        assert_eq!(
            for_postgres(sql),
            "SELECT greatest(a, $1) FROM t WHERE b = $2 AND c <> ''::bytea AND strpos(d, $3) > 0"
        );
    }

    #[test]
    fn placeholders_without_a_number_are_counted() {
        assert_eq!(for_postgres("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(placeholders(3), "?1, ?2, ?3");
    }
}
