//! LiveKit Agents: voices, whose model calls and tools are told in the GenAI conventions and everything around
//! them in words of its own. Content has `pii` in its name since LiveKit takes such attributes out on request.

use treering_step::{Content, Kind, Message, Summary};

use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::reading::{Reading, messages, messages_or_value};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || kind(evidence.name, fields));
    fill!(summary.agent, || fields.text(&["lk.agent_name"]));
    fill!(summary.tool, || fields.text(&["lk.function_tool.name"]));
    fill!(summary.session_id, || said(fields, "room_name"));
    fill!(summary.error_type, || {
        fields.truth(&["lk.function_tool.is_error"])?.then(|| "tool_error".to_owned())
    });
}

fn kind(name: &str, fields: &Fields<'_>) -> Option<Kind> {
    Some(match name {
        "agent_session" | "agent_turn" => Kind::Agent,
        "function_tool" => Kind::Tool,
        // Around the call of the model there are the retries.
        "llm_node" => Kind::Workflow,
        _ if fields.has("lk.function_tool.name") => Kind::Tool,
        _ if fields.has("gen_ai.request.model") => return None,
        _ => Kind::Span,
    })
}

/// By its name of today, or by that of before.
fn said(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.text(&[&format!("lk.pii.{name}"), &format!("lk.{name}")])
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    let json = |name: &str| fields.json(&[&format!("lk.pii.{name}"), &format!("lk.{name}")]);
    let words =
        |role: &str, name: &str| Some(Content::Messages(vec![Message::text(role, &said(fields, name)?)]));
    fill!(reading.call_id, || fields.text(&["lk.function_tool.id"]));
    fill!(reading.arguments, || json("function_tool.arguments")
        .or_else(|| fields.json(&["lk.function_tool.args"])));
    fill!(reading.result, || json("function_tool.output"));
    fill!(reading.system, || Some(crate::message::parts(&json("instructions")?)));
    for heard in ["user_input", "user_transcript"] {
        fill!(reading.input, || words("user", heard));
    }
    fill!(reading.input, || messages(json("chat_ctx")?.get("items")?, "user"));
    fill!(reading.input, || messages_or_value(json("chat_ctx")?, "user"));
    fill!(reading.input, || words("assistant", "input_text"));
    fill!(reading.output, || words("assistant", "response.text"));
    fill!(reading.output, || messages(&json("response.function_calls")?, "assistant"));
}
