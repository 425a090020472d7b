//! Sealed blocks, opened.

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::{Connection, OptionalExtension, Row};
use rusqlite::params;
use treering_seal::key_of;

use crate::content::{Address, Name, join, open};
use crate::{Error, ProjectId, Vault};

/// Bytes of opened blocks that are remembered: the content of some hundred large steps.
const OPENED_BYTES: usize = 32 << 20;

/// Opens what is sealed. Clones share what they opened.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) vault: Vault,
    opened: Arc<Mutex<Opened>>,
}

/// A part of an opened block.
pub(super) struct Slice {
    block: Arc<[u8]>,
    range: Range<usize>,
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.block[self.range.clone()]
    }
}

impl Content {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault, opened: Arc::default() }
    }

    /// The content of a project and a day.
    pub(super) fn of<'a>(&'a self, connection: &'a Connection, project: ProjectId, day: u32) -> OfDay<'a> {
        OfDay { content: self, connection, project, day }
    }

    /// Forgets what was opened.
    pub(super) fn close(&self) {
        *self.lock() = Opened::default();
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy)]
pub(super) struct OfDay<'a> {
    content: &'a Content,
    connection: &'a Connection,
    project: ProjectId,
    day: u32,
}

impl OfDay<'_> {
    /// The name of the context and the body of a record; `None` where its key is gone.
    pub(super) fn record(&self, address: Address) -> Result<Option<(Name, Vec<u8>)>, Error> {
        let Some(recipe) = self.slice(address)? else { return Ok(None) };
        match join(&recipe, &mut |name| self.piece(name)?.ok_or(Error::KeyGone)) {
            Err(Error::KeyGone) => Ok(None),
            joined => joined.map(Some),
        }
    }

    /// The bytes of a name; `None` where their key is gone.
    pub(super) fn piece(&self, name: &Name) -> Result<Option<Slice>, Error> {
        let sql = "SELECT block, start, length FROM piece WHERE project = ?1 AND day = ?2 AND hash = ?3";
        let found = self
            .connection
            .one(sql, params![self.project.0, self.day, name], |row| address(row, 0))
            .optional()?;
        self.slice(found.flatten().ok_or(Error::Damaged("a record names a piece that is not there"))?)
    }

    fn slice(&self, Address { block, start, length }: Address) -> Result<Option<Slice>, Error> {
        let Some(block) = self.block(block)? else { return Ok(None) };
        let (start, length) = (start as usize, length as usize);
        let range = start..start + length;
        if range.end > block.len() {
            return Err(Error::Damaged("a part of a block that it does not have"));
        }
        Ok(Some(Slice { block, range }))
    }

    fn block(&self, id: i64) -> Result<Option<Arc<[u8]>>, Error> {
        let place = (self.project, self.day, id);
        if let Some(block) = self.content.lock().get(&place) {
            return Ok(Some(block));
        }
        let sql = "SELECT sealed FROM block WHERE id = ?1";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![id])?;
        let row = found.next()?.ok_or(Error::Damaged("a block of content is not there"))?;
        let sealed = row.get_ref(0)?.as_blob().map_err(|_| Error::Damaged("a block of content"))?;
        let key = key_of(sealed).map_err(|_| Error::Damaged("a block of content"))?;
        let Some(key) = self.content.vault.key(self.project, key)? else { return Ok(None) };
        let block: Arc<[u8]> = open(&key, place, sealed)?.into();
        self.content.lock().remember(place, block.clone());
        Ok(Some(block))
    }
}

/// The address that stands in a row from this column on; `None` where the content is expired.
pub(super) fn address(row: Row<'_>, at: usize) -> Result<Option<Address>, Error> {
    let Some(block) = row.get(at)? else { return Ok(None) };
    Ok(Some(Address { block, start: row.get(at + 1)?, length: row.get(at + 2)? }))
}

/// A block is bound to its project, its day and its id.
type Place = (ProjectId, u32, i64);

/// Opened blocks, the oldest first to go.
#[derive(Default)]
struct Opened {
    blocks: HashMap<Place, Arc<[u8]>>,
    order: VecDeque<Place>,
    bytes: usize,
}

impl Opened {
    fn get(&self, place: &Place) -> Option<Arc<[u8]>> {
        self.blocks.get(place).cloned()
    }

    fn remember(&mut self, place: Place, block: Arc<[u8]>) {
        if block.len() > OPENED_BYTES / 4 {
            return;
        }
        let bytes = block.len();
        if self.blocks.insert(place, block).is_some() {
            return;
        }
        self.order.push_back(place);
        self.bytes += bytes;
        while self.bytes > OPENED_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= self.blocks.remove(&oldest).map_or(0, |block| block.len());
        }
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
