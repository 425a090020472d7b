//! The workflows of Microsoft's Agent Framework, around agents that it tells in the GenAI conventions. What one
//! executor sends makes another one run: that is a link, and no parent.

use treering_step::{Kind, Summary};

use crate::evidence::Evidence;
use crate::witness::{Told, fill};

pub(super) fn facts(evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
    fill!(summary.kind, || kind(evidence));
}

/// By the name of the span, which may be followed by that of the executor.
fn kind(evidence: &Evidence<'_>) -> Option<Kind> {
    Some(match evidence.name.split(' ').next()? {
        "workflow.run" => Kind::Workflow,
        "executor.process" if evidence.fields.has("executor.id") => Kind::Workflow,
        "workflow.build" | "edge_group.process" | "message.send" => Kind::Span,
        _ => return None,
    })
}
