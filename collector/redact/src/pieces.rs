//! Values that came in pieces: the chunks of a stream, one event each, and the parts of a message. Each by itself shows
//! nothing; joined, as who reads them joins them, they do.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use treering_otlp::{Export, Place, Text};

use crate::json::{self, Leaf};
use crate::rules::Rules;
use crate::scan::{Candidate, merge};
use crate::text::{View, fold_in_json};

/// What was found in the pieces of one record: the places in the request, and what it is.
pub(crate) type Found = (Range<usize>, usize);

/// Pieces of one stream that wait to be looked at together.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    streams: Vec<Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    name: String,
    joined: String,
    pieces: Vec<Piece>,
    /// Whether any two of them are neighbours, or only those between which nobody else speaks.
    is_chunked: bool,
}

/// Where a piece stands in the joined text, and what it came from.
#[derive(Debug)]
struct Piece {
    joined: Range<usize>,
    start: usize,
    raw: String,
    is_json: bool,
}

/// What dialects call the text of a part or of a chunk.
const CONTENT: &[&str] = &[
    "content",
    "text",
    "reasoning_content",
    "reasoning",
    "thinking",
    "arguments",
    "partial_json",
    "delta",
    "refusal",
    "input",
    "output",
];
/// Streams of one record: the fields of a chunk. Bytes of one stream: what a model says in an answer.
const MOST_STREAMS: usize = 16;
const MOST_BYTES: usize = 1 << 20;
/// A part that is longer is a text of its own; what it shares with the next one is looked for at its ends.
const END: usize = 512;

impl Pieces {
    /// Takes what of this text is a piece.
    pub(crate) fn take(&mut self, export: &Export, place: &Place, may_stream: bool) {
        let bytes = &export.as_bytes()[place.range()];
        let is_json = match place.is_bytes() {
            true => json::looks_like(&export.text(*place).text),
            false => json::may_be(bytes),
        };
        if !is_json && !may_stream {
            return;
        }
        let is_chunk = may_stream && export.text(*place).key.is_some_and(is_chunk);
        if is_chunk && !is_json {
            let text = export.text(*place);
            self.add("", text.start, &text.text, false, true);
        } else if is_json && (is_chunk || has_parts(bytes)) {
            self.leaves(&export.text(*place), is_chunk);
        }
    }

    fn leaves(&mut self, text: &Text<'_>, is_chunk: bool) {
        // A text that is no JSON has no leaves behind its fault, and those before are pieces all the same.
        let _fault = json::leaves(&text.text, |leaf| {
            let Leaf::Text(place, Some(key)) = leaf else { return };
            let key = &text.text[key];
            if key == "role" && !is_chunk {
                self.streams.iter_mut().for_each(|stream| stream.cut());
            } else if CONTENT.contains(&key) {
                self.add(key, text.start + place.start, &text.text[place], true, is_chunk);
            }
        });
        if !is_chunk {
            self.streams.iter_mut().for_each(|stream| stream.cut());
        }
    }

    fn add(&mut self, name: &str, start: usize, raw: &str, is_json: bool, is_chunked: bool) {
        let known = |stream: &Stream| stream.name == name && stream.is_chunked == is_chunked;
        let at = match self.streams.iter().position(known) {
            Some(at) => at,
            None if self.streams.len() < MOST_STREAMS => {
                self.streams.push(Stream { name: name.to_owned(), is_chunked, ..Stream::default() });
                self.streams.len() - 1
            }
            None => return,
        };
        self.streams[at].add(start, raw, is_json);
    }

    /// What the pieces hold that no single one of them does, by the number of its rule.
    pub(crate) fn found(self, rules: &Rules) -> Vec<Found> {
        self.streams.iter().flat_map(|stream| stream.found(rules)).collect()
    }
}

/// Whether what has this key is a chunk of a stream.
pub(crate) fn is_chunk(key: &str) -> bool {
    let is_in = |word: &str| {
        key.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    ["chunk", "delta", "stream"].into_iter().any(is_in)
}

/// Whether a message may have parts; each says that it is a text.
fn has_parts(text: &[u8]) -> bool {
    static TEXT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"text\""));
    TEXT.find_iter(text).take(2).count() == 2
}

/// What parts two pieces for good: no value has it.
const CUT: char = '\u{1}';

impl Stream {
    fn cut(&mut self) {
        if !self.is_chunked && !self.joined.is_empty() && !self.joined.ends_with(CUT) {
            self.joined.push(CUT);
        }
    }

    fn add(&mut self, start: usize, raw: &str, is_json: bool) {
        if self.joined.len() > MOST_BYTES {
            return;
        }
        // Of a long part both ends count, each as a piece, and not what is between them.
        if raw.len() > 2 * END && !self.is_chunked {
            let (head, tail) = (raw.floor_char_boundary(END), raw.ceil_char_boundary(raw.len() - END));
            self.piece(start, &raw[..head], is_json);
            self.cut();
            return self.piece(start + tail, &raw[tail..], is_json);
        }
        self.piece(start, raw, is_json);
    }

    fn piece(&mut self, start: usize, raw: &str, is_json: bool) {
        let from = self.joined.len();
        self.joined.push_str(view(raw, is_json).text());
        self.pieces.push(Piece { joined: from..self.joined.len(), start, raw: raw.to_owned(), is_json });
    }

    fn found(&self, rules: &Rules) -> Vec<Found> {
        if self.pieces.len() < 2 {
            return Vec::new();
        }
        let mut found = Vec::new();
        rules.plain(&self.joined, &mut found);
        merge(found).iter().flat_map(|found| self.parts(found)).collect()
    }

    /// The parts of a finding in each of the pieces that it lies in, where these are several.
    fn parts(&self, found: &Candidate) -> Vec<Found> {
        let first = self.pieces.partition_point(|piece| piece.joined.end <= found.place.start);
        let touched = self.pieces[first..].iter().take_while(|piece| piece.joined.start < found.place.end);
        let parts: Vec<_> = touched
            .filter(|piece| !piece.joined.is_empty())
            .map(|piece| (piece.source_of(&found.place), found.rule))
            .collect();
        if parts.len() > 1 { parts } else { Vec::new() }
    }
}

fn view(raw: &str, is_json: bool) -> View<'_> {
    if is_json { fold_in_json(raw) } else { crate::text::fold(raw) }
}

impl Piece {
    fn source_of(&self, place: &Range<usize>) -> Range<usize> {
        let start = place.start.max(self.joined.start) - self.joined.start;
        let end = place.end.min(self.joined.end) - self.joined.start;
        let source = view(&self.raw, self.is_json).source_of(&(start..end));
        self.start + source.start..self.start + source.end
    }
}
