//! Genkit: what it runs are actions of a subtype, whose input and output are JSON in a text.

use serde_json::Value as Json;
use treering_step::{Content, Kind, Summary};

use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::reading::{Reading, messages_or_value, plain};
use crate::usage;
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(fields));
    let name = || fields.text(&["genkit:name"]);
    match summary.kind {
        Some(Kind::Tool) => fill!(summary.tool, name),
        Some(Kind::Llm) => call(fields, summary),
        Some(Kind::Embedding | Kind::Rerank) => name_model(fields, summary),
        _ => {}
    }
}

/// The answer of the provider is kept below the answer of the action.
fn call(fields: &Fields<'_>, summary: &mut Told<Summary>) {
    let answer = || fields.json(&["genkit:output"]);
    let of_provider = |name: &str| Some(answer()?.get("raw")?.get(name)?.as_str()?.to_owned());
    fill!(summary.model, || of_provider("model"));
    fill!(summary.response_id, || of_provider("id"));
    name_model(fields, summary);
    let used = |answer: Json| answer.get("usage").map(usage::from_json);
    summary.use_tokens(|| answer().and_then(used).unwrap_or_default());
}

/// `openai/gpt-4o-mini`: the plug-in, and what it calls the model.
fn name_model(fields: &Fields<'_>, summary: &mut Told<Summary>) {
    let halves = || {
        let name = fields.text(&["genkit:name"])?;
        name.split_once('/').map(|(plugin, model)| (plugin.to_owned(), model.to_owned()))
    };
    fill!(summary.model, || halves().map(|(_, model)| model));
    fill!(summary.provider, || halves().map(|(plugin, _)| plugin));
}

fn kind(fields: &Fields<'_>) -> Option<Kind> {
    let Some(subtype) = fields.text(&["genkit:metadata:subtype"]) else {
        // `generate`, the loop around calls and tools; a step of a flow is any function.
        return fields
            .text(&["genkit:type"])
            .map(|word| if word == "util" { Kind::Workflow } else { Kind::Span });
    };
    Some(match subtype.as_str() {
        "flow" => Kind::Workflow,
        "model" | "background-model" => Kind::Llm,
        "tool" | "tool.v2" => Kind::Tool,
        "embedder" => Kind::Embedding,
        "retriever" => Kind::Retrieval,
        "reranker" => Kind::Rerank,
        "evaluator" => Kind::Evaluation,
        _ => Kind::Span,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    let is_generation = kind == Kind::Llm || fields.text(&["genkit:type"]).as_deref() == Some("util");
    let said = |key: &str, role: &str| -> Option<Content> {
        let value = fields.json(&[key])?;
        if is_generation { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.input, || said("genkit:input", "user"));
    fill!(reading.output, || said("genkit:output", "assistant"));
}
