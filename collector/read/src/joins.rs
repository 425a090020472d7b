//! The ids by which log records name a step whose span id they do not know.

use treering_redact::hash;
use treering_step::attributes::{GEN_AI_RESPONSE_ID, GEN_AI_TOOL_CALL_ID, SESSION_ID};
use treering_step::{JoinKey, Kind};

use crate::fields::Fields;

/// What such an id is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Call,
    Answer,
    /// Of a session; no span is named by it.
    Conversation,
}

/// By these a log record may name a step, the most telling one first.
const NAMING: [Class; 3] = [Class::Request, Class::Call, Class::Answer];

impl Class {
    /// Every attribute that holds one.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Request => &["request_id"],
            Self::Call => &[GEN_AI_TOOL_CALL_ID, "tool_use_id", "call_id", "ai.toolCall.id"],
            Self::Answer => &[GEN_AI_RESPONSE_ID],
            Self::Conversation => &["conversation.id", SESSION_ID],
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Call => "call",
            Self::Answer => "answer",
            Self::Conversation => "conversation",
        }
    }

    /// The id of this class among these attributes.
    pub(crate) fn key(self, fields: &Fields<'_>) -> Option<JoinKey> {
        let id = fields.text(self.names())?;
        Some(JoinKey(hash(&[self.as_str().as_bytes(), id.as_bytes()])))
    }

    /// The same within a session: some providers count the calls of each from one.
    pub(crate) fn key_of_session(self, fields: &Fields<'_>) -> Option<JoinKey> {
        let (id, session) = (fields.text(self.names())?, fields.text(Self::Conversation.names())?);
        Some(JoinKey(hash(&[self.as_str().as_bytes(), session.as_bytes(), id.as_bytes()])))
    }
}

/// By each of these a log record may name the step of these attributes. What merely happened during a call, such
/// as the wait for a permission, and what judges or repeats an answer, has the id and is not meant.
pub(crate) fn offered(fields: &Fields<'_>, kind: Option<Kind>) -> Vec<JoinKey> {
    let is_meant = |class: &&Class| match class {
        Class::Call => matches!(kind, None | Some(Kind::Tool)),
        Class::Answer => !matches!(kind, Some(Kind::Agent | Kind::Workflow | Kind::Evaluation)),
        Class::Request | Class::Conversation => true,
    };
    let keys = |class: &Class| [class.key(fields), class.key_of_session(fields)];
    NAMING.iter().filter(is_meant).flat_map(keys).flatten().collect()
}

/// The one by which a log record with these attributes names its step.
pub(crate) fn wanted(fields: &Fields<'_>) -> Option<JoinKey> {
    NAMING.iter().find_map(|class| class.key(fields))
}
