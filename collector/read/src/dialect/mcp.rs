//! The Model Context Protocol, on its client and on its server, by the conventions and as OpenLLMetry has it. One
//! call may be told by a client, a server and the agent around them: each is a step, and none has tokens.

use serde_json::Value as Json;
use treering_step::{Content, Kind, Summary};

use crate::evidence::Evidence;
use crate::message::decoded_result;
use crate::reading::{Reading, plain};
use crate::witness::{Told, fill};

const CALL: &str = "tools/call";
/// The scope of OpenLLMetry, which wraps what it sends and receives.
const WRAPPER: &str = "opentelemetry.instrumentation.mcp";

pub(super) fn is_spoken(evidence: &Evidence<'_>) -> bool {
    evidence.fields.any_under("mcp.") || evidence.scope == WRAPPER
}

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let method = || evidence.fields.text(&["mcp.method.name"]);
    fill!(summary.kind, || Some(kind(&method()?)));
    // A client that does not say which tool it calls names its span after it.
    fill!(summary.tool, || method().filter(|method| method == CALL).and_then(|_| tool(evidence.name)));
}

fn kind(method: &str) -> Kind {
    match method {
        CALL => Kind::Tool,
        "resources/read" => Kind::Retrieval,
        _ => Kind::Span,
    }
}

fn tool(name: &str) -> Option<String> {
    let (_, tool) = name.split_once(CALL)?;
    Some(tool.trim().to_owned()).filter(|tool| !tool.is_empty())
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    if evidence.scope == WRAPPER && kind == Kind::Tool {
        fill!(reading.input, || within(fields.json(&["traceloop.entity.input"])?, "arguments"));
        fill!(reading.output, || within(fields.json(&["traceloop.entity.output"])?, "result"));
    }
    fill!(reading.input, || plain(fields.json(&["mcp.request.argument", "mcp.resource.uri"])?));
    fill!(reading.output, || plain(answered(fields.json(&["mcp.response.value"])?)));
}

/// What it wraps, where it wraps it.
fn within(mut value: Json, key: &str) -> Option<Content> {
    plain(decoded_result(value.get_mut(key).map(Json::take).unwrap_or(value)))
}

/// The result of a call is a list of contents, most often of one text.
fn answered(mut value: Json) -> Json {
    decoded_result(value.get_mut("content").map(Json::take).unwrap_or(value))
}
