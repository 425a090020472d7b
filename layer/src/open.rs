//! Which steps are open: so that those which run long can be told of, and those that never end are not forgotten.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::source::Tick;

/// Threads that begin steps meet in one of these.
const SHARDS: usize = 8;

/// Where an open step is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    shard: usize,
    place: usize,
}

/// An open step: by what the subscriber knows it, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) id: u64,
    pub(crate) began: Tick,
    pub(crate) announced: bool,
}

#[derive(Debug, Default)]
pub(crate) struct OpenSteps {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    seats: Vec<Option<Open>>,
    free: Vec<usize>,
    /// Nobody looks until a step sits down here.
    unwatched: bool,
}

impl OpenSteps {
    fn shard(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a step; true where whoever watches has to be woken.
    pub(crate) fn enter(&self, shard: usize, id: u64, began: Tick) -> (Seat, bool) {
        let mut guard = self.shard(shard);
        let open = Some(Open { id, began, announced: false });
        let place = guard.free.pop().unwrap_or(guard.seats.len());
        match guard.seats.get_mut(place) {
            Some(seat) => *seat = open,
            None => guard.seats.push(open),
        }
        let wakes = std::mem::take(&mut guard.unwatched);
        (Seat { shard, place }, wakes)
    }

    pub(crate) fn leave(&self, seat: Seat) {
        let mut guard = self.shard(seat.shard);
        if guard.seats.get_mut(seat.place).and_then(Option::take).is_some() {
            guard.free.push(seat.place);
        }
    }

    pub(crate) fn count(&self) -> usize {
        (0..SHARDS).map(|shard| self.shard(shard)).map(|shard| shard.seats.len() - shard.free.len()).sum()
    }

    /// The steps that began before `before` and were not announced; from now on they are. The eldest first.
    pub(crate) fn announce(&self, before: Tick) -> Vec<Open> {
        self.collect(|open| {
            let is_due = !open.announced && open.began <= before;
            open.announced |= is_due;
            is_due
        })
    }

    /// Takes back that these were announced.
    pub(crate) fn unannounce(&self, ids: &[u64]) {
        self.collect(|open| {
            open.announced &= !ids.contains(&open.id);
            false
        });
    }

    /// All of them, the eldest first.
    pub(crate) fn all(&self) -> Vec<Open> {
        self.collect(|_| true)
    }

    /// How many were announced and have not ended.
    pub(crate) fn announced(&self) -> usize {
        self.collect(|open| open.announced).len()
    }

    /// Stops watching, unless a step is open; the next one that begins wakes whoever watches.
    pub(crate) fn unwatch(&self) -> bool {
        let mut shards: Vec<_> = (0..SHARDS).map(|shard| self.shard(shard)).collect();
        let is_empty = shards.iter().all(|shard| shard.seats.len() == shard.free.len());
        shards.iter_mut().for_each(|shard| shard.unwatched = is_empty);
        is_empty
    }

    fn collect(&self, mut wanted: impl FnMut(&mut Open) -> bool) -> Vec<Open> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let mut shard = self.shard(shard);
            found.extend(shard.seats.iter_mut().flatten().filter_map(|open| wanted(open).then_some(*open)));
        }
        found.sort_by_key(|open| open.began);
        found
    }
}
