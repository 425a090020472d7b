//! The contract of a store, written against its handles: every store passes the same battery. The target that runs it
//! names its store as `BACKEND`.

pub(crate) mod backend;
pub(crate) mod below;
mod bulk;
pub(crate) mod content;
mod control;
mod erase;
mod executions;
mod fleet;
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
mod receipts;
mod records;
mod reread;
mod rivals;
mod rules;
mod search;
pub(crate) mod support;
