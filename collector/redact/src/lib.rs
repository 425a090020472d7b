//! Rules in, clean values out.
//!
//! **In and out.** A text and a set of [`Rules`]; out come the places that must go ([`Finding`]) or the text with
//! each of them replaced by a mark such as `[REDACTED:EMAIL]`. JSON is edited leaf by leaf and stays JSON.
//!
//! **May not touch.** Files, sockets, clocks, async runtimes, any store. What it costs is linear in its input, so
//! that a budget can be counted in bytes.
//!
//! **How to test it.** `cargo test -p treering-redact`: each detector beside its own true and false cases, snapshots
//! of whole redactions, and properties (idempotent, valid JSON stays valid JSON, nothing planted survives, the bytes
//! read for each byte of a text stay few). `cargo run --release -p treering-redact --example speed` says what it costs.

mod action;
mod base64;
mod block;
mod budget;
mod detect;
mod edits;
mod export;
mod finding;
mod json;
mod look;
mod mark;
mod pieces;
mod place;
mod plan;
mod pseudonym;
mod record;
mod rules;
mod scan;
mod steps;
mod text;
mod walk;

pub use export::Redacted;
pub use finding::{Finding, Redaction};
pub use mark::{Left, Mark};
pub use pseudonym::Pseudonyms;
pub use record::{Context, Record, hash};
pub use rules::{Error, Rules};

#[cfg(test)]
mod tests;
