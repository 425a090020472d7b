//! The durable, sealed journal between an answer and the store.
//!
//! **In and out.** A redacted request, the number of its project and a key to seal it with go in; once
//! [`Journal::append`] returns, the sealed request is on disk, fsynced, and the client may hear yes. Delivery takes
//! entries out in order ([`Journal::next`]), opens them with a key of its own, and forgets what the store has
//! ([`Journal::forget`]).
//!
//! **May not touch.** OTLP, dialects, HTML: it sees sealed bytes, the word for their form, and a number. It is
//! bounded by bytes; when it is full it says so and takes nothing.
//!
//! **How to test it.** `cargo test -p treering-queue`: order, durability over a reopening, bounds; damage of any bytes
//! (`tests/damage.rs`), under which every whole entry before and behind it comes back; a model (`tests/model.rs`) that
//! crashes between and within writes, and gets everything it is owed, in order; and disks that take nothing
//! (`tests/trouble.rs`).
//!
//! The ground is a folder of append-only files. One thread writes: while it waits for an fsync, the requests that
//! arrive meanwhile gather, and share the next one (group commit). A file is a plain sequence, so that what is left of
//! a damaged one can be found by looking for the next entry, which a page of a database cannot offer; and appending
//! costs a quarter of what SQLite takes for the same promise: 0.7 CPU-µs a span against 2.7–3.2, at 100 spans of 1.5 KB a
//! request and on a busy machine (`cargo run --release -p treering-queue --example speed -- FOLDER`; sealing is 1.1 more).
//! Opening looks at every head, at 0.8 µs each while the system has the pages.
//!
//! An entry is known by its place in the whole sequence of bytes that the journal ever wrote. Each entry names its own
//! place, so that none is taken for one that stood elsewhere, and the files need no index.

mod aside;
mod before;
mod entry;
mod error;
mod folder;
mod journal;
mod salvage;
mod segment;
mod sequence;
mod shared;
mod thread;
mod writing;

pub use entry::{Entry, EntryId};
pub use error::Error;
pub use journal::{Journal, Sealed, Settings};
pub use salvage::Salvage;
pub use shared::Depth;

#[cfg(test)]
mod tests;
