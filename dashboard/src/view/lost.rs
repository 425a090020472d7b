//! What never reached the store. It is shown always: a 0 is a statement, a blank is none.

use treering_store::Reader;

use crate::error::Error;

/// Steps and batches that were lost, in all and by the name of their outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    pub(crate) total: u64,
    pub(crate) by_name: Vec<(String, u64)>,
}

impl Lost {
    pub(crate) async fn count(reader: &Reader) -> Result<Self, Error> {
        let outcomes = reader.outcomes().await?.into_iter();
        Ok(Self::of(outcomes.map(|outcome| (outcome.name, outcome.count))))
    }

    fn of(outcomes: impl Iterator<Item = (String, u64)>) -> Self {
        let lost =
            |(name, count): (String, u64)| Some((name.strip_prefix("lost.")?.replace('_', " "), count));
        let by_name: Vec<_> = outcomes.filter_map(lost).filter(|(_, count)| *count > 0).collect();
        Self { total: by_name.iter().map(|(_, count)| count).sum(), by_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_count_as_lost() {
        let outcomes = [("accepted", 90), ("lost.queue_full", 2), ("lost.poison", 1), ("lost.none", 0)];
        let lost = Lost::of(outcomes.into_iter().map(|(name, count)| (name.to_owned(), count)));
        assert_eq!(lost.total, 3);
        assert_eq!(lost.by_name, [("queue full".to_owned(), 2), ("poison".to_owned(), 1)]);
    }
}
