//! What the clocks of an execution say of its time, where they can be believed.

use treering_step::Timestamp;

use crate::Node;

/// A moment further than this from the median start is a broken clock and not a long execution: 0 and other
/// unset clocks are decades off.
const BROKEN_CLOCK_NS: u64 = 30 * 86_400 * 1_000_000_000;

/// When an execution ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub begin: Timestamp,
    pub end: Timestamp,
    median: Timestamp,
}

impl Period {
    /// From the earliest beginning to the latest end of the steps whose clocks can be believed; `None` where no
    /// step says when it was.
    pub fn of(steps: &[impl Node]) -> Option<Self> {
        let mut starts: Vec<_> = steps.iter().filter_map(Node::started_at).collect();
        let middle = starts.len() / 2;
        let (begin, end) = (*starts.first()?, *starts.first()?);
        let median = *starts.select_nth_unstable(middle).1;
        let period = Self { begin, end, median };
        let believed = || steps.iter().filter(|step| step.started_at().is_some_and(|at| period.believes(at)));
        let begin = believed().filter_map(Node::started_at).min()?;
        let ends = believed().flat_map(|step| [step.started_at(), step.ended_at()]);
        let end = ends.flatten().filter(|at| period.believes(*at)).max()?;
        Some(Self { begin, end, median })
    }

    /// True where a clock that says this can be believed.
    pub fn believes(&self, at: Timestamp) -> bool {
        at.as_nanos().abs_diff(self.median.as_nanos()) < BROKEN_CLOCK_NS
    }
}
