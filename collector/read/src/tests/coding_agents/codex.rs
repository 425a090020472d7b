//! Codex, with logs alone and with its spans.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};
use treering_redact::Record;
use treering_step::Summary;

use super::super::build::{A, TRACE, id, logged, merge};
use super::{at, drawn, joined, with};
use crate::execution;

/// A log record of Codex, which a bridge from `tracing` names after its place in the source.
fn codex(event: &str, millis: u64, attributes: Json) -> Record {
    let record = json!({
        "timeUnixNano": "0", "observedTimeUnixNano": at(millis), "severityText": "INFO",
        "eventName": "event otel/src/events/session_telemetry.rs:925",
    });
    let common = json!({
        "event.name": event, "conversation.id": "c-1", "app.version": "0.139.0", "auth_mode": "Chatgpt",
        "originator": "codex_exec", "user.account_id": "account-1", "user.email": "ada@example.com",
        "terminal.type": "tty", "model": "gpt-5.5", "slug": "gpt-5.5",
    });
    logged(record, with(common, attributes))
}

fn conversation() -> Vec<Record> {
    let tool = json!({"tool_name": "shell", "call_id": "call_1"});
    let completed = |millis: u64, counts: [&str; 3]| {
        codex(
            "codex.sse_event",
            millis,
            json!({
                "event.kind": "response.completed", "input_token_count": counts[0], "output_token_count": counts[1],
                "cached_token_count": 1920, "reasoning_token_count": 11, "tool_token_count": counts[2],
            }),
        )
    };
    vec![
        codex("codex.startup_phase", 1, json!({"startup.phase": "config", "duration_ms": "7"})),
        codex(
            "codex.conversation_starts",
            5,
            json!({
                "provider_name": "OpenAI", "reasoning_effort": "high", "approval_policy": "never", "mcp_servers": "a, b",
            }),
        ),
        codex("codex.user_prompt", 10, json!({"prompt_length": "13", "prompt": "run the tests"})),
        codex(
            "codex.api_request",
            700,
            json!({
                "duration_ms": "650", "http.response.status_code": 200, "attempt": "0", "endpoint": "/responses",
            }),
        ),
        codex("codex.sse_event", 710, json!({"event.kind": "response.created", "duration_ms": "10"})),
        codex(
            "codex.sse_event",
            720,
            json!({"event.kind": "response.output_text.delta", "duration_ms": "10"}),
        ),
        completed(2_000, ["9994", "35", "10029"]),
        codex(
            "codex.tool_decision",
            2_010,
            with(tool.clone(), json!({"decision": "approved", "source": "Config"})),
        ),
        codex(
            "codex.tool_result",
            3_000,
            with(
                tool,
                json!({
                    "arguments": "{\"command\":[\"cargo\",\"test\"]}", "output": "ok. 3 passed", "duration_ms": "900",
                    "success": "true", "mcp_server": "", "mcp_server_origin": "",
                }),
            ),
        ),
        codex(
            "codex.api_request",
            3_500,
            json!({
                "duration_ms": "400", "http.response.status_code": 429, "error.message": "rate limited", "attempt": "1",
            }),
        ),
        completed(4_000, ["12032", "20", "12052"]),
        codex("codex.agent_response", 4_001, json!({"response": "All tests pass.", "response_length": "15"})),
        codex("codex.user_prompt", 9_000, json!({"prompt_length": "5", "prompt": "[REDACTED]"})),
        codex(
            "codex.tool_result",
            9_100,
            json!({
                "tool_name": "apply_patch", "call_id": "call_2", "arguments": "*** Begin Patch", "output": "no such file",
                "duration_ms": "4", "success": "false",
            }),
        ),
    ]
}

#[test]
fn a_session_of_codex_with_logs_alone() {
    let records = conversation();
    let drawn_once = drawn(&records);
    assert_snapshot!(drawn_once);
    let all_said: Vec<Summary> = joined(&records).into_iter().map(|(told, _)| told).collect();
    let whole = execution(TRACE.parse().unwrap(), &merge(all_said));
    assert_eq!((whole.agent.as_deref(), whole.session_id.as_deref()), (Some("codex"), Some("c-1")));
    assert_eq!(whole.user_id.as_deref(), Some("account-1"));
    assert_eq!(drawn(&records.into_iter().rev().collect::<Vec<_>>()), drawn_once);
}

#[test]
fn a_conversation_of_codex_of_which_the_beginning_is_not_known_is_one_all_the_same() {
    let records: Vec<Record> = conversation().into_iter().skip(2).collect();
    let drawn = drawn(&records);
    assert!(drawn.starts_with("agent invoke_agent codex 9"), "{drawn}");
    assert_eq!(drawn.lines().filter(|line| !line.starts_with(' ')).count(), 1, "{drawn}");
}

#[test]
fn the_turn_of_codex_repeats_the_tokens_of_its_answers() {
    let span = |own: u64, parent: u64, name: &str, attributes: Json| {
        let bridge = json!({"busy_ns": 5, "idle_ns": 6, "target": "codex_core::tasks", "thread.id": 3});
        let span = A::span(name)
            .scope("codex_exec")
            .field("spanId", json!(id(own).to_string()))
            .attributes(with(bridge, attributes));
        if parent == 0 { span } else { span.field("parentSpanId", json!(id(parent).to_string())) }.record()
    };
    let asked = logged(
        json!({"traceId": TRACE, "spanId": id(5).to_string(), "observedTimeUnixNano": "1500"}),
        json!({"event.name": "codex.user_prompt", "prompt": "run the tests", "conversation.id": "c-1"}),
    );
    let records = [
        span(
            1,
            0,
            "session_task.turn",
            json!({
                "model": "gpt-5.5", "thread.id": "c-1", "turn.id": "t-1", "codex.turn.token_usage.input_tokens": 30,
                "codex.turn.token_usage.output_tokens": 7, "codex.turn.token_usage.cached_input_tokens": 4,
                "codex.turn.token_usage.non_cached_input_tokens": 26, "codex.turn.token_usage.total_tokens": 37,
            }),
        ),
        span(
            2,
            1,
            "handle_responses",
            json!({
                "from": "output_item_done", "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 7,
                "gen_ai.usage.cache_read.input_tokens": 4, "codex.usage.reasoning_output_tokens": 2,
                "codex.usage.total_tokens": 37,
            }),
        ),
        span(
            3,
            1,
            "shell",
            json!({"tool_name": "shell", "call_id": "call_1", "conversation.id": "c-1", "aborted": false}),
        ),
        span(4, 3, "guardian_scoring_observation", json!({"tool_name": "shell", "call_id": "call_1"})),
        span(5, 1, "codex.sampling", json!({"codex.turn.phase": "sampling"})),
        asked,
        codex(
            "codex.tool_result",
            9,
            json!({
                "tool_name": "shell", "call_id": "call_1", "arguments": "{}", "output": "done", "success": "true",
            }),
        ),
    ];
    assert_snapshot!(drawn(&records));
    let all_said: Vec<Summary> = joined(&records).into_iter().map(|(told, _)| told).collect();
    let whole = execution(TRACE.parse().unwrap(), &merge(all_said));
    assert_eq!((whole.tokens.input, whole.tokens.reasoning, whole.steps), (30, 2, 6));
    assert_eq!(whole.session_id.as_deref(), Some("c-1"));
}
