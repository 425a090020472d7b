//! As much of ClickHouse's SQL as is needed to find where the data of an INSERT begins.

/// A statement as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Statement<'a> {
    /// Nothing but SQL.
    Plain,
    /// `INSERT INTO … FORMAT …` with its data after it.
    Insert { head: &'a [u8], format: &'a str, data: &'a [u8] },
    /// More than one: the engine would run them all, a server refuses.
    Several,
    /// A DROP that waits for the files to be gone, which this engine never gets round to.
    Waits,
}

impl<'a> Statement<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        let mut tokens = Tokens { text, place: 0 };
        let inserts = tokens.next().is_some_and(|token| token.is("INSERT"));
        if inserts && let Some(insert) = Self::insert(text, &mut tokens) {
            return insert;
        }
        let mut tokens = Tokens { text, place: 0 };
        if tokens.clone().next().is_some_and(|token| token.is("DROP"))
            && tokens.clone().any(|token| token.is("SYNC"))
        {
            return Self::Waits;
        }
        let ended = tokens.any(|token| token.text == b";");
        if ended && tokens.any(|token| token.text != b";") { Self::Several } else { Self::Plain }
    }

    /// Columns and the arguments of functions stand in brackets, so that these words outside are ClickHouse's own.
    fn insert(text: &'a [u8], tokens: &mut Tokens<'a>) -> Option<Self> {
        let mut depth = 0_usize;
        while let Some(token) = tokens.next() {
            match token.text {
                b"(" => depth += 1,
                b")" => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ if ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|word| token.is(word)) => return None,
                _ if token.is("FORMAT") => {
                    let format = str::from_utf8(tokens.next()?.text).ok()?;
                    let data = after_space(&text[tokens.place..]);
                    return Some(Self::Insert { head: &text[..token.start], format, data });
                }
                _ => {}
            }
        }
        None
    }
}

/// Data begins after spaces, and after one end of a line where there is one.
fn after_space(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\x0c')).count();
    let text = &text[spaces..];
    let text = text.strip_prefix(b"\r").unwrap_or(text);
    text.strip_prefix(b"\n").unwrap_or(text)
}

/// Where the settings of an INSERT's head begin.
pub(crate) fn settings(head: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut tokens = Tokens { text: head, place: 0 };
    let found = tokens.find(|token| {
        match token.text {
            b"(" => depth += 1,
            b")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is("SETTINGS")
    });
    found.map(|token| token.start)
}

/// The format that a query asks for at its end.
pub(crate) fn format(text: &[u8]) -> Option<&str> {
    let (mut before, mut last) = (None, None);
    for token in (Tokens { text, place: 0 }).filter(|token| token.text != b";") {
        (before, last) = (last, Some(token));
    }
    let format = before.is_some_and(|token: Token<'_>| token.is("FORMAT"));
    str::from_utf8(last.filter(|_| format)?.text).ok()
}

#[derive(Clone, Copy)]
struct Token<'a> {
    start: usize,
    text: &'a [u8],
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Words, quoted texts and signs, without spaces and comments.
#[derive(Clone)]
struct Tokens<'a> {
    text: &'a [u8],
    place: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = &self.text[self.place..];
            let length = match rest {
                [] => return None,
                [space, ..] if space.is_ascii_whitespace() => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => until(rest, b"\n"),
                [b'/', b'*', ..] => 2 + until(&rest[2..], b"*/"),
                _ => {
                    let (start, length) = (self.place, token(rest));
                    self.place += length;
                    return Some(Token { start, text: &rest[..length] });
                }
            };
            self.place += length;
        }
    }
}

fn token(rest: &[u8]) -> usize {
    match rest[0] {
        quote @ (b'\'' | b'"' | b'`') => quoted(rest, quote),
        first if word(first) => rest.iter().take_while(|byte| word(**byte)).count(),
        _ => 1,
    }
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// A quote within is doubled, which reads as two quoted texts, or stands behind a backslash.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut place = 1;
    while let Some(byte) = rest.get(place) {
        match *byte {
            b'\\' => place += 2,
            byte if byte == quote => return place + 1,
            _ => place += 1,
        }
    }
    rest.len()
}

fn until(rest: &[u8], end: &[u8]) -> usize {
    memchr::memmem::find(rest, end).map_or(rest.len(), |place| place + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &[u8]) -> Option<(&[u8], &str, &[u8])> {
        match Statement::of(text) {
            Statement::Insert { head, format, data } => Some((head, format, data)),
            _ => None,
        }
    }

    #[test]
    fn data_begins_after_the_format_and_one_end_of_a_line() {
        let head = b"INSERT INTO `format`.t (a, `select`) SETTINGS b = 'FORMAT' ";
        for space in [&b"\n"[..], b" \t\r\n", b" "] {
            let text = [&head[..], b"format RowBinary", space, b"\n\0;'data"].concat();
            let expected: (&[u8], _, &[u8]) = (&head[..], "RowBinary", b"\n\0;'data");
            if space == b" " {
                assert_eq!(insert(&text), Some((&head[..], "RowBinary", &b"\0;'data"[..])));
            } else {
                assert_eq!(insert(&text), Some(expected));
            }
        }
        assert_eq!(
            insert(b"/* ( */ insert into t -- (\nformat TSV"),
            Some((&b"/* ( */ insert into t -- (\n"[..], "TSV", &b""[..]))
        );
    }

    #[test]
    fn what_brings_no_data_passes_as_it_is() {
        for text in [
            "INSERT INTO t SELECT 1 FORMAT TSV",
            "INSERT INTO t WITH 1 AS a SELECT a",
            "INSERT INTO t VALUES (1, ';'), (2, 'FORMAT TSV 1')",
            "INSERT INTO t FROM INFILE 'f' FORMAT TSV",
            "SELECT 'it''s \\'; 1' ; -- ; 2",
            "EXPLAIN AST INSERT INTO t FORMAT TSV",
            "",
        ] {
            assert_eq!(Statement::of(text.as_bytes()), Statement::Plain, "{text}");
        }
        assert_eq!(Statement::of(b"SELECT ';'; SELECT 2"), Statement::Several);
        assert_eq!(Statement::of(b"drop table t sync"), Statement::Waits);
    }

    #[test]
    fn a_query_names_its_format_at_its_end() {
        assert_eq!(format(b"SELECT 1 FORMAT JSON ; -- x"), Some("JSON"));
        assert_eq!(format(b"SELECT 'FORMAT JSON'"), None);
    }
}
