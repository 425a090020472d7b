use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::MissedTickBehavior;
use treering_redact::Rules;
use treering_step::Timestamp;
use treering_store::{Admission, ApiKey, KeyRecord, Keys, ProjectId};

use super::meter::{Bucket, Gauge, bucket};
use super::rulebook::Rulebook;
use super::signature::Replays;
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
    pub(super) replays: Arc<Replays>,
}

/// What the store had at one moment.
#[derive(Debug)]
struct Held {
    change: i64,
    at: Instant,
    known: HashMap<Hash, Arc<HeldKey>>,
    /// Keys by what their signatures are checked with.
    verifiers: HashMap<[u8; 32], Arc<HeldKey>>,
    gauges: HashMap<ProjectId, Arc<Gauge>>,
    /// Which project a name in a client's certificate lets into.
    clients: HashMap<String, ProjectId>,
    rulebook: Rulebook,
}

/// A key in memory.
#[derive(Debug)]
pub(crate) struct HeldKey {
    pub(crate) record: KeyRecord,
    pub(super) bucket: Option<Arc<Bucket>>,
    /// The minute of its last use, since 1970; 0 is never.
    used: AtomicU64,
    /// The one that was told of.
    told: AtomicU64,
}

impl HeldKey {
    /// Behind the same key of before.
    fn new(record: KeyRecord, before: Option<&Self>) -> Self {
        let bucket = bucket(record.rate, before.and_then(|before| before.bucket.as_ref()));
        let minute =
            |of: fn(&Self) -> &AtomicU64| before.map_or(0, |before| of(before).load(Ordering::Relaxed));
        let (used, told) = (minute(|key| &key.used).into(), minute(|key| &key.told).into());
        Self { record, bucket, used, told }
    }

    pub(super) fn is_used(&self, now: Timestamp) {
        let minute = now.as_nanos() / MINUTE;
        // Most often it is so already, and nobody else's copy of it has to be fetched anew.
        if self.used.load(Ordering::Relaxed) != minute {
            self.used.store(minute, Ordering::Relaxed);
        }
    }
}

const MINUTE: u64 = 60_000_000_000;

impl Held {
    fn empty(everywhere: Arc<Rules>, at: Instant) -> Self {
        let (known, verifiers, gauges, clients) = Default::default();
        Self { change: 0, at, known, verifiers, gauges, clients, rulebook: Rulebook::new(everywhere) }
    }

    /// What is new, behind what was held. It may take a while.
    fn of(admission: Admission, before: &Before, at: Instant) -> Self {
        let Admission { change, keys, rules, entrances, taken, clients } = admission;
        let key = |(hash, record): (Hash, KeyRecord)| {
            let key = HeldKey::new(record, before.known.get(&hash).map(Arc::as_ref));
            (hash, Arc::new(key))
        };
        let known: HashMap<_, _> = keys.into_iter().map(key).collect();
        let verifiers = known.values().filter_map(|key| Some((key.record.verifier?, key.clone()))).collect();
        let (taken, now): (HashMap<_, _>, _) = (taken.into_iter().collect(), Timestamp::now());
        let gauge = |(project, entrance)| {
            let taken = taken.get(&project).copied().unwrap_or(0);
            let before = before.gauges.get(&project).map(Arc::as_ref);
            (project, Arc::new(Gauge::new(entrance, taken, now, before)))
        };
        let gauges = entrances.into_iter().map(gauge).collect();
        let (clients, rulebook) = (clients.into_iter().collect(), before.rulebook.with(rules));
        Self { change, at, known, verifiers, gauges, clients, rulebook }
    }
}

/// What goes on in what comes next.
struct Before {
    known: HashMap<Hash, Arc<HeldKey>>,
    gauges: HashMap<ProjectId, Arc<Gauge>>,
    rulebook: Rulebook,
}

impl Keyring {
    /// The keyring with every key that the store has now, and beside these rules those of every project.
    pub(crate) async fn load(
        keys: Keys,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Result<Self, treering_store::Error> {
        let held = watch::Sender::new(Held::empty(rules.borrow().clone(), Instant::now()));
        let (unknown, renewing, changed) = (Mutex::default(), Mutex::default(), Notify::new());
        let replays = Arc::new(Replays::new());
        let ring = Self { keys, rules, held, unknown, renewing, changed, replays };
        ring.renew().await?;
        Ok(ring)
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
        let before = {
            let held = self.held.borrow();
            let rulebook = held.rulebook.under(&self.rules.borrow());
            Before { known: held.known.clone(), gauges: held.gauges.clone(), rulebook }
        };
        let held = tokio::task::spawn_blocking(move || Held::of(admission, &before, at)).await?;
        self.held.send_replace(held);
        Ok(())
    }

    /// What is redacted in this project.
    pub(crate) fn rules(&self, project: ProjectId) -> Result<Arc<Rules>, Refusal> {
        self.held.borrow().rulebook.of(project)
    }

    /// What is asked of who sends to this project.
    pub(super) fn gauge(&self, project: ProjectId) -> Arc<Gauge> {
        self.held.borrow().gauges.get(&project).cloned().unwrap_or_default()
    }

    /// The project that a certificate with these names lets into.
    pub(super) fn project_of(&self, names: &[String]) -> Option<ProjectId> {
        let held = self.held.borrow();
        names.iter().find_map(|name| held.clients.get(name).copied())
    }

    /// The key whose signatures are checked with this. Where there is none, it is asked once whether anything changed.
    pub(super) async fn signing(&self, verifier: &[u8; 32]) -> Result<Option<Arc<HeldKey>>, Refusal> {
        let held = || self.held.borrow().verifiers.get(verifier).cloned();
        if let Some(key) = held() {
            return Ok(Some(key));
        }
        let mut unknown = self.unknown.lock().await;
        if let Some(key) = held() {
            return Ok(Some(key));
        }
        if is_unknown(&unknown, verifier) {
            return Ok(None);
        }
        self.renew_if_changed().await.map_err(|error| unavailable(&error))?;
        let key = held();
        if key.is_none() {
            remember(&mut unknown, *verifier);
        }
        Ok(key)
    }

    /// The uses that nobody was told of, by the numbers of the keys, to the minute.
    pub(crate) fn uses(&self) -> Vec<(i64, Timestamp)> {
        let held = self.held.borrow();
        let news = held.known.values().filter_map(|key| {
            let used = key.used.load(Ordering::Relaxed);
            let is_new = key.told.swap(used, Ordering::Relaxed) != used;
            is_new.then_some((key.record.id, Timestamp::from_nanos(used * MINUTE)?))
        });
        news.collect()
    }

    /// Of these uses somebody has to be told again.
    pub(crate) fn not_told(&self, uses: &[(i64, Timestamp)]) {
        let held = self.held.borrow();
        let of = |key: &Arc<HeldKey>| uses.iter().any(|(id, _)| *id == key.record.id);
        held.known.values().filter(|key| of(key)).for_each(|key| key.told.store(0, Ordering::Relaxed));
    }

    /// The key with this secret. A store that does not answer is no reason to call a key unknown.
    pub(crate) async fn find(&self, key: &ApiKey) -> Result<Option<Arc<HeldKey>>, Refusal> {
        let hash = key.hash();
        if let Some(record) = self.remembered(&hash) {
            return Ok(Some(record));
        }
        let mut unknown = self.unknown.lock().await;
        // Whoever waited for the lock may find that another one looked the key up meanwhile.
        if let Some(record) = self.remembered(&hash) {
            return Ok(Some(record));
        }
        if is_unknown(&unknown, &hash) {
            return Ok(None);
        }
        if self.keys.find(key).await.map_err(|error| unavailable(&error))?.is_some() {
            // With it may have come rules, which are in force before it is.
            self.renew().await.map_err(|error| unavailable(&error))?;
            return Ok(self.remembered(&hash));
        }
        remember(&mut unknown, hash);
        Ok(None)
    }

    fn remembered(&self, hash: &Hash) -> Option<Arc<HeldKey>> {
        self.held.borrow().known.get(hash).cloned()
    }
}

fn unavailable(error: &treering_store::Error) -> Refusal {
    tracing::error!(error = causes(error), "a key could not be looked up");
    Refusal::KeysUnavailable
}

fn is_unknown(unknown: &HashMap<Hash, Instant>, key: &Hash) -> bool {
    unknown.get(key).is_some_and(|since| since.elapsed() < UNKNOWN_FOR)
}

fn remember(unknown: &mut HashMap<Hash, Instant>, key: Hash) {
    if unknown.len() >= UNKNOWN_AT_MOST {
        unknown.clear();
    }
    unknown.insert(key, Instant::now());
}

#[cfg(test)]
mod tests;
