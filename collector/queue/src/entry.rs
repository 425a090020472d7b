//! An entry, as bytes: a head that names its own place and what it holds, then what was sealed.

use bytes::Bytes;
use treering_seal::{DataKey, KeyId};

use crate::Error;

/// The name of an entry: its place in the whole sequence. Later entries have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    pub(crate) at: u64,
    /// Its bytes, head included.
    pub(crate) length: u64,
}

impl EntryId {
    pub(crate) fn end(self) -> u64 {
        self.at + self.length
    }

    pub(crate) fn sealed_length(self) -> u64 {
        self.length - HEAD as u64
    }
}

/// A request that waits for the store, sealed.
#[derive(Debug)]
pub struct Entry {
    pub id: EntryId,
    /// The number of the project that it belongs to.
    pub project: i64,
    /// The word that the caller gave for the form of the bytes.
    pub form: u8,
    /// Milliseconds since 1970 UTC at which it was accepted.
    pub accepted_at: u64,
    /// How many records it holds, by the word of the caller.
    pub records: u32,
    sealed: Bytes,
}

impl Entry {
    pub(crate) fn new(head: &Head, sealed: Bytes) -> Self {
        let Head { project, form, accepted_at, records, .. } = *head;
        Self { id: head.id(), project, form, accepted_at, records, sealed }
    }

    /// The key that opens it.
    pub fn key(&self) -> Result<KeyId, Error> {
        Ok(treering_seal::key_of(&self.sealed)?)
    }

    /// How many bytes it takes, sealed.
    pub fn length(&self) -> usize {
        self.sealed.len()
    }

    /// The request. An error means that its bytes were damaged, or that this is not its key.
    pub fn open(&self, key: &DataKey) -> Result<Bytes, Error> {
        let place = place(self.project, self.form, self.accepted_at);
        Ok(key.open(&place, &self.sealed)?.into())
    }
}

/// What an entry's seal is bound to.
pub(crate) fn place(project: i64, form: u8, accepted_at: u64) -> [u8; 17] {
    let mut place = [form; 17];
    place[..8].copy_from_slice(&project.to_le_bytes());
    place[8..16].copy_from_slice(&accepted_at.to_le_bytes());
    place
}

/// What stands in front of every entry.
pub(crate) const HEAD: usize = 48;
/// How a head begins; its last byte is the version of this layout.
const MAGIC: [u8; 4] = *b"TRE\x01";

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A sealed request.
    Request,
    /// A word of the journal to itself: what lies before this place is in the store.
    Delivered(u64),
    /// Another one: what lies here is no entry, and was told.
    Known { from: u64, until: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// Where the entry begins, in the whole sequence.
    pub(crate) at: u64,
    /// Bytes that follow the head.
    pub(crate) length: u32,
    pub(crate) project: i64,
    pub(crate) form: u8,
    pub(crate) accepted_at: u64,
    pub(crate) records: u32,
}

impl Head {
    pub(crate) fn id(&self) -> EntryId {
        EntryId { at: self.at, length: HEAD as u64 + u64::from(self.length) }
    }

    /// A note that everything before a place is delivered.
    pub(crate) fn delivered(at: u64, until: u64) -> Self {
        Self::note(Kind::Delivered(until), at)
    }

    /// A note that damage was told.
    pub(crate) fn known(at: u64, from: u64, until: u64) -> Self {
        Self::note(Kind::Known { from, until }, at)
    }

    fn note(kind: Kind, at: u64) -> Self {
        Self { kind, at, length: 0, project: 0, form: 0, accepted_at: 0, records: 0 }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD] {
        let (kind, first, second) = match self.kind {
            Kind::Request => (0, self.project.to_le_bytes(), self.accepted_at),
            Kind::Delivered(until) => (1, until.to_le_bytes(), 0),
            Kind::Known { from, until } => (2, from.to_le_bytes(), until),
        };
        let mut bytes = [0; HEAD];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = kind;
        bytes[5] = self.form;
        bytes[8..16].copy_from_slice(&self.at.to_le_bytes());
        bytes[16..24].copy_from_slice(&first);
        bytes[24..32].copy_from_slice(&second.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.records.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.length.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..HEAD - 4]);
        bytes[HEAD - 4..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The head that these bytes are, if they are one and stand where it says.
    pub(crate) fn parse(bytes: &[u8], at: u64) -> Option<Self> {
        let bytes: &[u8; HEAD] = bytes.first_chunk()?;
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let is_whole = bytes[..4] == MAGIC && four(HEAD - 4) == crc32fast::hash(&bytes[..HEAD - 4]);
        let kind = match bytes[4] {
            0 => Kind::Request,
            1 => Kind::Delivered(eight(16)),
            2 => Kind::Known { from: eight(16), until: eight(24) },
            _ => return None,
        };
        (is_whole && eight(8) == at).then(|| Self {
            kind,
            at,
            length: four(36),
            project: eight(16).cast_signed(),
            form: bytes[5],
            accepted_at: eight(24),
            records: four(32),
        })
    }
}

/// How heads begin, for whoever looks for the next one.
pub(crate) fn magic() -> &'static [u8] {
    &MAGIC
}
