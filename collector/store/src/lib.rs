//! Records, summaries and control data, in a database.
//!
//! **In and out.** [`open`] takes a URL and the source of the master key, and hands out narrow handles: [`Writer`]
//! (records and summaries in), [`Reader`] (executions and steps out, on a read-only connection), [`Keys`] (API keys
//! looked up, read-only), [`Keeper`] (projects and keys made) and [`Vault`] (the keys that seal content). Only the
//! binary ever sees all of them.
//!
//! **May not touch.** HTTP, OTLP dialects, templates. It is the only crate, beside `queue` for its own file,
//! that knows a database driver. It is given [`treering_redact::Record`]s and nothing that was not redacted.
//!
//! **How to test it.** `cargo test -p treering-store`: `tests/contract.rs` is written against the handles, so
//! that every later store passes the same battery.

mod content;
mod error;
mod hashes;
mod key;
mod model;
mod sqlite;
mod url;
mod vault;

pub use content::{identity, keyed};
pub use error::Error;
pub use key::{ApiKey, KeyRecord, Scopes};
pub use model::{
    Batch, Computed, Cursor, ExecutionFilter, ExecutionPage, Indexed, LogEntry, OutcomeCount, Partials,
    Project, ProjectId, Reread, Scope, SearchLag, Sign, SpanEntry, StepRecords, TellWords, Touched,
    Unindexed, Wording,
};
pub use sqlite::{Keeper, Keys, Reader, Writer};
pub use url::StoreUrl;
pub use vault::{MasterSource, Vault, VaultState, vault_path};

/// The handles of a store. Whoever opens it gives each room the one that it needs.
#[derive(Debug)]
pub struct Handles {
    pub writer: Writer,
    pub reader: Reader,
    pub keys: Keys,
    pub keeper: Keeper,
    pub vault: Vault,
}

/// The handles of a store that only reads: no writer exists in such a process.
#[derive(Debug)]
pub struct ReadHandles {
    pub reader: Reader,
    pub keys: Keys,
}

/// Opens a store for reading and writing; makes it, and brings its schema up to date, where needed.
pub async fn open(url: &StoreUrl, master: MasterSource) -> Result<Handles, Error> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::open(path, master).await,
    }
}

/// Opens a store that is there already, for reading alone.
pub async fn open_read_only(url: &StoreUrl, master: MasterSource) -> Result<ReadHandles, Error> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::open_read_only(path, master).await,
    }
}

/// Opens the control data of a store that is there already: projects and keys, which need no master key.
pub async fn open_control(url: &StoreUrl) -> Result<Keeper, Error> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::open_control(path).await,
    }
}
