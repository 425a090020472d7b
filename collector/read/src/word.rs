use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A text that is kept once, however many steps say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(NonZeroU32);

/// The texts of an execution.
#[derive(Debug, Default)]
pub(crate) struct Words {
    texts: Vec<Arc<str>>,
    words: HashMap<Arc<str>, Word>,
}

impl Words {
    pub(crate) fn of(&mut self, text: String) -> Word {
        if let Some(word) = self.words.get(text.as_str()) {
            return *word;
        }
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        // Four thousand million different texts would not be in memory.
        let number =
            u32::try_from(self.texts.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        self.words.insert(text, Word(number));
        Word(number)
    }

    pub(crate) fn text(&self, word: Word) -> &str {
        &self.texts[word.0.get() as usize - 1]
    }
}
