use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::{Error, KeyId, Secret};

/// AES-256-GCM, random nonce.
const FORM: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + 8 + NONCE;

/// How many bytes a seal adds.
pub const OVERHEAD: usize = HEAD + TAG;

/// Seals bytes. Clones share the key.
#[derive(Clone)]
pub struct DataKey {
    id: KeyId,
    cipher: Arc<Aes256Gcm>,
}

impl DataKey {
    pub fn new(id: KeyId, secret: &Secret) -> Self {
        let key = secret.derive("treering 2026-11-22 data key");
        Self { id, cipher: Arc::new(Aes256Gcm::new((&*key).into())) }
    }

    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The sealed bytes. They open again only with the same place: whatever is bound to them without being in them,
    /// so that nobody can put one sealed text where another one was.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Error::Random)?;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.push(FORM);
        sealed.extend(self.id.0);
        sealed.extend(nonce);
        sealed.extend(plain);
        let text = (&mut sealed[HEAD..]).into();
        // It refuses texts of more than 64 GiB alone.
        let tag =
            self.cipher.encrypt_inout_detached(&nonce.into(), place, text).map_err(|_| Error::UnknownForm)?;
        sealed.extend(tag);
        Ok(sealed)
    }

    /// What was sealed for this place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        if key_of(sealed)? != self.id {
            return Err(Error::NotOpened);
        }
        let (head, rest) = sealed.split_at(HEAD);
        let (text, tag) = rest.split_at(rest.len() - TAG);
        let nonce: [u8; NONCE] = head[HEAD - NONCE..].try_into().map_err(|_| Error::UnknownForm)?;
        let tag: [u8; TAG] = tag.try_into().map_err(|_| Error::UnknownForm)?;
        let mut plain = text.to_vec();
        self.cipher
            .decrypt_inout_detached(&nonce.into(), place, plain.as_mut_slice().into(), &tag.into())
            .map_err(|_| Error::NotOpened)?;
        Ok(plain)
    }
}

/// The key that a sealed text names.
pub fn key_of(sealed: &[u8]) -> Result<KeyId, Error> {
    match sealed {
        [FORM, rest @ ..] if sealed.len() >= OVERHEAD => {
            rest[..8].try_into().map(KeyId).map_err(|_| Error::UnknownForm)
        }
        _ => Err(Error::UnknownForm),
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}
