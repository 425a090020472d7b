//! The embedded store: one SQLite file in WAL mode.

mod backup;
mod damage;
mod migration;
mod pool;
mod schema;

use std::path::Path;
use std::sync::Arc;

use rusqlite::OpenFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::clickhouse::Engine;
use crate::sql::{self, Asks, Audit, Chain, Connection, Content, Keeper, Keys, Reader, Writer};
use crate::{Control, Error, Handles, MasterSource, ReadHandles, Vault, vault_path};
pub(crate) use backup::{back_up, bytes};
use damage::Ground;
pub use damage::{Damaged, Piece, Salvage, Salvaged};
pub(crate) use pool::Pool;
pub(crate) use schema::{shrink, truncate_log};

/// How long a connection waits for another one's write before it gives up.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Two cores serve pages; more connections would only wait for them.
const READERS: usize = 4;

pub(crate) async fn open(
    path: &Path,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<Handles, Error> {
    let sealed = path.exists() && schema::was_sealed(file(&writing(path, true)?))?;
    let open = if sealed { Vault::open_existing } else { Vault::open };
    open_on(&Ground::of(path), open(&vault_path(path), master)?, engine.as_ref())
}

/// The same for the one process that owns the store, which begins a new database where this one is damaged.
pub(crate) async fn open_and_mend(
    path: &Path,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<(Handles, Damaged), Error> {
    let keys = vault_path(path);
    // Where content was sealed, its keys must be there: new ones would open nothing of it.
    if !std::fs::metadata(&keys).is_ok_and(|file| file.len() > 0) && path.exists() && was_sealed(path) {
        return Err(Error::KeysLost { path: keys.display().to_string() });
    }
    let vault = Vault::open(&keys, master)?;
    let ground = Ground::of_owner(path, vault.clone());
    ground.prepare()?;
    Ok((open_on(&ground, vault, engine.as_ref())?, Damaged::new(ground)))
}

fn open_on(ground: &Arc<Ground>, vault: Vault, engine: Option<&Engine>) -> Result<Handles, Error> {
    let (path, content) = (&*ground.path, Content::new(vault.clone()));
    schema::migrate(&writing(path, true)?, path, &content)?;
    let (reader, keys) = reading(ground, &content, engine)?;
    let writing = pool(ground, 1, |path| writing(path, false), engine)?;
    let writer = Writer::new(writing.clone(), writing, pool(ground, 1, read_only, engine)?, content);
    let Control { keeper, audit } = control(ground, Chain::Open(vault.clone()), engine)?;
    let witness = witness(ground, &vault)?;
    Ok(Handles { writer, keeper, reader, keys, audit, witness, vault })
}

pub(crate) async fn open_read_only(
    path: &Path,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<ReadHandles, Error> {
    // The store first: where there is none, that is the better thing to say.
    read_only(path)?;
    let vault = Vault::open_read_only(&vault_path(path), master)?;
    let ground = Ground::of(path);
    let (reader, keys) = reading(&ground, &Content::new(vault.clone()), engine.as_ref())?;
    Ok(ReadHandles { reader, keys, witness: witness(&ground, &vault)?, vault })
}

/// Control data of a store that is there, whose schema may be brought up to date by its next server alone.
pub(crate) async fn open_control(
    path: &Path,
    master: MasterSource,
    engine: Option<Engine>,
) -> Result<Control, Error> {
    read_only(path)?;
    control(&Ground::of(path), Chain::Closed { keys: vault_path(path), master }, engine.as_ref())
}

pub(crate) fn control_with(path: &Path, vault: &Vault, engine: Option<&Engine>) -> Result<Control, Error> {
    read_only(path)?;
    control(&Ground::of(path), Chain::Open(vault.clone()), engine)
}

pub(crate) fn open_vault(path: &Path, master: MasterSource) -> Result<Vault, Error> {
    Vault::open_existing(&vault_path(path), master)
}

/// True where nothing was ever sealed for this store: it is not there, or of a version that sealed nothing.
pub(crate) fn is_unsealed(path: &Path) -> bool {
    !(vault_path(path).exists() || path.exists() && was_sealed(path))
}

/// A store that cannot be read may have been.
fn was_sealed(path: &Path) -> bool {
    let sealed = || schema::was_sealed(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
    sealed().unwrap_or(true)
}

fn control(ground: &Arc<Ground>, chain: Chain, engine: Option<&Engine>) -> Result<Control, Error> {
    let pool = pool(ground, 1, |path| writing(path, false), engine)?;
    Ok(Control {
        keeper: Keeper::new(pool.clone(), pool.clone(), chain.clone()),
        audit: Audit::new(pool, chain),
    })
}

fn reading(
    ground: &Arc<Ground>,
    content: &Content,
    engine: Option<&Engine>,
) -> Result<(Reader, Keys), Error> {
    let reader = Reader::new(pool(ground, READERS, read_only, engine)?, content.clone());
    Ok((reader, Keys::new(pool(ground, 1, read_only, engine)?, Asks::Table)))
}

/// Adds to the audit log, on a connection that can do nothing else: of steps elsewhere it knows nothing.
fn witness(ground: &Arc<Ground>, vault: &Vault) -> Result<Audit, Error> {
    Ok(Audit::new(pool(ground, 1, witnessing, None)?, Chain::Open(vault.clone())))
}

fn pool(
    ground: &Arc<Ground>,
    count: usize,
    open: fn(&Path) -> Result<Connection, Error>,
    engine: Option<&Engine>,
) -> Result<sql::Pool, Error> {
    Ok(sql::Pool::Sqlite(Pool::open(ground, count, open, engine)?))
}

/// What it is a connection to.
fn file(connection: &Connection) -> &rusqlite::Connection {
    match connection.control() {
        Connection::Sqlite(file) => file,
        _ => unreachable!("this room opens files alone"),
    }
}

fn writing(path: &Path, may_create: bool) -> Result<Connection, Error> {
    let create = if may_create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    Ok(Connection::Sqlite(connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | create)?))
}

fn read_only(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check(&connection, path)?;
    // The file is opened read-only already; this refuses writes to attached or temporary databases as well.
    connection.pragma_update(None, "query_only", true)?;
    Ok(Connection::Sqlite(connection))
}

/// Whatever a statement of it says, nothing is changed but the end of the audit log, and when keys were used.
fn witnessing(path: &Path) -> Result<Connection, Error> {
    let Connection::Sqlite(mut connection) = writing(path, false)? else {
        unreachable!("this room opens files alone")
    };
    schema::check(&connection, path)?;
    let allowed = |context: AuthContext<'_>| match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Function { .. }
        | AuthAction::Insert { table_name: "audit" | "key_use" }
        | AuthAction::Update { table_name: "key_use", column_name: "last_at" } => Authorization::Allow,
        _ => Authorization::Deny,
    };
    connection.authorizer(Some(allowed))?;
    Ok(Connection::Sqlite(connection))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<rusqlite::Connection, Error> {
    let open = || {
        let connection =
            rusqlite::Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
            // Of a new file; an old one is written anew for it. Before the first table, which the journal mode makes.
            connection.pragma_update(None, "auto_vacuum", "incremental")?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // The journal forgets a batch once the store has it: the store's commit must survive a power cut.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // What is deleted is overwritten.
            connection.pragma_update(None, "secure_delete", true)?;
        }
        Ok(connection)
    };
    open().map_err(|source| Error::Open { path: path.display().to_string(), source })
}
