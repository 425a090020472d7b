//! What public instrumentations really sent, reduced, and the trees that are read of it: `recorded/README.md`
//! says where each comes from. A snapshot is what a person checked against the recording once.

#![expect(clippy::unwrap_used, reason = "where a recording is not as it should be, the test has failed")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use treering_otlp::{Export, Signal};
use treering_read::{Prices, execution, log_summary, merge, span_summary, step, tree};
use treering_redact::Record;
use treering_step::{Content, Part, Source, SpanId, Step, Summary, Usage};

/// How many letters of a text are enough to recognise it.
const BEGINNING: usize = 72;

#[test]
fn every_recording_reads_as_it_was_checked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut sources: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    sources.sort();
    assert!(!sources.is_empty());
    for source in sources {
        let name = source.file_name().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(name, told(&source));
    }
}

/// The records of one span.
#[derive(Default)]
struct Records {
    span: Option<Record>,
    logs: Vec<Record>,
}

/// The executions of a source, in the order in which they began, each as the tree of its steps.
fn told(source: &Path) -> String {
    let mut executions: Vec<_> =
        records(source).into_iter().map(|(trace, spans)| tell(&trace, &spans)).collect();
    executions.sort();
    executions.into_iter().map(|(_, told)| told).collect()
}

fn records(source: &Path) -> BTreeMap<String, BTreeMap<String, Records>> {
    let mut traces: BTreeMap<String, BTreeMap<String, Records>> = BTreeMap::new();
    let all = read(source);
    for (own, summary, record) in &all {
        let (trace, span_id) = taker(summary, &all).unwrap_or((own, summary.span_id));
        let of_span = traces.entry(trace.clone()).or_default().entry(span_id.to_string()).or_default();
        // A span that merely announces another one stands among the log records of that one.
        match summary.source {
            Source::Span => of_span.span = Some(record.clone()),
            _ => of_span.logs.push(record.clone()),
        }
    }
    traces
}

/// A record with its trace and what it says.
type Told = (String, Summary, Record);

fn read(source: &Path) -> Vec<Told> {
    let mut all = Vec::new();
    for (signal, file) in [(Signal::Traces, "traces.json"), (Signal::Logs, "logs.json")] {
        let Ok(bytes) = fs::read(source.join(file)) else { continue };
        for record in support::records(signal, &Export::from_json(signal, &bytes).unwrap()) {
            let trace = record.span().map(|span| span.trace_id).or(record.log().map(|log| log.trace_id));
            let trace = trace.flatten().map_or_else(|| WITHOUT.to_owned(), |trace| trace.to_string());
            let summary = summary(&record).unwrap();
            all.push((trace, summary, record));
        }
    }
    all
}

/// The trace of log records that have none.
const WITHOUT: &str = "00000000000000000000000000000001";

/// The span that offers the id by which a log record names its step.
fn taker<'a>(summary: &Summary, all: &'a [Told]) -> Option<(&'a String, SpanId)> {
    let key = summary.joins.first().filter(|_| summary.source != Source::Span)?;
    let offers = |told: &&Told| told.1.source == Source::Span && told.1.joins.contains(key);
    all.iter().find(offers).map(|(trace, span, _)| (trace, span.span_id))
}

fn summary(record: &Record) -> Option<Summary> {
    span_summary(record).or_else(|| log_summary(record, record.identity()))
}

fn tell(trace: &str, spans: &BTreeMap<String, Records>) -> (String, String) {
    let prices = Prices::default();
    let summaries = merge(spans.iter().flat_map(summaries).collect(), &prices);
    let execution = execution(trace.parse().unwrap(), &summaries);
    let mut told = format!("{} {:?}", execution.name, execution.status).to_lowercase();
    let tokens = execution.tokens;
    write!(told, ", {} in, {} out", tokens.input, tokens.output).unwrap();
    for (what, id) in [("session", execution.session_id), ("user", execution.user_id)] {
        id.inspect(|id| write!(told, ", {what} {id}").unwrap());
    }
    told.push('\n');
    for placed in tree(&summaries) {
        let of_span = &spans[&summaries[placed.index].span_id.to_string()];
        let step = step(of_span.span.as_ref(), &of_span.logs, &prices).unwrap();
        let indent = "  ".repeat(placed.depth as usize + 1);
        lines(&step).into_iter().for_each(|line| writeln!(told, "{indent}{line}").unwrap());
    }
    told.push('\n');
    (execution.started_at.unwrap().to_string(), told)
}

/// What its records say of one step; those that found their span by an id name another one.
fn summaries((span_id, records): (&String, &Records)) -> Vec<Summary> {
    let own = |told: Summary| Summary { span_id: span_id.parse().unwrap(), ..told };
    records.span.iter().chain(&records.logs).filter_map(summary).map(own).collect()
}

/// What a step is, and below it what it was told, answered, thought and suffered.
fn lines(step: &Step) -> Vec<String> {
    let status = format!("{:?}", step.status).to_lowercase();
    let mut first = format!("{} {:?} {status}", step.kind.as_str(), step.name);
    let names = [&step.agent, &step.model, &step.provider];
    for (what, name) in ["agent", "model", "provider"].iter().zip(names) {
        name.iter().for_each(|name| write!(first, " {what}={name}").unwrap());
    }
    first.push_str(&counted(step.tokens));
    let mut lines = vec![first];
    if let Some(tool) = &step.tool {
        let name = tool.name.as_deref().unwrap_or("?");
        lines.push(beginning(&format!("  tool {name} {} -> {}", tool.arguments, tool.result)));
    }
    for (what, content) in [("in", &step.input), ("out", &step.output)] {
        content.iter().for_each(|content| lines.push(beginning(&format!("  {what} {}", shown(content)))));
    }
    step.reasoning.iter().for_each(|thought| lines.push(beginning(&format!("  thought {thought}"))));
    if let Some(error) = &step.error {
        let kind = error.kind.as_deref().unwrap_or("?");
        lines.push(beginning(&format!("  error {kind}: {}", error.message.as_deref().unwrap_or("?"))));
    }
    lines
}

fn counted(tokens: Usage) -> String {
    let Usage { input, output, cache_read, cache_write, reasoning } = tokens;
    let counts = [
        ("in", input),
        ("out", output),
        ("read", cache_read),
        ("written", cache_write),
        ("thought", reasoning),
    ];
    let told = counts.into_iter().filter_map(|(class, count)| Some(format!(" {class}={}", count?)));
    told.collect()
}

/// The last message, since those before it were told by earlier steps.
fn shown(content: &Content) -> String {
    match content {
        Content::Value(value) => value.to_string(),
        Content::Messages(messages) => {
            let last = messages.last().unwrap();
            let parts: Vec<String> = last.parts.iter().map(part).collect();
            format!("{} {}", last.role, parts.join(" + "))
        }
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Text { content } => format!("{content:?}"),
        Part::Reasoning { .. } => "(thought)".to_owned(),
        Part::ToolCall { name, arguments, .. } => format!("{name}({arguments})"),
        Part::ToolResult { result, .. } => format!("= {result}"),
        other => serde_json::to_string(other).unwrap(),
    }
}

fn beginning(line: &str) -> String {
    if line.chars().count() <= BEGINNING {
        return line.to_owned();
    }
    line.chars().take(BEGINNING).chain(['…']).collect()
}
