//! Whether the store takes anything at present.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use treering_step::Timestamp;

/// Failures in a row after which the store is taken for out of order: more than a lock or a restart brings.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// While it is open, one entry at a time tries the store, and nobody else asks it for anything. It says so once.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
    }

    /// How long to wait after one more failure.
    pub(crate) fn failed(&self, error: &str) -> Duration {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        match failures.cmp(&FAILURES) {
            std::cmp::Ordering::Less => tracing::warn!(%error, "the store failed; trying again"),
            std::cmp::Ordering::Equal => {
                tracing::error!(%error, "the store is out of order; what comes waits in the journal");
            }
            std::cmp::Ordering::Greater => {}
        }
        pause(failures)
    }

    pub(crate) fn worked(&self) {
        if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
            tracing::warn!("the store is in order again; what waited is delivered");
        }
    }
}

/// Longer each time, up to a bound; a quarter more or less, so that several collectors do not come back at once.
fn pause(failures: u32) -> Duration {
    let pause = (FIRST_PAUSE * 2u32.saturating_pow(failures.min(10) - 1)).min(LONGEST_PAUSE);
    let part = u32::try_from(Timestamp::now().as_nanos() % 512).unwrap_or(0);
    pause * (768 + part) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_at_the_first_success() {
        let breaker = Breaker::default();
        let pauses: Vec<_> = (0..20).map(|_| breaker.failed("no")).collect();
        assert!(breaker.is_open());
        assert!(pauses[0] < FIRST_PAUSE * 2 && pauses.iter().all(|pause| *pause <= LONGEST_PAUSE * 5 / 4));
        assert!(pauses[19] >= LONGEST_PAUSE * 3 / 4);
        breaker.worked();
        assert!(!breaker.is_open());
        let again: Vec<_> = (1..FAILURES).map(|_| breaker.failed("no")).collect();
        assert!(again[0] < FIRST_PAUSE * 2);
        assert!(!breaker.is_open());
    }
}
