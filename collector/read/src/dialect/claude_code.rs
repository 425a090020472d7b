//! Claude Code: spans in words of its own, and log records which alone know what a call cost and what was said.
//! It counts cached tokens beside the input.

use serde_json::{Map, Value as Json};
use treering_otlp::Value;
use treering_step::attributes::SESSION_ID;
use treering_step::{Content, Kind, Message, Status, Summary, Usage};

use super::coding_agent::{Belongs, fail, success, to_call, user};
use crate::decode::parse;
use crate::evidence::{Evidence, Happening};
use crate::fields::Fields;
use crate::joins::Class;
use crate::reading::{Reading, messages};
use crate::witness::{Told, fill};

const PREFIX: &str = "claude_code.";
const SCOPE: &str = "com.anthropic.claude_code";

pub(super) fn is_spoken(evidence: &Evidence<'_>) -> bool {
    span_type(evidence).is_some() || evidence.happenings.iter().any(|told| event(told).is_some())
}

/// What kind of span it is, in its own words.
fn span_type(evidence: &Evidence<'_>) -> Option<String> {
    let word = || evidence.fields.text(&["span.type"]);
    let of_name = evidence.name.strip_prefix(PREFIX).map(str::to_owned);
    let of_type = || Some(word()?.strip_prefix(PREFIX)?.to_owned());
    of_name.or_else(of_type).or_else(|| word().filter(|_| evidence.scope.starts_with(SCOPE)))
}

/// The name of a log record; it has the prefix in its body, and in some relays in its name.
fn event<'a>(told: &Happening<'a>) -> Option<&'a str> {
    let body = match told.body {
        Value::Text(text) => text,
        _ => "",
    };
    let named = || [told.name, body].into_iter().find_map(|name| name.strip_prefix(PREFIX));
    told.is_log.then(named).flatten()
}

/// The log records of this name.
fn events<'e, 'a>(evidence: &'e Evidence<'a>, name: &str) -> impl Iterator<Item = &'e Fields<'a>> {
    evidence.happenings.iter().filter(move |told| event(told) == Some(name)).map(|told| &told.fields)
}

pub(super) fn belongs(told: &Happening<'_>) -> Option<Belongs> {
    let fields = &told.fields;
    Some(match kind_of_event(event(told)?, fields) {
        Kind::Tool => to_call(Class::Call, fields),
        Kind::Llm => to_call(Class::Request, fields),
        Kind::Agent => of_session(fields),
        _ => Belongs::Aside,
    })
}

/// What is written at the start belongs to no prompt; the first record of all opens the session.
fn of_session(fields: &Fields<'_>) -> Belongs {
    let is_first = fields.int(&["event.sequence"]) == Some(0);
    let belongs = if is_first { Belongs::Opening } else { Belongs::ToConversation };
    Class::Conversation.key(fields).map_or(Belongs::Aside, belongs)
}

fn kind_of_span(word: &str) -> Kind {
    match word {
        "interaction" => Kind::Agent,
        "llm_request" | "llm" => Kind::Llm,
        "tool" => Kind::Tool,
        _ => Kind::Span,
    }
}

fn kind_of_event(word: &str, fields: &Fields<'_>) -> Kind {
    match word {
        "user_prompt" => Kind::Workflow,
        "api_request" | "api_error" | "api_refusal" | "api_response_body" | "assistant_response" => Kind::Llm,
        "tool_decision" | "tool_result" => Kind::Tool,
        _ if !fields.has("prompt.id") && fields.has(SESSION_ID) => Kind::Agent,
        _ => Kind::Span,
    }
}

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    fill!(summary.kind, || Some(kind_of_span(&span_type(evidence)?)));
    if let Some(word) = span_type(evidence) {
        tell(&evidence.fields, kind_of_span(&word), summary);
    }
    for told in &evidence.happenings {
        let Some(word) = event(told) else { continue };
        let kind = kind_of_event(word, &told.fields);
        tell(&told.fields, kind, summary);
        match word {
            "api_request" => fill!(summary.cost_usd, || told.fields.amount(&["cost_usd"])),
            "api_error" | "api_retries_exhausted" if kind != Kind::Agent => {
                fail(summary, &told.fields, ERROR_TYPES)
            }
            _ => {}
        }
    }
}

const ERROR_TYPES: &[&str] = &["error.type", "error_type", "error_class", "status_code"];

fn tell(fields: &Fields<'_>, kind: Kind, summary: &mut Told<Summary>) {
    fill!(summary.kind, || Some(kind));
    fill!(summary.user_id, || user(fields));
    match kind {
        Kind::Agent | Kind::Workflow => fill!(summary.agent, || Some("claude-code".to_owned())),
        Kind::Tool => fill!(summary.tool, || fields.text(&["tool_name"])),
        Kind::Llm => {
            fill!(summary.model, || fields.text(&["model", "gen_ai.request.model"]));
            fill!(summary.response_id, || fields.text(&["request_id"]));
            summary.use_tokens(|| used(fields));
        }
        _ => {}
    }
    if kind == Kind::Agent {
        return;
    }
    match success(summary, fields) {
        Some(false) => fail(summary, fields, ERROR_TYPES),
        Some(true) => fill!(summary.status, || Some(Status::Ok)),
        None => {}
    }
}

fn used(fields: &Fields<'_>) -> Usage {
    let cache_read = fields.int(&["cache_read_tokens", "cache_read_input_tokens"]);
    let cache_write = fields.int(&["cache_creation_tokens", "cache_creation_input_tokens"]);
    let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
    let input = fields.int(&["input_tokens"]).map(|fresh| fresh.saturating_add(cached));
    Usage { input, output: fields.int(&["output_tokens"]), cache_read, cache_write, ..Usage::default() }
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    match kind {
        Kind::Agent | Kind::Workflow => turn(evidence, reading),
        Kind::Llm => call(evidence, reading),
        Kind::Tool => tool(evidence, reading),
        _ => fill!(reading.input, || messages(&request(evidence)?, "user")),
    }
    let logs = evidence.happenings.iter().filter(|told| event(told).is_some()).map(|told| &told.fields);
    for fields in std::iter::once(&evidence.fields).chain(logs) {
        fill!(reading.failure, || fields.text(&["error"]));
    }
}

/// The body of a request is a record that names no call.
fn request(evidence: &Evidence<'_>) -> Option<Json> {
    events(evidence, "api_request_body").find_map(|fields| fields.json(&["body"]))
}

fn turn(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let asked = |text: String| Some(Content::Messages(vec![Message::text("user", &text)]));
    fill!(reading.input, || asked(evidence.fields.text(&["user_prompt", "new_context"])?));
    for fields in events(evidence, "user_prompt") {
        fill!(reading.input, || asked(fields.text(&["prompt", "prompt_text"])?));
    }
}

fn call(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    fill!(reading.finish, || fields.text(&["stop_reason"]));
    fill!(reading.input, || messages(&Json::from(fields.text(&["new_context"])?), "user"));
    for fields in events(evidence, "api_response_body") {
        fill!(reading.output, || messages(&fields.json(&["body"])?, "assistant"));
    }
    for fields in events(evidence, "assistant_response") {
        fill!(reading.output, || answer(&fields.text(&["response"])?));
    }
    fill!(reading.output, || answer(&fields.text(&["response.model_output"])?));
}

fn answer(text: &str) -> Option<Content> {
    Some(Content::Messages(vec![Message::text("assistant", text)]))
}

fn tool(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    let results = || events(evidence, "tool_result");
    let decisions = || events(evidence, "tool_decision");
    fill!(reading.call_id, || fields.text(&["tool_use_id"]));
    for fields in results().chain(decisions()) {
        fill!(reading.call_id, || fields.text(&["tool_use_id"]));
    }
    for fields in results() {
        fill!(reading.arguments, || fields.json(&["tool_input"]));
    }
    fill!(reading.arguments, || Some(parse(without_header(&fields.text(&["tool_input"])?))));
    for fields in results().chain(decisions()) {
        fill!(reading.arguments, || fields.json(&["tool_parameters"]));
    }
    fill!(reading.arguments, || details(fields));
    for output in evidence.named("tool.output") {
        fill!(reading.result, || output.fields.json(&["output", "diff", "content"]));
        fill!(reading.arguments, || details(&output.fields));
    }
    fill!(reading.result, || Some(parse(without_header(&fields.text(&["new_context"])?))));
}

/// The text below `[TOOL INPUT: Bash]` or `[TOOL RESULT: Bash]`.
fn without_header(text: &str) -> &str {
    let below = |text: &'_ str| text.starts_with("[TOOL ").then(|| text.find("]\n")).flatten();
    below(text).map_or(text, |end| &text[end + 2..])
}

/// What a span tells of the arguments of its call, each as an attribute.
fn details(fields: &Fields<'_>) -> Option<Json> {
    const DETAILS: &[&str] = &["full_command", "bash_command", "file_path", "skill_name", "subagent_type"];
    let told = |key: &&str| Some(((*key).to_owned(), Json::from(fields.text(&[key])?)));
    let details: Map<String, Json> = DETAILS.iter().filter_map(told).collect();
    (!details.is_empty()).then_some(Json::Object(details))
}
