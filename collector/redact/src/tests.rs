//! What every detector's own tests say, and what holds for all of them.

use crate::Rules;
use std::sync::LazyLock;

mod places;
mod properties;
mod snapshots;

pub(crate) static BUILTIN: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// The places found are exactly these, all of this type.
#[track_caller]
pub(crate) fn found(text: &str, rule: &str, expected: &[&str]) {
    let findings = BUILTIN.redact(text).findings;
    let places: Vec<(&str, &str)> =
        findings.iter().map(|finding| (&*finding.rule, &text[finding.start..finding.end])).collect();
    let expected: Vec<(&str, &str)> = expected.iter().map(|place| (rule, *place)).collect();
    assert_eq!(places, expected, "in {text:?}");
}

/// Nothing of the text goes.
#[track_caller]
pub(crate) fn nothing(text: &str) {
    found(text, "", &[]);
}
