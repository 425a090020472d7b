//! The words of the control data: projects with their retention, people and their roles.

use treering_step::Timestamp;

use crate::Project;
use crate::words::words;

/// How long something is kept, in days of ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Forever,
    Days(u32),
}

impl Keep {
    /// The number of days; `None` is for ever.
    pub fn days(self) -> Option<u32> {
        match self {
            Self::Forever => None,
            Self::Days(days) => Some(days),
        }
    }

    pub(crate) fn of(days: Option<u32>) -> Self {
        days.map_or(Self::Forever, Self::Days)
    }
}

/// How long a project keeps what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Steps as a whole: content, summaries and executions.
    pub steps: Keep,
    /// Content: what was said, asked and answered. Not longer than the steps that it belongs to.
    pub content: Keep,
}

/// A project as the control data knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    pub project: Project,
    pub created_at: Timestamp,
    pub retention: Retention,
}

words! {
    /// What a person may do in a project. Each role stands alone: an auditor reads no content, a viewer no audit log.
    Role {
        /// Reads the audit log, and nothing of the executions' content.
        Auditor = "auditor",
        /// Sees structure, times, tokens and costs; content is withheld.
        Viewer = "viewer",
        /// Sees content as well.
        Reader = "reader",
        /// Is asked about the project: its keys and rules, which are changed on the command line.
        Owner = "owner",
    }
}

/// A person and a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub project: Project,
    /// The subject of the person's identity token.
    pub subject: String,
    pub role: Role,
    pub since: Timestamp,
}

/// What [`crate::Keeper::put_member`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    Added,
    /// The person had this role before.
    Changed(Role),
    Already,
}
