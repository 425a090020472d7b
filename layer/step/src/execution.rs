use serde::{Deserialize, Serialize};

use crate::{Kind, Status, Timestamp, TraceId, Usage};

/// One execution as lists show it: a trace of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub trace_id: TraceId,
    /// The name of its first root.
    pub name: String,
    /// The kind of its first root.
    pub kind: Kind,
    /// The outermost agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How it stands.
    pub status: Status,
    /// The beginning of its earliest step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Nanoseconds from the earliest beginning to the latest end.
    pub duration_ns: u64,
    /// How many steps it has.
    pub steps: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many places were redacted in all of them.
    pub redactions: u64,
    /// Tokens of its leaf-most steps.
    pub tokens: ExecutionTokens,
    /// US dollars of its leaf-most steps; absent where none is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The models that answered, without repetition, in order of name.
    pub models: Vec<String>,
    /// The session of its first root, else of any step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The user of its first root, else of any step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

/// Tokens of an execution: [`Usage`] with every class present, since a sum of nothing is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExecutionTokens {
    /// Tokens of the input, cached ones included.
    pub input: u64,
    /// Tokens of the output, reasoning included.
    pub output: u64,
    /// The part of the input that came out of the provider's cache.
    pub cache_read: u64,
    /// The part of the input that was written to the provider's cache.
    pub cache_write: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
}

impl From<Usage> for ExecutionTokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input.unwrap_or(0),
            output: usage.output.unwrap_or(0),
            cache_read: usage.cache_read.unwrap_or(0),
            cache_write: usage.cache_write.unwrap_or(0),
            reasoning: usage.reasoning.unwrap_or(0),
        }
    }
}
