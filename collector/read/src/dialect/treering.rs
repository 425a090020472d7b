//! Our own layer, where the GenAI conventions have no word; everything else it says in theirs.

use treering_step::attributes::{
    GEN_AI_INPUT_MESSAGES, GEN_AI_OUTPUT_MESSAGES, TREERING_INPUT, TREERING_OUTPUT, TREERING_REASONING,
    TREERING_STEP_END, TREERING_STEP_KIND,
};
use treering_step::{Kind, Status, Summary};

use crate::evidence::Evidence;
use crate::reading::{Reading, messages_or_value, plain};
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    let fields = &evidence.fields;
    fill!(summary.kind, || Kind::from_word(&fields.text(&[TREERING_STEP_KIND])?));
    summary.witness.listen();
    let Some(end) = fields.text(&[TREERING_STEP_END]) else { return };
    summary.witness.settle("status");
    match end.as_str() {
        "panicked" => {
            summary.status = Some(Status::Error);
            fill!(summary.error_type, || Some("panic".to_owned()));
        }
        "cancelled" | "incomplete" if summary.status != Some(Status::Error) => {
            summary.status = Some(Status::Interrupted);
        }
        _ => {}
    }
}

pub(super) fn content(evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
    let fields = &evidence.fields;
    let said = |key: &str, messages: &str, role: &str| {
        // Beside messages these are merely the arguments of the function that sent them.
        let value = fields.encoded(key).filter(|_| !fields.has(messages))?;
        if kind == Kind::Llm { messages_or_value(value, role) } else { plain(value) }
    };
    fill!(reading.input, || said(TREERING_INPUT, GEN_AI_INPUT_MESSAGES, "user"));
    fill!(reading.output, || said(TREERING_OUTPUT, GEN_AI_OUTPUT_MESSAGES, "assistant"));
    fill!(reading.reasoning, || fields.text(&[TREERING_REASONING]));
}
