//! Plain `tracing` through `tracing-opentelemetry`: the fields of a span are the arguments of a function, and an
//! event tells what it returned.

use serde_json::{Map, Value as Json};
use treering_otlp::Value;
use treering_step::{Kind, Summary, Usage};

use super::codex;
use crate::decode::unquote;
use crate::evidence::{Evidence, Happening};
use crate::fields::Fields;
use crate::reading::{Reading, plain};
use crate::witness::{Told, fill};

/// What the bridge itself adds, and what other conventions own: no arguments of the function.
const NO_ARGUMENTS: &[&str] = &[
    "busy_ns",
    "idle_ns",
    "target",
    "level",
    "otel.",
    "code.",
    "thread.",
    "gen_ai.",
    "treering.",
    "step.",
    "exception.",
    "error.",
    "session.",
    "user.",
    "enduser.",
    "db.",
    "http.",
    "url.",
    "server.",
    "client.",
    "network.",
    "rpc.",
    "messaging.",
    "openinference.",
    "llm.",
    "input.value",
    "output.value",
];

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    if !is_bridge(fields) {
        return;
    }
    fill!(summary.kind, || Kind::from_word(&fields.text(&["step.kind"])?));
    let used = || Usage {
        input: fields.int(&["input_tokens", "prompt_tokens"]),
        output: fields.int(&["output_tokens", "completion_tokens"]),
        ..Usage::default()
    };
    // A field of such a name is a model only where tokens stand beside it.
    if !used().is_empty() {
        summary.use_tokens(used);
        fill!(summary.model, || fields.text(&["model"]));
    }
    fill!(summary.session_id, || fields.text(&["session_id"]));
    fill!(summary.user_id, || fields.text(&["user_id"]));
}

/// True for a span that `tracing-opentelemetry` made.
pub(crate) fn is_bridge(fields: &Fields<'_>) -> bool {
    fields.has("busy_ns")
        || (fields.has("target") && (fields.has("thread.id") || fields.has("code.line.number")))
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    // The fields of the spans of Codex are its own facts.
    if !is_bridge(&evidence.fields) || codex::is_spoken(evidence) {
        return;
    }
    fill!(reading.input, || plain(arguments(&evidence.fields)?));
    fill!(reading.output, || plain(evidence.happenings.iter().find_map(returned)?));
}

fn arguments(fields: &Fields<'_>) -> Option<Json> {
    let is_argument = |key: &str| !NO_ARGUMENTS.iter().any(|owned| key.starts_with(owned));
    let own = fields.in_order(is_argument);
    let arguments: Map<String, Json> = own.map(|(key, value)| (key.to_owned(), shown(value))).collect();
    (!arguments.is_empty()).then_some(Json::Object(arguments))
}

/// `#[instrument(ret)]`: an event without a message, whose only field of its own is `return`.
fn returned(event: &Happening<'_>) -> Option<Json> {
    event.fields.get("return").map(shown)
}

/// What was written with `Debug` loses its quotes.
fn shown(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => Json::from(unquote(text)),
        other => other.to_json(),
    }
}
