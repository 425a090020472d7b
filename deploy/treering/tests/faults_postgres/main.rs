//! What was acknowledged is kept, with PostgreSQL as the store: the cases of `faults` that are not of its files, and those
//! of a store that is far away and has more than one collector.
//!
//! `cargo test -p treering --test faults_postgres` runs all of it. `TREERING_FAULT_KILLS` and `TREERING_FAULT_SEED` say how
//! often it is killed, and at which moments.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

#[path = "../faults/clock.rs"]
mod clock;
#[path = "../faults/descriptors.rs"]
mod descriptors;
#[path = "../faults/end.rs"]
mod end;
#[path = "../faults/kill.rs"]
mod kill;
#[path = "../faults/ledger.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod ledger;
#[path = "../faults/load.rs"]
mod load;
mod migrating;
mod network;
#[path = "../durability/otlp.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod otlp;
mod pair;
mod place;
#[path = "../faults/random.rs"]
mod random;
#[path = "../faults/refusal.rs"]
mod refusal;
mod restarts;
#[path = "../faults/room.rs"]
mod room;
#[path = "../faults/stuck.rs"]
mod stuck;
#[path = "../support/mod.rs"]
mod support;

use place::folder;
