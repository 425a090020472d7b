//! What the sources of a framework say that it writes, read as a person would.

use serde_json::{Value as Json, json};
use treering_step::{Content, Kind, Message, Part, Status, Step, Usage};

use super::build::A;

fn read(name: &str, attributes: Json) -> Step {
    A::span(name).attributes(attributes).step()
}

fn said(content: Option<Content>) -> Vec<(String, Vec<Part>)> {
    match content {
        Some(Content::Messages(messages)) => {
            messages.into_iter().map(|Message { role, parts, .. }| (role, parts)).collect()
        }
        other => panic!("no messages: {other:?}"),
    }
}

fn words(role: &str, text: &str) -> Vec<(String, Vec<Part>)> {
    vec![(role.to_owned(), vec![Part::Text { content: text.to_owned() }])]
}

#[test]
fn rig_writes_its_counts_as_texts_and_parts_that_only_it_knows() {
    let step = read(
        "chat",
        json!({
            "target": "rig::completions", "busy_ns": 5, "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "oak", "gen_ai.response.model": "oak-1", "gen_ai.response.id": "r1",
            "rig.provider_request_id": "q1", "gen_ai.usage.input_tokens": "12", "gen_ai.usage.output_tokens": "5",
            "gen_ai.usage.cache_read.input_tokens": "4", "gen_ai.usage.cache_creation.input_tokens": "0",
            "gen_ai.usage.tool_use_prompt_tokens": "3", "gen_ai.usage.reasoning_tokens": "2",
            "gen_ai.system_instructions": r#"[{"type":"text","content":"be brief"}]"#,
            "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
            "gen_ai.output.messages": r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},
                {"type":"opaque","kind":"web_search_call"},{"type":"text","content":"hello"}],"finish_reason":"unknown"}]"#,
        }),
    );
    let counts = Usage {
        input: Some(12),
        output: Some(5),
        cache_read: Some(4),
        cache_write: Some(0),
        reasoning: Some(2),
    };
    assert_eq!((step.kind, step.model.as_deref(), step.tokens), (Kind::Llm, Some("oak-1"), counts));
    assert_eq!((step.reasoning.as_deref(), step.dialect.as_deref()), (Some("hm"), Some("gen_ai")));
    assert!(
        matches!(&said(step.output)[0].1[1], Part::Other { value } if value["kind"] == "web_search_call")
    );
    assert_eq!(said(step.input)[1..], words("user", "hi"));
}

#[test]
fn genai_has_spans_for_agents_tools_plans_and_workflows() {
    let kind = |name: &str, operation: &str| {
        let bridge = json!({"target": "genai::otel", "busy_ns": 5, "gen_ai.operation.name": operation});
        read(name, bridge).kind
    };
    assert_eq!(kind("execute_tool rings", "execute_tool"), Kind::Tool);
    assert_eq!(kind("create_agent greeter", "create_agent"), Kind::Agent);
    assert_eq!(kind("invoke_workflow daily", "invoke_workflow"), Kind::Workflow);
    assert_eq!(kind("plan greeter", "plan"), Kind::Plan);
    let judged = json!({"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.0,
        "gen_ai.response.id": "chatcmpl-123", "target": "genai::otel", "busy_ns": 5});
    assert_eq!(read("gen_ai.evaluation.result", judged).kind, Kind::Evaluation);
    let step = read(
        "chat oak",
        json!({
            "target": "genai::otel", "busy_ns": 5, "gen_ai.operation.name": "chat", "gen_ai.request.stream": true,
            "gen_ai.response.time_to_first_chunk": 0.4, "gen_ai.response.finish_reasons": "[\"stop\"]",
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.reasoning.output_tokens": 3,
            "gen_ai.output.messages": r#"[{"role":"assistant","parts":[{"type":"text","content":"hello"}]}]"#,
        }),
    );
    assert_eq!((step.tokens.input, step.tokens.reasoning), (Some(10), Some(3)));
    let Some(Content::Messages(messages)) = step.output else { panic!() };
    assert_eq!(messages[0].finish_reason.as_deref(), Some("stop"));
}

#[test]
fn livekit_tells_turns_and_tools_by_its_own_names_of_today_and_of_before() {
    for marked in ["lk.pii.", "lk."] {
        let own = |name: &str| format!("{marked}{name}");
        let turn = read(
            "agent_turn",
            json!({
                "lk.generation_id": "g1", "lk.agent_name": "clerk", own("user_input"): "how old?",
                own("response.text"): "87 rings", own("room_name"): "room-1",
            }),
        );
        assert_eq!(
            (turn.kind, turn.agent.as_deref(), turn.session_id.as_deref()),
            (Kind::Agent, Some("clerk"), Some("room-1"))
        );
        assert_eq!(
            (said(turn.input), said(turn.output)),
            (words("user", "how old?"), words("assistant", "87 rings"))
        );
        let tool = read(
            "function_tool",
            json!({
                "lk.function_tool.id": "c1", "lk.function_tool.name": "rings", "lk.function_tool.is_error": true,
                own("function_tool.arguments"): "{\"tree\":\"oak\"}", own("function_tool.output"): "no such tree",
            }),
        );
        assert_eq!((tool.kind, tool.status), (Kind::Tool, Status::Error));
        let call = tool.tool.unwrap();
        assert_eq!((call.name.as_deref(), call.call_id.as_deref()), (Some("rings"), Some("c1")));
        assert_eq!((call.arguments, call.result), (json!({"tree": "oak"}), json!("no such tree")));
        let node = read(
            "llm_node",
            json!({
                own("chat_ctx"): r#"{"items": [{"type": "message", "role": "user", "content": ["hi"]}]}"#,
                own("response.function_calls"): r#"[{"type": "function_call", "call_id": "c1", "name": "rings", "arguments": "{}"}]"#,
            }),
        );
        assert_eq!((node.kind, said(node.input)), (Kind::Workflow, words("user", "hi")));
        assert!(matches!(&said(node.output)[0].1[0], Part::ToolCall { name, .. } if name == "rings"));
    }
    let request = read("llm_request", json!({"lk.retry_count": 0, "gen_ai.request.model": "oak"}));
    assert_eq!((request.kind, request.model.as_deref()), (Kind::Llm, Some("oak")));
}

#[test]
fn the_workflows_of_agent_framework_are_workflows_and_their_messages_are_spans() {
    let kind = |name: &str, attributes: Json| read(name, attributes).kind;
    assert_eq!(kind("workflow.run", json!({"workflow.id": "w"})), Kind::Workflow);
    assert_eq!(
        kind("executor.process writer", json!({"executor.id": "writer", "executor.type": "Agent"})),
        Kind::Workflow
    );
    assert_eq!(kind("workflow.build", json!({"workflow.id": "w"})), Kind::Span);
    assert_eq!(
        kind("edge_group.process SingleEdgeGroup", json!({"edge_group.type": "SingleEdgeGroup"})),
        Kind::Span
    );
    assert_eq!(kind("message.send", json!({"message.source_id": "a", "message.target_id": "b"})), Kind::Span);
    let link = json!([{"traceId": super::build::TRACE, "spanId": "00000000000000aa"}]);
    let caused =
        A::span("executor.process b").attributes(json!({"executor.id": "b"})).field("links", link).step();
    assert_eq!((caused.links.len(), caused.parent_span_id), (1, None));
}

#[test]
fn coding_agents_that_speak_genai_have_a_word_or_a_price_of_their_own() {
    let gemini = |operation: &str, more: Json| {
        let mut attributes = json!({"gen_ai.operation.name": operation, "gen_ai.agent.name": "gemini-cli"});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(operation, attributes)
    };
    let call = gemini(
        "llm_call",
        json!({
            "gen_ai.request.model": "gemini-3-pro", "gen_ai.usage.input_tokens": 9,
            "gen_ai.input.messages": r#"[{"role": "user", "parts": [{"text": "how old?"}]}]"#,
            "gen_ai.output.messages": r#"[{"role": "model", "parts": [{"functionCall": {"name": "rings", "args": {}}}]}]"#,
        }),
    );
    assert_eq!((call.kind, call.tokens.input), (Kind::Llm, Some(9)));
    assert_eq!(said(call.input), words("user", "how old?"));
    assert!(matches!(&said(call.output)[0].1[0], Part::ToolCall { name, .. } if name == "rings"));
    assert_eq!(gemini("tool_call", json!({})).kind, Kind::Tool);
    assert_eq!(gemini("agent_call", json!({})).kind, Kind::Agent);
    assert_eq!(gemini("schedule_tool_calls", json!({})).kind, Kind::Span);
    let opencode = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak", "opencode.llm.cost.total": 0.25});
    assert_eq!(read("chat oak", opencode).cost_usd, Some(0.25));
    let copilot =
        json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak", "github.copilot.nano_aiu": 5});
    assert_eq!(read("chat oak", copilot).cost_usd, None, "its units are no dollars");
}

#[test]
fn a_handoff_is_a_span_and_a_guardrail_is_one() {
    let handoff = read(
        "a → b.handoff",
        json!({
            "traceloop.span.kind": "handoff", "gen_ai.operation.name": "handoff", "gen_ai.provider.name": "openai",
            "gen_ai.agent.name": "a", "gen_ai.handoff.from_agent": "a", "gen_ai.handoff.to_agent": "b",
        }),
    );
    assert_eq!((handoff.kind, handoff.agent.as_deref()), (Kind::Span, Some("a")));
    let guardrail = read(
        "topic.guardrail",
        json!({
            "gen_ai.guardrail.name": "topic", "gen_ai.guardrail.input": "how old?", "gen_ai.guardrail.output": "allowed",
        }),
    );
    assert_eq!((guardrail.kind, guardrail.output), (Kind::Guardrail, Some(Content::Value(json!("allowed")))));
}

#[test]
fn langsmith_tells_classes_of_tokens_beside_their_sums() {
    let step = read(
        "ChatOpenAI",
        json!({
            "langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.input_token_details": "{\"cache_read\": 4, \"cache_creation\": 1}",
            "gen_ai.usage.output_token_details": "{\"reasoning\": 2}",
        }),
    );
    let counts = Usage {
        input: Some(9),
        output: Some(5),
        cache_read: Some(4),
        cache_write: Some(1),
        reasoning: Some(2),
    };
    assert_eq!(step.tokens, counts);
}

#[test]
fn strands_remembers_in_events_and_runs_swarms_and_graphs() {
    let step = A::span("memory.search")
        .attributes(json!({"gen_ai.operation.name": "memory.search", "gen_ai.system": "strands-agents"}))
        .event("memory.query", json!({"content": "how old is the oak?"}))
        .event("memory.results", json!({"content": "[{\"content\": \"87\", \"store_name\": \"trees\"}]"}))
        .step();
    assert_eq!((step.kind, step.input), (Kind::Memory, Some(Content::Value(json!("how old is the oak?")))));
    assert_eq!(step.output, Some(Content::Value(json!([{"content": "87", "store_name": "trees"}]))));
    for operation in ["invoke_swarm", "invoke_graph", "invoke_node"] {
        assert_eq!(
            read(operation, json!({"gen_ai.operation.name": operation})).kind,
            Kind::Workflow,
            "{operation}"
        );
    }
}
