use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use treering_step::Timestamp;
use treering_store::AuditRow;

use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::pages::Asked;
use crate::view::audit::{Rows, read};

/// Rows of the audit log, newest first.
#[derive(Debug, Serialize)]
pub(super) struct AuditJson {
    rows: Vec<RowJson>,
    /// Where the next answer begins: the `before` to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

#[derive(Debug, Serialize)]
struct RowJson {
    row: i64,
    at: Timestamp,
    actor: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    outcome: String,
}

pub(super) async fn audit(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(asked): Asked<Rows>,
) -> Result<Json<AuditJson>, Error> {
    let (_, found) = read(&app, &viewer, &asked).await?;
    let next = found.next;
    Ok(Json(AuditJson { rows: found.rows.into_iter().map(RowJson::from).collect(), next }))
}

impl From<AuditRow> for RowJson {
    fn from(row: AuditRow) -> Self {
        Self {
            row: row.id,
            at: row.at,
            actor: row.actor,
            action: row.action,
            project: row.project_name,
            subject: row.subject,
            detail: row.detail,
            outcome: row.outcome,
        }
    }
}
