//! Codex CLI: log records that tell a whole conversation, and spans that hardly tell more than tokens. Most of its
//! numbers are texts.

use treering_otlp::Value;
use treering_step::{Content, Kind, Message, Status, Summary, Usage};

use super::coding_agent::{Belongs, fail, success, to_call, user};
use crate::evidence::{Evidence, Happening};
use crate::fields::Fields;
use crate::joins::Class;
use crate::reading::Reading;
use crate::witness::{Told, fill};

/// The name of the agent.
const AGENT: &str = "codex";
const TURN: &str = "codex.turn.token_usage.";

pub(super) fn is_spoken(evidence: &Evidence<'_>) -> bool {
    evidence.scope.starts_with(AGENT) || events(evidence).next().is_some()
}

fn event<'a>(told: &Happening<'a>) -> Option<&'a str> {
    told.is_log.then(|| told.name.strip_prefix("codex.")).flatten()
}

fn events<'e, 'a>(evidence: &'e Evidence<'a>) -> impl Iterator<Item = (&'a str, &'e Fields<'a>)> {
    evidence.happenings.iter().filter_map(|told| Some((event(told)?, &told.fields)))
}

/// A request and its stream are told by many records without a common id. Of those that succeed only the one that
/// counts the tokens is a call; all others speak of the conversation.
pub(super) fn belongs(told: &Happening<'_>) -> Option<Belongs> {
    let (word, fields) = (event(told)?, &told.fields);
    let conversation = || Class::Conversation.key(fields);
    Some(match kind(word, fields) {
        Some(Kind::Tool) => to_call(Class::Call, fields),
        Some(Kind::Agent) => conversation().map_or(Belongs::Aside, Belongs::Opening),
        // Where there are spans, they count the tokens, but tell neither prompts nor refusals.
        Some(Kind::Llm) if counts(fields) => Belongs::Aside,
        Some(_) => Belongs::Alone,
        None => conversation().map_or(Belongs::Aside, Belongs::ToConversation),
    })
}

fn kind(word: &str, fields: &Fields<'_>) -> Option<Kind> {
    match word {
        "conversation_starts" => Some(Kind::Agent),
        "user_prompt" => Some(Kind::Workflow),
        // What a whole turn came to, and no call of its own.
        "agent_response" => Some(Kind::Span),
        "tool_decision" | "tool_result" | "sandbox_outcome" => Some(Kind::Tool),
        "sse_event" | "api_request" | "websocket_request" | "websocket_connect" | "websocket_event" => {
            (counts(fields) || is_failure(fields)).then_some(Kind::Llm)
        }
        _ => None,
    }
}

fn counts(fields: &Fields<'_>) -> bool {
    fields.has("input_token_count") || fields.has("output_token_count")
}

fn is_failure(fields: &Fields<'_>) -> bool {
    let status = fields.int(&["http.response.status_code"]);
    fields.has("error.message")
        || fields.truth(&["success"]) == Some(false)
        || status.is_some_and(|status| !(200..300).contains(&status))
}

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    if evidence.scope.starts_with(AGENT) && !evidence.name.is_empty() {
        of_span(&evidence.fields, summary);
    }
    for (word, fields) in events(evidence) {
        of_event(word, fields, summary);
    }
}

/// A span is a turn, the end of a model's answer, or the call of a tool; or else a function.
fn of_span(fields: &Fields<'_>, summary: &mut Told<Summary>) {
    if fields.any_under(TURN) {
        fill!(summary.kind, || Some(Kind::Workflow));
        fill!(summary.model, || fields.text(&["model"]));
        summary.use_tokens(|| of_turn(fields));
    }
    if fields.any_under("gen_ai.usage.") {
        fill!(summary.kind, || Some(Kind::Llm));
        fill!(summary.tokens.reasoning, || fields.int(&["codex.usage.reasoning_output_tokens"]));
    }
    // Others merely watch a call.
    if fields.has("tool_name") && fields.has("call_id") && fields.has("aborted") {
        fill!(summary.kind, || Some(Kind::Tool));
        fill!(summary.tool, || fields.text(&["tool_name"]));
    }
    // It names the call as well in which it ran, and is none.
    fill!(summary.kind, || Some(Kind::Span));
    let thread = || fields.get("thread.id").filter(|id| matches!(id, Value::Text(_)))?.as_text();
    fill!(summary.session_id, || fields.text(&["conversation.id"]).or_else(|| thread().map(str::to_owned)));
}

fn of_turn(fields: &Fields<'_>) -> Usage {
    let count = |name: &str| fields.int(&[&format!("{TURN}{name}")]);
    Usage {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cached_input_tokens"),
        cache_write: count("cache_write_input_tokens"),
        reasoning: count("reasoning_output_tokens"),
    }
}

fn of_event(word: &str, fields: &Fields<'_>, summary: &mut Told<Summary>) {
    let kind = kind(word, fields);
    fill!(summary.kind, || Some(kind.unwrap_or(Kind::Agent)));
    match kind {
        None | Some(Kind::Agent) => fill!(summary.agent, || Some(AGENT.to_owned())),
        Some(Kind::Tool) => fill!(summary.tool, || fields.text(&["tool_name"])),
        Some(Kind::Llm) => {
            fill!(summary.model, || fields.text(&["model", "slug"]));
            summary.use_tokens(|| of_answer(fields));
        }
        _ => {}
    }
    let success = success(summary, fields);
    if kind.is_some() && is_failure(fields) {
        fail(summary, fields, &["http.response.status_code", "event.kind"]);
    } else if word == "tool_result" && success == Some(true) {
        fill!(summary.status, || Some(Status::Ok));
    }
    fill!(summary.session_id, || fields.text(&["conversation.id"]));
    fill!(summary.user_id, || user(fields));
}

fn of_answer(fields: &Fields<'_>) -> Usage {
    Usage {
        input: fields.int(&["input_token_count"]),
        output: fields.int(&["output_token_count"]),
        cache_read: fields.int(&["cached_token_count"]),
        cache_write: fields.int(&["cache_write_token_count"]),
        reasoning: fields.int(&["reasoning_token_count"]),
    }
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let said = |role: &str, text: String| Some(Content::Messages(vec![Message::text(role, &text)]));
    if evidence.scope.starts_with(AGENT) {
        fill!(reading.call_id, || evidence.fields.text(&["call_id"]));
    }
    for (word, fields) in events(evidence) {
        match word {
            "user_prompt" if kind != Kind::Span => {
                fill!(reading.input, || said("user", fields.text(&["prompt"])?));
            }
            "agent_response" => fill!(reading.output, || said("assistant", fields.text(&["response"])?)),
            "tool_result" | "tool_decision" => {
                fill!(reading.call_id, || fields.text(&["call_id"]));
                fill!(reading.arguments, || fields.json(&["arguments"]));
                fill!(reading.result, || fields.json(&["output"]));
            }
            _ => {}
        }
        fill!(reading.failure, || fields.text(&["error.message"]));
        if word == "tool_result" && is_failure(fields) {
            fill!(reading.failure, || fields.text(&["output"]));
        }
    }
}
