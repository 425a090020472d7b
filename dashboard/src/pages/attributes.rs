use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use treering_store::Project;

use super::shell::Shell;
use super::template::Page;
use super::{Asked, execution};
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::content::Few;
use crate::view::filter::given;
use crate::view::format;
use crate::view::link::Query;
use crate::view::reading::Exporter;
use crate::view::text::Text;
use crate::view::unmapped::{Found, Newest, Unmapped, Unread};

/// Exporters of one page, and keys of one exporter; the read API has more.
const EXPORTERS: usize = 40;
const KEYS: usize = 60;

/// The attributes of the newest records that nobody understands.
#[derive(Debug, Serialize)]
struct AttributesPage {
    shell: Shell,
    /// Up to how many of each are looked at.
    limit: String,
    /// What was looked at.
    sent: String,
    /// True where nothing has arrived.
    empty: bool,
    exporters: Few<Table>,
    others: Option<String>,
    json_url: String,
}

impl Page for AttributesPage {
    const TEMPLATE: &'static str = "attributes.html";
}

/// What one exporter sent.
#[derive(Debug, Serialize)]
struct Table {
    name: Text,
    version: Option<Text>,
    sent: String,
    rows: Few<Row>,
    /// Attributes whose key nobody counted any more.
    more: Option<String>,
}

/// One attribute.
#[derive(Debug, Serialize)]
struct Row {
    key: Text,
    count: String,
    known: bool,
    url: Option<String>,
}

pub(super) async fn attributes(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(newest): Asked<Newest>,
) -> Result<Response, Error> {
    let chosen = viewer.choose(&app.source, given(&newest.project)).await?;
    let unmapped = newest.count(&app, &chosen).await?;
    AttributesPage::new(&app, &chosen, &newest, &unmapped).render()
}

impl AttributesPage {
    fn new(app: &App, chosen: &Chosen, newest: &Newest, unmapped: &Unmapped) -> Self {
        let query = Query::new().with("project", chosen.in_url()).with("records", given(&newest.records));
        let table = |(exporter, found)| Table::new(exporter, found, chosen);
        // Whoever sent most that nobody understands comes first.
        let mut exporters: Vec<_> = unmapped.exporters.iter().collect();
        exporters.sort_by_key(|(_, found)| std::cmp::Reverse(found.attributes.len()));
        Self {
            shell: Shell::new(app, "Attributes".to_owned(), chosen),
            limit: format::count(unmapped.limit.into()),
            sent: sent(unmapped.spans, unmapped.logs),
            empty: unmapped.spans + unmapped.logs == 0,
            exporters: Few::within(EXPORTERS, exporters.into_iter(), table),
            others: (unmapped.of_others > 0).then(|| format::counted(unmapped.of_others, "record")),
            json_url: query.on("/api/v1/attributes"),
        }
    }
}

impl Table {
    fn new(exporter: &Exporter, found: &Found, chosen: &Chosen) -> Self {
        let name = if exporter.name.is_empty() { "(no scope)" } else { &exporter.name };
        Self {
            name: Text::line(name, 160),
            version: (!exporter.version.is_empty()).then(|| Text::line(&exporter.version, 60)),
            sent: sent(found.spans, found.logs),
            rows: Few::within(KEYS, found.by_count().into_iter(), |(key, unread)| {
                Row::new(key, unread, &chosen.project, chosen.named)
            }),
            more: (found.more > 0).then(|| format::count(found.more as u64)),
        }
    }
}

fn sent(spans: usize, logs: usize) -> String {
    let counts = [(spans, "span"), (logs, "log record")].into_iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, noun)| format::counted(count, noun)).collect::<Vec<_>>().join(", ")
}

impl Row {
    fn new(key: &str, unread: &Unread, project: &Project, named: bool) -> Self {
        let address = |trace, span| execution::address(trace, span, named.then_some(project.name.as_str()));
        Self {
            key: Text::line(key, 160),
            count: format::count(unread.count as u64),
            known: unread.known,
            url: unread.example.map(|example| address(example.trace_id, example.span_id)),
        }
    }
}
