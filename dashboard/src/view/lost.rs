//! What never reached the store. It is shown always: a 0 is a statement, a blank is none.

use treering_store::OutcomeCount;

use crate::access::Sight;
use crate::error::Error;

/// Steps and batches that were lost, in all and by the name of their outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    pub(crate) total: u64,
    pub(crate) by_name: Vec<(String, u64)>,
}

impl Lost {
    /// What this project lost, and what was lost before anybody knew whose it was.
    pub(crate) async fn count(sight: &Sight) -> Result<Self, Error> {
        Ok(Self::of(sight.outcomes().await?))
    }

    fn of(outcomes: Vec<OutcomeCount>) -> Self {
        let lost = |OutcomeCount { project, name, count }: OutcomeCount| {
            let name = name.strip_prefix("lost.")?.replace('_', " ");
            Some((if project.is_none() { format!("{name}, of no project") } else { name }, count))
        };
        let by_name: Vec<_> = outcomes.into_iter().filter_map(lost).filter(|(_, count)| *count > 0).collect();
        Self { total: by_name.iter().map(|(_, count)| count).sum(), by_name }
    }
}

#[cfg(test)]
mod tests {
    use treering_store::ProjectId;

    use super::*;

    #[test]
    fn only_losses_count_as_lost() {
        let project = Some(ProjectId::from_i64(1));
        let outcomes = [
            (project, "accepted", 90),
            (project, "lost.queue_full", 2),
            (project, "lost.poison", 1),
            (project, "lost.none", 0),
            (None, "lost.unnamed", 4),
        ];
        let count = |(project, name, count): (_, &str, _)| OutcomeCount { project, name: name.into(), count };
        let lost = Lost::of(outcomes.map(count).into());
        assert_eq!(lost.total, 7);
        let by_name = lost.by_name.iter().map(|(name, count)| (name.as_str(), *count));
        assert!(by_name.eq([("queue full", 2), ("poison", 1), ("unnamed, of no project", 4)]));
    }
}
