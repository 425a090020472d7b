//! The schema, brought up to date: forward only, each step as a whole, and whoever comes second finds it done.
//!
//! The steps are the files of the Supabase tool's own layout, so that a team may as well apply them by that.

use std::sync::Arc;

use rusqlite::params;

use super::access::{Access, Role};
use super::pool::Idle;
use crate::Error;
use crate::sql::Connection;

/// Each brings the schema one version further, and says so itself; none is ever changed once it was released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../deploy/supabase/migrations/20261123000001_treering_tables.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000002_treering_roles.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000003_treering_receipts.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000004_treering_doors.sql"),
];

const KNOWN: i64 = 4;

const _: () = assert!(MIGRATIONS.len() == 4, "each migration is a version");

/// What bringing the schema up to date did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version that was found; 0 where there was nothing.
    pub from: i64,
    /// The one that there is now.
    pub to: i64,
}

/// For who writes: where the schema is not today's, it is brought up to date, by a login that may do that.
pub(super) fn ensure(idle: &Arc<Idle>) -> Result<(), Error> {
    match seen_as(idle, Role::Writer) {
        Ok(KNOWN) => Ok(()),
        Ok(found) => update(idle, found),
        // There is no such role or function yet, or the login may not take it on.
        Err(Error::Postgres(error)) if error.code().is_none() => Err(Error::Postgres(error)),
        Err(error @ (Error::Postgres(_) | Error::MissingRole { .. })) => {
            match idle.with(Access::nobody(), version) {
                Ok(found) if found < KNOWN => update(idle, found),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn update(idle: &Arc<Idle>, found: i64) -> Result<(), Error> {
    known(found)?;
    let not_migrated = |source: Error| Error::NotMigrated { found, known: KNOWN, source: source.into() };
    migrate(idle).map(drop).map_err(not_migrated)
}

pub(super) fn migrate(idle: &Arc<Idle>) -> Result<Migrated, Error> {
    idle.with(Access::nobody(), |connection| {
        let from = known(version(connection)?)?;
        let mut now = from;
        while now < KNOWN {
            now = step(connection)?;
        }
        Ok(Migrated { from, to: now })
    })
}

/// One step; the version then. The step itself sees to it that nobody else takes it at the same time.
fn step(connection: &Connection) -> Result<i64, Error> {
    let next = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    if let (Some(sql), Connection::Postgres(session)) = (MIGRATIONS.get(next), connection) {
        session.batch(sql)?;
    }
    known(version(connection)?)
}

/// Who does not write cannot bring the schema up to date, and knows none but today's.
pub(super) fn check(idle: &Arc<Idle>, role: Role) -> Result<(), Error> {
    match known(seen_as(idle, role)?)? {
        KNOWN => Ok(()),
        found => Err(Error::OlderRemote { found, known: KNOWN }),
    }
}

/// The version tells itself, so that nobody needs the right to read a table for it.
fn seen_as(idle: &Arc<Idle>, role: Role) -> Result<i64, Error> {
    let sql = "SELECT treering.schema_version()";
    idle.with(Access::reading(role), |connection| connection.one(sql, params![], |row| row.get(0)))
}

/// True where there is none yet.
pub(super) fn is_new(idle: &Arc<Idle>) -> Result<bool, Error> {
    Ok(idle.with(Access::nobody(), version)? == 0)
}

/// For the owner of the schema, which may not be there yet.
fn version(connection: &Connection) -> Result<i64, Error> {
    let sql = "SELECT to_regprocedure('treering.schema_version()') IS NOT NULL";
    if connection.one(sql, params![], |row| row.get(0))? {
        return connection.one("SELECT treering.schema_version()", params![], |row| row.get(0));
    }
    Ok(0)
}

fn known(found: i64) -> Result<i64, Error> {
    if found <= KNOWN { Ok(found) } else { Err(Error::NewerRemote { found, known: KNOWN }) }
}
