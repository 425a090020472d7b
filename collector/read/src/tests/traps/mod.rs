//! The sixteen traps of agent telemetry, each a test of its own, by their numbers: what exporters do that a
//! careful reader stumbles over. Those that concern the store and the door as well are tested there again.

#![expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it is used")]

mod content;
mod counts;
mod records;
mod trees;
