//! What the two databases with SQL do alike, written once: SQLite in a file, and PostgreSQL.

mod append;
mod audit;
mod changes;
mod clear;
mod clients;
mod conditions;
mod connection;
mod content;
mod erase;
mod erasing;
mod erasures;
mod executions;
mod facets;
mod fleet;
mod forget;
mod index;
mod joins;
mod keeper;
mod keys;
mod outcomes;
mod partials;
mod people;
mod pool;
mod prepare;
mod processes;
mod projects;
mod reader;
mod receipts;
mod records;
mod removal;
mod reread;
mod retention;
mod rows;
mod rules;
mod search;
mod versions;
mod words;
mod writer;

pub use audit::Audit;
pub use fleet::Work;
pub use keeper::Keeper;
pub use keys::{Admission, Keys};
pub use reader::Reader;
pub use writer::Writer;

pub(crate) use audit::Chain;
pub(crate) use connection::{
    Conflict, Connection, Delete, Find, Insert, Kind, OptionalExtension, Row, Transaction, Update, Values,
};
pub(crate) use content::Content;
pub(crate) use index::mark_all;
pub(crate) use keys::Asks;
pub(crate) use outcomes::count;
pub(crate) use pool::Pool;
pub(crate) use prepare::{Day, address, first_new_block};
pub(crate) use records::Records;
pub(crate) use rows::{places, trace_id};
pub(crate) use versions::{next_version, raise_version, take_version};
pub(crate) use words::for_postgres;
