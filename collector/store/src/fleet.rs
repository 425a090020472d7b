use std::time::Duration;

use treering_step::Timestamp;

/// What a collector says of itself, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Stays the same for as long as its journal does.
    pub id: String,
    /// What people call it; several may have the same name.
    pub name: String,
    /// The last request to erase before which all that it had accepted is in the store, and can be opened nowhere else.
    pub passed: i64,
    /// All that it had accepted then is in the store. By its own clock, which is that of the signs of life that it heard.
    pub delivered_at: Timestamp,
}

/// A collector of a remote store, which has a journal of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    pub id: String,
    pub name: String,
    /// The last erasure that it passed.
    pub passed: i64,
    /// Until when it has delivered, by its own clock.
    pub delivered_at: Timestamp,
    /// When it last said that it is there, and how long ago that is, by the clock of the store's server.
    pub seen_at: Timestamp,
    pub silent_for: Duration,
}

/// A collector that was silent for longer than this may be gone; it speaks each second.
const LATELY: Duration = Duration::from_secs(30);

impl Collector {
    /// False where it may be gone.
    pub fn is_there(&self) -> bool {
        self.silent_for < LATELY
    }
}

/// A part of all executions: those that one of several collectors looks after, of what any of them could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    place: u32,
    of: u32,
}

impl Share {
    pub const ALL: Self = Self { place: 0, of: 1 };

    /// That of the collector at this place among so many.
    pub fn new(place: usize, of: usize) -> Self {
        match (u32::try_from(place), u32::try_from(of)) {
            (Ok(place), Ok(of)) if place < of => Self { place, of },
            _ => Self::ALL,
        }
    }

    /// The last bytes of the trace ids that are in it: from the first one on, and before the second one.
    pub(crate) fn range(self) -> [Vec<u8>; 2] {
        let start = |place: u32| match u8::try_from(place * 256 / self.of) {
            Ok(byte) => vec![byte],
            // Behind whatever one byte may be.
            Err(_) => vec![u8::MAX; 2],
        };
        [start(self.place), start(self.place + 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_execution_is_in_one_share() {
        for of in [1, 2, 3, 7, 255, 256] {
            for byte in 0..=u8::MAX {
                let has = |place: &usize| {
                    let [from, to] = Share::new(*place, of).range();
                    from <= vec![byte] && vec![byte] < to
                };
                assert_eq!((0..of).filter(has).count(), 1, "{byte} of {of}");
            }
        }
    }

    #[test]
    fn who_is_not_among_them_takes_all() {
        assert_eq!(Share::new(2, 2), Share::ALL);
        assert_eq!(Share::new(0, 0), Share::ALL);
    }
}
