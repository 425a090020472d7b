use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::MissedTickBehavior;
use treering_redact::Rules;
use treering_store::{Admission, ApiKey, KeyRecord, Keys, ProjectId};

use super::rulebook::Rulebook;
use crate::deliver::causes;
use crate::refusal::Refusal;

/// How often it is asked whether anything changed: what did is in force everywhere within twice this, and at once where
/// the store tells of it.
const LOOK: Duration = Duration::from_secs(1);
/// How often everything is read, whatever the answer.
const RENEWAL: Duration = Duration::from_secs(30);
/// How long a key that the store did not know stays unknown without asking again.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Unknown keys remembered at the most; a guesser of keys fills it, and it starts anew.
const UNKNOWN_AT_MOST: usize = 10_000;

type Hash = [u8; 32];

/// Every key and the rules of every project, in memory. A key that is not there costs one look-up, and many requests
/// with it still one.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: Keys,
    /// Those of the collector, as they change.
    rules: watch::Receiver<Arc<Rules>>,
    held: watch::Sender<Held>,
    unknown: Mutex<HashMap<Hash, Instant>>,
    renewing: Mutex<()>,
    changed: Notify,
}

/// What the store had at one moment.
#[derive(Debug)]
struct Held {
    change: i64,
    at: Instant,
    known: HashMap<Hash, KeyRecord>,
    rulebook: Rulebook,
}

impl Held {
    /// It may take a while.
    fn of(admission: Admission, before: &Rulebook, at: Instant) -> Self {
        let Admission { change, keys, rules } = admission;
        Self { change, at, known: keys.into_iter().collect(), rulebook: before.with(rules) }
    }
}

impl Keyring {
    /// The keyring with every key that the store has now, and beside these rules those of every project.
    pub(crate) async fn load(
        keys: Keys,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Result<Self, treering_store::Error> {
        let (at, admission) = (Instant::now(), keys.admission().await?);
        let everywhere = rules.borrow().clone();
        let compile = move || Held::of(admission, &Rulebook::new(everywhere), at);
        let held = watch::Sender::new(tokio::task::spawn_blocking(compile).await?);
        let (unknown, renewing, changed) = (Mutex::default(), Mutex::default(), Notify::new());
        Ok(Self { keys, rules, held, unknown, renewing, changed })
    }

    /// Renews the keyring for ever.
    pub(crate) async fn keep_fresh(&self) {
        self.keep_fresh_by_looking_every(LOOK).await;
    }

    async fn keep_fresh_by_looking_every(&self, period: Duration) {
        tokio::join!(self.keys.listen(&self.changed), self.look_every(period));
    }

    async fn look_every(&self, period: Duration) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rules = self.rules.clone();
        loop {
            let looked = tokio::select! {
                _ = ticks.tick() => self.renew_if_changed().await,
                () = self.changed.notified() => self.renew_if_changed().await,
                // Nobody changes them any more once their sender is gone.
                Ok(()) = rules.changed() => self.renew().await,
            };
            if let Err(error) = looked {
                let error = causes(&error);
                tracing::warn!(error, "keys and rules could not be renewed; those in memory still hold");
            }
        }
    }

    async fn renew_if_changed(&self) -> Result<(), treering_store::Error> {
        let (change, age) = {
            let held = self.held.borrow();
            (held.change, held.at.elapsed())
        };
        if age >= RENEWAL || self.keys.change().await? != change {
            self.renew().await?;
        }
        Ok(())
    }

    /// One at a time, so that nothing newer is forgotten for something older.
    async fn renew(&self) -> Result<(), treering_store::Error> {
        let _renewing = self.renewing.lock().await;
        let (at, admission) = (Instant::now(), self.keys.admission().await?);
        let before = self.held.borrow().rulebook.under(&self.rules.borrow());
        let held = tokio::task::spawn_blocking(move || Held::of(admission, &before, at)).await?;
        self.held.send_replace(held);
        Ok(())
    }

    /// What is redacted in this project.
    pub(crate) fn rules(&self, project: ProjectId) -> Result<Arc<Rules>, Refusal> {
        self.held.borrow().rulebook.of(project)
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
        let unavailable = |error: treering_store::Error| {
            tracing::error!(error = causes(&error), "a key could not be looked up");
            Refusal::KeysUnavailable
        };
        if self.keys.find(key).await.map_err(unavailable)?.is_some() {
            // With it may have come rules, which are in force before it is.
            self.renew().await.map_err(unavailable)?;
            return Ok(self.remembered(&hash));
        }
        if unknown.len() >= UNKNOWN_AT_MOST {
            unknown.clear();
        }
        unknown.insert(hash, Instant::now());
        Ok(None)
    }

    fn remembered(&self, hash: &Hash) -> Option<KeyRecord> {
        self.held.borrow().known.get(hash).cloned()
    }
}

#[cfg(test)]
mod tests;
