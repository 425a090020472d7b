//! The chosen step, in all that a page shows of it.

use serde::Serialize;
use serde_json::Value;
use treering_step::{Content, Event, Kind, Link, Log, Status, Step, Timestamp};

use super::content::{Body, Few, Pair, Shown, pairs, places};
use super::format;
use super::kind::{Badge, status_word};
use super::price::{Bill, Price};
use super::reading::Missing;
use super::text::{self, Text};
use super::why::WhyView;

/// A name and a number of the step's head.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: Text,
    pub(crate) href: Option<String>,
    /// What the link leads to, in words.
    pub(crate) hint: Option<&'static str>,
    /// True for what should be seen first.
    pub(crate) alarm: bool,
}

impl Fact {
    pub(crate) fn new(label: &'static str, value: impl AsRef<str>) -> Self {
        Self { label, value: Text::line(value.as_ref(), 120), href: None, hint: None, alarm: false }
    }

    fn some(label: &'static str, value: Option<impl AsRef<str>>) -> Option<Self> {
        value.map(|value| Self::new(label, value))
    }
}

/// The chosen step.
#[derive(Debug, Serialize)]
pub(crate) struct StepView {
    span_id: String,
    badge: Badge,
    name: Text,
    /// What kind of step it is, in words: the kind, the model, the provider, the place in the execution.
    about: Vec<Text>,
    status: Option<&'static str>,
    failed: bool,
    facts: Vec<Fact>,
    error: Option<Problem>,
    tool: Option<ToolView>,
    input: Option<Shown>,
    reasoning: Option<Body>,
    output: Option<Shown>,
    /// True where nothing is shown of what was said.
    is_withheld: bool,
    /// What stands in the place of an input or an output that somebody looks for and that did not come.
    no_input: Option<Absent>,
    no_output: Option<Absent>,
    attributes: Few<Pair>,
    events: Few<Entry>,
    links: Few<LinkView>,
    logs: Few<Entry>,
    /// How it was read, where its records are still there.
    why: Option<WhyView>,
    origin: Vec<Fact>,
    /// Its cost by class of tokens, where its price is known.
    bill: Option<Bill>,
    /// The same step in the read API.
    pub(crate) json_url: String,
}

/// What is said of something that did not come.
#[derive(Debug, Serialize)]
struct Absent {
    sentence: &'static str,
    /// True where it should have come, for all that is known.
    is_riddle: bool,
}

#[derive(Debug, Serialize)]
struct Problem {
    kind: Option<Text>,
    message: Option<Body>,
    stack: Option<Body>,
}

#[derive(Debug, Serialize)]
struct ToolView {
    name: Option<Text>,
    call_id: Option<Text>,
    arguments: Option<Body>,
    result: Option<Body>,
}

/// An event or a log record.
#[derive(Debug, Serialize)]
struct Entry {
    name: Option<Text>,
    at: Option<String>,
    severity: Option<Text>,
    body: Option<Body>,
    attributes: Few<Pair>,
}

#[derive(Debug, Serialize)]
struct LinkView {
    trace_id: String,
    span_id: String,
    attributes: Few<Pair>,
}

impl StepView {
    /// `position` is how far into the execution it began, in percent.
    pub(crate) fn of(
        step: &Step,
        position: Option<f64>,
        price: Option<Price>,
        why: Option<WhyView>,
        json_url: String,
    ) -> Self {
        let tool = step.tool.as_ref();
        let missing = Missing::of(step);
        // A tool's arguments and result are its input and output; they are not shown twice.
        let arguments = tool.map_or(&Value::Null, |tool| &tool.arguments);
        let result = tool.map_or(&Value::Null, |tool| &tool.result);
        Self {
            span_id: step.span_id.to_string(),
            badge: step.kind.into(),
            name: Text::line(if step.name.is_empty() { "(no name)" } else { &step.name }, 400),
            about: about(step, position),
            status: status_word(step.status),
            failed: step.status == Status::Error,
            facts: facts(step, price.as_ref()),
            error: step.error.as_ref().map(Problem::from),
            tool: tool.map(ToolView::from),
            input: shown(step.input.as_ref(), arguments, None),
            reasoning: step.reasoning.as_deref().map(Body::text),
            output: shown(step.output.as_ref(), result, step.reasoning.as_deref()),
            is_withheld: false,
            no_input: no_input(step.kind).filter(|_| missing.input),
            no_output: no_output(step.kind, step.status).filter(|_| missing.output),
            attributes: places(&step.attributes),
            events: Few::first(step.events.iter(), |event| Entry::event(event, step.started_at)),
            links: Few::first(step.links.iter(), LinkView::from),
            logs: Few::first(step.logs.iter(), |log| Entry::log(log, step.started_at)),
            why,
            origin: origin(step, price),
            bill: None,
            json_url,
        }
    }

    /// With what it cost, by class of tokens.
    pub(crate) fn with_bill(self, bill: Option<Bill>) -> Self {
        Self { bill, ..self }
    }

    /// The view of a step whose content is withheld, of which nothing is known to be absent.
    pub(crate) fn withheld(self) -> Self {
        Self { is_withheld: true, no_input: None, no_output: None, ..self }
    }
}

/// Content, unless the tool shows it already.
fn shown(content: Option<&Content>, already: &Value, thought: Option<&str>) -> Option<Shown> {
    let content = content.filter(|content| !matches!(content, Content::Value(value) if value == already));
    content.map(|content| Shown::new(content, thought))
}

/// What is said of an absent input, for the kinds of steps that have one.
fn no_input(kind: Kind) -> Option<Absent> {
    let sentence = match kind {
        Kind::Llm | Kind::Agent => "No input came with this step.",
        Kind::Tool => "No arguments came with this call.",
        _ => return None,
    };
    Some(Absent { sentence, is_riddle: true })
}

/// The same of an absent output.
fn no_output(kind: Kind, status: Status) -> Option<Absent> {
    let is_riddle = matches!(status, Status::Ok | Status::Unset);
    let sentence = match (kind, status) {
        (Kind::Llm | Kind::Agent | Kind::Tool, Status::Running) => "It still runs: there is no output yet.",
        (Kind::Llm | Kind::Agent | Kind::Tool, Status::Interrupted) => {
            "It was interrupted before an output came."
        }
        (Kind::Llm | Kind::Agent | Kind::Tool, Status::Error) => "It failed, and no output came.",
        (Kind::Llm | Kind::Agent, _) => "No output came with this step.",
        (Kind::Tool, _) => "No result came with this call.",
        _ => return None,
    };
    Some(Absent { sentence, is_riddle })
}

fn about(step: &Step, position: Option<f64>) -> Vec<Text> {
    let position = position
        .filter(|percent| *percent >= 0.1)
        .map(|percent| format!("{percent:.1} % into the execution"));
    let badge = Badge::from(step.kind);
    let is_backward = step.started_at.zip(step.ended_at).is_some_and(|(start, end)| end < start);
    let backward = is_backward.then_some("by its clock it ended before it began");
    let (model, provider) = (step.model.as_deref(), step.provider.as_deref());
    let words = [Some(badge.word), model, provider, position.as_deref(), backward];
    words.into_iter().flatten().map(|word| Text::line(word, 120)).collect()
}

fn facts(step: &Step, price: Option<&Price>) -> Vec<Fact> {
    let tokens = |number: Option<u64>| number.map(format::count);
    let redacted: u64 = step.redactions.values().sum();
    [
        Fact::some("Took", step.duration_ns.map(format::duration)),
        Fact::some("In", tokens(step.tokens.input)),
        Fact::some("Cached", tokens(step.tokens.cache_read)),
        Fact::some("To cache", tokens(step.tokens.cache_write)),
        Fact::some("Out", tokens(step.tokens.output)),
        Fact::some("Reasoning", tokens(step.tokens.reasoning)),
        Fact::some("Cost", price.map(|price| &price.cost)),
        Fact::some("Stopped", finish_reason(step)),
        Some(Fact { value: Text::of(&redactions(step, redacted)), ..Fact::new("Redacted", "") }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn finish_reason(step: &Step) -> Option<&str> {
    match step.output.as_ref()? {
        Content::Messages(messages) => messages.last()?.finish_reason.as_deref(),
        Content::Value(_) => None,
    }
}

fn redactions(step: &Step, total: u64) -> String {
    let one = |(rule, count): (&String, &u64)| format!("{count} {}", text::rule(rule));
    match total {
        0 => "0".to_owned(),
        _ => step.redactions.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

fn origin(step: &Step, price: Option<Price>) -> Vec<Fact> {
    [
        Some(Fact::new("Span", step.span_id.to_string())),
        Fact::some("Parent", step.parent_span_id.map(|parent| parent.to_string())),
        Fact::some("Began", step.started_at.map(|at| format!("{} UTC", format::moment(at)))),
        Fact::some("Ended", step.ended_at.map(|at| format!("{} UTC", format::moment(at)))),
        Fact::some("Agent", step.agent.as_deref()),
        Fact::some("Session", step.session_id.as_deref()),
        Fact::some("User", step.user_id.as_deref()),
        Fact::some("Price", price.map(|price| price.source)),
        Fact::some("Read as", step.dialect.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl From<&treering_step::Failure> for Problem {
    fn from(failure: &treering_step::Failure) -> Self {
        Self {
            kind: failure.kind.as_deref().map(|kind| Text::line(kind, 200)),
            message: failure.message.as_deref().map(Body::text),
            stack: failure.stack.as_deref().map(Body::text),
        }
    }
}

impl From<&treering_step::Tool> for ToolView {
    fn from(tool: &treering_step::Tool) -> Self {
        Self {
            name: tool.name.as_deref().map(|name| Text::line(name, 200)),
            call_id: tool.call_id.as_deref().map(|id| Text::line(id, 120)),
            arguments: Body::present(&tool.arguments),
            result: Body::present(&tool.result),
        }
    }
}

impl Entry {
    fn event(event: &Event, start: Option<Timestamp>) -> Self {
        Self {
            name: Some(Text::line(&event.name, 200)),
            at: since(event.at, start),
            severity: None,
            body: None,
            attributes: pairs(&event.attributes),
        }
    }

    fn log(log: &Log, start: Option<Timestamp>) -> Self {
        Self {
            name: log.event_name.as_deref().map(|name| Text::line(name, 200)),
            at: since(log.at, start),
            severity: log.severity.as_deref().map(|severity| Text::line(severity, 40)),
            body: Body::present(&log.body),
            attributes: pairs(&log.attributes),
        }
    }
}

/// How long after the beginning of its step something happened; the moment itself where it lies before.
fn since(at: Option<Timestamp>, start: Option<Timestamp>) -> Option<String> {
    let at = at?;
    match start {
        Some(start) if start <= at => Some(format!("+{}", format::duration(at.nanos_since(start)))),
        _ => Some(format::moment(at)),
    }
}

impl From<&Link> for LinkView {
    fn from(link: &Link) -> Self {
        Self {
            trace_id: link.trace_id.to_string(),
            span_id: link.span_id.to_string(),
            attributes: pairs(&link.attributes),
        }
    }
}
