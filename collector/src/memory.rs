//! The memory that requests take, all of them together: whatever comes, and however much of it at once, the process
//! stays small.
//!
//! Small bodies and large ones have lanes of their own, so that a giant in the one never keeps the many in the other
//! waiting. What a lane holds is counted when it is read, and again as what becomes of it; whoever waits too long for
//! room is told to come again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Bytes of a body, compressed or not, up to which it is a small one. The batches of exporters are: 512 spans are some
/// hundred kilobytes.
pub(crate) const SMALL: usize = 1 << 20;
/// Small bodies that are read, or wait to be decoded, have so many bytes together.
const SMALL_BODIES: usize = 16 * SMALL;
/// Small requests that wait for the disk have so many bytes together.
const SMALL_WAITING: usize = 16 * SMALL;
/// Small bodies that are decoded and redacted at one time. Each takes up to some four times its bytes.
const SMALL_PLACES: usize = 4;
/// What a large body takes that grows as it is decompressed, before it takes all there is.
const MEDIUM: usize = 8 * SMALL;
/// What is counted at once; a permit each.
const UNIT: usize = 1024;
/// How long anybody waits for room. Exporters give up after 10 s.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is left.
#[derive(Debug)]
pub(crate) struct Memory {
    small: Lane,
    large: Lane,
    waiting: Arc<Semaphore>,
    /// The most that the large lane grants to one.
    most: usize,
}

#[derive(Debug)]
struct Lane {
    bytes: Arc<Semaphore>,
    /// Who has one decodes and redacts.
    places: Arc<Semaphore>,
}

/// How much room a body gets to become a request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Medium,
    Large,
}

/// Room that somebody has; it is free again when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Room {
    bytes: usize,
    /// Permits for these bytes; of the lane of small bodies up to [`SMALL`], of the other one beyond.
    held: Option<OwnedSemaphorePermit>,
    /// For what comes out of a compressed body.
    out: Option<OwnedSemaphorePermit>,
    place: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// For requests of at most so many bytes.
    pub(crate) fn for_requests_of(most: usize) -> Self {
        let lane = |bytes: usize, places| Lane {
            bytes: Arc::new(Semaphore::new(bytes.div_ceil(UNIT))),
            places: Arc::new(Semaphore::new(places)),
        };
        let most = most.max(MEDIUM);
        Self {
            small: lane(SMALL_BODIES, SMALL_PLACES),
            // One of the largest at a time: it takes some three times its bytes.
            large: lane(most, 1),
            waiting: Arc::new(Semaphore::new(SMALL_WAITING / UNIT)),
            most,
        }
    }

    /// Makes room for so many bytes in all.
    pub(crate) async fn hold(&self, room: &mut Room, bytes: usize) -> Result<(), Refusal> {
        let bytes = bytes.min(self.most);
        if bytes <= room.bytes {
            return Ok(());
        }
        let lane = if bytes <= SMALL { &self.small } else { &self.large };
        let moves = room.bytes <= SMALL && bytes > SMALL;
        let held = if moves { 0 } else { units(room.bytes) };
        let more = take(&lane.bytes, units(bytes) - held).await?;
        match room.held.as_mut().filter(|_| !moves) {
            Some(held) => held.merge(more),
            None => room.held = Some(more),
        }
        room.bytes = bytes;
        Ok(())
    }

    /// A place to decode and redact in. What comes out of a compressed body is counted as well; it has at most so many
    /// bytes.
    pub(crate) async fn place(&self, room: &mut Room, size: Size, out: usize) -> Result<(), Refusal> {
        // Nobody waits for one place in another.
        (room.out, room.place) = (None, None);
        let places = match size {
            Size::Small => &self.small.places,
            Size::Medium | Size::Large => {
                // Of what a large body takes, the bytes are a part.
                let held = if room.bytes > SMALL { units(room.bytes) } else { 0 };
                let more = units(out.min(self.most)).saturating_sub(held);
                room.out = Some(take(&self.large.bytes, more).await?);
                &self.large.places
            }
        };
        room.place = Some(take(places, 1).await?);
        Ok(())
    }

    /// Room to wait for the disk in, for a request of so many bytes. A large one keeps what it has until it is written,
    /// and with it its place.
    pub(crate) async fn wait_in(&self, room: Room, size: Size, bytes: usize) -> Result<Room, Refusal> {
        match size {
            Size::Small => {
                let held = Some(take(&self.waiting, units(bytes.min(SMALL_WAITING))).await?);
                Ok(Room { held, ..Room::default() })
            }
            Size::Medium | Size::Large => Ok(room),
        }
    }

    /// Room to deliver an entry of the journal in, however long that takes to come free. A small one needs none.
    pub(crate) async fn delivery(&self, bytes: usize) -> Room {
        if bytes <= MEDIUM {
            return Room::default();
        }
        let forever = "the semaphore is never closed";
        let bytes = bytes.min(self.most);
        let held = self.large.bytes.clone().acquire_many_owned(units(bytes)).await.expect(forever);
        let place = self.large.places.clone().acquire_owned().await.expect(forever);
        Room { bytes, held: Some(held), out: None, place: Some(place) }
    }
}

impl Room {
    /// How many bytes it is for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Size {
    /// Of a body before it is decompressed.
    pub(crate) fn of(bytes: usize) -> Self {
        if bytes <= SMALL { Self::Small } else { Self::Large }
    }

    /// The bytes that may come out of a compressed body; `most` is what any body may have.
    pub(crate) fn bound(self, most: usize) -> usize {
        match self {
            Self::Small => SMALL.min(most),
            Self::Medium => MEDIUM.min(most),
            Self::Large => most,
        }
    }

    /// Where a body goes that outgrew this.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Small => Self::Medium,
            Self::Medium | Self::Large => Self::Large,
        }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

async fn take(from: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Refusal> {
    let taken = tokio::time::timeout(PATIENCE, from.clone().acquire_many_owned(permits)).await;
    taken.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Closing)
}
