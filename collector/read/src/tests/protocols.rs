//! One call of a tool over the Model Context Protocol, as each of its tellers has it.

use serde_json::{Value as Json, json};
use treering_step::{Kind, Status, Step};

use super::build::{A, id, merge};
use crate::{execution, span_summary, tree};

fn span(name: &str, own: u64, parent: u64, attributes: Json) -> A {
    let span = A::span(name).field("spanId", json!(id(own).to_string())).attributes(attributes);
    if parent == 0 { span } else { span.field("parentSpanId", json!(id(parent).to_string())) }
}

#[test]
fn one_call_told_by_the_agent_the_client_and_the_server_is_nested_and_counted_once() {
    let usage = json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "gen_ai.request.model": "oak"});
    let call = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "rings"});
    let client = json!({"mcp.method.name": "tools/call", "jsonrpc.request.id": "1"});
    let server = json!({"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "rings", "jsonrpc.request.id": "1", "mcp.session.id": "m-1"});
    let spans = [
        span("execute_tool rings", 1, 0, call),
        span("MCP send tools/call rings", 2, 1, client).scope("mcp-python-sdk"),
        span("tools/call rings", 3, 2, server).scope("mcp-python-sdk"),
        span("chat oak", 4, 3, usage),
    ];
    let steps = merge(spans.into_iter().map(|span| span_summary(&span.record()).unwrap()).collect());
    let kinds: Vec<_> = steps.iter().map(|step| (step.kind, step.tool.as_deref())).collect();
    let tool = (Some(Kind::Tool), Some("rings"));
    assert_eq!(kinds, [tool, tool, tool, (Some(Kind::Llm), None)]);
    assert_eq!(tree(&steps).iter().map(|placed| placed.depth).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let whole = execution(super::build::TRACE.parse().unwrap(), &steps);
    assert_eq!((whole.tokens.input, whole.session_id), (9, None), "a session of the protocol is nobody's");
}

#[test]
fn the_methods_of_the_protocol_have_their_kinds() {
    let kind = |method: &str| span(method, 1, 0, json!({"mcp.method.name": method})).step().kind;
    assert_eq!(kind("tools/call"), Kind::Tool);
    assert_eq!(kind("resources/read"), Kind::Retrieval);
    for method in
        ["initialize", "tools/list", "prompts/get", "sampling/createMessage", "notifications/progress"]
    {
        assert_eq!(kind(method), Kind::Span, "{method}");
    }
}

#[test]
fn a_call_has_its_arguments_and_its_result_by_the_conventions() {
    let step = span("tools/call rings", 1, 0, json!({
        "mcp.method.name": "tools/call", "gen_ai.tool.name": "rings", "gen_ai.tool.call.arguments": "{\"tree\":\"oak\"}",
        "gen_ai.tool.call.result": "{\"content\":[{\"type\":\"text\",\"text\":\"87\"}]}",
    }))
    .step();
    let tool = step.tool.unwrap();
    assert_eq!(tool.arguments, json!({"tree": "oak"}));
    assert_eq!(tool.result, json!({"content": [{"type": "text", "text": "87"}]}));
}

#[test]
fn a_tool_that_answers_with_an_error_failed() {
    let step =
        span("tools/call rings", 1, 0, json!({"mcp.method.name": "tools/call", "error.type": "tool_error"}))
            .step();
    assert_eq!((step.status, step.error.unwrap().kind.as_deref()), (Status::Error, Some("tool_error")));
}

fn openllmetry(name: &str, attributes: Json) -> Step {
    span(name, 1, 0, attributes).scope("opentelemetry.instrumentation.mcp").step()
}

#[test]
fn openllmetry_wraps_what_a_call_was_given_and_what_it_answered() {
    let client = openllmetry(
        "rings.tool",
        json!({
            "traceloop.span.kind": "tool", "traceloop.entity.name": "rings",
            "traceloop.entity.input": "{\"tool_name\": \"rings\", \"arguments\": {\"tree\": \"oak\"}}",
            "traceloop.entity.output": "{\"result\": \"87\"}",
        }),
    );
    let tool = client.tool.unwrap();
    assert_eq!(
        (tool.name.as_deref(), tool.arguments, tool.result),
        (Some("rings"), json!({"tree": "oak"}), json!("87"))
    );
    assert_eq!((client.input, client.output), (None, None));
    let server = openllmetry(
        "rings.tool",
        json!({
            "traceloop.span.kind": "tool", "traceloop.entity.name": "rings",
            "traceloop.entity.output": "[{\"type\": \"text\", \"content\": \"87\"}]",
        }),
    );
    assert_eq!(server.tool.unwrap().result, json!("87"));
    let session = openllmetry(
        "mcp.client.session",
        json!({
            "traceloop.span.kind": "session", "traceloop.entity.name": "mcp.client.session",
        }),
    );
    assert_eq!((session.kind, session.tool), (Kind::Span, None));
    let written = openllmetry(
        "ResponseStreamWriter",
        json!({
            "mcp.response.value": "{\"content\": [{\"type\": \"text\", \"text\": \"87\"}], \"isError\": false}",
        }),
    );
    assert_eq!(serde_json::to_value(written.output).unwrap(), json!({"value": "87"}));
}
