//! The rows of a tree: guides, badges and sums, for a window of it.

use serde::Serialize;
use treering_step::{SpanId, Status, Summary};

use super::execution::Window;
use super::forest::{DRAWN_LEVELS, Forest, ForestRow};
use super::format;
use super::kind::{Badge, status_word};
use super::shape::Shown;
use super::text::Text;
use super::waterfall::{Bar, Scale};

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
    /// Its level in the tree, from 1 on.
    level: u32,
    /// True where it only leads to what was asked for.
    aside: bool,
    /// How many steps below it are not shown.
    folded: Option<String>,
    heard: Option<String>,
}

/// The lines that join a step with its parent and its siblings.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Guides {
    width: u32,
    path: String,
}

/// The rows of the window, drawn as they are shown.
pub(crate) fn rows(forest: &Forest, shown: &[Shown], window: &Window) -> Vec<Row> {
    let scale = forest.scale.as_ref();
    let row = |(shown, step): (&Shown, _)| row(step, &forest.rows[shown.row], shown, scale);
    shown.iter().zip(&window.steps).map(row).collect()
}

fn row(step: &Summary, place: &ForestRow, shown: &Shown, scale: Option<&Scale>) -> Row {
    let ForestRow { orphan, sum, .. } = *place;
    let Shown { depth, siblings, .. } = *shown;
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
        level: depth + 1,
        aside: shown.aside,
        folded: (shown.folded > 0).then(|| format::count(shown.folded.into())),
        heard: heard(step, scale),
    }
}

/// When it began and how long it took, for who does not see a bar.
fn heard(step: &Summary, scale: Option<&Scale>) -> Option<String> {
    let percent = scale?.position(step.started_at?)?;
    Some(format!("began at {percent:.0} % of the execution"))
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

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::Source;

    use super::super::shape::{Asked, Shape};
    use super::*;

    fn step(id: u64, parent: u64) -> Summary {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        Summary { parent_span_id: span(parent), ..Summary::new(span(id).unwrap(), Source::Span) }
    }

    fn drawn(steps: Vec<Summary>) -> (Forest, Vec<Summary>) {
        let (mut bones, prices) = (Bones::default(), Prices::default());
        steps.iter().for_each(|step| bones.add(vec![step.clone()], &prices));
        (Forest::of(&bones.joined()), steps)
    }

    #[test]
    fn guides_pass_later_siblings_and_end_at_the_last() {
        let (forest, _) = drawn(vec![step(1, 0), step(2, 1), step(3, 2), step(4, 1)]);
        let shape = Shape::of(&forest, &Asked::default());
        let path = |row: usize| {
            let row = &shape.rows[row];
            guides(row.depth, row.siblings).map(|guides| guides.path)
        };
        assert_eq!(path(0), None);
        assert_eq!(path(1).unwrap(), "M8 0V3M8 1H16");
        assert_eq!(path(2).unwrap(), "M8 0V3M24 0V1M24 1H32");
        assert_eq!(path(3).unwrap(), "M8 0V1M8 1H16");
    }

    #[test]
    fn levels_too_deep_to_be_drawn_are_numbered() {
        let (forest, steps) = drawn((1..=40).map(|id| step(id, id - 1)).collect());
        let shape = Shape::of(&forest, &Asked::default());
        let rows = rows(&forest, &shape.rows, &Window { rows: (0..40).collect(), steps });
        let widest = rows.iter().filter_map(|row| row.guides.as_ref()).map(|guides| guides.width).max();
        assert_eq!(widest, Some(DRAWN_LEVELS * LEVEL));
        assert_eq!(rows[39].depth.as_deref(), Some("39"));
        assert_eq!(rows[24].depth, None);
    }
}
