//! What is older than a project keeps it is forgotten, without being asked.

use std::time::Duration;

use treering_step::Timestamp;
use treering_store::{
    Act, Action, Audit, ClockNote, Error, Forgotten, Keep, Project, ProjectRecord, Retention, Work, Writer,
};

use crate::deliver::{Delivery, causes};

/// How often somebody looks, from the start on.
const ROUND: Duration = Duration::from_secs(10 * 60);
/// A clock that says more than this after it was last looked at has jumped, or nobody was there to look.
const LONGEST_LEAP: Duration = DAY;
/// How long such a clock must go on from where it leapt to before anything is forgotten by it.
const DOUBTED_FOR: Duration = DAY;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What went of a project, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    pub project: Project,
    /// The first days of ingest, since 1970 UTC, of which the content stays, and the steps.
    pub content_from: Option<u32>,
    pub steps_from: Option<u32>,
    pub forgotten: Forgotten,
}

/// Forgets in time, for ever. What still waits for the store is delivered first: its steps may stay for longer than its
/// content.
pub(crate) async fn keep_retained(delivery: Delivery) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        delivery.journal.delivered().await;
        let now = Timestamp::now();
        let done = async {
            match &delivery.fleet {
                None => forget(&delivery.writer, &delivery.witness, now).await,
                Some(fleet) => {
                    let (writer, witness) = (&delivery.writer, &delivery.witness);
                    fleet.alone(writer, Work::Retention, forget(writer, witness, now)).await?;
                    drop_own_keys(&delivery, now).await
                }
            }
        };
        if let Err(error) = done.await {
            let error = causes(&error);
            tracing::warn!(%error, "what is older than it is kept could not be forgotten; trying again");
        }
    }
}

async fn forget(writer: &Writer, witness: &Audit, now: Timestamp) -> Result<(), Error> {
    if let Some(since) = doubt(writer, now).await? {
        let (now, since) = (now.to_string(), since.to_string());
        tracing::warn!(
            now,
            since,
            "the clock has leapt; nothing is forgotten by it until it went on for a day"
        );
        return Ok(());
    }
    let acts = prune(writer, now, false).await?.iter().filter_map(Pruned::act).collect::<Vec<_>>();
    if acts.is_empty() { Ok(()) } else { witness.append_all(acts).await }
}

impl Pruned {
    /// What the audit log says of it, where anything went.
    fn act(&self) -> Option<(String, Act)> {
        let Forgotten { executions, records, .. } = self.forgotten;
        let act = Act::new(Action::Retention).within(self.project.id).on(&self.project.name);
        let detail = format!("executions {executions}, records {records}");
        (executions + records > 0).then(|| ("treering".to_owned(), act.detail(detail)))
    }
}

/// Forgets what sealed, in the journal, days that are kept no longer. Each collector does so for itself, since what its
/// journal held of them was delivered before; and not by a clock that is doubted.
async fn drop_own_keys(delivery: &Delivery, now: Timestamp) -> Result<(), Error> {
    let writer = &delivery.writer;
    let last = writer.clock().await?;
    if last.is_none_or(|last| judge(last, now).doubted_since.is_some()) {
        return Ok(());
    }
    for ProjectRecord { project, retention, .. } in writer.projects().await? {
        let (content_from, steps_from) = limits(retention, now);
        let Some(day) = content_from.max(steps_from) else { continue };
        let seals = delivery.seals.clone();
        tokio::task::spawn_blocking(move || seals.drop_before(project.id, day)).await??;
    }
    Ok(())
}

/// The first days of which content is kept, and steps.
fn limits(retention: Retention, now: Timestamp) -> (Option<u32>, Option<u32>) {
    let from = |keep: Keep| keep.days().map(|days| day_of(now).saturating_sub(days));
    (from(retention.content), from(retention.steps))
}

/// Forgets what is older than its project keeps it by this clock, or tells what it would forget. Receipts, which every
/// project keeps equally long, go without a word.
pub async fn prune(writer: &Writer, now: Timestamp, dry_run: bool) -> Result<Vec<Pruned>, Error> {
    let mut all = Vec::new();
    for ProjectRecord { project, retention, .. } in writer.projects().await? {
        if !dry_run {
            writer.forget_receipts(project.id, now).await?;
        }
        let (content_from, steps_from) = limits(retention, now);
        if content_from.or(steps_from).is_some() {
            let forgotten = writer.forget_days(project.id, content_from, steps_from, dry_run).await?;
            all.push(Pruned { project, content_from, steps_from, forgotten });
        }
    }
    Ok(all)
}

/// Notes what the clock says. Since when it is not believed, if it is not.
pub async fn doubt(writer: &Writer, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let last = match writer.clock().await? {
        Some(note) => note,
        // Of a store that knows nothing of clocks yet, the newest day was right once.
        None => ClockNote { seen_at: end_of(writer.newest_day().await?, now), doubted_since: None },
    };
    let note = judge(last, now);
    writer.note_clock(note).await?;
    Ok(note.doubted_since)
}

fn judge(last: ClockNote, now: Timestamp) -> ClockNote {
    let since = |moment: Timestamp| Duration::from_nanos(now.nanos_since(moment));
    let doubted_since = match last.doubted_since {
        _ if since(last.seen_at) > LONGEST_LEAP => Some(now),
        // It was set right.
        Some(leapt) if now < leapt => None,
        Some(leapt) if since(leapt) >= DOUBTED_FOR => None,
        doubt => doubt,
    };
    ClockNote { seen_at: now, doubted_since }
}

fn day_of(now: Timestamp) -> u32 {
    u32::try_from(Duration::from_nanos(now.as_nanos()).as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
}

fn end_of(day: Option<u32>, otherwise: Timestamp) -> Timestamp {
    let end = |day: u32| u64::try_from((DAY * day.saturating_add(1)).as_nanos()).ok();
    day.and_then(end).and_then(Timestamp::from_nanos).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 20_000;

    /// So many hours after the start.
    fn at(hours: u64) -> Timestamp {
        Timestamp::from_nanos((START * 24 + hours) * 3_600_000_000_000).unwrap()
    }

    /// Whether the clock is believed each time that it is looked at.
    fn believed(looks: &[u64]) -> Vec<bool> {
        let mut note = ClockNote { seen_at: at(0), doubted_since: None };
        let mut look = |hours: &u64| {
            note = judge(note, at(*hours));
            note.doubted_since.is_none()
        };
        looks.iter().map(&mut look).collect()
    }

    #[test]
    fn a_clock_that_goes_on_is_believed() {
        assert_eq!(believed(&[1, 2, 20, 44]), [true; 4]);
    }

    #[test]
    fn a_clock_that_leaps_is_believed_after_it_went_on_for_a_day() {
        assert_eq!(
            believed(&[1, 9_000, 9_001, 9_023, 9_024, 9_025]),
            [true, false, false, false, true, true]
        );
    }

    #[test]
    fn a_clock_that_leaps_again_is_doubted_anew() {
        assert_eq!(believed(&[9_000, 9_023, 50_000, 50_001, 50_024]), [false, false, false, false, true]);
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_at_once() {
        assert_eq!(believed(&[1, 900_000, 900_001, 3, 4]), [true, false, false, true, true]);
    }

    #[test]
    fn nights_are_no_leaps() {
        assert_eq!(believed(&[8, 24, 32, 48, 56]), [true; 5]);
    }
}
