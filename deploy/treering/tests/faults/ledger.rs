//! What was acknowledged, on the client's side, and whether it is there.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value as Json;

use crate::otlp;
use crate::place::LOOKED_INTO;
use crate::random::Random;
use crate::support::Api;

/// Steps of each request; a request is an execution of its own.
pub(crate) const STEPS: u64 = 10;
/// Bytes of content in each of them, as an agent's messages have.
const CONTENT: usize = 800;
const MESSAGES: &str = "gen_ai.input.messages";

/// The spans of an execution. Their content is no other's.
pub(crate) fn spans(execution: u64) -> Vec<Span> {
    (0..STEPS).map(|at| span(execution, at)).collect()
}

fn span(execution: u64, at: u64) -> Span {
    let content = AnyValue { value: Some(Value::StringValue(content(execution, at))) };
    let attribute = KeyValue { key: MESSAGES.into(), value: Some(content), ..KeyValue::default() };
    Span { attributes: vec![attribute], ..otlp::span(execution, at) }
}

/// Words of letters, in which no rule of redaction sees a secret.
fn content(execution: u64, at: u64) -> String {
    let mut random = Random::of(execution * STEPS + at);
    let letter = |bits: u64| char::from(b'a' + u8::try_from(bits % 26).expect("it is below 26"));
    let word = |bits: u64| (0..8).map(|at| letter(bits >> (7 * at))).collect::<String>();
    (0..CONTENT / 9).map(|_| word(random.next())).collect::<Vec<_>>().join(" ")
}

/// What a client knows of what it sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// Answered with success.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// Sent, and never answered with success: it may be there or not.
    pub(crate) uncertain: BTreeSet<u64>,
    /// How often which status was answered.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Ledger {
    pub(crate) fn sent(&mut self, execution: u64) {
        self.uncertain.insert(execution);
    }

    pub(crate) fn answered(&mut self, execution: u64, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
        if status == 200 && self.uncertain.remove(&execution) {
            self.acknowledged.insert(execution);
        }
    }

    /// Nothing acknowledged is missing, and nothing is there twice, in the list and in the records themselves.
    pub(crate) async fn assert_kept(&self, api: &Api<'_>) {
        let visible = self.wait_for_all(api).await;
        self.assert_sent(&visible);
        for (execution, steps) in &visible {
            assert_eq!(*steps, STEPS, "steps of execution {execution} in the list");
        }
        for &execution in visible.keys().step_by((visible.len() / LOOKED_INTO).max(1)) {
            assert_eq!(records(api, execution).await, sent(execution), "execution {execution}");
        }
    }

    /// The steps of every visible execution, once all that was acknowledged is among them, each whole.
    pub(crate) async fn wait_for_all(&self, api: &Api<'_>) -> BTreeMap<u64, u64> {
        // However much there is to deliver: it is waited for as long as some of it still comes.
        let (mut end, mut least) = (std::time::Instant::now() + crate::support::PATIENCE, usize::MAX);
        loop {
            let visible = visible(api).await;
            let is_whole = |execution: &&u64| visible.get(execution) == Some(&STEPS);
            let missing: Vec<_> = self.acknowledged.iter().filter(|execution| !is_whole(execution)).collect();
            if missing.is_empty() {
                return visible;
            }
            if missing.len() < least {
                (end, least) = (std::time::Instant::now() + crate::support::PATIENCE, missing.len());
            }
            let (count, some) = (missing.len(), &missing[..missing.len().min(10)]);
            assert!(std::time::Instant::now() < end, "{count} acknowledged and not whole, such as {some:?}");
            // To list thousands of them again and again would keep the server from the rest.
            tokio::time::sleep(std::time::Duration::from_millis(100 + count as u64 / 10)).await;
        }
    }

    /// Nothing is there that nobody sent.
    pub(crate) fn assert_sent(&self, visible: &BTreeMap<u64, u64>) {
        let known = |execution| self.acknowledged.contains(execution) || self.uncertain.contains(execution);
        let strange: Vec<_> = visible.keys().filter(|execution| !known(execution)).collect();
        assert!(strange.is_empty(), "never sent: {strange:?}");
    }
}

/// Every execution of the list with the number of its steps.
pub(crate) async fn visible(api: &Api<'_>) -> BTreeMap<u64, u64> {
    let (mut visible, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let answer = api.get(&format!("/executions?limit=500{cursor}")).await;
        for execution in answer["executions"].as_array().unwrap_or_else(|| panic!("{answer}")) {
            let number = number(execution["trace_id"].as_str().unwrap());
            let before = visible.insert(number, execution["steps"].as_u64().unwrap());
            assert_eq!(before, None, "execution {number} stands in the list twice");
        }
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return visible,
        }
    }
}

/// The number of the execution with this trace id.
fn number(trace: &str) -> u64 {
    u64::try_from(u128::from_str_radix(trace, 16).unwrap() - 1).unwrap()
}

/// The span ids and contents of an execution, as its records have them; one that is there twice stands there twice.
pub(crate) async fn records(api: &Api<'_>, execution: u64) -> Vec<(String, String)> {
    try_records(api, execution).await.unwrap_or_default()
}

/// The same; `None` where they cannot be read, and an error says so.
pub(crate) async fn try_records(api: &Api<'_>, execution: u64) -> Option<Vec<(String, String)>> {
    let otlp = api.get(&format!("/executions/{}/otlp", otlp::trace(execution))).await;
    if otlp.get("error").is_some() {
        return None;
    }
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    let scopes = list(&otlp["resourceSpans"]).into_iter().flat_map(|one| list(&one["scopeSpans"]));
    let spans = scopes.flat_map(|scope| list(&scope["spans"]));
    let mut records: Vec<_> = spans.map(|span| (text(&span["spanId"]), messages(&span))).collect();
    records.sort();
    Some(records)
}

fn messages(span: &Json) -> String {
    let attributes = span["attributes"].as_array().cloned().unwrap_or_default();
    let own = attributes.iter().find(|attribute| attribute["key"] == MESSAGES);
    own.map(|attribute| text(&attribute["value"]["stringValue"])).unwrap_or_default()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What [`records`] should find.
pub(crate) fn sent(execution: u64) -> Vec<(String, String)> {
    let id = |at| otlp::hex(&otlp::span(execution, at).span_id);
    (0..STEPS).map(|at| (id(at), content(execution, at))).collect()
}
