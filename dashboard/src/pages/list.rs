use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use treering_step::{Execution, Kind, Status, Timestamp};

use super::Asked;
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::filter::{Filter, given};
use crate::view::format;
use crate::view::kind::{Badge, status_word};
use crate::view::link::Query;
use crate::view::lost::Lost;
use crate::view::price;
use crate::view::search::SearchNote;
use crate::view::text::Text;

/// The executions of a project, newest first.
#[derive(Debug, Serialize)]
struct ListPage {
    shell: Shell,
    form: FilterForm,
    /// How it was searched, where it was.
    search: Option<SearchNote>,
    rows: Vec<Row>,
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
}

impl Page for ListPage {
    const TEMPLATE: &'static str = "list.html";
}

/// The filter as its form shows it.
#[derive(Debug, Serialize)]
struct FilterForm {
    project: Option<String>,
    q: String,
    statuses: Vec<Choice>,
    kinds: Vec<Choice>,
    /// Free texts: those that a reader always may fill in, and those that an address brought along.
    texts: Vec<Field>,
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
    /// Against the slowest of the page.
    width: String,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Error> {
    let chosen = viewer.choose(&app.source, given(&filter.project)).await?;
    let search = filter.search(chosen.sight()?.has_content())?;
    // Before the search: what is not behind by then was looked at.
    let lag = chosen.sight()?.search_lag().await?;
    let found = chosen.sight()?.executions(filter.to_store(search.as_ref())?).await?;
    let note = search.map(|search| SearchNote::new(&search, lag, Timestamp::now()));
    let lost = Lost::count(chosen.sight()?).await?;
    let next = found.next.map(|cursor| filter.url(Some(&cursor.to_string())));
    let page = ListPage::new(&app, &chosen, &filter, &found.executions, next, &lost);
    ListPage { search: note, ..page }.render()
}

impl ListPage {
    fn new(
        app: &App,
        chosen: &Chosen,
        filter: &Filter,
        executions: &[Execution],
        next_url: Option<String>,
        lost: &Lost,
    ) -> Self {
        let slowest = executions.iter().map(|execution| execution.duration_ns).max().unwrap_or(0);
        Self {
            shell: Shell::new(app, "Executions".to_owned(), chosen),
            form: FilterForm::new(filter, chosen),
            search: None,
            rows: executions.iter().map(|execution| Row::new(execution, chosen, slowest)).collect(),
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
        }
    }
}

impl FilterForm {
    fn new(filter: &Filter, chosen: &Chosen) -> Self {
        let always = [("model", "Model", &filter.model), ("agent", "Agent", &filter.agent)];
        let brought = [
            ("session", "Session", &filter.session),
            ("user", "User", &filter.user),
            ("from", "From", &filter.from),
            ("to", "To", &filter.to),
            ("min_duration", "At least", &filter.min_duration),
        ];
        let brought = brought.into_iter().filter(|(_, _, value)| given(value).is_some());
        let field = |(name, label, value): (_, _, &Option<String>)| Field {
            name,
            label,
            value: given(value).unwrap_or_default().to_owned(),
        };
        Self {
            project: chosen.in_url().map(str::to_owned),
            q: given(&filter.q).unwrap_or_default().to_owned(),
            statuses: choices(
                &filter.status,
                Status::ALL.iter().map(|status| (status.as_str(), status.as_str())),
            ),
            kinds: choices(
                &filter.kind,
                Kind::ALL.iter().map(|kind| (kind.as_str(), Badge::from(*kind).word)),
            ),
            texts: always.into_iter().chain(brought).map(field).collect(),
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
            width: format!("{:.2}%", (100.0 * format::ratio(execution.duration_ns, slowest)).max(0.5)),
        }
    }
}

/// The agent and the models, where the name does not say them.
fn note(execution: &Execution) -> Option<Text> {
    let agent = execution.agent.as_deref().filter(|agent| !execution.name.contains(agent));
    let models = execution.models.iter().map(String::as_str).filter(|model| !execution.name.contains(model));
    let words: Vec<_> = agent.into_iter().chain(models).collect();
    (!words.is_empty()).then(|| Text::line(&words.join(" · "), 160))
}
