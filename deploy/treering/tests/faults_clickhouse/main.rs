//! What was acknowledged is kept, with ClickHouse for the steps: the cases of `faults` that are not of its files, and those
//! of an engine that refuses, is killed, is away, or whose answers are lost.
//!
//! `cargo test -p treering --test faults_clickhouse` runs all of it. `TREERING_FAULT_KILLS` and `TREERING_FAULT_SEED` say how
//! often it is killed, and at which moments.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod engine;
#[path = "../faults/kill.rs"]
mod kill;
#[path = "../faults/ledger.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod ledger;
#[path = "../faults/load.rs"]
mod load;
#[path = "../durability/otlp.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod otlp;
mod place;
#[path = "../faults/random.rs"]
mod random;
#[path = "../faults/refusal.rs"]
mod refusal;
#[path = "../faults/stuck.rs"]
mod stuck;
#[path = "../support/mod.rs"]
mod support;

use place::folder;
