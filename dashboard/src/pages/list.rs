use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use treering_step::{Execution, Kind, Status, Timestamp};

use super::Asked;
use super::live;
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::columns::{self, Columns};
use crate::view::filter::{Filter, given};
use crate::view::group::By;
use crate::view::kind::{Badge, status_word};
use crate::view::link::Query;
use crate::view::lost::Lost;
use crate::view::price;
use crate::view::search::SearchNote;
use crate::view::text::Text;
use crate::view::{format, query};

/// The executions of a project, newest first.
#[derive(Debug, Serialize)]
struct ListPage {
    shell: Shell,
    tabs: Vec<Tab>,
    form: FilterForm,
    /// How it was searched, where it was.
    search: Option<SearchNote>,
    table: Table,
    shown: String,
    redacted: String,
    lost: String,
    /// What was lost, by name.
    losses: Vec<String>,
    /// True where a filter narrows the list.
    narrowed: bool,
    first_url: Option<String>,
    next_url: Option<String>,
    clear_url: String,
    json_url: String,
    live_url: String,
}

impl Page for ListPage {
    const TEMPLATE: &'static str = "list.html";
}

/// Executions as rows, in the columns that were chosen.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    columns: Columns,
    choices: Vec<columns::Choice>,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(
        filter: &Filter,
        path: &str,
        executions: &[Execution],
        chosen: &Chosen,
    ) -> Result<Self, Error> {
        let columns = Columns::of(given(&filter.cols))?;
        let slowest = executions.iter().map(|execution| execution.duration_ns).max().unwrap_or(0);
        let rows = executions.iter().map(|execution| Row::new(execution, chosen, slowest)).collect();
        Ok(Self { choices: columns.choices(filter, path), columns, rows })
    }
}

/// The same executions, seen otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Tab {
    name: &'static str,
    url: String,
    current: bool,
}

/// The list, and what its executions have in common.
pub(super) fn tabs(filter: &Filter, current: Option<By>) -> Vec<Tab> {
    let tab = |by: Option<By>| Tab {
        name: by.map_or("Executions", |by| by.words().0),
        url: Filter { cols: None, ..filter.clone() }.url_on(by.map_or("/", By::path), None),
        current: by == current,
    };
    [None].into_iter().chain(By::ALL.map(Some)).map(tab).collect()
}

/// The filter as its form shows it.
#[derive(Debug, Serialize)]
pub(super) struct FilterForm {
    /// Where it leads to.
    action: &'static str,
    q: String,
    statuses: Vec<Choice>,
    kinds: Vec<Choice>,
    /// Free texts that an address brought along.
    texts: Vec<Field>,
    /// What the form keeps of the address.
    hidden: Vec<Field>,
    /// The words of the search field, and what they ask.
    help: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Serialize)]
struct Choice {
    value: &'static str,
    label: &'static str,
    chosen: bool,
}

#[derive(Debug, Serialize)]
struct Field {
    name: &'static str,
    label: &'static str,
    value: String,
}

/// One execution.
#[derive(Debug, Serialize)]
struct Row {
    url: String,
    badge: Badge,
    name: Text,
    note: Option<Text>,
    status: Option<&'static str>,
    failed: bool,
    started_at: Option<String>,
    day: String,
    time: String,
    took: String,
    steps: String,
    tokens: String,
    cost: Option<String>,
    errors: u64,
    redacted: u64,
    agent: Option<Text>,
    models: Option<Text>,
    session: Option<Text>,
    user: Option<Text>,
    /// Against the slowest of the page.
    width: String,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Error> {
    let chosen = viewer.choose(&app.source, given(&filter.project)).await?;
    let sight = chosen.sight()?;
    let typed = filter.typed()?;
    let search = Filter::search(&typed, sight.has_content())?;
    // Before the search: what is not behind by then was looked at.
    let lag = sight.search_lag().await?;
    let version = sight.last_version().await?;
    let found = sight.executions(filter.to_store(&typed, search.as_ref())?).await?;
    let note = search.map(|search| SearchNote::new(&search, lag, Timestamp::now()));
    let lost = Lost::count(sight).await?;
    let next = found.next.map(|cursor| filter.url(Some(&cursor.to_string())));
    let page = ListPage::new(&app, &chosen, &filter, &found.executions, next, &lost)?;
    ListPage { search: note, live_url: live::url(&chosen, None, version), ..page }.render()
}

impl ListPage {
    fn new(
        app: &App,
        chosen: &Chosen,
        filter: &Filter,
        executions: &[Execution],
        next_url: Option<String>,
        lost: &Lost,
    ) -> Result<Self, Error> {
        Ok(Self {
            shell: Shell::new(app, "Executions".to_owned(), chosen),
            tabs: tabs(filter, None),
            form: FilterForm::new(filter, "/"),
            search: None,
            table: Table::new(filter, "/", executions, chosen)?,
            shown: format::counted(executions.len(), "execution"),
            redacted: format::count(executions.iter().map(|execution| execution.redactions).sum()),
            lost: format::count(lost.total),
            losses: lost
                .by_name
                .iter()
                .map(|(name, count)| format!("{} {name}", format::count(*count)))
                .collect(),
            narrowed: filter.narrows(),
            first_url: given(&filter.cursor).map(|_| filter.url(None)),
            next_url,
            clear_url: Query::new().with("project", chosen.in_url()).on("/"),
            json_url: filter.url_on("/api/v1/executions", None),
            live_url: String::new(),
        })
    }
}

impl FilterForm {
    pub(super) fn new(filter: &Filter, action: &'static str) -> Self {
        let field = |(name, label, value): (_, _, &Option<String>)| {
            given(value).map(|value| Field { name, label, value: value.to_owned() })
        };
        let brought = [
            ("model", "Model", &filter.model),
            ("agent", "Agent", &filter.agent),
            ("session", "Session", &filter.session),
            ("user", "User", &filter.user),
            ("from", "From", &filter.from),
            ("to", "To", &filter.to),
            ("min_duration", "At least", &filter.min_duration),
        ];
        let kept =
            [("project", "", &filter.project), ("cols", "", &filter.cols), ("limit", "", &filter.limit)];
        Self {
            action,
            q: given(&filter.q).unwrap_or_default().to_owned(),
            statuses: choices(
                &filter.status,
                Status::ALL.iter().map(|status| (status.as_str(), status.as_str())),
            ),
            kinds: choices(
                &filter.kind,
                Kind::ALL.iter().map(|kind| (kind.as_str(), Badge::from(*kind).word)),
            ),
            texts: brought.into_iter().filter_map(field).collect(),
            hidden: kept.into_iter().filter_map(field).collect(),
            help: query::FIELDS,
        }
    }
}

fn choices(
    chosen: &Option<String>,
    words: impl Iterator<Item = (&'static str, &'static str)>,
) -> Vec<Choice> {
    let choice = |(value, label)| Choice { value, label, chosen: given(chosen) == Some(value) };
    [("", "any")].into_iter().chain(words).map(choice).collect()
}

impl Row {
    fn new(execution: &Execution, chosen: &Chosen, slowest: u64) -> Self {
        let started = execution.started_at.map(format::moment);
        let (day, time) = started.as_deref().and_then(|moment| moment.split_once(' ')).unwrap_or_default();
        let path = format!("/executions/{}", execution.trace_id);
        // How many of its steps have no price where others have one is not known here.
        let tokens = execution.tokens.input.saturating_add(execution.tokens.output);
        let unpriced = tokens > 0 && execution.cost_usd.is_none();
        Self {
            url: Query::new().with("project", chosen.in_url()).on(&path),
            badge: execution.kind.into(),
            name: Text::line(if execution.name.is_empty() { "(no name)" } else { &execution.name }, 160),
            note: note(execution),
            status: status_word(execution.status),
            failed: execution.status == Status::Error,
            started_at: execution.started_at.map(|at| at.to_string()),
            day: day.to_owned(),
            // Milliseconds only tell apart what a list need not tell apart.
            time: time.split('.').next().unwrap_or_default().to_owned(),
            took: format::duration(execution.duration_ns),
            steps: format::count(execution.steps),
            tokens: format::count(tokens),
            cost: price::sum(execution.cost_usd, unpriced.into()),
            errors: execution.errors,
            redacted: execution.redactions,
            agent: execution.agent.as_deref().map(word),
            models: (!execution.models.is_empty()).then(|| word(&execution.models.join(", "))),
            session: execution.session_id.as_deref().map(word),
            user: execution.user_id.as_deref().map(word),
            width: format!("{:.2}%", (100.0 * format::ratio(execution.duration_ns, slowest)).max(0.5)),
        }
    }
}

fn word(text: &str) -> Text {
    Text::line(text, 60)
}

/// The agent and the models, where the name does not say them.
fn note(execution: &Execution) -> Option<Text> {
    let agent = execution.agent.as_deref().filter(|agent| !execution.name.contains(agent));
    let models = execution.models.iter().map(String::as_str).filter(|model| !execution.name.contains(model));
    let words: Vec<_> = agent.into_iter().chain(models).collect();
    (!words.is_empty()).then(|| Text::line(&words.join(" · "), 160))
}
