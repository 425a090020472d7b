//! Writes down who saw what, before it is shown.

use tokio::sync::{mpsc, oneshot};
use treering_step::{SpanId, TraceId};
use treering_store::{Act, Action, Audit, Project};

use crate::error::Error;

/// Rows that wait to be written at a time; who comes later waits for room.
const WAITING: usize = 1_024;
/// Rows that are written at once.
const TOGETHER: usize = 256;

/// Gathers what happens at the same time and writes it down together: a row for each, and one fsync for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Witness(mpsc::Sender<Said>);

/// What is to be written down, and who waits for it.
type Said = (Vec<(String, Act)>, oneshot::Sender<bool>);

/// It is written down that somebody sees it. Nothing of an execution is read without one of these.
#[derive(Debug)]
pub(crate) struct Witnessed(());

impl Witness {
    /// It works until the last of its handles is gone.
    pub(crate) fn new(audit: Audit) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(audit, receiver));
        Self(sender)
    }

    /// Written down when this returns; what somebody wants to see is not shown otherwise.
    pub(super) async fn saw(&self, actor: &str, acts: Vec<Act>) -> Result<Witnessed, Error> {
        self.write(acts.into_iter().map(|act| (actor.to_owned(), act)).collect()).await
    }

    /// The same for what somebody does who is no viewer yet.
    pub(crate) async fn write(&self, acts: Vec<(String, Act)>) -> Result<Witnessed, Error> {
        let (told, written) = oneshot::channel();
        self.0.send((acts, told)).await.map_err(|_| Error::NotWritten)?;
        if written.await.unwrap_or(false) { Ok(Witnessed(())) } else { Err(Error::NotWritten) }
    }
}

async fn write(audit: Audit, mut waiting: mpsc::Receiver<Said>) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, TOGETHER).await > 0 {
        let (acts, told): (Vec<_>, Vec<_>) = together.drain(..).unzip();
        let written = audit.append_all(acts.into_iter().flatten().collect()).await;
        if let Err(error) = &written {
            let error = super::login::causes(error);
            tracing::error!(error, "the audit log cannot be written; nothing is shown until it can");
        }
        for told in told {
            // Who has gone away meanwhile is told nothing.
            told.send(written.is_ok()).ok();
        }
    }
}

/// Somebody looks at an execution.
pub(crate) fn execution_read(project: &Project, trace: TraceId) -> Act {
    Act::new(Action::ExecutionRead).within(project.id).on(trace.to_string())
}

/// Somebody reads what was said in it, or in this step of it.
pub(crate) fn payload_read(project: &Project, trace: TraceId, span: Option<SpanId>) -> Act {
    let subject = span.map_or(trace.to_string(), |span| format!("{trace}/{span}"));
    Act::new(Action::PayloadRead).within(project.id).on(subject)
}
