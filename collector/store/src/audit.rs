//! What was done to the installation, and by whom: the words for it, and how rows are chained.

use std::fmt;
use std::str::FromStr;

use treering_seal::{ChainKey, CheckpointKey, Link, Signature};
use treering_step::Timestamp;

use crate::ProjectId;
use crate::words::words;

words! {
    /// What was done. The words are stable: alerts are built on them.
    Action {
        KeyCreate = "key.create",
        KeyFirstUse = "key.first_use",
        KeyRotate = "key.rotate",
        KeyLimit = "key.limit",
        KeyRevoke = "key.revoke",
        ProjectCreate = "project.create",
        ProjectSet = "project.set",
        RulesChange = "rules.change",
        MemberAdd = "member.add",
        MemberChange = "member.change",
        MemberRemove = "member.remove",
        ClientAdd = "client.add",
        ClientRemove = "client.remove",
        SealRotate = "seal.rotate",
        Backup = "backup",
        Restore = "restore",
        Erase = "erase",
        Export = "export",
        Import = "import",
        Prune = "prune",
        Retention = "retention",
        Login = "login",
        LoginRefused = "login.refused",
        Logout = "logout",
        SessionEnd = "session.end",
        ExecutionRead = "execution.read",
        PayloadRead = "payload.read",
        AuditRead = "audit.read",
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

/// How far the log had come at a time: what is kept elsewhere, so that who cuts rows off its end, or writes them all anew
/// with its key, is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many rows there were.
    pub count: u64,
    pub at: Timestamp,
    /// The link of the last one.
    pub(crate) head: Link,
    pub(crate) signature: Signature,
}

impl Checkpoint {
    pub(crate) fn new(key: &CheckpointKey, count: u64, head: Link) -> Self {
        let at = Timestamp::now();
        Self { count, at, head, signature: key.sign(&text(count, at, &head)) }
    }

    pub(crate) fn is_by(&self, key: &CheckpointKey) -> bool {
        key.made(&self.signature, &text(self.count, self.at, &self.head))
    }
}

/// What is signed.
fn text(count: u64, at: Timestamp, head: &Link) -> Vec<u8> {
    let mut text = b"treering checkpoint of the audit log 1".to_vec();
    text.extend_from_slice(&count.to_le_bytes());
    text.extend_from_slice(&at.as_nanos().to_le_bytes());
    text.extend_from_slice(head);
    text
}

/// A line of a file of checkpoints.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let Self { count, at, head, signature: Signature { key, signature } } = self;
        let (head, key, signature) = (hex(head), hex(key), hex(signature));
        write!(f, "1 {count} {} {head} {key} {signature}", at.as_nanos())
    }
}

impl FromStr for Checkpoint {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        fn bytes<const N: usize>(digits: &str) -> Result<[u8; N], ()> {
            let mut bytes = [0; N];
            if digits.len() != 2 * N || !digits.is_ascii() {
                return Err(());
            }
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| ())?;
            }
            Ok(bytes)
        }
        let parts: Vec<_> = line.split_ascii_whitespace().collect();
        let ["1", count, at, head, key, signature] = parts[..] else { return Err(()) };
        let at = at.parse().ok().and_then(Timestamp::from_nanos).ok_or(())?;
        Ok(Self {
            count: count.parse().map_err(|_| ())?,
            at,
            head: bytes(head)?,
            signature: Signature { key: bytes(key)?, signature: bytes(signature)? },
        })
    }
}

/// What a walk over the audit log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that are as they were written, from the first on.
    pub sound: u64,
    /// How many rows the last checkpoint tells of that the log agrees with: those behind it could be cut off unseen.
    pub checked: Option<(u64, Timestamp)>,
    pub broken: Option<Broken>,
}

/// The first row that is not what was written in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Rows are missing before this one.
    Missing { before: i64 },
    /// This row, or its place among the others, was changed.
    Changed { row: i64 },
    /// This row is chained as it should be, and is not the one of which a checkpoint tells: all rows up to it were written
    /// anew by somebody who has the key.
    Restamped { row: i64 },
    /// A checkpoint tells of so many rows, and there are fewer.
    Cut { count: u64 },
    /// A line of the checkpoints is none of this store's.
    Forged { line: usize },
}
