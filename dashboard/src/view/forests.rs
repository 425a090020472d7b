//! Trees that were drawn a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use treering_step::TraceId;
use treering_store::{Computed, ProjectId};

use super::forest::Forest;

/// What all kept trees take at the most: one of a million steps, or a dozen of 100,000.
const BYTES: usize = 64 << 20;
/// A tree of fewer steps is drawn anew as quickly as it is found.
const SMALLEST: usize = 500;

/// The trees of large executions, each with the version that it belongs to, while there is room for them.
#[derive(Debug)]
pub(crate) struct Forests {
    bytes: usize,
    kept: Mutex<Kept>,
}

impl Default for Forests {
    fn default() -> Self {
        Self::of_bytes(BYTES)
    }
}

#[derive(Debug, Default)]
struct Kept {
    forests: HashMap<(ProjectId, TraceId), Entry>,
    bytes: usize,
    /// Counts how often any of them was kept or asked for.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    forest: Arc<Forest>,
    used: u64,
}

impl Forests {
    fn of_bytes(bytes: usize) -> Self {
        Self { bytes, kept: Mutex::default() }
    }

    /// The tree of this version of an execution. Whoever asks was shown the execution's own row at this version a moment
    /// ago: a tree tells nothing that its viewer may not see, since all who see the row see the same tree.
    pub(crate) fn get(&self, of: &Computed) -> Option<Arc<Forest>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.forests.get_mut(&key(of)).filter(|entry| entry.version == of.version)?;
        entry.used = now;
        Some(entry.forest.clone())
    }

    /// Keeps the tree of an execution; those that were not asked for for the longest time go.
    pub(crate) fn keep(&self, of: &Computed, forest: &Arc<Forest>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&key(of));
        if forest.rows.len() < SMALLEST || forest.bytes() > self.bytes {
            return;
        }
        while kept.bytes + forest.bytes() > self.bytes {
            let Some(oldest) = kept.oldest() else { break };
            kept.remove(&oldest);
        }
        kept.clock += 1;
        let entry = Entry { version: of.version, forest: forest.clone(), used: kept.clock };
        kept.bytes += forest.bytes();
        kept.forests.insert(key(of), entry);
    }
}

fn key(of: &Computed) -> (ProjectId, TraceId) {
    (of.project, of.execution.trace_id)
}

impl Kept {
    fn oldest(&self) -> Option<(ProjectId, TraceId)> {
        self.forests.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key)
    }

    fn remove(&mut self, key: &(ProjectId, TraceId)) {
        if let Some(entry) = self.forests.remove(key) {
            self.bytes -= entry.forest.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::{Source, SpanId, Summary};

    use super::*;

    /// An execution of so many steps, and its tree.
    fn drawn(number: u8, version: u64, steps: u64) -> (Computed, Arc<Forest>) {
        let (mut bones, prices) = (Bones::default(), Prices::default());
        for id in 1..=steps {
            let span_id = SpanId::from_bytes(&id.to_be_bytes()).unwrap();
            bones.add(vec![Summary::new(span_id, Source::Span)], &prices);
        }
        let skeleton = bones.joined();
        let execution = skeleton.execution(TraceId::from_bytes(&[number; 16]).unwrap());
        let computed = Computed { project: ProjectId::from_i64(1), version, execution };
        (computed, Arc::new(Forest::of(&skeleton)))
    }

    #[test]
    fn a_tree_is_found_by_its_version_alone() {
        let forests = Forests::default();
        let (first, tree) = drawn(1, 7, 600);
        forests.keep(&first, &tree);
        assert!(Arc::ptr_eq(&forests.get(&first).unwrap(), &tree));
        assert!(forests.get(&Computed { version: 8, ..first }).is_none());
        let other = drawn(1, 7, 0).0;
        assert!(forests.get(&Computed { project: ProjectId::from_i64(2), ..other }).is_none());
    }

    #[test]
    fn small_trees_are_not_kept() {
        let forests = Forests::default();
        let (small, tree) = drawn(1, 7, 10);
        forests.keep(&small, &tree);
        assert!(forests.get(&small).is_none());
    }

    #[test]
    fn there_is_room_for_so_many_bytes_and_who_was_not_asked_for_goes_first() {
        let (_, tree) = drawn(1, 1, 600);
        let fit = 5;
        let forests = Forests::of_bytes(tree.bytes() * usize::from(fit) + 100);
        let of = |number: u8| drawn(number, 1, 0).0;
        for number in 1..=fit {
            forests.keep(&of(number), &tree);
        }
        assert!(forests.get(&of(1)).is_some());
        forests.keep(&of(fit + 1), &tree);
        assert!(forests.get(&of(1)).is_some() && forests.get(&of(2)).is_none());
        assert!(forests.get(&of(fit + 1)).is_some());
        // The same one, newer, takes the place of the old one.
        forests.keep(&Computed { version: 2, ..of(1) }, &tree);
        assert!(forests.get(&of(3)).is_some());
    }
}
