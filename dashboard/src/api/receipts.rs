use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use treering_step::Timestamp;
use treering_store::Receipt;

use super::steps::InProject;
use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::pages::{Asked, Named};
use crate::view::filter::{given, parsed};

/// What became of one request.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptJson {
    request_id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    transport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<Cow<'static, str>>,
    outcome: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'static, str>>,
    bytes: u64,
    accepted: u64,
    rejected: u64,
    /// Places, by type.
    redactions: BTreeMap<String, u64>,
    withheld: u64,
}

pub(super) async fn receipt(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    id: Result<Named<String>, Error>,
    Asked(asked): Asked<InProject>,
) -> Result<Json<ReceiptJson>, Error> {
    let Named(id) = id.map_err(|_| Error::RequestId)?;
    let id = parsed(&id).ok_or(Error::RequestId)?;
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    let receipt = chosen.sight()?.receipt(id).await?;
    Ok(Json(ReceiptJson::new(receipt, chosen.project.name)))
}

impl ReceiptJson {
    fn new(receipt: Receipt, project: String) -> Self {
        Self {
            request_id: receipt.id.to_string(),
            project,
            at: receipt.id.at(),
            transport: receipt.transport.as_str(),
            signal: receipt.signal,
            outcome: receipt.outcome,
            reason: receipt.reason,
            bytes: receipt.bytes,
            accepted: receipt.accepted,
            rejected: receipt.rejected,
            redactions: receipt.redactions,
            withheld: receipt.withheld,
        }
    }
}
