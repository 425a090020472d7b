//! Log records without a span, running steps, and the life of processes.

use std::time::Duration;

use serde_json::{Value as Json, json};
use treering_redact::Record;
use treering_step::{Kind, Source, Status, Summary};

use super::build::{A, SPAN, id, log, logged, merge, step};
use crate::{heartbeat, log_summary, process, span_summary, tree};

/// A log record of no span, at this second.
fn alone(event: &str, at: u64, attributes: Json) -> Record {
    logged(json!({"eventName": event, "timeUnixNano": (at * 1_000_000_000).to_string()}), attributes)
}

fn summaries(records: &[Record]) -> Vec<Summary> {
    records.iter().map(|record| log_summary(record, record.identity()).unwrap()).collect()
}

#[test]
fn a_log_record_of_no_span_is_a_step_of_its_own() {
    let record = alone("app.started", 5, json!({"port": 80}));
    let summary = log_summary(&record, record.identity()).unwrap();
    assert_eq!(summary.source, Source::Alone(record.identity()));
    assert_eq!(summary.name.as_deref(), Some("app.started"));
    assert_eq!((summary.started_at, summary.ended_at), (record.log().unwrap().at, record.log().unwrap().at));
    let step = step(None, &[record]).unwrap();
    assert_eq!((step.name.as_str(), step.kind, step.logs.len()), ("app.started", Kind::Span, 1));
    assert_eq!(step.span_id, summary.span_id);
}

#[test]
fn records_of_one_call_are_one_step_from_the_first_to_the_last() {
    let asked = alone("tool_decision", 5, json!({"call_id": "c1"}));
    let done = alone("tool_result", 9, json!({"call_id": "c1"}));
    for records in [[asked.clone(), done.clone()], [done, asked]] {
        let steps = merge(summaries(&records));
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].duration_ns(), Some(4_000_000_000));
        assert_eq!(steps[0].joins.len(), 1);
    }
}

#[test]
fn a_log_record_names_its_span_by_the_id_of_the_call_the_request_or_the_answer() {
    let span = A::span("llm").attributes(json!({
        "gen_ai.response.id": "r1", "request_id": "q1", "gen_ai.tool.call.id": "c1",
    }));
    let offered = span_summary(&span.record()).unwrap().joins;
    for attributes in
        [json!({"request_id": "q1"}), json!({"tool_use_id": "c1"}), json!({"gen_ai.response.id": "r1"})]
    {
        let wanted = summaries(&[alone("event", 1, attributes.clone())]).pop().unwrap().joins;
        assert!(wanted.len() == 1 && offered.contains(&wanted[0]), "{attributes}");
    }
    let other = summaries(&[alone("event", 1, json!({"request_id": "c1"}))]).pop().unwrap().joins;
    assert!(!offered.contains(&other[0]), "an id of another class is another id");
    let spanned = log("event", json!(null), json!({"request_id": "q1"}));
    assert!(summaries(&[spanned])[0].joins.is_empty(), "a span id says enough");
}

#[test]
fn a_log_record_that_was_joined_tells_of_its_span_and_nothing_of_its_time() {
    let span =
        A::span("llm_request").attributes(json!({"gen_ai.request.model": "oak-1", "request_id": "q1"}));
    let mut cost =
        summaries(&[alone("event", 99, json!({"request_id": "q1", "operation.cost": 0.5}))]).remove(0);
    cost.span_id = id(u64::from_str_radix(SPAN, 16).unwrap());
    let merged = merge(vec![cost, span_summary(&span.record()).unwrap()]);
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].cost_usd, merged[0].duration_ns()), (Some(0.5), Some(2000)));
}

fn running(attributes: Json) -> Record {
    log("treering.step.running", json!(null), attributes)
}

#[test]
fn a_running_step_says_what_its_span_will() {
    let record = running(json!({
        "treering.step.name": "search", "treering.step.parent_id": "00f067aa0ba902b8",
        "treering.step.started_at": 1000, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": "{\"query\":\"trees\"}",
    }));
    let step = step(None, std::slice::from_ref(&record)).unwrap();
    assert_eq!((step.name.as_str(), step.kind, step.status), ("search", Kind::Tool, Status::Running));
    assert_eq!(step.parent_span_id.unwrap().to_string(), "00f067aa0ba902b8");
    assert_eq!(step.started_at.unwrap().as_nanos(), 1000);
    assert_eq!((step.ended_at, step.duration_ns), (None, None));
    assert_eq!(step.tool.unwrap().arguments, json!({"query": "trees"}));
}

#[test]
fn the_span_takes_the_place_of_its_running_step() {
    let record = running(json!({"treering.step.name": "search"}));
    let span = A::span("search").attributes(json!({"gen_ai.operation.name": "execute_tool"}));
    let span = span.field("status", json!({"code": 1})).record();
    for order in [false, true] {
        let mut partials =
            vec![span_summary(&span).unwrap(), summaries(std::slice::from_ref(&record)).remove(0)];
        if order {
            partials.reverse();
        }
        let merged = merge(partials);
        assert_eq!(merged.len(), 1);
        assert_eq!((merged[0].status, merged[0].duration_ns()), (Some(Status::Ok), Some(2000)));
    }
    assert_eq!(step(Some(&span), &[record]).unwrap().status, Status::Ok);
}

#[test]
fn a_heartbeat_names_its_process_its_interval_and_its_end() {
    let beat = |attributes: Json| {
        let mut record =
            json!({"eventName": "treering.heartbeat", "resource": {"service.instance.id": "p1"}});
        record["timeUnixNano"] = json!("1");
        logged(record, attributes)
    };
    let first = beat(json!({"treering.heartbeat.interval_ms": 2500}));
    let last = heartbeat(&beat(json!({"treering.process.ended": true}))).unwrap();
    let heartbeat = heartbeat(&first).unwrap();
    assert_eq!((heartbeat.interval, heartbeat.ended), (Duration::from_millis(2500), false));
    assert_eq!((last.process, last.ended), (heartbeat.process, true));
    assert_eq!(process(&first), Some(heartbeat.process));
    assert_eq!(crate::heartbeat(&alone("treering.heartbeat", 1, json!({}))), None, "nobody's heart");
    assert_eq!(crate::heartbeat(&running(json!({}))), None);
}

#[test]
fn a_session_of_logs_alone_is_a_tree_of_turns() {
    let at = |kind: Kind, at: u64, record: &Record| {
        let mut summary = summaries(std::slice::from_ref(record)).remove(0);
        summary.kind = Some(kind);
        summary.name = Some(format!("{at}"));
        summary
    };
    let record = |second: u64| alone("event", second, json!({}));
    let (kinds, seconds) =
        ([Kind::Agent, Kind::Workflow, Kind::Llm, Kind::Tool, Kind::Workflow, Kind::Llm], [1, 2, 3, 4, 5, 6]);
    let mut partials: Vec<Summary> =
        kinds.into_iter().zip(seconds).map(|(kind, second)| at(kind, second, &record(second))).collect();
    partials.reverse();
    let steps = merge(partials);
    let told: Vec<String> = tree(&steps)
        .into_iter()
        .map(|placed| {
            let step = &steps[placed.index];
            let seconds = step.duration_ns().unwrap() / 1_000_000_000;
            format!("{}{} {seconds}s", "  ".repeat(placed.depth as usize), step.name.as_deref().unwrap())
        })
        .collect();
    assert_eq!(told, ["1 5s", "  2 2s", "    3 0s", "    4 0s", "  5 1s", "    6 0s"]);
}
