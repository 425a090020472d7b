use std::sync::{Arc, mpsc};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tracing::Dispatch;

use super::exporter::Exporter;
use super::listen::Listener;
use super::queue::Queue;
use super::sender::{Round, Sender};
use crate::fields::LOG_TARGET;
use crate::following::Following;
use crate::{Error, Settings};

/// Starts the export thread; it ends after the last flush.
pub(crate) fn start(settings: Settings, queue: Arc<Queue>, following: Arc<Following>) -> Result<(), Error> {
    let (built, is_built) = mpsc::channel();
    let work = move || {
        let listener = Listener::default();
        let silence = Dispatch::new(listener.clone());
        let worker = tracing::dispatcher::with_default(&silence, || {
            Worker::new(&settings, queue, following, listener)
        });
        match worker {
            Ok(worker) => {
                let _ = built.send(Ok(()));
                worker.run(&silence);
            }
            Err(error) => drop(built.send(Err(error))),
        }
    };
    thread::Builder::new().name(String::from(super::THREAD)).spawn(work).map_err(Error::Thread)?;
    is_built
        .recv()
        .unwrap_or_else(|_| Err(Error::Thread(std::io::Error::other("it panicked while starting"))))
}

struct Worker {
    queue: Arc<Queue>,
    runtime: Option<Runtime>,
    sender: Sender,
}

impl Worker {
    fn new(
        settings: &Settings,
        queue: Arc<Queue>,
        following: Arc<Following>,
        listener: Listener,
    ) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let exporter = {
            let _entered = runtime.enter();
            Exporter::new(settings)?
        };
        let sender = Sender::new(settings, queue.clone(), following, exporter, listener)?;
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
        Round::Idle => return,
        Round::Delivered if *was_well => {}
        Round::Delivered => tracing::info!(target: LOG_TARGET, "steps are exported again"),
        Round::Again(error) if *was_well => {
            tracing::warn!(target: LOG_TARGET, error = error.as_str(), "steps cannot be exported now and are kept");
        }
        Round::Again(_) => {}
        Round::Refused(error, steps) => {
            tracing::warn!(target: LOG_TARGET, error = error.as_str(), steps, "steps were refused");
        }
    }
    *was_well = !matches!(round, Round::Again(_));
}
