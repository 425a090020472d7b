use serde_json::Value as Json;
use treering_otlp::{Attributes, Value};

use crate::decode::{
    as_amount, as_int, as_json, as_text, as_texts, as_truth, is_void, is_withheld, parse_any,
};
use crate::unflatten::unflatten;
use crate::witness::Witness;

/// Attributes, sorted once so that each look-up is a binary search and a flattened list is one slice.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    sorted: Vec<Field<'a>>,
    place: Place,
    witness: Witness,
}

/// Where attributes stand: on the span, or on one of its events and log records, by its number among all of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    #[default]
    Span,
    Happening(usize),
}

#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    key: &'a str,
    value: Value<'a>,
    /// Where it stood among the others.
    position: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(attributes: Attributes<'a>) -> Self {
        let told = attributes.iter().filter(|(_, value)| says_something(*value)).enumerate();
        let mut fields: Vec<_> =
            told.map(|(position, (key, value))| Field { key, value, position }).collect();
        // Stable, so that of a key that came twice the last one is found.
        fields.sort_by_key(|field| field.key);
        Self { sorted: fields, place: Place::default(), witness: Witness::default() }
    }

    /// Has somebody listen to what is looked up from now on.
    pub(crate) fn attended(mut self, place: Place, witness: &Witness) -> Self {
        (self.place, self.witness) = (place, witness.clone());
        self
    }

    /// Those whose key is wanted, as the exporter ordered them.
    pub(crate) fn in_order(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let mut fields: Vec<_> = self.sorted.iter().filter(|field| is_wanted(field.key)).copied().collect();
        fields.sort_by_key(|field| field.position);
        fields
            .into_iter()
            .map(|field| (field.key, field.value))
            .inspect(|(key, _)| self.witness.hear(self.place, key))
    }

    /// Every attribute whose key begins so.
    fn under(&self, prefix: &str) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let start = self.sorted.partition_point(|field| field.key < prefix);
        let length = self.sorted[start..].partition_point(|field| field.key.starts_with(prefix));
        self.sorted[start..start + length].iter().map(|field| (field.key, field.value))
    }

    /// True where any key begins so, which is a hint and no use of it.
    pub(crate) fn any_under(&self, prefix: &str) -> bool {
        self.under(prefix).next().is_some()
    }

    /// The list that was flattened under this prefix.
    pub(crate) fn list(&self, prefix: &str) -> Option<Json> {
        unflatten(prefix, self.under(prefix).inspect(|(key, _)| self.witness.hear(self.place, key)))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.find(key).inspect(|_| self.witness.hear(self.place, key))
    }

    /// True where the key is there, which is a hint and no use of it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// True where the text of this key holds this, which is a hint and no use of it.
    pub(crate) fn mentions(&self, key: &str, what: &str) -> bool {
        matches!(self.find(key), Some(Value::Text(text)) if text.contains(what))
    }

    fn find(&self, key: &str) -> Option<Value<'a>> {
        let end = self.sorted.partition_point(|field| field.key <= key);
        self.sorted[..end].last().filter(|field| field.key == key).map(|field| field.value)
    }

    /// The first of these keys that reads as this.
    fn first<T>(&self, keys: &[&str], read: impl Fn(Value<'a>) -> Option<T>) -> Option<T> {
        let mut keys = keys.iter();
        let found = keys.find_map(|key| self.get(key).and_then(&read));
        if found.is_some() && self.witness.is_attentive() {
            keys.filter(|key| self.has(key)).for_each(|key| self.witness.pass(self.place, key));
        }
        found
    }

    pub(crate) fn text(&self, keys: &[&str]) -> Option<String> {
        self.first(keys, as_text)
    }

    pub(crate) fn int(&self, keys: &[&str]) -> Option<u64> {
        self.first(keys, as_int)
    }

    pub(crate) fn amount(&self, keys: &[&str]) -> Option<f64> {
        self.first(keys, as_amount)
    }

    /// A list of texts, in every form that one has.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let mut texts = self.get(key).map(as_texts).unwrap_or_default();
        texts.retain(|text| !text.is_empty() && !is_withheld(text));
        texts
    }

    pub(crate) fn truth(&self, keys: &[&str]) -> Option<bool> {
        self.first(keys, as_truth)
    }

    /// JSON, structured or in a text.
    pub(crate) fn json(&self, keys: &[&str]) -> Option<Json> {
        self.first(keys, |value| Some(as_json(value)).filter(|json| !is_void(json)))
    }

    /// JSON of an exporter that encodes every value.
    pub(crate) fn encoded(&self, key: &str) -> Option<Json> {
        let json = match self.get(key)? {
            Value::Text(text) => parse_any(text),
            other => other.to_json(),
        };
        Some(json).filter(|json| !is_void(json))
    }
}

fn says_something(value: Value<'_>) -> bool {
    match value {
        Value::Empty => false,
        Value::Text(text) => !is_withheld(text),
        _ => true,
    }
}
