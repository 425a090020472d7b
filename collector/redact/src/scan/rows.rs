//! Values that stand under their label: the columns of an `INSERT`, of a table in Markdown, of CSV.

use std::ops::Range;

use super::{Candidate, Engine, Found, Target};
use crate::detect::Label;

/// The first line of a table, or the list of columns, is no longer.
const LONGEST_HEAD: usize = 4096;
/// Columns of a table; what stands in later ones is looked at without its label.
const MOST_COLUMNS: usize = 256;
/// A cell is no longer.
const LONGEST_CELL: usize = 16 * 1024;

/// A column whose name is a label.
#[derive(Debug)]
struct Column<'a> {
    name: &'a [u8],
    labels: Vec<(usize, &'static Label, Range<usize>)>,
}

impl Engine {
    /// `INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')`, from the word `VALUES` on.
    pub(super) fn inserted(&self, text: &[u8], at: &Range<usize>, found: &mut Found) {
        let before = text[..at.start].trim_ascii_end();
        let list = before.strip_suffix(b")").filter(|_| at.start >= found.rows_until);
        let Some(list) = list else { return };
        let from = list.len().saturating_sub(LONGEST_HEAD);
        let Some(open) = memchr::memrchr(b'(', &list[from..]) else { return };
        let columns = self.columns(list[from + open + 1..].split(|byte| *byte == b','));
        let mut row = skip(text, at.end, b" \t\r\n");
        while text.get(row) == Some(&b'(') && columns.iter().any(|column| !column.labels.is_empty()) {
            let end = self.row(text, row + 1, b',', b')', &columns, found);
            found.rows_until = end;
            let next = skip(text, end + 1, b" \t\r\n");
            if text.get(end) != Some(&b')') || text.get(next) != Some(&b',') {
                break;
            }
            row = skip(text, next + 1, b" \t\r\n");
        }
    }

    /// A table in Markdown, from the dashes below its first line on.
    pub(super) fn ruled(&self, text: &[u8], at: &Range<usize>, found: &mut Found) {
        let line = line_start(text, at.start);
        if at.start < found.rows_until || line == 0 || !text[line..at.start].trim_ascii().is_empty() {
            return;
        }
        let head = line_start(text, line - 1)..line - 1;
        if head.len() > LONGEST_HEAD {
            return;
        }
        let head = text[head].trim_ascii();
        let columns = self.columns(head.strip_prefix(b"|").unwrap_or(head).split(|byte| *byte == b'|'));
        let first = line_end(text, at.end) + 1;
        self.lines(text, first, &columns, found, |line| {
            line.trim_ascii_start().strip_prefix(b"|").map(|rest| (rest, b'|'))
        });
    }

    /// CSV, from a label on that stands by itself between separators in a line with others.
    pub(super) fn separated(&self, text: &[u8], label: &Range<usize>, found: &mut Found) {
        let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| b",;\t\r\n\"".contains(byte));
        let edges =
            is_edge(label.start.checked_sub(1).and_then(|at| text.get(at))) && is_edge(text.get(label.end));
        if !edges || label.start < found.rows_until {
            return;
        }
        let from = label.start.saturating_sub(LONGEST_HEAD);
        let start = from + memchr::memrchr(b'\n', &text[from..label.start]).map_or(0, |at| at + 1);
        let end = start + text[start..].iter().take(LONGEST_HEAD).take_while(|byte| **byte != b'\n').count();
        let head = text[start..end].trim_ascii_end();
        let Some(separator) = separator(head).filter(|sign| is_head(text, start, head, *sign)) else {
            return;
        };
        let columns = self.columns(head.split(|byte| *byte == separator));
        let count = columns.len();
        self.lines(text, end + 1, &columns, found, |line| {
            let cells = memchr::memchr_iter(separator, line).count() + 1;
            // A quoted cell may hold the sign.
            let fits = cells == count || cells > count && memchr::memchr(b'"', line).is_some();
            fits.then_some((line, separator))
        });
    }

    fn lines<'t>(
        &self,
        text: &'t [u8],
        first: usize,
        columns: &[Column<'_>],
        found: &mut Found,
        row: impl Fn(&'t [u8]) -> Option<(&'t [u8], u8)>,
    ) {
        found.rows_until = found.rows_until.max(first);
        if columns.iter().all(|column| column.labels.is_empty()) {
            return;
        }
        let mut at = first;
        while at < text.len() {
            let end = line_end(text, at);
            let Some((cells, separator)) = row(&text[at..end]) else { break };
            self.row(text, end - cells.len(), separator, b'\n', columns, found);
            at = end + 1;
            found.rows_until = at;
        }
    }

    fn columns<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<Column<'a>> {
        let column = |name: &'a [u8]| {
            let name = trimmed(name, b" \t\r\n\"'`[]*");
            let labels = self.literals.all(name).filter_map(|(word, at)| match self.targets[word] {
                // `Condition to pass` is a sentence about something else.
                (rule, Target::Label(label)) if at.end == name.len() && words(&name[..at.start]) < 2 => {
                    Some((rule, label, at))
                }
                _ => None,
            });
            Column { name, labels: labels.collect() }
        };
        names.take(MOST_COLUMNS).map(column).collect()
    }

    /// One row from its first cell on, to where it ends.
    fn row(
        &self,
        text: &[u8],
        from: usize,
        separator: u8,
        end: u8,
        columns: &[Column<'_>],
        found: &mut Found,
    ) -> usize {
        let mut at = from;
        for column in columns {
            let start = skip(text, at, b" \t");
            let quote = text.get(start).copied().filter(|byte| b"'\"`".contains(byte) && separator != b'|');
            let inner = start + usize::from(quote.is_some());
            let stop = match quote {
                Some(quote) => closing(text, inner, quote),
                None => inner + run_of_cell(text, inner, separator, end),
            };
            let value = text[inner..stop].trim_ascii_end();
            // In SQL a text has quotes; what has none is a number, a name or a call.
            if end != b')' || quote.is_some() || value.first().is_some_and(u8::is_ascii_digit) {
                found.values.extend(column.found(value, inner));
            }
            at = stop + usize::from(quote.is_some());
            at += run_of_cell(text, at, separator, end);
            if text.get(at) != Some(&separator) {
                return at;
            }
            at += 1;
        }
        at + run_of_cell(text, at, end, end)
    }
}

impl Column<'_> {
    fn found(&self, value: &[u8], start: usize) -> Option<Candidate> {
        let one = |(rule, label, at): &(usize, &'static Label, Range<usize>)| {
            let place = label.value_of_key(self.name, at, value)?;
            Some(Candidate { place: start + place.start..start + place.end, rule: *rule, bare_number: None })
        };
        self.labels.iter().filter_map(one).min_by_key(|candidate| candidate.rule)
    }
}

fn words(before: &[u8]) -> usize {
    memchr::memchr_iter(b' ', before).count()
}

/// Names and nothing else, in a line that follows no other of its kind: the first of a table, not one of a list.
fn is_head(text: &[u8], start: usize, head: &[u8], separator: u8) -> bool {
    let is_name = |cell: &[u8]| {
        let name = trimmed(cell, b" \t\"");
        let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte) || *byte >= 0x80;
        (1..=64).contains(&name.len()) && name.iter().all(of_name)
    };
    let previous = line_start(text, start.saturating_sub(1));
    let follows = start > 0 && memchr::memchr(separator, &text[previous..start]).is_some();
    !follows && head.split(|byte| *byte == separator).all(is_name)
}

/// The sign that parts the cells of a line: the one of which there are most.
fn separator(line: &[u8]) -> Option<u8> {
    let count = |sign: u8| memchr::memchr_iter(sign, line).count();
    let most = [b',', b';', b'\t'].into_iter().max_by_key(|sign| count(*sign))?;
    let is_prose = line.windows(2).any(|pair| pair == b", ") && memchr::memchr(b' ', line).is_some();
    (count(most) > 0 && !(most == b',' && is_prose)).then_some(most)
}

/// The quote that ends a cell; a doubled one is a quote within it.
fn closing(text: &[u8], from: usize, quote: u8) -> usize {
    let most = text.len().min(from + LONGEST_CELL);
    let mut at = from;
    while let Some(offset) = memchr::memchr(quote, &text[at..most]) {
        at += offset;
        if text.get(at + 1) != Some(&quote) {
            return at;
        }
        at += 2;
        if at >= most {
            break;
        }
    }
    most
}

fn run_of_cell(text: &[u8], from: usize, separator: u8, end: u8) -> usize {
    let from = from.min(text.len());
    let rest = &text[from..text.len().min(from + LONGEST_CELL)];
    rest.iter().take_while(|byte| **byte != separator && **byte != end && **byte != b'\n').count()
}

fn skip(text: &[u8], from: usize, signs: &[u8]) -> usize {
    let from = from.min(text.len());
    from + text[from..].iter().take(LONGEST_HEAD).take_while(|byte| signs.contains(byte)).count()
}

fn trimmed<'a>(mut name: &'a [u8], signs: &[u8]) -> &'a [u8] {
    while let [first, rest @ ..] = name
        && signs.contains(first)
    {
        name = rest;
    }
    while let [rest @ .., last] = name
        && signs.contains(last)
    {
        name = rest;
    }
    name
}

fn line_start(text: &[u8], at: usize) -> usize {
    let from = at.saturating_sub(LONGEST_HEAD);
    from + memchr::memrchr(b'\n', &text[from..at]).map_or(0, |newline| newline + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn values_of_an_insert_stand_under_their_columns() {
        let sql = "INSERT INTO people (id, `password`, dob) VALUES (1, 'Welcome6999', '1990-01-02')";
        let places = crate::tests::BUILTIN.redact(sql).text;
        assert_eq!(
            places,
            "INSERT INTO people (id, `password`, dob) VALUES (1, '[REDACTED:PASSWORD]', '[REDACTED:DATE_OF_BIRTH]')"
        );
        found(
            "insert into t (passport, n) values ('it''s, (x)', 2),\n ('H3828VF16', 3);",
            "PASSPORT",
            &["H3828VF16"],
        );
        nothing("the values (1, 'Welcome6999') are no passwords");
    }

    #[test]
    fn cells_of_a_table_stand_under_their_columns() {
        found(
            "| user | password |\n|---|:---:|\n| a | Welcome6999 |\n| b | - |\n",
            "PASSWORD",
            &["Welcome6999"],
        );
        nothing("| user | notes |\n| --- | --- |\n| password | none of them |");
    }

    #[test]
    fn cells_of_csv_stand_under_their_columns() {
        found(
            "id,password,ok\n1,Welcome6999,yes\n2,\"a, b7!\",no\nend",
            "PASSWORD",
            &["Welcome6999", "a, b7!"],
        );
        nothing("id, password, and others,\nare columns, Welcome6999, that one has");
    }

    #[test]
    fn a_text_of_nothing_but_heads_is_read_once() {
        let heads = "(password) values (".repeat(20_000);
        assert!(crate::tests::BUILTIN.redact(&heads).findings.is_empty());
        let lines = "password,password\n".repeat(20_000);
        crate::tests::BUILTIN.redact(&lines);
    }
}
