//! People, and what they may do in which project.

use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use treering_step::Timestamp;

use super::rows::integer;
use crate::control::{Joined, Member, Role};
use crate::{Error, Project, ProjectId};

/// OpenID Connect allows 255 characters of ASCII; other issuers' subjects are addresses.
const LONGEST_SUBJECT: usize = 255;

pub(super) fn checked(subject: &str) -> Result<String, Error> {
    let good = !subject.is_empty()
        && subject == subject.trim()
        && subject.chars().count() <= LONGEST_SUBJECT
        && !subject.chars().any(char::is_control);
    if good { Ok(subject.to_owned()) } else { Err(Error::Subject) }
}

pub(super) fn members(connection: &Connection, project: Option<ProjectId>) -> Result<Vec<Member>, Error> {
    let sql = "SELECT project.id, project.name, person.subject, member.role, member.since
        FROM member JOIN project ON project.id = member.project JOIN person ON person.id = member.person
        WHERE member.project = coalesce(?1, member.project) ORDER BY project.name, person.subject";
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![project.map(|project| project.0)])?;
    let mut members = Vec::new();
    while let Some(row) = found.next()? {
        members.push(member(row)?);
    }
    Ok(members)
}

/// The projects of one person, by name, and the roles there.
pub(super) fn memberships(connection: &Connection, subject: &str) -> Result<Vec<(Project, Role)>, Error> {
    let sql = "SELECT project.id, project.name, member.role
        FROM member JOIN project ON project.id = member.project JOIN person ON person.id = member.person
        WHERE person.subject = ?1 ORDER BY project.name";
    connection.all(sql, params![subject], |row| {
        let project = Project { id: ProjectId(row.get(0)?), name: row.get(1)? };
        Ok((project, role(&row.get::<String>(2)?)?))
    })
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    project: ProjectId,
    subject: &str,
    role: Role,
) -> Result<Joined, Error> {
    let now = integer(Timestamp::now().as_nanos());
    let sql = "INSERT INTO person (subject, created_at) VALUES (?1, ?2) ON CONFLICT (subject) DO NOTHING";
    transaction.execute(sql, params![subject, now])?;
    let sql = "SELECT id FROM person WHERE subject = ?1";
    let person: i64 = transaction.one(sql, params![subject], |row| row.get(0))?;
    let before = role_of(transaction, project, person)?;
    if before == Some(role) {
        return Ok(Joined::Already);
    }
    let sql = "INSERT INTO member (project, person, role, since) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (project, person) DO UPDATE SET role = excluded.role, since = excluded.since";
    transaction.execute(sql, params![project.0, person, role.as_str(), now])?;
    Ok(before.map_or(Joined::Added, Joined::Changed))
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    project: ProjectId,
    subject: &str,
) -> Result<bool, Error> {
    let sql = "DELETE FROM member WHERE project = ?1 AND person = (SELECT id FROM person WHERE subject = ?2)";
    let removed = transaction.execute(sql, params![project.0, subject])? == 1;
    // Who is in no project any more is forgotten.
    let sql = "DELETE FROM person WHERE subject = ?1 AND id NOT IN (SELECT person FROM member)";
    transaction.execute(sql, params![subject])?;
    Ok(removed)
}

fn role_of(connection: &Connection, project: ProjectId, person: i64) -> Result<Option<Role>, Error> {
    let sql = "SELECT role FROM member WHERE project = ?1 AND person = ?2";
    let values = params![project.0, person];
    let word: Option<String> = connection.one(sql, values, |row| row.get(0)).optional()?;
    word.map(|word| role(&word)).transpose()
}

fn role(word: &str) -> Result<Role, Error> {
    Role::from_word(word).ok_or(Error::Damaged("the role of a person"))
}

fn member(row: Row<'_>) -> Result<Member, Error> {
    let since = row.get::<i64>(4)?.unsigned_abs();
    Ok(Member {
        project: Project { id: ProjectId(row.get(0)?), name: row.get(1)? },
        subject: row.get(2)?,
        role: role(&row.get::<String>(3)?)?,
        since: Timestamp::from_nanos(since).ok_or(Error::Damaged("the time of a membership"))?,
    })
}
