//! Pydantic AI, where it goes beyond the GenAI conventions: the run of an agent, and its former tool spans.
//! Its `gen_ai.aggregated_usage.*` repeats the calls below it and is not read.

use treering_step::{Content, Kind, Status, Summary};

use crate::evidence::Evidence;
use crate::fields::Fields;
use crate::message::conversation;
use crate::reading::{Reading, messages, plain};
use crate::witness::{Told, fill};

const CHOICE: &str = "gen_ai.choice";

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    if evidence.scope != "pydantic-ai" && !fields.has("pydantic_ai.all_messages") {
        return;
    }
    fill!(summary.agent, || fields.text(&["agent_name"]));
    fill!(summary.model, || fields.text(&["model_name"]));
    fill!(summary.kind, || (fields.has("tool_arguments")).then_some(Kind::Tool));
    let run = ["pydantic_ai.all_messages", "all_messages_events"];
    fill!(summary.kind, || run.iter().any(|key| fields.has(key)).then_some(Kind::Agent));
    if summary.status == Some(Status::Error) && is_deferred(evidence) {
        summary.status = Some(Status::Unset);
    }
}

/// A tool that somebody else has to run, or to allow, ended in an exception in former versions.
fn is_deferred(evidence: &Evidence<'_>) -> bool {
    let last = evidence.named("exception").last();
    let raised = last.and_then(|exception| exception.fields.text(&["exception.type"]));
    raised.is_some_and(|raised| raised.ends_with("CallDeferred") || raised.ends_with("ApprovalRequired"))
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    fill!(reading.arguments, || fields.json(&["tool_arguments"]));
    fill!(reading.result, || fields.json(&["tool_response"]));
    let final_result = || plain(fields.json(&["final_result"])?);
    fill!(reading.output, final_result);
    if reading.input.is_none() {
        run(fields, reading);
    }
    fill!(reading.input, || call(fields, |name| name != CHOICE));
    fill!(reading.output, || call(fields, |name| name == CHOICE));
}

/// A model call before version 2 of the format: the events of the former conventions as a list in one attribute.
fn call(fields: &Fields<'_>, is_wanted: impl Fn(&str) -> bool) -> Option<Content> {
    let events = fields.json(&["events"])?;
    let said =
        events.as_array()?.iter().filter(|event| is_wanted(event["event.name"].as_str().unwrap_or_default()));
    messages(&said.cloned().collect(), "assistant")
}

/// The messages of the whole conversation, of which this run begins at an index; the last answer is the output.
fn run(fields: &Fields<'_>, reading: &mut Told<Reading>) -> Option<()> {
    let all = fields.json(&["pydantic_ai.all_messages", "all_messages_events"])?;
    let begin = fields.int(&["pydantic_ai.new_message_index"]).and_then(|index| usize::try_from(index).ok());
    let all = all.as_array()?;
    let own = all.get(begin.unwrap_or(0)..).unwrap_or(all);
    let mut messages = conversation(&own.to_vec().into(), "user")?;
    let answer = messages.pop_if(|last| last.role == "assistant");
    reading.input = (!messages.is_empty()).then_some(Content::Messages(messages));
    fill!(reading.output, || answer.map(|message| Content::Messages(vec![message])));
    Some(())
}
