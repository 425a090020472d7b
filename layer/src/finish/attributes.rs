use std::borrow::Cow;

use treering_step::{Kind, attributes as names};

use crate::Value;
use crate::fields;
use crate::record::Head;
use crate::text;
use crate::told::{Failure, Told};
use crate::written::Raw;

use super::Ending;

/// Attributes in the order in which they were first set. The last value wins.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Attributes(Vec<(Cow<'static, str>, Value)>);

impl Attributes {
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn set_if_absent(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Cow<'static, str>, Value)> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (&**name, value))
    }

    /// Bytes on the wire, or a little more.
    pub(crate) fn weight(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.weight() + 16).sum()
    }
}

impl IntoIterator for Attributes {
    type Item = (Cow<'static, str>, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A value as it came.
pub(super) fn value(raw: Raw<'_>) -> Value {
    match raw {
        Raw::Bool(value) => Value::Bool(value),
        Raw::Int(value) => Value::Int(value),
        Raw::Float(value) => Value::Float(value),
        Raw::Text(text) => Value::from(text.text.as_ref()),
        Raw::Debug(debug) => Value::from(text::plain(debug.text.into_owned())),
        Raw::Failure(message, _) => Value::from(message.text.as_ref()),
        Raw::Texts(texts) => Value::Texts(texts.iter().map(|text| text.text.as_ref().into()).collect()),
    }
}

/// The value in the type that the conventions give its name: numbers and lists also when they came as text.
pub(super) fn typed(name: &str, raw: Raw<'_>) -> Value {
    let value = value(raw);
    if is_number(name) {
        number(value)
    } else if name == names::GEN_AI_RESPONSE_FINISH_REASONS {
        list(value)
    } else {
        value
    }
}

fn is_number(name: &str) -> bool {
    name.starts_with("gen_ai.usage.")
        || matches!(name, "gen_ai.request.temperature" | "gen_ai.request.top_p" | "gen_ai.request.max_tokens")
}

fn number(value: Value) -> Value {
    let Some(text) = value.as_text() else { return value };
    let whole = text.parse::<i64>().map(Value::Int);
    whole.or_else(|_| text.parse::<f64>().map(Value::Float)).unwrap_or(value)
}

fn list(value: Value) -> Value {
    let Some(text) = value.as_text() else { return value };
    Value::from(serde_json::from_str::<Vec<String>>(text).unwrap_or_else(|_| vec![text.to_owned()]))
}

/// Sets the classes of tokens in a JSON object, by the names that providers and Langfuse have for them.
pub(super) fn usage(attributes: &mut Attributes, json: &str) {
    let Ok(usage) = serde_json::from_str::<serde_json::Value>(json) else {
        return attributes.set("langfuse.usage", json);
    };
    let classes: [(&'static str, &[&str]); 2] = [
        (
            names::GEN_AI_USAGE_INPUT_TOKENS,
            &["input", "input_tokens", "prompt_tokens", "promptTokens", "prompt_token_count"],
        ),
        (
            names::GEN_AI_USAGE_OUTPUT_TOKENS,
            &["output", "output_tokens", "completion_tokens", "completionTokens", "candidates_token_count"],
        ),
    ];
    for (name, words) in classes {
        if let Some(tokens) = words.iter().find_map(|word| usage.get(word)?.as_i64()) {
            attributes.set(name, tokens);
        }
    }
}

/// Sets what a step does, by the operations of the conventions where they have one.
pub(super) fn kind(attributes: &mut Attributes, kind: Kind) {
    match fields::operation(kind) {
        Some(operation) => attributes.set(names::GEN_AI_OPERATION_NAME, operation),
        None if kind != Kind::Span => attributes.set(names::TREERING_STEP_KIND, kind.as_str()),
        None => {}
    }
}

/// Sets for whom a step ran, where its code stands, how it ended and what was left out of it.
pub(super) fn circumstances(attributes: &mut Attributes, head: &Head, told: &Told<'_>, ending: Ending) {
    if let Some(session) = &told.session {
        attributes.set(names::SESSION_ID, session.as_ref());
    }
    if let Some(user) = &told.user {
        attributes.set(names::USER_ID, user.as_ref());
    }
    if let (Some(file), Some(line)) = (head.metadata.file(), head.metadata.line()) {
        attributes.set("code.file.path", file);
        attributes.set("code.line.number", line);
    }
    match ending {
        Ending::Finished | Ending::Running => {}
        Ending::Cancelled => attributes.set(names::TREERING_STEP_END, "cancelled"),
        Ending::Panicked => attributes.set(names::TREERING_STEP_END, "panicked"),
        Ending::Incomplete => attributes.set(names::TREERING_STEP_END, "incomplete"),
    }
    let mut cuts = told.cuts.clone();
    if head.left_out.bytes > 0 {
        cuts.push(format!("step={}", head.left_out.bytes));
    }
    if !cuts.is_empty() {
        attributes.set(names::TREERING_CUT, cuts);
    }
}

/// Sets what an exception says and what caused it.
pub(super) fn exception(attributes: &mut Attributes, failure: &Failure) {
    attributes.set(names::EXCEPTION_MESSAGE, failure.message.as_str());
    if !failure.causes.is_empty() {
        attributes.set(names::EXCEPTION_STACKTRACE, failure.causes.as_str());
    }
}
