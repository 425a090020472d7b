//! The names in certificates of clients, each of which lets into one project.

use super::connection::{Connection, Transaction};
use rusqlite::params;
use treering_step::Timestamp;

use super::rows::integer;
use crate::control::ClientName;
use crate::{Error, Project, ProjectId};

/// Longer than any host, and as long as SPIFFE allows its addresses to be.
const LONGEST: usize = 2_048;

pub(super) fn checked(name: &str) -> Result<String, Error> {
    let good = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(name.to_owned()) } else { Err(Error::ClientName) }
}

pub(super) fn all(connection: &Connection) -> Result<Vec<(String, ProjectId)>, Error> {
    let sql = "SELECT name, project FROM client_name ORDER BY name";
    connection.all(sql, params![], |row| Ok((row.get(0)?, ProjectId(row.get(1)?))))
}

pub(super) fn list(connection: &Connection, project: Option<ProjectId>) -> Result<Vec<ClientName>, Error> {
    let sql = "SELECT client_name.name, project.id, project.name, client_name.since
        FROM client_name JOIN project ON project.id = client_name.project
        WHERE client_name.project = coalesce(?1, client_name.project) ORDER BY client_name.name";
    connection.all(sql, params![project.map(|project| project.0)], |row| {
        let since = row.get::<i64>(3)?.unsigned_abs();
        Ok(ClientName {
            name: row.get(0)?,
            project: Project { id: ProjectId(row.get(1)?), name: row.get(2)? },
            since: Timestamp::from_nanos(since).ok_or(Error::Damaged("the time of a client's name"))?,
        })
    })
}

/// False where it let in there before. A name lets into one project: another one has to give it up first.
pub(super) fn put(transaction: &Transaction<'_>, project: ProjectId, name: &str) -> Result<bool, Error> {
    let sql =
        "INSERT INTO client_name (name, project, since) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING";
    let now = integer(Timestamp::now().as_nanos());
    let is_new = transaction.execute(sql, params![name, project.0, now])? == 1;
    let sql = "SELECT project FROM client_name WHERE name = ?1";
    let of: i64 = transaction.one(sql, params![name], |row| row.get(0))?;
    if of == project.0 { Ok(is_new) } else { Err(Error::ClientNameTaken) }
}

pub(super) fn remove(transaction: &Transaction<'_>, project: ProjectId, name: &str) -> Result<bool, Error> {
    let sql = "DELETE FROM client_name WHERE name = ?1 AND project = ?2";
    Ok(transaction.execute(sql, params![name, project.0])? == 1)
}
