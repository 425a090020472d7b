//! The AI SDK of Vercel up to version 6, and its legacy integration of 7: `ai.*`. Later versions speak GenAI.

use serde_json::Value as Json;
use treering_otlp::Value;
use treering_step::{Content, Kind, Message, Part, Summary, Usage};

use crate::decode::{as_json, parse};
use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::message::conversation;
use crate::reading::{Reading, messages, plain};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&fields.text(&["ai.operationId"])?));
    fill!(summary.agent, || {
        fields.text(&["ai.telemetry.functionId"]).filter(|_| summary.kind == Some(Kind::Agent))
    });
    fill!(summary.model, || fields.text(&["ai.response.model", "ai.model.id", "aisdk.model.id"]));
    fill!(summary.provider, || fields.text(&["ai.model.provider", "aisdk.model.provider"]));
    fill!(summary.tool, || fields.text(&["ai.toolCall.name"]));
    fill!(summary.response_id, || fields.text(&["ai.response.id"]));
    summary.use_tokens(|| used(fields));
    let metadata = |name: &str| fields.text(&[&format!("ai.telemetry.metadata.{name}")]);
    fill!(summary.session_id, || metadata("sessionId").or_else(|| metadata("session_id")));
    fill!(summary.user_id, || metadata("userId").or_else(|| metadata("user_id")));
}

fn kind(operation: &str) -> Option<Kind> {
    Some(match operation {
        "ai.toolCall" => Kind::Tool,
        "ai.rerank" | "ai.rerank.doRerank" => Kind::Rerank,
        embedding if embedding.starts_with("ai.embed") => Kind::Embedding,
        call if call.ends_with(".doGenerate") || call.ends_with(".doStream") => Kind::Llm,
        // The loop around the calls, with tools between them.
        run if run.starts_with("ai.generate") || run.starts_with("ai.stream") => Kind::Agent,
        _ => return None,
    })
}

fn used(fields: &Fields<'_>) -> Usage {
    Usage {
        input: fields.int(&["ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"]),
        output: fields.int(&["ai.usage.outputTokens", "ai.usage.completionTokens"]),
        cache_read: fields.int(&["ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"]),
        cache_write: fields.int(&["ai.usage.inputTokenDetails.cacheWriteTokens"]),
        reasoning: fields.int(&["ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"]),
    }
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    fill!(reading.input, || messages(&fields.json(&["ai.prompt.messages", "ai.prompt"])?, "user"));
    fill!(reading.output, || answer(fields));
    // Where another dialect told the answer, it may have left the thought out.
    fill!(reading.reasoning, || fields.text(&["ai.response.reasoning"]));
    fill!(reading.call_id, || fields.text(&["ai.toolCall.id"]));
    fill!(reading.arguments, || fields.json(&["ai.toolCall.args"]));
    fill!(reading.result, || fields.json(&["ai.toolCall.result"]));
    fill!(reading.input, || plain(list(fields, "ai.values")?));
    fill!(reading.input, || plain(fields.json(&["ai.value"])?));
    fill!(reading.output, || plain(list(fields, "ai.embeddings")?));
    fill!(reading.output, || plain(fields.json(&["ai.embedding"])?));
}

/// The answer lies in several attributes: thought, text, object and calls.
fn answer(fields: &Fields<'_>) -> Option<Content> {
    let thought = fields.text(&["ai.response.reasoning"]).map(|content| Part::Reasoning { content });
    let text = fields.text(&["ai.response.text"]).map(|content| Part::Text { content });
    let object =
        fields.get("ai.response.object").map(as_json).map(|value| Part::Text { content: value.to_string() });
    let mut parts: Vec<Part> = [thought, text, object].into_iter().flatten().collect();
    if let Some(calls) = fields.json(&["ai.response.toolCalls"]) {
        let calls = conversation(&calls_as_parts(calls), "assistant").into_iter().flatten();
        parts.extend(calls.flat_map(|message| message.parts));
    }
    let mut message = Message::new("assistant", parts);
    message.finish_reason = fields.text(&["ai.response.finishReason"]);
    (!message.parts.is_empty()).then(|| Content::Messages(vec![message]))
}

/// Calls as the SDK lists them have no type of their own.
fn calls_as_parts(mut calls: Json) -> Json {
    for call in calls.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        call.insert("type".to_owned(), Json::from("tool-call"));
    }
    calls
}

/// A list of texts that hold JSON each.
fn list(fields: &Fields<'_>, key: &str) -> Option<Json> {
    match fields.get(key)? {
        Value::Array(items) => Some(items.iter().map(as_json).collect()),
        Value::Text(text) => Some(parse(text)),
        _ => None,
    }
}
