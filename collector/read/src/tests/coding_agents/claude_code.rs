//! Claude Code, with traces and logs, with logs alone, and without its root.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};
use treering_redact::Record;

use super::super::build::{A, TRACE, id, logged, merge, step};
use super::{at, drawn, head, joined, with};
use crate::{execution, span_summary};

/// What every record of Claude Code carries.
fn claude(own: Json) -> Json {
    let common = json!({
        "user.id": "device-1", "session.id": "s-1", "organization.id": "org-1", "user.email": "ada@example.com",
        "user.account_uuid": "account-1", "terminal.type": "vscode",
    });
    with(common, own)
}

fn span(name: &str, own: u64, parent: u64, times: (u64, u64), attributes: Json) -> A {
    let word = name.trim_start_matches("claude_code.");
    let span = A::span(name)
        .scope("com.anthropic.claude_code.tracing")
        .field("spanId", json!(id(own).to_string()))
        .field("startTimeUnixNano", at(times.0))
        .field("endTimeUnixNano", at(times.1))
        .attributes(claude(with(json!({"span.type": word}), attributes)));
    if parent == 0 { span } else { span.field("parentSpanId", json!(id(parent).to_string())) }
}

/// A log record of Claude Code, written while this span was open; none for 0.
fn said(event: &str, millis: u64, open: u64, attributes: Json) -> Record {
    let mut record = json!({
        "timeUnixNano": at(millis), "observedTimeUnixNano": at(millis),
        "body": {"stringValue": format!("claude_code.{event}")},
    });
    if open != 0 {
        record = with(record, json!({"traceId": TRACE, "spanId": id(open).to_string()}));
    }
    logged(
        record,
        claude(with(json!({"event.name": event, "event.sequence": millis, "prompt.id": "p-1"}), attributes)),
    )
}

fn spans_of_a_turn(root: u64) -> Vec<Record> {
    let llm = |own: u64, times: (u64, u64), attributes: Json| {
        let fixed = json!({
            "model": "claude-sonnet-4-5", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "llm_request.context": "interaction", "speed": "normal", "success": true, "attempt": 1,
        });
        span("claude_code.llm_request", own, root, times, with(fixed, attributes))
            .event("gen_ai.request.attempt", json!({"attempt": 1}))
            .record()
    };
    let tool = |own: u64, parent: u64, name: &str, times: (u64, u64), attributes: Json| {
        let fixed = json!({"tool_name": "Bash", "tool_use_id": "toolu_1", "gen_ai.tool.call.id": "toolu_1"});
        span(
            name,
            own,
            parent,
            times,
            if name.ends_with("blocked_on_user") { attributes } else { with(fixed, attributes) },
        )
    };
    vec![
        llm(2, (10, 2_010), json!({
            "input_tokens": 2, "output_tokens": 120, "cache_read_tokens": 84_562, "cache_creation_tokens": 7_096,
            "ttft_ms": 800, "duration_ms": 2_000, "request_id": "req_1", "gen_ai.response.id": "req_1",
            "stop_reason": "tool_use", "gen_ai.response.finish_reasons": ["tool_use"],
        })),
        tool(3, root, "claude_code.tool", (2_020, 3_500), json!({
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Bash", "full_command": "cargo test",
            "duration_ms": 1_480,
        }))
        .event("tool.output", json!({"bash_command": "cargo test", "output": "ok. 3 passed"}))
        .record(),
        tool(4, 3, "claude_code.tool.blocked_on_user", (2_020, 2_420), json!({
            "decision": "accept", "source": "user_temporary", "duration_ms": 400,
        }))
        .record(),
        tool(5, 3, "claude_code.tool.execution", (2_420, 3_480), json!({"success": true, "duration_ms": 1_060})).record(),
        llm(6, (3_510, 4_010), json!({
            "input_tokens": "5", "output_tokens": "40", "cache_read_tokens": "91658", "cache_creation_tokens": "0",
            "request_id": "req_2", "stop_reason": "end_turn", "response.model_output": "All tests pass.",
        })),
    ]
}

fn logs_of_a_turn(root: u64) -> Vec<Record> {
    let call = |millis: u64, attributes: Json| {
        let fixed = json!({"model": "claude-sonnet-4-5", "query_source": "repl_main_thread"});
        said("api_request", millis, root, with(fixed, attributes))
    };
    let tool = json!({"tool_name": "Bash", "tool_use_id": "toolu_1", "request_id": "req_1"});
    vec![
        said("user_prompt", 1, root, json!({"prompt": "run the tests", "prompt_length": "13"})),
        call(
            2_010,
            json!({
                "input_tokens": "2", "output_tokens": "120", "cache_read_tokens": "84562",
                "cache_creation_tokens": "7096", "cost_usd": "0.0538", "duration_ms": "2000", "request_id": "req_1",
            }),
        ),
        said(
            "tool_decision",
            2_420,
            root,
            with(tool.clone(), json!({"decision": "accept", "source": "user_temporary"})),
        ),
        said(
            "tool_result",
            3_490,
            root,
            with(
                tool,
                json!({
                    "success": "true", "duration_ms": "1060", "tool_input": "{\"command\":\"cargo test\",\"timeout\":9}",
                }),
            ),
        ),
        call(
            4_010,
            json!({
                "input_tokens": 5, "output_tokens": 40, "cache_read_tokens": 91658, "cache_creation_tokens": 0,
                "cost_usd": 0.0281, "duration_ms": 500, "request_id": "req_2",
            }),
        ),
        said(
            "assistant_response",
            4_011,
            root,
            json!({
                "model": "claude-sonnet-4-5", "request_id": "req_2", "response": "All tests pass.", "response_length": 15,
            }),
        ),
        said("hook_execution_complete", 4_020, root, json!({"hook_event": "Stop", "num_hooks": "1"})),
    ]
}

fn interaction() -> Record {
    let attributes = json!({
        "gen_ai.operation.name": "invoke_agent", "user_prompt": "run the tests", "user_prompt_length": 13,
        "interaction.sequence": 1, "interaction.duration_ms": 4_020,
    });
    span("claude_code.interaction", 1, 0, (0, 4_020), attributes).record()
}

#[test]
fn a_session_of_claude_code_with_traces_and_logs() {
    let records = [vec![interaction()], spans_of_a_turn(1), logs_of_a_turn(1)].concat();
    assert_snapshot!(drawn(&records));
    let mut other_way = records;
    other_way.reverse();
    assert_eq!(
        drawn(&other_way),
        drawn(&[logs_of_a_turn(1), spans_of_a_turn(1), vec![interaction()]].concat())
    );
}

#[test]
fn a_session_of_claude_code_with_logs_alone() {
    let mut records = logs_of_a_turn(0);
    let none = json!(null);
    let opened = json!({"prompt.id": none, "event.sequence": 0, "managed_settings.trigger": "startup"});
    records.push(said("managed_settings_resolved", 0, 0, opened));
    records.push(said("plugin_loaded", 0, 0, json!({"prompt.id": none, "plugin.name": "rust"})));
    records.push(said("mcp_server_connection", 5_000, 0, json!({"prompt.id": none, "success": "false"})));
    records.push(said(
        "user_prompt",
        9_000,
        0,
        json!({"prompt": "<REDACTED>", "prompt_text": "<REDACTED>", "prompt_length": "7"}),
    ));
    records.push(said("api_error", 10_000, 0, json!({
        "model": "claude-sonnet-4-5", "error": "Overloaded", "status_code": 529, "duration_ms": 900, "attempt": 11,
        "request_id": "req_3",
    })));
    records.push(said(
        "tool_result",
        10_100,
        0,
        json!({
            "tool_name": "Read", "tool_use_id": "toolu_2", "success": "false", "duration_ms": "3",
            "error_type": "Error:ENOENT", "error": "no such file", "tool_input": "{\"file_path\":\"/a\"}",
        }),
    ));
    assert_snapshot!(drawn(&records));
}

#[test]
fn a_session_of_claude_code_without_its_root() {
    let mut records = spans_of_a_turn(0);
    records.push(
        span("claude_code.llm_request", 7, 0, (5_000, 5_400), json!({
            "model": "claude-sonnet-4-5", "success": false, "error": "Overloaded", "error_class": "overloaded_error",
            "status_code": 529,
        }))
        .record(),
    );
    records.push(
        span(
            "claude_code.tool.execution",
            8,
            9,
            (5_500, 5_600),
            json!({"success": "false", "error": "ShellError"}),
        )
        .record(),
    );
    records.push(
        span("claude_code.hook", 10, 0, (6_000, 6_100), json!({"hook_event": "Stop", "num_success": 1}))
            .record(),
    );
    assert_snapshot!(drawn(&records));
}

#[test]
fn a_call_of_claude_code_that_names_no_request_is_shown_twice_and_counted_once() {
    let call = json!({"model": "qwen", "input_tokens": 7, "output_tokens": 3, "success": true});
    let records = [
        interaction(),
        span("claude_code.llm_request", 2, 1, (10, 510), call.clone()).record(),
        said("api_request", 500, 1, with(call, json!({"cost_usd": 0.5, "duration_ms": 480}))),
    ];
    let steps = merge(joined(&records).into_iter().map(|(told, _)| told).collect());
    let execution = execution(TRACE.parse().unwrap(), &steps);
    assert_eq!((execution.steps, execution.tokens.input, execution.cost_usd), (3, 7, Some(0.5)));
}

#[test]
fn people_are_known_by_an_id_before_an_account_and_an_account_before_an_address() {
    let user = |attributes: Json| {
        let record = span("claude_code.hook", 1, 0, (0, 1), json!({})).attributes(attributes).record();
        span_summary(&record).unwrap().user_id
    };
    let all = json!({"user.email": "a@b.example", "user.account_uuid": "u", "user.id": "i", "organization.id": "o"});
    assert_eq!(user(all).as_deref(), Some("i"));
    assert_eq!(user(json!({"user.email": "a@b.example", "user.account_uuid": "u"})).as_deref(), Some("u"));
    assert_eq!(user(json!({"user.email": "a@b.example"})).as_deref(), Some("a@b.example"));
    assert_eq!(user(json!({"organization.id": "o"})), None);
}

#[test]
fn what_claude_code_tells_in_detail_is_the_content_of_its_calls() {
    let tool = span(
        "claude_code.tool",
        1,
        0,
        (0, 5),
        json!({"tool_name": "Grep", "tool_input": "[TOOL INPUT: Grep]\n{\"pattern\":\"fn\"}",
            "new_context": "[TOOL RESULT: Grep]\nsrc/main.rs", "new_context_truncated": false}),
    )
    .step()
    .tool
    .unwrap();
    assert_eq!((tool.name.as_deref(), tool.arguments), (Some("Grep"), json!({"pattern": "fn"})));
    assert_eq!(tool.result, json!("src/main.rs"));
    let body = json!({"role": "assistant", "stop_reason": "tool_use", "content": [
        {"type": "thinking", "thinking": "<REDACTED>"},
        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}]});
    let answered = said("api_response_body", 9, 0, json!({"request_id": "req_1", "body": body.to_string()}));
    let asked = json!({"system": "be brief", "messages": [{"role": "user", "content": "list the files"}]});
    let asked = said("api_request_body", 8, 0, json!({"request_body_id": "b1", "body": asked.to_string()}));
    assert_snapshot!(drawn(&[asked, answered]));
    let cut = said(
        "api_request_body",
        8,
        0,
        json!({"body": "{\"messages\": [{\"role\"", "body_truncated": "true"}),
    );
    let cut = step(None, &[cut]).unwrap();
    assert_eq!(cut.input.as_ref().map(head).as_deref(), Some(r#""{\"messages\": [{\"role\"""#));
}

#[test]
fn a_call_of_another_session_with_the_same_id_is_another_call() {
    let tool = json!({"tool_name": "Bash", "tool_use_id": "call_1"});
    let span = span("claude_code.tool", 1, 0, (0, 5), tool.clone()).record();
    let own = said("tool_result", 4, 0, tool.clone());
    let other = said("tool_result", 4, 0, with(tool, json!({"session.id": "s-2"})));
    let offered = span_summary(&span).unwrap().joins;
    let names = |record: &Record| offered.contains(&joined(std::slice::from_ref(record))[0].0.joins[0]);
    assert!(names(&own) && !names(&other));
}
