//! Which processes are alive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::connection::{Conflict, Connection, Find, Insert, Kind, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{ProcessId, Timestamp};

use super::executions::mark_stale;
use super::joins::BY_STEP;
use super::rows::{self, integer, time};
use super::versions::next_version;
use crate::{Batch, Error, ProjectId, Sign, Touched};

/// How many heartbeats may fail to come before a process counts as gone.
const MISSED_HEARTBEATS: i64 = 3;
/// How long a process may be silent of which no heartbeat ever came: a step that takes longer than a day without
/// another one beginning or ending is rarer than a process which was killed.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

type Process = (ProjectId, ProcessId);

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Life {
    seen_at: i64,
    spoke_at: i64,
    interval_ms: Option<i64>,
    ended_at: Option<i64>,
    is_gone: bool,
}

const LIVES: Find<'_> = Find {
    told: "seen_at, spoke_at, interval_ms, ended_at, gone",
    table: "process",
    by: &BY_PROCESS,
    but: "",
};

pub(super) const BY_PROCESS: [(&str, Kind); 2] = [("project", Kind::Integer), ("id", Kind::Bytes)];

const NEW_LIVES: Insert = Insert {
    table: "process",
    columns: &[
        ("project", Kind::Integer),
        ("id", Kind::Bytes),
        ("seen_at", Kind::Integer),
        ("spoke_at", Kind::Integer),
        ("interval_ms", Kind::Integer),
        ("ended_at", Kind::Integer),
        ("gone", Kind::Integer),
    ],
    conflict: Conflict::Replaces("project, id"),
    told: None,
};

/// Keeps what batches show of the life of processes. Those are remembered that sent heartbeats or run a step; of others
/// nobody will ask. Whoever calls is the only one who writes.
pub(super) fn hear(
    connection: &Connection,
    batches: &[Batch],
    touched: &mut Vec<Touched>,
) -> Result<(), Error> {
    let (signs, running) = signs(batches);
    let processes: BTreeSet<_> = signs.iter().map(|(project, sign)| (*project, sign.process)).collect();
    let before = lives(connection, &processes)?;
    let mut lives = before.clone();
    let mut revived = BTreeSet::new();
    for (project, sign) in &signs {
        let process = (*project, sign.process);
        let speaks = sign.interval.is_some() || sign.ended || running.contains(&process);
        match lives.get_mut(&process) {
            Some(life) => revived.extend(life.goes_on(sign, speaks).then_some(process)),
            None if speaks => drop(lives.insert(process, Life::of(sign))),
            None => {}
        }
    }
    lives.retain(|process, life| before.get(process) != Some(life));
    touched.extend(running_in(connection, &revived.into_iter().collect::<Vec<_>>())?);
    let rows: Vec<_> = lives.iter().map(|(process, life)| life.row(*process)).collect();
    connection.put(&NEW_LIVES, &rows, |_| Ok(()))
}

/// The signs of life in batches, one after the other, and the processes that run a step.
fn signs(batches: &[Batch]) -> (Vec<(ProjectId, Sign)>, BTreeSet<Process>) {
    let (mut signs, mut running) = (Vec::<(ProjectId, Sign)>::new(), BTreeSet::new());
    for batch in batches {
        for sign in &batch.signs {
            let same = |(project, one): &&mut (ProjectId, Sign)| {
                let what = |sign: &Sign| (sign.process, sign.interval, sign.ended);
                (*project, what(one)) == (batch.project, what(sign))
            };
            // Between two equal signs of a process nothing is known that the later one does not show.
            match signs.last_mut().filter(same) {
                Some((_, last)) => last.seen_at = last.seen_at.max(sign.seen_at),
                None => signs.push((batch.project, *sign)),
            }
        }
        let spans = batch.spans.iter().map(|span| &span.summary);
        let summaries = spans.chain(batch.logs.iter().map(|log| &log.summary));
        running.extend(summaries.filter_map(|summary| Some((batch.project, summary.process?))));
    }
    (signs, running)
}

fn lives(connection: &Connection, of: &BTreeSet<Process>) -> Result<BTreeMap<Process, Life>, Error> {
    let of: Vec<_> = of.iter().copied().collect();
    let mut lives = BTreeMap::new();
    connection.find(&LIVES, &of.iter().copied().map(key).collect::<Vec<_>>(), |at, row| {
        lives.insert(of[at], Life::read(row)?);
        Ok(())
    })?;
    Ok(lives)
}

fn key((project, process): Process) -> Vec<Value> {
    vec![project.0.into(), process.0.to_vec().into()]
}

impl Life {
    fn of(sign: &Sign) -> Self {
        let seen_at = time(Some(sign.seen_at)).unwrap_or(0);
        Self {
            seen_at,
            spoke_at: seen_at,
            interval_ms: sign.interval.map(milliseconds),
            ended_at: sign.ended.then_some(seen_at),
            is_gone: false,
        }
    }

    fn read(row: Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            seen_at: row.get(0)?,
            spoke_at: row.get(1)?,
            interval_ms: row.get(2)?,
            ended_at: row.get(3)?,
            is_gone: row.get(4)?,
        })
    }

    fn row(&self, process: Process) -> Vec<Value> {
        let more = [
            self.seen_at.into(),
            self.spoke_at.into(),
            self.interval_ms.into(),
            self.ended_at.into(),
            i64::from(self.is_gone).into(),
        ];
        key(process).into_iter().chain(more).collect()
    }

    /// Hears a sign. True where the process was taken for gone, wrongly: a sign that is older than the last one shows
    /// nothing; nor does a span that is delivered after its process said that it ends.
    fn goes_on(&mut self, sign: &Sign, speaks: bool) -> bool {
        let heard = Self::of(sign);
        let may_speak = speaks || self.ended_at.is_none_or(|ended_at| ended_at < self.spoke_at);
        let revived = self.is_gone && !sign.ended && self.seen_at < heard.seen_at && may_speak;
        self.is_gone &= !revived;
        self.seen_at = self.seen_at.max(heard.seen_at);
        if speaks {
            self.spoke_at = self.spoke_at.max(heard.spoke_at);
            self.interval_ms = self.interval_ms.max(heard.interval_ms);
            self.ended_at = self.ended_at.max(heard.ended_at);
        }
        revived
    }
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
    let dead = dead(&transaction, now, listening_since)?;
    let sql = "UPDATE process SET gone = 1 WHERE project = ?1 AND id = ?2";
    transaction.many(sql, &dead.iter().copied().map(key).collect::<Vec<_>>())?;
    mark_stale(&transaction, &running_in(&transaction, &dead)?, version)?;
    transaction.commit()
}

fn dead(connection: &Connection, now: Timestamp, listening_since: Timestamp) -> Result<Vec<Process>, Error> {
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

/// The executions with steps that these processes run, as far as anybody told.
fn running_in(connection: &Connection, processes: &[Process]) -> Result<Vec<Touched>, Error> {
    if connection.keeps_steps_apart() {
        return running_apart(connection, processes);
    }
    let mut touched = Vec::new();
    connection.find(&RUNNING, &processes.iter().copied().map(key).collect::<Vec<_>>(), |at, row| {
        touched.push(Touched { project: processes[at].0, trace_id: rows::trace_id(row.blob(0)?)? });
        Ok(())
    })?;
    Ok(touched)
}

const RUNNING: Find<'_> = Find {
    told: "DISTINCT trace_id",
    table: "summary",
    by: &[("project", Kind::Integer), ("process", Kind::Bytes)],
    but: "AND NOT EXISTS (SELECT 1 FROM summary AS span WHERE span.project = summary.project
        AND span.trace_id = summary.trace_id AND span.span_id = summary.span_id AND span.source = x''
        AND span.status <> 'running')",
};

/// The same of a store that does not ask of each row for another one: the steps whose end none of these processes told,
/// but those whose end somebody else did.
fn running_apart(connection: &Connection, processes: &[Process]) -> Result<Vec<Touched>, Error> {
    let (mut touched, mut steps) = (Vec::new(), Vec::new());
    connection.find(&UNENDED, &processes.iter().copied().map(key).collect::<Vec<_>>(), |at, row| {
        let project = processes[at].0;
        touched.push(Touched { project, trace_id: rows::trace_id(row.blob(0)?)? });
        steps.push(vec![project.0.into(), row.blob(0)?.to_vec().into(), row.blob(1)?.to_vec().into()]);
        Ok(())
    })?;
    let mut is_over = vec![false; steps.len()];
    connection.find(&ENDED, &steps, |at, _| {
        is_over[at] = true;
        Ok(())
    })?;
    let running = touched.into_iter().zip(is_over).filter(|(_, is_over)| !is_over);
    Ok(running.map(|(touched, _)| touched).collect::<BTreeSet<_>>().into_iter().collect())
}

const UNENDED: Find<'_> = Find {
    told: "trace_id, span_id",
    but: "GROUP BY trace_id, span_id HAVING max(coalesce(source = '' AND status <> 'running', false)) = false",
    ..RUNNING
};

const ENDED: Find<'_> =
    Find { told: "1", table: "summary", by: &BY_STEP, but: "AND source = x'' AND status <> 'running'" };

/// Processes of which only stored records tell: each spoke on its day, and not later, as far as anybody knows.
pub(super) fn remember_from(
    connection: &Connection,
    project: ProjectId,
    processes: BTreeMap<ProcessId, u32>,
) -> Result<(), Error> {
    const NANOSECONDS_A_DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
    let row = |(process, day): (ProcessId, u32)| {
        let end = integer((u64::from(day) + 1).saturating_mul(NANOSECONDS_A_DAY));
        let life = Life { seen_at: end, spoke_at: end, interval_ms: None, ended_at: None, is_gone: false };
        life.row((project, process))
    };
    let known = Insert { conflict: Conflict::Keeps("project, id"), ..NEW_LIVES };
    connection.put(&known, &processes.into_iter().map(row).collect::<Vec<_>>(), |_| Ok(()))
}
