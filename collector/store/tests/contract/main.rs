//! The contract of a store, written against its handles: every store passes the same battery.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod backend;
mod content;
mod control;
mod erase;
mod executions;
mod forgetting;
mod giant;
mod hostile;
mod joins;
mod keys;
mod lists;
mod migration;
mod order;
mod places;
mod processes;
mod records;
mod reread;
mod search;
mod support;
