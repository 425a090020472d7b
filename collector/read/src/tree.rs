use std::collections::HashMap;

use treering_step::{SpanId, Timestamp};

use crate::Node;

/// Where a step stands in the tree of its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the slice that the tree was made of.
    pub index: usize,
    /// Steps between it and its root.
    pub depth: u32,
    /// True for the last one among its siblings: the guide above it ends here.
    pub last: bool,
    /// How many steps are directly below it.
    pub children: u32,
    /// True where it names a parent that is not there (yet), so that it stands as a root.
    pub orphan: bool,
}

/// The tree of an execution: parents before children, siblings by their beginning (unknown ones last), then by
/// id. What never came is not waited for: a step whose parent is missing is a root, and a circle is opened at
/// the step of it that began first. Takes n log n, and no stack: chains may be of any depth.
pub fn tree(steps: &[impl Node]) -> Vec<Placed> {
    Forest::of(steps).placed()
}

/// The steps with their parents, as places in a slice.
pub(crate) struct Forest<'a, N> {
    steps: &'a [N],
    pub(crate) parents: Vec<Option<usize>>,
}

type Age = (bool, Option<Timestamp>, SpanId, usize);

impl<'a, N: Node> Forest<'a, N> {
    pub(crate) fn of(steps: &'a [N]) -> Self {
        let mut places = HashMap::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            places.entry(step.span_id()).or_insert(index);
        }
        let parent = |step: &N| places.get(&step.parent_span_id()?).copied();
        let mut forest = Self { steps, parents: steps.iter().map(parent).collect() };
        forest.open_circles();
        forest
    }

    fn age(&self, index: usize) -> Age {
        let step = &self.steps[index];
        (step.started_at().is_none(), step.started_at(), step.span_id(), index)
    }

    /// Walks from each step towards its root; who meets the steps of the same walk again is in a circle.
    fn open_circles(&mut self) {
        const UNSEEN: usize = usize::MAX;
        let mut walks = vec![UNSEEN; self.steps.len()];
        for start in 0..self.steps.len() {
            let mut at = start;
            while walks[at] == UNSEEN {
                walks[at] = start;
                let Some(parent) = self.parents[at] else { break };
                at = parent;
            }
            if walks[at] == start && self.parents[at].is_some() {
                self.open_circle(at);
            }
        }
    }

    fn open_circle(&mut self, entry: usize) {
        let around = std::iter::successors(self.parents[entry], |at| self.parents[*at]);
        let rest = around.take_while(|at| *at != entry);
        let first = rest.chain([entry]).min_by_key(|at| self.age(*at)).unwrap_or(entry);
        self.parents[first] = None;
    }

    pub(crate) fn placed(&self) -> Vec<Placed> {
        let mut by_age: Vec<usize> = (0..self.steps.len()).collect();
        by_age.sort_by_cached_key(|index| self.age(*index));
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.steps.len()];
        let mut roots = Vec::new();
        for index in by_age {
            match self.parents[index] {
                Some(parent) => children[parent].push(index),
                None => roots.push(index),
            }
        }
        let mut placed = Vec::with_capacity(self.steps.len());
        let mut open = Vec::new();
        push(&mut open, &roots, 0);
        while let Some((index, depth, last)) = open.pop() {
            let below = &children[index];
            let count = u32::try_from(below.len()).unwrap_or(u32::MAX);
            placed.push(Placed { index, depth, last, children: count, orphan: self.is_orphan(index) });
            push(&mut open, below, depth + 1);
        }
        placed
    }

    fn is_orphan(&self, index: usize) -> bool {
        self.parents[index].is_none() && self.steps[index].parent_span_id().is_some()
    }
}

/// Puts siblings on the stack so that the first of them is taken first.
fn push(open: &mut Vec<(usize, u32, bool)>, siblings: &[usize], depth: u32) {
    let last = siblings.last().copied();
    open.extend(siblings.iter().rev().map(|index| (*index, depth, Some(*index) == last)));
}
