//! Executions to look at.

use serde_json::{Value, json};

use super::otlp::{Span, from, log, nanos, request, span};

fn messages(messages: Value) -> Value {
    json!(messages.to_string())
}

fn model(id: u64, parent: u64, name: &str, from: f64, to: f64, tokens: [u64; 2], more: Value) -> Span {
    let mut attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
    });
    attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    span(id, parent, name, from, to).attributes(attributes)
}

fn tool(
    id: u64,
    parent: u64,
    name: &str,
    from: f64,
    to: f64,
    arguments: &Value,
    result: Option<&Value>,
) -> Span {
    let mut attributes = json!({
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": format!("call_{id}"),
        "gen_ai.tool.call.arguments": arguments.to_string(),
    });
    if let Some(result) = result {
        attributes["gen_ai.tool.call.result"] = json!(result.to_string());
    }
    span(id, parent, name, from, to).attributes(attributes)
}

/// A research agent with a sub-agent, tools of which one fails, reasoning, and an address that is redacted.
pub(crate) fn research(trace: u64) -> Value {
    let question =
        "Summarise what we know about ring widths in 1816 for ada.lovelace@acme.dev, and cite the sources.";
    let answer = "Ring widths narrow sharply in 1816–1817 across northern Europe. Two sources agree; a third \
                  could not be read.";
    request(
        trace,
        [
            span(1, 0, "research_assistant", 0.0, 8420.0).ok().attributes(json!({
                "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "research_assistant",
                "gen_ai.conversation.id": "spring-1816", "user.id": "ada",
                "gen_ai.input.messages": messages(json!([{"role": "user", "parts": [{"type": "text", "content": question}]}])),
                "gen_ai.output.messages": messages(json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}])),
            })),
            plan(question),
            tool(3, 1, "web_search", 1930.0, 4540.0, &json!({"query": "1816 tree ring width summer", "limit": 3}), Some(&hits())),
            span(4, 3, "bing.query", 1960.0, 3080.0).attributes(json!({"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "bing"})),
            span(5, 3, "rerank", 3120.0, 3500.0).attributes(json!({"openinference.span.kind": "RERANKER"})),
            tool(6, 3, "fetch_page", 3510.0, 4540.0, &json!({"url": "https://dendro.example/1816", "timeout_ms": 1000}), None)
                .failed("the page did not answer within 1000 ms")
                .event("exception", 4539.0, json!({
                    "exception.type": "TimeoutError", "exception.message": "the page did not answer within 1000 ms",
                    "exception.stacktrace": "TimeoutError: the page did not answer within 1000 ms\n   at fetch_page (tools/fetch.rs:41)\n   at web_search (tools/search.rs:88)\n   at research_assistant (main.rs:23)",
                })),
            span(7, 1, "summariser", 4580.0, 7520.0).ok().attributes(json!({
                "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "summariser",
            })),
            model(8, 7, "read", 4600.0, 5310.0, [2800, 80], json!({"gen_ai.request.model": "claude-haiku-4-5"})),
            write(question, answer),
            model(10, 1, "answer", 7560.0, 8410.0, [800, 108], json!({})),
        ],
    )
}

fn plan(question: &str) -> Span {
    let thought = "The user wants ring widths for one year. Search first, then let the summariser read.";
    model(
        2,
        1,
        "plan",
        30.0,
        1930.0,
        [1000, 204],
        json!({
            "gen_ai.input.messages": messages(json!([{"role": "user", "parts": [{"type": "text", "content": question}]}])),
            "gen_ai.output.messages": messages(json!([{"role": "assistant", "parts": [
                {"type": "reasoning", "content": thought},
                {"type": "tool_call", "id": "call_3", "name": "web_search", "arguments": {"query": "1816 tree ring width summer", "limit": 3}},
            ], "finish_reason": "tool_call"}])),
        }),
    )
}

fn hits() -> Value {
    json!([
        {"title": "The year without a summer", "score": 0.91, "url": "https://example.org/1816"},
        {"title": "Ring widths of northern pines, 1750–1850", "score": 0.87, "url": "https://example.org/pines"},
        {"title": "Tambora and the oaks of Ireland", "score": 0.62, "url": "https://example.org/oaks"},
    ])
}

fn write(question: &str, answer: &str) -> Span {
    let instructions =
        "You write short summaries for people who know trees. Cite each source by its number. ".repeat(14);
    model(
        9,
        7,
        "write",
        5340.0,
        7520.0,
        [812, 410],
        json!({
            "gen_ai.usage.cache_read.input_tokens": 640, "gen_ai.usage.reasoning.output_tokens": 96,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.system_instructions": messages(json!([{"type": "text", "content": instructions}])),
            "gen_ai.input.messages": messages(json!([
                {"role": "user", "parts": [{"type": "text", "content": question}]},
                {"role": "assistant", "parts": [{"type": "tool_call", "id": "call_3", "name": "web_search", "arguments": {"query": "1816 tree ring width summer", "limit": 3}}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_3", "response": hits()}]},
            ])),
            "gen_ai.output.messages": messages(json!([{"role": "assistant", "parts": [
                {"type": "reasoning", "content": "Two of the three sources agree. The third page timed out, so I should say that it is missing rather than guess."},
                {"type": "text", "content": answer},
            ], "finish_reason": "stop"}])),
        }),
    )
}

/// A short run: a question, one model call.
pub(crate) fn short(trace: u64, name: &str, later_ms: f64, took_ms: f64, fails: bool) -> Value {
    let root = span(1, 0, name, later_ms, later_ms + took_ms).attributes(json!({
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name,
    }));
    let call = model(
        2,
        1,
        "chat claude-haiku-4-5",
        later_ms + 5.0,
        later_ms + took_ms - 5.0,
        [900, 98],
        json!({"gen_ai.request.model": "claude-haiku-4-5"}),
    );
    let root = if fails { root.failed("the model refused") } else { root.ok() };
    request(trace, [root, if fails { call.failed("overloaded") } else { call }])
}

/// The same hostile text in every place that a span has.
pub(crate) fn hostile(trace: u64, text: &str) -> Value {
    let mut request = request(
        trace,
        [span(1, 0, text, 0.0, 1000.0)
            .failed(text)
            .attributes(json!({
                "gen_ai.operation.name": "chat", "gen_ai.request.model": text, "gen_ai.provider.name": text,
                "gen_ai.agent.name": text, "gen_ai.conversation.id": text, "user.id": text, "error.type": text,
                "gen_ai.tool.name": text, "gen_ai.tool.call.arguments": text, "gen_ai.tool.call.id": text,
                "gen_ai.input.messages": messages(json!([{"role": text, "name": text, "finish_reason": text, "parts": [
                    {"type": "text", "content": text}, {"type": "reasoning", "content": text},
                    {"type": "tool_call", "id": text, "name": text, "arguments": {text: text}},
                    {"type": "tool_call_response", "id": text, "response": text},
                    {"type": "uri", "modality": "image", "mime_type": text, "uri": text},
                    {"type": text, "content": text},
                ]}])),
                "treering.output": json!({text: [text, text.repeat(40)]}).to_string(),
                "nested": {text: [text]}, text: text, "url.full": text,
            }))
            .event(text, 1.0, json!({"exception.type": text, "exception.message": text, "exception.stacktrace": text}))
            .event("exception", 1.0, json!({"exception.type": text, "exception.message": text, "exception.stacktrace": text}))
            .with("links", json!([{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "attributes": [{"key": text, "value": {"stringValue": text}}]}]))],
    );
    request["resourceSpans"][0]["scopeSpans"][0]["scope"] = json!({"name": text, "version": text});
    request["resourceSpans"][0]["resource"]["attributes"] =
        json!([{"key": "service.name", "value": {"stringValue": text}}]);
    request
}

/// One model call with this prompt.
pub(crate) fn huge(trace: u64, prompt: &str) -> Value {
    let input = messages(json!([{"role": "user", "parts": [{"type": "text", "content": prompt}]}]));
    request(trace, [model(1, 0, "chat", 0.0, 10.0, [1, 1], json!({"gen_ai.input.messages": input}))])
}

/// A chain of this many steps, each the parent of the next.
pub(crate) fn chain(trace: u64, length: u64) -> Value {
    request(trace, (1..=length).map(|id| span(id, id - 1, "link", id as f64 * 0.01, 1000.0)))
}

/// A ring of steps, each the parent of the next.
pub(crate) fn ring(trace: u64, length: u64) -> Value {
    request(trace, (1..=length).map(|id| span(id, id % length + 1, "ring", id as f64 * 0.01, 1000.0)))
}

/// A root and this many children.
pub(crate) fn wide(trace: u64, children: u64) -> Value {
    let child = |id: u64| span(id + 1, 1, "child", id as f64, id as f64 + 1.0);
    request(
        trace,
        [span(1, 0, "wide", 0.0, children as f64 + 2.0)].into_iter().chain((1..=children).map(child)),
    )
}

/// A model call as an instrumentation sends it that was not told to send content, with more than anybody reads.
pub(crate) fn wordless(trace: u64) -> Value {
    let call = model(
        1,
        0,
        "chat oak-1",
        0.0,
        420.0,
        [120, 30],
        json!({
            "gen_ai.request.model": "oak-1", "llm.model_name": "oak-1", "openinference.span.kind": "LLM",
            "llm.token_count.prompt": "many", "acme.shard": 7, "acme.items.0.id": "a", "acme.items.1.id": "b",
            "http.request.method": "POST", "server.address": "127.0.0.1",
        }),
    );
    let call = call.event("acme.retry", 20.0, json!({"acme.attempt": 2}));
    let call = call.with("droppedAttributesCount", json!(3));
    from(request(trace, [call]), "opentelemetry.instrumentation.openai_v2", "2.3b0")
}

/// A run that is not over: a model call that answered, and a tool that works; and one that was interrupted.
pub(crate) fn unfinished(trace: u64) -> [Value; 2] {
    let announced = |id: u64, parent: u64, name: &str, at_ms: f64, kind: &str| {
        let attributes = json!({
            "treering.step.name": name, "treering.step.parent_id": format!("{parent:016x}"),
            "treering.step.started_at": nanos(at_ms), "treering.step.kind": kind,
        });
        log(id, "treering.step.running", at_ms + 1.0, attributes)
    };
    let cut = span(4, 1, "fetch_page", 120.0, 300.0)
        .attributes(json!({"treering.step.kind": "tool", "treering.step.end": "cancelled"}));
    let spans = [model(2, 1, "plan", 10.0, 110.0, [1000, 204], json!({})), cut];
    let logs =
        [announced(1, 0, "research_assistant", 0.0, "agent"), announced(3, 1, "web_search", 400.0, "tool")];
    [
        from(request(trace, spans), "treering-layer", ""),
        from(super::otlp::logs(trace, logs), "treering-layer", ""),
    ]
}

/// A conversation of two turns of which only log records tell.
pub(crate) fn session(trace: u64) -> Value {
    let said = |event: &str, at_s: f64, operation: &str, more: Value| {
        let mut attributes = json!({"gen_ai.operation.name": operation, "session.id": "spring-1816"});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        log(0, event, at_s * 1e3, attributes)
    };
    let call = |at_s: f64| {
        said(
            "acme.answer",
            at_s,
            "chat",
            json!({"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 1000,
                   "gen_ai.usage.output_tokens": 100}),
        )
    };
    super::otlp::logs(
        trace,
        [
            said("acme.conversation", 0.0, "invoke_agent", json!({"gen_ai.agent.name": "coder"})),
            said("acme.turn", 1.0, "invoke_workflow", json!({})),
            call(3.0),
            said(
                "acme.tool",
                4.0,
                "execute_tool",
                json!({"gen_ai.tool.name": "web_search", "call_id": "c1"}),
            ),
            said(
                "acme.tool",
                6.0,
                "execute_tool",
                json!({"gen_ai.tool.name": "web_search", "call_id": "c1"}),
            ),
            said("acme.turn", 30.0, "invoke_workflow", json!({})),
            call(35.0),
        ],
    )
}

/// Clocks as they come: absent, of 1970, of the far future, backwards, and a child outside its parent.
pub(crate) fn clocks(trace: u64) -> Value {
    let at = |span: Span, start: u64, end: u64| {
        span.with("startTimeUnixNano", json!(start.to_string()))
            .with("endTimeUnixNano", json!(end.to_string()))
    };
    let now = |ms: f64| nanos(ms).parse::<u64>().unwrap();
    request(
        trace,
        [
            span(1, 0, "root", 0.0, 1000.0).ok(),
            span(2, 1, "outside its parent", 1200.0, 1500.0).ok(),
            at(span(3, 1, "backwards", 0.0, 0.0), now(800.0), now(700.0)),
            at(span(4, 1, "of 1970", 0.0, 0.0), 1_000_000_000, 2_000_000_000),
            at(span(5, 1, "of the far future", 0.0, 0.0), u64::MAX - 1, u64::MAX),
            at(span(6, 1, "ends in the far future", 0.0, 0.0), now(600.0), u64::MAX),
            at(span(7, 1, "no clock", 0.0, 0.0), 0, 0),
        ],
    )
}

/// Its own parent, and two that are each other's.
pub(crate) fn circles(trace: u64) -> Value {
    let spans = [span(1, 1, "self", 0.0, 10.0), span(2, 3, "hen", 0.0, 10.0), span(3, 2, "egg", 1.0, 10.0)];
    request(trace, spans)
}
