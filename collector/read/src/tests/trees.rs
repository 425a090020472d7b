use treering_step::{Source, Summary, Timestamp};

use super::build::id;
use crate::tree;

fn steps(parents: &[(u64, u64, u64)]) -> Vec<Summary> {
    let step = |(own, parent, start): &(u64, u64, u64)| Summary {
        parent_span_id: (*parent != 0).then(|| id(*parent)),
        started_at: Timestamp::from_nanos(*start),
        ..Summary::new(id(*own), Source::Span)
    };
    parents.iter().map(step).collect()
}

fn drawn(parents: &[(u64, u64, u64)]) -> Vec<(u64, u32)> {
    let placed = tree(&steps(parents));
    placed.iter().map(|placed| (parents[placed.index].0, placed.depth)).collect()
}

#[test]
fn siblings_stand_by_their_beginning_then_by_id_and_unknown_beginnings_last() {
    let drawn = drawn(&[(1, 0, 1), (5, 1, 0), (4, 1, 9), (3, 1, 9), (2, 1, 30), (6, 3, 2)]);
    assert_eq!(drawn, [(1, 0), (3, 1), (6, 2), (4, 1), (2, 1), (5, 1)]);
}

#[test]
fn a_step_whose_parent_never_came_stands_as_a_root_and_says_so() {
    let placed = tree(&steps(&[(1, 99, 1), (2, 1, 2)]));
    assert_eq!((placed[0].depth, placed[0].orphan, placed[0].children), (0, true, 1));
    assert_eq!((placed[1].depth, placed[1].orphan, placed[1].last), (1, false, true));
}

#[test]
fn a_circle_is_opened_at_the_step_that_began_first() {
    assert_eq!(drawn(&[(1, 3, 5), (2, 1, 4), (3, 2, 6), (4, 2, 7)]), [(2, 0), (3, 1), (1, 2), (4, 1)]);
    assert_eq!(drawn(&[(1, 1, 1)]), [(1, 0)]);
}

#[test]
fn the_last_sibling_is_known_as_such() {
    let placed = tree(&steps(&[(1, 0, 1), (2, 1, 2), (3, 1, 3), (4, 0, 4)]));
    let last: Vec<bool> = placed.iter().map(|placed| placed.last).collect();
    assert_eq!(last, [false, false, true, true]);
}

#[test]
fn a_chain_of_a_hundred_thousand_steps_needs_no_stack() {
    let chain: Vec<(u64, u64, u64)> = (1..=100_000).map(|own| (own, own - 1, own)).collect();
    let placed = tree(&steps(&chain));
    assert_eq!(placed.last().map(|placed| placed.depth), Some(99_999));
    assert_eq!(placed.len(), 100_000);
}
