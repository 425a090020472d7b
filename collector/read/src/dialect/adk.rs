//! Google's Agent Development Kit: Gemini requests and answers as JSON in a text; `{}` where content is withheld.

use serde_json::Value as Json;
use treering_step::Summary;

use crate::evidence::Evidence;
use crate::reading::{Reading, messages};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    fill!(summary.session_id, || evidence.fields.text(&["gcp.vertex.agent.session_id"]));
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let said = |name: &str| {
        let value = evidence.fields.json(&[&format!("gcp.vertex.agent.{name}")])?;
        Some(value).filter(|value| value.as_object().is_none_or(|object| !object.is_empty()))
    };
    fill!(reading.input, || messages(&with_config(said("llm_request")?), "user"));
    fill!(reading.output, || messages(&said("llm_response")?, "assistant"));
    fill!(reading.arguments, || said("tool_call_args"));
    fill!(reading.result, || said("tool_response"));
}

/// The instructions of a request stand in its configuration.
fn with_config(mut request: Json) -> Json {
    if let Some(system) = request.pointer("/config/system_instruction").cloned() {
        request["system_instruction"] = system;
    }
    request
}
