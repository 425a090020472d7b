use std::ops::Range;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use treering_redact::{Left, Mark};
use treering_step::{Execution, SpanId, Status, TraceId};

use super::shell::Shell;
use super::template::Page;
use super::{Asked, Named};
use crate::App;
use crate::access::{Chosen, Sight, Viewer};
use crate::error::Error;
use crate::view::execution::{self, TraceView, WINDOW, outlined_step, read_step};
use crate::view::filter::{given, parsed};
use crate::view::format;
use crate::view::kind::{Badge, status_word};
use crate::view::link::Query;
use crate::view::lost::Lost;
use crate::view::price::{self, Price};
use crate::view::step::{Fact, StepView};
use crate::view::text::Text;
use crate::view::tree::{self, Row};
use crate::view::waterfall::Tick;
use crate::view::why::WhyView;

/// An execution: its tree beside its waterfall, and the chosen step.
#[derive(Debug, Serialize)]
struct ExecutionPage {
    shell: Shell,
    badge: Badge,
    name: Text,
    trace_id: TraceId,
    status: Option<&'static str>,
    failed: bool,
    facts: Vec<Fact>,
    rows: Vec<RowLink>,
    ticks: Vec<Tick>,
    /// The kinds among the rows, so that a letter can be looked up.
    legend: Vec<Badge>,
    window: Option<Window>,
    step: Option<StepView>,
    /// True where the step opens in its row: where somebody chose it, and it is among the rows. The step that
    /// nobody chose comes after them, so that a narrow screen begins with the tree.
    step_in_row: bool,
    json_url: String,
    /// Absent where content is withheld, of which it is full.
    otlp_url: Option<String>,
}

impl Page for ExecutionPage {
    const TEMPLATE: &'static str = "execution.html";
}

#[derive(Debug, Serialize)]
struct RowLink {
    #[serde(flatten)]
    row: Row,
    url: String,
    chosen: bool,
}

/// Which rows of a long execution are shown.
#[derive(Debug, Serialize)]
struct Window {
    from: String,
    to: String,
    total: String,
    previous_url: Option<String>,
    next_url: Option<String>,
}

/// What the query asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    project: Option<String>,
    /// The chosen step.
    step: Option<String>,
    /// The first row.
    at: Option<String>,
}

pub(super) async fn execution(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(trace): Named<String>,
    Asked(look): Asked<Look>,
) -> Result<Response, Error> {
    let trace = parsed(&trace).ok_or(Error::TraceId)?;
    let chosen = viewer.choose(&app.source, given(&look.project)).await?;
    let view = TraceView::load(&app, &chosen, trace).await?;
    let choice = look.choice(&app, chosen.sight()?, &view).await?;
    let has_content = chosen.sight()?.has_content();
    let read = match choice.row {
        Some(row) if has_content => Some(read_step(&app, &chosen, &view, row).await?),
        Some(row) => Some((outlined_step(&app, chosen.sight()?, &view, row).await?, None)),
        None => None,
    };
    let lost = Lost::count(chosen.sight()?).await?;
    let address = Address { trace, project: chosen.in_url() };
    let step = read.map(|(step, reading)| {
        let position = step.started_at.and_then(|at| view.forest.scale?.position(at));
        let json_url = address.step_json(step.span_id);
        let why = reading.as_ref().map(|told| WhyView::new(&step, told, address.reading(step.span_id)));
        let price = Price::of(&step, reading.as_ref(), &app.prices);
        let shown = StepView::of(&step, position, price, why, json_url);
        if has_content { shown } else { shown.withheld() }
    });
    ExecutionPage::new(&app, &chosen, &view, &address, choice, step, &lost).render()
}

impl Look {
    /// The window is the one that `at` begins, else the one that the chosen step lies in.
    async fn choice(&self, app: &App, sight: &Sight, view: &TraceView) -> Result<Choice, Error> {
        let row = |field: &Option<String>| {
            given(field)
                .map(|id| view.forest.row_of(parsed(id).ok_or(Error::SpanId)?).ok_or(Error::NoStep))
                .transpose()
        };
        let (step, at) = (row(&self.step)?, row(&self.at)?);
        let from = at.unwrap_or_else(|| step.map_or(0, |step| step / WINDOW * WINDOW));
        let window = view.window(app, sight, from, WINDOW).await?;
        let row = step.or((!window.rows.is_empty()).then_some(from));
        Ok(Choice { row, asked: step.is_some(), window })
    }
}

/// What a page shows of an execution.
struct Choice {
    /// The row of the chosen step; the first one of the window where nobody chose.
    row: Option<usize>,
    /// True where somebody chose.
    asked: bool,
    window: execution::Window,
}

/// The addresses of an execution.
struct Address<'a> {
    trace: TraceId,
    project: Option<&'a str>,
}

impl Address<'_> {
    fn query(&self) -> Query {
        Query::new().with("project", self.project)
    }

    /// The page with this step chosen, scrolled to its row.
    fn step(&self, span: SpanId) -> String {
        // Relative to the page itself: a thousand rows need not repeat its path.
        format!("{}#s-{span}", self.query().with("step", Some(span)).on(""))
    }

    fn window(&self, first: SpanId) -> String {
        self.query().with("at", Some(first)).on("")
    }

    fn json(&self) -> String {
        self.query().on(&format!("/api/v1/executions/{}", self.trace))
    }

    fn otlp(&self) -> String {
        self.query().on(&format!("/api/v1/executions/{}/otlp", self.trace))
    }

    fn step_json(&self, span: SpanId) -> String {
        self.query().on(&format!("/api/v1/executions/{}/steps/{span}", self.trace))
    }

    fn reading(&self, span: SpanId) -> String {
        self.query().on(&format!("/api/v1/executions/{}/steps/{span}/reading", self.trace))
    }

    fn session(&self, session: &str) -> String {
        self.query().with("session", Some(session)).on("/")
    }

    fn user(&self, user: &str) -> String {
        self.query().with("user", Some(user)).on("/")
    }
}

/// The address of a step, from any other page.
pub(super) fn address(trace: TraceId, span: SpanId, project: Option<&str>) -> String {
    let page = Query::new().with("project", project).with("step", Some(span));
    format!("{}#s-{span}", page.on(&format!("/executions/{trace}")))
}

impl ExecutionPage {
    fn new(
        app: &App,
        chosen: &Chosen,
        view: &TraceView,
        address: &Address<'_>,
        Choice { row, asked, window }: Choice,
        step: Option<StepView>,
        lost: &Lost,
    ) -> Self {
        let execution = &view.execution;
        let name = Text::line(if execution.name.is_empty() { "(no name)" } else { &execution.name }, 200);
        let link = |(at, row_view): (usize, Row)| RowLink {
            url: address.step(row_view.span_id),
            chosen: row == Some(at),
            row: row_view,
        };
        let rows: Vec<_> = window.rows.clone().zip(tree::rows(&view.forest, &window)).map(link).collect();
        Self {
            shell: Shell::new(app, name.plain(), chosen),
            badge: execution.kind.into(),
            name,
            trace_id: execution.trace_id,
            status: status_word(execution.status),
            failed: execution.status == Status::Error,
            facts: facts(view, address, lost),
            legend: legend(&rows),
            rows,
            ticks: view.forest.scale.map(|scale| scale.ticks()).unwrap_or_default(),
            step_in_row: asked && row.is_some_and(|row| window.rows.contains(&row)),
            window: Window::of(view, address, &window.rows),
            step,
            json_url: address.json(),
            otlp_url: chosen.sight().is_ok_and(Sight::has_content).then(|| address.otlp()),
        }
    }
}

fn legend(rows: &[RowLink]) -> Vec<Badge> {
    let mut badges: Vec<_> = rows.iter().map(|row| row.row.badge).collect();
    badges.sort_by_key(|badge| badge.letter);
    badges.dedup();
    badges
}

fn facts(view: &TraceView, address: &Address<'_>, lost: &Lost) -> Vec<Fact> {
    let execution = &view.execution;
    let failure = view.forest.first_failure.map(|row| address.step(view.forest.rows[row].span_id));
    let cost = price::sum(execution.cost_usd, view.forest.unpriced);
    let took = if execution.status == Status::Running { "So far" } else { "Took" };
    let started = execution.started_at.map(|at| Fact::new("Started", format!("{} UTC", format::moment(at))));
    let linked = |label, value: &Option<String>, url: &dyn Fn(&str) -> String| {
        let href = |value: &str| names_one(value).then(|| url(value));
        value.as_deref().map(|value| Fact { href: href(value), ..Fact::new(label, value) })
    };
    [
        started,
        Some(Fact::new(took, format::duration(execution.duration_ns))),
        Some(Fact::new("Steps", format::count(execution.steps))),
        Some(Fact::new("Tokens", tokens(execution))),
        cost.map(|cost| Fact::new("Cost", cost)),
        Some(Fact {
            href: failure,
            alarm: execution.errors > 0,
            ..Fact::new("Errors", format::count(execution.errors))
        }),
        Some(Fact::new("Redacted", format::count(execution.redactions))),
        Some(Fact { alarm: lost.total > 0, ..Fact::new("Lost", format::count(lost.total)) }),
        linked("Session", &execution.session_id, &|session| address.session(session)),
        linked("User", &execution.user_id, &|user| address.user(user)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Two that were redacted alike need not be the same one: there is nothing to look for. Equal pseudonyms are.
fn names_one(value: &str) -> bool {
    Mark::all(value).all(|mark| matches!(mark.left, Left::Pseudonym(_)))
}

fn tokens(execution: &Execution) -> String {
    let tokens = &execution.tokens;
    format!("{} in · {} out", format::count(tokens.input), format::count(tokens.output))
}

impl Window {
    /// Nothing where all rows are shown.
    fn of(view: &TraceView, address: &Address<'_>, window: &Range<usize>) -> Option<Self> {
        let total = view.length();
        let url = |row: usize| address.window(view.forest.rows[row].span_id);
        (window.len() < total).then(|| Self {
            from: format::count(window.start as u64 + 1),
            to: format::count(window.end as u64),
            total: format::count(total as u64),
            previous_url: (window.start > 0).then(|| url(window.start.saturating_sub(WINDOW))),
            next_url: (window.end < total).then(|| url(window.end)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_looked_for_where_its_marks_tell_it_from_others() {
        assert!(names_one("s-1") && names_one("of [REDACTED:EMAIL:qwertyuiopas]"));
        assert!(!names_one("of [REDACTED:EMAIL]") && !names_one("[REDACTED:CREDIT_CARD:*1111]"));
    }
}
