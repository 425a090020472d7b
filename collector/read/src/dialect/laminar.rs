//! Laminar, whose own attributes say more than those of the libraries that it wraps.

use treering_step::{Content, Kind, Status, Summary};

use crate::evidence::Evidence;
use crate::reading::{Reading, messages_or_value, plain};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    let is_embedding = summary.name.as_deref().is_some_and(|name| name.ends_with(".embeddings"));
    fill!(summary.kind, || match kind(&fields.text(&["lmnr.span.type"])?)? {
        // It has no word of its own for these calls.
        Kind::Llm if is_embedding => Some(Kind::Embedding),
        kind => Some(kind),
    });
    fill!(summary.session_id, || fields.text(&["lmnr.association.properties.session_id"]));
    fill!(summary.user_id, || fields.text(&["lmnr.association.properties.user_id"]));
    // A wrapped function that throws leaves an exception, and the status as it was.
    if evidence.raised() && summary.status == Some(Status::Unset) {
        summary.status = Some(Status::Error);
    }
}

/// `DEFAULT` says nothing, and other dialects may.
fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "LLM" => Kind::Llm,
        "TOOL" => Kind::Tool,
        "EVALUATION" | "EVALUATOR" => Kind::Evaluation,
        "EXECUTOR" => Kind::Workflow,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let said = |key: &str, role: &str| -> Option<Content> {
        let value = evidence.fields.json(&[key])?;
        if kind == Kind::Llm { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.input, || said("lmnr.span.input", "user"));
    fill!(reading.output, || said("lmnr.span.output", "assistant"));
}
