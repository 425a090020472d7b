use std::sync::Arc;

use crate::outcome::{Ledger, Outcome};

/// Records that we owe an outcome. Dropping them without one is counted, named and shown on the page.
#[derive(Debug)]
pub(crate) struct Held<T> {
    value: Option<T>,
    records: usize,
    ledger: Arc<Ledger>,
}

impl<T> Held<T> {
    pub(crate) fn new(value: T, records: usize, ledger: Arc<Ledger>) -> Self {
        Self { value: Some(value), records, ledger }
    }

    pub(crate) fn get(&self) -> &T {
        self.value.as_ref().expect("only `settle` and `try_map` take the value, and both end this one")
    }

    /// The outcome is known: the debt is paid.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.value = None;
        self.ledger.count(outcome, self.records);
    }

    /// The next stage. Where it refuses, its word for that is the outcome.
    pub(crate) fn try_map<U, E>(
        mut self,
        stage: impl FnOnce(T) -> Result<U, E>,
        outcome: impl FnOnce(&E) -> Outcome,
    ) -> Result<Held<U>, E> {
        let value =
            self.value.take().expect("only `settle` and `try_map` take the value, and both end this one");
        match stage(value) {
            Ok(value) => Ok(Held::new(value, self.records, self.ledger.clone())),
            Err(error) => {
                self.ledger.count(outcome(&error), self.records);
                Err(error)
            }
        }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        if self.value.is_some() {
            self.ledger.count(Outcome::Unnamed, self.records);
            tracing::error!(
                records = self.records,
                "records were dropped without an outcome; this is a defect"
            );
        }
    }
}
