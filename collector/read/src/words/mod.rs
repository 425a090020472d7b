//! The words by which a record is found.
//!
//! A word is a run of letters, digits and the marks on them, folded: compatibility forms are what they stand for
//! (NFKC), capitals are small. Accents are kept: `für` is not `fur`. What is written without spaces (Chinese,
//! Japanese, Thai and their neighbours) has each of its characters and each pair of them for words. A redaction mark
//! is one word as it stands, and its type another. Data in Base64, and runs of more than [`LONGEST`] characters, have none.

mod fold;
mod text;

use std::collections::BTreeSet;

use treering_otlp::{Attributes, LogRecord, Span, Value};
use treering_redact::Record;

/// Characters of the longest word.
const LONGEST: usize = 64;

/// JSON in a text is often encoded once more; a third round would read what a person wrote.
const ROUNDS: u8 = 2;

/// Who is told of each word, as often as it occurs.
type Tell<'a> = &'a mut dyn FnMut(&str);

/// Tells each word of a record: of its names, of whatever its attributes, events and links say, of its status or body.
/// The keys of attributes are none of them.
pub fn words(record: &Record, tell: Tell<'_>) {
    if let Some(span) = record.span() {
        of_span(&span, tell);
    }
    if let Some(log) = record.log() {
        of_log(&log, tell);
    }
}

/// Tells each word of what a record shares with others: who sent it.
pub fn context_words(record: &Record, tell: Tell<'_>) {
    let of_span = record.span().map(|span| span.scope);
    let Some(scope) = of_span.or_else(|| record.log().map(|log| log.scope)) else { return };
    // Of the exporter itself, every execution says the same.
    let said = scope.resource.iter().filter(|(key, _)| !key.starts_with("telemetry."));
    said.for_each(|(_, value)| of_attribute(value, tell));
    of_attributes(scope.attributes, tell);
}

/// The words of what somebody looks for, by the rules of [`words`].
pub fn words_of(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    text::plain(text, &mut |word| {
        words.insert(word.to_owned());
    });
    words
}

fn of_span(span: &Span<'_>, tell: Tell<'_>) {
    text::plain(span.name, tell);
    text::any(span.status_message, ROUNDS, tell);
    of_attributes(span.attributes, tell);
    for event in span.events() {
        text::plain(event.name, tell);
        of_attributes(event.attributes, tell);
    }
    for link in span.links() {
        of_attributes(link.attributes, tell);
    }
}

fn of_log(log: &LogRecord<'_>, tell: Tell<'_>) {
    text::plain(log.event_name, tell);
    of_value(log.body, tell);
    of_attributes(log.attributes, tell);
}

fn of_attributes(attributes: Attributes<'_>, tell: Tell<'_>) {
    attributes.iter().for_each(|(_, value)| of_attribute(value, tell));
}

/// A number that an attribute has is a measure of something, and nothing that is looked for.
fn of_attribute(value: Value<'_>, tell: Tell<'_>) {
    if !matches!(value, Value::Int(_)) {
        of_value(value, tell);
    }
}

/// Inside of structured values, as inside of JSON, numbers and keys are content.
fn of_value(value: Value<'_>, tell: Tell<'_>) {
    match value {
        Value::Text(text) => text::any(text, ROUNDS, tell),
        Value::Int(number) => text::plain(&number.to_string(), tell),
        Value::Array(array) => array.iter().for_each(|value| of_value(value, tell)),
        Value::Map(map) => map.iter().for_each(|(key, value)| {
            text::plain(key, tell);
            of_value(value, tell);
        }),
        Value::Empty | Value::Bool(_) | Value::Double(_) | Value::Bytes(_) => {}
    }
}

#[cfg(test)]
mod tests;
