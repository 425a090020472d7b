//! Records become items and pieces, one after the other in blocks.

use std::collections::HashMap;
use std::ops::Range;

use treering_otlp::Signal;
use treering_seal::HashKey;

use super::Name;
use super::cut::{FEW_NAMES, MOST_NAMES, Part, ends_list, parts};
use super::recipe::{put_literal, put_name};
use crate::Error;

/// A block is full with so many bytes; whatever is longer has one of its own. Larger ones would save a twentieth
/// and double what is opened for a single record.
const BLOCK: usize = 64 << 10;

/// Where bytes lie in blocks that have no number yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) block: usize,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// Where pieces are kept.
pub(crate) trait Shelf {
    /// True where a piece of this name is kept.
    fn holds(&mut self, name: &Name) -> Result<bool, Error>;
}

/// Gathers what is new of a project and a day.
pub(crate) struct Gatherer<S> {
    key: HashKey,
    shelf: S,
    blocks: Vec<Vec<u8>>,
    pieces: HashMap<Name, Spot>,
    /// The names of contexts, by their unkeyed hash.
    contexts: HashMap<[u8; 16], Name>,
}

/// A name, and what it names.
struct Node {
    name: Name,
    of: Of,
}

enum Of {
    Bytes(Range<usize>),
    Names(Vec<Node>),
}

impl<S: Shelf> Gatherer<S> {
    pub(crate) fn new(key: HashKey, shelf: S) -> Self {
        Self { key, shelf, blocks: Vec::new(), pieces: HashMap::new(), contexts: HashMap::new() }
    }

    /// Takes a record in, and tells where its recipe lies.
    pub(crate) fn record(
        &mut self,
        signal: Signal,
        context: &treering_redact::Context,
        body: &[u8],
    ) -> Result<Spot, Error> {
        let context = match self.contexts.get(&context.hash()) {
            Some(name) => *name,
            None => {
                let name = self.name(context);
                self.keep(name, || context.to_vec())?;
                self.contexts.insert(context.hash(), name);
                name
            }
        };
        let mut recipe = context.to_vec();
        let mut run = Vec::new();
        for part in parts(signal, body) {
            match part {
                Part::Piece(range) => {
                    run.push(Node { name: self.name(&body[range.clone()]), of: Of::Bytes(range) });
                }
                Part::Literal(range) => {
                    self.names(&mut recipe, body, std::mem::take(&mut run))?;
                    put_literal(&mut recipe, &body[range]);
                }
            }
        }
        self.names(&mut recipe, body, run)?;
        Ok(self.put(&recipe))
    }

    /// The blocks, and where the new pieces lie in them.
    pub(crate) fn finish(self) -> (Vec<Vec<u8>>, Vec<(Name, Spot)>) {
        (self.blocks, self.pieces.into_iter().collect())
    }

    /// A run of names. A long one becomes a list of lists, which a longer history shares with a shorter one.
    fn names(&mut self, recipe: &mut Vec<u8>, body: &[u8], mut run: Vec<Node>) -> Result<(), Error> {
        let mut height = 0;
        while run.len() > FEW_NAMES {
            run = self.lists(run);
            height += 1;
        }
        for node in run {
            put_name(recipe, height, &node.name);
            self.node(body, node)?;
        }
        Ok(())
    }

    fn lists(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut lists = Vec::new();
        let mut open = Vec::new();
        for node in nodes {
            let is_end = open.len() + 1 >= 2 && ends_list(&node.name) || open.len() + 1 == MOST_NAMES;
            open.push(node);
            if is_end {
                lists.push(self.list(std::mem::take(&mut open)));
            }
        }
        if !open.is_empty() {
            lists.push(self.list(open));
        }
        lists
    }

    fn list(&self, nodes: Vec<Node>) -> Node {
        Node { name: self.name(&listed(&nodes)), of: Of::Names(nodes) }
    }

    /// Keeps a node and what is below it. Where a list is known, what it names is known.
    fn node(&mut self, body: &[u8], node: Node) -> Result<(), Error> {
        match node.of {
            Of::Bytes(range) => self.keep(node.name, || body[range].to_vec()).map(|_| ()),
            Of::Names(nodes) => {
                if self.keep(node.name, || listed(&nodes))? {
                    nodes.into_iter().try_for_each(|node| self.node(body, node))?;
                }
                Ok(())
            }
        }
    }

    /// Puts bytes in that nobody knows yet; true where that was so.
    fn keep(&mut self, name: Name, bytes: impl FnOnce() -> Vec<u8>) -> Result<bool, Error> {
        if self.pieces.contains_key(&name) || self.shelf.holds(&name)? {
            return Ok(false);
        }
        let spot = self.put(&bytes());
        self.pieces.insert(name, spot);
        Ok(true)
    }

    fn put(&mut self, bytes: &[u8]) -> Spot {
        let has_room = |block: &&mut Vec<u8>| block.len() + bytes.len() <= BLOCK;
        if self.blocks.last_mut().as_ref().is_none_or(|block| !has_room(block)) {
            self.blocks.push(Vec::with_capacity(BLOCK.min(bytes.len() * 2)));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        let start = narrow(block.len());
        block.extend(bytes);
        Spot { block: number, start, length: narrow(bytes.len()) }
    }

    fn name(&self, bytes: &[u8]) -> Name {
        self.key.content(&[bytes])
    }
}

fn listed(nodes: &[Node]) -> Vec<u8> {
    nodes.iter().flat_map(|node| node.name).collect()
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("a block holds no more than one request may")
}
