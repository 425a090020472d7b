use std::fmt;

use zeroize::Zeroizing;

use crate::Secret;

/// Binds rows to the ones before them, so that who has no key can neither change one nor take one out.
#[derive(Clone)]
pub struct ChainKey(Zeroizing<[u8; 32]>);

/// What one row of a chain tells the next.
pub type Link = [u8; 32];

impl ChainKey {
    pub fn new(secret: &Secret) -> Self {
        Self(secret.derive("treering 2026-11-22 chain of rows"))
    }

    /// The link of a row with these parts behind the row of this link; the first row stands behind zeros.
    pub fn link(&self, before: &Link, parts: &[Option<&[u8]>]) -> Link {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(before);
        for part in parts {
            // No part has this length, so that an absent one is no empty one.
            hasher.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            hasher.update(part.unwrap_or_default());
        }
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}
