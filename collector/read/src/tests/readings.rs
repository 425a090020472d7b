//! A small step of each dialect, as a person would read it.

use insta::assert_json_snapshot;
use serde_json::{Value as Json, json};

use super::build::{A, log, step, told};

#[test]
fn a_step_of_our_own_layer() {
    let step = A::span("triage")
        .scope("treering-layer")
        .attributes(json!({
            "treering.step.kind": "guardrail", "treering.input": "{\"text\":\"refund\"}",
            "treering.output": "\"allowed\"", "treering.reasoning": "a refund harms nobody",
            "session.id": "s-1", "user.id": "u-1",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_our_own_layer_whose_function_had_arguments_too() {
    let step = A::span("ask")
        .scope("treering-layer")
        .attributes(json!({
            "gen_ai.operation.name": "chat", "treering.input": "{\"retries\":3}", "treering.output": "5",
            "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_by_the_conventions() {
    let step = A::span("chat gpt-4o-mini")
        .attributes(json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.usage.reasoning.output_tokens": 10,
            "gen_ai.system_instructions": r#"[{"type":"text","content":"be brief"}]"#,
            "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"hi"},
                {"type":"blob","modality":"image","mime_type":"image/png","content":"aGk="}]},
                {"role":"tool","parts":[{"type":"tool_call_response","id":"c1","result":{"n":1}}]}]"#,
            "gen_ai.output.messages": r#"[{"role":"assistant","finish_reason":"tool_call","parts":[
                {"type":"thinking","content":"look it up"},
                {"type":"tool_call","id":"c2","name":"search","arguments":"{\"q\":\"tree\"}"},
                {"type":"hologram","depth":3}]}]"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_whose_content_came_as_log_records() {
    let span = A::span("chat gpt-4o")
        .attributes(json!({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}))
        .record();
    let logs = [
        log("gen_ai.system.message", json!({"content": "be brief"}), json!({"gen_ai.system": "openai"})),
        log("gen_ai.user.message", json!({"content": "how old is it?"}), json!({})),
        log("", json!({"id": "c1", "content": "87 rings"}), json!({"event.name": "gen_ai.tool.message"})),
        log(
            "gen_ai.choice",
            json!({"index": 0, "finish_reason": "stop", "message": {"content": "87 years"}}),
            json!({}),
        ),
    ];
    assert_json_snapshot!(told(&step(Some(&span), &logs).unwrap()));
}

#[test]
fn a_step_of_which_only_a_log_record_came() {
    let details = log(
        "gen_ai.client.inference.operation.details",
        json!(null),
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "error.type": "timeout",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        }),
    );
    assert_json_snapshot!(told(&step(None, &[details]).unwrap()));
}

#[test]
fn a_tool_of_strands_in_span_events() {
    let step = A::span("execute_tool rings")
        .attributes(json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "rings"}))
        .event("gen_ai.tool.message", json!({"role": "tool", "content": "{\"tree\": \"oak\"}", "id": "c1"}))
        .event("gen_ai.choice", json!({"message": "[{\"text\": \"87\"}]", "id": "c1"}))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_openinference() {
    let step = A::span("ChatCompletion")
        .attributes(json!({
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.system": "openai",
            "llm.token_count.prompt": 10, "llm.token_count.completion": 5,
            "input.value": "{\"messages\": []}", "input.mime_type": "application/json",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.1.message_content.type": "text",
            "llm.input_messages.0.message.contents.1.message_content.text": "how old?",
            "llm.input_messages.10.message.role": "tool",
            "llm.input_messages.10.message.tool_call_id": "c1",
            "llm.input_messages.10.message.content": "{\"rings\": 87}",
            "llm.input_messages.2.message.role": "assistant",
            "llm.input_messages.2.message.tool_calls.0.tool_call.id": "c1",
            "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "rings",
            "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": "{}",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "87 years",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_function_of_plain_tracing_that_returned() {
    let step = A::span("lookup")
        .attributes(json!({
            "code.file.path": "src/main.rs", "target": "app", "thread.id": 1, "busy_ns": 5, "idle_ns": 7,
            "step.kind": "tool", "question": "how old?", "deep": "Some(\"x\")", "limit": "18446744073709551615",
        }))
        .event("event src/main.rs:3", json!({"level": "INFO", "return": "\"87\\nrings\""}))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_function_of_plain_tracing_that_failed() {
    let step = A::span("lookup")
        .failed("\"no such tree\"")
        .attributes(json!({"busy_ns": 5, "tree": "elm", "model": "oak", "input_tokens": "5"}))
        .event(
            "exception",
            json!({"level": "ERROR", "exception.message": "\"no such tree\"",
            "exception.stacktrace": ["not in the catalogue", "catalogue is closed"]}),
        )
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_mlflow_where_everything_is_encoded() {
    let step = A::span("Completions")
        .attributes(json!({
            "mlflow.spanType": "\"CHAT_MODEL\"", "mlflow.llm.model": "\"gpt-4o\"",
            "mlflow.spanInputs": r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#,
            "mlflow.spanOutputs": r#"{"choices": [{"finish_reason": "stop",
                "message": {"role": "assistant", "content": "hello", "reasoning_content": "be kind"}}]}"#,
            "mlflow.chat.tokenUsage":
                r#"{"input_tokens": 2, "output_tokens": 9, "cache_read_input_tokens": 90}"#,
            "mlflow.trace.user": "\"u-1\"",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_failed_generation_of_langfuse_whose_status_is_unset() {
    let step = A::span("generation")
        .attributes(json!({
            "langfuse.observation.type": "generation", "langfuse.observation.level": "ERROR",
            "langfuse.observation.status_message": "rate limited", "session.id": "s-1",
            "langfuse.observation.input": "plain words", "langfuse.observation.cost_details": "{\"total\": 0.25}",
            "langfuse.observation.usage_details":
                r#"{"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn the_flattened_messages_of_openllmetry() {
    let step = A::span("anthropic.chat")
        .attributes(json!({
            "llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": "claude-3-opus",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": r#"[{"type": "text", "text": "how old?"}]"#,
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "tool_use",
            "gen_ai.completion.0.tool_calls.0.id": "c1", "gen_ai.completion.0.tool_calls.0.name": "rings",
            "gen_ai.completion.0.tool_calls.0.arguments": "{\"tree\": \"oak\"}",
            "gen_ai.usage.prompt_tokens": 2, "gen_ai.usage.completion_tokens": 5,
            "gen_ai.usage.cache_read_input_tokens": 100,
            "traceloop.association.properties.session_id": "s-1",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_the_ai_sdk() {
    let step = A::span("ai.generateText.doGenerate")
        .scope("ai")
        .attributes(json!({
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-4o", "ai.model.provider": "openai",
            "ai.prompt.messages": r#"[{"role":"user","content":[{"type":"text","text":"hi"}]},
                {"role":"tool","content":[{"type":"tool-result","toolCallId":"c0","toolName":"t","output":"ok"}]}]"#,
            "ai.response.text": "hello", "ai.response.reasoning": "be kind", "ai.response.finishReason": "tool-calls",
            "ai.response.toolCalls": r#"[{"toolCallId":"c1","toolName":"rings","input":"{\"tree\":1}"}]"#,
            "ai.usage.promptTokens": 3, "ai.usage.completionTokens": 4, "ai.telemetry.metadata.userId": "u-1",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn the_run_of_an_agent_of_pydantic_ai() {
    let step = A::span("invoke_agent a")
        .scope("pydantic-ai")
        .attributes(json!({
            "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "model_name": "gpt-4o",
            "pydantic_ai.new_message_index": 2, "gen_ai.aggregated_usage.input_tokens": 50,
            "pydantic_ai.all_messages": r#"[
                {"role":"user","parts":[{"type":"text","content":"earlier"}]},
                {"role":"assistant","parts":[{"type":"text","content":"before"}]},
                {"role":"user","parts":[{"type":"text","content":"now"}]},
                {"role":"assistant","parts":[{"type":"text","content":"done"}]}]"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_googles_kit_in_the_shape_of_gemini() {
    let step = A::span("call_llm")
        .scope("gcp.vertex.agent")
        .attributes(json!({
            "gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash",
            "gcp.vertex.agent.session_id": "s-1",
            "gcp.vertex.agent.llm_request": r#"{"config": {"system_instruction": "be brief"},
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}"#,
            "gcp.vertex.agent.llm_response": r#"{"content": {"role": "model", "parts": [
                {"text": "hm", "thought": true}, {"functionCall": {"name": "rings", "args": {"tree": "oak"}}}]}}"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_retriever_of_langsmith_whose_operation_is_called_embeddings() {
    let step = A::span("retriever")
        .attributes(json!({
            "langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings",
            "langsmith.metadata.thread_id": "s-1", "langsmith.trace.session_id": "a project",
            "gen_ai.prompt": "{\"query\": \"how old?\"}", "gen_ai.completion": "{\"documents\": []}",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_laminar() {
    let step = A::span("openai.chat")
        .attributes(json!({
            "lmnr.span.type": "LLM", "lmnr.span.input": r#"[{"role": "user", "content": "hi"}]"#,
            "lmnr.span.output": "\"hello\"", "lmnr.association.properties.user_id": "u-1",
            "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "wrapped", "gen_ai.usage.cost": 0.5,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_turn_of_mastra_which_holds_what_its_call_was_asked() {
    let step = A::span("agent_step support-agent")
        .attributes(json!({
            "gen_ai.operation.name": "agent_step", "mastra.span.type": "model_step",
            "mastra.model_step.input": r#"[{"role": "user", "content": "where is it?"}]"#,
            "mastra.model_step.output": r#"{"text": "", "toolCalls": [
                {"toolCallId": "c1", "toolName": "search", "args": {"q": "tree"}}]}"#,
            "mastra.metadata.sessionId": "s-1", "mastra.metadata.userId": "u-1", "mastra.metadata.runId": "r-1",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_function_that_threw_under_laminar_which_leaves_the_status_as_it_was() {
    let step = A::span("refund")
        .attributes(json!({"lmnr.span.type": "TOOL", "lmnr.span.input": "{\"order\":42}"}))
        .event("exception", json!({"exception.type": "Error", "exception.message": "refused"}))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_run_of_langsmith_that_failed_and_ended_as_all_right() {
    let step = A::span("refund")
        .field("status", json!({"code": 1}))
        .attributes(json!({
            "langsmith.span.kind": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.prompt": "{\"order\":42}",
        }))
        .event("exception", json!({"exception.type": "Error", "exception.message": "Error: refused"}))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn an_answer_of_which_each_event_tells_one_message() {
    let span = A::span("chat gpt-5-mini")
        .attributes(json!({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}))
        .record();
    let told_by = |key: &str, messages: Json| {
        log("gen_ai.client.inference.operation.details", json!(null), json!({key: messages}))
    };
    let thought = json!([{"role": "assistant", "parts": [{"type": "reasoning", "text": "briefly"}]}]);
    let answer = json!([{"role": "assistant", "parts": [{"type": "text", "content": "at night"}]}]);
    let asked = json!([{"role": "user", "parts": [{"type": "text", "content": "when?"}]}]);
    let logs = [
        told_by("gen_ai.input.messages", asked),
        told_by("gen_ai.output.messages", thought),
        told_by("gen_ai.output.messages", answer.clone()),
        told_by("gen_ai.output.messages", answer),
    ];
    assert_json_snapshot!(told(&step(Some(&span), &logs).unwrap()));
}

#[test]
fn a_container_of_the_ai_sdk_as_openinference_rewrites_it() {
    let step = A::span("ai.generateText support-agent")
        .attributes(json!({
            "ai.operationId": "ai.generateText", "ai.prompt": r#"{"system": "be brief", "prompt": "where is it?"}"#,
            "ai.response.text": "in Århus", "ai.response.reasoning": "look it up",
            "openinference.span.kind": "AGENT", "input.mime_type": "application/json",
            "input.value": r#"{"system": "be brief", "prompt": "where is it?"}"#, "output.value": "in Århus",
            "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "be brief",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn an_agent_of_the_openai_agents_sdk_whose_user_stands_in_its_metadata() {
    let step = A::span("support-agent")
        .attributes(json!({
            "openinference.span.kind": "AGENT", "graph.node.id": "support-agent", "llm.system": "openai",
            "metadata": r#"{"thread_id": "s-1", "user_id": "u-1"}"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_judgement_that_comes_as_a_span() {
    let step = A::span("gen_ai.evaluation.result")
        .attributes(json!({
            "gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.8,
            "gen_ai.evaluation.score.label": "good", "gen_ai.evaluation.explanation": "about trees",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_call_of_anthropic_by_openllmetry_in_javascript_which_leaves_the_cached_tokens_out() {
    let step = A::span("chat claude-sonnet-4-5")
        .scope("@traceloop/instrumentation-anthropic")
        .attributes(json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 31,
            "gen_ai.usage.cache_read.input_tokens": 640, "gen_ai.usage.cache_creation.input_tokens": 20,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_call_of_anthropic_by_openinference_in_javascript_whose_tool_answers_as_the_user() {
    let step = A::span("Anthropic Messages")
        .attributes(json!({
            "openinference.span.kind": "LLM", "input.mime_type": "application/json",
            "input.value": r#"{"system": "be brief", "messages": [{"role": "user", "content": "where?"}]}"#,
            "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "where?",
            "llm.input_messages.1.message.role": "user", "llm.input_messages.1.message.tool_call_id": "c1",
            "llm.input_messages.1.message.content": "{\"city\": \"Århus\"}",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_genkit() {
    let step = A::span("openai/gpt-4o-mini")
        .attributes(json!({
            "genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "openai/gpt-4o-mini",
            "genkit:input": r#"{"messages": [{"role": "user", "content": [{"text": "where is it?"}]},
                {"role": "tool", "content": [{"toolResponse": {"name": "search", "ref": "c1", "output": "here"}}]}]}"#,
            "genkit:output": r#"{"finishReason": "stop", "message": {"role": "model", "content": [
                {"reasoning": "look it up"}, {"toolRequest": {"name": "search", "ref": "c2", "input": {"q": "tree"}}}]},
                "usage": {"inputTokens": 107, "outputTokens": 31, "totalTokens": 138}, "raw": {"id": "a1"}}"#,
        }))
        .step();
    assert_json_snapshot!(told(&step));
}

#[test]
fn a_model_call_of_voltagent_whose_counts_are_of_its_last_turn() {
    let step = A::span("llm:generateText")
        .attributes(json!({
            "entity.type": "agent", "entity.name": "support-agent", "span.type": "llm", "llm.model": "gpt-4o-mini",
            "llm.messages": r#"[{"role": "user", "content": "where is it?"}]"#, "llm.usage.prompt_tokens": 114,
            "conversation.id": "s-1", "user.id": "u-1",
        }))
        .step();
    assert_json_snapshot!(told(&step));
}
