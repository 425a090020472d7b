//! A remote store: PostgreSQL 15 or newer, directly or behind a pooler that lends a connection for a transaction.

mod access;
mod connector;
mod pool;
mod schema;
mod session;
mod url;
mod values;

use std::sync::Arc;

use rusqlite::params;

use access::Access;
use connector::Connector;
use pool::Idle;

use crate::sql::{self, Audit, Chain, Connection, Content, Keeper, Keys, Reader, Writer};
use crate::{Control, Error, Handles, MasterSource, ProjectId, ReadHandles, Vault, Viewer};
pub(crate) use access::{Claims, Role};
pub(crate) use pool::Pool;
pub(crate) use session::{PgRow, Session};
pub use url::PostgresUrl;
pub(crate) use values::Cell;

/// Pieces of work that may be done at the same time, of each kind.
const WRITERS: usize = 2;
const SWEEPERS: usize = 2;
const READERS: usize = 4;
const KEEPERS: usize = 2;

pub(crate) async fn open(url: &PostgresUrl, master: MasterSource) -> Result<Handles, Error> {
    blocking(url, move |idle| {
        schema::migrate(&idle)?;
        let vault = Vault::remote(Remote::of(&idle), master)?;
        let content = Content::new(vault.clone());
        let ReadHandles { reader, keys, .. } = reading(&idle, &content);
        let writer = Writer::new(
            pool(&idle, WRITERS, Access::of(Role::Writer)),
            pool(&idle, SWEEPERS, Access::of(Role::Sweeper)),
            pool(&idle, SWEEPERS, Access::reading(Role::Sweeper)),
            content,
        );
        let Control { keeper, audit } = control(&idle, Chain::Open(vault.clone()));
        Ok(Handles { writer, reader, keys, keeper, audit, vault })
    })
    .await
}

pub(crate) async fn open_read_only(url: &PostgresUrl, master: MasterSource) -> Result<ReadHandles, Error> {
    blocking(url, move |idle| {
        schema::check(&idle)?;
        Ok(reading(&idle, &Content::new(Vault::remote(Remote::for_reading(&idle), master)?)))
    })
    .await
}

pub(crate) async fn open_control(url: &PostgresUrl, master: MasterSource) -> Result<Control, Error> {
    blocking(url, move |idle| {
        schema::check(&idle)?;
        Ok(control(&idle, Chain::Remote { keys: Remote::of(&idle), master }))
    })
    .await
}

pub(crate) fn control_with(url: &PostgresUrl, vault: &Vault) -> Result<Control, Error> {
    let idle = Idle::new(Connector::new(url)?);
    schema::check(&idle)?;
    Ok(control(&idle, Chain::Open(vault.clone())))
}

pub(crate) fn open_vault(url: &PostgresUrl, master: MasterSource) -> Result<Vault, Error> {
    let idle = Idle::new(Connector::new(url)?);
    schema::check(&idle)?;
    Vault::remote(Remote::of(&idle), master)
}

/// True where nothing was ever sealed there.
pub(crate) fn is_unsealed(url: &PostgresUrl) -> bool {
    let is_unsealed = || {
        let idle = Idle::new(Connector::new(url)?);
        Ok::<_, Error>(schema::is_new(&idle)? || Remote::of(&idle).act(Role::Keeper, has_no_master)?)
    };
    // One that does not answer may have been.
    is_unsealed().unwrap_or(false)
}

fn has_no_master(connection: &Connection) -> Result<bool, Error> {
    connection.one("SELECT NOT EXISTS (SELECT 1 FROM master)", params![], |row| row.get(0))
}

/// Brings the schema up to date, and does nothing else.
pub(crate) async fn migrate(url: &PostgresUrl) -> Result<Migrated, Error> {
    blocking(url, |idle| schema::migrate(&idle)).await
}

pub use schema::Migrated;

async fn blocking<T: Send + 'static>(
    url: &PostgresUrl,
    work: impl FnOnce(Arc<Idle>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let idle = Idle::new(Connector::new(url)?);
    tokio::task::spawn_blocking(move || work(idle)).await?
}

fn control(idle: &Arc<Idle>, chain: Chain) -> Control {
    let pool = pool(idle, KEEPERS, Access::of(Role::Keeper));
    Control { keeper: Keeper::new(pool.clone(), chain.clone()), audit: Audit::new(pool, chain) }
}

fn reading(idle: &Arc<Idle>, content: &Content) -> ReadHandles {
    ReadHandles {
        reader: Reader::new(pool(idle, READERS, Access::reading(Role::Reader)), content.clone()),
        keys: Keys::new(pool(idle, KEEPERS, Access::reading(Role::Keeper))),
        vault: content.vault.clone(),
    }
}

fn pool(idle: &Arc<Idle>, count: usize, access: Access) -> sql::Pool {
    sql::Pool::Postgres(Pool::new(idle, count, access))
}

/// The wrapped keys of a store, in its own tables.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    idle: Arc<Idle>,
    read_only: bool,
}

impl Remote {
    fn of(idle: &Arc<Idle>) -> Self {
        Self { idle: idle.clone(), read_only: false }
    }

    fn for_reading(idle: &Arc<Idle>) -> Self {
        Self { idle: idle.clone(), read_only: true }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Looks a key of this project up. Who only reads has no right to another one's.
    pub(crate) fn look<T>(
        &self,
        project: ProjectId,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let access = if self.read_only {
            let claims = Claims { viewer: &Viewer::Local, project: Some(project), content: true };
            Access::reading(Role::Reader).claiming(claims)
        } else {
            Access::of(Role::Keeper)
        };
        self.idle.with(access, work)
    }

    /// Does what this role may do.
    pub(crate) fn act<T>(
        &self,
        role: Role,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.idle.with(Access::of(role), work)
    }
}
