use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use treering_redact::Redacted;
use treering_seal::DataKey;

use crate::entry::{Entry, EntryId, Head, Kind, place};
use crate::salvage::{self, Salvage};
use crate::sequence::Sequence;
use crate::shared::{Depth, Shared};
use crate::thread::{self, Command, Work, Written};
use crate::writing::Writing;
use crate::{Error, aside, folder};

/// Bounds of a journal.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes that wait in it at the most; beyond them a request is refused, to be sent again later.
    pub max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_bytes: 4 << 30 }
    }
}

/// A request that was sealed for the journal, and is not kept yet.
#[derive(Debug)]
pub struct Sealed {
    project: i64,
    form: u8,
    accepted_at: u64,
    records: u32,
    bytes: Vec<u8>,
}

impl Sealed {
    /// Seals a request of a project, accepted now. The form is the caller's word for what its bytes are.
    pub fn new(project: i64, form: u8, request: Redacted, key: &DataKey) -> Result<Self, Error> {
        let records = u32::try_from(request.records_count()).unwrap_or(u32::MAX);
        Self::seal(project, form, now(), records, &request.into_bytes(), key)
    }

    pub(crate) fn seal(
        project: i64,
        form: u8,
        accepted_at: u64,
        records: u32,
        request: &[u8],
        key: &DataKey,
    ) -> Result<Self, Error> {
        let bytes = key.seal(&place(project, form, accepted_at), request)?;
        match u32::try_from(bytes.len()) {
            Ok(_) => Ok(Self { project, form, accepted_at, records, bytes }),
            Err(_) => Err(Error::TooLarge),
        }
    }

    fn again(head: &Head, bytes: Vec<u8>) -> Self {
        let Head { project, form, accepted_at, records, .. } = *head;
        Self { project, form, accepted_at, records, bytes }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn head(&self, at: u64) -> Head {
        let Self { project, form, accepted_at, records, ref bytes } = *self;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Head { kind: Kind::Request, at, length, project, form, accepted_at, records }
    }
}

/// The journal. Clones are handles of the same one; its thread ends with the last of them.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: mpsc::UnboundedSender<Command>,
    sequence: Arc<Sequence>,
    shared: Arc<Shared>,
    salvage: Salvage,
    /// The files are read by one at a time.
    reading: Arc<Mutex<()>>,
}

impl Journal {
    /// Opens the journal of this folder, with all that waits in it from before.
    pub fn open(path: &Path, settings: &Settings) -> Result<Self, Error> {
        folder::make(path).map_err(Error::open(path))?;
        let mut opened = salvage::open(path).map_err(Error::open(path))?;
        let shared = Arc::new(Shared::new(settings.max_bytes, opened.depth));
        let sequence = Arc::new(opened.sequence);
        let mut writing = Writing::new(path.to_owned(), sequence.clone(), opened.next);
        // A disk that takes nothing at present is no reason not to start: both are done at a later opening.
        match stand_in_the_row_again(path, &mut writing, &shared) {
            Ok(damaged) => {
                opened.salvage.damaged_places += u64::from(damaged > 0);
                opened.salvage.damaged_bytes += damaged;
            }
            Err(error) => tracing::warn!(%error, "what was set aside from the journal stays aside"),
        }
        if let Err(error) = writing.note_damage(&opened.untold) {
            tracing::warn!(%error, "the damage of the journal could not be noted; it will be told again");
        }
        let commands = thread::start(writing, shared.clone()).map_err(Error::open(path))?;
        let reading = Arc::default();
        Ok(Self { commands, sequence, shared, salvage: opened.salvage, reading })
    }

    /// What was missing when it was opened.
    pub fn salvage(&self) -> Salvage {
        self.salvage
    }

    /// Keeps a request. When this returns well, the request is on disk, fsynced.
    pub async fn append(&self, request: Sealed) -> Result<EntryId, Error> {
        self.shared.reserve(request.bytes.len() as u64)?;
        self.keep(request).await
    }

    /// Keeps what has a place in the journal already, however full that is.
    pub(crate) async fn append_regardless(&self, request: Sealed) -> Result<EntryId, Error> {
        self.shared.reserve_regardless(request.bytes.len() as u64);
        self.keep(request).await
    }

    async fn keep(&self, request: Sealed) -> Result<EntryId, Error> {
        let written = self.command(Work::Append(request)).await?;
        written.entry.ok_or(Error::Closed)
    }

    /// The oldest entries after this one, as many as fit into so many bytes, but at least one where there is
    /// one.
    pub async fn next(&self, after: Option<EntryId>, max_bytes: usize) -> Result<Vec<Entry>, Error> {
        self.read(move |sequence| next(sequence, after, max_bytes)).await
    }

    /// How many entries were found to be damaged since the last call. They are given no more.
    pub async fn damaged(&self) -> Result<u64, Error> {
        if !self.sequence.is_newly_damaged() {
            return Ok(0);
        }
        Ok(self.command(Work::Recount).await?.removed_entries)
    }

    /// How long the oldest entry is; 0 where there is none.
    pub async fn first_length(&self) -> Result<usize, Error> {
        let length = |(_, head): (_, Head)| head.length as usize;
        self.read(move |sequence| sequence.request(0).map_or(0, length)).await
    }

    /// When the oldest entry was accepted, in milliseconds since 1970 UTC.
    pub async fn oldest(&self) -> Result<Option<u64>, Error> {
        let accepted_at = |(_, head): (_, Head)| head.accepted_at;
        self.read(move |sequence| sequence.request(0).map(accepted_at)).await
    }

    /// Returns once there may be entries that [`Journal::next`] did not give yet.
    pub async fn news(&self) {
        self.shared.news().await;
    }

    /// Forgets entries that the store has.
    pub async fn forget(&self, entries: Vec<EntryId>) -> Result<(), Error> {
        self.command(Work::Forget(entries)).await.map(|_| ())
    }

    /// Takes an entry out of the way of the others. It stays on disk, in the file `aside`, and stands in the row again
    /// after the next opening: a better reader or store may have it then.
    pub async fn set_aside(&self, entry: EntryId) -> Result<(), Error> {
        self.command(Work::SetAside(entry)).await.map(|_| ())
    }

    async fn command(&self, work: Work) -> Result<Written, Error> {
        let (done, written) = oneshot::channel();
        self.commands.send(Command { work, done }).map_err(|_| Error::Closed)?;
        written.await.unwrap_or(Err(Error::Closed))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Sequence) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sequence, reading) = (self.sequence.clone(), self.reading.clone());
        let read = move || {
            let _one = reading.lock().unwrap_or_else(PoisonError::into_inner);
            work(&sequence)
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Closed)
    }

    /// Takes no room any more where nothing waits; for the end of a process.
    pub async fn rest(&self) -> Result<(), Error> {
        self.command(Work::Rest).await.map(|_| ())
    }

    /// How much waits.
    pub fn depth(&self) -> Depth {
        self.shared.depth()
    }

    /// Returns once everything that was accepted before this call is in the store, or was set aside.
    pub async fn delivered(&self) {
        self.shared.delivered().await;
    }
}

fn next(sequence: &Sequence, after: Option<EntryId>, max_bytes: usize) -> Vec<Entry> {
    let (mut at, mut entries, mut bytes) = (after.map_or(0, EntryId::end), Vec::new(), 0);
    while let Some((segment, head)) = sequence.request(at) {
        if bytes + head.length as usize > max_bytes && !entries.is_empty() {
            break;
        }
        at = match segment.sealed(&head) {
            Ok(sealed) => {
                bytes += sealed.len();
                entries.push(Entry::new(&head, sealed.into()));
                head.id().end()
            }
            // The others need not wait for what the disk does not give back.
            Err(error) => {
                tracing::error!(%error, "an entry of the journal cannot be read");
                sequence.damage(&segment, head.at, head.id().end())
            }
        };
    }
    entries
}

/// What was set aside before is tried once more, behind the others. How many bytes of it were damaged.
fn stand_in_the_row_again(path: &Path, writing: &mut Writing, shared: &Shared) -> std::io::Result<u64> {
    aside::take(path, |entries| {
        let lengths: Vec<_> = entries.iter().map(|(_, sealed)| sealed.len() as u64).collect();
        let commands = entries.into_iter().map(|(head, sealed)| {
            let (done, _) = oneshot::channel();
            Command { work: Work::Append(Sealed::again(&head, sealed)), done }
        });
        writing.write(&commands.collect::<Vec<_>>())?;
        lengths.into_iter().for_each(|length| shared.admit(length));
        Ok(())
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
