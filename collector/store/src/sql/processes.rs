//! Which processes are alive.

use std::collections::BTreeSet;
use std::time::Duration;

use super::connection::Connection;
use rusqlite::params;
use treering_step::{ProcessId, Timestamp};

use super::executions::mark_stale;
use super::rows::{self, integer, time};
use super::versions::next_version;
use crate::{Error, ProjectId, Sign, Touched};

/// How many heartbeats may fail to come before a process counts as gone.
const MISSED_HEARTBEATS: i64 = 3;
/// How long a process may be silent of which no heartbeat ever came: a step that takes longer than a day without
/// another one beginning or ending is rarer than a process which was killed.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps what a batch shows of the life of processes. Those are remembered that sent heartbeats or run a step; of
/// others nobody will ask.
pub(super) fn hear(
    connection: &Connection,
    project: ProjectId,
    signs: &[Sign],
    running: &BTreeSet<ProcessId>,
    touched: &mut Vec<Touched>,
) -> Result<(), Error> {
    for sign in signs {
        let speaks = sign.interval.is_some() || sign.ended || running.contains(&sign.process);
        if revive(connection, project, sign, speaks)? {
            touched.extend(running_in(connection, project, sign.process)?);
        }
        if speaks {
            remember(connection, project, sign)?;
        } else {
            refresh(connection, project, sign)?;
        }
    }
    Ok(())
}

/// True where the process was taken for gone, wrongly. A sign that is older than the last one shows nothing; nor
/// does a span that is delivered after its process said that it ends.
fn revive(connection: &Connection, project: ProjectId, sign: &Sign, speaks: bool) -> Result<bool, Error> {
    if sign.ended {
        return Ok(false);
    }
    let sql = "UPDATE process SET gone = 0 WHERE project = ?1 AND id = ?2 AND gone = 1 AND seen_at < ?3
        AND (?4 = 1 OR coalesce(ended_at < spoke_at, TRUE))";
    let values = params![project.0, sign.process.0, time(Some(sign.seen_at)), speaks];
    Ok(connection.execute(sql, values)? == 1)
}

fn refresh(connection: &Connection, project: ProjectId, sign: &Sign) -> Result<(), Error> {
    let sql = "UPDATE process SET seen_at = ?3 WHERE project = ?1 AND id = ?2 AND seen_at < ?3";
    let values = params![project.0, sign.process.0, time(Some(sign.seen_at))];
    connection.execute(sql, values)?;
    Ok(())
}

fn remember(connection: &Connection, project: ProjectId, sign: &Sign) -> Result<(), Error> {
    let sql = "INSERT INTO process (project, id, seen_at, spoke_at, interval_ms, ended_at)
        VALUES (?1, ?2, ?3, ?3, ?4, ?5)
        ON CONFLICT (project, id) DO UPDATE SET
            seen_at = greatest(process.seen_at, excluded.seen_at),
            spoke_at = greatest(process.spoke_at, excluded.spoke_at),
            interval_ms = coalesce(greatest(process.interval_ms, excluded.interval_ms), process.interval_ms, excluded.interval_ms),
            ended_at = coalesce(greatest(process.ended_at, excluded.ended_at), process.ended_at, excluded.ended_at)";
    connection.execute(
        sql,
        params![
            project.0,
            sign.process.0,
            time(Some(sign.seen_at)),
            sign.interval.map(milliseconds),
            time(Some(sign.seen_at).filter(|_| sign.ended)),
        ],
    )?;
    Ok(())
}

/// No heartbeat is so slow that its process is waited for longer than one without any.
fn milliseconds(interval: Duration) -> i64 {
    let longest = LONGEST_SILENCE.as_millis() / u128::from(MISSED_HEARTBEATS.unsigned_abs());
    i64::try_from(interval.as_millis().min(longest)).unwrap_or(i64::MAX)
}

/// Marks processes gone that said that they end, or have been silent for too long since both their last sign and
/// the moment from which on somebody listened. The executions whose steps they ran are stale then.
pub(super) fn bury(connection: &Connection, now: Timestamp, listening_since: Timestamp) -> Result<(), Error> {
    // Most of the time there is nobody to bury, and nobody has to wait for us.
    if dead(connection, now, listening_since)?.is_empty() {
        return Ok(());
    }
    let transaction = connection.writing()?;
    let version = next_version(&transaction)?;
    for (project, process) in dead(&transaction, now, listening_since)? {
        let sql = "UPDATE process SET gone = 1 WHERE project = ?1 AND id = ?2";
        transaction.execute(sql, params![project.0, process.0])?;
        mark_stale(&transaction, &running_in(&transaction, project, process)?, version)?;
    }
    transaction.commit()?;
    Ok(())
}

fn dead(
    connection: &Connection,
    now: Timestamp,
    listening_since: Timestamp,
) -> Result<Vec<(ProjectId, ProcessId)>, Error> {
    let sql = "SELECT project, id FROM process WHERE gone = 0 AND (coalesce(ended_at >= spoke_at, FALSE)
        OR greatest(seen_at, ?2) < ?1 - coalesce(interval_ms * ?3 * 1000000, ?4))";
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![
        time(Some(now)),
        time(Some(listening_since)),
        MISSED_HEARTBEATS,
        i64::try_from(LONGEST_SILENCE.as_nanos()).unwrap_or(i64::MAX),
    ])?;
    let mut dead = Vec::new();
    while let Some(row) = found.next()? {
        dead.push((ProjectId(row.get(0)?), ProcessId(row.get(1)?)));
    }
    Ok(dead)
}

/// The executions with steps that this process runs, as far as anybody told.
fn running_in(
    connection: &Connection,
    project: ProjectId,
    process: ProcessId,
) -> Result<Vec<Touched>, Error> {
    let sql = "SELECT DISTINCT trace_id FROM summary WHERE project = ?1 AND process = ?2
        AND NOT EXISTS (SELECT 1 FROM summary AS span WHERE span.project = summary.project
            AND span.trace_id = summary.trace_id AND span.span_id = summary.span_id AND span.source = x''
            AND span.status <> 'running')";
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![project.0, process.0])?;
    let mut touched = Vec::new();
    while let Some(row) = found.next()? {
        let trace_id = rows::trace_id(row.blob(0)?)?;
        touched.push(Touched { project, trace_id });
    }
    Ok(touched)
}

/// A process of which only stored records tell: it spoke on this day, and not later, as far as anybody knows.
pub(super) fn remember_from(
    connection: &Connection,
    project: ProjectId,
    process: ProcessId,
    day: u32,
) -> Result<(), Error> {
    const NANOSECONDS_A_DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
    let sql = "INSERT INTO process (project, id, seen_at, spoke_at) VALUES (?1, ?2, ?3, ?3)
        ON CONFLICT DO NOTHING";
    let end = integer((u64::from(day) + 1).saturating_mul(NANOSECONDS_A_DAY));
    connection.execute(sql, params![project.0, process.0, end])?;
    Ok(())
}
