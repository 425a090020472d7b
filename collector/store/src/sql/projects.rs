//! Projects and how long they keep what.

use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use treering_step::Timestamp;

use super::rows::integer;
use crate::control::{Entrance, EntranceChange, Keep, ProjectRecord, Retention};
use crate::{Error, Project, ProjectId};

const COLUMNS: &str = "id, name, created_at, keep_days, keep_content_days, rate, quota, signed";

/// Names stand in tables and links.
const LONGEST_NAME: usize = 100;

pub(super) fn checked(name: &str) -> Result<String, Error> {
    let good = !name.is_empty()
        && name == name.trim()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if good { Ok(name.to_owned()) } else { Err(Error::ProjectName) }
}

pub(super) fn ensure(transaction: &Transaction<'_>, name: &str) -> Result<(ProjectRecord, bool), Error> {
    let insert = "INSERT INTO project (name, created_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
    let now = integer(Timestamp::now().as_nanos());
    let made = transaction.execute(insert, params![name, now])? == 1;
    let record = find(transaction, name)?.ok_or(Error::Damaged("a project that was just made"))?;
    Ok((record, made))
}

pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<ProjectRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM project WHERE name = ?1");
    connection.one(&sql, params![name], record).optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<ProjectRecord>, Error> {
    connection.all(&format!("SELECT {COLUMNS} FROM project ORDER BY name"), params![], record)
}

pub(super) fn name(connection: &Connection, project: ProjectId) -> Result<String, Error> {
    connection.one("SELECT name FROM project WHERE id = ?1", params![project.0], |row| row.get(0))
}

pub(super) fn set_retention(
    transaction: &Transaction<'_>,
    project: ProjectId,
    steps: Option<Keep>,
    content: Option<Keep>,
) -> Result<ProjectRecord, Error> {
    let sql = format!("SELECT {COLUMNS} FROM project WHERE id = ?1");
    let mut new = transaction.one(&sql, params![project.0], record)?;
    let Retention { steps: old_steps, content: old_content } = new.retention;
    new.retention = Retention { steps: steps.unwrap_or(old_steps), content: content.unwrap_or(old_content) };
    if let (Some(steps), Some(content)) = (new.retention.steps.days(), new.retention.content.days())
        && content > steps
    {
        return Err(Error::ContentOutlives { steps, content });
    }
    let sql = "UPDATE project SET keep_days = ?2, keep_content_days = ?3 WHERE id = ?1";
    let (steps, content) = (new.retention.steps.days(), new.retention.content.days());
    transaction.execute(sql, params![project.0, steps, content])?;
    Ok(new)
}

/// The project as it is then; `None` where that changes nothing.
pub(super) fn set_entrance(
    transaction: &Transaction<'_>,
    project: ProjectId,
    change: EntranceChange,
) -> Result<Option<ProjectRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM project WHERE id = ?1");
    let mut new = transaction.one(&sql, params![project.0], record)?;
    let entrance = new.entrance.with(change);
    if std::mem::replace(&mut new.entrance, entrance) == entrance {
        return Ok(None);
    }
    let sql = "UPDATE project SET rate = ?2, quota = ?3, signed = ?4 WHERE id = ?1";
    let Entrance { rate, quota, signed } = entrance;
    transaction.execute(sql, params![project.0, rate, quota.map(integer), i64::from(signed)])?;
    Ok(Some(new))
}

/// Every project of which something is asked.
pub(super) fn entrances(connection: &Connection) -> Result<Vec<(ProjectId, Entrance)>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM project WHERE rate IS NOT NULL OR quota IS NOT NULL OR signed <> 0 ORDER BY id"
    );
    let found = connection.all(&sql, params![], record)?;
    Ok(found.into_iter().map(|found| (found.project.id, found.entrance)).collect())
}

pub(super) fn entrance_worded(entrance: Entrance) -> String {
    let Entrance { rate, quota, signed } = entrance;
    let rate = rate.map_or("none".to_owned(), |rate| format!("{rate}/s"));
    let quota = quota.map_or("none".to_owned(), |quota| quota.to_string());
    format!("rate {rate}, quota {quota}, signed {}", if signed { "yes" } else { "no" })
}

pub(super) fn worded(retention: Retention) -> String {
    let worded = |keep: Keep| keep.days().map_or("forever".to_owned(), |days| format!("{days}d"));
    format!("keep {}, keep content {}", worded(retention.steps), worded(retention.content))
}

fn record(row: Row<'_>) -> Result<ProjectRecord, Error> {
    let created_at = row.get::<i64>(2)?.unsigned_abs();
    Ok(ProjectRecord {
        project: Project { id: ProjectId(row.get(0)?), name: row.get(1)? },
        created_at: Timestamp::from_nanos(created_at).ok_or(Error::Damaged("a time"))?,
        retention: Retention { steps: Keep::of(row.get(3)?), content: Keep::of(row.get(4)?) },
        entrance: Entrance {
            rate: row.get(5)?,
            quota: row.get::<Option<i64>>(6)?.map(i64::unsigned_abs),
            signed: row.get::<i64>(7)? != 0,
        },
    })
}
