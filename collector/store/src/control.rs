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
    pub entrance: Entrance,
}

/// What is asked of those who send to a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entrance {
    /// Records that are taken in a second; absent is without a limit.
    pub rate: Option<u32>,
    /// Records that are taken in a day of UTC; absent is without a limit.
    pub quota: Option<u64>,
    /// True where a request must be signed, or come by a certificate of its client's.
    pub signed: bool,
}

/// What becomes different about that; the rest stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntranceChange {
    pub rate: Option<Option<u32>>,
    pub quota: Option<Option<u64>>,
    pub signed: Option<bool>,
}

impl Entrance {
    pub(crate) fn with(self, change: EntranceChange) -> Self {
        Self {
            rate: change.rate.unwrap_or(self.rate),
            quota: change.quota.unwrap_or(self.quota),
            signed: change.signed.unwrap_or(self.signed),
        }
    }
}

/// A name in certificates of clients, and the project that it lets into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName {
    /// As a certificate has it among its alternative names: a host, or an address such as `spiffe://shop/agent`.
    pub name: String,
    pub project: Project,
    pub since: Timestamp,
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
