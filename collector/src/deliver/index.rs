//! The index of words follows delivery, at a distance.
//!
//! It never keeps delivery waiting: what it reads it reads beside it, and it writes a few rows for many executions.
//! An execution that grows for long is taken up again only after a pause that is many times what its last turn cost,
//! so that an agent of a thousand turns does not cost its whole history each time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use treering_store::{Error, Indexed, Share, Touched, Unindexed, Wording, Writer};

use super::{Fleet, causes};
use crate::outcome::{Ledger, Outcome};

const WORDING: Wording =
    Wording { of_record: treering_read::words, of_context: treering_read::context_words };

/// How often somebody looks what waits. What comes within one round is read in one go.
const ROUND: Duration = Duration::from_secs(1);
/// Executions that share a commit.
const AT_ONCE: usize = 256;
/// An execution rests so many times as long as its last turn took.
const REST: u32 = 20;
/// What takes less needs no rest.
const LITTLE: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// When one that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Puts into the index what was appended, for ever.
pub(crate) async fn keep_indexed(writer: Writer, ledger: Arc<Ledger>, fleet: Option<Arc<Fleet>>) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut indexing = Indexing { writer, ledger, fleet, resting: Resting::default() };
    loop {
        rounds.tick().await;
        if let Err(error) = indexing.catch_up().await {
            let error = causes(&error);
            tracing::warn!(%error, "the index of words is not kept up; trying again");
        }
    }
}

struct Indexing {
    writer: Writer,
    ledger: Arc<Ledger>,
    fleet: Option<Arc<Fleet>>,
    resting: Resting,
}

impl Indexing {
    /// Until nothing is left but what rests.
    async fn catch_up(&mut self) -> Result<(), Error> {
        loop {
            self.resting.wake(Instant::now());
            let share = self.fleet.as_ref().map_or(Share::ALL, |fleet| fleet.share());
            let mut waiting = self.writer.unindexed_of(share, AT_ONCE + self.resting.len()).await?;
            waiting.retain(|one| !self.resting.has(one.of));
            waiting.truncate(AT_ONCE);
            if waiting.is_empty() {
                return Ok(());
            }
            self.index(waiting).await?;
        }
    }

    /// Together; where one of them cannot be read, each goes alone.
    async fn index(&mut self, waiting: Vec<Unindexed>) -> Result<(), Error> {
        match self.writer.index(waiting.clone(), WORDING).await {
            Err(error) if !is_of_one(&error) => return Err(error),
            Err(_) => {}
            Ok(done) => {
                done.iter().for_each(|one| self.done(one));
                return Ok(());
            }
        }
        for one in waiting {
            match self.writer.index(vec![one], WORDING).await {
                Ok(done) => done.iter().for_each(|one| self.done(one)),
                Err(error) if is_of_one(&error) => self.failed(one.of, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn done(&mut self, done: &Indexed) {
        if done.unread > 0 {
            self.ledger.count(Outcome::NotIndexed, done.unread);
            let (trace, records) = (done.of.trace_id, done.unread);
            tracing::error!(%trace, records, "records whose words could not be read; this is a defect");
        }
        self.resting.after(done.of, done.took, Instant::now());
    }

    fn failed(&mut self, of: Touched, error: &Error) {
        let error = causes(error);
        tracing::warn!(trace = %of.trace_id, %error, "an execution could not be indexed; trying again later");
        self.resting.rest(of, Instant::now() + AFTER_FAILURE);
    }
}

/// True where another execution may fare better: this one is damaged, or a reader broke on it.
fn is_of_one(error: &Error) -> bool {
    error.is_of_the_batch() || matches!(error, Error::Gone(_))
}

/// Executions that are not taken up before their time.
#[derive(Debug, Default)]
struct Resting {
    until: HashMap<Touched, Instant>,
}

impl Resting {
    fn has(&self, of: Touched) -> bool {
        self.until.contains_key(&of)
    }

    fn len(&self) -> usize {
        self.until.len()
    }

    fn wake(&mut self, now: Instant) {
        self.until.retain(|_, until| *until > now);
    }

    fn after(&mut self, of: Touched, took: Duration, now: Instant) {
        if took > LITTLE {
            self.rest(of, now + (took * REST).min(LONGEST_REST));
        }
    }

    fn rest(&mut self, of: Touched, until: Instant) {
        self.until.insert(of, until);
    }
}

#[cfg(test)]
mod tests {
    use treering_step::TraceId;
    use treering_store::ProjectId;

    use super::*;

    #[test]
    fn what_costs_much_rests_in_proportion_and_not_for_ever() {
        let trace_id = TraceId::from_bytes(&[1; 16]).unwrap();
        let of = Touched { project: ProjectId::from_i64(1), trace_id };
        let (mut resting, now) = (Resting::default(), Instant::now());
        for (took, rests) in [(1, 0), (100, 2_000), (1_000, 20_000), (3_600_000, 60_000)] {
            resting.after(of, Duration::from_millis(took), now);
            assert_eq!(resting.has(of), rests > 0, "{took} ms");
            if rests > 0 {
                resting.wake(now + Duration::from_millis(rests - 1));
                assert!(resting.has(of), "{took} ms");
                resting.wake(now + Duration::from_millis(rests));
            }
            assert_eq!(resting.len(), 0, "{took} ms");
        }
    }
}
