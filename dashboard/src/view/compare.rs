//! Two executions beside each other, and the first place where they part.

use serde::Serialize;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use treering_step::{Message, Step};

use super::conversation::{fingerprint, input, lines, output, tool};
use super::format;
use super::kind::Badge;
use super::text::Text;

/// Lines of one message that are compared; a longer one is compared as far as that.
const LINES: usize = 400;
/// Lines around a change that are shown.
const AROUND: usize = 3;

/// A pair of steps, or one that has no partner.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    #[serde(skip)]
    pub(crate) left: Option<usize>,
    #[serde(skip)]
    pub(crate) right: Option<usize>,
    a: Option<Cell>,
    b: Option<Cell>,
    /// Why they are not the same, in words; absent where they are.
    why: Option<String>,
    pub(crate) first: bool,
    pub(crate) url: Option<String>,
    pub(crate) chosen: bool,
}

#[derive(Debug, Serialize)]
struct Cell {
    badge: Badge,
    name: Text,
    note: Option<Text>,
    /// How far it is indented.
    level: u32,
    took: Option<String>,
    failed: bool,
}

/// A step, and how many steps are below it.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) step: Step,
    pub(crate) below: u32,
}

/// The steps of both in one order, the first divergence marked.
pub(crate) fn pairs(a: &[Compared], b: &[Compared]) -> Vec<Pair> {
    let key = |one: &Compared| (one.step.depth, one.step.kind, one.step.name.clone());
    let (left, right): (Vec<_>, Vec<_>) = (a.iter().map(key).collect(), b.iter().map(key).collect());
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &left, &right) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => {
                pairs.extend((0..len).map(|at| pair(a, b, Some(old_index + at), Some(new_index + at))));
            }
            DiffOp::Delete { old_index, old_len, .. } => {
                pairs.extend((old_index..old_index + old_len).map(|at| pair(a, b, Some(at), None)));
            }
            DiffOp::Insert { new_index, new_len, .. } => {
                pairs.extend((new_index..new_index + new_len).map(|at| pair(a, b, None, Some(at))));
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                pairs.extend((old_index..old_index + old_len).map(|at| pair(a, b, Some(at), None)));
                pairs.extend((new_index..new_index + new_len).map(|at| pair(a, b, None, Some(at))));
            }
        }
    }
    mark_first(&mut pairs, a, b);
    pairs
}

/// What a step ends with is told by what is below it first: it is the place only where nothing below it is.
fn mark_first(pairs: &mut [Pair], a: &[Compared], b: &[Compared]) {
    let begins = |pair: &Pair| match (pair.left, pair.right) {
        (Some(left), Some(right)) => {
            let is_leaf = a[left].below == 0 && b[right].below == 0;
            pair.why.is_some()
                && (is_leaf || fingerprints(&input(&a[left].step)) != fingerprints(&input(&b[right].step)))
        }
        _ => true,
    };
    let place = pairs.iter().position(begins).or_else(|| pairs.iter().position(|pair| pair.why.is_some()));
    if let Some(place) = place {
        pairs[place].first = true;
    }
}

fn pair(a: &[Compared], b: &[Compared], left: Option<usize>, right: Option<usize>) -> Pair {
    let why = match (left, right) {
        (Some(left), Some(right)) => difference(&a[left].step, &b[right].step),
        (Some(_), None) => Some("only in A".to_owned()),
        _ => Some("only in B".to_owned()),
    };
    let cell = |side: &[Compared], at: Option<usize>| at.map(|at| cell(&side[at].step));
    Pair { a: cell(a, left), b: cell(b, right), left, right, why, first: false, url: None, chosen: false }
}

fn cell(step: &Step) -> Cell {
    let note = step.model.as_deref().filter(|model| !step.name.contains(model));
    Cell {
        badge: step.kind.into(),
        name: Text::line(if step.name.is_empty() { "(no name)" } else { &step.name }, 120),
        note: note.map(|note| Text::line(note, 80)),
        level: step.depth.min(12),
        took: step.duration_ns.map(format::duration),
        failed: step.error.is_some() || step.status == treering_step::Status::Error,
    }
}

/// In what two steps of one name differ.
fn difference(a: &Step, b: &Step) -> Option<String> {
    let mut words = Vec::new();
    if a.status != b.status {
        words.push(format!("{} / {}", a.status.as_str(), b.status.as_str()));
    }
    if a.model != b.model {
        words.push("another model".to_owned());
    }
    if fingerprints(&input(a)) != fingerprints(&input(b)) {
        words.push("other input".to_owned());
    } else if a.tool.as_ref().map(|tool| &tool.arguments) != b.tool.as_ref().map(|tool| &tool.arguments) {
        words.push("other arguments".to_owned());
    }
    let said =
        |step: &Step| (fingerprints(&output(step)), step.tool.as_ref().map(|tool| tool.result.clone()));
    if said(a) != said(b) {
        words.push("other output".to_owned());
    }
    let kind = |step: &Step| step.error.as_ref().and_then(|error| error.kind.clone());
    if kind(a) != kind(b) && a.status == b.status {
        words.push("another error".to_owned());
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn fingerprints(messages: &[Message]) -> Vec<blake3::Hash> {
    messages.iter().map(fingerprint).collect()
}

/// Two steps, message by message.
#[derive(Debug, Serialize)]
pub(crate) struct StepDiff {
    name: Text,
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    title: &'static str,
    messages: Vec<Changed>,
}

/// A message of both, or of one of them.
#[derive(Debug, Serialize)]
struct Changed {
    role: Text,
    /// `same`, `changed`, `only in A`, `only in B`.
    how: &'static str,
    size: String,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    /// `a`, `b`, `both`, or `gap` for lines that are left out.
    side: &'static str,
    text: Text,
}

impl StepDiff {
    pub(crate) fn of(a: Option<&Step>, b: Option<&Step>) -> Option<Self> {
        let name = a.or(b).map(|step| Text::line(&step.name, 160))?;
        let side =
            |of: fn(&Step) -> Vec<Message>| (a.map(of).unwrap_or_default(), b.map(of).unwrap_or_default());
        let is_tool = a.or(b).is_some_and(|step| step.tool.is_some());
        let sections = match is_tool {
            true => vec![("Call", side(tool)), ("Error", side(error))],
            false => vec![("Input", side(input)), ("Output", side(output)), ("Error", side(error))],
        };
        let sections =
            sections.into_iter().map(|(title, (a, b))| Section { title, messages: changed(&a, &b) });
        Some(Self { name, sections: sections.filter(|section| !section.messages.is_empty()).collect() })
    }
}

fn error(step: &Step) -> Vec<Message> {
    let told = step.error.as_ref().map(|error| {
        let told = [&error.kind, &error.message];
        told.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
    });
    told.map(|told| Message::text("error", told)).into_iter().collect()
}

fn changed(a: &[Message], b: &[Message]) -> Vec<Changed> {
    let (left, right) = (fingerprints(a), fingerprints(b));
    let keys = |prints: &[blake3::Hash]| prints.iter().map(|print| *print.as_bytes()).collect::<Vec<_>>();
    let mut all = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &keys(&left), &keys(&right)) {
        let (old, new) = (op.old_range(), op.new_range());
        if matches!(op, DiffOp::Equal { .. }) {
            all.extend(old.map(|at| message(Some(&a[at]), None, "same")));
            continue;
        }
        let both = old.len().min(new.len());
        for at in 0..both {
            let (a, b) = (&a[old.start + at], &b[new.start + at]);
            all.push(message(Some(a), Some(b), "changed"));
        }
        all.extend(old.skip(both).map(|at| message(Some(&a[at]), None, "only in A")));
        all.extend(new.skip(both).map(|at| message(None, Some(&b[at]), "only in B")));
    }
    all
}

fn message(a: Option<&Message>, b: Option<&Message>, how: &'static str) -> Changed {
    let text = |message: Option<&Message>| message.map(lines).unwrap_or_default();
    let (left, right) = (text(a), if how == "same" { text(a) } else { text(b) });
    let role = a.or(b).map(|message| message.role.as_str()).unwrap_or_default();
    Changed {
        role: Text::line(role, 40),
        how,
        size: format::counted(left.chars().count().max(right.chars().count()), "character"),
        lines: if how == "same" { Vec::new() } else { diff(&left, &right) },
    }
}

fn diff(a: &str, b: &str) -> Vec<Line> {
    let cut = |text: &str| text.lines().take(LINES).map(|line| format!("{line}\n")).collect::<String>();
    let (a, b) = (cut(a), cut(b));
    let diff = TextDiff::from_lines(&a, &b);
    let mut all = Vec::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            all.push(Line { side: "gap", text: Text::of("…") });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let side = match change.tag() {
                ChangeTag::Delete => "a",
                ChangeTag::Insert => "b",
                ChangeTag::Equal => "both",
            };
            all.push(Line { side, text: Text::of(change.value().trim_end_matches('\n')) });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use treering_step::{Content, Kind, SpanId};

    use super::*;

    fn step(name: &str, depth: u32, below: u32, said: &str) -> Compared {
        let step = Step {
            name: name.into(),
            kind: Kind::Llm,
            depth,
            output: Some(Content::Messages(vec![Message::text("assistant", said)])),
            ..Step::new(SpanId::from_bytes(&1_u64.to_be_bytes()).unwrap())
        };
        Compared { step, below }
    }

    type Told = (Option<usize>, Option<usize>, Option<String>, bool);

    fn told(a: &[Compared], b: &[Compared]) -> Vec<Told> {
        pairs(a, b).into_iter().map(|pair| (pair.left, pair.right, pair.why, pair.first)).collect()
    }

    #[test]
    fn steps_are_paired_by_their_place_and_the_first_that_differs_is_marked() {
        let a = [step("agent", 0, 2, "end"), step("plan", 1, 0, "x"), step("search", 1, 0, "1")];
        let b = [
            step("agent", 0, 3, "other end"),
            step("plan", 1, 0, "x"),
            step("think", 1, 0, "?"),
            step("search", 1, 0, "2"),
        ];
        let other = Some("other output".to_owned());
        assert_eq!(
            told(&a, &b),
            [
                (Some(0), Some(0), other.clone(), false),
                (Some(1), Some(1), None, false),
                (None, Some(2), Some("only in B".into()), true),
                (Some(2), Some(3), other, false),
            ]
        );
    }

    #[test]
    fn of_a_whole_whose_parts_are_the_same_its_own_end_is_the_first_difference() {
        let a = [step("agent", 0, 1, "end"), step("plan", 1, 0, "x")];
        let b = [step("agent", 0, 1, "other"), step("plan", 1, 0, "x")];
        assert!(told(&a, &b)[0].3);
        assert!(told(&a, &a).iter().all(|(_, _, why, first)| why.is_none() && !first));
    }

    #[test]
    fn two_steps_are_compared_message_by_message_and_line_by_line() {
        let (a, b) = (step("x", 0, 0, "one\ntwo\nthree"), step("x", 0, 0, "one\n2\nthree"));
        let diff = StepDiff::of(Some(&a.step), Some(&b.step)).unwrap();
        let section = &diff.sections[0];
        assert_eq!((section.title, section.messages[0].how), ("Output", "changed"));
        let lines: Vec<_> =
            section.messages[0].lines.iter().map(|line| (line.side, line.text.plain())).collect();
        let line = |side, text: &str| (side, text.to_owned());
        assert_eq!(lines, [line("both", "one"), line("a", "two"), line("b", "2"), line("both", "three")]);
        let same = StepDiff::of(Some(&a.step), Some(&a.step)).unwrap();
        assert_eq!(same.sections[0].messages[0].how, "same");
    }
}
