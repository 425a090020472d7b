//! How much may come in: buckets that fill by the second, and what is left of a day.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use treering_step::Timestamp;
use treering_store::Entrance;

use crate::refusal::{Limit, Refusal};

const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;

/// How many records may come in a second. A bucket holds a tenth of that; whoever finds anything in it is let in, and
/// takes what the request holds, also what is not there yet: the next one waits until that is paid back. So requests of
/// any size get in, and in the long run no more comes in than the rate. (`governor` knows no such debt: to it a request
/// that is larger than the bucket never gets in.)
#[derive(Debug)]
pub(super) struct Bucket {
    rate: u32,
    began: Instant,
    /// When all that was let in will have been paid for, from the beginning on.
    paid_at: Mutex<Duration>,
}

impl Bucket {
    fn of(rate: u32) -> Self {
        // A rate of nothing would be none at all; it is one a second.
        Self { rate: rate.max(1), began: Instant::now(), paid_at: Mutex::default() }
    }

    /// Lets so many records in, or tells when to ask again.
    fn take(&self, records: u32) -> Result<(), Duration> {
        self.take_at(records, self.began.elapsed())
    }

    fn take_at(&self, records: u32, at: Duration) -> Result<(), Duration> {
        /// What a full bucket is ahead by.
        const HOLDS: Duration = Duration::from_millis(100);
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let free_at = paid_at.saturating_sub(HOLDS);
        if at < free_at {
            return Err(free_at - at);
        }
        let price = u64::from(records) * 1_000_000_000 / u64::from(self.rate);
        *paid_at = (*paid_at).max(at) + Duration::from_nanos(price);
        Ok(())
    }
}

/// The bucket of this rate: the same one where the rate is the same, so that what was taken stays taken.
pub(super) fn bucket(rate: Option<u32>, before: Option<&Arc<Bucket>>) -> Option<Arc<Bucket>> {
    let rate = rate?;
    let same = before.filter(|bucket| bucket.rate == rate.max(1));
    Some(same.cloned().unwrap_or_else(|| Arc::new(Bucket::of(rate))))
}

/// How many records may come in a day of UTC.
#[derive(Debug)]
struct Quota {
    limit: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    day: u64,
    records: u64,
}

impl Quota {
    /// With what all collectors took on this day, as far as is known.
    fn new(limit: u64, day: u64, records: u64, before: Option<&Self>) -> Self {
        let here = before.map(|before| *before.lock()).filter(|before| before.day == day);
        let records = records.max(here.unwrap_or_default().records);
        Self { limit, taken: Mutex::new(Taken { day, records }) }
    }

    /// The last request of a day may go beyond the limit by what it holds.
    fn take(&self, records: u64, now: Timestamp) -> Result<(), Duration> {
        let (day, into) = (now.as_nanos() / DAY, now.as_nanos() % DAY);
        let mut taken = self.lock();
        if taken.day != day {
            *taken = Taken { day, records: 0 };
        }
        if taken.records >= self.limit {
            return Err(Duration::from_nanos(DAY - into));
        }
        taken.records += records;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked of everybody who sends to a project.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    pub(super) entrance: Entrance,
    bucket: Option<Arc<Bucket>>,
    quota: Option<Quota>,
}

impl Gauge {
    /// Behind one of before, with what all collectors took on the day of this moment.
    pub(super) fn new(entrance: Entrance, taken: u64, now: Timestamp, before: Option<&Self>) -> Self {
        let day = now.as_nanos() / DAY;
        let counted = before.and_then(|before| before.quota.as_ref());
        Self {
            entrance,
            bucket: bucket(entrance.rate, before.and_then(|before| before.bucket.as_ref())),
            quota: entrance.quota.map(|limit| Quota::new(limit, day, taken, counted)),
        }
    }
}

/// Measures what one key, or one certificate, sends to its project.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(super) key: Option<Arc<Bucket>>,
    pub(super) gauge: Arc<Gauge>,
}

impl Meter {
    /// Lets so many records in. The key's own limit comes first: who goes beyond it takes nothing from the others of the
    /// project.
    pub(crate) fn take(&self, records: usize) -> Result<(), Refusal> {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        let limited = |limit| move |delay| Refusal::Limited { limit, delay };
        if let Some(bucket) = &self.key {
            bucket.take(records).map_err(limited(Limit::Key))?;
        }
        if let Some(bucket) = &self.gauge.bucket {
            bucket.take(records).map_err(limited(Limit::Project))?;
        }
        if let Some(quota) = &self.gauge.quota {
            quota.take(records.into(), Timestamp::now()).map_err(limited(Limit::Quota))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How much comes in of requests of these sizes, from a client that waits as it is told.
    fn let_in(rate: u32, sizes: &[u32], seconds: u64) -> u64 {
        let bucket = Bucket::of(rate);
        let (mut at, mut records, mut sent) = (Duration::ZERO, 0, 0);
        while at < Duration::from_secs(seconds) {
            let size = sizes[sent % sizes.len()];
            match bucket.take_at(size, at) {
                Ok(()) => {
                    records += u64::from(size);
                    sent += 1;
                }
                Err(wait) => at += wait,
            }
        }
        records
    }

    proptest! {
        #[test]
        fn in_the_long_run_as_much_comes_in_as_the_rate_says(
            rate in 1u32..20_000,
            sizes in prop::collection::vec(1u32..5_000, 1..10),
        ) {
            let (seconds, largest) = (1_000, u64::from(*sizes.iter().max().unwrap()));
            let (records, expected) = (let_in(rate, &sizes, seconds), u64::from(rate) * seconds);
            let slack = u64::from(rate / 10) + largest + 1;
            prop_assert!(records <= expected + slack, "{records} of {expected}");
            prop_assert!(records + slack >= expected, "{records} of {expected}");
        }
    }

    #[test]
    fn who_was_silent_for_long_may_send_no_more_than_a_bucket_at_once() {
        let (bucket, hour) = (Bucket::of(100), Duration::from_secs(3600));
        let burst = (0..).take_while(|_| bucket.take_at(1, hour).is_ok()).count();
        assert_eq!(burst, 11);
    }

    #[test]
    fn a_bucket_survives_a_renewal_that_leaves_its_rate_alone() {
        let first = bucket(Some(100), None).unwrap();
        assert!(Arc::ptr_eq(&first, &bucket(Some(100), Some(&first)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &bucket(Some(101), Some(&first)).unwrap()));
        assert!(bucket(None, Some(&first)).is_none());
    }

    #[test]
    fn a_quota_is_for_a_day_and_counts_what_others_took() {
        let at = |day: u64, into: u64| Timestamp::from_nanos(day * DAY + into).unwrap();
        let quota = Quota::new(100, 7, 40, None);
        assert_eq!(quota.take(50, at(7, 1)), Ok(()));
        assert_eq!(quota.take(50, at(7, 2)), Ok(()));
        assert_eq!(quota.take(1, at(7, DAY - 5)), Err(Duration::from_nanos(5)));
        let renewed = Quota::new(100, 7, 90, Some(&quota));
        assert!(renewed.take(1, at(7, DAY - 5)).is_err(), "what was counted here and not written yet counts");
        assert_eq!(renewed.take(1, at(8, 0)), Ok(()));
        assert_eq!(Quota::new(100, 8, 0, Some(&quota)).take(1, at(8, 0)), Ok(()));
    }
}
