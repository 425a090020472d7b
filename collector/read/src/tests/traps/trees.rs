//! Partial truth: parents, announcements, times, and spans that nobody reads.

use serde_json::{Value as Json, json};
use treering_step::{Kind, Source, Status, Summary, TraceId};

use super::super::build::{A, TRACE, id, merge, step};
use crate::{execution, span_summary, tree};

/// A span of this id below that one; none for 0.
fn span(own: u64, parent: u64, name: &str) -> A {
    let span = A::span(name).field("spanId", json!(id(own).to_string()));
    if parent == 0 { span } else { span.field("parentSpanId", json!(id(parent).to_string())) }
}

fn summary(span: A) -> Summary {
    span_summary(&span.record()).unwrap()
}

fn trace() -> TraceId {
    TRACE.parse().unwrap()
}

/// The ids and depths, in the order of the tree.
fn drawn(spans: Vec<Summary>) -> Vec<(String, u32, bool)> {
    let steps = merge(spans);
    let name = |at: usize| steps[at].name.clone().unwrap();
    tree(&steps).into_iter().map(|placed| (name(placed.index), placed.depth, placed.orphan)).collect()
}

#[test]
fn t05_children_come_first_and_parents_perhaps_never() {
    let early = vec![summary(span(3, 2, "tool")), summary(span(2, 1, "call"))];
    let is = |name: &str, depth, orphan| (name.to_owned(), depth, orphan);
    assert_eq!(drawn(early.clone()), [is("call", 0, true), is("tool", 1, false)]);
    let late = [early, vec![summary(span(1, 0, "agent"))]].concat();
    assert_eq!(drawn(late), [is("agent", 0, false), is("call", 1, false), is("tool", 2, false)]);
    let roots = vec![summary(span(1, 0, "one")), summary(span(2, 0, "two")), summary(span(3, 2, "below"))];
    assert_eq!(drawn(roots), [is("one", 0, false), is("two", 0, false), is("below", 1, false)]);
    let remote = summary(span(5, 99, "served").failed("x").field("flags", json!(0x301)));
    let other = summary(span(6, 98, "waiting"));
    let row = execution(trace(), &merge(vec![remote, other]));
    assert_eq!(
        (row.name.as_str(), row.status),
        ("served", Status::Error),
        "a remote parent is not waited for"
    );
    for circle in [vec![(1, 1)], vec![(1, 2), (2, 1)], vec![(1, 3), (2, 1), (3, 2), (4, 2)]] {
        let spans: Vec<Summary> =
            circle.iter().map(|(own, parent)| summary(span(*own, *parent, "x"))).collect();
        let drawn = drawn(spans);
        assert_eq!(drawn.len(), circle.len(), "each is drawn once");
        assert_eq!(drawn.iter().filter(|(_, depth, _)| *depth == 0).count(), 1, "{circle:?}");
    }
}

#[test]
fn t06_an_announced_span_speaks_of_the_one_that_will_come_and_gives_way_to_it() {
    let pending = span(255, 1, "work")
        .attributes(
            json!({"logfire.span_type": "pending_span", "logfire.pending_parent_id": id(7).to_string()}),
        )
        .record();
    let announced = span_summary(&pending).unwrap();
    assert_eq!((announced.span_id, announced.parent_span_id), (id(1), Some(id(7))));
    assert_eq!((announced.status, announced.ended_at), (Some(Status::Running), None));
    assert!(matches!(announced.source, Source::Log(_)));
    let real = summary(span(1, 7, "work").attributes(json!({"logfire.span_type": "span"})));
    for partials in [vec![announced.clone(), real.clone()], vec![real, announced]] {
        let merged = merge(partials);
        assert_eq!(merged.len(), 1, "it is never counted beside the span");
        assert_eq!((merged[0].status, merged[0].source), (Some(Status::Unset), Source::Span));
    }
    let known = step(None, &[pending]).unwrap();
    assert_eq!((known.status, known.span_id, known.name.as_str()), (Status::Running, id(1), "work"));
    let root = json!({"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0000000000000000"});
    assert_eq!(summary(span(255, 1, "root").attributes(root)).parent_span_id, None);
}

#[test]
fn t07_of_several_spans_of_one_id_the_last_finished_one_stays_in_any_order() {
    let at =
        |name: &str, end: u64| summary(span(1, 0, name).field("endTimeUnixNano", json!(end.to_string())));
    let (running, first, last) = (at("running", 0), at("first", 2000), at("last", 3000));
    let orders = [
        [running.clone(), first.clone(), last.clone()],
        [last.clone(), first.clone(), running.clone()],
        [first.clone(), last, running],
    ];
    for order in orders {
        let merged = merge(order.to_vec());
        assert_eq!((merged.len(), merged[0].name.as_deref()), (1, Some("last")));
    }
    let retried = merge(vec![first.clone(), first.clone(), first]);
    assert_eq!((retried.len(), retried[0].status), (1, Some(Status::Unset)));
    let (one, two) = (at("one", 2000), at("two", 2000));
    let either = merge(vec![one.clone(), two.clone()]);
    assert_eq!(either, merge(vec![two, one]), "which one stays is the same everywhere");
}

#[test]
fn t08_times_are_zero_backwards_skewed_or_only_told_as_durations() {
    let timed = |own: u64, parent: u64, start: u64, end: u64| {
        let span = span(own, parent, &own.to_string()).field("startTimeUnixNano", json!(start.to_string()));
        summary(span.field("endTimeUnixNano", json!(end.to_string())))
    };
    let backwards = timed(1, 0, 3000, 1000);
    assert_eq!(
        (backwards.started_at.unwrap().as_nanos(), backwards.ended_at.unwrap().as_nanos()),
        (3000, 1000)
    );
    assert_eq!(backwards.duration_ns(), Some(0), "a duration is never below zero");
    let unknown = timed(1, 0, 0, 0);
    assert_eq!((unknown.started_at, unknown.ended_at, unknown.status), (None, None, Some(Status::Running)));
    let spans = vec![
        timed(1, 0, 1000, 2000),
        timed(5, 1, 0, 9),
        timed(4, 1, 1500, 1600),
        timed(3, 1, 1500, 1600),
        timed(2, 1, 500, 9000),
    ];
    let names: Vec<String> = drawn(spans.clone()).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["1", "2", "3", "4", "5"], "by their beginning, then by id, unknown ones last");
    assert_eq!(
        execution(trace(), &merge(spans)).duration_ns,
        8500,
        "a child may stand outside of its parent"
    );
    let ancient = timed(1, 0, 1, u64::MAX);
    assert_eq!(ancient.duration_ns(), Some(u64::MAX - 1));
    let told = super::super::build::logged(
        json!({"timeUnixNano": "5000000000", "body": {"stringValue": "claude_code.api_request"}}),
        json!({"event.name": "api_request", "duration_ms": "2000", "model": "oak"}),
    );
    let told = crate::log_summary(&told, told.identity()).unwrap();
    assert_eq!(
        (told.started_at.unwrap().as_nanos(), told.duration_ns()),
        (3_000_000_000, Some(2_000_000_000))
    );
}

#[test]
fn t16_spans_of_other_conventions_are_steps_and_hold_the_tree_together() {
    let http = json!({"http.request.method": "POST", "url.full": "https://example.com", "server.address": "example.com"});
    let queue = json!({"messaging.system": "kafka", "messaging.operation.name": "process"});
    let database = json!({"db.system.name": "postgresql", "db.query.text": "select 1"});
    let spans: Vec<(u64, u64, &str, Json)> = vec![
        (1, 0, "invoke_agent front", json!({"gen_ai.operation.name": "invoke_agent"})),
        (2, 1, "POST", http),
        (3, 2, "orders process", queue),
        (4, 3, "SELECT", database),
        (5, 3, "chat oak", json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5})),
    ];
    let steps = merge(
        spans
            .into_iter()
            .map(|(own, parent, name, told)| summary(span(own, parent, name).attributes(told)))
            .collect(),
    );
    let kinds: Vec<Kind> = steps.iter().map(|step| step.kind.unwrap()).collect();
    assert_eq!(kinds, [Kind::Agent, Kind::Span, Kind::Span, Kind::Span, Kind::Llm]);
    assert_eq!(tree(&steps).iter().map(|placed| placed.depth).collect::<Vec<_>>(), [0, 1, 2, 3, 3]);
    let row = execution(trace(), &steps);
    assert_eq!((row.steps, row.tokens.input), (5, 5));
    let shown = A::span("SELECT").attributes(json!({"db.query.text": "select 1"})).step();
    assert_eq!(shown.attributes["db.query.text"], json!("select 1"), "what no reader knows stays visible");
}
