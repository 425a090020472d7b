use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use treering_store::{Act, Action};

use super::Witness;
use crate::error::Error;

/// Refused log-ins that get a row of their own in a minute. Whoever floods the door shall not flood the disk: the others are
/// counted, and told of in the next row.
const MOST: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// Writes down who was not let in.
#[derive(Debug)]
pub(crate) struct Refusals(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    since: Instant,
    written: u32,
    left_out: u64,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Counted { since: Instant::now(), written: 0, left_out: 0 }))
    }

    /// Somebody was refused for this. Whether or not that can be written down, the door stays closed.
    pub(crate) async fn note(&self, error: &Error, witness: &Witness) {
        let Some(left_out) = self.row(Instant::now()) else { return };
        let more =
            if left_out == 0 { String::new() } else { format!("; {left_out} more before it had no row") };
        let act = Act::new(Action::LoginRefused).detail(format!("{error}{more}"));
        witness.write(vec![("stranger".to_owned(), act)]).await.ok();
    }

    /// How many had none before, where this one gets a row.
    fn row(&self, now: Instant) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(counted.since) >= MINUTE {
            (counted.since, counted.written) = (now, 0);
        }
        if counted.written >= MOST {
            counted.left_out += 1;
            return None;
        }
        counted.written += 1;
        Some(std::mem::take(&mut counted.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_told_in_one_row() {
        let (refusals, start) = (Refusals::new(), Instant::now());
        for _ in 0..MOST {
            assert_eq!(refusals.row(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(refusals.row(start), None);
        }
        assert_eq!(refusals.row(start + MINUTE), Some(7));
        assert_eq!(refusals.row(start + MINUTE), Some(0));
    }
}
