//! What was done to the installation, and by whom: the words for it, and how rows are chained.

use treering_seal::{ChainKey, Link};
use treering_step::Timestamp;

use crate::ProjectId;
use crate::words::words;

words! {
    /// What was done. The words are stable: alerts are built on them.
    Action {
        KeyCreate = "key.create",
        KeyRevoke = "key.revoke",
        ProjectCreate = "project.create",
        ProjectSet = "project.set",
        MemberAdd = "member.add",
        MemberChange = "member.change",
        MemberRemove = "member.remove",
        SealRotate = "seal.rotate",
        Backup = "backup",
        Restore = "restore",
        Erase = "erase",
        Export = "export",
        Import = "import",
        Prune = "prune",
        CollectorGiveUp = "collector.give_up",
    }
}

words! {
    /// How it ended.
    Ending {
        Done = "done",
        Failed = "failed",
    }
}

/// Something that is done, to be written down.
#[derive(Debug, Clone)]
pub struct Act {
    pub(crate) action: Action,
    pub(crate) project: Option<ProjectId>,
    pub(crate) subject: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) ending: Ending,
}

impl Act {
    pub fn new(action: Action) -> Self {
        Self { action, project: None, subject: None, detail: None, ending: Ending::Done }
    }

    /// It was done in this project.
    pub fn within(self, project: ProjectId) -> Self {
        Self { project: Some(project), ..self }
    }

    /// What it was done to. Never anything that an exporter sent: users and sessions stand as pseudonyms.
    pub fn on(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// What a reader wants to know beside that.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// It was begun and did not end well.
    pub fn failed(self) -> Self {
        Self { ending: Ending::Failed, ..self }
    }
}

/// A row of the audit log. Words are kept as they are, since a newer version may know more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: i64,
    pub at: Timestamp,
    /// Who did it: `cli:` and the name of the system's user, or `treering` itself.
    pub actor: String,
    pub action: String,
    pub project: Option<ProjectId>,
    /// The name of the project, where it still is.
    pub project_name: Option<String>,
    pub subject: Option<String>,
    pub detail: Option<String>,
    pub outcome: String,
}

impl AuditRow {
    /// Its link behind the row of this one. The name of a project may change and is not bound.
    pub(crate) fn link(&self, key: &ChainKey, before: &Link) -> Link {
        fn text(text: &Option<String>) -> Option<&[u8]> {
            text.as_deref().map(str::as_bytes)
        }
        let project = self.project.map(|project| project.0.to_le_bytes());
        let parts = [
            Some(&self.id.to_le_bytes()[..]),
            Some(&self.at.as_nanos().to_le_bytes()[..]),
            Some(self.actor.as_bytes()),
            Some(self.action.as_bytes()),
            project.as_ref().map(|project| &project[..]),
            text(&self.subject),
            text(&self.detail),
            Some(self.outcome.as_bytes()),
        ];
        key.link(before, &parts)
    }
}

/// What a walk over the audit log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that are as they were written, from the first on.
    pub sound: u64,
    pub broken: Option<Broken>,
}

/// The first row that is not what was written in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Rows are missing before this one.
    Missing { before: i64 },
    /// This row, or its place among the others, was changed.
    Changed { row: i64 },
}
