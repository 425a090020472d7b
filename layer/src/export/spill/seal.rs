use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::key::ApiKey;

/// Seals what is written with the API key, or leaves it as it is where there is none and nothing secret is written.
pub(super) struct Seal {
    key: Option<LessSafeKey>,
    random: SystemRandom,
}

impl Seal {
    pub(super) fn new(key: Option<&ApiKey>) -> Self {
        let key = key.and_then(|key| {
            let salt = hmac::Key::new(hmac::HMAC_SHA256, b"treering 2026-11-23 spilled steps");
            let derived = hmac::sign(&salt, key.expose().as_bytes());
            UnboundKey::new(&CHACHA20_POLY1305, derived.as_ref()).ok().map(LessSafeKey::new)
        });
        Self { key, random: SystemRandom::new() }
    }

    /// How many bytes longer what is sealed is.
    pub(super) fn added(&self) -> usize {
        if self.key.is_some() { CHACHA20_POLY1305.tag_len() + NONCE_LEN } else { 0 }
    }

    /// `about` is not sealed, and cannot be changed either.
    pub(super) fn close(&self, about: &[u8], mut plain: Vec<u8>) -> Option<Vec<u8>> {
        let Some(key) = &self.key else { return Some(plain) };
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(unique, Aad::from(about), &mut plain).ok()?;
        plain.extend_from_slice(&nonce);
        Some(plain)
    }

    pub(super) fn open(&self, about: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let Some(key) = &self.key else { return Some(sealed) };
        let nonce = sealed.split_off(sealed.len().checked_sub(NONCE_LEN)?);
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let length = key.open_in_place(nonce, Aad::from(about), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("seals", &self.key.is_some()).finish_non_exhaustive()
    }
}
