//! What went into a step and came out of it, as a page shows it.

use serde::Serialize;
use serde_json::{Map, Value};
use treering_step::{Content, Media, Message, Part};

use super::format;
use super::json::{Json, beginning};
use super::text::Text;

/// Text beyond this is folded away behind its beginning.
const UNFOLDED: usize = 4_000;
/// Bytes of a text or a value that a page shows; the read API has the whole.
const SHOWN: usize = 100_000;
/// The same for attributes, whose content mostly stands above them already, read.
const SHOWN_OF_ATTRIBUTE: usize = 8_000;
/// Entries of a list that a page shows; the read API has them all.
const ENTRIES: usize = 300;

/// A text or a value.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(crate) enum Body {
    Text {
        head: Text,
        /// The part that is folded away.
        rest: Option<Text>,
        /// How long that part is.
        more: String,
        /// True where even the rest is not the whole.
        cut: bool,
    },
    Json {
        json: Json,
    },
}

impl Body {
    pub(crate) fn text(text: &str) -> Self {
        Self::text_within(text, SHOWN)
    }

    fn text_within(text: &str, most: usize) -> Self {
        let shown = beginning(text, most);
        let head = if shown.len() > UNFOLDED + UNFOLDED / 4 { beginning(shown, UNFOLDED) } else { shown };
        let rest = &shown[head.len()..];
        Self::Text {
            head: Text::of(head),
            rest: (!rest.is_empty()).then(|| Text::of(rest)),
            more: characters(rest),
            cut: shown.len() < text.len(),
        }
    }

    /// A value; a text in JSON is shown as the text that it is.
    pub(crate) fn value(value: &Value) -> Self {
        Self::value_within(value, SHOWN)
    }

    fn value_within(value: &Value, most: usize) -> Self {
        match value {
            Value::String(text) => Self::text_within(text, most),
            other => Self::Json { json: Json::within(other, most) },
        }
    }

    /// A value, unless it is absent.
    pub(crate) fn present(value: &Value) -> Option<Self> {
        (!value.is_null()).then(|| Self::value(value))
    }
}

fn characters(text: &str) -> String {
    format::counted(text.chars().count(), "character")
}

/// The input or the output of a step.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(crate) enum Shown {
    Messages { messages: Few<Turn> },
    Value { body: Body },
}

impl Shown {
    /// The content; `thought` is the reasoning that the page shows by itself and that is left out here.
    pub(crate) fn new(content: &Content, thought: Option<&str>) -> Self {
        match content {
            Content::Messages(messages) => {
                let told =
                    |message: &&Message| !message.parts.is_empty() && rest(message, thought).is_empty();
                let messages: Vec<_> = messages.iter().filter(|message| !told(message)).collect();
                Self::Messages { messages: Few::last(&messages, |message| Turn::new(message, thought)) }
            }
            Content::Value(value) => Self::Value { body: Body::value(value) },
        }
    }
}

/// Entries of a list, and how many of them are not shown.
#[derive(Debug, Serialize)]
pub(crate) struct Few<T> {
    pub(crate) shown: Vec<T>,
    pub(crate) hidden: Option<String>,
}

impl<T> Few<T> {
    pub(crate) fn first<E>(entries: impl ExactSizeIterator<Item = E>, show: impl FnMut(E) -> T) -> Self {
        Self::within(ENTRIES, entries, show)
    }

    pub(crate) fn within<E>(
        most: usize,
        entries: impl ExactSizeIterator<Item = E>,
        show: impl FnMut(E) -> T,
    ) -> Self {
        let hidden = entries.len().saturating_sub(most);
        Self::with(entries.take(most).map(show).collect(), hidden)
    }

    /// The end of a conversation says more than its beginning.
    fn last<E>(entries: &[E], show: impl FnMut(&E) -> T) -> Self {
        let hidden = entries.len().saturating_sub(ENTRIES);
        Self::with(entries[hidden..].iter().map(show).collect(), hidden)
    }

    fn with(shown: Vec<T>, hidden: usize) -> Self {
        Self { shown, hidden: (hidden > 0).then(|| format::count(hidden as u64)) }
    }
}

/// A message of a conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Turn {
    role: Text,
    /// The class that rules it at its left.
    class: &'static str,
    name: Option<Text>,
    finish_reason: Option<Text>,
    size: Option<String>,
    /// Instructions are long and the same each time.
    folded: bool,
    pieces: Few<Piece>,
}

impl Turn {
    pub(crate) fn new(message: &Message, thought: Option<&str>) -> Self {
        let parts = rest(message, thought);
        let length: usize = parts.iter().map(|part| text_length(part)).sum();
        let class = class(&message.role);
        Self {
            role: Text::line(&message.role, 40),
            class,
            name: message.name.as_deref().map(|name| Text::line(name, 80)),
            finish_reason: message.finish_reason.as_deref().map(|reason| Text::line(reason, 40)),
            size: (length > 0).then(|| format::counted(length, "character")),
            folded: class == "system" && length > 200,
            pieces: Few::first(parts.into_iter(), Piece::from),
        }
    }
}

/// The parts of a message but for reasoning that is shown already.
fn rest<'a>(message: &'a Message, thought: Option<&str>) -> Vec<&'a Part> {
    let told = |part: &&Part| match part {
        Part::Reasoning { content } => thought.is_some_and(|thought| thought.contains(content.as_str())),
        _ => false,
    };
    message.parts.iter().filter(|part| !told(part)).collect()
}

fn class(role: &str) -> &'static str {
    match role {
        "system" | "developer" => "system",
        "user" | "human" => "user",
        "assistant" | "model" | "ai" => "assistant",
        "tool" | "function" | "ipython" => "tool",
        _ => "other",
    }
}

fn text_length(part: &Part) -> usize {
    match part {
        Part::Text { content } | Part::Reasoning { content } => content.chars().count(),
        _ => 0,
    }
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Piece {
    Text { body: Body },
    Reasoning { body: Body, size: String },
    Call { name: Text, id: Option<Text>, body: Option<Body> },
    Result { name: Option<Text>, id: Option<Text>, body: Option<Body> },
    Media { word: &'static str, about: Vec<Text> },
    Other { body: Body },
}

impl From<&Part> for Piece {
    fn from(part: &Part) -> Self {
        match part {
            Part::Text { content } => Self::Text { body: Body::text(content) },
            Part::Reasoning { content } => {
                Self::Reasoning { body: Body::text(content), size: characters(content) }
            }
            Part::ToolCall { id, name, arguments } => {
                Self::Call { name: Text::line(name, 120), id: short(id), body: Body::present(arguments) }
            }
            Part::ToolResult { id, name, result } => {
                Self::Result { name: short(name), id: short(id), body: Body::present(result) }
            }
            Part::Image(media) => Self::media("picture", media),
            Part::Audio(media) => Self::media("sound", media),
            Part::Video(media) => Self::media("film", media),
            Part::File(media) => Self::media("file", media),
            Part::Other { value } => Self::Other { body: Body::value(value) },
        }
    }
}

impl Piece {
    /// What is known of a file. It is neither fetched nor drawn: an address in content is a stranger's.
    fn media(word: &'static str, media: &Media) -> Self {
        let size =
            media.data.as_ref().map(|data| format!("{} bytes", format::count(data.len() as u64 * 3 / 4)));
        let about = [media.mime_type.as_deref(), media.uri.as_deref(), size.as_deref()];
        Self::Media { word, about: about.into_iter().flatten().map(|text| Text::line(text, 200)).collect() }
    }
}

fn short(text: &Option<String>) -> Option<Text> {
    text.as_deref().map(|text| Text::line(text, 120))
}

/// A name and a value.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    /// Its place, by which the page can be scrolled to it.
    at: Option<usize>,
    key: Text,
    body: Body,
}

/// Attributes, as they came.
pub(crate) fn pairs(attributes: &Map<String, Value>) -> Few<Pair> {
    Few::first(attributes.iter(), |(key, value)| Pair::new(None, key, value))
}

/// The attributes of the step itself, which can be pointed at.
pub(crate) fn places(attributes: &Map<String, Value>) -> Few<Pair> {
    Few::first(attributes.iter().enumerate(), |(at, (key, value))| Pair::new(Some(at), key, value))
}

/// The place of an attribute among those that [`places`] shows.
pub(crate) fn place(attributes: &Map<String, Value>, key: &str) -> Option<usize> {
    attributes.keys().take(ENTRIES).position(|known| known == key)
}

impl Pair {
    fn new(at: Option<usize>, key: &str, value: &Value) -> Self {
        Self { at, key: Text::line(key, 200), body: Body::value_within(value, SHOWN_OF_ATTRIBUTE) }
    }
}
