//! By which clock it is told how long something was kept.

use super::connection::{Connection, OptionalExtension, Row};
use rusqlite::params;
use treering_step::Timestamp;

use super::rows::time;
use crate::{ClockNote, Error};

pub(super) fn newest_day(connection: &Connection) -> Result<Option<u32>, Error> {
    if connection.keeps_steps_apart() {
        let sql = "SELECT greatest(coalesce((SELECT max(day) FROM span), 0), coalesce((SELECT max(day) FROM log), 0))";
        let newest: u32 = connection.one(sql, params![], |row| row.get(0))?;
        return Ok(Some(newest).filter(|day| *day > 0));
    }
    // Of each project the end of an index.
    let sql = "SELECT max(greatest(
            coalesce((SELECT max(day) FROM span WHERE span.project = project.id), -1),
            coalesce((SELECT max(day) FROM log WHERE log.project = project.id), -1))) FROM project";
    let newest: Option<i64> = connection.one(sql, params![], |row| row.get(0))?;
    Ok(newest.and_then(|day| u32::try_from(day).ok()))
}

pub(super) fn clock(connection: &Connection) -> Result<Option<ClockNote>, Error> {
    let sql = "SELECT seen_at, doubted_since FROM clock";
    let moment = |row: Row<'_>, at| -> Result<Option<Timestamp>, Error> {
        let nanos: Option<i64> = row.get(at)?;
        Ok(nanos.and_then(|nanos| Timestamp::from_nanos(nanos.unsigned_abs())))
    };
    let read = |row: Row<'_>| Ok((moment(row, 0)?, moment(row, 1)?));
    let found = connection.one(sql, params![], read).optional()?;
    Ok(found.and_then(|(seen_at, doubted_since)| Some(ClockNote { seen_at: seen_at?, doubted_since })))
}

pub(super) fn note_clock(connection: &Connection, note: ClockNote) -> Result<(), Error> {
    let sql = "INSERT INTO clock (id, seen_at, doubted_since) VALUES (0, ?1, ?2)
        ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, doubted_since = excluded.doubted_since";
    connection.execute(sql, params![time(Some(note.seen_at)), time(note.doubted_since)])?;
    Ok(())
}
