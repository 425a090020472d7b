use std::fmt;

use zeroize::Zeroizing;

use crate::Secret;

/// Names content and words of one project, so that equal ones have equal names, which tell nothing to who has no
/// key. It outlives the data keys: names must stay.
#[derive(Clone)]
pub struct HashKey {
    content: Zeroizing<[u8; 32]>,
    words: Zeroizing<[u8; 32]>,
    pseudonyms: Zeroizing<[u8; 32]>,
}

impl HashKey {
    pub fn new(secret: &Secret) -> Self {
        Self {
            content: secret.derive("treering 2026-11-22 names of content"),
            words: secret.derive("treering 2026-11-22 names of words"),
            pseudonyms: secret.derive("treering 2026-11-22 pseudonyms"),
        }
    }

    /// The name of these parts, in this order and with these borders.
    pub fn content(&self, parts: &[&[u8]]) -> [u8; 16] {
        name(&self.content, parts)
    }

    /// The name of a word, for an index that does not know it. Of 2^32 names some words share one; who needs to be
    /// sure looks at the text.
    pub fn word(&self, word: &str) -> u32 {
        let mut name = [0; 4];
        blake3::Hasher::new_keyed(&self.words).update(word.as_bytes()).finalize_xof().fill(&mut name);
        u32::from_le_bytes(name)
    }

    /// What stands for somebody who must not be named.
    pub fn pseudonym(&self, parts: &[&[u8]]) -> [u8; 16] {
        name(&self.pseudonyms, parts)
    }
}

fn name(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut name = [0; 16];
    hasher.finalize_xof().fill(&mut name);
    name
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}
