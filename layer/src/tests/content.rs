//! What a step says, by its kind.

use serde_json::{Value as Json, json};
use tracing::field::Empty;
use tracing::{info_span, instrument};
use treering_step::Kind;

use super::follow::steps_of;
use crate::{Message, Part, Step, Usage};

fn json_of(text: Option<&str>) -> Json {
    serde_json::from_str(text.unwrap()).unwrap()
}

#[instrument(ret)]
fn add(left: i32, right: u8, note: &str, list: &[u8]) -> i32 {
    left + i32::from(right) + i32::try_from(note.len() + list.len()).unwrap()
}

#[test]
fn a_bare_function_is_a_step() {
    let steps = steps_of(|| assert_eq!(add(-1, 2, "abc", &[1, 2]), 6));
    let step = steps.find("add");
    assert_eq!(step.kind, Kind::Span);
    assert_eq!(json_of(step.input()), json!({"left": -1, "right": 2, "note": "abc", "list": [1, 2]}));
    step.assert_attribute("treering.output", "6");
}

#[instrument(fields(step.kind = "tool", call_id = "c-1"), ret(Display))]
fn lookup(word: &str) -> String {
    format!("{word}: a ring of a tree")
}

#[test]
fn a_tool_has_arguments_and_a_result() {
    let steps = steps_of(|| drop(lookup("annulus")));
    let step = steps.find("lookup");
    step.assert_attribute("gen_ai.operation.name", "execute_tool")
        .assert_attribute("gen_ai.tool.name", "lookup")
        .assert_attribute("gen_ai.tool.call.id", "c-1")
        .assert_attribute("gen_ai.tool.call.arguments", r#"{"word":"annulus"}"#)
        .assert_attribute("gen_ai.tool.call.result", "annulus: a ring of a tree");
}

#[instrument(fields(model = "gpt-4o-mini", provider = "openai", input_tokens = Empty, cached_tokens = 3_u64), ret)]
fn chat(system: &str, prompt: &str) -> String {
    tracing::Span::current().record("input_tokens", 12_u64);
    tracing::info!(name: "reasoning", "count the rings");
    tracing::info!(reasoning = "one a year");
    Step::current().set("gen_ai.usage.output_tokens", 5_u64);
    format!("{prompt}? {}", system.len())
}

#[test]
fn a_bare_model_call_is_a_conversation() {
    let steps = steps_of(|| drop(chat("be brief", "how old")));
    let step = steps.find("chat");
    assert_eq!(step.kind, Kind::Llm);
    step.assert_attribute("gen_ai.operation.name", "chat")
        .assert_attribute("gen_ai.request.model", "gpt-4o-mini")
        .assert_attribute("gen_ai.provider.name", "openai")
        .assert_attribute("gen_ai.usage.input_tokens", 12)
        .assert_attribute("gen_ai.usage.output_tokens", 5)
        .assert_attribute("gen_ai.usage.cache_read.input_tokens", 3);
    assert_eq!(
        json_of(step.input()),
        json!([
            {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
            {"role": "user", "parts": [{"type": "text", "content": "how old"}]},
        ])
    );
    assert_eq!(
        json_of(step.output()),
        json!([{"role": "assistant", "parts": [
            {"type": "reasoning", "content": "count the rings\n\none a year"},
            {"type": "text", "content": "how old? 8"},
        ]}])
    );
}

#[test]
fn messages_of_the_author_go_through() {
    let messages = r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#;
    let steps = steps_of(|| {
        drop(info_span!("ask", gen_ai.operation.name = "chat", gen_ai.input.messages = messages));
        drop(info_span!("ask again", gen_ai.operation.name = "chat", gen_ai.input.messages = ?messages));
    });
    steps.find("ask").assert_attribute("gen_ai.input.messages", messages);
    steps.find("ask again").assert_attribute("gen_ai.input.messages", messages);
}

#[test]
fn a_step_says_what_fields_cannot() {
    let steps = steps_of(|| {
        let _step = info_span!("s", prompt = "replaced").entered();
        let call =
            Part::ToolCall { id: Some("c".into()), name: "search".into(), arguments: json!({"q": "rings"}) };
        let result = Part::ToolResult { id: Some("c".into()), name: None, result: json!([1]) };
        let history = [Message::text("user", "hi"), Message::new("tool", vec![result])];
        Step::current()
            .kind(Kind::Llm)
            .model("claude-sonnet-4-5")
            .input(&history)
            .output(&Message::new("assistant", vec![call]))
            .reasoning("search first")
            .usage(Usage { input: Some(9), reasoning: Some(4), ..Usage::default() })
            .tokens(10, 20)
            .set("never.declared", true);
    });
    let step = steps.find("s");
    step.assert_attribute("gen_ai.request.model", "claude-sonnet-4-5")
        .assert_attribute("gen_ai.usage.input_tokens", 10)
        .assert_attribute("gen_ai.usage.reasoning.output_tokens", 4)
        .assert_attribute("never.declared", true);
    let sent = json!({"type": "tool_call_response", "id": "c", "response": [1]});
    assert_eq!(json_of(step.input())[1]["parts"][0], sent);
    assert_eq!(json_of(step.output())[0]["parts"][0]["content"], "search first");
    assert_eq!(json_of(step.output())[0]["parts"][1]["arguments"]["q"], "rings");
}

#[test]
fn the_form_of_the_chat_apis_is_understood() {
    let history = json!([
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "search", "arguments": "{\"q\":1}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "found"},
    ]);
    let steps = steps_of(|| {
        let _step = info_span!("s", step.kind = "agent").entered();
        Step::current().input(&history).output("done");
    });
    assert_eq!(
        json_of(steps.find("s").input()),
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "search", "arguments": {"q": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "found"}]},
        ])
    );
    steps
        .find("s")
        .assert_attribute("treering.output", "\"done\"")
        .assert_attribute("gen_ai.agent.name", "s");
}

#[test]
fn a_step_is_reached_from_a_hidden_span_and_not_after_its_end() {
    let steps = steps_of(|| {
        let step = info_span!("s").entered();
        let hidden = tracing::debug_span!("hidden").entered();
        let handle = Step::current();
        handle.set("a.b", 1);
        drop((hidden, step));
        handle.set("a.b", 2).input("too late");
        assert_eq!(handle.traceparent(), None);
        Step::current().set("a.b", 3);
    });
    steps.find("s").assert_attribute("a.b", 1);
}

#[test]
fn every_kind_has_a_word_on_the_wire() {
    let steps = steps_of(|| {
        for kind in Kind::ALL {
            drop(info_span!("s", otel.name = kind.as_str(), step.kind = kind.as_str()));
        }
    });
    let words: Vec<String> = steps
        .all()
        .iter()
        .map(|step| {
            let word = |name| step.attribute(name).as_str().unwrap_or("-").to_owned();
            format!("{}: {} {}", step.name, word("gen_ai.operation.name"), word("treering.step.kind"))
        })
        .collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    agent: invoke_agent -
    workflow: invoke_workflow -
    plan: plan -
    llm: chat -
    tool: execute_tool -
    retrieval: retrieval -
    embedding: embeddings -
    rerank: - rerank
    memory: search_memory -
    guardrail: - guardrail
    evaluation: - evaluation
    span: - -
    ");
}

#[test]
fn numeric_texts_are_numbers_where_the_conventions_want_numbers() {
    let steps = steps_of(|| {
        drop(
            info_span!("chat", gen_ai.usage.input_tokens = "12", temperature = ?0.5, finish_reason = "stop"),
        );
    });
    steps
        .find("chat")
        .assert_attribute("gen_ai.usage.input_tokens", 12)
        .assert_attribute("gen_ai.request.temperature", 0.5)
        .assert_attribute("gen_ai.response.finish_reasons", json!(["stop"]));
}
