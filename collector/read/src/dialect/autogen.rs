//! AutoGen, whose runtime carries messages between agents: a span for each leg of their way. What an agent then
//! does it says in the GenAI conventions.

use crate::evidence::Evidence;
use crate::reading::{Reading, plain};
use crate::witness::{Told, fill};

pub(super) fn content(evidence: &Evidence<'_>, reading: &mut Told<Reading>) {
    if evidence.scope.starts_with("autogen ") {
        fill!(reading.input, || plain(evidence.fields.json(&["message"])?));
    }
}
