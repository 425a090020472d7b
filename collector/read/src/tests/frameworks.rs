//! What frameworks and their instrumentations write that no convention foresaw, reduced from what they really
//! sent.

use serde_json::{Value as Json, json};
use treering_step::{Content, Kind, Message, Part, Status, Step};

use super::build::A;

fn text(content: &str) -> Part {
    Part::Text { content: content.to_owned() }
}

fn said(content: &Option<Content>) -> &[Message] {
    match content {
        Some(Content::Messages(messages)) => messages,
        other => panic!("no conversation: {other:?}"),
    }
}

fn value(content: &Option<Content>) -> &Json {
    match content {
        Some(Content::Value(value)) => value,
        other => panic!("no value: {other:?}"),
    }
}

fn counted(step: &Step) -> [Option<u64>; 5] {
    let tokens = step.tokens;
    [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, tokens.reasoning]
}

#[test]
fn litellm_names_operations_by_functions_and_puts_calls_beside_the_message() {
    let step = A::span("litellm_request")
        .scope("litellm")
        .attributes(json!({
            "gen_ai.operation.name": "acompletion", "llm.request.type": "acompletion", "gen_ai.system": "openai",
            "gen_ai.response.model": "gpt-4o-mini", "llm.user": "u-1",
            "gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 31, "gen_ai.cost.total_cost": 0.25,
            "metadata.usage_object": "{'completion_tokens': 31, 'prompt_tokens': 50, 'completion_tokens_details': {'reasoning_tokens': 12, 'audio_tokens': None}, 'prompt_tokens_details': {'cached_tokens': 16}}",
            "gen_ai.output.messages": r#"[{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}]"#,
            "gen_ai.completion.0.function_call.name": "rings",
            "gen_ai.completion.0.function_call.arguments": "{\"tree\": \"oak\"}",
            "gen_ai.completion.1.function_call.name": "leaves",
            "gen_ai.completion.1.function_call.arguments": "{}",
        }))
        .step();
    assert_eq!((step.kind, step.cost_usd, step.user_id.as_deref()), (Kind::Llm, Some(0.25), Some("u-1")));
    assert_eq!(counted(&step), [Some(50), Some(31), Some(16), None, Some(12)]);
    let [answer] = said(&step.output) else { panic!("one answer") };
    let call = |name: &str, arguments| Part::ToolCall { id: None, name: name.to_owned(), arguments };
    assert_eq!(answer.parts, [call("rings", json!({"tree": "oak"})), call("leaves", json!({}))]);
    assert_eq!(answer.finish_reason.as_deref(), Some("tool_calls"));
}

#[test]
fn litellm_prints_what_the_provider_knows_as_python_does() {
    let step = A::span("raw_gen_ai_request")
        .scope("litellm")
        .attributes(json!({
            "llm.openai.messages": "[{'role': 'user', 'content': \"Zoë's tree\"}]",
            "llm.openai.choices": "[{'finish_reason': 'stop', 'message': {'role': 'assistant', 'content': 'old', 'reasoning_content': 'count rings', 'tool_calls': None}}]",
            "llm.openai.usage": "{'prompt_tokens': 50}",
        }))
        .step();
    assert_eq!(step.kind, Kind::Span);
    assert_eq!(said(&step.input), [Message::new("user", vec![text("Zoë's tree")])]);
    assert_eq!(said(&step.output)[0].parts[1], text("old"));
    assert_eq!(step.reasoning.as_deref(), Some("count rings"));
    assert_eq!(counted(&step), [None; 5], "its call is counted one step above");
}

#[test]
fn litellm_knows_embeddings_by_two_names() {
    for operation in ["embedding", "aembedding"] {
        let named =
            json!({"gen_ai.operation.name": operation, "gen_ai.request.model": "m", "llm.request.type": "x"});
        assert_eq!(
            A::span("litellm_request").scope("litellm").attributes(named).step().kind,
            Kind::Embedding
        );
    }
}

#[test]
fn langsmith_keeps_the_usage_among_its_metadata_and_the_stack_in_the_message() {
    let step = A::span("ChatOpenAI")
        .failed("")
        .attributes(json!({
            "langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 31,
            "langsmith.metadata.usage_metadata": r#"{"input_tokens":50,"output_tokens":31,"total_tokens":81,
                "input_token_details":{"cache_read":16},"output_token_details":{"reasoning":12}}"#,
        }))
        .event(
            "exception",
            json!({"exception.type": "Exception", "exception.message": "ValueError('no tree')Traceback (most recent call last):\n  File"}),
        )
        .step();
    assert_eq!(counted(&step), [Some(50), Some(31), Some(16), None, Some(12)]);
    assert_eq!(step.error.unwrap().message.as_deref(), Some("ValueError('no tree')"));
}

#[test]
fn the_handler_of_langfuse_takes_the_parts_out_of_the_whole() {
    let of = |details: &str| {
        let attributes = json!({
            "langfuse.observation.type": "generation", "langfuse.observation.usage_details": details,
            "langfuse.observation.metadata.langfuse_session_id": "\"s-1\"",
        });
        A::span("ChatOpenAI").attributes(attributes).step()
    };
    let parted = of(r#"{"input":34,"output":19,"total":81,"input_cache_read":16,"output_reasoning":12}"#);
    assert_eq!(counted(&parted), [Some(50), Some(31), Some(16), None, Some(12)]);
    assert_eq!(parted.session_id.as_deref(), Some("s-1"));
    let whole = of(r#"{"input":50,"output":31,"total":81,"input_cached_tokens":16}"#);
    assert_eq!(counted(&whole), [Some(50), Some(31), Some(16), None, None]);
}

#[test]
fn the_handler_of_langfuse_puts_tools_among_the_messages() {
    let input = r#"[{"role": "user", "content": "how old?"},
        {"role": "tool", "content": {"type": "function", "function": {"name": "rings"}}}]"#;
    let step = A::span("ChatOpenAI")
        .attributes(json!({"langfuse.observation.type": "generation", "langfuse.observation.input": input}))
        .step();
    assert_eq!(said(&step.input), [Message::new("user", vec![text("how old?")])]);
}

#[test]
fn mlflow_leaves_the_metadata_of_langchain_as_they_are() {
    let step = A::span("rings")
        .attributes(json!({
            "mlflow.spanType": "\"TOOL\"", "mlflow.spanInputs": r#"{"tree": "oak"}"#, "tool_call_id": "\"c-1\"",
            "metadata": r#"{"thread_id": "s-1", "user_id": "u-1", "langgraph_step": 2}"#,
        }))
        .step();
    assert_eq!((step.session_id.as_deref(), step.user_id.as_deref()), (Some("s-1"), Some("u-1")));
    assert_eq!(step.tool.unwrap().call_id.as_deref(), Some("c-1"));
}

#[test]
fn mlflow_keeps_of_a_failed_call_what_it_was_made_with() {
    let attributes = json!({"mlflow.spanType": "\"CHAT_MODEL\"", "model": "\"gpt-4o-mini\""});
    assert_eq!(A::span("Completions").attributes(attributes).step().model.as_deref(), Some("gpt-4o-mini"));
}

#[test]
fn strands_tells_a_tool_by_attributes_and_by_events_of_which_one_is_enough() {
    let step = A::span("execute_tool rings")
        .attributes(json!({
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "rings", "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.call.arguments": r#"{"tree": "oak"}"#, "gen_ai.tool.call.result": r#"[{"text": "old"}]"#,
        }))
        .event(
            "gen_ai.client.inference.operation.details",
            json!({"gen_ai.input.messages": r#"[{"role": "tool", "parts": [{"type": "tool_call", "name": "rings", "id": "c-1", "arguments": {"tree": "oak"}}]}]"#}),
        )
        .event(
            "gen_ai.client.inference.operation.details",
            json!({"gen_ai.output.messages": r#"[{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c-1", "response": [{"text": "old"}]}]}]"#}),
        )
        .step();
    let tool = step.tool.unwrap();
    assert_eq!((tool.arguments, tool.result), (json!({"tree": "oak"}), json!("old")));
    assert_eq!((step.input, step.output), (None, None));
}

#[test]
fn strands_thinks_in_the_words_of_bedrock() {
    let messages = r#"[{"role": "assistant", "parts": [{"type": "reasoningContent", "content": {"reasoningText": {"text": "count rings"}}}, {"type": "text", "content": "old"}]}]"#;
    let step = A::span("chat")
        .attributes(json!({"gen_ai.operation.name": "chat"}))
        .event("gen_ai.client.inference.operation.details", json!({"gen_ai.output.messages": messages}))
        .step();
    assert_eq!(step.reasoning.as_deref(), Some("count rings"));
}

#[test]
fn the_first_strands_had_cycles_without_a_name_and_failures_without_a_status() {
    let cycle = A::span("Cycle 9250f9cd").attributes(json!({"event_loop.cycle_id": "9250f9cd"})).step();
    assert_eq!(cycle.kind, Kind::Workflow);
    let tool = A::span("Tool: rings")
        .field("status", json!({"code": 1}))
        .attributes(json!({"gen_ai.operation.name": "execute_tool", "tool.status": "error"}))
        .step();
    assert_eq!(tool.status, Status::Error);
    let agent = A::span("invoke_agent arborist")
        .scope("strands.telemetry.tracer")
        .attributes(json!({"gen_ai.operation.name": "invoke_agent", "system_prompt": "be brief"}))
        .event("gen_ai.user.message", json!({"content": "how old?"}))
        .step();
    let roles: Vec<_> = said(&agent.input).iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["system", "user"]);
}

#[test]
fn a_summary_of_thoughts_is_json_in_a_text_of_laminar() {
    let step = A::span("openai.response")
        .attributes(json!({
            "llm.request.type": "chat", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "old",
            "gen_ai.completion.0.reasoning": r#"[{"type":"text","text":"count rings"}]"#,
        }))
        .step();
    assert_eq!(step.reasoning.as_deref(), Some("count rings"));
}

#[test]
fn laminar_has_no_word_for_embeddings_but_their_name() {
    for (name, kind) in [("openai.embeddings", Kind::Embedding), ("openai.chat", Kind::Llm)] {
        assert_eq!(A::span(name).attributes(json!({"lmnr.span.type": "LLM"})).step().kind, kind);
    }
}

#[test]
fn a_tool_that_nobody_names_is_called_as_its_step() {
    let tool = A::span("rings").attributes(json!({"lmnr.span.type": "TOOL"})).step().tool.unwrap();
    assert_eq!(tool.name.as_deref(), Some("rings"));
}

#[test]
fn thoughts_for_which_openinference_has_no_place_are_found_in_the_raw_answer() {
    let of = |raw: &str| {
        let attributes = json!({
            "openinference.span.kind": "LLM", "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "old", "output.mime_type": "application/json",
            "output.value": raw,
        });
        A::span("generation").attributes(attributes).step().reasoning
    };
    let chat =
        r#"[{"message": {"role": "assistant", "content": "old", "reasoning_content": "count rings"}}]"#;
    assert_eq!(of(chat).as_deref(), Some("count rings"));
    assert_eq!(
        of(r#"[{"text": "old", "reasoning_content": "count rings"}]"#).as_deref(),
        Some("count rings")
    );
    assert_eq!(of("reasoning: none"), None);
}

#[test]
fn smolagents_does_not_say_that_it_writes_json_and_has_roles_of_its_own() {
    let tool = A::span("SimpleTool")
        .attributes(
            json!({"openinference.span.kind": "TOOL", "input.value": r#"{"kwargs": {"tree": "oak"}}"#}),
        )
        .step();
    assert_eq!(tool.tool.unwrap().arguments, json!({"kwargs": {"tree": "oak"}}));
    let call = A::span("generate")
        .attributes(json!({
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "tool-call", "llm.input_messages.0.message.content": "Calling tools",
            "llm.input_messages.1.message.role": "tool-response", "llm.input_messages.1.message.content": "old",
        }))
        .step();
    let roles: Vec<_> = said(&call.input).iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["assistant", "tool"]);
}

#[test]
fn documents_say_more_than_the_objects_that_python_prints() {
    let of = |output: &str| {
        let attributes = json!({
            "openinference.span.kind": "RETRIEVER", "output.value": output, "output.mime_type": "application/json",
            "retrieval.documents.0.document.content": "rings", "retrieval.documents.0.document.score": 0.5,
        });
        value(&A::span("retrieve").attributes(attributes).step().output).clone()
    };
    let found = json!([{"content": "rings", "score": 0.5}]);
    assert_eq!(of(r#"["<NodeWithScore(score=0.5)>"]"#), found);
    assert_eq!(of(r#"{"documents": ["Document(content='rings')"]}"#), found);
    let told = json!({"documents": [{"page_content": "rings", "id": "d-1"}]});
    assert_eq!(of(&told.to_string()), told);
}

#[test]
fn an_answer_whose_speaker_langchain_does_not_know_is_the_assistants() {
    let messages = r#"[{"role": "unknown", "parts": [{"type": "text", "content": "old"}]}]"#;
    let step = A::span("ChatOpenAI.chat")
        .attributes(json!({"gen_ai.operation.name": "chat", "gen_ai.output.messages": messages}))
        .step();
    assert_eq!(said(&step.output)[0].role, "assistant");
}

#[test]
fn the_first_instrumentation_of_langchain_quotes_answers() {
    let of = |scope, content: &str| {
        let attributes = json!({
            "llm.request.type": "chat", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": content,
        });
        said(&A::span("ChatOpenAI.chat").scope(scope).attributes(attributes).step().output)[0].parts.clone()
    };
    assert_eq!(of("opentelemetry.instrumentation.langchain", r#""old""#), [text("old")]);
    assert_eq!(of("opentelemetry.instrumentation.openai", r#""old""#), [text(r#""old""#)]);
}

#[test]
fn the_first_instrumentation_of_langchain_tells_the_session_in_the_input() {
    let input = r#"{"inputs": {"q": "thread_id"}, "metadata": {"thread_id": "s-1", "user_id": "u-1"}}"#;
    let attributes = json!({"traceloop.span.kind": "task", "traceloop.entity.input": input});
    let step = A::span("model.task").attributes(attributes).step();
    assert_eq!((step.session_id.as_deref(), step.user_id.as_deref()), (Some("s-1"), Some("u-1")));
}

#[test]
fn the_schema_of_a_tool_is_no_arguments_of_a_call() {
    let step = A::span("rings")
        .attributes(json!({
            "openinference.span.kind": "TOOL", "input.value": r#"{"tree": "oak"}"#, "input.mime_type": "application/json",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.arguments": r#"{"type": "object", "properties": {"tree": {"type": "string"}}}"#,
        }))
        .step();
    assert_eq!((step.tool.unwrap().arguments, step.input), (json!({"tree": "oak"}), None));
}

#[test]
fn the_first_pydantic_ai_kept_its_events_in_attributes() {
    let events = r#"[{"role": "user", "content": "how old?", "event.name": "gen_ai.user.message"},
        {"index": 0, "event.name": "gen_ai.choice", "message": {"role": "assistant", "tool_calls":
            [{"id": "c-1", "type": "function", "function": {"name": "rings", "arguments": "{\"tree\": \"oak\"}"}}]}}]"#;
    let call = A::span("chat gpt-4o-mini")
        .scope("pydantic-ai")
        .attributes(json!({
            "gen_ai.operation.name": "chat", "events": events, "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.details.cached_tokens": 16,
        }))
        .step();
    assert_eq!(said(&call.input), [Message::new("user", vec![text("how old?")])]);
    assert!(matches!(&said(&call.output)[0].parts[..], [Part::ToolCall { name, .. }] if name == "rings"));
    assert_eq!(call.tokens.cache_read, Some(16));
    let run = A::span("agent run")
        .scope("pydantic-ai")
        .attributes(json!({"agent_name": "arborist", "model_name": "m", "all_messages_events": events}))
        .step();
    assert_eq!((run.kind, run.agent.as_deref()), (Kind::Agent, Some("arborist")));
}

#[test]
fn logfire_keeps_what_the_provider_counted() {
    let raw = r#"{"input_tokens": 40, "cache_read_input_tokens": 160, "cache_creation_input_tokens": 32, "output_tokens": 31}"#;
    let step = A::span("Message with 'claude'")
        .attributes(json!({"gen_ai.usage.input_tokens": 232, "gen_ai.usage.output_tokens": 31, "gen_ai.usage.raw": raw}))
        .step();
    assert_eq!(counted(&step), [Some(232), Some(31), Some(160), Some(32), None]);
}

#[test]
fn a_crew_ends_with_its_result_and_a_task_begins_with_its_description() {
    let crew = A::span("crewai.workflow")
        .attributes(json!({
            "gen_ai.operation.name": "invoke_agent", "crewai.crew.name": "arborists", "crewai.crew.result": "old",
        }))
        .step();
    assert_eq!((crew.kind, value(&crew.output)), (Kind::Agent, &json!("old")));
    let task = A::span("count.task")
        .attributes(json!({"traceloop.span.kind": "task", "crewai.task.description": "count the rings"}))
        .step();
    assert_eq!((task.kind, value(&task.input)), (Kind::Span, &json!("count the rings")));
}

#[test]
fn a_message_on_its_way_between_agents_of_autogen_is_shown() {
    let step = A::span("autogen process arborist")
        .scope("autogen SingleThreadedAgentRuntime")
        .attributes(json!({"messaging.operation": "process", "message": r#"{"content": "how old?"}"#}))
        .step();
    assert_eq!((step.kind, value(&step.input)), (Kind::Span, &json!({"content": "how old?"})));
}
