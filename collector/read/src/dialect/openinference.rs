//! OpenInference (Arize): lists flattened into keys, and provider requests as JSON in a text.

use serde_json::Value as Json;
use treering_otlp::Value;
use treering_step::attributes::{SESSION_ID, USER_ID};
use treering_step::{Content, Kind, Part, Summary, Usage};

use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::message::parts;
use crate::reading::{Reading, messages, messages_or_value, plain};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(&fields.text(&["openinference.span.kind"])?));
    fill!(summary.agent, || fields.text(&["agent.name"]));
    // The bridge of the OpenAI Agents SDK names agents as nodes of a graph alone.
    if summary.kind == Some(Kind::Agent) {
        fill!(summary.agent, || fields.text(&["graph.node.id"]));
    }
    let models = ["llm.response.model_name", "llm.model_name", "llm.request.model_name"];
    fill!(summary.model, || fields.text(&models));
    fill!(summary.model, || fields.text(&["embedding.model_name", "reranker.model_name"]));
    fill!(summary.provider, || fields.text(&["llm.provider", "llm.system"]));
    fill!(summary.tool, || fields.text(&["tool.name"]));
    summary.use_tokens(|| Usage {
        input: fields.int(&["llm.token_count.prompt"]),
        output: fields.int(&["llm.token_count.completion"]),
        cache_read: fields.int(&[
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ]),
        cache_write: fields.int(&["llm.token_count.prompt_details.cache_write"]),
        reasoning: fields.int(&["llm.token_count.completion_details.reasoning"]),
    });
    fill!(summary.cost_usd, || fields.amount(&["llm.cost.total"]));
    // LangChain's users say it in the metadata of a run.
    fill!(summary.user_id, || fields.text(&[USER_ID]).or_else(|| metadata(fields, &["user_id"])));
    let session = || metadata(fields, &["session_id", "thread_id", "conversation_id"]);
    fill!(summary.session_id, || fields.text(&[SESSION_ID]).or_else(session));
}

fn metadata(fields: &Fields<'_>, names: &[&str]) -> Option<String> {
    let metadata = fields.json(&["metadata"])?;
    let said = names.iter().find_map(|name| metadata.get(name)?.as_str());
    said.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "LLM" => Kind::Llm,
        "EMBEDDING" => Kind::Embedding,
        "CHAIN" => Kind::Workflow,
        "RETRIEVER" => Kind::Retrieval,
        "RERANKER" => Kind::Rerank,
        "TOOL" => Kind::Tool,
        "AGENT" => Kind::Agent,
        "GUARDRAIL" => Kind::Guardrail,
        "EVALUATOR" => Kind::Evaluation,
        "PROMPT" | "DECISION" | "UNKNOWN" => Kind::Span,
        _ => return None,
    })
}

const FOUND: &[&str] = &["retrieval.documents.", "reranker.output_documents."];

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    let flattened = || messages(&fields.list("llm.input_messages.")?, "user");
    fill!(reading.input, || flattened().filter(is_asked));
    fill!(reading.output, || messages(&fields.list("llm.output_messages.")?, "assistant"));
    fill!(reading.input, || texts(fields, "llm.prompts.", "prompt", "user"));
    fill!(reading.output, || texts(fields, "llm.choices.", "completion", "assistant"));
    let is_said = fields.has("input.value");
    if FOUND.iter().any(|prefix| fields.any_under(prefix))
        && !lists_objects(fields.json(&["output.value"]).as_ref())
    {
        found(fields, reading);
    }
    fill!(reading.input, || value(fields, "input.value", "input.mime_type", kind, "user"));
    fill!(reading.input, flattened);
    if kind == Kind::Llm {
        // Of Anthropic's requests the instructions are not among the flattened messages.
        fill!(reading.system, || instructions(&fields.json(&["input.value"])?));
    }
    fill!(reading.output, || value(fields, "output.value", "output.mime_type", kind, "assistant"));
    // The flattened messages have no place for the thoughts of some providers.
    if kind == Kind::Llm && fields.mentions("output.value", "reasoning") && reading.thoughts().is_none() {
        fill!(reading.reasoning, || thoughts(&fields.json(&["output.value"])?));
    }
    found(fields, reading);
    fill!(reading.finish, || fields.text(&["llm.finish_reason"]));
    fill!(reading.call_id, || fields.text(&["tool.id", "tool_call.id"]));
    // Some write the schema of a tool here and its arguments as the input, some have only this.
    let parameters = || fields.json(&["tool.parameters"]).filter(|_| kind == Kind::Tool && !is_said);
    fill!(reading.arguments, parameters);
}

fn instructions(request: &Json) -> Option<Vec<Part>> {
    request.as_object().and_then(|request| request.get("system")).map(parts)
}

/// Of the container of a call there may be nothing but the instructions among the messages.
fn is_asked(content: &Content) -> bool {
    let Content::Messages(messages) = content else { return true };
    messages.iter().any(|message| message.role != "system")
}

/// A text where it says that it is one. Who does not say it writes both.
fn value(fields: &Fields<'_>, key: &str, mime_key: &str, kind: Kind, role: &str) -> Option<Content> {
    let mime = fields.get(mime_key).and_then(|mime| mime.as_text());
    let is_text = mime.is_some_and(|mime| !mime.contains("json"));
    let value = match fields.get(key)? {
        Value::Text(text) if is_text => Json::from(text),
        _ => fields.json(&[key])?,
    };
    if kind == Kind::Llm { messages_or_value(value, role) } else { plain(value) }
}

/// The thoughts in the answer of a provider.
fn thoughts(answer: &Json) -> Option<String> {
    let answer = Reading { output: messages(answer, "assistant"), ..Reading::default() };
    answer.thoughts()
}

fn texts(fields: &Fields<'_>, prefix: &str, name: &str, role: &str) -> Option<Content> {
    let list = fields.list(prefix)?;
    let texts: Json =
        list.as_array()?.iter().filter_map(|item| item.get(name)?.get("text").cloned()).collect();
    messages(&texts, role)
}

/// What a search found. Some print the objects of their language as its output: then this says more.
fn found(fields: &Fields<'_>, reading: &mut Told<Reading>) {
    for prefix in FOUND {
        fill!(reading.output, || documents(fields, prefix));
    }
}

fn lists_objects(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Array(items)) => items.iter().any(Json::is_object),
        Some(Json::Object(object)) => object.values().any(|value| lists_objects(Some(value))),
        _ => false,
    }
}

fn documents(fields: &Fields<'_>, prefix: &str) -> Option<Content> {
    let list = fields.list(prefix)?;
    let documents: Json = list.as_array()?.iter().filter_map(|item| item.get("document").cloned()).collect();
    plain(documents)
}
