//! A redacted span and its logs, read as a step.
//!
//! **In and out.** One redacted record becomes a partial [`Summary`](treering_step::Summary)
//! ([`span_summary`], [`log_summary`]); the partial summaries of an execution become one a step ([`merge`]), a
//! tree ([`tree`]) and a row of the list ([`execution`]); a span with its logs becomes a whole
//! [`Step`](treering_step::Step) ([`step`]) when somebody looks. What a model costs is a table in this crate
//! ([`Prices`]). Every exporter has its own words for the same things: one small file of `dialect/` each, asked
//! in a fixed order, of which the earlier ones are believed and the later ones fill holes.
//!
//! **May not touch.** Unredacted values: its only way in is [`Record`](treering_redact::Record). I/O, clocks.
//! A reading is pure, and what no reader understands stays visible as the attributes that it came as.
//!
//! **How to test it.** `cargo test -p treering-read`. With `TREERING_CORPUS` set to a folder of recorded
//! requests (`corpus.tar.gz`, or unpacked), `--test corpus` holds every reading against what a person read.

mod clock;
mod decode;
mod dialect;
mod evidence;
mod execution;
mod explain;
mod fields;
mod joins;
mod life;
mod merge;
mod message;
mod node;
mod once;
mod price;
mod python;
mod reading;
mod session;
mod skeleton;
mod step;
mod summary;
mod tree;
mod unflatten;
mod usage;
mod witness;
mod word;
mod words;

pub use clock::Period;
pub use execution::execution;
pub use explain::{Attribute, Explanation, Origin, explain};
pub use life::{Heartbeat, heartbeat, process};
pub use merge::merge;
pub use node::Node;
pub use price::{Bill, BillLine, Prices, PricesError};
pub use skeleton::{Bone, Bones, Skeleton};
pub use step::step;
pub use summary::{log_summary, span_summary};
pub use tree::{Placed, tree};
pub use word::Word;
pub use words::{context_words, words, words_of};

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
#[cfg(test)]
mod tests;
