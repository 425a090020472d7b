//! An execution or a step as Markdown, for pasting into an issue or a model.
//!
//! What a stranger said stands in fences longer than any run of backticks in it, so that it stays text, whatever it is.

use std::fmt::Write;

use serde_json::Value;
use treering_step::{Content, Execution, Message, Part, Status, Step};

use super::format;
use super::kind::Badge;

/// Characters of one text; an issue is no archive, and the other twins have the whole.
const LONGEST: usize = 4_000;

/// The whole of an execution, step by step.
pub(crate) fn execution(execution: &Execution, steps: &[Step], left_out: usize) -> String {
    let mut out = head(execution);
    out.push_str("\n## Steps\n\n");
    for step in steps {
        let indent = "  ".repeat(step.depth.min(24) as usize);
        writeln!(out, "{indent}- {}", one_line(step)).ok();
    }
    for step in steps.iter().filter(|step| has_content(step)) {
        out.push('\n');
        out.push_str(&of_step(step, "##"));
    }
    if left_out > 0 {
        writeln!(out, "\n{} more steps are left out here.", format::count(left_out as u64)).ok();
    }
    out
}

/// One step, with what it is a part of.
pub(crate) fn step_alone(execution: &Execution, steps: &[Step]) -> String {
    let steps: String = steps.iter().map(|step| of_step(step, "#")).collect();
    format!("{steps}\nOf execution {} `{}`\n", inline(&execution.name), execution.trace_id)
}

fn head(execution: &Execution) -> String {
    let mut out = format!("# {}\n\n", inline(&execution.name));
    let mut fact = |label: &str, value: String| {
        writeln!(out, "- {label}: {value}").ok();
    };
    fact("Execution", format!("`{}`", execution.trace_id));
    fact("Status", execution.status.as_str().to_owned());
    if let Some(at) = execution.started_at {
        fact("Started", format!("{} UTC", format::moment(at)));
    }
    fact("Took", format::duration(execution.duration_ns));
    fact("Steps", format::count(execution.steps));
    fact("Errors", format::count(execution.errors));
    let tokens = &execution.tokens;
    fact("Tokens", format!("{} in, {} out", format::count(tokens.input), format::count(tokens.output)));
    if let Some(cost) = execution.cost_usd {
        fact("Cost", format::dollars(cost));
    }
    if !execution.models.is_empty() {
        fact("Models", inline(&execution.models.join(", ")));
    }
    out
}

fn one_line(step: &Step) -> String {
    let mut line = format!("{} {}", Badge::from(step.kind).word, inline(&step.name));
    if let Some(model) = &step.model {
        write!(line, " ({})", inline(model)).ok();
    }
    if let Some(took) = step.duration_ns {
        write!(line, ", {}", format::duration(took)).ok();
    }
    if !matches!(step.status, Status::Ok | Status::Unset) {
        write!(line, ", **{}**", step.status.as_str()).ok();
    }
    if let Some(kind) = step.error.as_ref().and_then(|error| error.kind.as_deref()) {
        write!(line, " {}", inline(kind)).ok();
    }
    line
}

fn has_content(step: &Step) -> bool {
    step.input.is_some()
        || step.output.is_some()
        || step.error.is_some()
        || step.tool.as_ref().is_some_and(|tool| !tool.arguments.is_null() || !tool.result.is_null())
}

fn of_step(step: &Step, level: &str) -> String {
    let mut out = format!("{level} {}\n\n{}\n\n`{}`\n", inline(&step.name), one_line(step), step.span_id);
    let section = |out: &mut String, title: &str, body: &str, language: &str| {
        if !body.is_empty() {
            write!(out, "\n**{title}**\n\n{}", fenced(body, language)).ok();
        }
    };
    if let Some(error) = &step.error {
        let told = [&error.kind, &error.message, &error.stack];
        let told: Vec<_> = told.into_iter().flatten().map(String::as_str).collect();
        section(&mut out, "Error", &told.join("\n"), "");
    }
    if let Some(tool) = &step.tool {
        value(&mut out, "Arguments", &tool.arguments);
        value(&mut out, "Result", &tool.result);
    }
    let already = step.tool.as_ref().map(|tool| (&tool.arguments, &tool.result));
    for (title, content, known) in [
        ("Input", &step.input, already.map(|tool| tool.0)),
        ("Output", &step.output, already.map(|tool| tool.1)),
    ] {
        match content {
            Some(Content::Messages(messages)) => {
                messages.iter().for_each(|message| said(&mut out, title, message));
            }
            Some(Content::Value(told)) if Some(told) != known => value(&mut out, title, told),
            _ => {}
        }
    }
    section(&mut out, "Reasoning", step.reasoning.as_deref().unwrap_or_default(), "");
    out
}

fn said(out: &mut String, title: &str, message: &Message) {
    for part in &message.parts {
        let (what, body, language) = match part {
            Part::Text { content } => (String::new(), content.clone(), ""),
            Part::Reasoning { content } => (", reasoning".to_owned(), content.clone(), ""),
            Part::ToolCall { name, arguments, .. } => {
                (format!(", calls {}", inline(name)), pretty(arguments), "json")
            }
            Part::ToolResult { name, result, .. } => {
                let of = name.as_deref().map(|name| format!(" of {}", inline(name))).unwrap_or_default();
                (format!(", result{of}"), pretty(result), "json")
            }
            Part::Other { value } => (String::new(), pretty(value), "json"),
            Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_) => {
                (String::new(), "(a file)".to_owned(), "")
            }
        };
        write!(out, "\n**{title}, {}{what}**\n\n{}", inline(&message.role), fenced(&body, language)).ok();
    }
}

fn value(out: &mut String, title: &str, value: &Value) {
    let body = match value {
        Value::Null => return,
        Value::String(text) => fenced(text, ""),
        other => fenced(&pretty(other), "json"),
    };
    write!(out, "\n**{title}**\n\n{body}").ok();
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// A text of one line, in which nothing is markup.
fn inline(text: &str) -> String {
    let line = text.split(['\n', '\r']).next().unwrap_or_default().trim();
    let line: String = line.chars().take(200).filter(|found| !found.is_control()).collect();
    let mut escaped = String::with_capacity(line.len());
    for found in line.chars() {
        if matches!(found, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '@' | '~') {
            escaped.push('\\');
        }
        escaped.push(found);
    }
    if escaped.is_empty() { "(no name)".to_owned() } else { escaped }
}

fn fenced(text: &str, language: &str) -> String {
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let shown = cut.map_or(text, |at| &text[..at]);
    let fence = "`".repeat(longest_run(shown).max(2) + 1);
    let more = cut.map(|at| text[at..].chars().count());
    let more =
        more.map(|more| format!("\n({} more characters)\n", format::count(more as u64))).unwrap_or_default();
    format!("{fence}{language}\n{}\n{fence}\n{more}", shown.trim_end_matches('\n'))
}

/// The most backticks that stand beside each other.
fn longest_run(text: &str) -> usize {
    text.split(|found| found != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_stays_within_its_fence() {
        assert_eq!(fenced("a", "json"), "```json\na\n```\n");
        assert_eq!(fenced("```\nout\n````", ""), "`````\n```\nout\n````\n`````\n");
        let long = fenced(&"x".repeat(LONGEST + 7), "");
        assert!(long.ends_with("\n```\n\n(7 more characters)\n"), "{}", &long[LONGEST..]);
    }

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(inline("<img src=x> [a](b) `c` @all\nnext"), "\\<img src=x\\> \\[a\\](b) \\`c\\` \\@all");
        assert_eq!(inline("\u{1b}"), "(no name)");
    }
}
