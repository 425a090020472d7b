//! What a damaged store still gives goes the usual way into the new one.

use std::time::Duration;

use treering_store::{Damaged, Error, OutcomeCount, Piece, Salvage};

use super::{Delivery, batch, causes};
use crate::outcome::Outcome;

/// How long to wait where a damaged store could not be read, or the new one did not take what it gave.
const PAUSE: Duration = Duration::from_secs(5);

/// How much became of a damaged store.
#[derive(Debug, Clone, Copy, Default)]
struct Carried {
    salvaged: u64,
    lost: u64,
}

/// Carries over what damaged stores hold, for ever. Should it be interrupted, it begins with the same one again, to the
/// same result.
pub(crate) async fn keep_salvaged(delivery: Delivery, damaged: Damaged, collector: String) {
    if damaged.was_missing() {
        tracing::error!(
            "the store is gone, although there were keys to its content; a new one began, without what was lost: put \
             a backup back, or make new API keys with `treering key create`"
        );
    }
    loop {
        if let Err(error) = next(&delivery, &damaged, &collector).await {
            let error = causes(&error);
            tracing::error!(%error, "a damaged store could not be carried over; trying again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(delivery: &Delivery, damaged: &Damaged, collector: &str) -> Result<(), Error> {
    let salvage = damaged.next().await?;
    let aside = salvage.path().display().to_string();
    tracing::error!(aside, "the store was damaged; a new one began, and takes over what can be read of it");
    let Carried { salvaged, lost } = carry_over(delivery, &salvage).await?;
    // Written down before the damaged one is done with, rather than once too seldom.
    let counts = [(Outcome::Salvaged, salvaged), (Outcome::DamagedStore, lost)];
    let counts =
        counts.map(|(outcome, count)| OutcomeCount { project: None, name: outcome.name().to_owned(), count });
    let minute = treering_step::Timestamp::now().as_nanos() / 60_000_000_000;
    delivery.writer.count(collector.to_owned(), minute, counts.to_vec()).await?;
    damaged.finish(salvage)?;
    tracing::error!(aside, salvaged, lost, "what could be read of the damaged store is in the new one");
    Ok(())
}

async fn carry_over(delivery: &Delivery, salvage: &Salvage) -> Result<Carried, Error> {
    let (mut pieces, mut carried) = (salvage.read(), Carried::default());
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Records(records) => {
                let count = records.len() as u64;
                let batches = batch::salvaged(records);
                let kept: usize = batches.iter().map(|batch| batch.spans.len() + batch.logs.len()).sum();
                carried.salvaged += kept as u64;
                carried.lost += count - kept as u64;
                let touched = delivery.writer.append(batches).await?;
                delivery.computing.touched(&touched).await?;
            }
            Piece::Lost(lost) => return Ok(Carried { lost: carried.lost + lost, ..carried }),
            Piece::Failed(error) => return Err(error),
        }
    }
    Err(Error::Damaged("a salvage ended before its end"))
}
