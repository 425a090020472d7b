use std::fmt;

use zeroize::Zeroizing;

use crate::{DataKey, Error, KeyId, Secret};

/// The key of all keys. It seals secrets and nothing else, so that a new one costs no more than sealing them again.
#[derive(Clone)]
pub struct MasterKey(Secret);

/// What a master key is known by; it tells nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterId(pub [u8; 8]);

impl MasterKey {
    /// A new one, from the system's generator.
    pub fn generate() -> Result<Self, Error> {
        Secret::generate().map(Self)
    }

    /// The key of this text: 64 hexadecimal digits, with white space around them at the most.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.trim().as_bytes();
        let mut bytes = Zeroizing::new([0; 32]);
        if digits.len() != 2 * bytes.len() {
            return Err(Error::NotAKey);
        }
        for (byte, digits) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Ok(Self(Secret::new(bytes)))
    }

    /// The key as text, for the place where its owner keeps it.
    pub fn reveal(&self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Zeroizing::new(digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect())
    }

    pub fn id(&self) -> MasterId {
        let name = self.0.derive("treering 2026-11-22 name of a master key");
        MasterId(std::array::from_fn(|at| name[at]))
    }

    /// The secret, sealed for this place.
    pub fn wrap(&self, place: &[u8], secret: &Secret) -> Result<Vec<u8>, Error> {
        self.cipher().seal(place, secret.bytes())
    }

    /// The secret that was wrapped for this place.
    pub fn unwrap(&self, place: &[u8], wrapped: &[u8]) -> Result<Secret, Error> {
        let bytes = Zeroizing::new(self.cipher().open(place, wrapped)?);
        let mut secret = Zeroizing::new([0; 32]);
        if bytes.len() != secret.len() {
            return Err(Error::NotOpened);
        }
        secret.copy_from_slice(&bytes);
        Ok(Secret::new(secret))
    }

    fn cipher(&self) -> DataKey {
        DataKey::new(KeyId(self.id().0), &self.0)
    }
}

fn digit(digit: u8) -> Result<u8, Error> {
    let value = char::from(digit).to_digit(16).ok_or(Error::NotAKey)?;
    u8::try_from(value).map_err(|_| Error::NotAKey)
}

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MasterKey").field(&self.id()).finish()
    }
}
