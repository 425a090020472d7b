//! Which rows of a tree are shown: all of them, those below one, or those that have something in common, with whatever
//! they hang from.

use std::collections::HashSet;

use treering_step::{SpanId, Status};

use super::forest::{Forest, ForestRow, later_siblings};

/// Which rows somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Only {
    #[default]
    All,
    Errors,
    /// The critical path.
    Path,
}

impl Only {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "all" => Some(Self::All),
            "errors" => Some(Self::Errors),
            "path" => Some(Self::Path),
            _ => None,
        }
    }
}

/// What is asked of the rows.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The row whose tree is shown.
    pub(crate) root: Option<usize>,
    pub(crate) only: Only,
    /// How many levels of it.
    pub(crate) levels: Option<u32>,
    /// Steps that were searched for.
    pub(crate) found: Option<HashSet<SpanId>>,
}

/// A row that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its place in the whole tree.
    pub(crate) row: usize,
    pub(crate) depth: u32,
    /// The levels at which a later row is a sibling of it or of an ancestor, a bit each.
    pub(crate) siblings: u32,
    /// True where it is not what was asked for, and something below it is.
    pub(crate) aside: bool,
    /// How many rows below it are not shown.
    pub(crate) folded: u32,
}

/// The rows that are shown, in the order of the tree.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) rows: Vec<Shown>,
    /// How many of them are what was asked for.
    pub(crate) asked_for: usize,
}

impl Shape {
    pub(crate) fn of(forest: &Forest, asked: &Asked) -> Self {
        let (from, to) = match asked.root {
            Some(root) => (root, root + 1 + forest.rows[root].below as usize),
            None => (0, forest.rows.len()),
        };
        let top = forest.rows.get(from).map_or(0, |row| row.depth);
        let is_meant = |row: &ForestRow| {
            let by_kind = match asked.only {
                Only::All => true,
                Only::Errors => matches!(row.status, Status::Error | Status::Interrupted),
                Only::Path => row.critical,
            };
            by_kind && asked.found.as_ref().is_none_or(|found| found.contains(&row.span_id))
        };
        let is_shallow =
            |row: &ForestRow| asked.levels.is_none_or(|levels| row.depth.saturating_sub(top) < levels);
        let mut rows = Vec::new();
        // The depth of the ancestor of the last row that was kept: it is kept as well.
        let mut wanted = None;
        for (at, row) in forest.rows[from..to].iter().enumerate().rev() {
            let meant = is_meant(row) && is_shallow(row);
            if !meant && wanted != Some(row.depth) {
                continue;
            }
            wanted = row.depth.checked_sub(1);
            let depth = row.depth.saturating_sub(top);
            rows.push(Shown { row: from + at, depth, siblings: 0, aside: !meant, folded: 0 });
        }
        rows.reverse();
        let siblings = later_siblings(rows.iter().map(|row| row.depth));
        for at in 0..rows.len() {
            rows[at].siblings = siblings[at];
            let below = forest.rows[rows[at].row].below;
            let is_last = rows.get(at + 1).is_none_or(|next| next.depth <= rows[at].depth);
            rows[at].folded = if is_last { below } else { 0 };
        }
        Self { asked_for: rows.iter().filter(|row| !row.aside).count(), rows }
    }

    /// Where this row of the whole tree is shown.
    pub(crate) fn place(&self, row: usize) -> Option<usize> {
        self.rows.binary_search_by_key(&row, |shown| shown.row).ok()
    }
}

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::{Source, Summary};

    use super::*;

    /// 1 holds 2 and 5; 2 holds 3 and 4; 5 holds 6. 4 and 6 failed.
    fn forest() -> Forest {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        let step = |id: u64, parent: u64, failed: bool| Summary {
            parent_span_id: span(parent),
            status: failed.then_some(Status::Error),
            ..Summary::new(span(id).unwrap(), Source::Span)
        };
        let steps = [(1, 0, false), (2, 1, false), (3, 2, false), (4, 2, true), (5, 1, false), (6, 5, true)];
        let (mut bones, prices) = (Bones::default(), Prices::default());
        steps.into_iter().for_each(|(id, parent, failed)| bones.add(vec![step(id, parent, failed)], &prices));
        Forest::of(&bones.joined())
    }

    fn drawn(asked: &Asked) -> String {
        let forest = forest();
        let shape = Shape::of(&forest, asked);
        let row = |shown: &Shown| {
            let id = forest.rows[shown.row].span_id.to_string();
            let aside = if shown.aside { "~" } else { "" };
            let folded = if shown.folded > 0 { format!("+{}", shown.folded) } else { String::new() };
            format!("{}{aside}{}{folded}", ".".repeat(shown.depth as usize), &id[15..])
        };
        shape.rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn all_rows_are_shown_where_nothing_is_asked() {
        assert_eq!(drawn(&Asked::default()), "1 .2 ..3 ..4 .5 ..6");
    }

    #[test]
    fn a_subtree_stands_by_itself() {
        assert_eq!(drawn(&Asked { root: Some(1), ..Asked::default() }), "2 .3 .4");
    }

    #[test]
    fn what_failed_is_shown_with_what_it_hangs_from() {
        assert_eq!(drawn(&Asked { only: Only::Errors, ..Asked::default() }), "~1 .~2 ..4 .~5 ..6");
        assert_eq!(drawn(&Asked { only: Only::Errors, root: Some(4), ..Asked::default() }), "~5 .6");
    }

    #[test]
    fn levels_fold_what_lies_below() {
        assert_eq!(drawn(&Asked { levels: Some(2), ..Asked::default() }), "1 .2+2 .5+1");
        assert_eq!(drawn(&Asked { levels: Some(1), ..Asked::default() }), "1+5");
    }

    #[test]
    fn what_was_searched_for_is_shown_in_its_place() {
        let found = HashSet::from([SpanId::from_bytes(&3_u64.to_be_bytes()).unwrap()]);
        assert_eq!(drawn(&Asked { found: Some(found), ..Asked::default() }), "~1 .~2 ..3");
        assert_eq!(drawn(&Asked { found: Some(HashSet::new()), ..Asked::default() }), "");
    }

    #[test]
    fn a_row_is_found_by_its_place_in_the_whole() {
        let shape = Shape::of(&forest(), &Asked { root: Some(4), ..Asked::default() });
        assert_eq!((shape.place(4), shape.place(5), shape.place(0)), (Some(0), Some(1), None));
    }
}
