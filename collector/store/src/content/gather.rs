//! Records become items and pieces, one after the other in blocks.

use std::collections::HashMap;
use std::ops::Range;

use treering_otlp::Signal;
use treering_redact::Record;
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
    /// Learns which of these are kept, all at once: whoever keeps them may be far away.
    fn look_up(&mut self, names: &[Name]) -> Result<(), Error>;

    /// True where a piece of this name is kept, of those that were looked up.
    fn holds(&self, name: &Name) -> bool;
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

/// What is to be gathered: a context, and a body that goes with it.
#[derive(Clone, Copy)]
pub(crate) struct Uncut<'a> {
    pub(crate) signal: Signal,
    pub(crate) context: &'a treering_redact::Context,
    pub(crate) body: &'a [u8],
}

impl<'a> Uncut<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        Self { signal: record.signal(), context: record.context(), body: record.body() }
    }
}

/// A record, cut.
struct Cut<'a> {
    content: Uncut<'a>,
    context: Name,
    parts: Vec<Piecewise>,
}

enum Piecewise {
    Literal(Range<usize>),
    /// Names of the same height.
    Names(u64, Vec<Node>),
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

    /// Takes records in, and tells where the recipe of each lies.
    pub(crate) fn records(&mut self, records: &[Uncut<'_>]) -> Result<Vec<Spot>, Error> {
        let cut: Vec<_> = records.iter().map(|content| self.cut(*content)).collect();
        self.look_up(&cut)?;
        Ok(cut.into_iter().map(|cut| self.take(cut)).collect())
    }

    fn cut<'a>(&mut self, content: Uncut<'a>) -> Cut<'a> {
        let Uncut { signal, context, body } = content;
        let context = match self.contexts.get(&context.hash()) {
            Some(name) => *name,
            None => {
                let name = self.name(context);
                self.contexts.insert(context.hash(), name);
                name
            }
        };
        let (mut cut, mut run) = (Vec::new(), Vec::new());
        for part in parts(signal, body) {
            match part {
                Part::Piece(range) => {
                    run.push(Node { name: self.name(&body[range.clone()]), of: Of::Bytes(range) });
                }
                Part::Literal(range) => {
                    cut.extend([self.names(std::mem::take(&mut run)), Piecewise::Literal(range)]);
                }
            }
        }
        cut.push(self.names(run));
        Cut { content, context, parts: cut }
    }

    /// Level by level: where a list is known, what it names is known.
    fn look_up(&mut self, cut: &[Cut<'_>]) -> Result<(), Error> {
        let runs = cut.iter().flat_map(|cut| &cut.parts).filter_map(|part| match part {
            Piecewise::Names(_, nodes) => Some(nodes),
            Piecewise::Literal(_) => None,
        });
        let mut level: Vec<_> = runs.flatten().collect();
        let mut names: Vec<_> =
            self.contexts.values().chain(level.iter().map(|node| &node.name)).copied().collect();
        while !names.is_empty() {
            names.sort_unstable();
            names.dedup();
            names.retain(|name| !self.pieces.contains_key(name));
            self.shelf.look_up(&names)?;
            let below =
                level.iter().filter(|node| !self.is_kept(&node.name)).filter_map(|node| match &node.of {
                    Of::Names(nodes) => Some(nodes),
                    Of::Bytes(_) => None,
                });
            level = below.flatten().collect();
            names = level.iter().map(|node| node.name).collect();
        }
        Ok(())
    }

    fn take(&mut self, cut: Cut<'_>) -> Spot {
        let Uncut { context, body, .. } = cut.content;
        self.keep(cut.context, || context.to_vec());
        let mut recipe = cut.context.to_vec();
        for part in cut.parts {
            match part {
                Piecewise::Literal(range) => put_literal(&mut recipe, &body[range]),
                Piecewise::Names(height, nodes) => {
                    for node in nodes {
                        put_name(&mut recipe, height, &node.name);
                        self.node(body, node);
                    }
                }
            }
        }
        self.put(&recipe)
    }

    /// The blocks, and where the new pieces lie in them.
    pub(crate) fn finish(self) -> (Vec<Vec<u8>>, Vec<(Name, Spot)>) {
        (self.blocks, self.pieces.into_iter().collect())
    }

    /// A run of names. A long one becomes a list of lists, which a longer history shares with a shorter one.
    fn names(&self, mut run: Vec<Node>) -> Piecewise {
        let mut height = 0;
        while run.len() > FEW_NAMES {
            run = self.lists(run);
            height += 1;
        }
        Piecewise::Names(height, run)
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

    /// Keeps a node and what is below it.
    fn node(&mut self, body: &[u8], node: Node) {
        match node.of {
            Of::Bytes(range) => {
                self.keep(node.name, || body[range].to_vec());
            }
            Of::Names(nodes) => {
                if self.keep(node.name, || listed(&nodes)) {
                    nodes.into_iter().for_each(|node| self.node(body, node));
                }
            }
        }
    }

    fn is_kept(&self, name: &Name) -> bool {
        self.pieces.contains_key(name) || self.shelf.holds(name)
    }

    /// Puts bytes in that nobody knows yet; true where that was so.
    fn keep(&mut self, name: Name, bytes: impl FnOnce() -> Vec<u8>) -> bool {
        if self.is_kept(&name) {
            return false;
        }
        let spot = self.put(&bytes());
        self.pieces.insert(name, spot);
        true
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
