//! The thread that writes: it gathers what arrived while it waited for the disk, and commits it at once.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::entry::EntryId;
use crate::journal::Sealed;
use crate::shared::{Depth, Shared};
use crate::writing::Writing;

/// Commands that share a commit at the most: enough that an fsync of 10 ms carries 25,000 requests a second,
/// and few enough that nobody waits for a giant.
const GROUP: usize = 256;

/// What to write, and whom to tell once it is committed.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) work: Work,
    pub(crate) done: oneshot::Sender<Result<Written, Error>>,
}

#[derive(Debug)]
pub(crate) enum Work {
    Append(Sealed),
    Forget(Vec<EntryId>),
    SetAside(EntryId),
    /// Looks how many entries are left, after some were found to be damaged.
    Recount,
    /// Leaves no file where nothing waits.
    Rest,
}

impl Work {
    /// The entries that are to be read no more.
    pub(crate) fn forgets(&self) -> &[EntryId] {
        match self {
            Self::Append(_) | Self::Recount | Self::Rest => &[],
            Self::Forget(entries) => entries,
            Self::SetAside(entry) => std::slice::from_ref(entry),
        }
    }
}

/// What a command did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// An entry that was appended.
    pub(crate) entry: Option<EntryId>,
    pub(crate) removed_entries: u64,
    removed_bytes: u64,
    /// What is left on the disk, where it was counted.
    pub(crate) left: Option<Depth>,
}

impl Written {
    pub(crate) fn appended(entry: EntryId) -> Self {
        Self { entry: Some(entry), ..Self::default() }
    }

    pub(crate) fn removed(entries: &[EntryId]) -> Self {
        let bytes = entries.iter().map(|entry| entry.sealed_length()).sum();
        Self { removed_entries: entries.len() as u64, removed_bytes: bytes, ..Self::default() }
    }
}

pub(crate) fn start(mut writing: Writing, shared: Arc<Shared>) -> io::Result<mpsc::UnboundedSender<Command>> {
    // Unbounded, since every append took room from the bound in bytes before it came here.
    let (sender, mut commands) = mpsc::unbounded_channel();
    let work = move || {
        let (mut group, mut is_failing) = (Vec::with_capacity(GROUP), false);
        while commands.blocking_recv_many(&mut group, GROUP) > 0 {
            commit(&mut writing, &shared, &mut group, &mut is_failing);
        }
    };
    std::thread::Builder::new().name("journal".into()).spawn(work)?;
    Ok(sender)
}

fn commit(writing: &mut Writing, shared: &Shared, group: &mut Vec<Command>, is_failing: &mut bool) {
    // A count is of the moment after everything else.
    group.sort_by_key(|command| matches!(command.work, Work::Recount));
    match writing.write(group) {
        Ok(written) => {
            if std::mem::take(is_failing) {
                tracing::warn!("the journal can be written again");
            }
            group.drain(..).zip(written).for_each(|(command, written)| tell(shared, command, written));
        }
        Err(error) => {
            // Once is enough to say so: each client is told, and each request is counted.
            if !std::mem::replace(is_failing, true) {
                tracing::error!(%error, "the journal cannot be written; clients are asked to come again");
            }
            for command in group.drain(..) {
                match &command.work {
                    Work::Forget(entries) => {
                        let written = writing.let_go(entries);
                        tell(shared, command, written);
                    }
                    _ => fail(shared, command, &error),
                }
            }
        }
    }
}

fn tell(shared: &Shared, command: Command, mut written: Written) {
    if let Work::Append(sealed) = &command.work {
        shared.arrived(sealed.bytes().len() as u64);
    }
    if let Some(left) = written.left {
        let before = shared.on_disk();
        written.removed_entries = before.entries.saturating_sub(left.entries);
        written.removed_bytes = before.bytes.saturating_sub(left.bytes);
    }
    shared.release(written.removed_entries, written.removed_bytes);
    // Nobody listens any more where the caller left; what was committed stays committed.
    command.done.send(Ok(written)).ok();
    if matches!(command.work, Work::Append(_)) {
        shared.announce();
    }
}

fn fail(shared: &Shared, command: Command, error: &io::Error) {
    if let Work::Append(sealed) = &command.work {
        shared.arrived(sealed.bytes().len() as u64);
        shared.release(1, sealed.bytes().len() as u64);
    }
    command.done.send(Err(Error::Write(error.to_string()))).ok();
}
