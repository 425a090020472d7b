use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use treering_read::{Attribute, Origin};
use treering_step::{Kind, SpanId, Step};

use super::steps::InProject;
use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::pages::{Asked, Named};
use crate::view::execution::{TraceView, read_step};
use crate::view::filter::{given, parsed};
use crate::view::reading::{Exporter, Reading};

/// How a step was read.
#[derive(Debug, Serialize)]
pub(super) struct ReadingJson {
    span_id: SpanId,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<String>,
    scope: Exporter,
    /// `input` and `output`, where they did not come.
    missing: Vec<&'static str>,
    /// What can be set so that more arrives.
    advice: Vec<&'static str>,
    /// What told each field, and what told it as well.
    believed: Vec<OriginJson>,
    spare: Vec<OriginJson>,
    /// What the exporter withheld; what could not be used; what nobody looked at; what belongs to other
    /// conventions.
    withheld: Vec<AttributeJson>,
    unusable: Vec<AttributeJson>,
    unread: Vec<AttributeJson>,
    general: Vec<AttributeJson>,
    dropped_attributes: u64,
}

#[derive(Debug, Serialize)]
struct OriginJson {
    field: &'static str,
    dialect: &'static str,
    attributes: Vec<AttributeJson>,
}

#[derive(Debug, Serialize)]
struct AttributeJson {
    key: String,
    /// The event or the log record that carries it; absent for the span itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
}

pub(super) async fn reading(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named((trace, span)): Named<(String, String)>,
    Asked(asked): Asked<InProject>,
) -> Result<Json<ReadingJson>, Error> {
    let trace = parsed(&trace).ok_or(Error::TraceId)?;
    let span = parsed(&span).ok_or(Error::SpanId)?;
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    let view = TraceView::load(&app, &chosen, trace).await?;
    let row = view.forest.row_of(span).ok_or(Error::NoStep)?;
    let (step, reading) = read_step(&app, &chosen, &view, row).await?;
    reading.map(|reading| Json(ReadingJson::new(step, reading))).ok_or(Error::NoStep)
}

impl ReadingJson {
    fn new(step: Step, Reading { exporter, explanation, missing, switches }: Reading) -> Self {
        let missing = [("input", missing.input), ("output", missing.output)];
        Self {
            span_id: step.span_id,
            kind: step.kind,
            dialect: step.dialect,
            scope: exporter,
            missing: missing
                .into_iter()
                .filter_map(|(name, is_missing)| is_missing.then_some(name))
                .collect(),
            advice: switches.into_iter().map(|switch| switch.advice()).collect(),
            believed: explanation.believed.into_iter().map(OriginJson::from).collect(),
            spare: explanation.spare.into_iter().map(OriginJson::from).collect(),
            withheld: attributes(explanation.withheld),
            unusable: attributes(explanation.unusable),
            unread: attributes(explanation.unread),
            general: attributes(explanation.general),
            dropped_attributes: explanation.dropped,
        }
    }
}

impl From<Origin> for OriginJson {
    fn from(Origin { field, dialect, attributes: by }: Origin) -> Self {
        Self { field, dialect, attributes: attributes(by) }
    }
}

fn attributes(found: Vec<Attribute>) -> Vec<AttributeJson> {
    found.into_iter().map(|Attribute { of, key }| AttributeJson { key, of }).collect()
}
