use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Content, Event, Kind, Link, Log, SpanId, Status, Timestamp, Usage};

/// One step, whole: a span as its user sees it. Absent is absent, never an empty text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The id of its span.
    pub span_id: SpanId,
    /// The step that it is a part of; absent for a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// How it stands.
    pub status: Status,
    /// When it began; absent where the exporter sent 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Nanoseconds from its beginning to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    /// The agent that it belongs to (`gen_ai.agent.name`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that answered, else the model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who serves the model (`gen_ai.provider.name`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What went in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Content>,
    /// What came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Content>,
    /// What the model thought and did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The tool, for a call of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// Tokens by class.
    #[serde(default, skip_serializing_if = "Usage::is_empty")]
    pub tokens: Usage,
    /// US dollars, as reported or as priced; absent where nobody knows the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The session or conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The user on whose behalf it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// How many places were redacted, by type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<String, u64>,
    /// The dialect that said most of this, such as `gen_ai` or `openinference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// Steps between it and its root.
    #[serde(default)]
    pub depth: u32,
    /// Every attribute of the span, as it came (redacted).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// Every event of the span.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Every link of the span.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Every log record of the span.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Log>,
}

impl Step {
    /// A step of which nothing is known but its id.
    pub fn new(span_id: SpanId) -> Self {
        Self {
            span_id,
            parent_span_id: None,
            name: String::new(),
            kind: Kind::Span,
            status: Status::Unset,
            started_at: None,
            ended_at: None,
            duration_ns: None,
            agent: None,
            model: None,
            provider: None,
            input: None,
            output: None,
            reasoning: None,
            tool: None,
            tokens: Usage::default(),
            cost_usd: None,
            session_id: None,
            user_id: None,
            error: None,
            redactions: BTreeMap::new(),
            dialect: None,
            depth: 0,
            attributes: Map::new(),
            events: Vec::new(),
            links: Vec::new(),
            logs: Vec::new(),
        }
    }
}

/// The tool of a step that calls one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tool {
    /// Its name (`gen_ai.tool.name`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id that the model gave the call (`gen_ai.tool.call.id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The arguments, as JSON wherever they could be read as JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// The answer, as JSON wherever it could be read as JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
}

/// What went wrong in a step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the error (`error.type`, `exception.type`).
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it came from: a stack, or the chain of its causes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}
