use serde_json::Value as Json;
use treering_step::{Content, Message, Part, Tool};

use crate::decode::is_void;
use crate::message::conversation;

/// The content of a step while its dialects are asked. The first one that tells a thing is believed; nothing
/// is ever joined from two, since exporters write the same content in several dialects on one span.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) system: Option<Vec<Part>>,
    pub(crate) input: Option<Content>,
    pub(crate) output: Option<Content>,
    pub(crate) reasoning: Option<String>,
    pub(crate) call_id: Option<String>,
    pub(crate) arguments: Option<Json>,
    pub(crate) result: Option<Json>,
    /// Why the answer ended, where it is not said in the answer itself.
    pub(crate) finish: Option<String>,
    /// What went wrong, where a dialect has a place of its own for it.
    pub(crate) failure: Option<String>,
}

/// A conversation, where the value is one.
pub(crate) fn messages(value: &Json, role: &str) -> Option<Content> {
    conversation(value, role).filter(|messages| !messages.is_empty()).map(Content::Messages)
}

/// A conversation where the value is one, else the value itself.
pub(crate) fn messages_or_value(value: Json, role: &str) -> Option<Content> {
    match conversation(&value, role) {
        Some(messages) => (!messages.is_empty()).then_some(Content::Messages(messages)),
        None => plain(value),
    }
}

/// Any value that says something.
pub(crate) fn plain(value: Json) -> Option<Content> {
    (!is_void(&value)).then_some(Content::Value(value))
}

impl Reading {
    /// The input with the instructions that stand before it.
    fn whole_input(&mut self) -> Option<Content> {
        let system = self.system.take().filter(|parts| !parts.is_empty());
        let system = system.map(|parts| Message::new("system", parts));
        match (self.input.take(), system) {
            (Some(Content::Messages(mut messages)), Some(system)) => {
                if messages.first().is_none_or(|first| first.role != "system") {
                    messages.insert(0, system);
                }
                Some(Content::Messages(messages))
            }
            (None, Some(system)) => Some(Content::Messages(vec![system])),
            (input, _) => input,
        }
    }

    /// Input and output as a step has them.
    pub(crate) fn contents(&mut self) -> (Option<Content>, Option<Content>) {
        (self.whole_input(), self.whole_output())
    }

    /// The output with the reason for which it ended.
    fn whole_output(&mut self) -> Option<Content> {
        let mut output = self.output.take()?;
        if let (Content::Messages(messages), Some(reason)) = (&mut output, self.finish.take())
            && let Some(last) = messages.last_mut().filter(|last| last.finish_reason.is_none())
        {
            last.finish_reason = Some(reason);
        }
        Some(output)
    }

    /// A tool's input and output are the arguments and the result of its call, where nothing else says them.
    pub(crate) fn settle_tool(&mut self) {
        // Where OpenInference speaks GenAI too, it takes the schema of a tool for the arguments of a call.
        if matches!(self.input, Some(Content::Value(_))) && self.arguments.as_ref().is_some_and(is_schema) {
            self.arguments = None;
        }
        move_value(&mut self.input, &mut self.arguments);
        move_value(&mut self.output, &mut self.result);
        let call_id = &mut self.call_id;
        move_part(&mut self.input, &mut self.arguments, |part| match part {
            Part::ToolCall { id, arguments, .. } => {
                *call_id = call_id.take().or_else(|| id.take());
                Some(arguments)
            }
            _ => None,
        });
        move_part(&mut self.output, &mut self.result, |part| match part {
            Part::ToolResult { result, .. } => Some(result),
            _ => None,
        });
    }

    pub(crate) fn tool(&mut self, name: Option<String>) -> Option<Tool> {
        let tool = Tool {
            name,
            call_id: self.call_id.take(),
            arguments: self.arguments.take().unwrap_or_default(),
            result: self.result.take().unwrap_or_default(),
        };
        (tool != Tool::default()).then_some(tool)
    }

    /// What the step thought: said apart, or in the parts of its answer.
    pub(crate) fn thoughts(&self) -> Option<String> {
        if self.reasoning.is_some() {
            return self.reasoning.clone();
        }
        let Some(Content::Messages(messages)) = &self.output else { return None };
        let thoughts: Vec<&str> =
            messages.iter().flat_map(|message| &message.parts).filter_map(thought).collect();
        (!thoughts.is_empty()).then(|| thoughts.join("\n\n"))
    }
}

fn thought(part: &Part) -> Option<&str> {
    match part {
        Part::Reasoning { content } => Some(content),
        _ => None,
    }
}

fn is_schema(value: &Json) -> bool {
    value.get("properties").is_some_and(Json::is_object)
        && value.get("type").is_some_and(|kind| kind == "object")
}

/// Moves a plain value over; where the other place is taken by the same value, it was merely said twice.
fn move_value(content: &mut Option<Content>, place: &mut Option<Json>) {
    let Some(Content::Value(value)) = content else { return };
    if place.as_ref().is_none_or(|taken| taken == value) {
        *place = Some(std::mem::take(value));
        *content = None;
    }
}

/// The same for a conversation that holds nothing but the call, or nothing but its result.
fn move_part(
    content: &mut Option<Content>,
    place: &mut Option<Json>,
    pick: impl FnOnce(&mut Part) -> Option<&mut Json>,
) {
    let Some(Content::Messages(messages)) = content else { return };
    let [Message { parts, .. }] = messages.as_mut_slice() else { return };
    let [part] = parts.as_mut_slice() else { return };
    if let Some(value) = pick(part)
        && place.as_ref().is_none_or(|taken| taken == value)
    {
        *place = Some(std::mem::take(value));
        *content = None;
    }
}
