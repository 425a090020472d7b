//! What no batch brings: the end of processes that were killed.

use std::time::Duration;

use treering_step::Timestamp;
use treering_store::Share;

use super::{Delivery, causes};

/// How often somebody looks who is gone. Heartbeats come every few seconds.
const ROUND: Duration = Duration::from_secs(2);

/// Ends the steps of processes that are gone, and computes anew what a crash left undone.
pub(crate) async fn keep_swept(delivery: Delivery) {
    // While nobody listened, everybody was silent.
    let listening_since = Timestamp::now();
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = Timestamp::now();
        // What a process said until now may still wait in the journal.
        delivery.journal.delivered().await;
        delivery.fleet.iter().for_each(|fleet| fleet.delivered_until(now));
        if delivery.breaker.is_open() {
            continue;
        }
        if let Err(error) = sweep(&delivery, now, listening_since).await {
            let error = causes(&error);
            tracing::warn!(%error, "processes could not be looked after; trying again");
        }
    }
}

async fn sweep(
    delivery: &Delivery,
    now: Timestamp,
    listening_since: Timestamp,
) -> Result<(), treering_store::Error> {
    let (now, share) = match &delivery.fleet {
        // What a process said may wait in the journal of another collector.
        Some(fleet) => (fleet.all_delivered_until(now), fleet.share()),
        None => (now, Share::ALL),
    };
    delivery.writer.bury(now, listening_since).await?;
    delivery.computing.stale(share).await
}
