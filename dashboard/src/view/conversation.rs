//! What a step said and heard as messages, whatever it is, and what tells one message from another.

use serde_json::Value;
use treering_step::{Content, Kind, Message, Part, Step};

use super::kind::Badge;

/// The input of a step as messages.
pub(crate) fn input(step: &Step) -> Vec<Message> {
    messages(step.input.as_ref(), role(step.kind, "user"))
}

/// The output of a step as messages.
pub(crate) fn output(step: &Step) -> Vec<Message> {
    messages(step.output.as_ref(), role(step.kind, "assistant"))
}

/// Whose words they are, where nobody says: those of the step itself, where it is no model.
fn role(kind: Kind, of_model: &'static str) -> &'static str {
    match kind {
        Kind::Llm | Kind::Agent => of_model,
        Kind::Tool => "tool",
        other => Badge::from(other).word,
    }
}

fn messages(content: Option<&Content>, role: &str) -> Vec<Message> {
    match content {
        Some(Content::Messages(messages)) => messages.clone(),
        Some(Content::Value(value)) => vec![of_value(role, value)],
        None => Vec::new(),
    }
}

pub(crate) fn of_value(role: &str, value: &Value) -> Message {
    let part = match value {
        Value::String(text) => Part::Text { content: text.clone() },
        other => Part::Other { value: other.clone() },
    };
    Message::new(role, vec![part])
}

/// What a tool was called with and answered, as messages.
pub(crate) fn tool(step: &Step) -> Vec<Message> {
    let Some(tool) = &step.tool else { return [input(step), output(step)].concat() };
    let name = tool.name.clone().unwrap_or_else(|| step.name.clone());
    let arguments = match (&tool.arguments, &step.input) {
        (Value::Null, Some(Content::Value(value))) => value.clone(),
        (arguments, _) => arguments.clone(),
    };
    let result = match (&tool.result, &step.output) {
        (Value::Null, Some(Content::Value(value))) => value.clone(),
        (result, _) => result.clone(),
    };
    let mut parts = vec![Part::ToolCall { id: tool.call_id.clone(), name: name.clone(), arguments }];
    if !result.is_null() {
        parts.push(Part::ToolResult { id: tool.call_id.clone(), name: Some(name), result });
    }
    vec![Message::new("tool", parts)]
}

/// What is the same for two messages that say the same: ids of calls and reasons to stop are no part of that.
pub(crate) fn fingerprint(message: &Message) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(message.role.as_bytes());
    for part in &message.parts {
        hasher.update(&[0]);
        hasher.update(text(part).as_bytes());
    }
    hasher.finalize()
}

/// A part as text, for counting and for telling it from another.
pub(crate) fn text(part: &Part) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match part {
        Part::Text { content } | Part::Reasoning { content } => content.clone(),
        Part::ToolCall { name, arguments, .. } => format!("{name}({})", plain(arguments)),
        Part::ToolResult { result, .. } => plain(result),
        Part::Other { value } => plain(value),
        Part::Image(media) | Part::Audio(media) | Part::Video(media) | Part::File(media) => {
            let words = [media.mime_type.as_deref(), media.uri.as_deref(), media.data.as_deref()];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

/// A whole message as text, a line a part.
pub(crate) fn lines(message: &Message) -> String {
    message.parts.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Characters of a message.
pub(crate) fn length(message: &Message) -> usize {
    message.parts.iter().map(|part| text(part).chars().count()).sum()
}
