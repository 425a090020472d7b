//! The tree of an execution as it is drawn, whatever its steps say.

use std::collections::HashMap;
use std::mem::size_of;

use treering_read::{Bone, Node, Period, Placed, Skeleton};
use treering_step::{Kind, SpanId, Status, Summary, Timestamp};

use super::findings::{self, Finding};
use super::path;
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
    /// The last moment that any step tells of.
    pub(crate) last_at: Option<Timestamp>,
    /// How many of its steps used tokens that have no price.
    pub(crate) unpriced: u64,
    /// The row where the first failure came from.
    pub(crate) first_failure: Option<usize>,
    /// The row of the step that cost the most by itself.
    pub(crate) costliest: Option<usize>,
    /// What is strange about it.
    pub(crate) findings: Vec<Finding>,
    /// The places of steps that log records alone tell of: nobody but the others of their session knows them.
    nested: HashMap<SpanId, Place>,
}

/// The place of a step in the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForestRow {
    pub(crate) span_id: SpanId,
    pub(crate) depth: u32,
    /// How many rows below it belong to it.
    pub(crate) below: u32,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// True where it names a parent that is not there.
    pub(crate) orphan: bool,
    /// True where the execution would have ended earlier without it.
    pub(crate) critical: bool,
    pub(crate) sum: Sum,
}

type Place = (Option<SpanId>, Option<Timestamp>, Option<Timestamp>);

impl Forest {
    pub(crate) fn of(skeleton: &Skeleton) -> Self {
        let (bones, placed) = (skeleton.bones(), skeleton.tree());
        let sums = Sum::all(bones, &placed);
        let below = below(&placed);
        let critical = path::critical(bones, &placed, &below);
        let row = |(at, placed): (usize, &Placed)| ForestRow {
            span_id: bones[placed.index].span_id,
            depth: placed.depth,
            below: below[at],
            kind: bones[placed.index].kind.unwrap_or_default(),
            status: bones[placed.index].status.unwrap_or_default(),
            orphan: placed.orphan,
            critical: critical[at],
            sum: sums[at],
        };
        let place = |bone: &Bone| (bone.span_id, (bone.parent_span_id, bone.started_at, bone.ended_at));
        Self {
            rows: placed.iter().enumerate().map(row).collect(),
            scale: Period::of(bones).map(Scale::of),
            last_at: bones.iter().flat_map(|bone| [bone.started_at, bone.ended_at]).flatten().max(),
            unpriced: Sum::unpriced(&sums, &placed),
            first_failure: first_failure(bones, &placed),
            costliest: costliest(bones, &placed, &below),
            findings: findings::of(bones, &placed, &below),
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
pub(crate) fn later_siblings(depths: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator) -> Vec<u32> {
    let mut open = 0_u32;
    let mut rows = vec![0; depths.len()];
    for (row, depth) in rows.iter_mut().rev().zip(depths.rev()) {
        let level = depth.min(DRAWN_LEVELS);
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

/// For each row, how many rows below it belong to it.
fn below(placed: &[Placed]) -> Vec<u32> {
    let mut below = vec![0; placed.len()];
    // The rows that are still open, from the root down.
    let mut open: Vec<usize> = Vec::new();
    let depths = placed.iter().map(|placed| placed.depth as usize).chain([0]);
    for (row, depth) in depths.enumerate() {
        for closed in open.drain(open.len().min(depth)..) {
            below[closed] = u32::try_from(row - closed - 1).unwrap_or(u32::MAX);
        }
        open.push(row);
    }
    below
}

/// The row whose own cost is the highest; its own tokens are, where no cost is known. What a step repeats of those below
/// it is not its own.
fn costliest(bones: &[Bone], placed: &[Placed], below: &[u32]) -> Option<usize> {
    let bone = |row: usize| &bones[placed[row].index];
    let cost = |row: usize| bone(row).cost_usd.filter(|usd| *usd > 0.0);
    #[expect(clippy::cast_precision_loss, reason = "they are compared with each other")]
    let tokens = |row: usize| {
        let used = bone(row).tokens.input.unwrap_or(0).saturating_add(bone(row).tokens.output.unwrap_or(0));
        (used > 0).then_some(used as f64)
    };
    highest(below, cost).or_else(|| highest(below, tokens))
}

fn highest(below: &[u32], of: impl Fn(usize) -> Option<f64>) -> Option<usize> {
    let mut rows: Vec<_> = (0..below.len()).filter_map(|row| Some((row, of(row)?))).collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let is_own = |row: &usize| (row + 1..=row + below[*row] as usize).all(|inner| of(inner).is_none());
    rows.into_iter().map(|(row, _)| row).find(is_own)
}
