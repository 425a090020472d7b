//! What Rust crates for agents write by themselves, read as they write it: the very names, targets and levels of rig 0.46,
//! genai 0.7, swiftide 0.33 and langchain-rust 7.0.

use serde_json::json;
use tracing::field::Empty;
use tracing::{debug, debug_span, info_span};
use treering_step::{Kind, Status};

use super::follow::steps_of;

const MESSAGES: &str = r#"[{"role":"user","parts":[{"type":"text","content":"how old is the larch?"}]}]"#;

#[test]
fn rig() {
    let steps = steps_of(|| {
        let agent = info_span!(
            target: "rig::agent_chat", "invoke_agent",
            gen_ai.operation.name = "invoke_agent", gen_ai.agent.name = "gardener",
            gen_ai.system_instructions = "Count first.", gen_ai.prompt = "how old is the larch?",
            gen_ai.completion = Empty, gen_ai.usage.input_tokens = Empty, gen_ai.usage.output_tokens = Empty,
        );
        let _agent = agent.clone().entered();
        let chat = info_span!(
            target: "rig::completions", "chat",
            gen_ai.operation.name = "chat", gen_ai.provider.name = "openai", gen_ai.request.model = "gpt-4o",
            gen_ai.response.id = Empty, gen_ai.response.model = Empty, gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty, gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.reasoning_tokens = Empty, gen_ai.usage.tool_use_prompt_tokens = Empty,
            gen_ai.input.messages = MESSAGES, gen_ai.output.messages = Empty, rig.provider_request_id = Empty,
        );
        chat.record("gen_ai.usage.input_tokens", 12_u64).record("gen_ai.usage.output_tokens", 3_u64);
        chat.record("gen_ai.usage.reasoning_tokens", 2_u64)
            .record("gen_ai.usage.tool_use_prompt_tokens", 1_u64);
        chat.record("gen_ai.response.model", "gpt-4o-2024").record("rig.provider_request_id", "req_1");
        drop(chat);
        let tool = info_span!(
            target: "rig::agent_chat", "execute_tool",
            gen_ai.operation.name = "execute_tool", gen_ai.tool.type = "function", gen_ai.tool.name = "count_rings",
            gen_ai.tool.call.id = "call_1", gen_ai.tool.call.arguments = r#"{"tree":"larch"}"#,
            gen_ai.tool.call.result = Empty, gen_ai.tool.call.outcome = Empty, error.type = Empty,
        );
        tool.record("gen_ai.tool.call.outcome", "error").record("error.type", "ToolCallError");
        drop(tool);
        agent.record("gen_ai.completion", "About 300 years.").record("gen_ai.usage.input_tokens", 12_u64);
    });
    let agent = steps.find("invoke_agent");
    assert_eq!(
        (agent.kind, agent.input(), agent.output()),
        (Kind::Agent, Some("\"how old is the larch?\""), Some("\"About 300 years.\""),)
    );
    agent.assert_attribute("gen_ai.agent.name", "gardener").assert_attribute("gen_ai.usage.input_tokens", 12);
    let chat = steps.find("chat");
    chat.assert_child_of(&agent).assert_input_contains("how old is the larch?");
    chat.assert_attribute("gen_ai.usage.reasoning.output_tokens", 2);
    chat.assert_attribute("gen_ai.usage.tool_use_prompt_tokens", 1)
        .assert_attribute("rig.provider_request_id", "req_1");
    let tool = steps.find("execute_tool");
    assert_eq!((tool.kind, tool.status), (Kind::Tool, Status::Error));
    tool.assert_error_contains("ToolCallError").assert_attribute("gen_ai.tool.call.outcome", "error");
    assert_eq!(tool.input(), Some("{\"tree\":\"larch\"}"));
}

#[test]
fn genai() {
    let steps = steps_of(|| {
        let chat = info_span!(
            target: "genai::otel", "genai.chat",
            otel.name = "chat gpt-4o-mini", otel.kind = "client", otel.status_code = Empty, error.type = Empty,
            gen_ai.operation.name = "chat", gen_ai.provider.name = "openai", gen_ai.request.model = "gpt-4o-mini",
            gen_ai.request.stream = true, gen_ai.request.temperature = 0.5, gen_ai.request.max_tokens = 64_i64,
            gen_ai.request.stop_sequences = r#"["END"]"#, gen_ai.response.finish_reasons = Empty,
            gen_ai.response.time_to_first_chunk = Empty, gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.reasoning.output_tokens = Empty, server.address = "api.openai.com", server.port = 443_i64,
            gen_ai.input.messages = MESSAGES, gen_ai.output.messages = Empty,
        );
        chat.record("gen_ai.usage.input_tokens", 9_i64).record("gen_ai.usage.reasoning.output_tokens", 4_i64);
        chat.record("gen_ai.response.finish_reasons", r#"["stop"]"#)
            .record("gen_ai.response.time_to_first_chunk", 0.25);
        drop(chat);
        let failed = info_span!(target: "genai::otel", "genai.chat", otel.name = "chat o3", gen_ai.operation.name = "chat",
            otel.status_code = Empty, error.type = Empty);
        failed.record("otel.status_code", "ERROR").record("error.type", "timeout");
    });
    let chat = steps.find("chat gpt-4o-mini");
    assert_eq!((chat.kind, chat.status), (Kind::Llm, Status::Unset));
    chat.assert_attribute("gen_ai.response.finish_reasons", json!(["stop"]))
        .assert_attribute("gen_ai.usage.input_tokens", 9);
    chat.assert_attribute("gen_ai.usage.reasoning.output_tokens", 4).assert_attribute("server.port", 443);
    assert_eq!(steps.find("chat o3").status, Status::Error);
}

#[test]
fn swiftide() {
    let steps = steps_of(|| {
        let _step = info_span!(target: "swiftide_agents::agent", "step", otel.name = "step-1").entered();
        {
            let _chat =
                info_span!(target: "swiftide_integrations::openai", "complete", langfuse.type = "GENERATION")
                    .entered();
            debug!(
                langfuse.model = "gpt-4o-mini",
                langfuse.input = MESSAGES,
                langfuse.output = r#"{"role":"assistant","content":"300 years"}"#,
                langfuse.usage = r#"{"promptTokens":12,"completionTokens":3,"totalTokens":15}"#,
            );
        }
        let tool = info_span!(target: "swiftide_agents::agent", "tool", otel.name = Empty).entered();
        tool.record("otel.name", "tool.count_rings");
        debug!(langfuse.output = "300", langfuse.status_message = "it went wrong");
    });
    let chat = steps.find("complete");
    assert_eq!((chat.kind, chat.events.len()), (Kind::Llm, 0), "what it says of the step is no event");
    chat.assert_attribute("gen_ai.request.model", "gpt-4o-mini")
        .assert_attribute("gen_ai.usage.input_tokens", 12);
    chat.assert_attribute("gen_ai.usage.output_tokens", 3).assert_input_contains("how old is the larch?");
    chat.assert_output_contains("300 years").assert_child_of(&steps.find("step-1"));
    let tool = steps.find("tool.count_rings");
    tool.assert_attribute("gen_ai.tool.name", "count_rings").assert_error_contains("it went wrong");
    assert_eq!((tool.kind, tool.output()), (Kind::Tool, Some("300")));
}

#[test]
fn langchain_rust() {
    let steps = steps_of(|| {
        let run = info_span!(target: "langchain_rust::agent", "agent.run", max_iterations = 5_u64, steps = Empty,
            total_tokens = Empty, error = Empty);
        let _run = run.clone().entered();
        drop(info_span!(target: "langchain_rust::agent", "agent.plan", step = 1_u64));
        let generate = info_span!(target: "langchain_rust::llm", "llm.generate", provider = "openai", model = "gpt-4o",
            stream = false, prompt_tokens = Empty, completion_tokens = Empty, total_tokens = Empty, tool_calls = Empty,
            error = Empty);
        generate
            .record("prompt_tokens", 12_u64)
            .record("completion_tokens", 3_u64)
            .record("total_tokens", 15_u64);
        generate.record("tool_calls", 1_u64);
        drop(generate);
        let tool =
            info_span!(target: "langchain_rust::tools", "tool.call", tool = "count_rings", error = Empty);
        tool.record("error", "no such tree");
        drop(tool);
        drop(info_span!(target: "langchain_rust::chain", "chain.call"));
        drop(info_span!(target: "langchain_rust::embedding", "embed.documents", model = "text-embedding-3"));
        run.record("total_tokens", 15_u64);
    });
    let kinds: Vec<_> = steps.all().iter().map(|step| (step.name.clone(), step.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("agent.run".to_owned(), Kind::Agent),
            ("agent.plan".to_owned(), Kind::Plan),
            ("llm.generate".to_owned(), Kind::Llm),
            ("tool.call".to_owned(), Kind::Tool),
            ("chain.call".to_owned(), Kind::Workflow),
            ("embed.documents".to_owned(), Kind::Embedding),
        ]
    );
    let generate = steps.find("llm.generate");
    generate
        .assert_attribute("gen_ai.usage.input_tokens", 12)
        .assert_attribute("gen_ai.usage.output_tokens", 3);
    generate
        .assert_attribute("gen_ai.provider.name", "openai")
        .assert_attribute("gen_ai.request.stream", false);
    assert_eq!(generate.input(), None, "what it counts is no argument");
    let tool = steps.find("tool.call");
    tool.assert_attribute("gen_ai.tool.name", "count_rings").assert_error_contains("no such tree");
    steps.find("agent.run").assert_attribute("langchain.total_tokens", 15);
}

#[test]
fn what_a_hidden_span_of_theirs_says_goes_to_the_step_around_it() {
    let steps = steps_of(|| {
        let _step = info_span!("chat", model = "m").entered();
        let _hidden = debug_span!(target: "swiftide_core", "hidden").entered();
        debug!(langfuse.output = "said");
    });
    steps.find("chat").assert_output_contains("said");
    assert_eq!(steps.all().len(), 1);
}
