//! Sentences of ours, in which what is to be typed stands between backticks.

use serde::Serialize;

/// Words, or something to type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Word {
    code: bool,
    text: String,
}

/// What a sentence puts between backticks is set as code.
pub(crate) fn words(sentences: &str) -> Vec<Word> {
    let word = |(at, text): (usize, &str)| Word { code: at % 2 == 1, text: text.to_owned() };
    sentences.split('`').enumerate().map(word).filter(|word| !word.text.is_empty()).collect()
}
