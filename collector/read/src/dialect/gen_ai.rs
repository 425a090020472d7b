//! The OpenTelemetry conventions for generative AI, new names and former ones, on spans and on the event that
//! repeats or completes a span (`gen_ai.client.inference.operation.details`).

use serde_json::{Map, Value as Json};
use treering_step::attributes::*;
use treering_step::{Content, Kind, Summary};

use crate::evidence::{Evidence, OPERATION_EXCEPTION};
use crate::fields::Fields;
use crate::message::{decoded_result, parts};
use crate::reading::{Reading, messages_or_value, plain};
use crate::usage;
use crate::witness::{Told, fill};

/// What a judgement of a step consists of.
const JUDGEMENT: &[&str] = &[
    "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value",
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.explanation",
];

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    evidence.tellers().for_each(|fields| tell(fields, evidence.scope, summary));
    for exception in evidence.named(OPERATION_EXCEPTION) {
        fill!(summary.error_type, || exception.fields.text(&[ERROR_TYPE, EXCEPTION_TYPE]));
    }
}

fn tell(fields: &Fields<'_>, scope: &str, summary: &mut Told<Summary>) {
    fill!(summary.kind, || of_operation(&fields.text(&[GEN_AI_OPERATION_NAME])?));
    fill!(summary.agent, || fields.text(&[GEN_AI_AGENT_NAME]));
    fill!(summary.model, || fields.text(&[GEN_AI_RESPONSE_MODEL, GEN_AI_REQUEST_MODEL]));
    fill!(summary.provider, || fields.text(&[GEN_AI_PROVIDER_NAME, GEN_AI_SYSTEM]));
    fill!(summary.tool, || fields.text(&[GEN_AI_TOOL_NAME]));
    fill!(summary.response_id, || fields.text(&[GEN_AI_RESPONSE_ID]));
    summary.use_tokens(|| usage::from_fields(fields, scope));
    // Logfire keeps what the provider answered, which knows more classes.
    summary.use_tokens(|| {
        fields.json(&["gen_ai.usage.raw"]).map(|used| usage::from_json(&used)).unwrap_or_default()
    });
    // Not of the conventions; Pydantic AI, Laminar and OpenCode write these.
    fill!(summary.cost_usd, || {
        fields.amount(&["operation.cost", "gen_ai.usage.cost", "opencode.llm.cost.total"])
    });
    fill!(summary.session_id, || fields.text(&[GEN_AI_CONVERSATION_ID]));
    fill!(summary.user_id, || fields.text(&["gen_ai.user", "gen_ai.request.user"]));
}

/// The set of operations is open: what is not among these is left to the other dialects.
fn of_operation(operation: &str) -> Option<Kind> {
    Some(match operation {
        "chat" | "generate_content" | "text_completion" | "fetch_response" | "llm_request" => Kind::Llm,
        // Those of the Gemini CLI.
        "llm_call" => Kind::Llm,
        "tool_call" => Kind::Tool,
        "agent_call" => Kind::Agent,
        "embeddings" => Kind::Embedding,
        "retrieval" | "vector_db_retrieve" => Kind::Retrieval,
        "create_agent" | "invoke_agent" => Kind::Agent,
        "execute_tool" => Kind::Tool,
        // The turns of an agent: what Strands and the AI SDK put between it and its calls.
        "invoke_workflow" | "execute_event_loop_cycle" | "agent_step" => Kind::Workflow,
        // Several agents of Strands, and a step of a workflow of Google's kit.
        "invoke_swarm" | "invoke_graph" | "invoke_node" => Kind::Workflow,
        "plan" => Kind::Plan,
        "rerank" => Kind::Rerank,
        memory
            if memory.starts_with("memory.")
                || memory.ends_with("_memory")
                || memory.ends_with("_memory_store") =>
        {
            Kind::Memory
        }
        _ => return None,
    })
}

/// Where no dialect names a kind, what only one kind carries gives it away. A name that nobody knew is a name all
/// the same: what it stands for is no model call.
pub(crate) fn implied_kind(fields: &Fields<'_>) -> Option<Kind> {
    if fields.has(GEN_AI_OPERATION_NAME) || fields.has("traceloop.span.kind") {
        return None;
    }
    if JUDGEMENT.iter().any(|key| fields.get(key).is_some()) {
        return Some(Kind::Evaluation);
    }
    let call = [GEN_AI_TOOL_CALL_ID, GEN_AI_TOOL_CALL_ARGUMENTS, GEN_AI_TOOL_CALL_RESULT];
    if call.iter().any(|key| fields.get(key).is_some()) {
        return Some(Kind::Tool);
    }
    // A turn of an agent of Strands before it had a name for it.
    if ["event_loop.cycle_id", "agent_loop.cycle_id"].iter().any(|key| fields.get(key).is_some()) {
        return Some(Kind::Workflow);
    }
    let model = [GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_MODEL, GEN_AI_SYSTEM, GEN_AI_PROVIDER_NAME];
    model.iter().any(|key| fields.get(key).is_some()).then_some(Kind::Llm)
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    fill!(reading.output, || answer(evidence));
    for fields in evidence.tellers() {
        let json = |key: &str| fields.json(&[key]);
        fill!(reading.system, || Some(parts(&json(GEN_AI_SYSTEM_INSTRUCTIONS)?)));
        fill!(reading.input, || messages_or_value(json(GEN_AI_INPUT_MESSAGES)?, "user"));
        fill!(reading.finish, || fields.texts("gen_ai.response.finish_reasons").into_iter().next());
        fill!(reading.call_id, || fields.text(&[GEN_AI_TOOL_CALL_ID]));
        fill!(reading.arguments, || json(GEN_AI_TOOL_CALL_ARGUMENTS));
        fill!(reading.result, || Some(decoded_result(json(GEN_AI_TOOL_CALL_RESULT)?)));
        let asked = ["gen_ai.retrieval.query.text", "gen_ai.memory.query.text"];
        fill!(reading.input, || plain(fields.json(&asked)?));
        let found = ["gen_ai.retrieval.documents", "gen_ai.memory.records"];
        fill!(reading.output, || plain(fields.json(&found)?));
    }
    fill!(reading.output, || judgement(&evidence.fields));
}

/// The answer on the span, or else what its events tell of it: one message more each, where it was streamed.
fn answer(evidence: &Evidence<'_>) -> Option<Content> {
    let mut told = evidence.tellers().filter_map(|fields| fields.json(&[GEN_AI_OUTPUT_MESSAGES]));
    let first = told.next()?;
    let is_whole = evidence.fields.has(GEN_AI_OUTPUT_MESSAGES);
    let answer = if is_whole { first } else { told.fold(first, joined) };
    messages_or_value(answer, "assistant")
}

/// Two lists one after the other, without what the second repeats of the first.
fn joined(first: Json, second: Json) -> Json {
    match (first, second) {
        (Json::Array(mut messages), Json::Array(more)) => {
            let new: Vec<Json> = more.into_iter().filter(|message| !messages.contains(message)).collect();
            messages.extend(new);
            Json::Array(messages)
        }
        (first, _) => first,
    }
}

/// What a judgement of a step says, where it is a step of its own.
fn judgement(fields: &Fields<'_>) -> Option<Content> {
    let said = |key: &&str| Some((key.rsplit('.').next()?.to_owned(), fields.get(key)?.to_json()));
    let judgement: Map<String, Json> = JUDGEMENT.iter().filter_map(said).collect();
    (!judgement.is_empty()).then_some(Content::Value(Json::Object(judgement)))
}
