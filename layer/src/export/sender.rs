//! What runs within the export thread's runtime: from the queue to the collector.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::error::OTelSdkError;

use super::exporter::{self, Exporter};
use super::life::Life;
use super::listen::Listener;
use super::packer::{Batch, Packer};
use super::queue::{Queue, Task, Times};
use super::spans;
use super::spill::{self, Spilling};
use crate::finish::{Finished, Finisher};
use crate::following::Following;
use crate::{Error, Settings};

/// After a failure, which comes after the exporter's own retries, the next attempt waits this long and twice
/// as long each time; a flush does not wait.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Sender {
    queue: Arc<Queue>,
    life: Life,
    packer: Packer,
    exporter: Exporter,
    listener: Listener,
    spilling: Spilling,
    delay: Duration,
    /// That of every span, as long as nothing was lost.
    scope: InstrumentationScope,
    /// A batch that was not taken and is kept.
    kept: Option<Batch>,
    pause: Option<Pause>,
}

struct Pause {
    until: Instant,
    length: Duration,
}

/// How a round ended, for those who read the program's log.
pub(super) enum Round {
    Idle,
    Delivered,
    Again(String),
    Refused(String, u64),
}

/// What became of a request.
enum Outcome {
    /// All were taken but so many.
    Taken(u64),
    Again(String),
    Refused(String),
}

impl Sender {
    pub(super) fn new(
        settings: &Settings,
        queue: Arc<Queue>,
        following: Arc<Following>,
        exporter: Exporter,
        listener: Listener,
    ) -> Result<Self, Error> {
        let finisher = Finisher::new(settings.screen.clone());
        Ok(Self {
            life: Life::new(settings, queue.clone(), following),
            packer: Packer::new(queue.clone(), finisher, settings.batch_steps),
            spilling: Spilling::new(settings, &exporter.resource(), &queue)?,
            queue,
            exporter,
            listener,
            delay: settings.delay,
            scope: spans::scope(0),
            kept: None,
            pause: None,
        })
    }

    /// Waits for work and does it: sends until nothing is left, or until a batch is not taken.
    pub(super) async fn round(&mut self) -> (Task, Round) {
        let task = self.queue.next_task(self.times()).await;
        self.life.called();
        if !task.is_last {
            self.life.look(&mut self.packer.finisher, &self.exporter).await;
        }
        if task.is_last {
            let incomplete = self.life.incomplete(&mut self.packer.finisher);
            self.queue.joined(incomplete.len());
            self.packer.incomplete = incomplete;
        }
        if !task.is_due {
            if task.is_spilled {
                self.spilling.save(&mut self.packer, &self.queue);
            }
            return (task, Round::Idle);
        }
        let round = self.send_all().await;
        if matches!(round, Round::Again(_)) {
            self.spilling.keep(&mut self.kept, &self.queue);
            self.spilling.save(&mut self.packer, &self.queue);
        } else if task.is_last {
            self.life.end(&self.exporter).await;
        }
        if task.is_last {
            self.spilling.close();
        }
        match self.spilling.take_trouble() {
            Some((error, steps)) => (task, Round::Refused(error, steps)),
            None => (task, round),
        }
    }

    fn times(&self) -> Times {
        let not_before = self.pause.as_ref().map(|pause| pause.until);
        let look_at = self.life.look_at().map(|look| look.max(not_before.unwrap_or(look)));
        let look_when_open = self.life.waits_for_a_step() && not_before.is_none();
        let spilled_at = self.spilling.has_spilled().then(|| not_before.unwrap_or_else(Instant::now));
        Times { delay: self.delay, not_before, look_at, look_when_open, spilled_at }
    }

    /// What lies on the disk comes first: it is the eldest.
    async fn send_all(&mut self) -> Round {
        let mut round = Round::Delivered;
        loop {
            let outcome = match self.kept.take() {
                Some(batch) => self.send(batch).await,
                None if self.spilling.has_spilled() => self.send_spilled().await,
                None => match self.packer.pack() {
                    Some(batch) => self.send(batch).await,
                    None => return round,
                },
            };
            match outcome {
                Round::Delivered | Round::Idle => {}
                Round::Again(error) => return Round::Again(error),
                refused @ Round::Refused(..) => round = refused,
            }
        }
    }

    async fn send(&mut self, batch: Batch) -> Round {
        let steps = batch.steps.len() as u64;
        match self.export(&batch.steps).await {
            Outcome::Taken(0) => {
                self.queue.settle(steps, batch.held, 0);
                Round::Delivered
            }
            Outcome::Taken(rejected) => {
                self.queue.settle(steps, batch.held, rejected);
                Round::Refused(String::from("partial success"), rejected)
            }
            Outcome::Again(error) => {
                self.kept = Some(batch);
                Round::Again(error)
            }
            Outcome::Refused(error) => {
                self.queue.settle(steps, batch.held, steps);
                Round::Refused(error, steps)
            }
        }
    }

    async fn send_spilled(&mut self) -> Round {
        let batch = match self.spilling.next(&self.queue) {
            spill::Next::Batch(batch) => batch,
            spill::Next::Nothing => return Round::Idle,
            spill::Next::Unreadable(error, steps) => return Round::Refused(error, steps),
        };
        self.exporter.speak_for(&batch.resource);
        let outcome = self.export(&batch.steps).await;
        self.exporter.speak_for_itself();
        let steps = batch.steps.len() as u64;
        let (failed, round) = match outcome {
            Outcome::Taken(0) => (0, Round::Delivered),
            Outcome::Taken(rejected) => (rejected, Round::Refused(String::from("partial success"), rejected)),
            Outcome::Again(error) => return Round::Again(error),
            Outcome::Refused(error) => (steps, Round::Refused(error, steps)),
        };
        self.spilling.settle();
        self.queue.settle_found(steps, failed);
        round
    }

    /// Sends steps, and what was lost before them. Meanwhile the queue is kept from running over, where there is a disk.
    async fn export(&mut self, steps: &[Finished]) -> Outcome {
        let untold = self.queue.take_untold();
        let scope = if untold > 0 { spans::scope(untold) } else { self.scope.clone() };
        let spans = steps.iter().map(|step| spans::span(step, &scope)).collect();
        let outcome = {
            let Self { exporter, queue, spilling, packer, .. } = self;
            let export = exporter.export(spans);
            tokio::pin!(export);
            loop {
                tokio::select! {
                    outcome = &mut export => break outcome,
                    () = queue.pressed(), if spilling.is_on() => spilling.save(packer, queue),
                }
            }
        };
        let rejected = self.listener.take_rejected().min(steps.len() as u64);
        match outcome {
            Ok(()) => {
                self.pause = None;
                Outcome::Taken(rejected)
            }
            Err(error) => {
                self.queue.give_back_untold(untold);
                self.failed(&error)
            }
        }
    }

    fn failed(&mut self, error: &OTelSdkError) -> Outcome {
        if exporter::is_final(error) {
            return Outcome::Refused(error.to_string());
        }
        self.pause = Some(Pause::after(self.pause.take(), self.exporter.later()));
        Outcome::Again(error.to_string())
    }

    /// Counts what was not taken by the end as failed.
    pub(super) fn give_up(&mut self) {
        let (mut steps, mut held) = self.packer.give_up();
        if let Some(kept) = self.kept.take() {
            steps += kept.steps.len() as u64;
            held += kept.held;
        }
        self.queue.settle(steps, held, steps);
        self.queue.give_up();
    }
}

impl Pause {
    /// Longer than the last one, and as long as the collector asked for.
    fn after(last: Option<Self>, asked: Duration) -> Self {
        let length = last.map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
        Self { until: Instant::now() + length.max(asked), length }
    }
}
