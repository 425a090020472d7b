//! Langfuse: a text that was a text stays one, everything else is JSON in a text.

use serde_json::Value as Json;
use treering_step::{Content, Kind, Status, Summary};

use crate::decode::json_amount;
use crate::evidence::Evidence;
use crate::reading::{Reading, messages_or_value, plain};
use crate::usage;
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&fields.text(&["langfuse.observation.type"])?));
    fill!(summary.model, || fields.text(&["langfuse.observation.model.name"]));
    summary.use_tokens(|| {
        fields
            .json(&["langfuse.observation.usage_details"])
            .map(|used| usage::from_json(&used))
            .unwrap_or_default()
    });
    let cost = || json_amount(fields.json(&["langfuse.observation.cost_details"])?.get("total")?);
    fill!(summary.cost_usd, cost);
    let session = ["langfuse.session.id", "langfuse.observation.metadata.langfuse_session_id"];
    fill!(summary.session_id, || fields.text(&session));
    let user = ["langfuse.user.id", "langfuse.observation.metadata.langfuse_user_id"];
    fill!(summary.user_id, || fields.text(&user));
    let is_error = fields.text(&["langfuse.observation.level"]).as_deref() == Some("ERROR");
    if is_error && summary.status == Some(Status::Unset) {
        summary.status = Some(Status::Error);
    }
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "generation" => Kind::Llm,
        "embedding" => Kind::Embedding,
        "agent" => Kind::Agent,
        "tool" => Kind::Tool,
        "chain" => Kind::Workflow,
        "retriever" => Kind::Retrieval,
        "evaluator" => Kind::Evaluation,
        "guardrail" => Kind::Guardrail,
        "span" | "event" => Kind::Span,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let said = |key: &str, role: &str| -> Option<Content> {
        let mut value = evidence.fields.json(&[key])?;
        if kind != Kind::Llm {
            return plain(value);
        }
        if let Json::Array(messages) = &mut value {
            messages.retain(|message| !is_definition(message));
        }
        messages_or_value(value, role)
    };
    fill!(reading.failure, || evidence.fields.text(&["langfuse.observation.status_message"]));
    fill!(reading.input, || said("langfuse.observation.input", "user"));
    fill!(reading.output, || said("langfuse.observation.output", "assistant"));
}

/// Its handler for LangChain puts the tools that a model may call among the messages, as if they had spoken.
fn is_definition(message: &Json) -> bool {
    message.get("role").is_some_and(|role| role == "tool")
        && message.pointer("/content/type").is_some_and(|kind| kind == "function")
}
