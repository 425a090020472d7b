//! Mastra: the GenAI conventions for calls and tools, words of its own for the agent, its turns and the pieces of
//! its streams. The input of a call stands on the turn around it.

use treering_step::{Content, Kind, Summary};

use crate::evidence::Evidence;
use crate::reading::{Reading, messages_or_value, plain};
use crate::witness::{Told, fill};

const TYPE: &str = "mastra.span.type";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&fields.text(&[TYPE])?));
    fill!(summary.session_id, || fields.text(&["mastra.metadata.threadId", "mastra.metadata.sessionId"]));
    fill!(summary.user_id, || fields.text(&["mastra.metadata.userId", "mastra.metadata.resourceId"]));
}

/// The set is open. Without an inference below it, which older versions have not, a generation is the call; that
/// it then calls itself a chat is heard before this.
fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "agent_run" => Kind::Agent,
        "model_inference" => Kind::Llm,
        "model_generation" | "model_step" => Kind::Workflow,
        "tool_call" | "mcp_tool_call" | "client_tool_call" | "provider_tool_call" => Kind::Tool,
        "memory_operation" => Kind::Memory,
        "rag_embedding" => Kind::Embedding,
        "rag_vector_operation" => Kind::Retrieval,
        "scorer_run" | "scorer_step" | "classifier_evaluation" => Kind::Evaluation,
        workflow if workflow.starts_with("workflow_") => Kind::Workflow,
        _ => Kind::Span,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let Some(word) = evidence.fields.text(&[TYPE]) else { return };
    let said = |end: &str, role: &str| -> Option<Content> {
        let value = evidence.fields.json(&[&format!("mastra.{word}.{end}")])?;
        let speaks = word == "agent_run" || word.starts_with("model_");
        if speaks { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.input, || said("input", "user"));
    fill!(reading.output, || said("output", "assistant"));
}
