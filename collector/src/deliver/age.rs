//! The age of what waits in the journal. It alarms, and never drops anything.

use std::time::Duration;

use treering_queue::Journal;
use treering_step::Timestamp;

/// How often somebody looks.
const ROUND: Duration = Duration::from_secs(30);
/// How old the oldest entry may be before it is said.
const OLD: Duration = Duration::from_secs(10 * 60);

pub(crate) async fn keep_watch(journal: Journal) {
    let mut rounds = tokio::time::interval(ROUND);
    let mut said = false;
    loop {
        rounds.tick().await;
        let age = age(&journal).await;
        let is_old = age >= OLD;
        if is_old && !said {
            let entries = journal.depth().entries;
            tracing::error!(
                minutes = age.as_secs() / 60,
                entries,
                "what was accepted has long been waiting for the store"
            );
        }
        said = is_old;
    }
}

/// A clock that was put back makes nothing older than it is.
async fn age(journal: &Journal) -> Duration {
    let now = Timestamp::now().as_nanos() / 1_000_000;
    match journal.oldest().await {
        Ok(Some(accepted_at)) => Duration::from_millis(now.saturating_sub(accepted_at)),
        Ok(None) | Err(_) => Duration::ZERO,
    }
}
