//! What was acknowledged is kept, whatever happens: each case sends, writes down what was answered with success, lets
//! something go wrong, and compares at the end. Nothing may be missing, and nothing may be there twice.
//!
//! `cargo test -p treering --test faults` runs all of it. `TREERING_FAULT_KILLS` and `TREERING_FAULT_SEED` say how often
//! it is killed, and at which moments.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod clock;
mod damage;
mod descriptors;
mod end;
mod kill;
mod ledger;
mod load;
#[path = "../durability/otlp.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod otlp;
mod place;
mod random;
mod refusal;
mod room;
mod stuck;
#[path = "../support/mod.rs"]
mod support;

use place::folder;
