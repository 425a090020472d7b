use std::fmt;

use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use subtle::ConstantTimeEq;
use treering_step::Timestamp;

use crate::{Error, Project};

const PREFIX: &str = "trk_";
/// 32 characters of 62 are 190 bits.
const RANDOM: usize = 32;
/// 6 digits of 62 hold a CRC-32.
const CHECK: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key: `trk_`, 32 random characters, and 6 characters of CRC-32 over these, so that secret scanners
/// know one and a mistyped one is refused without a look-up. It prints itself only where that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key, from the system's generator.
    pub fn generate() -> Result<Self, Error> {
        let mut random = String::with_capacity(RANDOM);
        let mut bytes = [0u8; 64];
        while random.len() < RANDOM {
            getrandom::fill(&mut bytes).map_err(Error::Random)?;
            // 248 = 4 * 62: what lies above would make some characters likelier than others.
            let even = bytes.iter().filter(|byte| **byte < 248);
            random.extend(
                even.map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).take(RANDOM - random.len()),
            );
        }
        Ok(Self(format!("{PREFIX}{random}{}", check(&random))))
    }

    /// The key that this text is, if its form and its checksum are right.
    pub fn parse(text: &str) -> Option<Self> {
        let (random, found) = text.strip_prefix(PREFIX)?.split_at_checked(RANDOM)?;
        let whole = found.len() == CHECK && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (whole && bool::from(found.as_bytes().ct_eq(check(random).as_bytes()))).then(|| Self(text.to_owned()))
    }

    /// What the store keeps instead of the key. A random key needs no slow hash.
    pub fn hash(&self) -> [u8; 32] {
        blake3::derive_key("treering 2026-11-22 API key", self.0.as_bytes())
    }

    /// The public half of the pair that its holder signs requests with: an Ed25519 key whose seed is a hash of the secret.
    /// The layer makes the same pair (`layer/src/export/sign.rs`), so that a key is all that a signing agent needs.
    pub fn verifier(&self) -> [u8; 32] {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, b"treering 2026-11-23 request signatures");
        let seed = hmac::sign(&salt, self.0.as_bytes());
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).expect("a SHA-256 is as long as a seed");
        pair.public_key().as_ref().try_into().expect("a public key has 32 bytes")
    }

    /// The first characters, by which its owner knows it again.
    pub fn hint(&self) -> &str {
        &self.0[..PREFIX.len() + 4]
    }

    /// The secret, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

fn check(random: &str) -> String {
    let mut sum = crc32fast::hash(random.as_bytes()) as usize;
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[sum % 62];
        sum /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// Send spans and logs.
    pub ingest: bool,
    /// Read executions.
    pub read: bool,
}

impl Scopes {
    /// The words of the interface: `ingest`, `read`.
    pub fn words(self) -> Vec<&'static str> {
        [(self.ingest, "ingest"), (self.read, "read")]
            .into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, word)| word)
            .collect()
    }

    /// The scopes of these words; `None` where one is unknown or there is none.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut scopes = Self { ingest: false, read: false };
        for word in words {
            match word {
                "ingest" => scopes.ingest = true,
                "read" => scopes.read = true,
                _ => return None,
            }
        }
        (scopes.ingest || scopes.read).then_some(scopes)
    }
}

/// What a key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
    /// Records that it may send in a second; absent is without a limit of its own.
    pub rate: Option<u32>,
}

impl Terms {
    /// The same, to end at this time.
    pub fn until(self, expires_at: Option<Timestamp>) -> Self {
        Self { expires_at, ..self }
    }
}

impl From<Scopes> for Terms {
    /// For ever, and without a limit.
    fn from(scopes: Scopes) -> Self {
        Self { scopes, expires_at: None, rate: None }
    }
}

/// A key as the store knows it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: i64,
    pub project: Project,
    /// The first characters of the key.
    pub hint: String,
    pub scopes: Scopes,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub rate: Option<u32>,
    /// By which its signatures are checked; a key of an older version has none, and a PostgreSQL that is open for reading
    /// alone tells none.
    pub verifier: Option<[u8; 32]>,
}

/// When a key was used, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl KeyRecord {
    /// True while it is neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
