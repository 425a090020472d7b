//! The older forms of the GenAI conventions: an event or a log record a message (up to 1.36), and before that
//! the whole conversation in one attribute. Strands still writes the former on spans, rig the latter.

use serde_json::{Map, Value as Json};
use treering_step::{Content, Kind, Message, Part, Status, Summary};

use crate::decode::{inner, parse};
use crate::evidence::{Evidence, Happening};
use crate::message::{conversation, joined_text, parts};
use crate::reading::{Reading, messages, plain};
use crate::witness::{Told, fill};

const CHOICE: &str = "gen_ai.choice";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    for happening in evidence.happenings.iter().filter(|happening| role(happening.name).is_some()) {
        fill!(summary.provider, || happening.fields.text(&["gen_ai.system"]));
    }
    // Strands tells apart a tool that failed and a call of it that did; who looks for what failed looks for both.
    let status = evidence.fields.text(&["gen_ai.tool.status", "tool.status"]);
    if summary.kind == Some(Kind::Tool) && status.as_deref() == Some("error") {
        summary.status = Some(Status::Error);
    }
}

/// Who speaks in an event of this name.
fn role(name: &str) -> Option<&'static str> {
    Some(match name {
        "gen_ai.system.message" => "system",
        "gen_ai.user.message" => "user",
        "gen_ai.assistant.message" | CHOICE => "assistant",
        "gen_ai.tool.message" => "tool",
        _ => return None,
    })
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    // Where both the span and its logs tell a conversation, they tell the same one.
    for is_log in [false, true] {
        let told = || evidence.happenings.iter().filter(move |happening| happening.is_log == is_log);
        if kind == Kind::Tool {
            fill!(reading.arguments, || told().find_map(arguments));
            fill!(reading.result, || told().find_map(result));
        } else {
            fill!(reading.input, || joined(told().filter(|told| told.name != CHOICE)));
            fill!(reading.output, || joined(told().filter(|told| told.name == CHOICE)));
        }
    }
    if kind == Kind::Memory {
        remembered(evidence, reading);
    }
    let fields = &evidence.fields;
    if evidence.scope.starts_with("strands") {
        fill!(reading.system, || Some(parts(&Json::from(fields.text(&["system_prompt"])?))));
    }
    let oldest = |event: &str, key: &str| {
        let of_event = evidence.named(event).find_map(|event| event.fields.json(&[key]));
        of_event.or_else(|| fields.json(&[key]))
    };
    fill!(reading.input, || messages(&oldest("gen_ai.content.prompt", "gen_ai.prompt")?, "user"));
    fill!(reading.output, || {
        messages(&oldest("gen_ai.content.completion", "gen_ai.completion")?, "assistant")
    });
}

/// What Strands asks a memory, or gives it to keep, and what it found.
fn remembered(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    for asked in ["memory.query", "memory.content"] {
        let said = || evidence.named(asked).find_map(|event| event.fields.json(&["content"]));
        fill!(reading.input, || plain(said()?));
    }
    let found = || evidence.named("memory.results").find_map(|event| event.fields.json(&["content"]));
    fill!(reading.output, || plain(found()?));
}

fn joined<'a>(told: impl Iterator<Item = &'a Happening<'a>>) -> Option<Content> {
    let messages: Vec<Message> = told.filter_map(said).flatten().collect();
    (!messages.is_empty()).then_some(Content::Messages(messages))
}

/// The messages of one event: what it says, and for Strands what the tools then answered.
fn said(happening: &Happening<'_>) -> Option<Vec<Message>> {
    let role = role(happening.name)?;
    let mut payload = payload(happening);
    let answered = payload.remove("tool.result");
    if let Some(message) = payload.remove("message") {
        match message {
            Json::Object(message) => payload.extend(message),
            text_or_blocks => drop(payload.insert("content".to_owned(), text_or_blocks)),
        }
    }
    payload.entry("role").or_insert_with(|| Json::from(role));
    let mut messages = conversation(&Json::from(vec![Json::Object(payload)]), role).unwrap_or_default();
    if let Some(answered) = answered {
        messages.push(Message::new("tool", parts(&answered)));
    }
    Some(messages)
}

/// The body of a log record, else the attributes of an event, whose values are JSON in texts.
fn payload(happening: &Happening<'_>) -> Map<String, Json> {
    match happening.body.to_json() {
        Json::Object(body) => body,
        Json::String(body) => match parse(&body) {
            Json::Object(body) => body,
            said => Map::from_iter([("content".to_owned(), said)]),
        },
        _ => happening
            .fields
            .in_order(|_| true)
            .map(|(key, value)| (key.to_owned(), inner(&value.to_json())))
            .collect(),
    }
}

/// Of a tool, Strands tells the arguments as the message that came in.
fn arguments(happening: &Happening<'_>) -> Option<Json> {
    (happening.name == "gen_ai.tool.message").then(|| payload(happening).remove("content")).flatten()
}

fn result(happening: &Happening<'_>) -> Option<Json> {
    let message = (happening.name == CHOICE).then(|| payload(happening).remove("message")).flatten()?;
    let blocks: Vec<Part> = parts(&message);
    Some(joined_text(&blocks).map_or(message, Json::from))
}
