//! What exporters do that a careful reader stumbles over.

use serde_json::json;
use treering_step::{Content, Kind, Source, Status, Summary, Usage};

use super::build::{A, SPAN, id, log, merge, step, told};
use crate::{log_summary, span_summary};

#[test]
fn numbers_that_came_as_texts_are_numbers_and_nonsense_is_nothing() {
    let usage =
        |value| A::span("chat").attributes(json!({"gen_ai.usage.input_tokens": value})).step().tokens.input;
    assert_eq!(usage(json!("45")), Some(45));
    assert_eq!(usage(json!(3.0)), Some(3));
    assert_eq!(usage(json!("18446744073709551615")), Some(u64::MAX));
    assert_eq!(usage(json!(-3)), None);
    assert_eq!(usage(json!(3.5)), None);
    assert_eq!(usage(json!("NaN")), None);
}

#[test]
fn a_cost_that_is_no_number_is_no_cost() {
    let cost = |value| A::span("chat").attributes(json!({"operation.cost": value})).step().cost_usd;
    assert_eq!(cost(json!(0.5)), Some(0.5));
    assert_eq!(cost(json!("NaN")), None);
    assert_eq!(cost(json!(-1.0)), None);
}

#[test]
fn what_a_dialect_of_more_authority_says_is_never_joined_with_the_same_from_another() {
    let step = A::span("chat")
        .attributes(json!({
            "openinference.span.kind": "LLM", "gen_ai.operation.name": "chat", "input.value": "by value",
            "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"by messages"}]}]"#,
            "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "flattened",
            "llm.output_messages.0.message.content": "only here",
        }))
        .event("gen_ai.user.message", json!({"content": "by event"}))
        .step();
    let told = told(&step).to_string();
    assert!(told.contains("by messages") && told.contains("only here"), "{told}");
    assert!(
        !told.contains("by value") && !told.contains("flattened") && !told.contains("by event"),
        "{told}"
    );
}

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
fn an_answer_that_looks_like_a_number_stays_a_text() {
    let step = A::span("chat")
        .attributes(json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": "123"}))
        .step();
    assert_eq!(step.tool.unwrap().result, json!("123"));
}

#[test]
fn of_a_key_that_came_twice_the_last_value_is_read() {
    let pair = |value: &str| json!({"key": "gen_ai.request.model", "value": {"stringValue": value}});
    let step = A::span("chat").field("attributes", json!([pair("first"), pair("last")])).step();
    assert_eq!(step.model.as_deref(), Some("last"));
}

#[test]
fn two_names_of_one_count_are_not_added() {
    let step = A::span("chat")
        .attributes(json!({"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.cache_write.input_tokens": 3, "gen_ai.usage.cache_creation.input_tokens": 3}))
        .step();
    assert_eq!(step.tokens, Usage { input: Some(7), cache_write: Some(3), ..Usage::default() });
}

#[test]
fn an_index_of_a_billion_allocates_nothing_for_its_predecessors() {
    let step = A::span("chat")
        .attributes(json!({"openinference.span.kind": "LLM",
            "llm.input_messages.999999999.message.role": "user",
            "llm.input_messages.999999999.message.content": "far away"}))
        .step();
    let Some(Content::Messages(messages)) = step.input else { panic!("no messages") };
    assert_eq!(messages.len(), 1);
}

#[test]
fn json_that_was_cut_off_or_nested_too_deep_stays_a_text() {
    for text in ["{\"a\": [1, 2".to_owned(), "[".repeat(5000)] {
        let step = A::span("x").attributes(json!({"traceloop.entity.input": text})).step();
        assert_eq!(step.input, Some(Content::Value(json!(text))));
    }
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
fn an_error_type_fails_a_step_whose_status_says_nothing() {
    let step =
        A::span("chat").attributes(json!({"gen_ai.operation.name": "chat", "error.type": "timeout"})).step();
    assert_eq!(step.status, Status::Error);
    assert_eq!(step.error.unwrap().kind.as_deref(), Some("timeout"));
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
fn marks_of_redaction_are_counted_in_every_string_of_a_step() {
    let span = A::span("mail [REDACTED:EMAIL]")
        .failed("card [REDACTED:CARD]")
        .attributes(json!({"a": "[REDACTED:EMAIL][REDACTED:]", "b": ["{\"x\": \"[REDACTED:EMAIL]\"}"]}))
        .event("[REDACTED:api_key]", json!({"c": "[REDACTED:not closed"}));
    let log = log("x", json!({"deep": ["[REDACTED:CARD]"]}), json!({}));
    let step = step(Some(&span.record()), &[log]).unwrap();
    let counts: Vec<_> = step.redactions.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("CARD", 2), ("EMAIL", 3), ("api_key", 1)]);
}

#[test]
fn an_announced_span_speaks_of_the_one_that_will_come_and_gives_way_to_it() {
    let pending = A::span("work")
        .field("spanId", json!("00000000000000ff"))
        .field("parentSpanId", json!("0000000000000001"))
        .attributes(
            json!({"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0000000000000007"}),
        )
        .record();
    let announced = span_summary(&pending).unwrap();
    assert_eq!((announced.span_id, announced.parent_span_id), (id(1), Some(id(7))));
    assert_eq!((announced.status, announced.ended_at), (Some(Status::Running), None));
    assert!(matches!(announced.source, Source::Log(_)));
    let real = A::span("work")
        .field("spanId", json!("0000000000000001"))
        .field("parentSpanId", json!("0000000000000007"));
    let merged = merge(vec![announced, span_summary(&real.record()).unwrap()]);
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].status, merged[0].source), (Some(Status::Unset), Source::Span));
    let known = step(None, &[pending]).unwrap();
    assert_eq!((known.status, known.span_id, known.name.as_str()), (Status::Running, id(1), "work"));
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
