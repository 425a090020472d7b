use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::pages::Asked;
use crate::view::filter::given;
use crate::view::reading::Exporter;
use crate::view::unmapped::{Example, Found, Newest};

/// The attributes of the newest records that nobody understands.
#[derive(Debug, Serialize)]
pub(super) struct AttributesJson {
    /// Up to how many spans, and how many log records, were looked at.
    records: u32,
    spans: usize,
    logs: usize,
    scopes: Vec<ScopeJson>,
    /// Records of scopes that are too many to be told apart.
    records_of_other_scopes: usize,
}

#[derive(Debug, Serialize)]
struct ScopeJson {
    name: String,
    version: String,
    spans: usize,
    logs: usize,
    attributes: Vec<AttributeJson>,
    /// How often an attribute came that is none of these: there are too many keys to be told apart.
    other_attributes: usize,
}

#[derive(Debug, Serialize)]
struct AttributeJson {
    key: String,
    count: usize,
    /// True where a dialect looks at it, and this value told it nothing.
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Example>,
}

pub(super) async fn attributes(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(newest): Asked<Newest>,
) -> Result<Json<AttributesJson>, Error> {
    let chosen = viewer.choose(&app.source, given(&newest.project)).await?;
    let unmapped = newest.count(&app, &chosen).await?;
    Ok(Json(AttributesJson {
        records: unmapped.limit,
        spans: unmapped.spans,
        logs: unmapped.logs,
        scopes: unmapped.exporters.iter().map(ScopeJson::from).collect(),
        records_of_other_scopes: unmapped.of_others,
    }))
}

impl From<(&Exporter, &Found)> for ScopeJson {
    fn from((exporter, found): (&Exporter, &Found)) -> Self {
        let attribute = |(key, unread): (&str, &crate::view::unmapped::Unread)| AttributeJson {
            key: key.to_owned(),
            count: unread.count,
            known: unread.known,
            example: unread.example,
        };
        Self {
            name: exporter.name.clone(),
            version: exporter.version.clone(),
            spans: found.spans,
            logs: found.logs,
            attributes: found.by_count().into_iter().map(attribute).collect(),
            other_attributes: found.more,
        }
    }
}
