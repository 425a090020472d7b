//! A remote store: PostgreSQL 15 or newer, directly or behind a pooler that lends a connection for a transaction.

mod access;
mod connector;
mod pool;
mod schema;
mod session;
#[cfg(test)]
mod tests;
mod url;
mod values;
mod watch;

use std::sync::Arc;

use rusqlite::params;
use treering_seal::MasterId;

use connector::Connector;
use pool::Idle;

use crate::clickhouse::Engine;
use crate::sql::{self, Asks, Audit, Chain, Connection, Content, Keeper, Keys, Reader, Row, Writer};
use crate::{Control, Error, Handles, MasterSource, ProjectId, ReadHandles, Vault, Viewer};
pub(crate) use access::Claims;
use access::{Access, Role};
pub(crate) use pool::Pool;
pub(crate) use session::{PgRow, Session};
pub use url::PostgresUrl;
pub(crate) use values::{Cell, with_nul};

/// Pieces of work that may be done at the same time, of each kind.
const WRITERS: usize = 2;
const SWEEPERS: usize = 2;
const READERS: usize = 4;
const KEEPERS: usize = 2;

pub(crate) async fn open(
    url: &PostgresUrl,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<Handles, Error> {
    blocking(url, move |idle| {
        schema::ensure(&idle)?;
        let vault = Vault::remote(Remote::of(&idle, Role::Writer), master)?;
        let content = Content::new(vault.clone());
        let engine = engine.as_ref();
        let reader = reader(&idle, &content, engine);
        let keys = Keys::new(pool(&idle, KEEPERS, Access::reading(Role::Writer), engine), Asks::Table);
        let writer = Writer::new(
            pool(&idle, WRITERS, Access::of(Role::Writer), engine),
            pool(&idle, SWEEPERS, Access::of(Role::Sweeper), engine),
            pool(&idle, SWEEPERS, Access::reading(Role::Sweeper), engine),
            content,
        );
        let Control { keeper, audit } = control(&idle, Chain::Open(vault.clone()), engine);
        let sweeping = pool(&idle, 1, Access::of(Role::Sweeper), None);
        let witness = Audit::new(sweeping, Chain::Open(vault.clone()));
        Ok(Handles { writer, reader, keys, keeper, audit, witness, vault })
    })
    .await
}

pub(crate) async fn open_read_only(
    url: &PostgresUrl,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<ReadHandles, Error> {
    blocking(url, move |idle| {
        schema::check(&idle, Role::Reader)?;
        let vault = Vault::remote(Remote::of(&idle, Role::Reader), master.clone())?;
        let engine = engine.as_ref();
        let reader = reader(&idle, &Content::new(vault.clone()), engine);
        let keys = Keys::new(pool(&idle, KEEPERS, Access::reading(Role::Reader), engine), Asks::Function);
        schema::check(&idle, Role::Witness)?;
        let chain = Chain::Remote { keys: Remote::of(&idle, Role::Witness), master };
        let witness = Audit::new(pool(&idle, 2, Access::of(Role::Witness), None), chain);
        Ok(ReadHandles { reader, keys, witness, vault })
    })
    .await
}

pub(crate) async fn open_control(
    url: &PostgresUrl,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<Control, Error> {
    blocking(url, move |idle| {
        schema::check(&idle, Role::Keeper)?;
        let chain = Chain::Remote { keys: Remote::of(&idle, Role::Keeper), master };
        Ok(control(&idle, chain, engine.as_ref()))
    })
    .await
}

pub(crate) fn control_with(
    url: &PostgresUrl,
    vault: &Vault,
    engine: Option<&Engine>,
) -> Result<Control, Error> {
    let idle = Idle::new(Connector::new(url)?);
    schema::check(&idle, Role::Keeper)?;
    Ok(control(&idle, Chain::Open(vault.clone()), engine))
}

pub(crate) fn open_vault(url: &PostgresUrl, master: MasterSource) -> Result<Vault, Error> {
    let idle = Idle::new(Connector::new(url)?);
    schema::check(&idle, Role::Keeper)?;
    Vault::remote(Remote::of(&idle, Role::Keeper), master)
}

/// True where nothing was ever sealed there.
pub(crate) fn is_unsealed(url: &PostgresUrl) -> bool {
    let is_unsealed = || {
        let idle = Idle::new(Connector::new(url)?);
        Ok::<_, Error>(schema::is_new(&idle)? || has_no_master(&idle)?)
    };
    // One that does not answer may have been.
    is_unsealed().unwrap_or(false)
}

fn has_no_master(idle: &Arc<Idle>) -> Result<bool, Error> {
    Ok(Remote::of(idle, Role::Writer).master()?.is_none())
}

/// Brings the schema up to date, and does nothing else.
pub(crate) async fn migrate(url: &PostgresUrl) -> Result<Migrated, Error> {
    blocking(url, |idle| schema::migrate(&idle)).await
}

pub use schema::Migrated;

/// What the tables take, with their indices and all else that belongs to them.
pub(crate) fn bytes(url: &PostgresUrl) -> Result<u64, Error> {
    let sql = "SELECT CAST(sum(pg_total_relation_size(oid)) AS bigint) FROM pg_class
        WHERE relnamespace = 'treering'::regnamespace AND relkind = 'r'";
    let idle = Idle::new(Connector::new(url)?);
    let bytes: i64 = idle
        .with(Access::reading(Role::Writer), |connection| connection.one(sql, params![], |row| row.get(0)))?;
    Ok(bytes.unsigned_abs())
}

async fn blocking<T: Send + 'static>(
    url: &PostgresUrl,
    work: impl FnOnce(Arc<Idle>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let idle = Idle::new(Connector::new(url)?);
    tokio::task::spawn_blocking(move || work(idle)).await?
}

fn control(idle: &Arc<Idle>, chain: Chain, engine: Option<&Engine>) -> Control {
    let looking = pool(idle, KEEPERS, Access::reading(Role::Sweeper), engine);
    let pool = pool(idle, KEEPERS, Access::of(Role::Keeper), engine);
    Control { keeper: Keeper::new(pool.clone(), looking, chain.clone()), audit: Audit::new(pool, chain) }
}

fn reader(idle: &Arc<Idle>, content: &Content, engine: Option<&Engine>) -> Reader {
    Reader::new(pool(idle, READERS, Access::reading(Role::Reader), engine), content.clone())
}

fn pool(idle: &Arc<Idle>, count: usize, access: Access, engine: Option<&Engine>) -> sql::Pool {
    sql::Pool::Postgres(Pool::new(idle, count, access, engine))
}

/// The wrapped keys of a store, in its own tables.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    idle: Arc<Idle>,
    /// Who uses them.
    role: Role,
}

/// What is done with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// They are read and made.
    Use,
    /// They are dropped.
    Forget,
    /// They are wrapped anew.
    Own,
}

impl Remote {
    fn of(idle: &Arc<Idle>, role: Role) -> Self {
        Self { idle: idle.clone(), role }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.role, Role::Reader | Role::Witness)
    }

    /// Looks a key of this project up. Who only reads has no right to another one's.
    pub(crate) fn look<T>(
        &self,
        project: ProjectId,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let claims = Claims { viewer: &Viewer::Local, project: Some(project), content: true };
        let access = match self.role {
            Role::Reader => Access::reading(Role::Reader).claiming(claims),
            Role::Witness => Access::reading(Role::Witness),
            role => Access::of(role),
        };
        self.idle.with(access, work)
    }

    pub(crate) fn act<T>(
        &self,
        need: Need,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let role = match need {
            Need::Use => self.role,
            Need::Forget => Role::Sweeper,
            Need::Own => Role::Keeper,
        };
        self.idle.with(Access::of(role), work)
    }

    /// The name of the master key.
    pub(crate) fn master(&self) -> Result<Option<MasterId>, Error> {
        let sql = match self.role {
            Role::Reader | Role::Witness => "SELECT treering.master_id()",
            _ => "SELECT (SELECT id FROM master)",
        };
        let read = |row: Row<'_>| Ok(row.get::<Option<_>>(0)?.map(MasterId));
        self.idle.with(Access::reading(self.role), |connection| connection.one(sql, params![], read))
    }
}
