use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Kind, SpanId, Status, Timestamp, Usage};

/// The record that a partial summary was read from.
///
/// The order of the variants is the order of their authority: what the span says comes first, what its logs
/// say fills the holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The span itself.
    Span,
    /// A log record of the span, by the hash that is its identity.
    Log([u8; 16]),
    /// A log record of no span, by the hash that is its identity: a step of its own, unless a span is found to
    /// which one of its [`JoinKey`]s leads.
    Alone([u8; 16]),
}

/// An id by which log records name a step whose span id they do not know: that of a call, of a request or of an
/// answer, as a hash of its class and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JoinKey(pub [u8; 16]);

/// A process that exports, as a hash of how its resource names it (`service.instance.id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub [u8; 16]);

/// What one record says about a step, without its content: enough for lists, trees and sums.
///
/// A summary is partial: a span and its logs each have one, and a reader joins them. Joining is the same in
/// any order, since every partial summary is kept with its [`Source`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The step that it speaks of.
    pub span_id: SpanId,
    /// The record that says it.
    pub source: Source,
    /// The parent, where the record names one.
    pub parent_span_id: Option<SpanId>,
    /// True where the parent is said to live in another process (bit 9 of the span's flags).
    pub remote_parent: bool,
    /// The name of the step.
    pub name: Option<String>,
    /// What the step does; `None` where the record does not say.
    pub kind: Option<Kind>,
    /// How it stands; `None` where the record does not say.
    pub status: Option<Status>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The agent's name.
    pub agent: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Who serves the model.
    pub provider: Option<String>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The provider's id of the answer, by which two spans of one call are known as such.
    pub response_id: Option<String>,
    /// Tokens by class.
    pub tokens: Usage,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// The session.
    pub session_id: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// The class of the error.
    pub error_type: Option<String>,
    /// How many places were redacted, by type.
    pub redactions: BTreeMap<String, u64>,
    /// The dialect that said most of it.
    pub dialect: Option<String>,
    /// For a span, the ids by which log records may name it; for a log record, the id by which it names a span.
    pub joins: Vec<JoinKey>,
    /// The process that runs the step, where the record says that it still runs.
    pub process: Option<ProcessId>,
}

impl Summary {
    /// A summary that says nothing yet.
    pub fn new(span_id: SpanId, source: Source) -> Self {
        Self {
            span_id,
            source,
            parent_span_id: None,
            remote_parent: false,
            name: None,
            kind: None,
            status: None,
            started_at: None,
            ended_at: None,
            agent: None,
            model: None,
            provider: None,
            tool: None,
            response_id: None,
            tokens: Usage::default(),
            cost_usd: None,
            session_id: None,
            user_id: None,
            error_type: None,
            redactions: BTreeMap::new(),
            dialect: None,
            joins: Vec::new(),
            process: None,
        }
    }

    /// Nanoseconds from beginning to end, where both are known.
    pub fn duration_ns(&self) -> Option<u64> {
        Some(self.ended_at?.nanos_since(self.started_at?))
    }
}
