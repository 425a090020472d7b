//! Whole sessions of coding agents, as a person would read them. The records are those of real clients in their
//! form, with invented content.

#![expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it is used")]

mod claude_code;
mod codex;

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use treering_redact::Record;
use treering_step::{Content, Part, Source, Status, Step, Summary};

use super::build::{merge, step};
use crate::{log_summary, span_summary, tree};

fn with(mut common: Json, own: Json) -> Json {
    common.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    common
}

/// Milliseconds of the session as nanoseconds since 1970.
fn at(millis: u64) -> Json {
    json!((1_700_000_000_000_000_000 + millis * 1_000_000).to_string())
}

/// What the store does: a log record goes to the span that offers the id which it names.
fn joined(records: &[Record]) -> Vec<(Summary, &Record)> {
    let read =
        |record: &Record| span_summary(record).or_else(|| log_summary(record, record.identity())).unwrap();
    let mut read: Vec<(Summary, &Record)> = records.iter().map(|record| (read(record), record)).collect();
    let spans: Vec<Summary> =
        read.iter().map(|(told, _)| told.clone()).filter(|told| told.source == Source::Span).collect();
    for (told, _) in read.iter_mut().filter(|(told, _)| told.source != Source::Span) {
        let taker = told.joins.first().and_then(|key| spans.iter().find(|span| span.joins.contains(key)));
        told.span_id = taker.map_or(told.span_id, |span| span.span_id);
    }
    read
}

/// A line a step: what a page shows.
fn drawn(records: &[Record]) -> String {
    let read = joined(records);
    let steps = merge(read.iter().map(|(told, _)| told.clone()).collect());
    let mut drawn = String::new();
    for placed in tree(&steps) {
        let told = &steps[placed.index];
        let own = || read.iter().filter(|(partial, _)| partial.span_id == told.span_id);
        let span = own().find(|(partial, _)| partial.source == Source::Span).map(|(_, record)| *record);
        let logs: Vec<Record> = own()
            .filter(|(partial, _)| partial.source != Source::Span)
            .map(|(_, record)| (*record).clone())
            .collect();
        let whole = step(span, &logs).unwrap();
        assert_eq!(
            (whole.kind, whole.status),
            (told.kind.unwrap(), told.status.unwrap_or_default()),
            "{}",
            whole.name
        );
        line(&mut drawn, placed.depth, told, &whole, logs.len());
    }
    drawn
}

fn line(drawn: &mut String, depth: u32, told: &Summary, step: &Step, logs: usize) {
    let indent = "  ".repeat(depth as usize);
    let millis = told.duration_ns().unwrap_or(0) / 1_000_000;
    write!(drawn, "{indent}{} {} {millis}ms", step.kind.as_str(), step.name).unwrap();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(drawn, " {name}={value}").unwrap();
        }
    };
    add("status", (step.status != Status::Unset).then(|| step.status.as_str().to_owned()));
    add("model", step.model.clone());
    let tokens = told.tokens;
    let counts = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, tokens.reasoning];
    let counts: Vec<String> =
        counts.iter().map(|count| count.map_or("-".into(), |count| count.to_string())).collect();
    add("tokens", (!tokens.is_empty()).then(|| counts.join("/")));
    add("usd", told.cost_usd.map(|cost| format!("{cost:.4}")));
    add("in", step.input.as_ref().map(head));
    add("out", step.output.as_ref().map(head));
    if let Some(tool) = &step.tool {
        add("args", (!tool.arguments.is_null()).then(|| tool.arguments.to_string()));
        add("result", (!tool.result.is_null()).then(|| tool.result.to_string()));
    }
    if let Some(error) = &step.error {
        add("error", Some(format!("{:?}", (error.kind.as_deref(), error.message.as_deref()))));
    }
    add("logs", (logs > 0).then(|| logs.to_string()));
    drawn.push('\n');
}

fn head(content: &Content) -> String {
    match content {
        Content::Value(value) => value.to_string(),
        Content::Messages(messages) => {
            let parts = messages.iter().flat_map(|message| &message.parts);
            let texts = parts.map(|part| match part {
                Part::Text { content } => content.clone(),
                Part::ToolCall { name, .. } => format!("[{name}]"),
                other => format!("{other:?}"),
            });
            format!("{:?}", texts.collect::<Vec<_>>().join(" "))
        }
    }
}
