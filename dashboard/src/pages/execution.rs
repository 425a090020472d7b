use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use treering_redact::{Left, Mark};
use treering_step::{Execution, SpanId, Status, TraceId};

use super::controls::{Address, Controls, Look};
use super::groups;
use super::live;
use super::shell::Shell;
use super::template::Page;
use super::trace::{self, Views};
use super::{Asked, Named};
use crate::App;
use crate::access::{Chosen, Sight, Viewer};
use crate::error::Error;
use crate::view::crash::Crash;
use crate::view::execution::{self, TraceView, outlined_step, read_step};
use crate::view::filter::{given, parsed, word};
use crate::view::findings::Finding;
use crate::view::format;
use crate::view::group::By;
use crate::view::kind::{Badge, status_word};
use crate::view::link::Query;
use crate::view::loops;
use crate::view::lost::Lost;
use crate::view::price::{self, Bill, Price};
use crate::view::shape::{self, Only, Shape, Shown};
use crate::view::step::{Fact, StepView};
use crate::view::text::Text;
use crate::view::tree::{self, Row};
use crate::view::waterfall::Tick;
use crate::view::why::WhyView;

/// Rows of one page.
const ROWS: usize = 250;
/// Levels that can be asked for.
const LEVELS: u32 = 100;
/// Steps that one search finds at the most.
const FOUND: u32 = 1_000;

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
    views: Views,
    controls: Controls,
    /// What was under way when its process died.
    crash: Option<Crash>,
    findings: Vec<Remark>,
    rows: Vec<RowLink>,
    ticks: Vec<Tick>,
    /// The kinds among the rows, so that a letter can be looked up.
    legend: Vec<Badge>,
    window: Option<Window>,
    step: Option<StepView>,
    /// What the chosen step can be looked at by itself.
    step_links: Option<StepLinks>,
    /// True where the step opens in its row: where somebody chose it, and it is among the rows. The step that
    /// nobody chose comes after them, so that a narrow screen begins with the tree.
    step_in_row: bool,
    live_url: String,
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

/// Something strange, and where to see it.
#[derive(Debug, Serialize)]
struct Remark {
    sentence: Text,
    url: String,
}

#[derive(Debug, Serialize)]
struct StepLinks {
    /// Its own tree alone, where it has one.
    root_url: Option<String>,
    md_url: String,
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

pub(super) async fn execution(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(name): Named<String>,
    Asked(look): Asked<Look>,
) -> Result<Response, Error> {
    if let Some((trace, form)) = trace::twin(&name) {
        return trace::take(&app, &viewer, trace, None, form, given(&look.project)).await;
    }
    let trace = parsed(&name).ok_or(Error::TraceId)?;
    let chosen = viewer.choose(&app.source, given(&look.project)).await?;
    let sight = chosen.sight()?;
    let version = sight.last_version().await?;
    let view = TraceView::load(&app, &chosen, trace).await?;
    let choice = look.choice(&app, sight, &view).await?;
    let has_content = sight.has_content();
    let read = match choice.row {
        Some(row) if has_content => Some(read_step(&app, &chosen, &view, row).await?),
        Some(row) => Some((outlined_step(&app, sight, &view, row).await?, None)),
        None => None,
    };
    let crash = Crash::of(&app, sight, &view).await?;
    let findings = loops::findings(&app, &chosen, &view).await?;
    let lost = Lost::count(sight).await?;
    let address = Address { trace, look: &look };
    let step = read.map(|(step, reading)| {
        let position = step.started_at.and_then(|at| view.forest.scale?.position(at));
        let json_url = address.step_json(step.span_id);
        let why = reading.as_ref().map(|told| WhyView::new(&step, told, address.reading(step.span_id)));
        let price = Price::of(&step, reading.as_ref(), &app.prices);
        let bill = Bill::of(&step, &app.prices);
        let shown = StepView::of(&step, position, price, why, json_url).with_bill(bill);
        if has_content { shown } else { shown.withheld() }
    });
    let live_url = live::url(&chosen, Some(trace), version);
    let crash = crash.map(|crash| crash.linked(|span| address.step(span)));
    let page = ExecutionPage::new(&app, &chosen, &view, &address, &choice, step, &lost, &findings);
    ExecutionPage { crash, live_url, ..page }.render()
}

impl Look {
    /// The window is the one that `at` begins, else the one that the chosen step lies in.
    async fn choice(&self, app: &App, sight: &Sight, view: &TraceView) -> Result<Choice, Error> {
        let row = |field: &Option<String>| {
            given(field)
                .map(|id| view.forest.row_of(parsed(id).ok_or(Error::SpanId)?).ok_or(Error::NoStep))
                .transpose()
        };
        let (step, at, root) = (row(&self.step)?, row(&self.at)?, row(&self.root)?);
        let only = word(&self.only, Only::from_word, "`only` is one of all, errors, path")?;
        let within = |text: &str| parsed(text).filter(|levels| (1..=LEVELS).contains(levels));
        let levels = word(&self.levels, within, "`levels` is a number from 1 to 100")?;
        let found = match given(&self.find) {
            Some(text) => {
                let found = sight.find_steps(view.execution.trace_id, text, FOUND).await?;
                Some(found.into_iter().collect::<HashSet<_>>())
            }
            None => None,
        };
        let asked = shape::Asked { root, only: only.unwrap_or_default(), levels, found };
        let shape = Shape::of(&view.forest, &asked);
        let step_place = step.and_then(|row| shape.place(row));
        let at = at.and_then(|row| shape.place(row));
        let from = at.unwrap_or_else(|| step_place.map_or(0, |step| step / ROWS * ROWS));
        let to = (from + ROWS).min(shape.rows.len());
        let rows = shape.rows.get(from..to).unwrap_or_default();
        let window = view.rows(app, sight, rows.iter().map(|shown| shown.row).collect()).await?;
        // Of what was asked for, the first one; not what it hangs from.
        let first = rows.iter().find(|shown| !shown.aside).or(rows.first());
        let row = step.or(first.map(|shown| shown.row));
        Ok(Choice { row, asked: step.is_some(), rows: from..to, shape, window })
    }
}

/// What a page shows of an execution.
struct Choice {
    /// The row of the chosen step; the first one of the window where nobody chose.
    row: Option<usize>,
    /// True where somebody chose.
    asked: bool,
    shape: Shape,
    /// The places of the shown rows in the shape.
    rows: std::ops::Range<usize>,
    window: execution::Window,
}

impl Choice {
    fn shown(&self) -> &[Shown] {
        &self.shape.rows[self.rows.clone()]
    }
}

/// The address of a step, from any other page.
pub(super) fn address(trace: TraceId, span: SpanId, project: Option<&str>) -> String {
    let page = Query::new().with("project", project).with("step", Some(span));
    format!("{}#s-{span}", page.on(&format!("/executions/{trace}")))
}

impl ExecutionPage {
    #[expect(clippy::too_many_arguments, reason = "a page is made of what was found for it, once")]
    fn new(
        app: &App,
        chosen: &Chosen,
        view: &TraceView,
        address: &Address<'_>,
        choice: &Choice,
        step: Option<StepView>,
        lost: &Lost,
        findings: &[Finding],
    ) -> Self {
        let execution = &view.execution;
        let name = Text::line(if execution.name.is_empty() { "(no name)" } else { &execution.name }, 200);
        let link = |(at, row_view): (usize, Row)| RowLink {
            url: address.step(row_view.span_id),
            chosen: choice.row == Some(at),
            row: row_view,
        };
        let drawn = tree::rows(&view.forest, choice.shown(), &choice.window);
        let rows: Vec<_> = choice.window.rows.iter().copied().zip(drawn).map(link).collect();
        let remark = |finding: &Finding| Remark {
            sentence: Text::line(&finding.sentence, 200),
            url: address.step_of_all(view.forest.rows[finding.row].span_id),
        };
        let step_links = choice.row.map(|row| {
            let place = &view.forest.rows[row];
            let md = format!("/executions/{}/steps/{}.md", address.trace, place.span_id);
            StepLinks {
                root_url: (place.below > 0
                    && (place.depth > 0 || view.forest.rows.len() > place.below as usize + 1))
                    .then(|| address.asking("root", Some(&place.span_id.to_string()))),
                md_url: address.query().on(&md),
            }
        });
        Self {
            shell: Shell::new(app, name.plain(), chosen),
            badge: execution.kind.into(),
            name,
            trace_id: execution.trace_id,
            status: status_word(execution.status),
            failed: execution.status == Status::Error,
            facts: facts(view, address, lost),
            views: Views::new(chosen, execution.trace_id, trace::Kind::Tree),
            controls: Controls::new(view, address, &choice.shape),
            crash: None,
            findings: findings.iter().map(remark).collect(),
            legend: legend(&rows),
            rows,
            ticks: view.forest.scale.map(|scale| scale.ticks()).unwrap_or_default(),
            step_in_row: choice.asked && choice.row.is_some_and(|row| choice.window.rows.contains(&row)),
            window: Window::of(view, address, choice),
            step,
            step_links,
            live_url: String::new(),
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
    let step = |row: Option<usize>| row.map(|row| address.step_of_all(view.forest.rows[row].span_id));
    let costliest = step(view.forest.costliest);
    let cost = price::sum(execution.cost_usd, view.forest.unpriced);
    let has_cost = cost.is_some();
    let took = match execution.status {
        Status::Running => "So far",
        Status::Interrupted => "Heard of for",
        _ => "Took",
    };
    let started = execution.started_at.map(|at| Fact::new("Started", format!("{} UTC", format::moment(at))));
    let linked = |label, value: &Option<String>, by| {
        let href = |value: &str| names_one(value).then(|| groups::address(by, value, address.project()));
        value.as_deref().map(|value| Fact { href: href(value), ..Fact::new(label, value) })
    };
    let path = (view.forest.rows.len() > 2).then(|| address.asking("only", Some("path")));
    [
        started,
        Some(Fact {
            href: path,
            hint: Some("the critical path"),
            ..Fact::new(took, format::duration(execution.duration_ns))
        }),
        Some(Fact::new("Steps", format::count(execution.steps))),
        Some(Fact {
            href: costliest.clone().filter(|_| !has_cost),
            hint: Some("the step that used the most"),
            ..Fact::new("Tokens", tokens(execution))
        }),
        cost.map(|cost| Fact {
            href: costliest,
            hint: Some("the step that cost the most"),
            ..Fact::new("Cost", cost)
        }),
        Some(Fact {
            href: step(view.forest.first_failure),
            hint: Some("where the first one came from"),
            alarm: execution.errors > 0,
            ..Fact::new("Errors", format::count(execution.errors))
        }),
        Some(Fact::new("Redacted", format::count(execution.redactions))),
        Some(Fact { alarm: lost.total > 0, ..Fact::new("Lost", format::count(lost.total)) }),
        linked("Session", &execution.session_id, By::Session),
        linked("User", &execution.user_id, By::User),
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
    fn of(view: &TraceView, address: &Address<'_>, choice: &Choice) -> Option<Self> {
        let (total, shown) = (choice.shape.rows.len(), &choice.rows);
        let url = |place: usize| address.window(view.forest.rows[choice.shape.rows[place].row].span_id);
        (shown.len() < total).then(|| Self {
            from: format::count(shown.start as u64 + 1),
            to: format::count(shown.end as u64),
            total: format::count(total as u64),
            previous_url: (shown.start > 0).then(|| url(shown.start.saturating_sub(ROWS))),
            next_url: (shown.end < total).then(|| url(shown.end)),
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
