//! rig, where it has no word of the conventions: whether a tool succeeded. Its older versions log what they
//! send and receive as lines of JSON, which arrive as the NAMES of span events.

use treering_step::{Status, Summary};

use crate::decode::parse;
use crate::evidence::Evidence;
use crate::reading::{Reading, messages};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let outcome = evidence.fields.text(&["gen_ai.tool.call.outcome"]);
    if outcome.as_deref() == Some("error") && summary.status == Some(Status::Unset) {
        summary.status = Some(Status::Error);
        fill!(summary.error_type, || evidence.fields.text(&["gen_ai.tool.error.type"]));
    }
}

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    let line = |marker: &str| {
        let lines = evidence.happenings.iter().filter(|event| target(event.fields.text(&["target"])));
        lines.rev().find_map(|event| Some(parse(event.name.split_once(marker)?.1)))
    };
    fill!(reading.input, || messages(&line(" completion request: ")?, "user"));
    fill!(reading.output, || messages(&line(" completion response: ")?, "assistant"));
}

fn target(target: Option<String>) -> bool {
    target.is_some_and(|target| target.starts_with("rig::"))
}
