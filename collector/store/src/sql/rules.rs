//! Redaction rules of a project, beside those of its collectors.

use super::connection::{Connection, OptionalExtension, Transaction};
use rusqlite::params;
use treering_redact::Rules;
use treering_step::Timestamp;

use super::rows::integer;
use crate::{Error, ProjectId};

/// Bytes of a project's rules: every collector has them in memory, compiled.
const LONGEST: usize = 1 << 20;

pub(super) fn of(connection: &Connection, project: ProjectId) -> Result<Option<String>, Error> {
    let sql = "SELECT rules FROM project_rules WHERE project = ?1";
    connection.one(sql, params![project.0], |row| row.get(0)).optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<(ProjectId, String)>, Error> {
    let sql = "SELECT project, rules FROM project_rules ORDER BY project";
    connection.all(sql, params![], |row| Ok((ProjectId(row.get(0)?), row.get(1)?)))
}

/// What the audit log says of them, once they are known to be well-formed: which ones they are, and not what they say,
/// since a rule may name a secret.
pub(super) fn worded(text: Option<&str>) -> Result<String, Error> {
    let Some(text) = text else { return Ok("no rules of its own".into()) };
    if text.len() > LONGEST {
        return Err(Error::RulesTooLong { most: LONGEST });
    }
    let rules = Rules::parse(text).map_err(|source| Error::Rules(Box::new(source)))?;
    let hash = blake3::hash(text.as_bytes()).to_hex();
    Ok(format!("rules {}, blake3 {}", rules.own_count(), &hash[..16]))
}

/// True where that changes something.
pub(super) fn set(
    transaction: &Transaction<'_>,
    project: ProjectId,
    text: Option<&str>,
) -> Result<bool, Error> {
    let Some(text) = text else {
        let sql = "DELETE FROM project_rules WHERE project = ?1";
        return Ok(transaction.execute(sql, params![project.0])? > 0);
    };
    let sql = "INSERT INTO project_rules (project, rules, changed_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (project) DO UPDATE SET rules = excluded.rules, changed_at = excluded.changed_at
        WHERE project_rules.rules <> excluded.rules";
    let now = integer(Timestamp::now().as_nanos());
    Ok(transaction.execute(sql, params![project.0, text, now])? > 0)
}
