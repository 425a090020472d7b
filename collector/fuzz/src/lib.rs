//! What must hold for any request, any record and any text.
//!
//! **In and out.** Each property ([`otlp`], [`read`], [`redact`]) takes any bytes and panics where it does not hold.
//! The targets in `fuzz_targets` let libFuzzer look for such bytes, by mutations that keep the form of what they change
//! ([`mutate`]); the tests of the rooms hold the seeds in `seeds` against the same properties.
//!
//! **May not touch.** The inside of any room: what is asserted here is what a room promises to its neighbours.
//!
//! **How to test it.** `cargo +nightly fuzz run --fuzz-dir collector/fuzz read`, or `protobuf`, `json`, `redact`.

pub mod mutate;
pub mod otlp;
pub mod read;
pub mod redact;
