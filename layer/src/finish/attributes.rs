use std::borrow::Cow;

use treering_step::{Kind, attributes as names};

use crate::Value;
use crate::fields;
use crate::record::{End, Failure, Raw, Record};
use crate::text;

/// Attributes in the order in which they were first set. The last value wins.
#[derive(Debug, Clone, Default)]
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

/// The value in the type that the conventions give its name: numbers and lists also when they came as text.
pub(super) fn typed(name: &str, raw: Raw) -> Value {
    let value = match raw {
        Raw::Value(value) => value,
        Raw::Debug(debug) => Value::from(text::plain(debug)),
        Raw::Failure(failure) => Value::from(failure.message),
    };
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

/// Sets what a step does, by the operations of the conventions where they have one.
pub(super) fn kind(attributes: &mut Attributes, kind: Kind) {
    match fields::operation(kind) {
        Some(operation) => attributes.set(names::GEN_AI_OPERATION_NAME, operation),
        None if kind != Kind::Span => attributes.set(names::TREERING_STEP_KIND, kind.as_str()),
        None => {}
    }
}

/// Sets for whom a step ran, where its code stands and how it ended.
pub(super) fn circumstances(attributes: &mut Attributes, record: &Record) {
    if let Some(session) = &record.identity.session {
        attributes.set(names::SESSION_ID, session.clone());
    }
    if let Some(user) = &record.identity.user {
        attributes.set(names::USER_ID, user.clone());
    }
    if let (Some(file), Some(line)) = (record.metadata.file(), record.metadata.line()) {
        attributes.set("code.file.path", file);
        attributes.set("code.line.number", line);
    }
    match record.end {
        End::Finished => {}
        End::Cancelled => attributes.set(names::TREERING_STEP_END, "cancelled"),
        End::Panicked => attributes.set(names::TREERING_STEP_END, "panicked"),
    }
}

/// Sets what an exception says and what caused it.
pub(super) fn exception(attributes: &mut Attributes, failure: &Failure) {
    attributes.set(names::EXCEPTION_MESSAGE, failure.message.as_str());
    if !failure.causes.is_empty() {
        attributes.set(names::EXCEPTION_STACKTRACE, failure.causes.as_str());
    }
}
