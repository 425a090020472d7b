//! The schema, brought up to date: forward only, each step as a whole, and whoever comes second finds it done.
//!
//! The steps are the files of the Supabase tool's own layout, so that a team may as well apply them by that.

use std::sync::Arc;

use rusqlite::params;

use super::access::Access;
use super::pool::Idle;
use crate::Error;
use crate::sql::Connection;

/// Each brings the schema one version further, and says so itself; none is ever changed once it was released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../deploy/supabase/migrations/20261123000001_treering_tables.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000002_treering_roles.sql"),
];

const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What bringing the schema up to date did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version that was found; 0 where there was nothing.
    pub from: i64,
    /// The one that there is now.
    pub to: i64,
}

/// The number that whoever changes the schema locks.
const MIGRATING: &str = "SELECT pg_advisory_xact_lock(8390876210141)";

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

/// One step, unless somebody else took it meanwhile; the version then.
fn step(connection: &Connection) -> Result<i64, Error> {
    let transaction = connection.writing_soon()?;
    transaction.execute(MIGRATING, params![])?;
    let now = known(version(&transaction)?)?;
    let next = usize::try_from(now).unwrap_or(usize::MAX);
    if let (Some(sql), Connection::Postgres(session)) = (MIGRATIONS.get(next), connection) {
        session.batch(sql)?;
    }
    let reached = version(&transaction)?;
    transaction.commit()?;
    Ok(reached)
}

/// Who only reads cannot bring the schema up to date, and reads none but today's.
pub(super) fn check(idle: &Arc<Idle>) -> Result<(), Error> {
    match idle.with(Access::nobody(), |connection| known(version(connection)?))? {
        KNOWN => Ok(()),
        found => Err(Error::OlderRemote { found, known: KNOWN }),
    }
}

/// True where there is none yet.
pub(super) fn is_new(idle: &Arc<Idle>) -> Result<bool, Error> {
    Ok(idle.with(Access::nobody(), version)? == 0)
}

/// The version tells itself, so that nobody needs the right to read a table for it.
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
