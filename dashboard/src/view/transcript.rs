//! A whole execution as one conversation: what each model call was told for the first time, what it said, and what the
//! tools answered.

use std::collections::HashSet;

use serde::Serialize;
use treering_step::{Kind, Message, Part, SpanId, Step};

use super::content::Turn;
use super::conversation::{fingerprint, input, output, text, tool};
use super::format;
use super::kind::Badge;
use super::text::Text;

/// What one step adds to the conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    badge: Badge,
    name: Text,
    agent: Option<Text>,
    pub(crate) url: String,
    at: Option<String>,
    failed: bool,
    error: Option<Text>,
    turns: Vec<Turn>,
    /// How many messages were sent again, which stand above already.
    again: Option<String>,
    pub(crate) json_url: String,
    #[serde(skip)]
    pub(crate) span_id: SpanId,
}

/// True for steps that say something which no other one says.
pub(crate) fn speaks(kind: Kind) -> bool {
    matches!(kind, Kind::Llm | Kind::Tool | Kind::Retrieval | Kind::Guardrail)
}

/// The entries of these steps; of `before` only what was said there is known.
pub(crate) fn entries(before: &[Step], steps: &[Step]) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let answered: HashSet<String> = before.iter().chain(steps).flat_map(answers).collect();
    for step in before {
        seen.extend(input(step).iter().chain(&output(step)).map(fingerprint));
    }
    steps.iter().map(|step| entry(step, &mut seen, &answered)).collect()
}

/// What tools answered, by which it is known again where a model is told.
fn answers(step: &Step) -> Vec<String> {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    match step.kind {
        Kind::Tool => {
            tool(step).iter().flat_map(|told| &told.parts).filter(|part| is_result(part)).map(text).collect()
        }
        _ => Vec::new(),
    }
}

fn entry(step: &Step, seen: &mut HashSet<blake3::Hash>, answered: &HashSet<String>) -> Entry {
    let told = match step.kind {
        Kind::Tool => tool(step),
        _ => [input(step), output(step)].concat(),
    };
    let mut again = 0_usize;
    let mut new = Vec::new();
    for message in told {
        if !seen.insert(fingerprint(&message)) || repeats(&message, step, answered) {
            again += 1;
        } else {
            new.push(Turn::new(&message, None));
        }
    }
    let name = if step.name.is_empty() { "(no name)" } else { &step.name };
    let error = step.error.as_ref().and_then(|error| error.message.as_deref().or(error.kind.as_deref()));
    Entry {
        badge: step.kind.into(),
        name: Text::line(name, 160),
        agent: step
            .agent
            .as_deref()
            .filter(|agent| !name.contains(agent))
            .map(|agent| Text::line(agent, 120)),
        url: String::new(),
        at: step.started_at.map(format::moment),
        failed: step.error.is_some(),
        error: error.map(|error| Text::line(error, 400)),
        turns: new,
        again: (again > 0).then(|| format::counted(again, "message")),
        json_url: String::new(),
        span_id: step.span_id,
    }
}

/// True where a model is told what a tool was seen to answer.
fn repeats(message: &Message, step: &Step, answered: &HashSet<String>) -> bool {
    let is_known = |part: &Part| matches!(part, Part::ToolResult { .. }) && answered.contains(&text(part));
    step.kind != Kind::Tool && !message.parts.is_empty() && message.parts.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use treering_step::{Content, Tool};

    use super::*;

    fn call(id: &str, told: &[(&str, &str)], said: &str) -> Step {
        let messages = told.iter().map(|(role, text)| Message::text(*role, *text)).collect();
        Step {
            kind: Kind::Llm,
            name: "chat".into(),
            input: Some(Content::Messages(messages)),
            output: Some(Content::Messages(vec![Message::text("assistant", said)])),
            ..Step::new(id.parse().unwrap())
        }
    }

    #[test]
    fn a_message_that_is_sent_again_stands_there_once() {
        let first = call("00f067aa0ba902b1", &[("system", "Be kind."), ("user", "Hello")], "Hi");
        let told = [("system", "Be kind."), ("user", "Hello"), ("assistant", "Hi"), ("user", "And?")];
        let second = call("00f067aa0ba902b2", &told, "Well.");
        let entries = entries(&[], &[first.clone(), second.clone()]);
        let told: Vec<_> = entries.iter().map(|entry| (entry.turns.len(), entry.again.as_deref())).collect();
        assert_eq!(told, [(3, None), (2, Some("3 messages"))]);
        assert_eq!(
            super::entries(&[first], &[second])[0].turns.len(),
            2,
            "a later page knows what was before"
        );
    }

    #[test]
    fn a_result_stands_with_its_tool_and_not_again_with_the_model() {
        let result = serde_json::json!({"found": 3});
        let tool = Step {
            kind: Kind::Tool,
            name: "search".into(),
            tool: Some(Tool { result: result.clone(), ..Tool::default() }),
            ..Step::new("00f067aa0ba902b1".parse().unwrap())
        };
        let part = Part::ToolResult { id: None, name: None, result };
        let model = Step {
            kind: Kind::Llm,
            input: Some(Content::Messages(vec![Message::new("tool", vec![part])])),
            ..Step::new("00f067aa0ba902b2".parse().unwrap())
        };
        let entries = entries(&[], &[tool, model]);
        assert_eq!((entries[0].turns.len(), entries[1].turns.len()), (1, 0));
    }
}
