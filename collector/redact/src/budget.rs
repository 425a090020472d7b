//! What the redaction of one request may cost. It is counted in bytes and findings, never in time: the same request costs
//! the same anywhere, and nobody's slow machine stores what another one would withhold.

use std::cell::Cell;

/// Bytes that are still to be looked at at the most.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

/// A text is looked at twice as a rule, and eight times at the most.
const LOOKS: usize = 5;
/// A small request costs little, whatever it holds.
const LEAST: usize = 1 << 20;
/// Findings in bytes looked at: what one costs.
const FINDING: usize = 64;

impl Budget {
    /// For a request or a text of so many bytes.
    pub(crate) fn of(bytes: usize) -> Budget {
        Budget(Cell::new(bytes.saturating_mul(LOOKS).saturating_add(LEAST)))
    }

    #[cfg(test)]
    pub(crate) fn only(bytes: usize) -> Budget {
        Budget(Cell::new(bytes))
    }

    pub(crate) fn spend(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_sub(bytes));
    }

    pub(crate) fn spend_on(&self, findings: usize) {
        self.spend(findings.saturating_mul(FINDING));
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}
