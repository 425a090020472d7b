//! What must hold for any attributes of spans, events and log records: each record has a summary or none, in any order
//! they make the same steps, and a step says what its summary says.
//!
//! The bytes are a JSON list of records, with attributes as plain JSON:
//! `[{"id": 1, "parent": 0, "attributes": {…}, "events": [{"name": "…", "attributes": {…}}]}, {"log": 1, "body": …}]`.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};
use treering_otlp::{Export, Signal};
use treering_read::{
    Placed, Prices, execution, explain, heartbeat, log_summary, merge, process, span_summary, step, tree,
};
use treering_redact::{Record, Rules};
use treering_step::{Execution, Source, Step, Summary, TraceId};

static RULES: LazyLock<[Rules; 2]> =
    LazyLock::new(|| [Rules::parse("builtin = false").expect("the rules are good"), Rules::builtin()]);

static PRICES: LazyLock<Prices> = LazyLock::new(Prices::default);

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Any bytes, as far as they are a list of records.
pub fn read(bytes: &[u8]) {
    let Ok(Json::Array(described)) = serde_json::from_slice(bytes) else { return };
    // Redaction costs more than all that is held here: every fourth input is redacted.
    let rules = &RULES[usize::from(bytes.len().is_multiple_of(4))];
    let spans = records(rules, Signal::Traces, described.iter().filter_map(span));
    let logs = records(rules, Signal::Logs, described.iter().filter_map(log));
    holds(&spans, &logs);
}

fn holds(spans: &[Record], logs: &[Record]) {
    let partials = partials(spans, logs);
    let steps = merge(partials.clone(), &PRICES);
    merges_in_any_order(&partials, &steps);
    stands_once_in_the_tree(&steps);
    is_an_execution(&steps);
    for summary in &steps {
        says_the_same(summary, spans, logs);
    }
}

fn partials(spans: &[Record], logs: &[Record]) -> Vec<Summary> {
    let partial = |record: &Record| {
        let _ = (heartbeat(record), process(record));
        let (of_span, of_log) = (span_summary(record), log_summary(record, record.identity()));
        assert!(of_span.is_some() != of_log.is_some(), "a record is a span or a log record");
        of_span.or(of_log).expect("and has a summary")
    };
    let all: Vec<_> = spans.iter().chain(logs).map(partial).collect();
    let again: Vec<_> = spans.iter().chain(logs).map(partial).collect();
    assert_eq!(all, again, "a reading is pure");
    all.iter().for_each(|partial| is_a_cost(partial.cost_usd));
    all
}

fn is_a_cost(cost: Option<f64>) {
    assert!(cost.is_none_or(|cost| cost.is_finite() && cost >= 0.0), "{cost:?} dollars are no cost");
}

fn merges_in_any_order(partials: &[Summary], steps: &[Summary]) {
    let mut turned = partials.to_vec();
    turned.reverse();
    assert_eq!(merge(turned.clone(), &PRICES), steps);
    turned.rotate_left(partials.len() / 3);
    assert_eq!(merge(turned, &PRICES), steps);
    assert!(steps.is_sorted_by(|one, next| one.span_id < next.span_id), "each step is there once");
    for step in steps {
        is_a_cost(step.cost_usd);
        let json = serde_json::to_vec(step).expect("a summary is JSON");
        assert_eq!(&serde_json::from_slice::<Summary>(&json).expect("and comes back"), step);
    }
}

fn stands_once_in_the_tree(steps: &[Summary]) {
    let placed = tree(steps);
    let mut path: Vec<usize> = Vec::new();
    let mut seen = vec![false; steps.len()];
    for Placed { index, depth, .. } in &placed {
        assert!(!std::mem::replace(&mut seen[*index], true), "placed twice");
        path.truncate(*depth as usize);
        assert_eq!(path.len(), *depth as usize, "nothing stands below nothing");
        if let Some(parent) = path.last() {
            assert_eq!(steps[*index].parent_span_id, Some(steps[*parent].span_id));
        }
        path.push(*index);
    }
    assert_eq!(placed.len(), steps.len());
}

fn is_an_execution(steps: &[Summary]) {
    let trace: TraceId = TRACE.parse().expect("a trace id");
    let execution = execution(trace, steps);
    assert_eq!(execution.steps, steps.len() as u64);
    is_a_cost(execution.cost_usd);
    let json = serde_json::to_vec(&execution).expect("an execution is JSON");
    assert_eq!(serde_json::from_slice::<Execution>(&json).expect("and comes back"), execution);
}

/// A step, read from its records when somebody looks, says what its summary said in the list.
fn says_the_same(summary: &Summary, spans: &[Record], logs: &[Record]) {
    let is_own = |record: &&Record| {
        let own = span_summary(record).or_else(|| log_summary(record, record.identity()));
        own.is_some_and(|own| own.span_id == summary.span_id)
    };
    let is_announcement =
        |record: &&Record| span_summary(record).is_some_and(|own| own.source != Source::Span);
    let (announcements, snapshots): (Vec<&Record>, Vec<&Record>) =
        spans.iter().filter(is_own).partition(is_announcement);
    let beside: Vec<Record> = announcements.into_iter().chain(logs.iter().filter(is_own)).cloned().collect();
    let span = latest(&snapshots);
    let step = step(span, &beside, &PRICES).expect("what has a summary is a step");
    assert_eq!(explain(span, &beside, step.kind), explain(span, &beside, step.kind), "a reading is pure");
    let said = (step.span_id, step.kind, &step.model, step.tokens, step.status, &step.agent, step.cost_usd);
    let listed = (
        summary.span_id,
        summary.kind.unwrap_or_default(),
        &summary.model,
        summary.tokens,
        summary.status.unwrap_or_default(),
        &summary.agent,
        summary.cost_usd,
    );
    assert_eq!(said, listed);
    let json = serde_json::to_vec(&step).expect("a step is JSON");
    assert_eq!(serde_json::from_slice::<Step>(&json).expect("and comes back"), step);
}

/// Of a span that came several times, the snapshot that counts.
fn latest<'a>(snapshots: &[&'a Record]) -> Option<&'a Record> {
    let told = |record: &&'a Record| span_summary(record).filter(|own| own.source == Source::Span);
    let counts = merge(snapshots.iter().filter_map(told).collect(), &PRICES);
    snapshots
        .iter()
        .copied()
        .find(|record| told(record).is_some_and(|own| merge(vec![own], &PRICES) == counts))
}

/// Through the door and the rules, as everything that is read.
fn records(rules: &Rules, signal: Signal, records: impl Iterator<Item = Json>) -> Vec<Record> {
    let records: Vec<Json> = records.collect();
    let scoped = |record: &Json| json!({"name": record["scope"]});
    let groups: Vec<Json> = match signal {
        Signal::Traces => {
            records.iter().map(|span| json!({"scope": scoped(span), "spans": [span]})).collect()
        }
        Signal::Logs => {
            records.iter().map(|log| json!({"scope": scoped(log), "logRecords": [log]})).collect()
        }
    };
    let request = match signal {
        Signal::Traces => json!({"resourceSpans": [{"scopeSpans": groups}]}),
        Signal::Logs => json!({"resourceLogs": [{"scopeLogs": groups}]}),
    };
    let export = Export::from_json(signal, request.to_string().as_bytes()).expect("the request is good");
    assert_eq!(export.rejected().count, 0, "every record is good: {request}");
    rules.redact_export(export).expect("any request can be redacted").records()
}

/// Each span has an id of its own, or `id`, so that it may come twice.
fn span(described: &Json) -> Option<Json> {
    let id = described.get("id").filter(|id| !id.is_null())?;
    let events = described["events"].as_array().into_iter().flatten();
    let event = |event: &Json| json!({"name": text(&event["name"]), "timeUnixNano": number(&event["at"]), "attributes": pairs(&event["attributes"])});
    Some(json!({
        "scope": text(&described["scope"]),
        "traceId": TRACE, "spanId": span_id(id), "parentSpanId": parent(&described["parent"]),
        "name": text(&described["name"]), "startTimeUnixNano": number(&described["from"]),
        "endTimeUnixNano": number(&described["to"]), "status": {"code": number(&described["code"]) % 3,
        "message": text(&described["message"])},
        "attributes": pairs(&described["attributes"]), "events": events.map(event).collect::<Vec<_>>(),
    }))
}

fn log(described: &Json) -> Option<Json> {
    let id = described.get("log")?;
    Some(json!({
        "scope": text(&described["scope"]),
        "traceId": TRACE, "spanId": span_id(id), "eventName": text(&described["name"]),
        "timeUnixNano": number(&described["at"]), "severityNumber": number(&described["severity"]) % 25,
        "body": any(&described["body"], 0), "attributes": pairs(&described["attributes"]),
    }))
}

fn number(value: &Json) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("")
}

/// A few ids, so that records meet each other; none is 0. A log record may have none.
fn span_id(value: &Json) -> String {
    if value.is_null() {
        return String::new();
    }
    format!("{:016x}", number(value) % 8 + 1)
}

fn parent(value: &Json) -> String {
    value
        .as_u64()
        .filter(|parent| *parent > 0)
        .map_or_else(String::new, |parent| format!("{:016x}", parent % 16))
}

/// Attributes, those under `again` once more under the same keys.
fn pairs(attributes: &Json) -> Json {
    let pair = |(key, value): (&String, &Json)| json!({"key": key, "value": any(value, 0)});
    let own = attributes.as_object().into_iter().flatten();
    let again = attributes["again"].as_object().into_iter().flatten();
    own.chain(again).map(pair).collect()
}

/// What is nested deeper than the door lets in is a text.
fn any(value: &Json, depth: u8) -> Json {
    let pair = |(key, value): (&String, &Json)| json!({"key": key, "value": any(value, depth + 1)});
    match value {
        Json::Null => json!({}),
        Json::Bool(truth) => json!({"boolValue": truth}),
        Json::Number(number) if number.is_i64() => json!({"intValue": number}),
        Json::Number(number) => json!({"doubleValue": number}),
        Json::String(text) => json!({"stringValue": text}),
        deep if depth > 20 => json!({"stringValue": deep.to_string()}),
        Json::Array(items) => {
            json!({"arrayValue": {"values": items.iter().map(|item| any(item, depth + 1)).collect::<Json>()}})
        }
        Json::Object(map) => json!({"kvlistValue": {"values": map.iter().map(pair).collect::<Json>()}}),
    }
}
