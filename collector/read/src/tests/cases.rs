//! What spans and log records say of a step, case by case.

use serde_json::json;
use treering_step::{Kind, Source, Status, Summary};

use super::build::{A, SPAN, log, step};
use crate::{log_summary, span_summary};

#[test]
fn placeholders_of_exporters_are_no_content() {
    let step = A::span("chat")
        .attributes(json!({
            "gen_ai.operation.name": "chat", "input.value": "__REDACTED__", "session.id": "<REDACTED>",
            "gen_ai.output.messages": r#"[{"role":"assistant","parts":[{"type":"text","content":"<elided>"}]}]"#,
        }))
        .step();
    assert_eq!((step.input, step.output, step.session_id), (None, None, None));
}

#[test]
fn of_a_key_that_came_twice_the_last_value_is_read() {
    let pair = |value: &str| json!({"key": "gen_ai.request.model", "value": {"stringValue": value}});
    let step = A::span("chat").field("attributes", json!([pair("first"), pair("last")])).step();
    assert_eq!(step.model.as_deref(), Some("last"));
}

#[test]
fn an_error_that_was_handled_fails_no_step() {
    let span = A::span("agent").attributes(json!({"gen_ai.operation.name": "invoke_agent"}));
    let span = span.event("exception", json!({"exception.message": "handled"})).record();
    let logs = [log(
        "retry",
        json!("again"),
        json!({"exception.message": "x", "exception.type": "T", "error.type": "T"}),
    )];
    let step = step(Some(&span), &logs).unwrap();
    assert_eq!((step.status, step.error), (Status::Unset, None));
    assert_eq!((step.events.len(), step.logs.len()), (1, 1), "both stay visible");
}

#[test]
fn the_exception_record_of_an_operation_fails_its_step() {
    let span = A::span("chat").attributes(json!({"gen_ai.operation.name": "chat"})).record();
    let exception = json!({"exception.type": "Timeout", "exception.message": "too slow"});
    let step =
        step(Some(&span), &[log("gen_ai.client.operation.exception", json!(null), exception)]).unwrap();
    assert_eq!(step.status, Status::Error);
    let error = step.error.unwrap();
    assert_eq!((error.kind.as_deref(), error.message.as_deref()), (Some("Timeout"), Some("too slow")));
}

#[test]
fn a_log_record_that_says_nothing_of_its_span_merely_mentions_it() {
    let chatter = log("request handled", json!("hello"), json!({"http.route": "/"}));
    let mention = log_summary(&chatter, [1; 16]).unwrap();
    assert_eq!(mention, Summary::new(SPAN.parse().unwrap(), Source::Log([0; 16])));
    let told = log("x", json!("mail [REDACTED:EMAIL] and [REDACTED:EMAIL]"), json!({}));
    assert_eq!(log_summary(&told, [1; 16]).unwrap().redactions["EMAIL"], 2);
    assert_eq!(log_summary(&A::span("no log").record(), [1; 16]), None);
    assert_eq!(span_summary(&chatter), None);
}

#[test]
fn a_step_that_panicked_failed_and_one_that_was_cancelled_was_interrupted() {
    let end = |end: &str| A::span("x").attributes(json!({"treering.step.end": end})).step();
    assert_eq!(end("panicked").status, Status::Error);
    assert_eq!(end("panicked").error.unwrap().kind.as_deref(), Some("panic"));
    assert_eq!(end("cancelled").status, Status::Interrupted);
}

#[test]
fn a_span_without_an_end_runs() {
    assert_eq!(A::span("x").field("endTimeUnixNano", json!("0")).step().status, Status::Running);
}

#[test]
fn an_operation_that_nobody_knows_leaves_the_kind_to_others() {
    let kind = |attributes| A::span("x").attributes(attributes).step().kind;
    assert_eq!(
        kind(json!({"gen_ai.operation.name": "dream", "openinference.span.kind": "CHAIN"})),
        Kind::Workflow
    );
    assert_eq!(kind(json!({"gen_ai.operation.name": "dream", "gen_ai.request.model": "oak"})), Kind::Span);
    assert_eq!(kind(json!({"traceloop.span.kind": "handoff", "gen_ai.system": "openai"})), Kind::Span);
    assert_eq!(kind(json!({"gen_ai.tool.call.id": "c1", "gen_ai.system": "openai"})), Kind::Tool);
    assert_eq!(kind(json!({"gen_ai.request.model": "gpt-4o"})), Kind::Llm);
    assert_eq!(kind(json!({"mcp.method.name": "tools/call"})), Kind::Tool);
    assert_eq!(kind(json!({"http.route": "/"})), Kind::Span);
}

#[test]
fn the_kind_that_only_a_log_record_tells_is_the_kind_of_the_step() {
    let details = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak"});
    let details = log("gen_ai.client.inference.operation.details", json!(null), details);
    let step = step(Some(&A::span("call").record()), &[details]).unwrap();
    assert_eq!((step.kind, step.name.as_str()), (Kind::Llm, "call"));
}

#[test]
fn a_step_that_nobody_named_is_called_by_its_kind() {
    let choice = log("gen_ai.choice", json!({"message": {"content": "hello"}}), json!({}));
    assert_eq!(step(None, &[choice]).unwrap().name, "span");
}

#[test]
fn a_call_of_a_tool_that_is_told_as_messages_is_a_call_of_a_tool() {
    let messages = |part| json!([{"role": "tool", "parts": [part]}]).to_string();
    let call = json!({"type": "tool_call", "id": "c1", "name": "rings", "arguments": {"tree": "oak"}});
    let answer = json!({"type": "tool_call_response", "id": "c1", "response": "87"});
    let step = A::span("execute_tool rings")
        .attributes(json!({"gen_ai.operation.name": "execute_tool"}))
        .event("gen_ai.client.inference.operation.details", json!({"gen_ai.input.messages": messages(call)}))
        .event(
            "gen_ai.client.inference.operation.details",
            json!({"gen_ai.output.messages": messages(answer)}),
        )
        .step();
    let tool = step.tool.unwrap();
    assert_eq!((tool.arguments, tool.result), (json!({"tree": "oak"}), json!("87")));
    assert_eq!(tool.call_id.as_deref(), Some("c1"));
    assert_eq!((step.input, step.output), (None, None));
}
