//! The embedded store: one SQLite file in WAL mode.

mod append;
mod audit;
mod backup;
mod clear;
mod content;
mod erase;
mod erasing;
mod erasures;
mod executions;
mod facets;
mod forget;
mod index;
mod joins;
mod keeper;
mod keys;
mod migration;
mod outcomes;
mod partials;
mod people;
mod pool;
mod prepare;
mod processes;
mod projects;
mod reader;
mod records;
mod reread;
mod retention;
mod rows;
mod schema;
mod search;
mod writer;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{Control, Error, Handles, MasterSource, ReadHandles, Vault, vault_path};
pub use audit::Audit;
use audit::Chain;
pub(crate) use backup::{back_up, bytes};
use content::Content;
pub use keeper::Keeper;
pub use keys::Keys;
use pool::Pool;
pub use reader::Reader;
pub use writer::Writer;

/// How long a connection waits for another one's write before it gives up.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Two cores serve pages; more connections would only wait for them.
const READERS: usize = 4;

pub(crate) async fn open(path: &Path, master: MasterSource) -> Result<Handles, Error> {
    let mut writing = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let sealed = schema::was_sealed(&writing)?;
    let open = if sealed { Vault::open_existing } else { Vault::open };
    let vault = open(&vault_path(path), master)?;
    let content = Content::new(vault.clone());
    schema::migrate(&mut writing, path, &content)?;
    let ReadHandles { reader, keys, .. } = reading(path, &content)?;
    let writer = Writer::new(Pool::new(vec![writing]), Pool::new(vec![read_only(path)?]), content);
    let Control { keeper, audit } = control(path, Chain::Open(vault.clone()))?;
    Ok(Handles { writer, keeper, reader, keys, audit, vault })
}

pub(crate) async fn open_read_only(path: &Path, master: MasterSource) -> Result<ReadHandles, Error> {
    // The store first: where there is none, that is the better thing to say.
    read_only(path)?;
    reading(path, &Content::new(Vault::open_read_only(&vault_path(path), master)?))
}

/// Control data of a store that is there, whose schema may be brought up to date by its next server alone.
pub(crate) async fn open_control(path: &Path, master: MasterSource) -> Result<Control, Error> {
    read_only(path)?;
    control(path, Chain::Closed { keys: vault_path(path), master })
}

pub(crate) fn control_with(path: &Path, vault: &Vault) -> Result<Control, Error> {
    read_only(path)?;
    control(path, Chain::Open(vault.clone()))
}

pub(crate) fn open_vault(path: &Path, master: MasterSource) -> Result<Vault, Error> {
    Vault::open_existing(&vault_path(path), master)
}

/// True where nothing was ever sealed for this store: it is not there, or of a version that sealed nothing.
pub(crate) fn is_unsealed(path: &Path) -> bool {
    let sealed = || schema::was_sealed(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
    // A store that cannot be read is a matter for who opens it.
    !(vault_path(path).exists() || path.exists() && sealed().unwrap_or(true))
}

fn control(path: &Path, chain: Chain) -> Result<Control, Error> {
    let pool = Pool::new(vec![connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?]);
    Ok(Control { keeper: Keeper::new(pool.clone(), chain.clone()), audit: Audit::new(pool, chain) })
}

fn reading(path: &Path, content: &Content) -> Result<ReadHandles, Error> {
    let readers = (0..READERS).map(|_| read_only(path)).collect::<Result<_, _>>()?;
    Ok(ReadHandles {
        reader: Reader::new(Pool::new(readers), content.clone()),
        keys: Keys::new(Pool::new(vec![read_only(path)?])),
        vault: content.vault.clone(),
    })
}

fn read_only(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check(&connection, path)?;
    // The file is opened read-only already; this refuses writes to attached or temporary databases as well.
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
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
