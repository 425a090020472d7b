//! The ids by which log records name a step whose span id they do not know.

use treering_redact::hash;
use treering_step::JoinKey;
use treering_step::attributes::{GEN_AI_RESPONSE_ID, GEN_AI_TOOL_CALL_ID};

use crate::fields::Fields;

/// The classes of such ids, the most telling one first, and every attribute that holds one.
const CLASSES: &[(&str, &[&str])] = &[
    ("request", &["request_id"]),
    ("call", &[GEN_AI_TOOL_CALL_ID, "tool_use_id", "call_id", "ai.toolCall.id"]),
    ("answer", &[GEN_AI_RESPONSE_ID]),
];

/// By each of these a log record may name the step of these attributes.
pub(crate) fn offered(fields: &Fields<'_>) -> Vec<JoinKey> {
    CLASSES.iter().filter_map(|class| key(fields, class)).collect()
}

/// The one by which a log record with these attributes names its step.
pub(crate) fn wanted(fields: &Fields<'_>) -> Option<JoinKey> {
    CLASSES.iter().find_map(|class| key(fields, class))
}

fn key(fields: &Fields<'_>, (class, names): &(&str, &[&str])) -> Option<JoinKey> {
    let id = fields.text(names)?;
    Some(JoinKey(hash(&[class.as_bytes(), id.as_bytes()])))
}
