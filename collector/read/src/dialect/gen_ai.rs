//! The OpenTelemetry conventions for generative AI, new names and former ones, on spans and on the event that
//! repeats or completes a span (`gen_ai.client.inference.operation.details`).

use treering_step::attributes::*;
use treering_step::{Kind, Summary};

use crate::evidence::{Evidence, OPERATION_EXCEPTION};
use crate::fields::Fields;
use crate::message::parts;
use crate::reading::{Reading, fill, messages_or_value, plain};
use crate::usage;

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Summary) {
    evidence.tellers().for_each(|fields| tell(fields, summary));
    for exception in evidence.named(OPERATION_EXCEPTION) {
        fill(&mut summary.error_type, || exception.fields.text(&[ERROR_TYPE, EXCEPTION_TYPE]));
    }
}

fn tell(fields: &Fields<'_>, summary: &mut Summary) {
    fill(&mut summary.kind, || kind(fields));
    fill(&mut summary.agent, || fields.text(&[GEN_AI_AGENT_NAME]));
    fill(&mut summary.model, || fields.text(&[GEN_AI_RESPONSE_MODEL, GEN_AI_REQUEST_MODEL]));
    fill(&mut summary.provider, || fields.text(&[GEN_AI_PROVIDER_NAME, GEN_AI_SYSTEM]));
    fill(&mut summary.tool, || fields.text(&[GEN_AI_TOOL_NAME]));
    fill(&mut summary.response_id, || fields.text(&[GEN_AI_RESPONSE_ID]));
    summary.tokens = summary.tokens.or(usage::from_fields(fields));
    // Not of the conventions; Pydantic AI and Laminar write these.
    fill(&mut summary.cost_usd, || fields.amount(&["operation.cost", "gen_ai.usage.cost"]));
    fill(&mut summary.session_id, || fields.text(&[GEN_AI_CONVERSATION_ID]));
    fill(&mut summary.user_id, || fields.text(&["gen_ai.user"]));
}

fn kind(fields: &Fields<'_>) -> Option<Kind> {
    if let Some(operation) = fields.text(&[GEN_AI_OPERATION_NAME]) {
        return of_operation(&operation);
    }
    let method = fields.text(&["mcp.method.name"])?;
    Some(if method == "tools/call" { Kind::Tool } else { Kind::Span })
}

/// The set of operations is open: what is not among these is left to the other dialects.
fn of_operation(operation: &str) -> Option<Kind> {
    Some(match operation {
        "chat" | "generate_content" | "text_completion" | "fetch_response" | "llm_request" => Kind::Llm,
        "embeddings" => Kind::Embedding,
        "retrieval" | "vector_db_retrieve" => Kind::Retrieval,
        "create_agent" | "invoke_agent" => Kind::Agent,
        "execute_tool" => Kind::Tool,
        // The turns of an agent: what Strands and the AI SDK put between it and its calls.
        "invoke_workflow" | "execute_event_loop_cycle" | "agent_step" => Kind::Workflow,
        "plan" => Kind::Plan,
        "rerank" => Kind::Rerank,
        memory if memory.ends_with("_memory") || memory.ends_with("_memory_store") => Kind::Memory,
        _ => return None,
    })
}

/// Where no dialect names a kind, what only one kind carries gives it away. A name that nobody knew is a name all
/// the same: what it stands for is no model call.
pub(crate) fn implied_kind(fields: &Fields<'_>) -> Option<Kind> {
    if fields.has(GEN_AI_OPERATION_NAME) || fields.has("traceloop.span.kind") {
        return None;
    }
    if fields.under("gen_ai.tool.call.").next().is_some() {
        return Some(Kind::Tool);
    }
    let model = [GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_MODEL, GEN_AI_SYSTEM, GEN_AI_PROVIDER_NAME];
    model.iter().any(|key| fields.has(key)).then_some(Kind::Llm)
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Reading) {
    for fields in evidence.tellers() {
        let json = |key: &str| fields.json(&[key]);
        fill(&mut reading.system, || Some(parts(&json(GEN_AI_SYSTEM_INSTRUCTIONS)?)));
        fill(&mut reading.input, || messages_or_value(json(GEN_AI_INPUT_MESSAGES)?, "user"));
        fill(&mut reading.output, || messages_or_value(json(GEN_AI_OUTPUT_MESSAGES)?, "assistant"));
        fill(&mut reading.call_id, || fields.text(&[GEN_AI_TOOL_CALL_ID]));
        fill(&mut reading.arguments, || json(GEN_AI_TOOL_CALL_ARGUMENTS));
        fill(&mut reading.result, || json(GEN_AI_TOOL_CALL_RESULT));
        let asked = ["gen_ai.retrieval.query.text", "gen_ai.memory.query.text"];
        fill(&mut reading.input, || plain(fields.json(&asked)?));
        let found = ["gen_ai.retrieval.documents", "gen_ai.memory.records"];
        fill(&mut reading.output, || plain(fields.json(&found)?));
    }
}
