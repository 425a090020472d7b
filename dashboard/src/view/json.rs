//! JSON to look at: short values on one line, long ones folded.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::format;
use super::text::Text;

/// A value of this many bytes or fewer stands on one line.
const ONE_LINE: usize = 76;
/// An object or list of more lines than this is folded, unless it is the outermost.
const UNFOLDED_LINES: usize = 24;
/// A text longer than this is folded.
const UNFOLDED_TEXT: usize = 400;
/// Deeper values are written without breaks; also the depth of this module's own recursion.
const DEEPEST: u32 = 48;
/// Indents that are drawn.
const DRAWN_INDENT: u32 = 12;

/// A value in lines and folds.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Json(Vec<Part>);

#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Part {
    Line {
        indent: u32,
        text: Text,
    },
    /// A fold that opens with this line.
    Open {
        indent: u32,
        text: Text,
    },
    /// A text with breaks of its own.
    Block {
        text: Text,
    },
    Close,
    /// The value goes on, but the page does not.
    Cut,
}

impl Json {
    /// The value, as far as these many bytes go.
    pub(crate) fn within(value: &Value, most: usize) -> Self {
        let mut printer = Printer { parts: Vec::new(), left: most };
        printer.value(value, "", "", 0);
        if printer.left == 0 {
            printer.parts.push(Part::Cut);
        }
        Self(printer.parts)
    }
}

struct Printer {
    parts: Vec<Part>,
    left: usize,
}

impl Printer {
    /// A value between what stands before it on its line and what stands behind.
    fn value(&mut self, value: &Value, before: &str, behind: &str, depth: u32) {
        if self.left == 0 {
            return;
        }
        match value {
            Value::Array(items) if !self.fits(value, before, depth) => {
                let items = items.iter().map(|item| (String::new(), item));
                self.group(["[", "]"], items, "item", before, behind, depth);
            }
            Value::Object(fields) if !self.fits(value, before, depth) => {
                let fields = fields.iter().map(|(key, value)| (format!("{}: ", quoted(key)), value));
                self.group(["{", "}"], fields, "field", before, behind, depth);
            }
            Value::String(text) if text.len() > UNFOLDED_TEXT => self.long_text(text, before, depth),
            other => self.line(&format!("{before}{}{behind}", spaced(other)), depth),
        }
    }

    fn fits(&self, value: &Value, before: &str, depth: u32) -> bool {
        depth >= DEEPEST || fits_line(value, ONE_LINE.saturating_sub(before.len()))
    }

    fn group<'a>(
        &mut self,
        [open, close]: [&str; 2],
        entries: impl ExactSizeIterator<Item = (String, &'a Value)>,
        noun: &str,
        before: &str,
        behind: &str,
        depth: u32,
    ) {
        let start = self.parts.len();
        let count = entries.len();
        self.line(&format!("{before}{open}"), depth);
        for (at, (key, value)) in entries.enumerate() {
            let comma = if at + 1 == count { "" } else { "," };
            self.value(value, &key, comma, depth + 1);
        }
        if depth > 0 && self.parts.len() - start > UNFOLDED_LINES {
            let summary = format!("{before}{open} {} {close}{behind}", format::counted(count, noun));
            self.parts[start] = Part::Open { indent: depth.min(DRAWN_INDENT), text: Text::of(&summary) };
            self.parts.push(Part::Close);
        } else {
            self.line(&format!("{close}{behind}"), depth);
        }
    }

    fn long_text(&mut self, text: &str, before: &str, depth: u32) {
        let summary = format!("{before}text of {}", format::counted(text.chars().count(), "character"));
        self.parts.push(Part::Open { indent: depth.min(DRAWN_INDENT), text: Text::of(&summary) });
        let shown = beginning(text, self.left);
        self.left = self.left.saturating_sub(text.len());
        self.parts.push(Part::Block { text: Text::of(shown) });
        self.parts.push(Part::Close);
    }

    fn line(&mut self, text: &str, depth: u32) {
        let shown = beginning(text, self.left);
        self.left = self.left.saturating_sub(text.len());
        self.parts.push(Part::Line { indent: depth.min(DRAWN_INDENT), text: Text::of(shown) });
    }
}

fn quoted(key: &str) -> String {
    Value::from(key).to_string()
}

/// The first bytes of a text, up to the end of a character.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A value on one line, with a space behind each comma and colon.
fn spaced(value: &Value) -> String {
    let mut line = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut line, Spaced));
    written.map_or_else(|_| value.to_string(), |()| String::from_utf8_lossy(&line).into_owned())
}

/// Whether a value is that short, found out without writing more of it than that.
fn fits_line(value: &Value, most: usize) -> bool {
    value.serialize(&mut Serializer::with_formatter(Room(most), Spaced)).is_ok()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHOWN: usize = 100_000;

    fn drawn(value: &Value) -> Vec<String> {
        let part = |part: &Part| match part {
            Part::Line { indent, text } => format!("{}{}", " ".repeat(*indent as usize), plain(text)),
            Part::Open { text, .. } => format!("▸ {}", plain(text)),
            Part::Block { text } => plain(text),
            Part::Close => "◂".to_owned(),
            Part::Cut => "…".to_owned(),
        };
        Json::within(value, SHOWN).0.iter().map(part).collect()
    }

    fn plain(text: &Text) -> String {
        serde_json::from_value::<Vec<String>>(serde_json::to_value(text).unwrap()).unwrap().concat()
    }

    #[test]
    fn a_short_value_is_one_line() {
        assert_eq!(drawn(&json!({"query": "1816", "limit": 3})), [r#"{"query": "1816", "limit": 3}"#]);
    }

    #[test]
    fn a_longer_value_is_broken_and_indented() {
        let value = json!({"a": "x".repeat(50), "b": [1, "y".repeat(70)], "c": null});
        let expected = [
            "{".to_owned(),
            format!(r#" "a": "{}","#, "x".repeat(50)),
            r#" "b": ["#.to_owned(),
            "  1,".to_owned(),
            format!(r#"  "{}""#, "y".repeat(70)),
            " ],".to_owned(),
            r#" "c": null"#.to_owned(),
            "}".to_owned(),
        ];
        assert_eq!(drawn(&value), expected);
    }

    #[test]
    fn a_long_list_and_a_long_text_are_folded() {
        let value = json!({"list": vec!["0123456789"; 40], "text": "line\n".repeat(100)});
        let lines = drawn(&value);
        assert_eq!(lines[1], r#"▸ "list": [ 40 items ],"#);
        assert_eq!(lines[42], "◂");
        assert_eq!(lines[43], r#"▸ "text": text of 500 characters"#);
        assert_eq!(lines[45..], ["◂", "}"]);
    }

    #[test]
    fn a_value_too_long_for_a_page_is_cut_and_says_so() {
        let lines = drawn(&json!(vec!["é".repeat(150); 2_000]));
        assert_eq!(lines.last().unwrap(), "…");
        assert!(lines.iter().map(String::len).sum::<usize>() < SHOWN + 2_000);
    }

    proptest::proptest! {
        #[test]
        fn what_fits_is_shown_whole_and_every_fold_closes(keys in proptest::collection::vec(".{0,60}", 0..60), long in ".{0,900}") {
            let fields: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), json!([key, {"in": long}]))).collect();
            let Json(parts) = Json::within(&Value::Object(fields), usize::MAX);
            let (mut open, mut cut) = (0, false);
            for part in &parts {
                match part {
                    Part::Open { .. } => open += 1,
                    Part::Close => open -= 1,
                    Part::Cut => cut = true,
                    _ => {}
                }
                assert!(open >= 0);
            }
            assert_eq!((open, cut), (0, false));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = (0..120).fold(json!("core"), |inner, _| json!([inner, "x".repeat(80)]));
        assert!(drawn(&deep).concat().contains("core"));
    }
}
