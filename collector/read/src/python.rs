//! What Python's `repr` writes of dictionaries and lists, which looks like JSON until somebody reads it:
//! `{'role': 'user', 'content': None}`.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value as Json};

/// Literals that are nested deeper than this were not written by a model provider.
const MAX_DEPTH: usize = 64;

/// A dictionary, list or tuple of literals; `None` where the text is none, or holds anything but literals.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text.trim().chars().peekable(), depth: 0 };
    let begins = matches!(reader.rest.peek(), Some('{' | '[' | '('));
    let value = begins.then(|| reader.value()).flatten()?;
    reader.rest.next().is_none().then_some(value)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Json> {
        match self.peek()? {
            '{' => self.dictionary(),
            '[' => self.list(']'),
            '(' => self.list(')'),
            '\'' | '"' => self.text().map(Json::from),
            _ => self.word(),
        }
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.peek().filter(|next| *next == wanted)?;
        self.rest.next().map(drop)
    }

    /// What stands between two brackets, with commas between.
    fn each(&mut self, close: char, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.rest.next()?;
        self.depth += 1;
        while self.peek()? != close {
            (self.depth <= MAX_DEPTH).then_some(())?;
            read(self)?;
            if self.peek()? != close {
                self.take(',')?;
            }
        }
        self.depth -= 1;
        self.rest.next().map(drop)
    }

    fn dictionary(&mut self) -> Option<Json> {
        let mut object = Map::new();
        self.each('}', |reader| {
            reader.peek().filter(|quote| ['\'', '"'].contains(quote))?;
            let key = reader.text()?;
            reader.take(':')?;
            object.insert(key, reader.value()?);
            Some(())
        })?;
        Some(Json::Object(object))
    }

    fn list(&mut self, close: char) -> Option<Json> {
        let mut items = Vec::new();
        self.each(close, |reader| {
            items.push(reader.value()?);
            Some(())
        })?;
        Some(Json::Array(items))
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.rest.next()?;
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                next if next == quote => return Some(text),
                '\\' => text.push(self.escaped()?),
                next => text.push(next),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let digits = match self.rest.next()? {
            'n' => return Some('\n'),
            't' => return Some('\t'),
            'r' => return Some('\r'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            same => return Some(same),
        };
        let code: String = self.rest.by_ref().take(digits).collect();
        char::from_u32(u32::from_str_radix(&code, 16).ok()?)
    }

    /// A number, or one of the three words that Python writes otherwise than JSON.
    fn word(&mut self) -> Option<Json> {
        let mut word = String::new();
        while let Some(next) = self.rest.next_if(|next| next.is_alphanumeric() || "+-._".contains(*next)) {
            word.push(next);
        }
        match word.as_str() {
            "None" => Some(Json::Null),
            "True" => Some(Json::from(true)),
            "False" => Some(Json::from(false)),
            number => serde_json::from_str::<serde_json::Number>(number).ok().map(Json::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn literals_become_what_they_stand_for() {
        let text = r#"[{'role': 'user', 'content': "Zoë's \"tree\"\n\u2192", 'n': -1.5e3, 'none': None}, (True, False,), {}]"#;
        let read = json!([
            {"role": "user", "content": "Zoë's \"tree\"\n→", "n": -1500.0, "none": null}, [true, false], {},
        ]);
        assert_eq!(parse(text), Some(read));
    }

    #[test]
    fn what_is_no_literal_is_left_alone() {
        for text in
            ["", "plain", "'quoted'", "3", "[1, 2", "{'a': Usage(n=1)}", "{'a' 1}", "[1] and more", "[1 2]"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
