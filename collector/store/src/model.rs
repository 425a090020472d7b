use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::control::Role;
use treering_redact::Record;
use treering_step::{Execution, Kind, ProcessId, SpanId, Status, Summary, Timestamp, TraceId};

/// The number of a project in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectId(pub(crate) i64);

impl ProjectId {
    /// The number, for the journal, which keeps it beside each batch.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The project of a number that [`ProjectId::as_i64`] gave.
    pub fn from_i64(number: i64) -> Self {
        Self(number)
    }
}

/// A project: what a key belongs to and a viewer looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
}

/// What a query may see. No query exists without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(ProjectId);

impl Scope {
    /// Everything of one project.
    pub fn of(project: ProjectId) -> Self {
        Self(project)
    }

    pub fn project(self) -> ProjectId {
        self.0
    }
}

/// Who looks. A remote store shows nobody more than it knows that this one may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Viewer {
    /// The owner of this machine, who sees all projects.
    #[default]
    Local,
    /// The holder of the API key of this number, who sees its project.
    Key(i64),
    /// A person of this subject, who sees the projects of which it is a member.
    Person(Arc<str>),
    /// A person to whom a log-in gives these roles, in projects of these names.
    Granted(Arc<[(String, Role)]>),
}

/// Which executions a list shows.
#[derive(Debug, Clone, Default)]
pub struct ExecutionFilter {
    /// A part of the name, the agent, the session or the user, or a whole trace id.
    pub text: Option<String>,
    /// Words that its content holds, all of them and each as a whole, where it does not have the text. They are as
    /// the [`Wording`] of the index makes them.
    pub words: Vec<String>,
    pub status: Option<Status>,
    /// The kind of any of its steps.
    pub kind: Option<Kind>,
    /// The model of any of its steps.
    pub model: Option<String>,
    pub agent: Option<String>,
    pub session: Option<String>,
    pub user: Option<String>,
    /// The first moment that belongs to the list.
    pub from: Option<Timestamp>,
    /// The first moment that no longer does.
    pub to: Option<Timestamp>,
    pub min_duration_ns: Option<u64>,
    /// What else is asked, all of it.
    pub conditions: Vec<Condition>,
    /// How many at the most; 0 for 50.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// Something that is asked of each execution of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub test: Test,
    /// True where the execution must not be like that.
    pub not: bool,
}

/// What a condition looks at, and what it asks there.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A text, which an absent one is not like.
    Text(TextField, Pattern),
    Number(NumberField, Compared, f64),
    Status(Status),
    /// The kind of any of its steps.
    Kind(Kind),
}

/// The texts of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    Name,
    Agent,
    /// The model of any of its steps.
    Model,
    Session,
    User,
}

/// The numbers of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField {
    /// Of the input and the output.
    Tokens,
    /// US dollars.
    Cost,
    /// Nanoseconds.
    Duration,
    Steps,
    Errors,
    Redactions,
}

/// What a text is like. Letters count as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Is(String),
    Begins(String),
    Ends(String),
    Holds(String),
}

/// How a number stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) at: i64,
    pub(crate) trace_id: TraceId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.at, self.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, trace_id) = text.split_once('-').ok_or(())?;
        Ok(Self {
            at: i64::from_str_radix(at, 16).map_err(|_| ())?,
            trace_id: trace_id.parse().map_err(|_| ())?,
        })
    }
}

/// A page of a list, newest first.
#[derive(Debug, Clone, Default)]
pub struct ExecutionPage {
    pub executions: Vec<Execution>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<Cursor>,
}

/// The records that a step is read from. A span that merely announces the one of this step stands among the
/// logs; so do log records that name it by an id, whatever span and trace they came with.
#[derive(Debug, Clone)]
pub struct StepRecords {
    pub span_id: SpanId,
    pub span: Option<Record>,
    pub logs: Vec<Record>,
}

/// How often an outcome happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The project that it happened to; absent where none was known, as of a request without a key.
    pub project: Option<ProjectId>,
    /// Its stable name; the names of losses begin with `lost.`.
    pub name: String,
    pub count: u64,
}

/// What one accepted request brings.
#[derive(Debug)]
pub struct Batch {
    pub project: ProjectId,
    /// The day of ingest, in days since 1970 UTC: content goes with its day.
    pub day: u32,
    pub spans: Vec<SpanEntry>,
    pub logs: Vec<LogEntry>,
    /// The processes that the batch came from. One of which it says that it runs a step must be among them.
    pub signs: Vec<Sign>,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    pub process: ProcessId,
    /// When it was accepted, by the collector's clock: the one by which silence is measured.
    pub seen_at: Timestamp,
    /// The time between two heartbeats, where this is one.
    pub interval: Option<Duration>,
    /// True where the process says that it ends.
    pub ended: bool,
}

/// A span, and what it says of a step: its own, or that of a later span which it announces.
#[derive(Debug, Clone)]
pub struct SpanEntry {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub ended_at: Option<Timestamp>,
    pub record: Record,
    pub summary: Summary,
}

impl SpanEntry {
    /// The entry of a span; `None` where the record is none.
    pub fn new(record: Record, summary: Summary) -> Option<Self> {
        let span = record.span()?;
        let (trace_id, span_id, ended_at) = (span.trace_id?, span.span_id?, span.ended_at);
        Some(Self { trace_id, span_id, ended_at, record, summary })
    }
}

/// A log record, the step that it belongs to, and what it says of that step.
///
/// Its summary has one join key at the most. The source of one that has a key is the identity of its record and
/// shared with no other, since it may go to another step alone.
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub trace_id: TraceId,
    /// Which of several equal records of its request it is.
    pub ordinal: u32,
    pub at: Option<Timestamp>,
    pub record: Record,
    pub summary: Summary,
}

/// What became of the summaries of an execution that were read again.
#[derive(Debug)]
pub struct Reread {
    /// How many records it has.
    pub records: usize,
    /// How many summaries came, went, or say something else now.
    pub changed: usize,
    /// The executions to be computed anew: itself, and those at the other end of a join.
    pub touched: Vec<Touched>,
}

/// What is older than a project keeps it, and was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Executions of which nothing is left.
    pub executions: u64,
    /// Records whose content is gone, those of these executions included.
    pub records: u64,
    /// Sealed blocks, and their bytes.
    pub blocks: u64,
    pub bytes: u64,
}

/// Tells each word of a record.
pub type TellWords = fn(&Record, &mut dyn FnMut(&str));

/// How records become words.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// The words of a record itself.
    pub of_record: TellWords,
    /// The words of its context, asked for once for all records that share it.
    pub of_context: TellWords,
}

/// An execution with records that are not in the index of words.
#[derive(Debug, Clone, Copy)]
pub struct Unindexed {
    pub of: Touched,
    /// The first version that is missing.
    pub(crate) version: i64,
}

/// What was done to put an execution into the index of words.
#[derive(Debug)]
pub struct Indexed {
    pub of: Touched,
    /// How many records were read.
    pub records: usize,
    /// Records on which the reader of words failed, which is a defect of it; they are not found by their words.
    pub unread: usize,
    pub took: Duration,
}

/// How far the index of words is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchLag {
    /// How many executions have records that are not in the index.
    pub waiting: u64,
    /// Since when the first of them waits.
    pub since: Option<Timestamp>,
}

/// An execution that a batch said something new of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touched {
    pub project: ProjectId,
    pub trace_id: TraceId,
}

/// An execution, computed from its summaries.
#[derive(Debug)]
pub struct Computed {
    pub project: ProjectId,
    /// It grows with whatever is written, since an execution changes as well by what leaves it.
    pub version: u64,
    pub execution: Execution,
}

impl Computed {
    /// Which one it is.
    pub(crate) fn of(&self) -> Touched {
        Touched { project: self.project, trace_id: self.execution.trace_id }
    }
}

/// What the machine's clock said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockNote {
    pub seen_at: Timestamp,
    /// When it jumped ahead, by itself, where it is not believed since.
    pub doubted_since: Option<Timestamp>,
}
