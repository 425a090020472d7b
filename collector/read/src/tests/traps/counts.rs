//! Tokens and money, counted once and as what they are.

use serde_json::{Value as Json, json};
use treering_step::{Execution, Usage};

use super::super::build::{A, TRACE, id, merge};
use crate::{execution, span_summary};

/// An execution of one chain of spans, each the child of the one before it.
fn nested(scope: &'static str, spans: &[(&str, Json)]) -> Execution {
    let summary = |(at, (name, attributes)): (usize, &(&str, Json))| {
        let own = u64::try_from(at).unwrap() + 1;
        let span = A::span(name).scope(scope).attributes(attributes.clone());
        let span = span.field("spanId", json!(id(own).to_string()));
        let span = if at == 0 { span } else { span.field("parentSpanId", json!(id(own - 1).to_string())) };
        span_summary(&span.record()).unwrap()
    };
    execution(TRACE.parse().unwrap(), &merge(spans.iter().enumerate().map(summary).collect()))
}

#[test]
fn t11_containers_repeat_what_is_below_them_and_one_count_has_many_names() {
    let used = json!({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2, "gen_ai.request.model": "oak"});
    let with = |more: Json| {
        let mut attributes = used.clone();
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attributes
    };
    let vercel = |operation: &str| json!({"ai.operationId": operation, "ai.usage.inputTokens": 10, "ai.usage.outputTokens": 2});
    let traces: [(&'static str, Vec<(&str, Json)>); 6] = [
        (
            "ai",
            vec![
                ("ai.generateText", vercel("ai.generateText")),
                ("ai.generateText.doGenerate", vercel("ai.generateText.doGenerate")),
            ],
        ),
        (
            "gcp.vertex.agent",
            vec![
                ("call_llm", with(json!({"gcp.vertex.agent.llm_request": "{}"}))),
                ("generate_content gemini", with(json!({"gen_ai.operation.name": "generate_content"}))),
            ],
        ),
        (
            "strands.telemetry.tracer",
            vec![
                (
                    "invoke_agent",
                    with(json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.prompt_tokens": 10})),
                ),
                ("execute_event_loop_cycle", json!({"gen_ai.operation.name": "execute_event_loop_cycle"})),
                ("chat", with(json!({"gen_ai.operation.name": "chat", "gen_ai.usage.prompt_tokens": 10}))),
            ],
        ),
        (
            "pydantic-ai",
            vec![
                (
                    "agent run",
                    with(
                        json!({"pydantic_ai.all_messages": "[]", "gen_ai.aggregated_usage.input_tokens": 10}),
                    ),
                ),
                ("chat oak", with(json!({"gen_ai.operation.name": "chat"}))),
            ],
        ),
        (
            "crewai",
            vec![
                ("crewai.workflow", with(json!({"traceloop.span.kind": "workflow"}))),
                ("writer.agent", with(json!({"traceloop.span.kind": "agent"}))),
                ("oak.llm", with(json!({"llm.request.type": "chat"}))),
            ],
        ),
        (
            "com.anthropic.claude_code.tracing",
            vec![
                ("claude_code.interaction", json!({"span.type": "interaction"})),
                (
                    "claude_code.llm_request",
                    json!({"span.type": "llm_request", "input_tokens": 10, "output_tokens": 2}),
                ),
            ],
        ),
    ];
    for (scope, spans) in traces {
        let counted = nested(scope, &spans).tokens;
        assert_eq!((counted.input, counted.output), (10, 2), "{scope}");
    }
}

fn tokens(attributes: Json) -> Usage {
    A::span("chat").attributes(attributes).step().tokens
}

#[test]
fn t11_two_names_of_one_count_are_not_added_and_cached_tokens_are_a_part_of_the_input() {
    let two = json!({"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.cache_write.input_tokens": 3, "gen_ai.usage.cache_creation.input_tokens": 3});
    assert_eq!(tokens(two), Usage { input: Some(7), cache_write: Some(3), ..Usage::default() });
    let cached = |input, cache_read, cache_write| Usage {
        input: Some(input),
        cache_read: Some(cache_read),
        cache_write: Some(cache_write),
        ..Usage::default()
    };
    let inside = json!({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.cache_creation.input_tokens": 5});
    assert_eq!(tokens(inside), cached(100, 80, 5));
    let beside = json!({"mlflow.spanType": "\"LLM\"", "mlflow.chat.tokenUsage":
        "{\"input_tokens\": 2, \"cache_read_input_tokens\": 80, \"cache_creation_input_tokens\": 5}"});
    assert_eq!(tokens(beside), cached(87, 80, 5));
    let claude = A::span("claude_code.llm_request")
        .attributes(json!({"input_tokens": 2, "cache_read_tokens": 84_562, "cache_creation_tokens": 7_096}));
    assert_eq!(claude.step().tokens, cached(91_660, 84_562, 7_096));
    let few =
        A::span("claude_code.llm_request").attributes(json!({"input_tokens": 90, "cache_read_tokens": 80}));
    assert_eq!(few.step().tokens.input, Some(170), "it never counts them inside, even where it could be");
}

#[test]
fn t11_every_name_of_a_class_of_tokens_is_that_class_and_a_class_by_modality_is_none() {
    let names = [
        ("gen_ai.usage.input_tokens", "input"),
        ("gen_ai.usage.prompt_tokens", "input"),
        ("llm.token_count.prompt", "input"),
        ("gen_ai.usage.output_tokens", "output"),
        ("gen_ai.usage.completion_tokens", "output"),
        ("llm.token_count.completion", "output"),
        ("gen_ai.usage.cache_read.input_tokens", "cache_read"),
        ("gen_ai.usage.cache_read_input_tokens", "cache_read"),
        ("gen_ai.usage.details.cache_read_tokens", "cache_read"),
        ("llm.token_count.prompt_details.cache_read", "cache_read"),
        ("llm.token_count.prompt_details.cache_input", "cache_read"),
        ("gen_ai.usage.cache_creation.input_tokens", "cache_write"),
        ("gen_ai.usage.cache_write.input_tokens", "cache_write"),
        ("gen_ai.usage.cache_creation_input_tokens", "cache_write"),
        ("gen_ai.usage.cache_write_input_tokens", "cache_write"),
        ("gen_ai.usage.details.cache_write_tokens", "cache_write"),
        ("llm.token_count.prompt_details.cache_write", "cache_write"),
        ("gen_ai.usage.reasoning.output_tokens", "reasoning"),
        ("gen_ai.usage.reasoning_tokens", "reasoning"),
        ("llm.usage.reasoning_tokens", "reasoning"),
        ("gen_ai.usage.details.reasoning_tokens", "reasoning"),
        ("llm.token_count.completion_details.reasoning", "reasoning"),
        ("gen_ai.usage.audio.input_tokens", ""),
        ("gen_ai.usage.text.output_tokens", ""),
        ("llm.usage.total_tokens", ""),
        ("gen_ai.usage.total_tokens", ""),
        ("gen_ai.usage.image.cache_read.input_tokens", ""),
        ("gen_ai.usage.tool_use_prompt_tokens", ""),
        ("gen_ai.aggregated_usage.input_tokens", ""),
    ];
    for (name, class) in names {
        let expected = if class.is_empty() { json!({}) } else { json!({class: 5}) };
        assert_eq!(serde_json::to_value(tokens(json!({name: 5}))).unwrap(), expected, "{name}");
    }
}

#[test]
fn t12_numbers_come_as_texts_and_doubles_and_nonsense_is_nothing() {
    let input = |value: Json| tokens(json!({"gen_ai.usage.input_tokens": value})).input;
    assert_eq!(input(json!("45")), Some(45));
    assert_eq!(input(json!(3.0)), Some(3));
    assert_eq!(input(json!("18446744073709551615")), Some(u64::MAX), "a u64 of Rust is a text");
    for nonsense in [json!(-3), json!(3.5), json!("NaN"), json!("-3"), json!(1e300), json!(true), json!([5])]
    {
        assert_eq!(input(nonsense.clone()), None, "{nonsense}");
    }
    let whole = nested(
        "x",
        &[("a", json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": u64::MAX.to_string()}))],
    );
    assert_eq!(whole.tokens.input, u64::MAX, "no sum of such can overflow");
    let cost = |value: Json| A::span("chat").attributes(json!({"operation.cost": value})).step().cost_usd;
    assert_eq!((cost(json!(0.5)), cost(json!("0.5")), cost(json!(2))), (Some(0.5), Some(0.5), Some(2.0)));
    for nonsense in [json!("NaN"), json!("inf"), json!(-1.0), json!("free")] {
        assert_eq!(cost(nonsense.clone()), None, "{nonsense}");
    }
}
