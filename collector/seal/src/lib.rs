//! Keys of keys, seals and keyed hashes.
//!
//! **In and out.** A [`MasterKey`] comes from the user and wraps [`Secret`]s, which may then lie on a disk. A secret
//! makes a [`DataKey`], which seals bytes and opens them again, a [`HashKey`], which names content and words so that a
//! name tells nothing to who has no key, or a [`ChainKey`], which binds rows to the ones before them.
//!
//! **May not touch.** I/O: where keys come from and where wrapped ones are kept is known elsewhere. No key prints
//! itself, and each is wiped from memory when it goes.
//!
//! **How to test it.** `cargo test -p treering-seal`.
//!
//! Seals are AES-256-GCM with a random nonce of 96 bits. A data key serves one project and one day, far below the
//! 2^32 seals after which random nonces become a risk (NIST SP 800-38D, 8.3). Each sealed text names its form and
//! its key, so that both can change.

mod chain;
mod checkpoint;
mod data;
mod error;
mod hash;
mod master;
mod secret;

pub use chain::{ChainKey, Link};
pub use checkpoint::{CheckpointKey, Signature};
pub use data::{DataKey, OVERHEAD, key_of};
pub use error::Error;
pub use hash::HashKey;
pub use master::{MasterId, MasterKey};
pub use secret::{KeyId, Secret};

#[cfg(test)]
mod tests;
