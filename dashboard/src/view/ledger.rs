//! The context ledger: what filled the prompt of each model call, and what was sent again and again.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use treering_step::{Message, Part, SpanId, Step};

use super::conversation::{fingerprint, input, length, lines};
use super::format;
use super::text::Text;

/// Texts that are named as sent again and again.
const NAMED: usize = 8;

/// What a prompt is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    System,
    Tools,
    History,
    Results,
    Asked,
}

impl Class {
    const ALL: [Self; 5] = [Self::System, Self::Tools, Self::History, Self::Results, Self::Asked];

    /// Its class in the style sheet, and its word.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::System => ("system", "instructions"),
            Self::Tools => ("tools", "tool definitions"),
            Self::History => ("history", "what was said before"),
            Self::Results => ("results", "tool results"),
            Self::Asked => ("asked", "what was asked"),
        }
    }
}

/// The ledger of an execution.
#[derive(Debug, Serialize)]
pub(crate) struct Ledger {
    pub(crate) rows: Vec<Row>,
    legend: Vec<(&'static str, &'static str)>,
    again: Vec<Again>,
    /// Characters that were sent in all, and how many of them again.
    sent: String,
    sent_again: String,
    share: String,
}

/// One model call.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    #[serde(skip)]
    pub(crate) span_id: SpanId,
    pub(crate) url: String,
    name: Text,
    model: Option<Text>,
    tokens: Option<String>,
    characters: String,
    again: String,
    parts: Vec<Share>,
    /// All of it in words.
    words: String,
}

/// A part of a bar.
#[derive(Debug, Serialize)]
struct Share {
    class: &'static str,
    x: String,
    width: String,
}

/// A text that was sent more than once.
#[derive(Debug, Serialize)]
struct Again {
    role: Text,
    text: Text,
    times: String,
    characters: String,
    wasted: String,
}

struct Known {
    message: Message,
    length: usize,
    times: usize,
}

impl Ledger {
    /// Of these model calls, in their order.
    pub(crate) fn of(steps: &[Step]) -> Self {
        let mut known = HashMap::<blake3::Hash, Known>::new();
        let calls: Vec<_> = steps.iter().map(|step| Call::of(step, &mut known)).collect();
        let most = calls.iter().map(|call| call.total()).max().unwrap_or(0);
        let (sent, again) =
            calls.iter().fold((0, 0), |(sent, again), call| (sent + call.total(), again + call.again));
        let used = |class: &Class| calls.iter().any(|call| call.sizes[*class as usize] > 0);
        Self {
            rows: steps.iter().zip(&calls).map(|(step, call)| row(step, call, most)).collect(),
            legend: Class::ALL.into_iter().filter(used).map(Class::words).collect(),
            again: named(known.into_values().collect()),
            sent: format::count(sent as u64),
            sent_again: format::count(again as u64),
            share: percent(again, sent),
        }
    }
}

/// How many characters of each class one call was told, and how many of them an earlier call was told as well.
#[derive(Default)]
struct Call {
    sizes: [usize; 5],
    again: usize,
}

impl Call {
    fn of(step: &Step, known: &mut HashMap<blake3::Hash, Known>) -> Self {
        let mut call = Self::default();
        let messages = input(step);
        let last = messages.len().saturating_sub(1);
        for (at, message) in messages.into_iter().enumerate() {
            let length = length(&message);
            call.sizes[class(&message, at == last) as usize] += length;
            call.note(fingerprint(&message), message, length, known);
        }
        let tools = tool_definitions(step);
        if !tools.is_empty() {
            let message = Message::text("tool definitions", tools);
            let length = length(&message);
            call.sizes[Class::Tools as usize] += length;
            call.note(fingerprint(&message), message, length, known);
        }
        call
    }

    fn note(
        &mut self,
        print: blake3::Hash,
        message: Message,
        length: usize,
        known: &mut HashMap<blake3::Hash, Known>,
    ) {
        let one = known.entry(print).or_insert(Known { message, length, times: 0 });
        self.again += if one.times > 0 { length } else { 0 };
        one.times += 1;
    }

    fn total(&self) -> usize {
        self.sizes.iter().sum()
    }
}

fn class(message: &Message, is_last: bool) -> Class {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    match message.role.as_str() {
        "system" | "developer" => Class::System,
        "tool" | "function" => Class::Results,
        _ if !message.parts.is_empty() && message.parts.iter().all(is_result) => Class::Results,
        "user" | "human" if is_last => Class::Asked,
        _ => Class::History,
    }
}

/// The tools that the model was offered, under the names that exporters give them.
fn tool_definitions(step: &Step) -> String {
    let is_one = |key: &str| {
        key == "gen_ai.tool.definitions"
            || key.starts_with("llm.tools")
            || key.starts_with("llm.request.functions")
            || key.starts_with("gen_ai.request.tools")
            || matches!(key, "ai.prompt.tools" | "model_request_parameters" | "tools")
    };
    let told = step.attributes.iter().filter(|(key, _)| is_one(key)).map(|(_, value)| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    told.collect::<Vec<_>>().join("\n")
}

fn row(step: &Step, call: &Call, most: usize) -> Row {
    let mut at = 0_usize;
    let mut parts = Vec::new();
    let mut words = Vec::new();
    for class in Class::ALL {
        let size = call.sizes[class as usize];
        if size == 0 {
            continue;
        }
        let (name, word) = class.words();
        parts.push(Share { class: name, x: percent_of(at, most), width: percent_of(size, most) });
        words.push(format!("{word} {}", percent(size, call.total())));
        at += size;
    }
    Row {
        span_id: step.span_id,
        url: String::new(),
        name: Text::line(if step.name.is_empty() { "(no name)" } else { &step.name }, 120),
        model: step
            .model
            .as_deref()
            .filter(|model| !step.name.contains(model))
            .map(|model| Text::line(model, 80)),
        tokens: step.tokens.input.map(format::count),
        characters: format::count(call.total() as u64),
        again: percent(call.again, call.total()),
        parts,
        words: if words.is_empty() { "no input came".to_owned() } else { words.join(", ") },
    }
}

/// The texts that cost the most by being sent again.
fn named(mut known: Vec<Known>) -> Vec<Again> {
    known.retain(|one| one.times > 1 && one.length > 0);
    known.sort_by_key(|one| std::cmp::Reverse(((one.times - 1) * one.length, one.length)));
    let again = |one: &Known| Again {
        role: Text::line(&one.message.role, 40),
        text: Text::line(&lines(&one.message), 120),
        times: format::count(one.times as u64),
        characters: format::count(one.length as u64),
        wasted: format::count(((one.times - 1) * one.length) as u64),
    };
    known.iter().take(NAMED).map(again).collect()
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.0} %", 100.0 * format::ratio(part as u64, whole as u64))
}

fn percent_of(part: usize, whole: usize) -> String {
    format!("{:.2}%", 100.0 * format::ratio(part as u64, whole as u64))
}

#[cfg(test)]
mod tests {
    use treering_step::Content;

    use super::*;

    fn call(id: &str, told: &[(&str, &str)]) -> Step {
        let messages = told.iter().map(|(role, text)| Message::text(*role, *text)).collect();
        Step { input: Some(Content::Messages(messages)), ..Step::new(id.parse().unwrap()) }
    }

    #[test]
    fn a_ledger_says_what_filled_a_prompt_and_what_was_sent_again() {
        let first = call("00f067aa0ba902b1", &[("system", "12345678"), ("user", "ab")]);
        let mut second = call(
            "00f067aa0ba902b2",
            &[("system", "12345678"), ("user", "ab"), ("tool", "xyz"), ("user", "now")],
        );
        second.attributes.insert("gen_ai.tool.definitions".into(), Value::String("four".into()));
        let ledger = Ledger::of(&[first, second]);
        assert_eq!(
            (ledger.sent.as_str(), ledger.sent_again.as_str(), ledger.share.as_str()),
            ("30", "10", "33 %")
        );
        let words: Vec<_> = ledger.rows.iter().map(|row| row.words.as_str()).collect();
        assert_eq!(
            words,
            [
                "instructions 80 %, what was asked 20 %",
                "instructions 40 %, tool definitions 20 %, what was said before 10 %, tool results 15 %, what was asked 15 %",
            ]
        );
        assert_eq!(ledger.rows[0].parts[1].x, "40.00%", "bars are drawn against the longest prompt");
        let again: Vec<_> =
            ledger.again.iter().map(|one| (one.times.as_str(), one.wasted.as_str())).collect();
        assert_eq!(again, [("2", "8"), ("2", "2")]);
    }
}
