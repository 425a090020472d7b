//! Conversations, in every shape that providers and frameworks write them.

mod part;

use serde_json::{Map, Value as Json};
use treering_step::{Message, Part};

use crate::decode::{is_void, is_withheld, parse};
pub(crate) use part::{decoded_result, joined_text, parts};

/// The messages of a conversation: a text, a list of messages or of parts, or an envelope around them (the
/// request or the answer of a provider). `role` is for what does not say who spoke. `None` where a value is no
/// conversation; no messages where it is one of which every content is withheld.
pub(crate) fn conversation(value: &Json, role: &str) -> Option<Vec<Message>> {
    let messages = match value {
        Json::String(text) if !is_void(value) => vec![Message::text(role, text)],
        Json::Array(items) => list(items, role)?,
        Json::Object(object) => envelope(object, role)?,
        _ => return None,
    };
    let says = |message: &Message| !message.parts.is_empty() || message.finish_reason.is_some();
    Some(if messages.iter().any(says) { messages } else { Vec::new() })
}

fn list(items: &[Json], role: &str) -> Option<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::with_capacity(items.len());
    let mut open = false;
    for item in items {
        let (message, is_whole) = match item {
            Json::Array(pair) => match pair.as_slice() {
                [Json::String(role), Json::String(text)] => (Message::text(known_role(role), text), true),
                nested => {
                    messages.extend(list(nested, role)?);
                    continue;
                }
            },
            Json::Object(object) if speaks(unwrapped(object)) => (message(unwrapped(object), role), true),
            Json::Object(_) | Json::String(_) => (Message::new(role_of_part(item, role), parts(item)), false),
            _ => return None,
        };
        match messages.last_mut() {
            Some(last) if open && !is_whole && last.role == message.role => last.parts.extend(message.parts),
            _ => messages.push(message),
        }
        open = !is_whole;
    }
    Some(messages)
}

/// True for a message, false for what is only a part of one.
fn speaks(object: &Map<String, Json>) -> bool {
    let has = |key: &str| object.contains_key(key);
    let is_message = object.get("type").and_then(Json::as_str).is_some_and(|word| role_word(word).is_some());
    has("role")
        || has("parts")
        || has("message")
        || has("reasoning_content")
        || is_message
        || (has("content") && !has("type"))
}

/// A message that LangChain or OpenInference packed once more.
fn unwrapped(object: &Map<String, Json>) -> &Map<String, Json> {
    let message = object.get("message").filter(|_| !object.contains_key("role"));
    let message = message.and_then(Json::as_object).unwrap_or(object);
    let kwargs = message.get("kwargs").filter(|_| message.contains_key("lc"));
    kwargs.and_then(Json::as_object).unwrap_or(message)
}

fn role_of_part<'a>(part: &Json, role: &'a str) -> &'a str {
    match part.get("type").and_then(Json::as_str) {
        Some("function_call_output" | "tool_result" | "tool_call_response") => "tool",
        Some("function_call" | "reasoning" | "tool_call" | "tool_use") => "assistant",
        _ => role,
    }
}

/// The request or the answer of a provider, or a single message.
fn envelope(object: &Map<String, Json>, role: &str) -> Option<Vec<Message>> {
    let field = |key: &str| object.get(key).filter(|value| !is_void(value));
    if let Some(choices) = field("choices").or_else(|| field("candidates")).and_then(Json::as_array) {
        return Some(choices.iter().filter_map(|choice| answer(choice.as_object()?)).collect());
    }
    // A single candidate of Gemini.
    if object.get("content").is_some_and(|content| content.get("parts").is_some()) {
        return Some(answer(object).into_iter().collect());
    }
    if let Some(generations) = field("generations").and_then(Json::as_array) {
        return list(generations, "assistant");
    }
    if let Some(output) = field("output").filter(|_| role == "assistant") {
        return conversation(output, role);
    }
    let said = field("messages").or_else(|| field("contents"));
    if let Some(said) = said.or_else(|| field("input")).or_else(|| field("prompt")) {
        let mut messages = instructions(object);
        messages.extend(conversation(said, role)?);
        return Some(messages);
    }
    let whole = unwrapped(object);
    (speaks(whole) || whole.contains_key("text")).then(|| vec![message(whole, role)])
}

/// One of the answers between which a caller may choose.
fn answer(choice: &Map<String, Json>) -> Option<Message> {
    let said = ["message", "delta", "content"].iter().find_map(|key| choice.get(*key)?.as_object());
    let mut message = match said {
        Some(said) => message(said, "assistant"),
        None => Message::text("assistant", choice.get("text")?.as_str()?),
    };
    message.finish_reason = message.finish_reason.or_else(|| finish_reason(choice));
    Some(message)
}

/// What stands before the conversation of a request.
fn instructions(object: &Map<String, Json>) -> Vec<Message> {
    let found = ["system", "instructions", "system_instruction", "systemInstruction"]
        .iter()
        .find_map(|key| object.get(*key).filter(|value| !is_void(value)));
    found.map(|value| Message::new("system", parts(value))).into_iter().collect()
}

fn message(object: &Map<String, Json>, role: &str) -> Message {
    let said = |key: &str| object.get(key).and_then(Json::as_str);
    // LangChain says who spoke by the type, and keeps what was said below `data`.
    let of_type = said("type").and_then(role_word);
    if let (Some(role), Some(data)) = (of_type, object.get("data").and_then(Json::as_object)) {
        return message(data, role);
    }
    let role = known_role(said("role").filter(|role| *role != "unknown").or(of_type).unwrap_or(role));
    let mut message = Message::new(role, Vec::new());
    message.finish_reason = finish_reason(object);
    // Anthropic has tools answer in the name of the user.
    match call_id(object).filter(|_| role == "tool" || object.contains_key("tool_call_id")) {
        Some(id) => message.parts.push(tool_result(id, object)),
        None => {
            message.name = said("name").filter(|name| !name.is_empty()).map(str::to_owned);
            message.parts = said_by(object);
        }
    }
    message
}

fn said_by(object: &Map<String, Json>) -> Vec<Part> {
    let mut said: Vec<Part> = reasoning(object).into_iter().collect();
    if let Some(content) = ["parts", "contents", "content", "text"].iter().find_map(|key| {
        object
            .get(*key)
            .filter(|value| !is_void(value) && value.as_array().is_none_or(|list| !list.is_empty()))
    }) {
        said.extend(parts(content));
    }
    let refusal = object.get("refusal").and_then(Json::as_str).filter(|text| !text.is_empty());
    said.extend(refusal.map(|text| Part::Text { content: text.to_owned() }));
    // Who writes calls among the contents too writes all of them there.
    if !said.iter().any(|part| matches!(part, Part::ToolCall { .. })) {
        let calls = object.get("tool_calls").or_else(|| object.get("toolCalls")).and_then(Json::as_array);
        said.extend(calls.into_iter().flatten().filter_map(part::tool_call));
    }
    said.extend(object.get("function_call").and_then(part::tool_call));
    said
}

/// Thoughts that a provider keeps beside the content.
fn reasoning(object: &Map<String, Json>) -> Option<Part> {
    let words = ["reasoning_content", "reasoning", "reasoningText"];
    let text = words.iter().find_map(|key| object.get(*key)?.as_str());
    let text = text.filter(|text| !text.is_empty() && !is_withheld(text))?;
    // Of a summary, Laminar writes the pieces as JSON into the text.
    let pieces = parse(text);
    let content = pieces.as_array().and_then(|_| joined_text(&parts(&pieces)));
    Some(Part::Reasoning { content: content.unwrap_or_else(|| text.to_owned()) })
}

fn call_id(object: &Map<String, Json>) -> Option<String> {
    let id = ["tool_call_id", "toolCallId", "id"].iter().find_map(|key| object.get(*key)?.as_str());
    id.filter(|_| !object.contains_key("parts")).map(str::to_owned)
}

fn tool_result(id: String, object: &Map<String, Json>) -> Part {
    let name = object.get("name").and_then(Json::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
    let content =
        ["content", "contents"].iter().find_map(|key| object.get(*key).filter(|said| !is_void(said)));
    Part::ToolResult { id: Some(id), name, result: content.map(part::result_value).unwrap_or_default() }
}

fn finish_reason(object: &Map<String, Json>) -> Option<String> {
    let reason =
        ["finish_reason", "finishReason", "stop_reason"].iter().find_map(|key| object.get(*key)?.as_str());
    reason.filter(|reason| !reason.is_empty()).map(str::to_owned)
}

/// The words of LangChain for who spoke.
fn role_word(word: &str) -> Option<&'static str> {
    match word {
        "human" => Some("user"),
        "ai" | "AIMessageChunk" => Some("assistant"),
        "system" => Some("system"),
        "tool" => Some("tool"),
        _ => None,
    }
}

fn known_role(role: &str) -> &str {
    match role {
        "human" => "user",
        "ai" | "model" | "AIMessageChunk" | "tool-call" => "assistant",
        "function" | "tool-response" => "tool",
        other => other,
    }
}

#[cfg(test)]
mod tests;
