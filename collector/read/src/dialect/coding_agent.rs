//! What coding agents have in common: their log records name a call by its id, and carry the span that merely was
//! open when they were written.

use treering_step::attributes::USER_ID;
use treering_step::{JoinKey, Status, Summary};

use crate::fields::Fields;
use crate::joins::Class;
use crate::witness::{Told, fill};

/// Where a log record of a coding agent belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// To the call that it names, below the span that was open.
    ToCall(JoinKey),
    /// It is a call that has no id, below the span that was open.
    Alone,
    /// It is a step of its own where no span was open, and merely a remark where one was.
    Aside,
    /// It is the beginning of a conversation that has no span.
    Opening(JoinKey),
    /// It is one of the many that merely say that a conversation goes on.
    ToConversation(JoinKey),
}

/// To the call that a log record names by an id of this class.
pub(super) fn to_call(class: Class, fields: &Fields<'_>) -> Belongs {
    let key = class.key_of_session(fields).or_else(|| class.key(fields));
    key.map_or(Belongs::Alone, Belongs::ToCall)
}

/// The id of a person, and only where there is none what names an account.
pub(super) fn user(fields: &Fields<'_>) -> Option<String> {
    fields.text(&[USER_ID, "user.account_id", "user.account_uuid", "user.email"])
}

/// Whether a step says in a field of its own that it went well.
pub(super) fn success(summary: &mut Told<Summary>, fields: &Fields<'_>) -> Option<bool> {
    summary.witness.listen();
    fields.truth(&["success"]).inspect(|_| summary.witness.settle("status"))
}

/// A step that failed, by whichever of these its error is known.
pub(super) fn fail(summary: &mut Told<Summary>, fields: &Fields<'_>, error_types: &[&str]) {
    fill!(summary.error_type, || fields.text(error_types));
    if matches!(summary.status, None | Some(Status::Unset)) {
        summary.status = Some(Status::Error);
    }
}
