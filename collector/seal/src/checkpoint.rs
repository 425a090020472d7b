use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::Secret;

/// Signs how far a chain of rows has come, so that whoever cuts its end off is found out by what lies elsewhere. Unlike the
/// chain itself, a signature can be checked without the key that made it.
pub struct CheckpointKey(Ed25519KeyPair);

/// A signature, and the public half of the key that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub key: [u8; 32],
    pub signature: [u8; 64],
}

impl CheckpointKey {
    pub fn new(secret: &Secret) -> Self {
        let seed = secret.derive("treering 2026-11-23 checkpoints of the audit log");
        Self(Ed25519KeyPair::from_seed_unchecked(&*seed).expect("a secret has the length of a seed"))
    }

    pub fn sign(&self, text: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(text).as_ref());
        Signature { key: self.public(), signature }
    }

    /// True where this key made it.
    pub fn made(&self, signature: &Signature, text: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, self.public());
        signature.key == self.public() && public.verify(text, &signature.signature).is_ok()
    }

    fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("a public key has 32 bytes")
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckpointKey(…)")
    }
}
