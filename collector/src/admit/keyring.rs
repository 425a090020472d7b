use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use treering_store::{ApiKey, KeyRecord, Keys};

use crate::deliver::causes;
use crate::refusal::Refusal;

/// How often the keyring is renewed: a revocation is in force everywhere within twice this.
const RENEWAL: Duration = Duration::from_secs(1);
/// How long a key that the store did not know stays unknown without asking again.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Unknown keys remembered at the most; a guesser of keys fills it, and it starts anew.
const UNKNOWN_AT_MOST: usize = 10_000;

type Hash = [u8; 32];

/// Every key, in memory. A key that is not there costs one look-up, and many requests with it still one.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: Keys,
    known: RwLock<HashMap<Hash, KeyRecord>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
}

impl Keyring {
    /// The keyring with every key that the store has now.
    pub(crate) async fn load(keys: Keys) -> Result<Self, treering_store::Error> {
        let known = RwLock::new(keys.all().await?.into_iter().collect());
        Ok(Self { keys, known, unknown: Mutex::default() })
    }

    /// Renews the keyring for ever.
    pub(crate) async fn keep_fresh(&self) {
        let mut ticks = tokio::time::interval(RENEWAL);
        loop {
            ticks.tick().await;
            match self.keys.all().await {
                Ok(keys) => {
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys.into_iter().collect()
                }
                Err(error) => {
                    tracing::warn!(
                        error = causes(&error),
                        "the keys could not be renewed; those in memory still hold"
                    )
                }
            }
        }
    }

    /// The key with this secret. A store that does not answer is no reason to call a key unknown.
    pub(crate) async fn find(&self, key: &ApiKey) -> Result<Option<KeyRecord>, Refusal> {
        let hash = key.hash();
        if let Some(record) = self.remembered(&hash) {
            return Ok(Some(record));
        }
        let mut unknown = self.unknown.lock().await;
        // Whoever waited for the lock may find that another one looked the key up meanwhile.
        if let Some(record) = self.remembered(&hash) {
            return Ok(Some(record));
        }
        if unknown.get(&hash).is_some_and(|since| since.elapsed() < UNKNOWN_FOR) {
            return Ok(None);
        }
        let found = self.keys.find(key).await.map_err(|error| {
            tracing::error!(error = causes(&error), "a key could not be looked up");
            Refusal::KeysUnavailable
        })?;
        match &found {
            Some(record) => {
                drop(self.known.write().unwrap_or_else(PoisonError::into_inner).insert(hash, record.clone()))
            }
            None => {
                if unknown.len() >= UNKNOWN_AT_MOST {
                    unknown.clear();
                }
                unknown.insert(hash, Instant::now());
            }
        }
        Ok(found)
    }

    fn remembered(&self, hash: &Hash) -> Option<KeyRecord> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }
}
