use crate::outcome::{Account, Outcome};

/// Records that we owe an outcome.
#[derive(Debug)]
pub(crate) struct Held<T> {
    value: T,
    debt: Debt,
}

/// What is owed. Dropping it unpaid, as a panic does, is counted, named and shown on the page.
#[derive(Debug)]
pub(crate) struct Debt {
    records: usize,
    account: Account,
    is_paid: bool,
}

impl<T> Held<T> {
    pub(crate) fn new(value: T, records: usize, account: Account) -> Self {
        Self { value, debt: Debt { records, account, is_paid: false } }
    }

    /// The value for its last stage, and what is still owed for it.
    pub(crate) fn take(self) -> (T, Debt) {
        (self.value, self.debt)
    }

    /// The next stage. Where it refuses, its word for that is the outcome.
    pub(crate) fn try_map<U, E>(
        self,
        stage: impl FnOnce(T) -> Result<U, E>,
        outcome: impl FnOnce(&E) -> Outcome,
    ) -> Result<Held<U>, E> {
        let (value, debt) = self.take();
        match stage(value) {
            Ok(value) => Ok(Held { value, debt }),
            Err(error) => {
                debt.settle(outcome(&error));
                Err(error)
            }
        }
    }
}

impl Debt {
    /// The outcome is known: the debt is paid.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.is_paid = true;
        self.account.count(outcome, self.records);
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        if !self.is_paid {
            self.account.count(Outcome::Unnamed, self.records);
            tracing::error!(
                records = self.records,
                "records were dropped without an outcome; this is a defect"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use treering_store::ProjectId;

    use super::*;
    use crate::outcome::Ledger;

    fn held<T>(value: T, records: usize, ledger: &Arc<Ledger>) -> Held<T> {
        Held::new(value, records, ledger.of(ProjectId::from_i64(7)))
    }

    fn counts(ledger: &Ledger) -> Vec<(String, u64)> {
        let taken = ledger.take();
        assert!(taken.iter().all(|outcome| outcome.project == Some(ProjectId::from_i64(7))));
        taken.into_iter().map(|outcome| (outcome.name, outcome.count)).collect()
    }

    #[test]
    fn what_is_dropped_without_an_outcome_is_counted() {
        let ledger = Arc::new(Ledger::default());
        drop(held((), 3, &ledger));
        assert_eq!(counts(&ledger), [("lost.unnamed".to_owned(), 3)]);
    }

    #[test]
    fn what_a_panic_takes_along_is_counted() {
        let ledger = Arc::new(Ledger::default());
        let held = held((), 2, &ledger);
        let stage = AssertUnwindSafe(|| {
            held.try_map(|()| -> Result<(), ()> { panic!("a stage") }, |()| Outcome::Malformed)
        });
        assert!(catch_unwind(stage).is_err());
        assert_eq!(counts(&ledger), [("lost.unnamed".to_owned(), 2)]);
    }

    #[test]
    fn a_refusal_is_counted_once_and_by_its_name() {
        let ledger = Arc::new(Ledger::default());
        let held = held((), 2, &ledger);
        assert!(held.try_map(|()| Err::<(), _>("no"), |_| Outcome::Malformed).is_err());
        assert_eq!(counts(&ledger), [("refused.malformed".to_owned(), 2)]);
    }
}
