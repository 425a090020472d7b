//! MLflow: every value is JSON in a text, names and numbers too.

use serde_json::Value as Json;
use treering_step::{Content, Kind, Summary};

use crate::decode::{json_amount, text_in};
use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::reading::{Reading, messages_or_value, plain};
use crate::usage;
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&word(fields, "mlflow.spanType")?));
    fill!(summary.model, || word(fields, "mlflow.llm.model"));
    // Of a call that failed it keeps only what the call was made with.
    let is_call = matches!(summary.kind, Some(Kind::Llm | Kind::Embedding));
    fill!(summary.model, || word(fields, "model").filter(|_| is_call));
    fill!(summary.provider, || word(fields, "mlflow.llm.provider"));
    summary.use_tokens(|| {
        fields.encoded("mlflow.chat.tokenUsage").map(|used| usage::from_json(&used)).unwrap_or_default()
    });
    fill!(summary.cost_usd, || json_amount(fields.encoded("mlflow.llm.cost")?.get("total_cost")?));
    fill!(summary.session_id, || word(fields, "mlflow.trace.session"));
    fill!(summary.user_id, || word(fields, "mlflow.trace.user"));
    // What LangChain was told of a run, in an attribute whose name stays as it is.
    let metadata = |names: &[&str]| text_in(&fields.encoded("metadata")?, names);
    fill!(summary.session_id, || metadata(&["thread_id", "session_id", "conversation_id"]));
    fill!(summary.user_id, || metadata(&["user_id"]));
}

fn word(fields: &Fields<'_>, key: &str) -> Option<String> {
    match fields.encoded(key)? {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "LLM" | "CHAT_MODEL" => Kind::Llm,
        "CHAIN" | "WORKFLOW" => Kind::Workflow,
        "AGENT" => Kind::Agent,
        "TOOL" => Kind::Tool,
        "RETRIEVER" => Kind::Retrieval,
        "EMBEDDING" => Kind::Embedding,
        "RERANKER" => Kind::Rerank,
        "MEMORY" => Kind::Memory,
        "GUARDRAIL" => Kind::Guardrail,
        "EVALUATOR" => Kind::Evaluation,
        "PARSER" | "TASK" | "UNKNOWN" => Kind::Span,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let said = |key: &str, role: &str| -> Option<Content> {
        let value = evidence.fields.encoded(key)?;
        if kind == Kind::Llm { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.call_id, || word(&evidence.fields, "tool_call_id"));
    fill!(reading.input, || said("mlflow.spanInputs", "user"));
    fill!(reading.output, || said("mlflow.spanOutputs", "assistant"));
}
