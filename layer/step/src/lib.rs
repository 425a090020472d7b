//! The vocabulary of Treering: what a step is, in the words of the field.
//!
//! **In and out.** Plain data, read from and written as JSON in the shape of the read API. The layer writes
//! with these names, the collector reads with them, the dashboard shows them.
//!
//! **May not touch.** I/O, clocks, OTLP bytes, SQL, HTML. It depends on `serde` and on a formatter of times.
//!
//! **How to test it.** `cargo test -p treering-step`: every type survives JSON and back.
#![deny(missing_docs)]

pub mod attributes;
mod content;
mod execution;
mod id;
mod kind;
mod record;
mod step;
mod summary;
mod time;
mod usage;

pub use content::{Content, Media, Message, Part};
pub use execution::{Execution, ExecutionTokens};
pub use id::{InvalidId, SpanId, TraceId};
pub use kind::{Kind, Status};
pub use record::{Event, Link, Log};
pub use step::{Failure, Step, Tool};
pub use summary::{JoinKey, ProcessId, Source, Summary};
pub use time::Timestamp;
pub use usage::Usage;

#[cfg(test)]
mod tests;
