//! Projects and how long they keep what.

use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use treering_step::Timestamp;

use super::rows::integer;
use crate::control::{Keep, ProjectRecord, Retention};
use crate::{Error, Project, ProjectId};

const COLUMNS: &str = "id, name, created_at, keep_days, keep_content_days";

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
    })
}
