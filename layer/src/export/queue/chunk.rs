use std::collections::VecDeque;

use tracing::Metadata;

use crate::record::Head;
use crate::written::Written;

/// How many bytes lie together: a push copies a step here, and its own buffer is used again.
const CHUNK_BYTES: usize = 64 * 1024;
/// A step of this size is not copied; its buffer is handed on.
const HANDED_ON_FROM: usize = 32 * 1024;

/// Steps that lie together in one buffer.
#[derive(Debug, Default)]
pub(in crate::export) struct Chunk {
    packets: VecDeque<Packet>,
    bytes: Vec<u8>,
    callsites: Vec<&'static Metadata<'static>>,
    read: (usize, usize),
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    head: Head,
    bytes: usize,
    callsites: usize,
    weight: usize,
}

/// A step as the queue holds it.
#[derive(Debug, Clone, Copy)]
pub(in crate::export) struct Queued<'a> {
    pub(in crate::export) head: Head,
    pub(in crate::export) bytes: &'a [u8],
    pub(in crate::export) callsites: &'a [&'static Metadata<'static>],
    /// Bytes that the queue counts for it.
    pub(in crate::export) weight: usize,
}

/// Whether a step is so large that its own buffer is handed on.
pub(super) fn is_handed_on(written: &Written) -> bool {
    written.bytes().len() >= HANDED_ON_FROM
}

/// What a queue counts for a step.
pub(super) fn weight(written: &Written) -> usize {
    let bytes = if is_handed_on(written) { written.capacity() } else { written.bytes().len() };
    bytes + size_of_val(written.callsites()) + size_of::<Packet>()
}

impl Chunk {
    /// A chunk that begins with this step.
    pub(super) fn for_a(written: &Written) -> Self {
        let room = if is_handed_on(written) { 0 } else { CHUNK_BYTES };
        Self { bytes: Vec::with_capacity(room), ..Self::default() }
    }

    pub(super) fn has_room(&self, written: &Written) -> bool {
        !is_handed_on(written) && self.bytes.len() + written.bytes().len() <= CHUNK_BYTES
    }

    pub(super) fn push(&mut self, head: Head, written: &mut Written, weight: usize) {
        let (bytes, callsites) = (written.bytes().len(), written.callsites().len());
        self.callsites.extend_from_slice(written.callsites());
        if is_handed_on(written) {
            self.bytes = std::mem::take(written).into_bytes();
        } else {
            self.bytes.extend_from_slice(written.bytes());
        }
        self.packets.push_back(Packet { head, bytes, callsites, weight });
    }

    /// Empty, to be filled again; false where it is better let go.
    pub(super) fn clear(&mut self) -> bool {
        self.bytes.clear();
        self.callsites.clear();
        self.read = (0, 0);
        self.bytes.capacity() <= CHUNK_BYTES
    }

    /// How many steps are not read.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(in crate::export) fn pop(&mut self) -> Option<Queued<'_>> {
        let packet = self.packets.pop_front()?;
        let (bytes, callsites) = self.read;
        self.read = (bytes + packet.bytes, callsites + packet.callsites);
        Some(Queued {
            head: packet.head,
            bytes: &self.bytes[bytes..self.read.0],
            callsites: &self.callsites[callsites..self.read.1],
            weight: packet.weight,
        })
    }

    pub(super) fn weight(&self) -> usize {
        self.packets.iter().map(|packet| packet.weight).sum()
    }

    /// Steps that are not read, and what the queue counts for them.
    pub(in crate::export) fn left(&self) -> (u64, usize) {
        (self.packets.len() as u64, self.weight())
    }
}
