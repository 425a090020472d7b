//! Agents, models, tools, users and sessions: all of a kind, and each with its executions and its figures over time.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use treering_read::merge;
use treering_step::{Execution, Summary, TraceId};

use super::Asked;
use super::list::{FilterForm, Tab, Table, tabs};
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Chosen, Sight, Viewer};
use crate::error::Error;
use crate::view::chart::Chart;
use crate::view::filter::{Filter, given};
use crate::view::format;
use crate::view::group::{By, Group, One, groups};
use crate::view::link::Query;
use crate::view::step::Fact;
use crate::view::text::Text;

/// Executions that are looked at, the newest ones, where executions are counted and where their steps are.
const EXECUTIONS: usize = 5_000;
const OF_STEPS: usize = 300;
/// Executions that are asked for at once.
const AT_ONCE: usize = 1_000;
/// Groups of one page.
const GROUPS: usize = 200;
/// Executions of the page of one group.
const ROWS: usize = 50;

/// All groups of a kind.
#[derive(Debug, Serialize)]
struct GroupsPage {
    shell: Shell,
    tabs: Vec<Tab>,
    form: FilterForm,
    title: &'static str,
    one: &'static str,
    /// What is counted.
    counted: &'static str,
    /// What was looked at.
    about: String,
    rows: Vec<Row>,
    hidden: Option<String>,
    narrowed: bool,
    clear_url: String,
}

impl Page for GroupsPage {
    const TEMPLATE: &'static str = "groups.html";
}

/// One group among others.
#[derive(Debug, Serialize)]
struct Row {
    name: Text,
    url: String,
    count: String,
    errors: String,
    failed: bool,
    median: Option<String>,
    slow: Option<String>,
    tokens: String,
    cost: Option<String>,
    last: Option<String>,
    chart: Option<Chart>,
}

/// One group.
#[derive(Debug, Serialize)]
struct GroupPage {
    shell: Shell,
    tabs: Vec<Tab>,
    one: &'static str,
    name: Text,
    all_url: String,
    about: String,
    facts: Vec<Fact>,
    /// Where the charts begin and end, and how long each bar is.
    labels: Option<[String; 3]>,
    charts: Vec<Chart>,
    table: Table,
    hidden: Option<String>,
    list_url: Option<String>,
}

impl Page for GroupPage {
    const TEMPLATE: &'static str = "group.html";
}

/// Which group is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    is: Option<String>,
}

macro_rules! pages {
    ($($page:ident $by:ident)*) => {
        $(pub(super) async fn $page(
            State(app): State<Arc<App>>,
            viewer: Viewer,
            Asked(which): Asked<Which>,
            Asked(filter): Asked<Filter>,
        ) -> Result<Response, Error> {
            show(&app, &viewer, &which, filter, By::$by).await
        })*
    };
}

pages!(agents Agent models Model tools Tool users User sessions Session);

async fn show(app: &App, viewer: &Viewer, which: &Which, filter: Filter, by: By) -> Result<Response, Error> {
    // A page of groups is one page.
    let filter = Filter { cursor: None, limit: None, ..filter };
    let of = given(&which.is).map_or_else(|| filter.clone(), |name| only(&filter, by, name));
    let chosen = viewer.choose(&app.source, given(&filter.project)).await?;
    let looked = Looked::at(app, &chosen, &of, by).await?;
    match given(&which.is) {
        Some(name) => GroupPage::new(app, &chosen, &filter, by, looked, name)?.render(),
        None => GroupsPage::new(app, &chosen, &filter, by, looked).render(),
    }
}

/// The same filter for the executions of one group alone, where an execution's row tells that.
fn only(filter: &Filter, by: By, name: &str) -> Filter {
    let (mut filter, name) = (filter.clone(), Some(name.to_owned()));
    match by {
        By::Agent => filter.agent = name,
        By::User => filter.user = name,
        By::Session => filter.session = name,
        By::Model => filter.model = name,
        By::Tool => {}
    }
    filter
}

/// What was looked at.
struct Looked {
    executions: Vec<Execution>,
    /// True where there are older ones.
    is_part: bool,
    all: Vec<(String, One)>,
}

impl Looked {
    async fn at(app: &App, chosen: &Chosen, filter: &Filter, by: By) -> Result<Self, Error> {
        let sight = chosen.sight()?;
        let most = if by.is_of_steps() { OF_STEPS } else { EXECUTIONS };
        let (executions, is_part) = newest(sight, filter, most).await?;
        let all = match by.is_of_steps() {
            true => steps(app, sight, &executions, by).await?,
            false => executions.iter().filter_map(|execution| One::of(execution, by)).collect(),
        };
        Ok(Self { executions, is_part, all })
    }

    fn about(&self, by: By) -> String {
        let counted = format::counted(self.all.len(), by.noun());
        let of = format::counted(self.executions.len(), "execution");
        let part = if self.is_part { "the newest " } else { "" };
        match by.is_of_steps() {
            true => format!("{counted} in {part}{of}"),
            false => format!("{} of {part}{of} name one", format::count(self.all.len() as u64)),
        }
    }
}

/// The newest executions that the filter lets pass.
async fn newest(sight: &Sight, filter: &Filter, most: usize) -> Result<(Vec<Execution>, bool), Error> {
    let typed = filter.typed()?;
    let search = Filter::search(&typed, sight.has_content())?;
    let mut asked = filter.to_store(&typed, search.as_ref())?;
    let mut found = Vec::new();
    loop {
        asked.limit = u32::try_from((most - found.len()).min(AT_ONCE)).unwrap_or(1);
        let page = sight.executions(asked.clone()).await?;
        found.extend(page.executions);
        asked.cursor = page.next;
        if asked.cursor.is_none() || found.len() >= most {
            return Ok((found, asked.cursor.is_some()));
        }
    }
}

/// The steps of these executions that are counted.
async fn steps(
    app: &App,
    sight: &Sight,
    executions: &[Execution],
    by: By,
) -> Result<Vec<(String, One)>, Error> {
    let ids: Vec<TraceId> = executions.iter().map(|execution| execution.trace_id).collect();
    let (prices, of) = (app.prices.clone(), ids.clone());
    let add = move |told: &mut Told, at: usize, step: Vec<Summary>| {
        for step in merge(step, &prices) {
            // Two instrumentations of one call tell of one answer.
            let answer = step.response_id.clone().map(|id| (at, id));
            let is_new = answer.is_none_or(|answer| told.answers.insert(answer));
            told.all.extend(One::of_step(of[at], &step, by).filter(|_| is_new));
        }
    };
    Ok(sight.steps_of_many(ids, add).await?.all)
}

#[derive(Default)]
struct Told {
    all: Vec<(String, One)>,
    answers: HashSet<(usize, String)>,
}

/// The address of one group.
fn url(by: By, name: &str, filter: &Filter) -> String {
    let rest = filter.url_on("", None);
    let rest = rest.strip_prefix('?').map(|rest| format!("&{rest}")).unwrap_or_default();
    format!("{}{rest}", Query::new().with("is", Some(name)).on(by.path()))
}

/// The same from other pages.
pub(super) fn address(by: By, name: &str, project: Option<&str>) -> String {
    url(by, name, &Filter { project: project.map(str::to_owned), ..Filter::default() })
}

impl GroupsPage {
    fn new(app: &App, chosen: &Chosen, filter: &Filter, by: By, looked: Looked) -> Self {
        let about = looked.about(by);
        let found = groups(looked.all.into_iter());
        let whole = Group { all: found.iter().flat_map(|(_, group)| group.all.clone()).collect() };
        let parts = whole.parts();
        let row = |(name, group): &(String, Group)| Row {
            name: Text::line(name, 120),
            url: url(by, name, filter),
            count: format::count(group.all.len() as u64),
            errors: group.error_rate(),
            failed: group.failed() > 0,
            median: group.percentile(50).map(format::duration),
            slow: group.percentile(95).map(format::duration),
            tokens: format::count(group.tokens()),
            cost: group.cost(),
            last: group.last_at().map(format::moment),
            chart: parts.and_then(|parts| group.counts(parts, "Over time")),
        };
        let hidden = found.len().saturating_sub(GROUPS);
        Self {
            shell: Shell::new(app, by.words().0.to_owned(), chosen),
            tabs: tabs(filter, Some(by)),
            form: FilterForm::new(filter, by.path()),
            title: by.words().0,
            one: by.words().1,
            counted: if by.is_of_steps() { "Calls" } else { "Executions" },
            about,
            rows: found.iter().take(GROUPS).map(row).collect(),
            hidden: (hidden > 0).then(|| format::count(hidden as u64)),
            narrowed: filter.narrows(),
            clear_url: Query::new().with("project", chosen.in_url()).on(by.path()),
        }
    }
}

impl GroupPage {
    fn new(
        app: &App,
        chosen: &Chosen,
        filter: &Filter,
        by: By,
        looked: Looked,
        name: &str,
    ) -> Result<Self, Error> {
        let about = looked.about(by);
        let of = |(found, one): (String, One)| (found == name).then_some(one);
        let group = Group { all: looked.all.into_iter().filter_map(of).collect() };
        if group.all.is_empty() {
            return Err(Error::NoGroup);
        }
        let traces: HashSet<_> = group.all.iter().map(|one| one.trace_id).collect();
        let mut executions = looked.executions;
        executions.retain(|execution| traces.contains(&execution.trace_id));
        let hidden = executions.len().saturating_sub(ROWS);
        executions.truncate(ROWS);
        let parts = group.parts();
        // No list knows the tools of its executions.
        let list_url = (by != By::Tool).then(|| only(filter, by, name).url(None));
        let name = Text::line(name, 200);
        let path = by.path();
        Ok(Self {
            shell: Shell::new(app, name.plain(), chosen),
            tabs: tabs(filter, Some(by)),
            one: by.words().1,
            name,
            all_url: filter.url_on(path, None),
            about,
            facts: facts(&group, by),
            labels: parts.map(|parts| parts.labels()),
            charts: parts.map(|parts| group.charts(parts, by)).unwrap_or_default(),
            table: Table::new(filter, path, &executions, chosen)?,
            hidden: (hidden > 0).then(|| format::count(hidden as u64)),
            list_url,
        })
    }
}

fn facts(group: &Group, by: By) -> Vec<Fact> {
    let label = if by.is_of_steps() { "Calls" } else { "Executions" };
    let length = |label, percent| Some(Fact::new(label, format::duration(group.percentile(percent)?)));
    [
        Some(Fact::new(label, format::count(group.all.len() as u64))),
        Some(Fact { alarm: group.failed() > 0, ..Fact::new("Failed", group.error_rate()) }),
        length("Median", 50),
        length("95th percentile", 95),
        Some(Fact::new("Tokens", format::count(group.tokens()))),
        group.cost().map(|cost| Fact::new("Cost", cost)),
        group.last_at().map(|at| Fact::new("Last", format!("{} UTC", format::moment(at)))),
    ]
    .into_iter()
    .flatten()
    .collect()
}
