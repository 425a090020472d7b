//! The durable journal between an answer and the store.
//!
//! **In and out.** A redacted request and the number of its project go in; once [`Journal::append`] returns,
//! they are on disk, fsynced, and the client may hear yes. Delivery takes them out in order
//! ([`Journal::next`]), and forgets what the store has ([`Journal::forget`]).
//!
//! **May not touch.** OTLP, dialects, HTML: it sees bytes, the word for their form, and a number. It is bounded
//! by bytes; when it is full it says so and takes nothing.
//!
//! **How to test it.** `cargo test -p treering-queue`: order, durability over a reopening, bounds.
//!
//! The ground is SQLite in WAL mode with `synchronous=FULL`, whose recovery is proven better than any file of
//! ours would be. One thread writes: while it waits for an fsync, the requests that arrive meanwhile gather,
//! and share the next one (group commit).

mod back_up;
mod error;
mod journal;
mod shared;
mod thread;

pub use back_up::back_up;
pub use error::Error;
pub use journal::{Entry, Journal, Settings};
pub use shared::{Depth, EntryId};

#[cfg(test)]
mod tests;
