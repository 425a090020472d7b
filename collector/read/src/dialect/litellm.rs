//! LiteLLM, where it goes beyond the GenAI conventions or beside them: operations that are named after its
//! functions, calls of tools that stand beside their message, dictionaries as Python prints them, and under each
//! call a span with the request and the answer as the provider knows them.

use treering_step::attributes::{GEN_AI_OPERATION_NAME, GEN_AI_OUTPUT_MESSAGES};
use treering_step::{Content, Kind, Message, Part, Summary};

use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::message::conversation;
use crate::python;
use crate::reading::{Reading, messages};
use crate::usage;
use crate::witness::{Told, fill};

const SCOPE: &str = "litellm";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    if evidence.scope != SCOPE {
        return;
    }
    fill!(summary.kind, || kind(&fields.text(&[GEN_AI_OPERATION_NAME, "llm.request.type"])?));
    summary.use_tokens(|| {
        let used = fields.text(&["metadata.usage_object"]).and_then(|text| python::parse(&text));
        used.map(|used| usage::from_json(&used)).unwrap_or_default()
    });
    fill!(summary.cost_usd, || fields.amount(&["gen_ai.cost.total_cost"]));
    fill!(summary.user_id, || fields.text(&["metadata.user_api_key_end_user_id"]));
}

/// Of most functions there are two, of which the asynchronous one has an `a` before its name.
fn kind(function: &str) -> Option<Kind> {
    Some(match function.strip_prefix('a').unwrap_or(function) {
        "completion"
        | "text_completion"
        | "responses"
        | "nthropic_messages"
        | "generate_content"
        | "generate_content_stream" => Kind::Llm,
        "embedding" => Kind::Embedding,
        "rerank" => Kind::Rerank,
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    if evidence.scope != SCOPE {
        return;
    }
    fill!(reading.output, || with_calls(fields));
    fill!(reading.input, || ["messages", "input"].iter().find_map(|name| raw(fields, name, "user")));
    let answers = ["choices", "content", "output"];
    fill!(reading.output, || answers.iter().find_map(|name| raw(fields, name, "assistant")));
}

/// What the provider was sent or answered: `llm.openai.messages`.
fn raw(fields: &Fields<'_>, name: &str, role: &str) -> Option<Content> {
    let is_named = |key: &str| key.starts_with("llm.") && key.splitn(3, '.').nth(2) == Some(name);
    let (_, value) = fields.in_order(is_named).next()?;
    messages(&python::parse(value.as_text()?)?, role)
}

/// The answer with the calls of tools that stand beside it.
fn with_calls(fields: &Fields<'_>) -> Option<Content> {
    let beside = conversation(&fields.list("gen_ai.completion.")?, "assistant")?;
    let is_call = |part: &Part| matches!(part, Part::ToolCall { .. });
    let calls: Vec<Part> = beside.into_iter().flat_map(|message| message.parts).filter(is_call).collect();
    let told = fields.json(&[GEN_AI_OUTPUT_MESSAGES]).and_then(|told| conversation(&told, "assistant"));
    let mut answer = told.filter(|_| !calls.is_empty())?;
    if answer.iter().flat_map(|message| &message.parts).any(is_call) {
        return None;
    }
    match answer.last_mut() {
        Some(last) => last.parts.extend(calls),
        None => answer.push(Message::new("assistant", calls)),
    }
    Some(Content::Messages(answer))
}
