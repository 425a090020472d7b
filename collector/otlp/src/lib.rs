//! The one form of an OTLP request behind the door.
//!
//! **In and out.** The bytes of a request, protobuf or JSON, become an [`Export`]: protobuf bytes that were
//! checked once, and an index of where their strings are. It offers its strings to visit, edits to make,
//! records to take, and the records a view to read from ([`Span`], [`LogRecord`]). Nobody behind the door sees
//! a decoded tree.
//!
//! **May not touch.** I/O, clocks, rules, dialects. What a string *means* is decided elsewhere.
//!
//! **How to test it.** `cargo test -p treering-otlp`: the walk is held against the published protobuf types
//! (`opentelemetry-proto`), for requests made by property tests and for torn ones.
//!
//! The message layouts are those of opentelemetry-proto 1.11
//! (<https://github.com/open-telemetry/opentelemetry-proto>).

mod edit;
mod export;
mod guess;
mod index;
mod json_in;
mod json_out;
mod part;
#[cfg(feature = "sample")]
pub mod sample;
mod scalar;
mod schema;
mod unkept;
mod value;
mod view;
mod wire;

pub use edit::Edit;
pub use export::{Export, Number, Place, Text};
pub use index::{Malformed, Rejected};
pub use json_out::Assembly;
pub use part::{Attribute, DROPPED, Part};
pub use schema::Signal;
pub use unkept::Unkept;
pub use value::{Array, Attributes, Value};
pub use view::{LogRecord, Scope, Span, SpanEvent, SpanLink};

#[cfg(test)]
mod tests;
