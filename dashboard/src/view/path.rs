//! The critical path: the steps without which an execution would have ended earlier.

use treering_read::{Bone, Placed};
use treering_step::Timestamp;

/// For each row, whether it lies on the path. From the end of a step backwards, the child that ended last before the
/// moment that is looked at held it up, and it is looked at from the beginning of that child on.
pub(super) fn critical(bones: &[Bone], placed: &[Placed], below: &[u32]) -> Vec<bool> {
    let mut critical = vec![false; placed.len()];
    let roots = children(placed, below, 0, placed.len(), 0);
    let mut waiting = vec![(roots, None)];
    while let Some((children_of, end)) = waiting.pop() {
        for row in holding_up(bones, placed, &children_of, end) {
            critical[row] = true;
            let from = row + 1;
            let inner = children(placed, below, from, from + below[row] as usize, placed[row].depth + 1);
            waiting.push((inner, bones[placed[row].index].ended_at));
        }
    }
    critical
}

/// The rows of this depth between these.
fn children(placed: &[Placed], below: &[u32], from: usize, to: usize, depth: u32) -> Vec<usize> {
    let (mut rows, mut row) = (Vec::new(), from);
    while row < to {
        if placed[row].depth == depth {
            rows.push(row);
        }
        row += 1 + below[row] as usize;
    }
    rows
}

fn holding_up(bones: &[Bone], placed: &[Placed], rows: &[usize], end: Option<Timestamp>) -> Vec<usize> {
    let nanos = |at: Option<Timestamp>| at.map(Timestamp::as_nanos);
    let time = |row: &usize| {
        let bone = &bones[placed[*row].index];
        let start = nanos(bone.started_at)?;
        // What never ended holds up whatever it is a part of.
        Some((*row, start, nanos(bone.ended_at).unwrap_or(u64::MAX).max(start)))
    };
    let mut timed: Vec<_> = rows.iter().filter_map(time).collect();
    timed.sort_by_key(|(row, _, ended)| (std::cmp::Reverse(*ended), *row));
    let (mut path, mut moment) = (Vec::new(), nanos(end).unwrap_or(u64::MAX));
    for (row, start, ended) in timed {
        // A part that outlives its whole did not hold it up after its end, and yet until then.
        if ended <= moment || (path.is_empty() && start < moment) {
            path.push(row);
            moment = start;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::{Source, SpanId, Summary};

    use super::super::forest::Forest;
    use super::*;

    fn step(id: u64, parent: u64, start: u64, end: u64) -> Summary {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        let at = |seconds: u64| Timestamp::from_nanos((1_000 + seconds) * 1_000_000_000);
        Summary {
            parent_span_id: span(parent),
            started_at: at(start),
            ended_at: at(end),
            ..Summary::new(span(id).unwrap(), Source::Span)
        }
    }

    /// The ids on the path.
    fn path(steps: Vec<Summary>) -> Vec<u64> {
        let (mut bones, prices) = (Bones::default(), Prices::default());
        steps.into_iter().for_each(|step| bones.add(vec![step], &prices));
        let forest = Forest::of(&bones.joined());
        let on_it = forest.rows.iter().filter(|row| row.critical);
        let mut ids: Vec<_> =
            on_it.map(|row| u64::from_str_radix(&row.span_id.to_string(), 16).unwrap()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn of_steps_side_by_side_the_one_that_ends_last_holds_up() {
        assert_eq!(path(vec![step(1, 0, 0, 10), step(2, 1, 0, 9), step(3, 1, 0, 5)]), [1, 2]);
    }

    #[test]
    fn steps_one_after_the_other_hold_up_all() {
        let steps = vec![step(1, 0, 0, 10), step(2, 1, 0, 4), step(3, 1, 4, 9), step(4, 3, 5, 6)];
        assert_eq!(path(steps), [1, 2, 3, 4]);
    }

    #[test]
    fn a_part_that_outlives_its_whole_is_on_the_path() {
        assert_eq!(path(vec![step(1, 0, 0, 5), step(2, 1, 1, 9)]), [1, 2]);
    }

    #[test]
    fn no_step_without_a_clock_holds_up_anything() {
        let blind = Summary { started_at: None, ended_at: None, ..step(2, 1, 0, 0) };
        assert_eq!(path(vec![step(1, 0, 0, 5), blind]), [1]);
        assert_eq!(path(vec![]), [0; 0]);
    }
}
