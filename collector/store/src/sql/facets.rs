//! What a filter may ask of an execution that its row would not tell: the kinds and the models of all of its steps.

use std::collections::BTreeSet;

use super::connection::{Connection, Find, Kind as Column};
use rusqlite::types::Value;
use treering_step::Kind;

use super::rows;
use crate::{Computed, Error};

/// What stands beside the row of an execution.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facets {
    /// A bit a kind.
    pub(super) kinds: i64,
    /// The models that steps name, as JSON, where those are others than the ones that answered.
    pub(super) models: Option<String>,
}

impl Facets {
    /// By what came in with each of these: a log record that belongs elsewhere says something here, too.
    pub(super) fn of(connection: &Connection, of: &[&Computed]) -> Result<Vec<Self>, Error> {
        let key =
            |one: &&Computed| vec![one.project.0.into(), one.execution.trace_id.as_bytes().to_vec().into()];
        let mut told = vec![(0, BTreeSet::<String>::new()); of.len()];
        connection.find(&TOLD, &of.iter().map(key).collect::<Vec<Vec<Value>>>(), |at, row| {
            let (kinds, models) = &mut told[at];
            let kind: Option<String> = row.get(0)?;
            *kinds |= kind.as_deref().and_then(Kind::from_word).map_or(0, bit);
            models.extend(row.get::<Option<String>>(1)?);
            Ok(())
        })?;
        let facets = of.iter().zip(told).map(|(one, (kinds, mut models))| {
            models.retain(|model| !one.execution.models.contains(model));
            let models = (!models.is_empty()).then(|| rows::list(models.iter())).transpose()?;
            Ok(Self { kinds, models })
        });
        facets.collect()
    }
}

/// Each kind and model of an execution once.
const TOLD: Find<'_> = Find {
    told: "kind, model",
    table: "summary",
    by: &[("project", Column::Integer), ("trace_id", Column::Bytes)],
    but: "GROUP BY kind, model",
};

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
