//! How a step was read, what it lacks, and what would bring it.

use serde::Serialize;
use treering_read::Explanation;
use treering_redact::Record;
use treering_step::{Status, Step};
use treering_store::StepRecords;

use super::switch::Switch;

/// How a step was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) exporter: Exporter,
    pub(crate) explanation: Explanation,
    pub(crate) missing: Missing,
    /// What somebody can set so that more arrives.
    pub(crate) switches: Vec<Switch>,
}

/// The instrumentation scope of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub(crate) struct Exporter {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// Which content of a step did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) input: bool,
    pub(crate) output: bool,
}

impl Reading {
    pub(crate) fn of(step: &Step, records: &StepRecords) -> Self {
        let explanation = treering_read::explain(records.span.as_ref(), &records.logs, step.kind);
        let exporter = records.span.iter().chain(&records.logs).next().map(Exporter::of).unwrap_or_default();
        let missing = Missing::of(step);
        let switches = Switch::all(step, &exporter, &explanation, missing);
        Self { exporter, explanation, missing, switches }
    }

    /// Who told what the step cost; `None` where nobody did.
    pub(crate) fn cost_told_by(&self) -> Option<&'static str> {
        let told = self.explanation.believed.iter().find(|origin| origin.field == "cost_usd");
        told.map(|origin| origin.dialect)
    }
}

impl Exporter {
    pub(crate) fn of(record: &Record) -> Self {
        let scope = record.span().map(|span| span.scope).or_else(|| record.log().map(|log| log.scope));
        let text =
            |read: fn(&treering_otlp::Scope<'_>) -> String| scope.as_ref().map(read).unwrap_or_default();
        Self { name: text(|scope| scope.name.to_owned()), version: text(|scope| scope.version.to_owned()) }
    }

    /// Its name and its version.
    pub(crate) fn to_line(&self) -> String {
        format!("{} {}", self.name, self.version).trim().to_owned()
    }
}

impl Missing {
    /// The arguments of a tool are its input, and its result is its output.
    pub(crate) fn of(step: &Step) -> Self {
        let tool = step.tool.as_ref();
        Self {
            input: step.input.is_none() && tool.is_none_or(|tool| tool.arguments.is_null()),
            output: step.output.is_none() && tool.is_none_or(|tool| tool.result.is_null()),
        }
    }

    /// True where more may have been said: what still runs or failed has no output yet, or none at all.
    pub(crate) fn is_a_riddle(self, status: Status) -> bool {
        let ended_well = matches!(status, Status::Ok | Status::Unset);
        self.input || (self.output && ended_well)
    }
}
