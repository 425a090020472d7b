//! The tree of an execution as it is drawn, whatever its steps say.

use std::collections::HashMap;
use std::mem::size_of;

use treering_read::{Bone, Node, Period, Placed, Skeleton};
use treering_step::{SpanId, Status, Summary, Timestamp};

use super::sum::Sum;
use super::waterfall::Scale;

/// Levels that are drawn; deeper steps stand under each other and say their depth.
pub(crate) const DRAWN_LEVELS: u32 = 24;

/// What is known of an execution without a look at what is told of its steps: all that a window of it depends on.
#[derive(Debug)]
pub(crate) struct Forest {
    pub(crate) rows: Vec<ForestRow>,
    /// The time that its bars stand in.
    pub(crate) scale: Option<Scale>,
    /// How many of its steps used tokens that have no price.
    pub(crate) unpriced: u64,
    /// The row where the first failure came from.
    pub(crate) first_failure: Option<usize>,
    /// The places of steps that log records alone tell of: nobody but the others of their session knows them.
    nested: HashMap<SpanId, Place>,
}

/// The place of a step in the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForestRow {
    pub(crate) span_id: SpanId,
    pub(crate) depth: u32,
    /// The levels at which a later row is a sibling of it or of an ancestor, a bit each.
    pub(crate) siblings: u32,
    /// True where it names a parent that is not there.
    pub(crate) orphan: bool,
    pub(crate) sum: Sum,
}

type Place = (Option<SpanId>, Option<Timestamp>, Option<Timestamp>);

impl Forest {
    pub(crate) fn of(skeleton: &Skeleton) -> Self {
        let (bones, placed) = (skeleton.bones(), skeleton.tree());
        let sums = Sum::all(bones, &placed);
        let siblings = later_siblings(&placed);
        let row = |(at, placed): (usize, &Placed)| ForestRow {
            span_id: bones[placed.index].span_id,
            depth: placed.depth,
            siblings: siblings[at],
            orphan: placed.orphan,
            sum: sums[at],
        };
        let place = |bone: &Bone| (bone.span_id, (bone.parent_span_id, bone.started_at, bone.ended_at));
        Self {
            rows: placed.iter().enumerate().map(row).collect(),
            scale: Period::of(bones).map(Scale::of),
            unpriced: Sum::unpriced(&sums, &placed),
            first_failure: first_failure(bones, &placed),
            nested: bones.iter().filter(|bone| bone.is_alone()).map(place).collect(),
        }
    }

    /// The row of a step.
    pub(crate) fn row_of(&self, span: SpanId) -> Option<usize> {
        self.rows.iter().position(|row| row.span_id == span)
    }

    /// The bytes that it takes, more or less.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<ForestRow>() + self.nested.capacity() * size_of::<(SpanId, Place)>()
    }

    /// A step in its place; one that left the execution meanwhile has no more than that.
    pub(crate) fn in_place(&self, span: SpanId, told: Option<Summary>) -> Summary {
        let mut step = told.unwrap_or_else(|| Summary::new(span, treering_step::Source::Span));
        if let Some((parent, start, end)) = self.nested.get(&span) {
            step.place(*parent, *start, *end);
        }
        step
    }
}

/// For each row, the levels at which a later row is a sibling of it or of an ancestor, a bit each.
fn later_siblings(placed: &[Placed]) -> Vec<u32> {
    let mut open = 0_u32;
    let mut rows = vec![0; placed.len()];
    for (row, placed) in rows.iter_mut().zip(placed).rev() {
        let level = placed.depth.min(DRAWN_LEVELS);
        *row = open & ((2 << level) - 1);
        open = (open & ((1 << level) - 1)) | (1 << level);
    }
    rows
}

/// The row where the first failure came from: errors go up, so it is the deepest failed step on the way down from the
/// first failed one.
fn first_failure(bones: &[Bone], placed: &[Placed]) -> Option<usize> {
    let failed = |placed: &Placed| bones[placed.index].status == Some(Status::Error);
    let mut origin = placed.iter().position(failed)?;
    for (row, place) in placed.iter().enumerate().skip(origin + 1) {
        let depth = placed[origin].depth;
        match place.depth {
            below if below <= depth => break,
            below if below == depth + 1 && failed(place) => origin = row,
            _ => {}
        }
    }
    Some(origin)
}
