//! OTLP in, rows out.
//!
//! **In and out.** [`Collector::bind`] takes a place for OTLP/gRPC and one for OTLP/HTTP; requests come in from
//! any exporter, and leave as records and summaries in the store. The way of a request stands on one screen, in
//! `way.rs`; the rest of the way, from the journal to the store, in `deliver.rs`. [`Rereading`] goes that last part
//! again with what is stored. What is asked to be erased, and what a project keeps no longer, goes by itself.
//!
//! **May not touch.** HTML, pages, the store's reading side. It holds a writer and a look-up of keys.
//!
//! **How to test it.** `cargo test -p treering-collector`: requests over real sockets, from hand-made ones to
//! those of the published exporter.

mod admit;
mod body;
mod collector;
mod connections;
mod deliver;
mod held;
mod memory;
mod outcome;
mod receipt;
mod receive;
mod refusal;
mod retention;
mod tls;
mod way;

pub use collector::{Collector, Error, Running, Settings, StoreHandles};
pub use connections::{ConnectionLimits, serve};
pub use deliver::{Identity, Reread, Rereading};
pub use outcome::Outcome;
pub use receive::{Manners, Origins};
pub use retention::{Pruned, doubt, prune};
pub use tls::{Tls, TlsError, TlsFiles, TlsWatch};
pub use way::{Acknowledge, Limits};
