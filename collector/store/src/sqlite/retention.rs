//! By which clock it is told how long something was kept.

use rusqlite::{Connection, OptionalExtension, Row, params};
use treering_step::Timestamp;

use super::rows::time;
use crate::{ClockNote, Error};

pub(super) fn newest_day(connection: &Connection) -> Result<Option<u32>, Error> {
    // Of each project the end of an index.
    let sql = "SELECT max(max(
            coalesce((SELECT max(day) FROM span WHERE span.project = project.id), -1),
            coalesce((SELECT max(day) FROM log WHERE log.project = project.id), -1))) FROM project";
    let newest: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(newest.and_then(|day| u32::try_from(day).ok()))
}

pub(super) fn clock(connection: &Connection) -> Result<Option<ClockNote>, Error> {
    let sql = "SELECT seen_at, doubted_since FROM clock";
    let moment = |row: &Row<'_>, at| -> rusqlite::Result<Option<Timestamp>> {
        let nanos: Option<i64> = row.get(at)?;
        Ok(nanos.and_then(|nanos| Timestamp::from_nanos(nanos.unsigned_abs())))
    };
    let read = |row: &Row<'_>| Ok((moment(row, 0)?, moment(row, 1)?));
    let found = connection.prepare_cached(sql)?.query_row([], read).optional()?;
    Ok(found.and_then(|(seen_at, doubted_since)| Some(ClockNote { seen_at: seen_at?, doubted_since })))
}

pub(super) fn note_clock(connection: &Connection, note: ClockNote) -> Result<(), Error> {
    let sql = "INSERT OR REPLACE INTO clock (id, seen_at, doubted_since) VALUES (0, ?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![time(Some(note.seen_at)), time(note.doubted_since)])?;
    Ok(())
}
