//! OpenLLMetry (Traceloop): wrappers of functions, and the flattened messages of its versions before 0.62.

use serde_json::Value as Json;
use treering_step::{Kind, Summary};

use crate::decode::{inner, parse, text_in};
use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::reading::{Reading, messages, plain};
use crate::usage::inclusive;
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    let wrapper = || of_wrapper(&fields.text(&["traceloop.span.kind"])?);
    // For crews it names the operation of an agent whatever it wraps.
    if fields.any_under("crewai.") {
        summary.kind = wrapper().or(summary.kind);
    }
    fill!(summary.kind, wrapper);
    fill!(summary.kind, || of_request(&fields.text(&["llm.request.type"])?));
    fill!(summary.kind, || fields.get("gen_ai.guardrail.name").map(|_| Kind::Guardrail));
    let name = || fields.text(&["traceloop.entity.name"]);
    match summary.kind {
        Some(Kind::Agent) => fill!(summary.agent, name),
        Some(Kind::Tool) => fill!(summary.tool, name),
        _ => {}
    }
    // Only the versions before 0.62 have this attribute; for Anthropic they copied its dictionary.
    if fields.has("llm.request.type") {
        summary.tokens = inclusive(summary.tokens);
    }
    fill!(summary.tokens.reasoning, || fields.int(&["llm.usage.reasoning_tokens"]));
    let property = |name: &str| fields.text(&[&format!("traceloop.association.properties.{name}")]);
    let session = || ["session_id", "session", "conversation_id", "thread_id"].into_iter().find_map(property);
    fill!(summary.session_id, session);
    fill!(summary.user_id, || property("user_id").or_else(|| fields.text(&["llm.user"])));
    fill!(summary.session_id, || metadata(fields, &["thread_id", "session_id", "conversation_id"]));
    fill!(summary.user_id, || metadata(fields, &["user_id"]));
}

/// What LangChain was told of a run, which the first instrumentation of it wrote to its input only.
fn metadata(fields: &Fields<'_>, names: &[&str]) -> Option<String> {
    const INPUT: &str = "traceloop.entity.input";
    let is_told = names.iter().any(|name| fields.mentions(INPUT, name));
    text_in(is_told.then(|| fields.json(&[INPUT])).flatten()?.get("metadata")?, names)
}

fn of_wrapper(word: &str) -> Option<Kind> {
    Some(match word {
        "workflow" => Kind::Workflow,
        "agent" => Kind::Agent,
        "tool" => Kind::Tool,
        // Any function that somebody decorated.
        "task" | "session" => Kind::Span,
        _ => return None,
    })
}

fn of_request(word: &str) -> Option<Kind> {
    Some(match word {
        "chat" | "completion" => Kind::Llm,
        "embedding" => Kind::Embedding,
        "rerank" => Kind::Rerank,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    fill!(reading.input, || messages(&blocks(fields.list("gen_ai.prompt.")?), "user"));
    let is_quoted = evidence.scope.ends_with(".langchain");
    let answer = |list| if is_quoted { unquoted(list) } else { blocks(list) };
    fill!(reading.output, || messages(&answer(fields.list("gen_ai.completion.")?), "assistant"));
    fill!(reading.input, || plain(fields.json(&["traceloop.entity.input", "gen_ai.task.input"])?));
    fill!(reading.output, || plain(fields.json(&["traceloop.entity.output", "gen_ai.task.output"])?));
    fill!(reading.input, || plain(fields.json(&["gen_ai.guardrail.input"])?));
    fill!(reading.output, || plain(fields.json(&["gen_ai.guardrail.output"])?));
    fill!(reading.input, || plain(fields.json(&["crewai.task.description", "crewai.crew.tasks"])?));
    fill!(reading.output, || plain(fields.json(&["crewai.crew.result"])?));
    fill!(reading.arguments, || fields.json(&["gen_ai.tool.input"]));
    fill!(reading.result, || fields.json(&["gen_ai.tool.output"]));
}

/// A content is a text, or a list of blocks as JSON in a text.
fn blocks(mut messages: Json) -> Json {
    for message in messages.as_array_mut().into_iter().flatten() {
        let Some(content) = message.get_mut("content") else { continue };
        if let Json::Array(blocks) = content.as_str().map(parse).unwrap_or_default() {
            *content = Json::Array(blocks);
        }
    }
    messages
}

/// Of LangChain a text is JSON in a text, too.
fn unquoted(mut messages: Json) -> Json {
    for content in
        messages.as_array_mut().into_iter().flatten().filter_map(|message| message.get_mut("content"))
    {
        *content = inner(content);
    }
    messages
}
