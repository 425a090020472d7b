//! Sealed blocks, opened.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::{Connection, Find, Kind, OptionalExtension, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_seal::key_of;

use crate::content::{Address, Name, join, names, names_in, open};
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

    /// The content of a project.
    pub(super) fn of<'a>(&'a self, connection: &'a Connection, project: ProjectId) -> OfProject<'a> {
        OfProject { content: self, connection, project, ahead: Ahead::default() }
    }

    /// Forgets what was opened.
    pub(super) fn close(&self) {
        *self.lock() = Opened::default();
    }

    /// Opens a block, which stands in the first column; `None` where its key is gone.
    fn open(&self, row: Row<'_>, place: Place) -> Result<Option<Arc<[u8]>>, Error> {
        const TORN: Error = Error::Damaged("a block of content");
        let sealed = row.get_ref(0)?.as_blob().map_err(|_| TORN)?;
        let Some(key) = self.vault.key(place.0, key_of(sealed).map_err(|_| TORN)?)? else { return Ok(None) };
        let block: Arc<[u8]> = open(&key, place, sealed)?.into();
        self.lock().remember(place, block.clone());
        Ok(Some(block))
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of opened blocks that are fetched ahead for several records.
const AHEAD_BYTES: usize = 32 << 20;
/// Names that are looked up ahead for several records.
const AHEAD_NAMES: usize = 1 << 17;
/// Blocks that are asked for at once.
const BLOCKS_AT_ONCE: usize = 64;

/// The content of a project.
pub(super) struct OfProject<'a> {
    content: &'a Content,
    connection: &'a Connection,
    project: ProjectId,
    ahead: Ahead,
}

/// What was fetched before it is needed. What is not there, or damaged, is missing here, and whoever needs it finds
/// out.
#[derive(Default)]
struct Ahead {
    pieces: HashMap<(u32, Name), Address>,
    /// None where the key is gone.
    blocks: HashMap<(u32, i64), Option<Arc<[u8]>>>,
    bytes: usize,
}

/// A name of a day, and its height.
type Wanted = (u32, u64, Name);

impl Ahead {
    fn slice(&self, day: u32, Address { block, start, length }: Address) -> Option<&[u8]> {
        let block = self.blocks.get(&(day, block))?.as_deref()?;
        block.get(start as usize..)?.get(..length as usize)
    }

    fn keep(&mut self, place: (u32, i64), block: Option<Arc<[u8]>>) {
        self.bytes += block.as_ref().map_or(0, |block| block.len());
        self.blocks.insert(place, block);
    }
}

const PIECES: Find<'_> = Find {
    told: "block, start, length",
    table: "piece",
    by: &[("project", Kind::Integer), ("day", Kind::Integer), ("hash", Kind::Bytes)],
    but: "",
};

const BLOCKS: Find<'_> = Find {
    told: "sealed",
    table: "block",
    by: &[("id", Kind::Integer), ("project", Kind::Integer), ("day", Kind::Integer)],
    but: "",
};

impl OfProject<'_> {
    /// Fetches what records of these days at these addresses are made from, with few questions however many they are;
    /// what was fetched before is forgotten. False where that would be too much at once.
    pub(super) fn fetch(&mut self, records: &[(u32, Address)]) -> Result<bool, Error> {
        self.ahead = Ahead::default();
        // What one record is made from is not more than itself.
        let is_one = records.len() == 1;
        let has_room = |ahead: &Ahead, names: usize| {
            is_one || ahead.bytes < AHEAD_BYTES && ahead.pieces.len() + names < AHEAD_NAMES
        };
        let fits = |ahead: &Ahead| has_room(ahead, 0);
        self.fetch_blocks(records.iter().map(|(day, address)| (*day, address.block)).collect(), fits)?;
        let recipes = records.iter().filter_map(|(day, at)| Some((*day, self.ahead.slice(*day, *at)?)));
        let mut wanted: HashSet<_> = recipes
            .flat_map(|(day, recipe)| names(recipe).map(move |(height, name)| (day, height, name)))
            .collect();
        while !wanted.is_empty() && has_room(&self.ahead, wanted.len()) {
            let blocks = self.fetch_pieces(&wanted)?;
            self.fetch_blocks(blocks, fits)?;
            wanted = self.in_lists(&wanted);
        }
        Ok(fits(&self.ahead) && wanted.is_empty())
    }

    /// The names in the lists of names that are among these, but for those that were looked up.
    fn in_lists(&self, wanted: &HashSet<Wanted>) -> HashSet<Wanted> {
        let lists = wanted.iter().filter(|(_, height, _)| *height > 0).filter_map(|(day, height, name)| {
            let address = self.ahead.pieces.get(&(*day, *name))?;
            Some((*day, *height, self.ahead.slice(*day, *address)?))
        });
        let named = lists.flat_map(|(day, height, list)| {
            names_in(height, list).map(move |(height, name)| (day, height, name))
        });
        named
            .filter(|(day, height, name)| *height > 0 || !self.ahead.pieces.contains_key(&(*day, *name)))
            .collect()
    }

    /// Looks names up, and tells the blocks in which they lie.
    fn fetch_pieces(&mut self, wanted: &HashSet<Wanted>) -> Result<BTreeSet<(u32, i64)>, Error> {
        let names: Vec<_> = wanted.iter().map(|(day, _, name)| (*day, *name)).collect();
        let key =
            |(day, name): &(u32, Name)| vec![self.project.0.into(), (*day).into(), name.to_vec().into()];
        let keys: Vec<Vec<Value>> = names.iter().map(key).collect();
        let (ahead, mut blocks) = (&mut self.ahead, BTreeSet::new());
        self.connection.find(&PIECES, &keys, |at, row| {
            if let Ok(Some(address)) = address(row, 0) {
                ahead.pieces.insert(names[at], address);
                blocks.insert((names[at].0, address.block));
            }
            Ok(())
        })?;
        Ok(blocks)
    }

    /// Opens blocks while there is room; those that were opened before are at hand.
    fn fetch_blocks(
        &mut self,
        mut wanted: BTreeSet<(u32, i64)>,
        fits: impl Fn(&Ahead) -> bool,
    ) -> Result<(), Error> {
        wanted.retain(|place| !self.ahead.blocks.contains_key(place));
        let opened = self.content.lock();
        let mut sealed = Vec::new();
        for (day, id) in wanted {
            match opened.get(&(self.project, day, id)) {
                Some(block) => self.ahead.keep((day, id), Some(block)),
                None => sealed.push((day, id)),
            }
        }
        drop(opened);
        for some in sealed.chunks(BLOCKS_AT_ONCE) {
            if !fits(&self.ahead) {
                break;
            }
            self.open_blocks(some)?;
        }
        Ok(())
    }

    fn open_blocks(&mut self, places: &[(u32, i64)]) -> Result<(), Error> {
        let keys: Vec<Vec<Value>> =
            places.iter().map(|(day, id)| vec![(*id).into(), self.project.0.into(), (*day).into()]).collect();
        let (content, project, ahead) = (self.content, self.project, &mut self.ahead);
        self.connection.find(&BLOCKS, &keys, |at, row| {
            let (day, id) = places[at];
            match content.open(row, (project, day, id)) {
                Ok(block) => ahead.keep((day, id), block),
                Err(Error::Damaged(_) | Error::Compress(_)) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    /// The name of the context and the body of a record; `None` where its key is gone.
    pub(super) fn record(&self, day: u32, address: Address) -> Result<Option<(Name, Vec<u8>)>, Error> {
        let Some(recipe) = self.slice(day, address)? else { return Ok(None) };
        match join(&recipe, &mut |name| self.piece(day, name)?.ok_or(Error::KeyGone)) {
            Err(Error::KeyGone) => Ok(None),
            joined => joined.map(Some),
        }
    }

    /// The bytes of a name; `None` where their key is gone.
    pub(super) fn piece(&self, day: u32, name: &Name) -> Result<Option<Slice>, Error> {
        if let Some(address) = self.ahead.pieces.get(&(day, *name)) {
            return self.slice(day, *address);
        }
        let sql = "SELECT block, start, length FROM piece WHERE project = ?1 AND day = ?2 AND hash = ?3";
        let found =
            self.connection.one(sql, params![self.project.0, day, name], |row| address(row, 0)).optional()?;
        self.slice(day, found.flatten().ok_or(Error::Damaged("a record names a piece that is not there"))?)
    }

    fn slice(&self, day: u32, Address { block, start, length }: Address) -> Result<Option<Slice>, Error> {
        let Some(block) = self.block(day, block)? else { return Ok(None) };
        let (start, length) = (start as usize, length as usize);
        let range = start..start + length;
        if range.end > block.len() {
            return Err(Error::Damaged("a part of a block that it does not have"));
        }
        Ok(Some(Slice { block, range }))
    }

    fn block(&self, day: u32, id: i64) -> Result<Option<Arc<[u8]>>, Error> {
        if let Some(block) = self.ahead.blocks.get(&(day, id)) {
            return Ok(block.clone());
        }
        let place = (self.project, day, id);
        if let Some(block) = self.content.lock().get(&place) {
            return Ok(Some(block));
        }
        let read = |row: Row<'_>| self.content.open(row, place);
        let sql = "SELECT sealed FROM block WHERE id = ?1 AND project = ?2 AND day = ?3";
        let found = self.connection.one(sql, params![id, self.project.0, day], read);
        found.optional()?.ok_or(Error::Damaged("a block of content is not there"))
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
