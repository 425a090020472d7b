//! The way of a request, from its bytes to the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use treering_otlp::{Export, Rejected, Signal, Unkept};
use treering_queue::{Journal, Sealed};
use treering_redact::{Pseudonyms, Redacted};
use treering_seal::HashKey;
use treering_step::Timestamp;
use treering_store::{ProjectId, Vault};

use crate::admit::{Keyring, Pass};
use crate::body::{Body, Decoded, Encoding, Plain, Purpose};
use crate::connections::ConnectionLimits;
use crate::deliver::{Gate, Passing};
use crate::held::Held;
use crate::memory::{Memory, Room, Size};
use crate::outcome::{Account, Ledger, Outcome};
use crate::receipt::{Draft, Receipts};
use crate::receive::Manners;
use crate::refusal::Refusal;

/// What the door lets in at the most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request, before and after decompression. 64 MiB, as OTLP 1.11 recommends.
    pub max_request_bytes: usize,
    /// What each of the two listeners grants.
    pub connections: ConnectionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_request_bytes: 64 << 20, connections: ConnectionLimits::default() }
    }
}

/// What every request on the way needs.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) limits: Limits,
    pub(crate) manners: Manners,
    pub(crate) keyring: Keyring,
    /// What names those who must not be named: the keys of the store, which all of its collectors share.
    pub(crate) names: Vault,
    /// The keys that seal what waits in the journal.
    pub(crate) seals: Vault,
    pub(crate) journal: Journal,
    pub(crate) acknowledge: Acknowledge,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) gate: Gate,
}

/// What an exporter is told of a request that was taken.
#[derive(Debug)]
pub(crate) enum Taken {
    Kept(Kept),
    /// A request that was thrown away, and what it held.
    Discarded(Unkept, usize),
}

/// What became of the records of a request.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) signal: Signal,
    pub(crate) accepted: usize,
    /// Those that were refused alone.
    pub(crate) rejected: Rejected,
    /// How many places were redacted, by type.
    pub(crate) redactions: BTreeMap<String, u64>,
}

/// A request that a key let in, and the project that the key belongs to.
#[derive(Debug)]
pub(crate) struct Admitted {
    export: Export,
    project: ProjectId,
}

/// What a body was found to be.
enum Prepared {
    Ready(Box<Held<Ready>>),
    Discarded(Unkept, usize),
}

/// A request that tells no secret any more.
#[derive(Debug)]
pub(crate) struct Clean {
    request: Redacted,
    project: ProjectId,
}

/// A request that may be written down. An empty one is a success that leaves nothing to keep.
#[derive(Debug)]
pub(crate) struct Ready {
    sealed: Option<Sealed>,
    length: usize,
    kept: Kept,
}

/// What an answer of success waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// The journal: it is on this machine's disk, fsynced.
    #[default]
    Journal,
    /// The store, too: for machines that may vanish with their disk.
    Store,
}

/// How long an answer waits for the store, where it does. Exporters give up after ten seconds.
const STORE_PATIENCE: Duration = Duration::from_secs(8);

impl Way {
    /// The whole way: each stage takes what the one before it made, so that none can be left out, come too
    /// early, or come twice. What follows the answer stands in `deliver.rs`.
    pub(crate) async fn travel(
        self: Arc<Self>,
        pass: Pass,
        purpose: Purpose,
        body: Body,
        mut room: Room,
    ) -> Result<Taken, Refusal> {
        let account = self.ledger.of(pass.project);
        let opened = self.open(body, &mut room).await; //   Body → Plain
        let (plain, size) = opened.map_err(|refusal| refused_to(&account, refusal))?;
        let (way, of) = (self.clone(), account.clone());
        let prepare = move || -> Result<Prepared, Refusal> {
            let export = match way.decode(purpose, plain, &of)? {
                Decoded::Export(export) => export, //       Plain → Export
                Decoded::Discarded(unkept, count) => return Ok(Prepared::Discarded(unkept, count)),
            };
            let admitted = way.admit(&pass, export, of)?; // Export → Held<Admitted>
            let clean = way.redact(admitted)?; //           Held<Admitted> → Held<Clean>
            let ready = way.seal(clean)?; //                Held<Clean> → Held<Ready>
            Ok(Prepared::Ready(ready.into()))
        };
        // No key is dropped between the sealing of a request and its place in the journal.
        let gate = self.gate.pass().await;
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let prepared = prepared.map_err(|_| refused_to(&account, Refusal::Defect))??;
        match prepared {
            Prepared::Ready(ready) => self.keep(*ready, size, room, gate).await, // → on disk, fsynced
            Prepared::Discarded(unkept, count) => Ok(discard(&account, unkept, count)),
        }
    }

    /// Decompresses, in as much memory as there is room for: a body that outgrows its room begins anew in a larger one.
    async fn open(&self, body: Body, room: &mut Room) -> Result<(Plain, Size), Refusal> {
        let mut size = Size::of(body.bytes.len());
        if body.encoding == Encoding::None {
            self.memory.place(room, size, 0).await?;
            return Ok((Plain { form: body.form, bytes: body.bytes }, size));
        }
        let max_bytes = self.limits.max_request_bytes;
        loop {
            let (bound, compressed) = (size.bound(max_bytes), body.clone());
            self.memory.place(room, size, bound).await?;
            let decompress = move || compressed.decompress(bound);
            match tokio::task::spawn_blocking(decompress).await.map_err(|_| Refusal::Defect)? {
                Err(Refusal::TooLarge { .. }) if bound < max_bytes => size = size.next(),
                plain => return plain.map(|plain| (plain, size)),
            }
        }
    }

    /// Where not one record is good, the request is bad, and OTLP wants to hear so; else the bad ones go alone.
    fn decode(&self, purpose: Purpose, plain: Plain, account: &Account) -> Result<Decoded, Refusal> {
        let decoded = plain.decode(purpose).and_then(|decoded| match &decoded {
            Decoded::Export(export) if export.records_count() == 0 => {
                export.rejected().reason.map_or(Ok(decoded), |reason| Err(reason.into()))
            }
            _ => Ok(decoded),
        });
        decoded.map_err(|refusal| refused_to(account, refusal))
    }

    /// Counts and notes a request that was refused before it went its way.
    pub(crate) fn refused(&self, draft: Draft, refusal: Refusal) -> Result<Taken, Refusal> {
        self.ledger.count_request(draft.project, refusal.outcome());
        let answer = Err(refusal);
        self.receipts.note(draft, &answer);
        answer
    }

    /// Lets in what its sender may send now. How many records that are is known here first, so that each gets its outcome.
    fn admit(&self, pass: &Pass, export: Export, account: Account) -> Result<Held<Admitted>, Refusal> {
        let (records, rejected) = (export.records_count(), export.rejected().count);
        let of = account.clone();
        let held = Held::new(Admitted { export, project: pass.project }, records, account);
        let within = |admitted| pass.meter.take(records).map(|()| admitted);
        let admitted = held.try_map(within, Refusal::outcome)?;
        of.count(Outcome::RejectedRecords, rejected);
        Ok(admitted)
    }

    fn redact(&self, admitted: Held<Admitted>) -> Result<Held<Clean>, Refusal> {
        admitted.try_map(
            |Admitted { export, project }| {
                let rules = self.keyring.rules(project)?;
                let key = self.name_key(project);
                let name = key.as_ref().map(|key| move |parts: &[&[u8]]| key.pseudonym(parts));
                let names: Option<Pseudonyms<'_>> = name.as_ref().map(|name| name as _);
                Ok(Clean { request: rules.redact_export_with(export, names)?, project })
            },
            Refusal::outcome,
        )
    }

    /// Without it, what would be named is marked: less is told, and nothing is lost.
    fn name_key(&self, project: ProjectId) -> Option<HashKey> {
        self.names
            .hash_key(project)
            .inspect_err(|error| {
                let error = crate::deliver::causes(error);
                tracing::warn!(%error, "there is no key for pseudonyms; what would have one is marked instead");
            })
            .ok()
    }

    fn seal(&self, clean: Held<Clean>) -> Result<Held<Ready>, Refusal> {
        clean.try_map(
            |Clean { request, project }| {
                let length = request.as_bytes().len();
                let kept = Kept {
                    signal: request.signal(),
                    accepted: request.records_count(),
                    rejected: request.rejected(),
                    redactions: request.redactions(),
                };
                let sealed = match kept.accepted {
                    0 => None,
                    _ => Some(self.sealed(request, project)?),
                };
                Ok(Ready { sealed, length, kept })
            },
            Refusal::outcome,
        )
    }

    fn sealed(&self, request: Redacted, project: ProjectId) -> Result<Sealed, Refusal> {
        let today = crate::deliver::day(Timestamp::now().as_nanos() / 1_000_000);
        let key = self.seals.data_key(project, today).map_err(|error| {
            let error = crate::deliver::causes(&error);
            tracing::error!(%error, "there is no key to seal a request with; it was not taken");
            Refusal::Unsealed
        })?;
        let form = crate::deliver::form(request.signal());
        Ok(Sealed::new(project.as_i64(), form, request, &key)?)
    }

    async fn keep(
        &self,
        ready: Held<Ready>,
        size: Size,
        room: Room,
        gate: Passing,
    ) -> Result<Taken, Refusal> {
        let (Ready { sealed, length, kept }, debt) = ready.take();
        let written = match sealed {
            Some(sealed) => self.write(sealed, length, size, room, gate).await,
            None => Ok(()),
        };
        match written {
            Ok(()) => {
                debt.settle(Outcome::Accepted);
                Ok(Taken::Kept(kept))
            }
            Err(refusal) => {
                debt.settle(refusal.outcome());
                Err(refusal)
            }
        }
    }

    async fn write(
        &self,
        request: Sealed,
        length: usize,
        size: Size,
        room: Room,
        gate: Passing,
    ) -> Result<(), Refusal> {
        let room = self.memory.wait_in(room, size, length).await?;
        self.journal.append(request).await?;
        drop((room, gate));
        match self.acknowledge {
            Acknowledge::Journal => Ok(()),
            Acknowledge::Store => {
                let delivered = tokio::time::timeout(STORE_PATIENCE, self.journal.delivered()).await;
                delivered.map_err(|_| Refusal::Unconfirmed)
            }
        }
    }
}

/// Counts a request that was refused before its records were known.
fn refused_to(account: &Account, refusal: Refusal) -> Refusal {
    account.count(refusal.outcome(), 1);
    refusal
}

fn discard(account: &Account, unkept: Unkept, count: usize) -> Taken {
    account.count(Outcome::Discarded, 1);
    let outcome = match unkept {
        Unkept::Metrics => Outcome::DiscardedDataPoints,
        Unkept::Profiles => Outcome::DiscardedProfiles,
    };
    account.count(outcome, count);
    Taken::Discarded(unkept, count)
}
