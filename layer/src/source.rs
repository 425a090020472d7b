//! Where times and ids come from: the clock and chance, or a count for tests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use treering_step::{SpanId, TraceId};

/// How long the two clocks of a machine may go apart before they are compared again.
const COMPARED_EVERY: u64 = 10_000_000_000;

/// A time as one look at the monotonic clock gives it: nanoseconds since the layer was made.
pub(crate) type Tick = u64;

/// Times and ids of one layer.
#[derive(Debug)]
pub(crate) enum Source {
    Real(Clock),
    /// Each time is a millisecond after the one before it, each id one more.
    #[cfg(any(test, feature = "testing"))]
    Counted {
        ticks: AtomicU64,
        ids: AtomicU64,
    },
}

#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// Nanoseconds from 1970 to `base`, as the wall clock last said.
    offset: AtomicI64,
    compared_at: AtomicU64,
}

impl Source {
    pub(crate) fn real() -> Self {
        let base = Instant::now();
        let offset = AtomicI64::new(since_1970(SystemTime::now()));
        Self::Real(Clock { base, offset, compared_at: AtomicU64::new(0) })
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn counted() -> Self {
        Self::Counted { ticks: AtomicU64::new(0), ids: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Tick {
        match self {
            Self::Real(clock) => nanoseconds(clock.base.elapsed()),
            #[cfg(any(test, feature = "testing"))]
            Self::Counted { ticks, .. } => ticks.fetch_add(1_000_000, Ordering::Relaxed),
        }
    }

    /// What to add to a tick to get nanoseconds since 1970. An execution keeps the one that it began with, so that its
    /// steps are in order and their durations are true when the wall clock is set meanwhile.
    pub(crate) fn offset(&self, now: Tick) -> i64 {
        match self {
            Self::Real(clock) => clock.offset(now),
            #[cfg(any(test, feature = "testing"))]
            Self::Counted { .. } => 1_767_225_600_000_000_000,
        }
    }

    pub(crate) fn span_id(&self, random: &mut SmallRng) -> SpanId {
        match self {
            Self::Real(_) => drawn(|| SpanId::from_bytes(&random.random::<[u8; 8]>())),
            #[cfg(any(test, feature = "testing"))]
            Self::Counted { ids, .. } => drawn(|| SpanId::from_bytes(&counted(ids))),
        }
    }

    pub(crate) fn trace_id(&self, random: &mut SmallRng) -> TraceId {
        match self {
            Self::Real(_) => drawn(|| TraceId::from_bytes(&random.random::<[u8; 16]>())),
            #[cfg(any(test, feature = "testing"))]
            Self::Counted { ids, .. } => drawn(|| {
                let mut bytes = [0; 16];
                bytes[8..].copy_from_slice(&counted(ids));
                TraceId::from_bytes(&bytes)
            }),
        }
    }
}

impl Clock {
    fn offset(&self, now: Tick) -> i64 {
        if now.saturating_sub(self.compared_at.load(Ordering::Relaxed)) > COMPARED_EVERY {
            self.compared_at.store(now, Ordering::Relaxed);
            let since_base = nanoseconds(self.base.elapsed()).cast_signed();
            self.offset.store(since_1970(SystemTime::now()).saturating_sub(since_base), Ordering::Relaxed);
        }
        self.offset.load(Ordering::Relaxed)
    }
}

/// Chance for one thread. Its state has 256 bits of the system's own, so that no two threads of any two processes tell the
/// same ids; the ids are no secrets, so that more is not needed.
pub(crate) fn chance() -> SmallRng {
    SmallRng::from_os_rng()
}

/// A name that no other process has.
pub(crate) fn instance() -> String {
    let random = u128::from_ne_bytes(chance().random());
    format!("{random:032x}")
}

/// A tick of an execution as nanoseconds since 1970.
pub(crate) fn wall(tick: Tick, offset: i64) -> u64 {
    tick.saturating_add_signed(offset)
}

pub(crate) fn as_time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

fn since_1970(time: SystemTime) -> i64 {
    nanoseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default()).cast_signed()
}

/// Good for 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(duration.subsec_nanos()))
}

#[cfg(any(test, feature = "testing"))]
fn counted(ids: &AtomicU64) -> [u8; 8] {
    (ids.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes()
}

/// Draws until the id is not the invalid one of zeros only.
fn drawn<T>(mut draw: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(id) = draw() {
            return id;
        }
    }
}
