//! Which attributes nobody understands, by who sent them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use treering_otlp::Signal;
use treering_read::{Explanation, explain, log_summary, span_summary};
use treering_redact::Record;
use treering_step::{Kind, SpanId, Summary, TraceId};

use super::filter::{parsed, word};
use super::reading::Exporter;
use treering_store::{Act, Action};

use crate::App;
use crate::access::{Chosen, Right};
use crate::error::Error;

/// Spans, and log records, that are looked at unless told otherwise, and at the most.
const RECORDS: u32 = 2_000;
const MOST_RECORDS: u32 = 10_000;

/// The longest key that is told apart; what begins alike beyond it is counted as one.
const LONGEST_KEY: usize = 160;
/// Different keys that are counted of one exporter, in the order of their arrival; an exporter that writes ids
/// into its keys has more than anybody reads.
const KEYS: usize = 500;
/// Exporters that are told apart.
const EXPORTERS: usize = 200;

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Newest {
    pub(crate) project: Option<String>,
    pub(crate) records: Option<String>,
}

impl Newest {
    /// What nobody understands of the newest records of a project.
    pub(crate) async fn count(&self, app: &App, chosen: &Chosen) -> Result<Unmapped, Error> {
        let within = |text: &str| parsed(text).filter(|records| (1..=MOST_RECORDS).contains(records));
        let limit = word(&self.records, within, "`records` is a number from 1 to 10000")?.unwrap_or(RECORDS);
        chosen.must(Right::Content)?;
        let act =
            Act::new(Action::PayloadRead).within(chosen.project.id).on(format!("newest {limit} records"));
        let seen = chosen.saw(app, vec![act]).await?;
        let records = chosen.sight()?.newest(limit, &seen).await?;
        // Reading thousands of records takes longer than a thread of the servers may be kept.
        let count = tokio::task::spawn_blocking(move || Unmapped::count(limit, &records));
        count.await.map_err(|_| Error::Panicked)
    }
}

/// What nobody understands of some records.
#[derive(Debug, Default)]
pub(crate) struct Unmapped {
    /// How many of each were asked for.
    pub(crate) limit: u32,
    pub(crate) spans: usize,
    pub(crate) logs: usize,
    pub(crate) exporters: BTreeMap<Exporter, Found>,
    /// Records of exporters beyond the limit.
    pub(crate) of_others: usize,
}

/// What one exporter sent.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) spans: usize,
    pub(crate) logs: usize,
    pub(crate) attributes: BTreeMap<String, Unread>,
    /// How often an attribute came whose key is beyond the limit.
    pub(crate) more: usize,
}

/// An attribute that nobody understands.
#[derive(Debug)]
pub(crate) struct Unread {
    /// In how many places it was found.
    pub(crate) count: usize,
    /// True where a dialect looks at it, and this value told it nothing.
    pub(crate) known: bool,
    pub(crate) example: Option<Example>,
}

/// A step that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Example {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

impl Unmapped {
    pub(crate) fn count(limit: u32, records: &[Record]) -> Self {
        let spans = records.iter().filter(|record| record.signal() == Signal::Traces).count();
        let mut counted = Self { limit, spans, logs: records.len() - spans, ..Self::default() };
        for record in records {
            counted.add(record);
        }
        counted
    }

    fn add(&mut self, record: &Record) {
        let exporter = Exporter::of(record);
        if self.exporters.len() >= EXPORTERS && !self.exporters.contains_key(&exporter) {
            self.of_others += 1;
            return;
        }
        let found = self.exporters.entry(exporter).or_default();
        match record.signal() {
            Signal::Traces => found.spans += 1,
            Signal::Logs => found.logs += 1,
        }
        let summary = span_summary(record).or_else(|| log_summary(record, record.identity()));
        let example = summary.as_ref().and_then(|summary| Example::of(record, summary));
        let explanation = explained(record, summary.and_then(|summary| summary.kind).unwrap_or_default());
        for (attributes, known) in [(explanation.unread, false), (explanation.unusable, true)] {
            for attribute in attributes {
                found.count(&attribute.key, known, example);
            }
        }
    }
}

fn explained(record: &Record, kind: Kind) -> Explanation {
    match record.signal() {
        Signal::Traces => explain(Some(record), &[], kind),
        Signal::Logs => explain(None, std::slice::from_ref(record), kind),
    }
}

impl Found {
    fn count(&mut self, key: &str, known: bool, example: Option<Example>) {
        let key = pattern(key);
        if self.attributes.len() >= KEYS && !self.attributes.contains_key(&key) {
            self.more += 1;
            return;
        }
        let unread = self.attributes.entry(key).or_insert(Unread { count: 0, known, example });
        unread.count += 1;
        unread.known |= known;
        unread.example = unread.example.or(example);
    }

    /// The attributes, the most frequent first.
    pub(crate) fn by_count(&self) -> Vec<(&str, &Unread)> {
        let mut attributes: Vec<_> =
            self.attributes.iter().map(|(key, found)| (key.as_str(), found)).collect();
        attributes.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
        attributes
    }
}

impl Example {
    /// The step of a span; of a log record, the one that it names.
    fn of(record: &Record, summary: &Summary) -> Option<Self> {
        let named = |log: treering_otlp::LogRecord<'_>| Some((log.trace_id?, log.span_id?));
        let (trace_id, span_id) = match record.span() {
            Some(span) => (span.trace_id?, summary.span_id),
            None => named(record.log()?)?,
        };
        Some(Self { trace_id, span_id })
    }
}

/// A key without the numbers of what it lists: `messages.0.role` and `messages.17.role` are the same thing.
fn pattern(key: &str) -> String {
    let key: String = key.chars().take(LONGEST_KEY).collect();
    let is_number = |segment: &&str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let segment = |segment| if is_number(&segment) { "N" } else { segment };
    key.split('.').map(segment).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_without_the_numbers_in_it() {
        assert_eq!(pattern("acme.items.17.of.0"), "acme.items.N.of.N");
        assert_eq!(pattern("acme..v2.x1"), "acme..v2.x1");
        assert_eq!(pattern(&"é".repeat(1000)).chars().count(), LONGEST_KEY);
    }

    #[test]
    fn keys_beyond_the_limit_are_only_counted() {
        let mut found = Found::default();
        for number in 0..KEYS + 7 {
            found.count(&format!("key-{number}"), false, None);
        }
        found.count("key-1", true, None);
        assert_eq!((found.attributes.len(), found.more), (KEYS, 7));
        let (key, first) = found.by_count()[0];
        assert_eq!((key, first.count, first.known), ("key-1", 2, true));
    }
}
