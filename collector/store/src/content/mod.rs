//! Content stored once, in sealed blocks.
//!
//! The body of a record is cut where its own structure says ([`atoms`]), neighbours are put together into *pieces*
//! by a rule that looks at nothing but them ([`cut`]), so that what comes again is cut again in the same way. A
//! *recipe* says how to join the pieces ([`recipe`]). Recipes and pieces lie one after the other in *blocks*, which
//! are compressed and sealed ([`block`]). Nothing here knows a database.

mod atoms;
mod block;
mod cut;
mod gather;
mod gear;
mod json;
mod recipe;

use treering_redact::Record;
use treering_seal::HashKey;

pub(crate) use block::{Press, open};
pub(crate) use gather::{Gatherer, Shelf, Spot, Uncut};
pub(crate) use recipe::{join, names, names_in};

/// The name of a piece: a keyed hash of its bytes.
pub(crate) type Name = [u8; 16];

/// Where bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) block: i64,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// What a record is known by where it is kept: nobody can guess content and compare, who has no key.
pub fn identity(key: &HashKey, record: &Record) -> [u8; 16] {
    keyed(key, record.hash())
}

/// What stands for an unkeyed hash where it is kept.
pub fn keyed(key: &HashKey, hash: [u8; 16]) -> [u8; 16] {
    key.content(&[b"hash", &hash])
}

#[cfg(test)]
mod tests;
