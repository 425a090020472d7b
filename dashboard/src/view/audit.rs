//! Rows of the audit log, as far as somebody may see them.

use serde::Deserialize;
use treering_store::{Act, Action, AuditRow};

use super::filter::{given, parsed, word};
use crate::App;
use crate::access::{Chosen, Right, Viewer};
use crate::error::Error;

/// Rows of a page where nobody says, and at the most.
const ROWS: u32 = 100;
const MOST: u32 = 1_000;

/// What the query asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rows {
    project: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

/// Some rows, newest first.
pub(crate) struct Found {
    pub(crate) rows: Vec<AuditRow>,
    /// The number of the last of them, where there are older ones.
    pub(crate) next: Option<i64>,
}

/// Reads them, which is itself written down first.
pub(crate) async fn read(app: &App, viewer: &Viewer, asked: &Rows) -> Result<(Chosen, Found), Error> {
    let within = |text: &str| parsed(text).filter(|limit| (1..=MOST).contains(limit));
    let limit = word(&asked.limit, within, "`limit` is a number from 1 to 1000")?.unwrap_or(ROWS);
    let before = word(&asked.before, parsed, "`before` is the `next` of an answer before")?;
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    chosen.must(Right::Audit)?;
    let seen = chosen.saw(app, vec![Act::new(Action::AuditRead).within(chosen.project.id)]).await?;
    let mut rows = chosen.audit(before, limit + 1, &seen).await?;
    let is_all = rows.len() <= usize::try_from(limit).unwrap_or(usize::MAX);
    if !is_all {
        rows.pop();
    }
    let next = rows.last().map(|row| row.id).filter(|_| !is_all);
    Ok((chosen, Found { rows, next }))
}
