use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::{Builder, Runtime};
use tracing::Dispatch;

use super::exporter;
use super::listen::Listener;
use super::queue::{Queue, Task};
use super::spans;
use crate::fields::LOG_TARGET;
use crate::finish::finish;
use crate::{Error, Settings};

/// Receivers of gRPC take 4 MiB a request unless told otherwise; what we count is a little more than the
/// wire.
const BATCH_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

/// After a failure, which comes after the exporter's own retries, the next attempt waits this long and twice
/// as long each time; a flush does not wait.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Starts the export thread; it ends after the last flush.
pub(crate) fn start(settings: Settings, queue: Arc<Queue>) -> Result<(), Error> {
    let (built, is_built) = mpsc::channel();
    let work = move || {
        let listener = Listener::default();
        let silence = Dispatch::new(listener.clone());
        let worker = tracing::dispatcher::with_default(&silence, || Worker::new(&settings, queue, listener));
        match worker {
            Ok(worker) => {
                let _ = built.send(Ok(()));
                worker.run(&silence);
            }
            Err(error) => drop(built.send(Err(error))),
        }
    };
    thread::Builder::new().name(String::from("treering-export")).spawn(work).map_err(Error::Thread)?;
    is_built
        .recv()
        .unwrap_or_else(|_| Err(Error::Thread(std::io::Error::other("it panicked while starting"))))
}

struct Worker {
    queue: Arc<Queue>,
    runtime: Option<Runtime>,
    sender: Sender,
}

/// What runs within the runtime.
struct Sender {
    queue: Arc<Queue>,
    exporter: SpanExporter,
    listener: Listener,
    delay: Duration,
    batch_steps: usize,
    /// A batch that was not taken and is kept.
    kept: Option<Batch>,
    /// A step that did not fit into the batch before it.
    next: Option<Packed>,
    pause: Option<Pause>,
}

struct Pause {
    until: Instant,
    length: Duration,
}

#[derive(Default)]
struct Batch {
    spans: Vec<SpanData>,
    /// Bytes that the queue counts for it.
    held: usize,
}

/// A span with its bytes on the wire and those that the queue counts for it.
struct Packed {
    span: SpanData,
    wire: usize,
    held: usize,
}

/// How a round ended, for those who read the program's log.
enum Round {
    Delivered,
    Again(String),
    Refused(String, u64),
}

impl Worker {
    fn new(settings: &Settings, queue: Arc<Queue>, listener: Listener) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let exporter = {
            let _entered = runtime.enter();
            exporter::build(settings)?
        };
        let sender = Sender {
            queue: queue.clone(),
            exporter,
            listener,
            delay: settings.delay,
            batch_steps: settings.batch_steps,
            kept: None,
            next: None,
            pause: None,
        };
        Ok(Self { queue, runtime: Some(runtime), sender })
    }

    /// Works until the last task. The runtime runs in silence; between its rounds the program's own
    /// subscriber listens on this thread, so that failures can be told there.
    fn run(mut self, silence: &Dispatch) {
        let Some(runtime) = self.runtime.take() else { return };
        let mut was_well = true;
        loop {
            let round = || runtime.block_on(self.sender.round());
            let (task, outcome) = tracing::dispatcher::with_default(silence, round);
            tell(&outcome, &mut was_well);
            if task.is_last {
                self.sender.give_up();
            }
            if task.is_flush {
                self.queue.answer(task.flush);
            }
            if task.is_last {
                return tracing::dispatcher::with_default(silence, || drop(runtime));
            }
        }
    }
}

/// Tells the program's log the first of several failures, each refusal, and the recovery.
fn tell(round: &Round, was_well: &mut bool) {
    match round {
        Round::Delivered if *was_well => {}
        Round::Delivered => tracing::info!(target: LOG_TARGET, "steps are exported again"),
        Round::Again(error) if *was_well => {
            tracing::warn!(target: LOG_TARGET, error = error.as_str(), "steps cannot be exported now and are kept");
        }
        Round::Again(_) => {}
        Round::Refused(error, steps) => {
            tracing::warn!(target: LOG_TARGET, error = error.as_str(), steps, "the collector refused steps");
        }
    }
    *was_well = !matches!(round, Round::Again(_));
}

impl Sender {
    /// Waits for work and does it: sends until nothing is left, or until a batch is not taken.
    async fn round(&mut self) -> (Task, Round) {
        let not_before = self.pause.as_ref().map(|pause| pause.until);
        let task = self.queue.next_task(self.delay, not_before).await;
        let mut round = Round::Delivered;
        while let Some(batch) = self.kept.take().or_else(|| self.pack()) {
            match self.send(batch).await {
                Round::Delivered => {}
                Round::Again(error) => return (task, Round::Again(error)),
                refused @ Round::Refused(..) => round = refused,
            }
        }
        (task, round)
    }

    /// Takes records from the queue into a batch that a receiver takes.
    fn pack(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut wire = 0;
        while batch.spans.len() < self.batch_steps {
            let Some(packed) = self.next.take().or_else(|| self.packed()) else { break };
            if !batch.spans.is_empty() && wire + packed.wire > BATCH_BYTES {
                self.next = Some(packed);
                break;
            }
            wire += packed.wire;
            batch.held += packed.held;
            batch.spans.push(packed.span);
        }
        (!batch.spans.is_empty()).then_some(batch)
    }

    fn packed(&self) -> Option<Packed> {
        let (record, held) = self.queue.pop()?;
        let (span, wire) = spans::span(finish(record));
        Some(Packed { span, wire, held })
    }

    async fn send(&mut self, batch: Batch) -> Round {
        let steps = batch.spans.len() as u64;
        let untold = self.queue.take_untold();
        let outcome = self.export(&batch, untold).await;
        let rejected = self.listener.take_rejected().min(steps);
        if let Err(error) = outcome {
            self.queue.give_back_untold(untold);
            let text = error.to_string();
            if !exporter::is_final(&error) {
                self.kept = Some(batch);
                self.pause = Some(Pause::after(self.pause.take()));
                return Round::Again(text);
            }
            self.queue.settle(steps, batch.held, steps);
            return Round::Refused(text, steps);
        }
        self.pause = None;
        self.queue.settle(steps, batch.held, rejected);
        match rejected {
            0 => Round::Delivered,
            some => Round::Refused(String::from("partial success"), some),
        }
    }

    async fn export(&self, batch: &Batch, untold: u64) -> OTelSdkResult {
        let mut spans = batch.spans.clone();
        if untold > 0 {
            let scope = spans::scope(untold);
            spans.iter_mut().for_each(|span| span.instrumentation_scope = scope.clone());
        }
        self.exporter.export(spans).await
    }

    /// Counts what was not taken by the end as failed.
    fn give_up(&mut self) {
        let mut lost = self.kept.take().unwrap_or_default();
        let mut steps = lost.spans.len() as u64;
        if let Some(packed) = self.next.take() {
            lost.held += packed.held;
            steps += 1;
        }
        self.queue.settle(steps, lost.held, steps);
        self.queue.give_up();
    }
}

impl Pause {
    fn after(last: Option<Self>) -> Self {
        let length = last.map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
        Self { until: Instant::now() + length, length }
    }
}
