use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use treering_store::AuditRow;

use super::Asked;
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::view::audit::{Rows, read};
use crate::view::format;
use crate::view::link::Query;
use crate::view::text::Text;

/// Who did what, newest first.
#[derive(Debug, Serialize)]
struct AuditPage {
    shell: Shell,
    rows: Vec<Row>,
    older_url: Option<String>,
    json_url: String,
}

impl Page for AuditPage {
    const TEMPLATE: &'static str = "audit.html";
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    at: String,
    actor: Text,
    action: Text,
    project: Option<Text>,
    what: Vec<Text>,
    failed: bool,
}

/// Longer texts are cut: they are names.
const LONGEST: usize = 200;

pub(super) async fn audit(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(asked): Asked<Rows>,
) -> Result<Response, Error> {
    let (chosen, found) = read(&app, &viewer, &asked).await?;
    let of_project = || Query::new().with("project", chosen.in_url());
    let page = AuditPage {
        shell: Shell::new(&app, "Audit log".to_owned(), &chosen),
        rows: found.rows.into_iter().map(Row::from).collect(),
        older_url: found.next.map(|next| of_project().with("before", Some(next)).on("/audit")),
        json_url: of_project().on("/api/v1/audit"),
    };
    page.render()
}

impl From<AuditRow> for Row {
    fn from(row: AuditRow) -> Self {
        let line = |text: &String| Text::line(text, LONGEST);
        Self {
            id: format::count(row.id.unsigned_abs()),
            at: format::moment(row.at),
            actor: line(&row.actor),
            action: line(&row.action),
            project: row.project_name.as_ref().map(line),
            what: [&row.subject, &row.detail].into_iter().flatten().map(line).collect(),
            failed: row.outcome == "failed",
        }
    }
}
