//! VoltAgent: plain words for an agent and what it does.

use treering_step::{Content, Kind, Summary, Usage};

use crate::evidence::Evidence;
use crate::reading::{Reading, messages, plain};
use crate::witness::{Told, fill};

/// Every step names the agent or the workflow that it belongs to.
const OWNER: &str = "entity.type";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    if !fields.has(OWNER) {
        return;
    }
    let own = || of_step(&fields.text(&["span.type"])?);
    fill!(summary.kind, || own().or_else(|| of_owner(&fields.text(&[OWNER])?)));
    fill!(summary.model, || fields.text(&["llm.model", "ai.model.name"]));
    fill!(summary.tool, || fields.text(&["tool.name"]));
    if summary.kind == Some(Kind::Agent) {
        fill!(summary.agent, || fields.text(&["entity.name"]));
        // A step of the model holds all turns of it and counts the last one; the agent counts them all.
        summary.use_tokens(|| Usage {
            input: fields.int(&["usage.prompt_tokens"]),
            output: fields.int(&["usage.completion_tokens"]),
            cache_read: fields.int(&["usage.cached_tokens"]),
            cache_write: None,
            reasoning: fields.int(&["usage.reasoning_tokens"]),
        });
    }
    fill!(summary.session_id, || fields.text(&["conversation.id"]));
}

fn of_step(word: &str) -> Option<Kind> {
    Some(match word {
        "agent" => Kind::Agent,
        "llm" => Kind::Llm,
        "tool" => Kind::Tool,
        "memory" => Kind::Memory,
        "retriever" => Kind::Retrieval,
        "guardrail" => Kind::Guardrail,
        "scorer" => Kind::Evaluation,
        "workflow" | "workflow-step" => Kind::Workflow,
        _ => Kind::Span,
    })
}

fn of_owner(word: &str) -> Option<Kind> {
    match word {
        "agent" => Some(Kind::Agent),
        "workflow" => Some(Kind::Workflow),
        _ => None,
    }
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    if !fields.has(OWNER) {
        return;
    }
    let said = |key: &str| -> Option<Content> { plain(fields.json(&[key])?) };
    fill!(reading.input, || messages(&fields.json(&["llm.messages"])?, "user"));
    fill!(reading.input, || said("input"));
    fill!(reading.output, || said("output"));
    fill!(reading.call_id, || fields.text(&["tool.call.id"]));
}
