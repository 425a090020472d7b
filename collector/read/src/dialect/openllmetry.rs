//! OpenLLMetry (Traceloop): wrappers of functions, and the flattened messages of its versions before 0.62.

use serde_json::Value as Json;
use treering_step::{Kind, Summary};

use crate::decode::parse;
use crate::evidence::Evidence;
use crate::reading::{Reading, fill, messages, plain};
use crate::usage::inclusive;

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Summary) {
    let fields = &evidence.fields;
    let wrapper = || of_wrapper(&fields.text(&["traceloop.span.kind"])?);
    // For crews it names the operation of an agent whatever it wraps.
    if fields.under("crewai.").next().is_some() {
        summary.kind = wrapper().or(summary.kind);
    }
    fill(&mut summary.kind, wrapper);
    fill(&mut summary.kind, || of_request(&fields.text(&["llm.request.type"])?));
    let name = || fields.text(&["traceloop.entity.name"]);
    match summary.kind {
        Some(Kind::Agent) => fill(&mut summary.agent, name),
        Some(Kind::Tool) => fill(&mut summary.tool, name),
        _ => {}
    }
    // Only the versions before 0.62 have this attribute; for Anthropic they copied its dictionary.
    if fields.has("llm.request.type") {
        summary.tokens = inclusive(summary.tokens);
    }
    fill(&mut summary.tokens.reasoning, || fields.int(&["llm.usage.reasoning_tokens"]));
    let property = |name: &str| fields.text(&[&format!("traceloop.association.properties.{name}")]);
    let session = || ["session_id", "session", "conversation_id", "thread_id"].into_iter().find_map(property);
    fill(&mut summary.session_id, session);
    fill(&mut summary.user_id, || property("user_id").or_else(|| fields.text(&["llm.user"])));
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

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Reading) {
    let fields = &evidence.fields;
    fill(&mut reading.input, || messages(&blocks(fields.list("gen_ai.prompt.")?), "user"));
    fill(&mut reading.output, || messages(&blocks(fields.list("gen_ai.completion.")?), "assistant"));
    fill(&mut reading.input, || plain(fields.json(&["traceloop.entity.input", "gen_ai.task.input"])?));
    fill(&mut reading.output, || plain(fields.json(&["traceloop.entity.output", "gen_ai.task.output"])?));
    fill(&mut reading.arguments, || fields.json(&["gen_ai.tool.input"]));
    fill(&mut reading.result, || fields.json(&["gen_ai.tool.output"]));
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
