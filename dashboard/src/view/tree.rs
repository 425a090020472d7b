//! The rows of a tree: guides, badges and sums, for a window of it.

use std::collections::HashSet;
use std::ops::Range;

use serde::Serialize;
use treering_read::Placed;
use treering_step::{SpanId, Status, Summary};

use super::execution::TraceView;
use super::format;
use super::kind::{Badge, status_word};
use super::price;
use super::text::Text;
use super::waterfall::{Bar, Scale};

/// Levels that are drawn; deeper steps stand under each other and say their depth.
const DRAWN_LEVELS: u32 = 24;
/// The width of one level, in units of the guides' drawing.
const LEVEL: u32 = 16;
/// Where a line ends that goes on in the next row. The line of a name is two units high; a narrow screen has
/// the bar below it, which the drawing then reaches over, and a wide one cuts it at two.
const BEYOND: u32 = 3;
const LONGEST_NAME: usize = 160;
const LONGEST_STATUS: usize = 40;

/// One row of the tree.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) span_id: SpanId,
    pub(crate) badge: Badge,
    name: Text,
    /// What stands behind the name: a model, a tool, an agent.
    note: Option<Text>,
    /// How it stands, where that is worth a word: for a failure, the class of its error.
    status: Option<Text>,
    failed: bool,
    guides: Option<Guides>,
    /// The depth in numbers, where it is too deep to be drawn.
    depth: Option<String>,
    took: Option<String>,
    tokens: Option<String>,
    cost: Option<String>,
    /// How the bar is drawn, where that says something.
    shape: Option<&'static str>,
    bar: Option<Bar>,
    /// What stands in the place of a bar.
    no_bar: String,
}

/// The lines that join a step with its parent and its siblings.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Guides {
    width: u32,
    path: String,
}

/// The rows of the window.
pub(crate) fn rows(view: &TraceView, window: Range<usize>) -> Vec<Row> {
    let scale = Scale::of(&view.steps);
    let siblings = later_siblings(&view.placed);
    let sums = Sum::all(view);
    let row = |at: usize| {
        let placed = &view.placed[at];
        row(&view.steps[placed.index], *placed, siblings[at], sums[at], scale.as_ref())
    };
    window.map(row).collect()
}

fn row(
    step: &Summary,
    Placed { depth, orphan, .. }: Placed,
    siblings: u32,
    sum: Sum,
    scale: Option<&Scale>,
) -> Row {
    let kind = step.kind.unwrap_or_default();
    let status = step.status.unwrap_or_default();
    let failed = status == Status::Error;
    let error = step.error_type.as_deref().filter(|_| failed);
    let alone = (orphan && !step.remote_parent).then_some("parent missing");
    let name = step.name.as_deref().unwrap_or("(no name)");
    Row {
        span_id: step.span_id,
        badge: kind.into(),
        name: Text::line(name, LONGEST_NAME),
        note: note(step, name).map(|note| Text::line(note, LONGEST_NAME)),
        status: error.or(status_word(status)).or(alone).map(|status| Text::line(status, LONGEST_STATUS)),
        failed,
        guides: guides(depth, siblings),
        depth: (depth > DRAWN_LEVELS).then(|| format::count(depth.into())),
        took: step.duration_ns().map(format::duration),
        tokens: (sum.tokens > 0).then(|| format::count(sum.tokens)),
        cost: sum.shown(),
        shape: shape(status),
        bar: scale.and_then(|scale| scale.bar(step)),
        no_bar: no_bar(step),
    }
}

/// The class of a bar that is not simply done.
fn shape(status: Status) -> Option<&'static str> {
    match status {
        Status::Error => Some("failed"),
        Status::Running => Some("open"),
        Status::Interrupted => Some("torn"),
        Status::Ok | Status::Unset => None,
    }
}

/// The day that a clock tells which cannot be believed.
fn no_bar(step: &Summary) -> String {
    let day = |at| format::moment(at).split(' ').next().map(|day| format!("its clock: {day}"));
    step.started_at.and_then(day).unwrap_or_else(|| "no time".to_owned())
}

/// The model, tool or agent, unless the name says it already.
fn note<'a>(step: &'a Summary, name: &str) -> Option<&'a str> {
    let known = [step.model.as_deref(), step.tool.as_deref(), step.agent.as_deref()];
    known.into_iter().flatten().next().filter(|note| !name.contains(note))
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

fn guides(depth: u32, siblings: u32) -> Option<Guides> {
    let level = depth.min(DRAWN_LEVELS);
    if level == 0 {
        return None;
    }
    let x = |level: u32| (level - 1) * LEVEL + LEVEL / 2;
    let passing = (1..level)
        .filter(|level| siblings & (1 << level) != 0)
        .map(|level| format!("M{} 0V{BEYOND}", x(level)));
    let to = if siblings & (1 << level) == 0 { 1 } else { BEYOND };
    let own = format!("M{} 0V{to}M{} 1H{}", x(level), x(level), level * LEVEL);
    Some(Guides { width: level * LEVEL, path: passing.chain([own]).collect() })
}

/// Tokens and cost of a step and everything below it, by its leaf-most reports: an agent repeats what its
/// model calls said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    tokens: u64,
    cost: Option<f64>,
    /// Steps whose tokens have no price.
    unpriced: u64,
}

/// How many steps of an execution used tokens that have no price, of those whose tokens count.
pub(crate) fn unpriced(view: &TraceView) -> u64 {
    let roots = Sum::all(view).into_iter().zip(&view.placed).filter(|(_, placed)| placed.depth == 0);
    roots.map(|(sum, _)| sum.unpriced).sum()
}

impl Sum {
    fn all(view: &TraceView) -> Vec<Self> {
        let mut sums = vec![Self::default(); view.placed.len()];
        let seen_before = repeated_answers(view);
        // Sums of the rows below, by depth, until their parent takes them.
        let mut below: Vec<Self> = Vec::new();
        for (at, placed) in view.placed.iter().enumerate().rev() {
            let depth = placed.depth as usize;
            let children = below.drain(below.len().min(depth + 1)..).reduce(Self::plus).unwrap_or_default();
            let own = if seen_before[at] { Self::default() } else { Self::of(&view.steps[placed.index]) };
            sums[at] = children.or(own);
            below.resize(below.len().max(depth + 1), Self::default());
            below[depth] = below[depth].plus(sums[at]);
        }
        sums
    }

    fn of(step: &Summary) -> Self {
        let tokens = step.tokens.input.unwrap_or(0).saturating_add(step.tokens.output.unwrap_or(0));
        let is_unpriced = step.cost_usd.is_none() && price::used(&step.tokens);
        Self { tokens, cost: step.cost_usd, unpriced: is_unpriced.into() }
    }

    /// The cost as a row has room for it: a sum in which something is missing ends with a plus.
    fn shown(self) -> Option<String> {
        match self.cost {
            Some(cost) if self.unpriced > 0 => Some(format!("{}+", format::dollars(cost))),
            cost => price::sum(cost, self.unpriced),
        }
    }

    fn plus(self, other: Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let tokens = self.tokens.saturating_add(other.tokens);
        Self { tokens, cost, unpriced: self.unpriced + other.unpriced }
    }

    fn or(self, other: Self) -> Self {
        let (tokens, unpriced) =
            if self.tokens > 0 { (self.tokens, self.unpriced) } else { (other.tokens, other.unpriced) };
        // Whose children have no price at all may know the price of them together, and the other way round.
        let is_known = match self.cost {
            Some(_) => self.tokens == 0,
            None => other.cost.is_some(),
        };
        Self { tokens, cost: self.cost.or(other.cost), unpriced: if is_known { 0 } else { unpriced } }
    }
}

/// Rows whose answer of a provider was told by an earlier row already, as two instrumentations of one call do.
fn repeated_answers(view: &TraceView) -> Vec<bool> {
    let mut seen = HashSet::new();
    let answer = |placed: &Placed| view.steps[placed.index].response_id.as_deref();
    view.placed.iter().map(|placed| answer(placed).is_some_and(|id| !seen.insert(id))).collect()
}

#[cfg(test)]
mod tests {
    use treering_step::{Source, TraceId, Usage};

    use super::*;

    fn step(id: u64, parent: u64, tokens: Option<u64>) -> Summary {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        Summary {
            parent_span_id: span(parent),
            tokens: Usage { input: tokens, ..Usage::default() },
            cost_usd: tokens.map(|tokens| tokens as f64),
            ..Summary::new(span(id).unwrap(), Source::Span)
        }
    }

    fn view(steps: Vec<Summary>) -> TraceView {
        let execution = treering_read::execution(TraceId::from_bytes(&[1; 16]).unwrap(), &steps);
        TraceView { placed: treering_read::tree(&steps), execution, steps }
    }

    fn tokens(view: &TraceView) -> Vec<u64> {
        Sum::all(view).into_iter().map(|sum| sum.tokens).collect()
    }

    #[test]
    fn a_parent_sums_what_its_leaf_most_steps_report() {
        let steps = vec![step(1, 0, Some(999)), step(2, 1, Some(30)), step(3, 1, None), step(4, 3, Some(12))];
        let view = view(steps);
        assert_eq!(tokens(&view), [42, 30, 12, 12]);
        assert_eq!(Sum::all(&view)[0].cost, Some(42.0));
    }

    #[test]
    fn a_step_without_reports_below_it_speaks_for_itself() {
        assert_eq!(tokens(&view(vec![step(1, 0, Some(7)), step(2, 1, None)])), [7, 0]);
    }

    #[test]
    fn one_answer_that_two_spans_tell_of_counts_once() {
        let twice = |id| Summary { response_id: Some("answer-1".to_owned()), ..step(id, 1, Some(10)) };
        assert_eq!(tokens(&view(vec![step(1, 0, None), twice(2), twice(3)])), [10, 10, 0]);
    }

    #[test]
    fn steps_without_a_price_are_counted_once_where_their_tokens_are() {
        let unpriced = |id, parent| Summary { cost_usd: None, ..step(id, parent, Some(5)) };
        // The agent repeats the tokens of its calls, one of which has no price.
        let view_of_agent = view(vec![unpriced(1, 0), step(2, 1, Some(3)), unpriced(3, 1), step(4, 1, None)]);
        assert_eq!(super::unpriced(&view_of_agent), 1);
        let shown: Vec<_> = Sum::all(&view_of_agent).into_iter().map(Sum::shown).collect();
        let shown: Vec<_> = shown.iter().map(Option::as_deref).collect();
        assert_eq!(shown, [Some("$3.00+"), Some("$3.00"), Some("unpriced"), None]);
        // An agent that knows what its calls cost together.
        assert_eq!(super::unpriced(&view(vec![step(1, 0, Some(9)), unpriced(2, 1), unpriced(3, 1)])), 0);
        // A call whose price came below it, on a step without tokens.
        let priced = Summary { cost_usd: Some(0.5), ..step(2, 1, None) };
        assert_eq!(super::unpriced(&view(vec![unpriced(1, 0), priced])), 0);
        assert_eq!(super::unpriced(&view(vec![step(1, 0, None)])), 0);
    }

    #[test]
    fn guides_pass_later_siblings_and_end_at_the_last() {
        let view = view(vec![step(1, 0, None), step(2, 1, None), step(3, 2, None), step(4, 1, None)]);
        let siblings = later_siblings(&view.placed);
        let path = |row: usize| guides(view.placed[row].depth, siblings[row]).map(|guides| guides.path);
        assert_eq!(path(0), None);
        assert_eq!(path(1).unwrap(), "M8 0V3M8 1H16");
        assert_eq!(path(2).unwrap(), "M8 0V3M24 0V1M24 1H32");
        assert_eq!(path(3).unwrap(), "M8 0V1M8 1H16");
    }

    #[test]
    fn levels_too_deep_to_be_drawn_are_numbered() {
        let view = view((1..=40).map(|id| step(id, id - 1, None)).collect());
        let rows = rows(&view, 0..40);
        let widest = rows.iter().filter_map(|row| row.guides.as_ref()).map(|guides| guides.width).max();
        assert_eq!(widest, Some(DRAWN_LEVELS * LEVEL));
        assert_eq!(rows[39].depth.as_deref(), Some("39"));
        assert_eq!(rows[24].depth, None);
    }
}
