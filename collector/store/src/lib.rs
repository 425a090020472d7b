//! Records, summaries and control data, in a database.
//!
//! **In and out.** [`open`] takes a URL and the source of the master key, and hands out narrow handles: [`Writer`]
//! (records and summaries in, old days out), [`Reader`] (executions and steps out, on a read-only connection),
//! [`Keys`] (API keys looked up, read-only), [`Keeper`] (projects, keys and members made), [`Audit`] (what was done, by
//! whom) and [`Vault`] (the keys that seal content). Only the binary ever sees all of them.
//!
//! **May not touch.** HTTP, OTLP dialects, templates. It is the only crate, beside `queue` for its own file,
//! that knows a database driver. It is given [`treering_redact::Record`]s and nothing that was not redacted.
//!
//! **How to test it.** `cargo test -p treering-store`: `tests/contract` is written against the handles, so that every
//! store passes the same battery; each has a target that runs it. What content costs: `cargo run --release -p treering-store --example sizes`.

mod audit;
mod clickhouse;
mod content;
mod control;
mod erasure;
mod error;
mod fleet;
mod hashes;
mod key;
mod known;
mod model;
mod postgres;
mod receipt;
mod sql;
mod sqlite;
mod url;
mod vault;
mod words;

use std::path::Path;

use clickhouse::Engine;

pub use audit::{Act, Action, AuditRow, Broken, Checkpoint, Ending, Verdict};
pub use clickhouse::{ClickHouseUrl, definition as clickhouse_definition};
pub use content::{identity, keyed};
pub use control::{
    ClientName, Entrance, EntranceChange, Joined, Keep, Member, ProjectRecord, Retention, Role,
};
pub use erasure::{Erased, ErasedDay, Erasure, ErasureState, Target};
pub use error::Error;
pub use fleet::{Collector, Presence, Share};
pub use key::{ApiKey, KeyRecord, KeyUse, Scopes, Terms};
pub use model::{
    Batch, ClockNote, Compared, Computed, Condition, Cursor, ExecutionFilter, ExecutionPage, Forgotten,
    Indexed, LogEntry, NumberField, OutcomeCount, Pattern, Project, ProjectId, Reread, Scope, SearchLag,
    Sign, SpanEntry, StepRecords, TellWords, Test, TextField, Touched, Unindexed, Viewer, Wording,
};
pub use postgres::{Migrated, PostgresUrl};
pub use receipt::{RECEIPT_DAYS, Receipt, RequestId, Transport};
pub use sql::{Admission, Audit, Keeper, Keys, Reader, Work, Writer};
pub use sqlite::{Damaged, Piece, Salvage, Salvaged};
pub use url::{ClickHouseStore, StoreUrl};
pub use vault::{MasterSource, Vault, VaultState, vault_path, write_new_master};

/// The handles of a store. Whoever opens it gives each room the one that it needs.
#[derive(Debug)]
pub struct Handles {
    pub writer: Writer,
    pub reader: Reader,
    pub keys: Keys,
    pub keeper: Keeper,
    pub audit: Audit,
    /// The same for who serves: it adds to the log what was seen and used, and changes nothing else.
    pub witness: Audit,
    pub vault: Vault,
}

/// The handles of a store that only reads: no writer exists in such a process, but for who saw what.
#[derive(Debug)]
pub struct ReadHandles {
    pub reader: Reader,
    pub keys: Keys,
    pub witness: Audit,
    pub vault: Vault,
}

/// The control data of a store: projects, keys, members, and what was done to them. Reading it needs no master key;
/// writing does, since each change stands in the chain of the audit log.
#[derive(Debug)]
pub struct Control {
    pub keeper: Keeper,
    pub audit: Audit,
}

/// Opens a store for reading and writing; makes it, and brings its schema up to date, where needed.
pub async fn open(url: &StoreUrl, master: MasterSource) -> Result<Handles, Error> {
    let (control, engine) = both(url, clickhouse::ensure).await?;
    let handles = match control {
        StoreUrl::Sqlite(path) => sqlite::open(path, master, engine).await?,
        StoreUrl::Postgres(url) => postgres::open(url, master, engine).await?,
        StoreUrl::ClickHouse(_) => return Err(Error::ControlInClickHouse),
    };
    handles.writer.catch_up().await?;
    Ok(handles)
}

/// Where the control data of a store are, and its ClickHouse where it has one, spoken to.
async fn both(
    url: &StoreUrl,
    speak: fn(&ClickHouseUrl) -> Result<Engine, Error>,
) -> Result<(&StoreUrl, Option<Engine>), Error> {
    let StoreUrl::ClickHouse(store) = url else { return Ok((url, None)) };
    let (control, steps) = (store.control()?, store.steps.clone());
    let engine = tokio::task::spawn_blocking(move || speak(&steps)).await??;
    Ok((control, Some(engine)))
}

/// Where the control data of a store are. Its keys are there, too.
fn control_of(url: &StoreUrl) -> Result<&StoreUrl, Error> {
    url.control().ok_or(Error::NoControl)
}

/// Opens a store for the one process that owns it. A damaged one is moved aside, and a new one begins in its place, with
/// the control data that could be read; the rest of it is in [`Damaged`]. A remote store is its server's to mend.
pub async fn open_and_mend(
    url: &StoreUrl,
    master: MasterSource,
) -> Result<(Handles, Option<Damaged>), Error> {
    let (control, engine) = both(url, clickhouse::ensure).await?;
    let (handles, damaged) = match control {
        StoreUrl::Sqlite(path) => {
            let (handles, damaged) = sqlite::open_and_mend(path, master, engine).await?;
            (handles, Some(damaged))
        }
        StoreUrl::Postgres(url) => (postgres::open(url, master, engine).await?, None),
        StoreUrl::ClickHouse(_) => return Err(Error::ControlInClickHouse),
    };
    handles.writer.catch_up().await?;
    Ok((handles, damaged))
}

/// Opens a store that is there already, for reading alone.
pub async fn open_read_only(url: &StoreUrl, master: MasterSource) -> Result<ReadHandles, Error> {
    let (control, engine) = both(url, clickhouse::connect).await?;
    match control {
        StoreUrl::Sqlite(path) => sqlite::open_read_only(path, master, engine).await,
        StoreUrl::Postgres(url) => postgres::open_read_only(url, master, engine).await,
        StoreUrl::ClickHouse(_) => Err(Error::ControlInClickHouse),
    }
}

/// Opens the control data of a store that is there already.
pub async fn open_control(url: &StoreUrl, master: MasterSource) -> Result<Control, Error> {
    let (control, engine) = both(url, clickhouse::connect).await?;
    match control {
        StoreUrl::Sqlite(path) => sqlite::open_control(path, master, engine).await,
        StoreUrl::Postgres(url) => postgres::open_control(url, master, engine).await,
        StoreUrl::ClickHouse(_) => Err(Error::ControlInClickHouse),
    }
}

/// Opens the keys of a store that is there already.
pub fn open_vault(url: &StoreUrl, master: MasterSource) -> Result<Vault, Error> {
    match control_of(url)? {
        StoreUrl::Sqlite(path) => sqlite::open_vault(path, master),
        StoreUrl::Postgres(url) => postgres::open_vault(url, master),
        StoreUrl::ClickHouse(_) => Err(Error::ControlInClickHouse),
    }
}

/// A new file of keys for a store whose own one is lost: what that one opened stays closed.
pub fn new_vault(url: &StoreUrl, master: MasterSource) -> Result<Vault, Error> {
    match control_of(url)? {
        StoreUrl::Sqlite(path) => Vault::open(&vault_path(path), master),
        _ => Err(Error::NoFile),
    }
}

/// The control data of a store whose keys are open already.
pub fn control_with(url: &StoreUrl, vault: &Vault) -> Result<Control, Error> {
    let engine = match url {
        StoreUrl::ClickHouse(store) => Some(clickhouse::connect(&store.steps)?),
        _ => None,
    };
    match control_of(url)? {
        StoreUrl::Sqlite(path) => sqlite::control_with(path, vault, engine.as_ref()),
        StoreUrl::Postgres(url) => postgres::control_with(url, vault, engine.as_ref()),
        StoreUrl::ClickHouse(_) => Err(Error::ControlInClickHouse),
    }
}

/// True where nothing was ever sealed for this store, so that a new master key takes the place of none.
pub fn is_unsealed(url: &StoreUrl) -> bool {
    match url.control() {
        Some(StoreUrl::Sqlite(path)) => sqlite::is_unsealed(path),
        Some(StoreUrl::Postgres(url)) => postgres::is_unsealed(url),
        // It was never opened.
        Some(StoreUrl::ClickHouse(_)) | None => true,
    }
}

/// Copies a store that is there, as it is at one moment, while others go on writing it; `to` is absent or empty. On
/// disk when this returns. It may block for long: `to` grows up to [`store_bytes`] meanwhile. Of steps in a ClickHouse,
/// whose own tools copy them, this copies the control data.
pub fn back_up(url: &StoreUrl, to: &Path) -> Result<(), Error> {
    match control_of(url)? {
        StoreUrl::Sqlite(path) => sqlite::back_up(path, to),
        _ => Err(Error::NoFile),
    }
}

/// A file of keys that belongs to no store: those of a collector's own journal, where its store is a remote one.
pub fn open_keys(path: &Path, master: MasterSource) -> Result<Vault, Error> {
    Vault::open_beside(path, master)
}

/// Brings the schema of a remote store up to date, and does nothing else. An embedded one is brought up to date by
/// whoever owns it.
pub async fn migrate(url: &PostgresUrl) -> Result<Migrated, Error> {
    postgres::migrate(url).await
}

/// Makes the tables of a ClickHouse where there are none, and does nothing else.
pub async fn migrate_clickhouse(url: &ClickHouseUrl) -> Result<(), Error> {
    let url = url.clone();
    tokio::task::spawn_blocking(move || clickhouse::ensure(&url).map(drop)).await?
}

/// How large the store is: of an embedded one, a copy of it; of a remote one, its tables with all that belongs to them.
pub fn store_bytes(url: &StoreUrl) -> Result<u64, Error> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::bytes(path),
        StoreUrl::Postgres(url) => postgres::bytes(url),
        StoreUrl::ClickHouse(store) => clickhouse::bytes(&store.steps),
    }
}
