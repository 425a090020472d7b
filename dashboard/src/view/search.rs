//! What was searched, and how.

use serde::Serialize;
use treering_step::{Timestamp, TraceId};
use treering_store::SearchLag;

use super::format;
use super::text::Text;
use crate::error::Error;

/// Different words of one search: nobody types more, and each is looked for in each execution.
const MOST_WORDS: usize = 32;

/// What somebody typed to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// The id of an execution.
    Id(String),
    /// What stands in quotes. The index of sealed content knows words and not their order, so that a phrase is looked
    /// for in the clear alone.
    Phrase(String),
    /// Anything else of somebody who sees no content: it is looked for in the clear alone.
    Clear(String),
    /// Anything else, and the whole words of it.
    Words(String, Vec<String>),
}

impl Search {
    pub(crate) fn of(typed: &str) -> Result<Self, Error> {
        if typed.to_lowercase().parse::<TraceId>().is_ok() {
            return Ok(Self::Id(typed.to_owned()));
        }
        let words: Vec<_> = treering_read::words_of(typed).into_iter().collect();
        if let Some(phrase) = quoted(typed) {
            // One word has no order.
            let is_word = words.len() == 1 && words[0].chars().count() == phrase.chars().count();
            let phrase = phrase.to_owned();
            return Ok(if is_word { Self::Words(phrase, words) } else { Self::Phrase(phrase) });
        }
        if words.len() > MOST_WORDS {
            return Err(Error::Query("`q` has at most 32 different words"));
        }
        Ok(Self::Words(typed.to_owned(), words))
    }

    /// The same for somebody who sees no content.
    pub(crate) fn without_content(self) -> Self {
        match self {
            Self::Words(text, _) => Self::Clear(text),
            other => other,
        }
    }

    /// What is looked for in the clear.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Id(text) | Self::Phrase(text) | Self::Clear(text) | Self::Words(text, _) => text,
        }
    }

    /// What is looked for in the content.
    pub(crate) fn words(&self) -> &[String] {
        match self {
            Self::Id(_) | Self::Phrase(_) | Self::Clear(_) => &[],
            Self::Words(_, words) => words,
        }
    }
}

/// What stands between the quotes, where nothing stands around them.
fn quoted(text: &str) -> Option<&str> {
    let pairs = [("\"", "\""), ("“", "”"), ("„", "“"), ("«", "»")];
    let inner = pairs.iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))?.trim();
    (!inner.is_empty()).then_some(inner)
}

/// How an answer of the API was searched.
#[derive(Debug, Serialize)]
pub(crate) struct SearchJson {
    /// Absent where the content was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    clear: &'static str,
    words: Vec<String>,
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<Timestamp>,
}

impl SearchJson {
    pub(crate) fn new(search: &Search, lag: SearchLag) -> Self {
        Self {
            content: (!search.words().is_empty()).then_some("whole words"),
            clear: if matches!(search, Search::Id(_)) { "whole id" } else { "parts of words and phrases" },
            words: search.words().to_vec(),
            waiting: lag.waiting,
            waiting_since: lag.since,
        }
    }
}

/// The same for readers of the page.
#[derive(Debug, Serialize)]
pub(crate) struct SearchNote {
    how: &'static str,
    words: Vec<Text>,
    lag: Option<String>,
}

impl SearchNote {
    pub(crate) fn new(search: &Search, lag: SearchLag, now: Timestamp) -> Self {
        let how = match search {
            Search::Id(_) => "id",
            Search::Phrase(_) => "phrase",
            Search::Clear(_) => "clear",
            Search::Words(_, words) if words.is_empty() => "signs",
            Search::Words(..) => "words",
        };
        let words = search.words().iter().map(|word| Text::line(word, 80)).collect();
        // Whoever asks for an id does not ask the index.
        let lag = if how == "words" { behind(lag, now) } else { None };
        Self { how, words, lag }
    }
}

/// How far the index is behind, if it is.
fn behind(lag: SearchLag, now: Timestamp) -> Option<String> {
    let waited = lag.since.map_or(0, |since| now.nanos_since(since));
    let waited = format::duration(waited.max(1_000_000));
    match lag.waiting {
        0 => None,
        1 => Some(format!("1 execution has words that are not in the index yet; it has waited {waited}.")),
        many => Some(format!(
            "{} executions have words that are not in the index yet; the oldest has waited {waited}.",
            format::count(many)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000).unwrap()
    }

    #[test]
    fn what_is_typed_is_an_id_a_phrase_or_words() {
        let id = "0102030405060708090A0B0C0D0E0F10";
        assert_eq!(Search::of(id).unwrap(), Search::Id(id.into()));
        for phrase in ["\"Refund it\"", "“Refund it”", "« Refund it »"] {
            let search = Search::of(phrase).unwrap();
            assert_eq!((search.text(), search.words()), ("Refund it", [].as_slice()), "{phrase}");
        }
        let words = Search::of("Refund \"the order\"").unwrap();
        assert_eq!(words.text(), "Refund \"the order\"");
        assert_eq!(words.words(), ["order", "refund", "the"]);
        assert_eq!(Search::of("\"\"").unwrap().words(), [""; 0]);
    }

    #[test]
    fn more_words_than_anybody_types_are_refused() {
        let words = |count: usize| (0..count).map(|number| format!("w{number} ")).collect::<String>();
        assert_eq!(Search::of(&words(32)).unwrap().words().len(), 32);
        assert_eq!(Search::of(&"again ".repeat(10_000)).unwrap().words(), ["again"]);
        assert!(matches!(Search::of(&words(33)), Err(Error::Query(_))));
    }

    #[test]
    fn how_far_the_index_is_behind_is_a_sentence() {
        let lag = |waiting| SearchLag { waiting, since: Some(at(10)) };
        assert_eq!(behind(SearchLag { waiting: 0, since: None }, at(12)), None);
        let one = "1 execution has words that are not in the index yet; it has waited 2.00 s.";
        assert_eq!(behind(lag(1), at(12)).unwrap(), one);
        let many =
            "3,000 executions have words that are not in the index yet; the oldest has waited 1 m 40 s.";
        assert_eq!(behind(lag(3_000), at(110)).unwrap(), many);
    }
}
