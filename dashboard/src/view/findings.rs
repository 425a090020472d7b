//! What is strange about an execution, found by plain rules that its page says aloud.

use std::collections::HashMap;

use treering_read::{Bone, Placed};
use treering_step::{Kind, Status};

use super::format;

/// Failures in a row, of siblings of one kind, that are a storm.
const STORM: usize = 3;
/// Model calls below one step whose input only grows, and how many times as long it becomes.
const GROWING: usize = 5;
const GROWN: u64 = 3;
/// The part of an execution, in percent, in which nothing below its root runs, and the least time.
const STALL: u64 = 30;
const LEAST_STALL: u64 = 5_000_000_000;
/// Findings of one page: who has more has one trouble, and needs no more to see it.
pub(crate) const MOST: usize = 8;

/// Something strange, and the row where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) row: usize,
    pub(crate) sentence: String,
}

/// What the skeleton of an execution tells.
pub(super) fn of(bones: &[Bone], placed: &[Placed], below: &[u32]) -> Vec<Finding> {
    let families = families(placed);
    let mut found: Vec<_> = families
        .iter()
        .flat_map(|rows| [storm(bones, placed, rows), growing(bones, placed, rows)])
        .flatten()
        .collect();
    found.extend(stall(bones, placed, below));
    found.sort_by_key(|finding| finding.row);
    found.truncate(MOST);
    found
}

/// The rows below each step, by step.
fn families(placed: &[Placed]) -> Vec<Vec<usize>> {
    let mut families: Vec<Vec<usize>> = Vec::new();
    // The family of each level that is open.
    let mut open: Vec<usize> = Vec::new();
    for (row, place) in placed.iter().enumerate() {
        let level = place.depth as usize;
        open.truncate(level + 1);
        if open.len() <= level {
            open.resize(level + 1, families.len());
            families.push(Vec::new());
        }
        families[open[level]].push(row);
    }
    families
}

/// The same kind of step failed again and again.
fn storm(bones: &[Bone], placed: &[Placed], rows: &[usize]) -> Option<Finding> {
    let bone = |row: &usize| &bones[placed[*row].index];
    let mut longest: (usize, usize) = (0, 0);
    let (mut first, mut count, mut kind) = (0, 0, None);
    for row in rows {
        let failed = bone(row).status == Some(Status::Error);
        if failed && count > 0 && kind == bone(row).kind {
            count += 1;
        } else {
            (first, count, kind) = (*row, usize::from(failed), bone(row).kind);
        }
        if count > longest.1 {
            longest = (first, count);
        }
    }
    (longest.1 >= STORM).then(|| Finding {
        row: longest.0,
        sentence: format!("a retry storm: {} steps of one kind failed one after the other", longest.1),
    })
}

/// The context of model calls only grows.
fn growing(bones: &[Bone], placed: &[Placed], rows: &[usize]) -> Option<Finding> {
    let mut calls: Vec<_> = rows
        .iter()
        .map(|row| (*row, &bones[placed[*row].index]))
        .filter(|(_, bone)| bone.kind == Some(Kind::Llm))
        .filter_map(|(row, bone)| Some((bone.started_at?, row, bone.tokens.input?)))
        .collect();
    calls.sort_unstable();
    let (first, last) = (calls.first()?.2, calls.last()?);
    let only_grows = calls.windows(2).all(|pair| pair[0].2 <= pair[1].2);
    let is_long = calls.len() >= GROWING && last.2 >= first.max(1).saturating_mul(GROWN);
    (only_grows && is_long).then(|| Finding {
        row: last.1,
        sentence: format!(
            "a context that only grows: from {} to {} tokens in {} calls",
            format::count(first),
            format::count(last.2),
            calls.len()
        ),
    })
}

/// Nothing below a root runs for a long time.
fn stall(bones: &[Bone], placed: &[Placed], below: &[u32]) -> Option<Finding> {
    let root = placed.iter().position(|place| place.depth == 0)?;
    let whole = &bones[placed[root].index];
    let (begin, end) = (whole.started_at?, whole.ended_at?);
    let inner = root + 1..=root + below[root] as usize;
    let mut times: Vec<_> = inner
        .map(|row| (row, &bones[placed[row].index]))
        .filter_map(|(row, bone)| Some((bone.started_at?, bone.ended_at?, row)))
        .collect();
    if times.is_empty() {
        return None;
    }
    times.sort_unstable();
    let (mut quiet_since, mut before, mut longest) = (begin, root, (0, root));
    for (start, ended, row) in times {
        if start > quiet_since && start.nanos_since(quiet_since) > longest.0 {
            longest = (start.nanos_since(quiet_since), before);
        }
        if ended > quiet_since {
            (quiet_since, before) = (ended, row);
        }
    }
    if end > quiet_since && end.nanos_since(quiet_since) > longest.0 {
        longest = (end.nanos_since(quiet_since), before);
    }
    let (length, row) = longest;
    let is_long = length >= LEAST_STALL && length / STALL >= end.nanos_since(begin) / 100;
    is_long.then(|| Finding {
        row,
        sentence: format!("a stall: nothing ran for {} after this step", format::duration(length)),
    })
}

/// Calls of one tool with one and the same arguments.
pub(crate) fn repeated(calls: impl Iterator<Item = (usize, String, String)>) -> Vec<Finding> {
    let mut same = HashMap::<(String, String), Vec<usize>>::new();
    for (row, tool, arguments) in calls {
        same.entry((tool, arguments)).or_default().push(row);
    }
    let mut found: Vec<_> = same
        .into_iter()
        .filter(|(_, rows)| rows.len() >= STORM)
        .map(|((tool, _), rows)| Finding {
            row: rows[rows.len() - 1],
            sentence: format!("a loop: {tool} was called {} times with the same arguments", rows.len()),
        })
        .collect();
    found.sort_by_key(|finding| finding.row);
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::{Source, SpanId, Summary, Timestamp, Usage};

    use super::super::forest::Forest;
    use super::*;

    fn step(id: u64, parent: u64, kind: Kind, start: u64, end: u64) -> Summary {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        let at = |seconds: u64| Timestamp::from_nanos((1_000 + seconds) * 1_000_000_000);
        Summary {
            parent_span_id: span(parent),
            kind: Some(kind),
            started_at: at(start),
            ended_at: at(end),
            ..Summary::new(span(id).unwrap(), Source::Span)
        }
    }

    fn found(steps: Vec<Summary>) -> Vec<String> {
        let (mut bones, prices) = (Bones::default(), Prices::default());
        steps.into_iter().for_each(|step| bones.add(vec![step], &prices));
        Forest::of(&bones.joined()).findings.into_iter().map(|finding| finding.sentence).collect()
    }

    fn failing(id: u64, from: u64) -> Summary {
        Summary { status: Some(Status::Error), ..step(id, 1, Kind::Tool, from, from + 1) }
    }

    #[test]
    fn three_failures_in_a_row_are_a_storm_and_two_are_not() {
        let root = step(1, 0, Kind::Agent, 0, 4);
        let steps =
            |count: u64| [root.clone()].into_iter().chain((0..count).map(|n| failing(n + 2, n))).collect();
        assert_eq!(found(steps(2)), [""; 0]);
        assert_eq!(found(steps(3)), ["a retry storm: 3 steps of one kind failed one after the other"]);
        let mut mixed: Vec<Summary> = steps(4);
        mixed[3].status = Some(Status::Ok);
        assert_eq!(found(mixed), [""; 0]);
    }

    #[test]
    fn a_context_that_only_grows_is_pointed_out() {
        let call = |n: u64, tokens: u64| Summary {
            tokens: Usage { input: Some(tokens), ..Usage::default() },
            ..step(n + 2, 1, Kind::Llm, n, n + 1)
        };
        let steps = |tokens: [u64; 5]| {
            let calls = tokens.into_iter().zip(0..).map(|(tokens, n)| call(n, tokens));
            [step(1, 0, Kind::Agent, 0, 6)].into_iter().chain(calls).collect()
        };
        assert_eq!(
            found(steps([100, 150, 200, 250, 300])),
            ["a context that only grows: from 100 to 300 tokens in 5 calls"]
        );
        assert_eq!(found(steps([100, 150, 120, 250, 300])), [""; 0], "it was cut once");
        assert_eq!(found(steps([100, 150, 200, 250, 290])), [""; 0], "it did not grow much");
    }

    #[test]
    fn a_long_time_in_which_nothing_runs_is_a_stall() {
        let steps = |gap: u64| {
            vec![
                step(1, 0, Kind::Agent, 0, 20 + gap),
                step(2, 1, Kind::Llm, 0, 10),
                step(3, 1, Kind::Llm, 10 + gap, 20 + gap),
            ]
        };
        assert_eq!(found(steps(4)), [""; 0]);
        assert_eq!(found(steps(30)), ["a stall: nothing ran for 30.0 s after this step"]);
    }

    #[test]
    fn the_same_call_again_and_again_is_a_loop() {
        let call = |row: usize, arguments: &str| (row, "search".to_owned(), arguments.to_owned());
        let same = (1..=3).map(|row| call(row, "{\"q\":1}")).chain([call(4, "{\"q\":2}")]);
        let found = repeated(same);
        assert_eq!(
            found,
            [Finding {
                row: 3,
                sentence: "a loop: search was called 3 times with the same arguments".into()
            }]
        );
        assert!(repeated((1..=2).map(|row| call(row, "1"))).is_empty());
    }
}
