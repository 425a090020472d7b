//! A [`tracing`] layer that turns `#[instrument]`-annotated agent code into steps, exported over OTLP.
//!
//! ```no_run
//! use treering_layer::Step;
//!
//! #[tracing::instrument(fields(step.kind = "tool"), ret, err)]
//! fn search(query: &str) -> Result<String, std::io::Error> {
//!     std::fs::read_to_string(query)
//! }
//!
//! #[tracing::instrument(fields(step.kind = "llm", model = "gpt-4o-mini"), ret(Display))]
//! fn ask(prompt: &str) -> String {
//!     Step::current().reasoning("a greeting wants a greeting").tokens(12, 3);
//!     format!("hello, {prompt}")
//! }
//!
//! fn main() -> Result<(), treering_layer::Error> {
//!     let _guard = treering_layer::init()?; // OTEL_* variables; flushes on drop
//!     ask("world");
//!     Ok(())
//! }
//! ```
//!
//! **In and out.** Spans and events of `tracing` come in; OTLP spans with the attributes of the OpenTelemetry
//! GenAI conventions go out, so that any OTLP backend understands them. The names of the fields that mean
//! something are in [`fields`]; a bare `#[instrument]` needs none of them: arguments are the input, `ret` the
//! output, `err` the error.
//!
//! **May not touch.** The collector and the dashboard, which read these spans like everybody's. No type of
//! OpenTelemetry is in the public interface, so the versions of a program's other crates do not matter. The
//! instrumented thread writes fields into a buffer of its own and moves it into a queue bounded in bytes when the
//! step ends; what finds no room is counted ([`Stats::dropped`]) and told to the collector with the next batch, or
//! waits as [`OnFull`] says. Everything else (words, redaction, the wire, the disk) happens on one thread of our
//! own, with its own runtime, which no subscriber listens to.
//!
//! **How to test it.** `cargo test -p treering-layer`. A program tests its own steps with
//! [`testing::capture`] (feature `testing`).
#![deny(missing_docs)]

mod capture;
mod desk;
mod entered;
mod error;
mod export;
pub mod fields;
mod finish;
mod following;
mod guard;
mod key;
mod layer;
mod on_full;
mod open;
pub mod propagate;
mod record;
mod secret;
mod settings;
mod source;
mod step;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod told;
mod value;
mod written;

pub use capture::Capture;
pub use error::Error;
#[cfg(feature = "signing")]
pub use export::sign_request;
pub use guard::{Guard, Stats};
pub use key::ApiKey;
pub use layer::Layer;
pub use on_full::OnFull;
#[cfg(feature = "spill")]
pub use on_full::Spill;
#[cfg(feature = "tonic")]
pub use propagate::interceptor;
#[cfg(feature = "tower")]
pub use propagate::tower;
pub use propagate::{Carry, in_current, inject, inject_with, mcp, remote_parent, spawn, spawn_blocking};
pub use secret::Secret;
pub use settings::{Protocol, Settings};
pub use step::Step;
pub use treering_step::{Kind, Message, Part, SpanId, TraceId, Usage};
pub use value::Value;

/// Sets the global subscriber: this layer alone, as the `OTEL_*` variables say (see [`Settings::from_env`]).
///
/// Keep the guard until the program ends: dropping it flushes.
///
/// # Errors
/// A variable has a value that cannot be used, or a global subscriber is already set; compose with
/// [`layer()`] then.
///
/// ```no_run
/// let _guard = treering_layer::init()?;
/// # Ok::<(), treering_layer::Error>(())
/// ```
pub fn init() -> Result<Guard, Error> {
    Settings::from_env()?.init()
}

/// The layer of [`init`] and its guard, to compose with other layers.
///
/// It filters by itself; do not wrap it with `with_filter`, because the per-layer filters of
/// `tracing-subscriber` lose spans (<https://github.com/tokio-rs/tracing/issues/2519>).
///
/// # Errors
/// A variable has a value that cannot be used.
///
/// ```no_run
/// use tracing_subscriber::layer::SubscriberExt;
/// use tracing_subscriber::util::SubscriberInitExt;
///
/// let (layer, _guard) = treering_layer::layer()?;
/// tracing_subscriber::registry().with(layer).init();
/// # Ok::<(), treering_layer::Error>(())
/// ```
pub fn layer() -> Result<(Layer, Guard), Error> {
    Settings::from_env()?.layer()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
pub(crate) mod tests;
