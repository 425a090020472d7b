//! Records that are not what they seem.

use serde_json::{Value as Json, json};
use treering_otlp::{Export, Signal};
use treering_step::{Kind, Status};

use super::super::build::{A, SPAN, TRACE, step};
use crate::span_summary;
use crate::support::records;

#[test]
fn t14_one_bad_record_costs_nothing_but_itself() {
    let good = json!({"traceId": TRACE, "spanId": SPAN, "name": "chat", "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}, {"key": "odd", "value": null}]});
    let with = |key: &str, value: Json| {
        let mut span = good.clone();
        span[key] = value;
        span
    };
    let spans = json!([
        good,
        with("spanId", json!("00")),
        with("attributes", Json::Null),
        with("name", Json::Null),
        with("startTimeUnixNano", json!(1.5e18)),
        with("kind", json!("SPAN_KIND_CLIENT")),
        with(
            "attributes",
            json!([{"key": "gen_ai.usage.input_tokens", "value": {"doubleValue": "NaN"}},
            {"key": "", "value": {"kvlistValue": {}}}, {"key": "x", "value": {"arrayValue": {}}}])
        ),
    ]);
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let export = Export::from_json(Signal::Traces, request.to_string().as_bytes()).unwrap();
    let read: Vec<_> = records(Signal::Traces, &export).iter().filter_map(span_summary).collect();
    assert_eq!(read.len(), 6, "only the span without an id is none");
    assert!(read.iter().all(|told| told.tokens.input.is_none()), "NaN is no count");
    assert_eq!(read.iter().filter(|told| told.kind == Some(Kind::Llm)).count(), 4);
}

fn kind(attributes: Json) -> Kind {
    A::span("x").attributes(attributes).step().kind
}

#[test]
fn t15_the_word_for_a_kind_may_mean_another_one() {
    let model = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "translate",
        "gen_ai.request.model": "oak", "gen_ai.usage.input_tokens": 5});
    assert_eq!(kind(model), Kind::Tool, "a model that serves as a tool");
    let crew = json!({"gen_ai.operation.name": "invoke_agent", "traceloop.span.kind": "workflow", "crewai.crew.id": "c"});
    assert_eq!(kind(crew), Kind::Workflow, "a whole crew");
    let retriever = json!({"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"});
    assert_eq!(kind(retriever), Kind::Retrieval);
    assert_eq!(kind(json!({"mcp.method.name": "tools/list", "gen_ai.system": "openai"})), Kind::Span);
    let wait = A::span("claude_code.tool.execution").attributes(json!({"gen_ai.tool.call.id": "c1"})).step();
    assert_eq!(wait.kind, Kind::Span, "the work of a call is not another call");
}

#[test]
fn t15_a_step_fails_by_what_it_says_and_not_by_its_status_alone() {
    let failed = |span: A| {
        let step = span.step();
        (step.status, step.error.and_then(|error| error.kind.or(error.message)))
    };
    let error = |by: &str| (Status::Error, Some(by.to_owned()));
    let operation = json!({"gen_ai.operation.name": "chat", "error.type": "timeout"});
    assert_eq!(failed(A::span("chat").attributes(operation)), error("timeout"));
    let level = json!({"langfuse.observation.type": "span", "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "refused"});
    assert_eq!(failed(A::span("x").attributes(level)), error("refused"));
    let word = json!({"success": false, "error": "Overloaded", "status_code": 529});
    assert_eq!(failed(A::span("claude_code.llm_request").attributes(word)), error("529"));
    let tool = json!({"mcp.method.name": "tools/call", "error.type": "tool_error"});
    assert_eq!(failed(A::span("tools/call rings").attributes(tool)), error("tool_error"));
    let deferred = A::span("running tool")
        .scope("pydantic-ai")
        .failed("CallDeferred: ")
        .attributes(json!({"tool_arguments": "{}"}))
        .event(
            "exception",
            json!({"exception.type": "pydantic_ai.exceptions.CallDeferred", "exception.message": ""}),
        );
    assert_eq!(failed(deferred), (Status::Unset, None), "the flow of control is no failure");
    let raised = A::span("running tool")
        .scope("pydantic-ai")
        .failed("ValueError: x")
        .event("exception", json!({"exception.type": "ValueError", "exception.message": "x"}));
    assert_eq!(failed(raised), error("ValueError"));
    let handled = A::span("agent").event("exception", json!({"exception.message": "handled"})).record();
    assert_eq!(step(Some(&handled), &[]).unwrap().status, Status::Unset);
}
