//! Control data of a damaged database: projects, keys, members, rules, audit, counts, receipts. It is little, and it is wanted at
//! once, since no exporter gets in without its key.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::{Error, ProjectId};

/// What is carried over. Everything else is made anew from records.
pub(super) const TABLES: &[&str] = &[
    "project",
    "project_rules",
    "person",
    "member",
    "api_key",
    "key_use",
    "client_name",
    "audit",
    "outcome",
    "receipt",
    "erasure",
    "erased_day",
    "change",
    "version",
];

/// How far the versions of a new database are ahead of those that were read, and where they begin where none could be:
/// no version may come twice, nor a block of content, whose id is made of it.
const AHEAD: i64 = 1 << 20;
const BEGIN: i64 = 1 << 32;

/// Copies all that can be read to a new database.
pub(super) fn salvage(damaged: &Connection, new: &Connection) -> Result<(), Error> {
    new.pragma_update(None, "foreign_keys", false)?;
    let transaction = new.unchecked_transaction()?;
    for table in TABLES {
        // A table that cannot be read at all leaves nothing to carry over.
        copy(damaged, &transaction, table).or_else(forgive)?;
    }
    let sql = "INSERT INTO version (id, last) VALUES (0, ?1) ON CONFLICT DO UPDATE SET last = last + ?2";
    transaction.execute(sql, params![BEGIN, AHEAD])?;
    // Whoever has control data in memory is to read what is left of it.
    transaction.execute("UPDATE change SET number = number + 1", params![])?;
    transaction.commit()?;
    new.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Projects of which only the number is known get a name, so that what belongs to them is seen.
pub(super) fn name_projects(new: &Connection, projects: &[ProjectId]) -> Result<(), Error> {
    let sql = "INSERT INTO project (id, name, created_at)
        VALUES (?1, CASE ?1 WHEN 1 THEN 'default' ELSE 'recovered-' || ?1 END, unixepoch() * 1000000000)
        ON CONFLICT DO NOTHING";
    for project in projects {
        new.execute(sql, params![project.0])?;
    }
    Ok(())
}

fn forgive(error: Error) -> Result<(), Error> {
    if error.is_damage() || error.is_of_a_statement() { Ok(()) } else { Err(error) }
}

/// From both ends, since a damaged page in the middle ends a walk.
fn copy(damaged: &Connection, new: &Connection, table: &str) -> Result<(), Error> {
    let (columns, key) = columns(damaged, new, table)?;
    for order in ["ASC", "DESC"] {
        let by = key.iter().map(|column| format!("{column} {order}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {} FROM {table} ORDER BY {by}", columns.join(", "));
        match insert_all(damaged, new, table, &columns, &sql) {
            Ok(()) => return Ok(()),
            Err(error) => forgive(error)?,
        }
    }
    Ok(())
}

/// The columns that both have, and those of the key.
fn columns(damaged: &Connection, new: &Connection, table: &str) -> Result<(Vec<String>, Vec<String>), Error> {
    let of = |connection: &Connection| -> Result<Vec<(String, i64)>, Error> {
        let mut statement = connection.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY pk")?;
        let found = statement.query_map(params![table], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    };
    let known: BTreeSet<_> = of(new)?.into_iter().map(|(name, _)| name).collect();
    let both: Vec<_> = of(damaged)?.into_iter().filter(|(name, _)| known.contains(name)).collect();
    let key = both.iter().filter(|(_, place)| *place > 0).map(|(name, _)| name.clone()).collect();
    Ok((both.into_iter().map(|(name, _)| name).collect(), key))
}

fn insert_all(
    damaged: &Connection,
    new: &Connection,
    table: &str,
    columns: &[String],
    select: &str,
) -> Result<(), Error> {
    let places = crate::sql::places(columns.len());
    let sql = format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({places})", columns.join(", "));
    let mut insert = new.prepare(&sql)?;
    let mut statement = damaged.prepare(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()?;
        // A row that is no such row any more is left behind.
        if let Err(error) = insert.execute(params_from_iter(values)) {
            forgive(error.into())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made anew from records, or is of the old file alone.
    const MADE_ANEW: &[&str] = &[
        "block",
        "clock",
        "erased",
        "execution",
        "log",
        "piece",
        "process",
        "reread",
        "rewriting",
        "span",
        "span_join",
        "stale",
        "summary",
        "unindexed",
        "words",
    ];

    #[tokio::test]
    async fn of_each_table_it_is_known_whether_it_is_carried_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("treering.db");
        let master = treering_seal::MasterKey::generate().unwrap();
        crate::sqlite::open(&path, crate::MasterSource::Key(master), None).await.unwrap();
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(sql).unwrap();
        let names: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| TABLES.contains(&name.as_str()) == MADE_ANEW.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
