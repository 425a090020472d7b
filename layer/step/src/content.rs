use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What went into a step or came out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A conversation: `{"messages": [...]}`.
    Messages(Vec<Message>),
    /// Anything else: `{"value": any JSON}`.
    Value(Value),
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`, or what the exporter said.
    pub role: String,
    /// The name of the speaker, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The parts in their order.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Why the model stopped, on a message that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

impl Message {
    /// A message of these parts.
    pub fn new(role: impl Into<String>, parts: Vec<Part>) -> Self {
        Self { role: role.into(), name: None, parts, finish_reason: None }
    }

    /// A message of one text.
    pub fn text(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(role, vec![Part::Text { content: text.into() }])
    }
}

/// One part of a message; the names are those of the GenAI conventions' message schemas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text for the other side.
    Text {
        /// The text.
        content: String,
    },
    /// What the model thought and did not say.
    Reasoning {
        /// The text of the thought.
        content: String,
    },
    /// A tool that the model asked for.
    ToolCall {
        /// The id that joins the call with its result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The name of the tool.
        name: String,
        /// The arguments, as JSON wherever they could be read as JSON.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        arguments: Value,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The name of the tool, where the exporter says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The answer, as JSON wherever it could be read as JSON.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
    },
    /// A picture.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A moving picture.
    Video(Media),
    /// Any other file.
    File(Media),
    /// A part of a type that this vocabulary does not have, as it came.
    Other {
        /// The part as the exporter wrote it.
        value: Value,
    },
}

/// Where the bytes of a picture, a sound or a file are; they are never fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// The media type, such as `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// An address, or the provider's id of an uploaded file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The bytes in base64, where they came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}
