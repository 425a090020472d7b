//! What a filter may ask of an execution that its row would not tell: the kinds and the models of all of its steps.

use std::collections::BTreeSet;

use super::connection::Connection;
use rusqlite::params;
use treering_step::{Execution, Kind};

use super::rows;
use crate::{Error, ProjectId};

/// What stands beside the row of an execution.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facets {
    /// A bit a kind.
    pub(super) kinds: i64,
    /// The models that steps name, as JSON, where those are others than the ones that answered.
    pub(super) models: Option<String>,
}

impl Facets {
    /// By what came in with it: a log record that belongs elsewhere says something here, too.
    pub(super) fn of(
        connection: &Connection,
        project: ProjectId,
        execution: &Execution,
    ) -> Result<Self, Error> {
        let sql = "SELECT DISTINCT kind, model FROM summary WHERE project = ?1 AND trace_id = ?2";
        let mut statement = connection.prepare(sql)?;
        let mut found = statement.query(params![project.0, execution.trace_id.as_bytes()])?;
        let (mut kinds, mut models) = (0, BTreeSet::<String>::new());
        while let Some(row) = found.next()? {
            let kind: Option<String> = row.get(0)?;
            kinds |= kind.as_deref().and_then(Kind::from_word).map_or(0, bit);
            models.extend(row.get::<Option<String>>(1)?);
        }
        models.retain(|model| !execution.models.contains(model));
        let models = (!models.is_empty()).then(|| rows::list(models.iter())).transpose()?;
        Ok(Self { kinds, models })
    }
}

/// The bit of a kind: it stands in files, and never becomes that of another one.
pub(super) fn bit(kind: Kind) -> i64 {
    1 << match kind {
        Kind::Agent => 0,
        Kind::Workflow => 1,
        Kind::Plan => 2,
        Kind::Llm => 3,
        Kind::Tool => 4,
        Kind::Retrieval => 5,
        Kind::Embedding => 6,
        Kind::Rerank => 7,
        Kind::Memory => 8,
        Kind::Guardrail => 9,
        Kind::Evaluation => 10,
        Kind::Span => 11,
    }
}
