use std::collections::BTreeSet;

use treering_step::{Timestamp, TraceId};

use crate::ProjectId;

/// What somebody asks to erase of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This execution, and the log records that came elsewhere and belong to it.
    Execution(TraceId),
    /// Every execution of which the row or any summary names this session; as a whole.
    Session(String),
    /// Every execution of which the row or any summary names this user; as a whole.
    User(String),
    /// Everything that was ever sent. The project itself, its keys and its settings stay.
    Project,
}

impl Target {
    /// The word for it.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Execution(_) => "execution",
            Self::Session(_) => "session",
            Self::User(_) => "user",
            Self::Project => "project",
        }
    }

    /// Its name, where it has one within the project.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Execution(trace_id) => Some(trace_id.to_string()),
            Self::Session(name) | Self::User(name) => Some(name.clone()),
            Self::Project => None,
        }
    }

    /// The target that [`Target::what`] and [`Target::name`] told.
    pub(crate) fn parse(what: &str, name: Option<String>) -> Option<Self> {
        match (what, name) {
            ("execution", Some(name)) => Some(Self::Execution(name.parse().ok()?)),
            ("session", Some(name)) => Some(Self::Session(name)),
            ("user", Some(name)) => Some(Self::User(name)),
            ("project", None) => Some(Self::Project),
            _ => None,
        }
    }
}

/// What was erased, or what would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    pub executions: u64,
    /// Spans and log records.
    pub records: u64,
    /// The days of ingest that it came in on.
    pub days: BTreeSet<u32>,
}

impl Erased {
    pub(crate) fn add(&mut self, more: Self) {
        self.executions += more.executions;
        self.records += more.records;
        self.days.extend(more.days);
    }
}

/// Something that is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub id: i64,
    pub project: ProjectId,
    /// Absent where all of it is gone already, and nothing but its traces in the file are left.
    pub target: Option<Target>,
    /// Who asked.
    pub actor: String,
    pub asked_at: Timestamp,
}

/// A day of which something was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedDay {
    pub project: ProjectId,
    pub day: u32,
    /// What was erased of it last.
    pub(crate) version: i64,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureState {
    pub executions: u64,
    pub records: u64,
    pub is_done: bool,
}
