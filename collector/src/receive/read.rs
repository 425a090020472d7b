//! Bodies, read no faster than there is room for them, and no longer than is allowed.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::body::at_most;
use crate::memory::{Memory, Room};
use crate::refusal::Refusal;

/// How long a body may take: exporters give up after 10 s.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a body that was refused may go on.
const HEARD_OUT: Duration = Duration::from_secs(5);
/// What a body that does not say how long it is takes room for at a time.
const STRIDE: usize = 64 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    body: Body,
    memory: &'a Memory,
    room: Room,
    read: BytesMut,
    max_bytes: usize,
}

impl<'a> Reading<'a> {
    /// Of a body that may have so many bytes.
    pub(super) fn new(body: Body, memory: &'a Memory, max_bytes: usize) -> Self {
        Self { body, memory, room: Room::default(), read: BytesMut::new(), max_bytes }
    }

    /// All of it, and the room that it takes. Where its first bytes say how many follow, `announced` knows once it has
    /// enough of them.
    pub(super) async fn whole(
        mut self,
        announced: fn(&[u8]) -> Option<usize>,
    ) -> Result<(Bytes, Room), Refusal> {
        let read = tokio::time::timeout(LONGEST, self.read(announced)).await.unwrap_or(Err(Refusal::TooSlow));
        if let Err(refusal) = read {
            // Its client may still be sending, and would not hear the answer before it has done so.
            tokio::spawn(hear_out(self.body, self.max_bytes));
            return Err(refusal);
        }
        Ok((self.read.freeze(), self.room))
    }

    async fn read(&mut self, announced: fn(&[u8]) -> Option<usize>) -> Result<(), Refusal> {
        let declared = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        self.expect(declared).await?;
        while announced(&self.read).is_none() && self.more().await? {}
        self.expect(announced(&self.read).unwrap_or(0)).await?;
        while self.more().await? {}
        Ok(())
    }

    /// Makes room for what is announced; what says of itself that it is too long is not waited for.
    async fn expect(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes > self.max_bytes {
            return Err(Refusal::TooLarge { max_bytes: self.max_bytes });
        }
        self.memory.hold(&mut self.room, bytes).await?;
        if bytes > self.read.capacity() {
            self.read.reserve(at_most(bytes).max(bytes) - self.read.len());
        }
        Ok(())
    }

    /// Reads on; false at the end.
    async fn more(&mut self) -> Result<bool, Refusal> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        // Trailers say nothing here.
        let Ok(data) = frame.map_err(|_| Refusal::Damaged)?.into_data() else { return Ok(true) };
        let length = self.read.len() + data.len();
        if length > self.room.bytes() {
            self.expect(length.next_multiple_of(STRIDE).min(self.max_bytes.max(length))).await?;
        }
        self.read.extend_from_slice(&data);
        Ok(true)
    }
}

/// Reads on without keeping anything, within reason.
async fn hear_out(mut body: Body, max_bytes: usize) {
    let read = async {
        let mut heard = 0;
        while let Some(Ok(frame)) = body.frame().await {
            heard += frame.data_ref().map_or(0, Bytes::len);
            if heard > max_bytes {
                return;
            }
        }
    };
    // Whoever takes longer does not hear the answer.
    tokio::time::timeout(HEARD_OUT, read).await.ok();
}
