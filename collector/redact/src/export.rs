use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use treering_otlp::{Export, Malformed, Signal};

use crate::budget::Budget;
use crate::edits::edits;
use crate::mark::count;
use crate::{Context, Pseudonyms, Record, Rules};

/// A request of which every string went through the rules. Nothing else reaches a disk.
#[derive(Debug)]
pub struct Redacted(Export);

impl Rules {
    /// The request with every string redacted: names, keys and values at any depth, events, links, status,
    /// resource, scope and bodies. What a rule wants named is marked, for want of a key to name it with.
    pub fn redact_export(&self, export: Export) -> Result<Redacted, Malformed> {
        self.redact_export_with(export, None)
    }

    /// The same with names for values, where a rule wants them.
    pub fn redact_export_with(
        &self,
        export: Export,
        pseudonyms: Option<Pseudonyms<'_>>,
    ) -> Result<Redacted, Malformed> {
        let edits = edits(self, &export, pseudonyms, &Budget::of(export.as_bytes().len()));
        export.finished(&edits).map(Redacted)
    }

    /// A record that was redacted before, and is now by these rules as well.
    pub fn redact_record(&self, record: &Record) -> Result<Redacted, Malformed> {
        self.redact_export(Export::from_record(record.signal(), record.context(), record.body())?)
    }
}

impl Redacted {
    /// A request that the journal kept. Only delivery may call this (`.clippy.toml` sees to it): whatever the
    /// journal holds was a [`Redacted`] when it was written.
    pub fn from_journal(signal: Signal, bytes: Bytes) -> Result<Self, Malformed> {
        Export::from_protobuf(signal, bytes)?.finished(&[]).map(Self)
    }

    /// What it carries.
    pub fn signal(&self) -> Signal {
        self.0.signal()
    }

    /// The bytes, as protobuf.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes, as protobuf.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// How many marks stand in it, by their type: what was taken away, and what was marked already when it came.
    pub fn redactions(&self) -> BTreeMap<String, u64> {
        count(self.0.as_bytes())
    }

    /// How many spans or log records it holds.
    pub fn records_count(&self) -> usize {
        self.0.records_count()
    }

    /// What was refused at the door.
    pub fn rejected(&self) -> treering_otlp::Rejected {
        self.0.rejected()
    }

    /// Its records, each with the context that it came in.
    pub fn records(&self) -> Vec<Record> {
        self.records_after(0).collect()
    }

    /// The same without the first so many, one by one.
    pub fn records_after(&self, done: usize) -> impl Iterator<Item = Record> {
        let signal = self.0.signal();
        let mut last: Option<(Arc<[u8]>, Context)> = None;
        self.0.each_record().skip(done).map(move |(bytes, body)| {
            // The records of one scope stand together and share their bytes.
            let context = match last.take() {
                Some((of, context)) if Arc::ptr_eq(&of, &bytes) => context,
                _ => Context::new(bytes.clone()),
            };
            last = Some((bytes, context.clone()));
            Record::new(signal, context, self.0.share(body))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Secrets of four kinds, put together here so that scanners of repositories stay calm.
    fn secrets() -> [String; 4] {
        [
            "ada@example.com".into(),
            format!("4111 1111 {} 1111", 1111),
            format!("sk-{}-{}", "proj", "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6dE9f"),
            format!("Bearer {}", "8f14e45fceea167a5a36dedd4bea2543aabbccdd"),
        ]
    }

    fn redacted(signal: Signal, request: &serde_json::Value) -> Redacted {
        let export = Export::from_json(signal, request.to_string().as_bytes()).unwrap();
        crate::tests::BUILTIN.redact_export(export).unwrap()
    }

    #[test]
    fn nothing_planted_survives_in_any_field_of_a_span() {
        for secret in secrets() {
            let text = format!("see {secret} here");
            let inner = json!({"deep": [json!({"deeper": text}).to_string()]}).to_string();
            let attributes = json!([
                {"key": text, "value": {"stringValue": text}},
                {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": text}, {"kvlistValue": {"values": [
                    {"key": text, "value": {"stringValue": inner}}]}}]}}},
            ]);
            let request = json!({"resourceSpans": [{"resource": {"attributes": attributes}, "schemaUrl": text, "scopeSpans": [{
            "scope": {"name": text, "version": text, "attributes": attributes}, "spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": text,
                "traceState": text, "attributes": attributes, "status": {"message": text},
                "events": [{"name": text, "attributes": attributes}],
                "links": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                    "traceState": text, "attributes": attributes}],
            }]}]}]});
            let clean = redacted(Signal::Traces, &request);
            let kept = String::from_utf8_lossy(clean.as_bytes()).into_owned();
            assert!(!kept.contains(&secret), "{secret} in {kept}");
            assert_eq!(clean.records_count(), 1);
        }
    }

    /// What stands between two strings of a request are tags and lengths: bytes like any other, and part of neither.
    #[test]
    fn a_string_is_redacted_as_if_it_stood_alone_whatever_its_length_and_its_neighbours() {
        let ends = [
            format!("4111 1111 {} 1111", 1111),
            "ada@example.com".into(),
            "YWRhQGV4YW1wbGUuY29tISEh".into(),
            r"ada\u0040example.com".into(),
            "%61da%40example.com".into(),
            r"\u0061da\u0040example.com".into(),
            format!("\\u0073k-{}-{}", "proj", "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6dE9f"),
            format!("%73k-{}-{}", "proj", "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6dE9f"),
        ];
        for end in &ends {
            for fill in 0..160 {
                let fill = " a".repeat(80)[..fill].to_owned();
                let values = [format!("{end}{fill}"), format!("{fill} {end}"), end.clone()];
                let attributes =
                    values.each_ref().map(|value| json!({"key": "k", "value": {"stringValue": value}}));
                let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
                    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "n",
                    "attributes": attributes,
                }]}]}]});
                let clean = redacted(Signal::Traces, &request);
                let records = clean.records();
                let span = records[0].span().unwrap();
                let kept: Vec<_> = span.attributes.iter().filter_map(|(_, value)| value.as_text()).collect();
                let alone = values.each_ref().map(|value| crate::tests::BUILTIN.redact(value).text);
                assert_eq!(kept, alone);
            }
        }
    }

    #[test]
    fn nothing_planted_survives_in_a_log_record() {
        for secret in secrets() {
            let body =
                json!({"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": secret}}]}});
            let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
                {"body": body, "eventName": secret, "severityText": secret}]}]}]});
            let clean = redacted(Signal::Logs, &request);
            assert!(!String::from_utf8_lossy(clean.as_bytes()).contains(&secret));
        }
    }

    #[test]
    fn a_password_goes_because_of_its_key() {
        let request = json!({"resourceSpans": [{"resource": {"attributes": [
            {"key": "password", "value": {"stringValue": "correct-horse-9"}},
            {"key": "gen_ai.usage.max_tokens", "value": {"stringValue": "4096"}}]}}]});
        let kept = String::from_utf8_lossy(redacted(Signal::Traces, &request).as_bytes()).into_owned();
        assert!(!kept.contains("correct-horse-9") && kept.contains("4096"), "{kept}");
    }

    #[test]
    fn a_card_that_comes_as_a_number_goes_and_other_numbers_stay() {
        let card: i64 = format!("4111111{}", 111_111_111).parse().unwrap();
        let number = |key: &str, number: i64| json!({"key": key, "value": {"intValue": number}});
        let attributes =
            [number("card", card), number("nanos", 1_763_812_800_000_000_000), number("tokens", 12)];
        let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174", "name": "pay ada@example.com", "attributes": attributes}]}]}]});
        let records = redacted(Signal::Traces, &request).records();
        let span = records[0].span().unwrap();
        let expected =
            json!({"card": "[REDACTED:CREDIT_CARD]", "nanos": 1_763_812_800_000_000_000_i64, "tokens": 12});
        assert_eq!(serde_json::Value::Object(span.attributes.to_json()), expected);
        assert_eq!(span.name, "pay [REDACTED:EMAIL]");
    }

    #[test]
    fn secrets_in_fields_of_bytes_go_as_well() {
        use ::base64::Engine;
        let [email, ..] = secrets();
        let bytes = [&[0xff, 0xfe][..], email.as_bytes(), &[0x00]].concat();
        let value = ::base64::engine::general_purpose::STANDARD.encode(bytes);
        let request = json!({"resourceSpans": [{"resource": {"attributes": [{"key": "raw", "value": {"bytesValue": value}}]}}]});
        let clean = redacted(Signal::Traces, &request);
        assert!(!clean.as_bytes().windows(email.len()).any(|window| window == email.as_bytes()));
    }
}
