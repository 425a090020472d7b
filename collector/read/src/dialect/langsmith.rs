//! LangSmith: runs of LangChain, whose inputs and outputs are JSON under the oldest names of the conventions. It
//! is asked before these, since it calls a retriever's operation "embeddings".

use treering_step::{Content, Kind, Status, Summary, Usage};

use crate::decode::json_int;
use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::reading::{Reading, messages_or_value, plain};
use crate::usage;
use crate::witness::{Told, fill};

const KIND: &str = "langsmith.span.kind";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&fields.text(&[KIND])?));
    let metadata = |name: &str| fields.text(&[&format!("langsmith.metadata.{name}")]);
    fill!(summary.provider, || metadata("ls_provider"));
    fill!(summary.model, || {
        fields.text(&["gen_ai.response.model"]).or_else(|| metadata("ls_model_name"))
    });
    summary.use_tokens(|| {
        let used = fields.json(&["langsmith.usage_metadata", "langsmith.metadata.usage_metadata"]);
        used.map(|used| usage::from_json(&used)).unwrap_or_default()
    });
    summary.use_tokens(|| details(fields));
    // What LangSmith itself calls a session is a project.
    let thread = || ["thread_id", "session_id", "conversation_id"].into_iter().find_map(metadata);
    fill!(summary.session_id, thread);
    fill!(summary.user_id, || metadata("user_id"));
    // In JavaScript a run that failed ends as all right, and only its exception tells.
    if evidence.raised() && fields.has(KIND) {
        summary.status = Some(Status::Error);
    }
}

/// The classes of tokens beside their sums.
fn details(fields: &Fields<'_>) -> Usage {
    let class = |key: &str, name: &str| json_int(fields.json(&[key])?.get(name)?);
    Usage {
        cache_read: class("gen_ai.usage.input_token_details", "cache_read"),
        cache_write: class("gen_ai.usage.input_token_details", "cache_creation"),
        reasoning: class("gen_ai.usage.output_token_details", "reasoning"),
        ..Usage::default()
    }
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "llm" => Kind::Llm,
        "chain" => Kind::Workflow,
        "tool" => Kind::Tool,
        "retriever" => Kind::Retrieval,
        "embedding" => Kind::Embedding,
        "prompt" | "parser" => Kind::Span,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    if !fields.has(KIND) {
        return;
    }
    let said = |key: &str, role: &str| -> Option<Content> {
        let value = fields.json(&[key])?;
        if kind == Kind::Llm { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.input, || said("gen_ai.prompt", "user"));
    fill!(reading.output, || said("gen_ai.completion", "assistant"));
}
