//! What tests share.

use std::sync::Arc;

use treering_otlp::{Export, Signal};
use treering_redact::{Context, Record};

/// The records of a request, as if they had been redacted and stored: the one place of these tests that makes
/// a [`Record`] by hand.
#[expect(clippy::disallowed_methods, reason = "a test has no store, and nothing in it needs redaction")]
pub(crate) fn records(signal: Signal, export: &Export) -> Vec<Record> {
    let stored = |(context, body): (Arc<[u8]>, &[u8])| {
        Record::from_store(signal, Context::new(context), body.to_vec())
    };
    export.records().into_iter().map(stored).collect()
}
