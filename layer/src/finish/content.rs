//! What went in and out, by the kind of the step.

use serde_json::{Value as Json, json};
use treering_step::{Kind, attributes as names};

use super::Attributes;
use crate::text;

/// Describes input, output and reasoning with the attributes that the conventions have for this kind of step.
pub(super) fn describe(
    kind: Kind,
    name: &str,
    input: Option<Json>,
    output: Option<Json>,
    reasoning: &str,
    attributes: &mut Attributes,
) {
    match kind {
        Kind::Llm => return conversation(input, output, reasoning, attributes),
        Kind::Tool => {
            // swiftide and others name the span `tool.search`.
            let tool =
                name.strip_prefix("tool.").or_else(|| name.strip_prefix("execute_tool ")).unwrap_or(name);
            attributes.set_if_absent(names::GEN_AI_TOOL_NAME, tool);
            set(attributes, names::GEN_AI_TOOL_CALL_ARGUMENTS, input.map(as_text));
            set(attributes, names::GEN_AI_TOOL_CALL_RESULT, output.map(as_text));
        }
        _ => {
            if kind == Kind::Agent {
                attributes.set_if_absent(names::GEN_AI_AGENT_NAME, name);
            }
            value(input, names::GEN_AI_INPUT_MESSAGES, names::TREERING_INPUT, attributes);
            value(output, names::GEN_AI_OUTPUT_MESSAGES, names::TREERING_OUTPUT, attributes);
        }
    }
    if !reasoning.is_empty() {
        attributes.set(names::TREERING_REASONING, reasoning);
    }
}

fn set(attributes: &mut Attributes, name: &'static str, text: Option<String>) {
    if let Some(text) = text {
        attributes.set_if_absent(name, text);
    }
}

/// A text as it is, anything else as JSON.
fn as_text(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// Messages as messages, anything else as a value in JSON.
fn value(value: Option<Json>, messages: &'static str, plain: &'static str, attributes: &mut Attributes) {
    match value {
        Some(list) if is_conversation(&list) => set(attributes, messages, Some(normalised(list).to_string())),
        Some(value) => set(attributes, plain, Some(value.to_string())),
        None => {}
    }
}

fn conversation(input: Option<Json>, output: Option<Json>, reasoning: &str, attributes: &mut Attributes) {
    if attributes.get(names::GEN_AI_INPUT_MESSAGES).is_some() {
        set(attributes, names::TREERING_INPUT, input.map(|value| value.to_string()));
    } else if let Some(messages) = input.map(asked) {
        attributes.set(names::GEN_AI_INPUT_MESSAGES, messages.to_string());
    }
    if attributes.get(names::GEN_AI_OUTPUT_MESSAGES).is_some() {
        set(attributes, names::TREERING_OUTPUT, output.map(|value| value.to_string()));
        set(attributes, names::TREERING_REASONING, (!reasoning.is_empty()).then(|| reasoning.to_owned()));
    } else if output.is_some() || !reasoning.is_empty() {
        attributes.set(names::GEN_AI_OUTPUT_MESSAGES, answered(output, reasoning).to_string());
    }
}

/// The messages in what a model was asked: messages as they are, a text as the user's, named arguments by
/// name.
fn asked(input: Json) -> Json {
    match input {
        list if is_conversation(&list) => normalised(list),
        Json::Object(mut arguments) => {
            let mut messages = Vec::new();
            for name in ["system", "system_prompt", "instructions"] {
                messages.extend(arguments.shift_remove(name).map(|text| message("system", &as_text(text))));
            }
            if let Some(list) = arguments.shift_remove("messages") {
                messages.extend(history(list));
            }
            if arguments.len() == 1 {
                messages.extend(arguments.into_iter().map(|(_, value)| message("user", &as_text(value))));
            } else if !arguments.is_empty() {
                messages.push(message("user", &Json::Object(arguments).to_string()));
            }
            Json::Array(messages)
        }
        other => json!([message("user", &as_text(other))]),
    }
}

/// An argument called `messages`: also when it came as JSON in a text.
fn history(list: Json) -> Vec<Json> {
    let list = match list {
        Json::String(text) => text::structure(text),
        other => other,
    };
    match is_conversation(&list).then(|| normalised(list.clone())) {
        Some(Json::Array(messages)) => messages,
        _ => vec![message("user", &as_text(list))],
    }
}

/// The messages that a model answered with; what it thought comes first.
fn answered(output: Option<Json>, reasoning: &str) -> Json {
    let mut messages = match output {
        Some(list) if is_conversation(&list) => normalised(list),
        Some(other) => json!([message("assistant", &as_text(other))]),
        None => json!([{"role": "assistant", "parts": []}]),
    };
    if !reasoning.is_empty()
        && let Some(parts) = messages.pointer_mut("/0/parts").and_then(Json::as_array_mut)
    {
        parts.insert(0, json!({"type": "reasoning", "content": reasoning}));
    }
    messages
}

fn message(role: &str, text: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": text}]})
}

/// Whether this is a message or a list of messages.
fn is_conversation(value: &Json) -> bool {
    let is_message = |value: &Json| {
        value.get("role").is_some_and(Json::is_string)
            && ["parts", "content", "tool_calls"].iter().any(|key| value.get(key).is_some())
    };
    match value {
        Json::Array(list) => !list.is_empty() && list.iter().all(is_message),
        other => is_message(other),
    }
}

/// Messages in the form of the conventions, from theirs, from ours ([`crate::Message`]) or from the chat
/// APIs'.
fn normalised(value: Json) -> Json {
    match value {
        Json::Array(list) => list.into_iter().map(with_parts).collect(),
        one => json!([with_parts(one)]),
    }
}

fn with_parts(mut message: Json) -> Json {
    let Some(fields) = message.as_object_mut() else { return message };
    let mut parts: Vec<Json> = match fields.shift_remove("parts") {
        Some(Json::Array(parts)) => parts.into_iter().map(part).collect(),
        _ => Vec::new(),
    };
    let call = fields.shift_remove("tool_call_id");
    match (fields.shift_remove("content"), call) {
        (Some(Json::Null) | None, _) => {}
        (Some(response), Some(id)) => {
            parts.push(json!({"type": "tool_call_response", "id": id, "response": response}));
        }
        (Some(Json::Array(list)), None) => parts.extend(list.into_iter().map(part)),
        (Some(text), None) => parts.push(json!({"type": "text", "content": as_text(text)})),
    }
    if let Some(Json::Array(calls)) = fields.shift_remove("tool_calls") {
        parts.extend(calls.into_iter().map(tool_call));
    }
    fields.insert(String::from("parts"), Json::Array(parts));
    message
}

/// A part in the form of the conventions: they write `text` as `content`, and a tool's result as `response`.
fn part(mut part: Json) -> Json {
    let kind = part.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let Some(fields) = part.as_object_mut() else { return json!({"type": "text", "content": as_text(part)}) };
    match kind.as_str() {
        "text" => rename(fields, "text", "content"),
        "tool_result" => {
            fields.insert(String::from("type"), json!("tool_call_response"));
            rename(fields, "result", "response");
        }
        "other" => return fields.shift_remove("value").unwrap_or(part),
        _ => {}
    }
    part
}

fn rename(fields: &mut serde_json::Map<String, Json>, from: &str, to: &str) {
    if let Some(value) = fields.shift_remove(from) {
        fields.insert(to.to_owned(), value);
    }
}

/// A call as the chat APIs write it: `{"id", "function": {"name", "arguments": "{…}"}}`.
fn tool_call(call: Json) -> Json {
    let Some(function) = call.get("function") else { return part(call) };
    let arguments = match function.get("arguments").cloned().unwrap_or_default() {
        Json::String(text) => text::structure(text),
        other => other,
    };
    json!({"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": arguments})
}
