//! The rows of a damaged database, page by page.
//!
//! A page that cannot be read takes along all that hangs below it, for who goes from the root. Here each page is looked
//! at by itself: whatever row is whole is found, wherever the damage is. Which table a row is of shows in its form. What
//! was deleted is not found, since it was overwritten (`secure_delete`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The types of the pages of an index, or of a table without row ids: inner ones and leaves, both with rows.
const INNER: u8 = 2;
const LEAF: u8 = 10;
/// Where the first page begins, behind the head of the file.
const FILE_HEAD: usize = 100;
/// Values of a row that are given at the most. Of those that are looked for, all but one kind have fewer.
pub(super) const VALUES: usize = 16;

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Blob(&'a [u8]),
    Other,
}

/// The pages of a database.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    page: Vec<u8>,
    at: u64,
}

impl Pages {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut head = [0; FILE_HEAD];
        let length = file.read(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let size = if length < FILE_HEAD { 0 } else { usize::from(u16::from_be_bytes([head[16], head[17]])) };
        // Where the head is damaged: the size that SQLite takes by itself.
        let size = match size {
            1 => 1 << 16,
            size if size >= 512 && size.is_power_of_two() => size,
            _ => 4096,
        };
        Ok(Self { file, page: vec![0; size], at: 0 })
    }

    /// How many pages the head of a file says that there are, and how many of them are not there.
    pub(super) fn missing(path: &Path) -> io::Result<(u64, u64)> {
        let mut pages = Self::open(path)?;
        let (length, size) = (pages.file.metadata()?.len(), pages.page.len() as u64);
        let said = if pages.advance()? {
            u32::from_be_bytes(pages.page[28..32].try_into().unwrap_or_default())
        } else {
            0
        };
        Ok((said.into(), u64::from(said).saturating_sub(length / size)))
    }

    /// Goes to the next page; false behind the last one. Half a page is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        match self.file.read_exact(&mut self.page) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        self.at += 1;
        Ok(true)
    }

    /// The rows of this page, each with its values.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<Value<'_>>> {
        let start = if self.at == 1 { FILE_HEAD } else { 0 };
        let page = &self.page;
        let kind = page.get(start).copied().unwrap_or_default();
        let (head, prefix) = if kind == INNER { (12, 4) } else { (8, 0) };
        let count = if matches!(kind, INNER | LEAF) { number(page, start + 3) } else { 0 };
        (0..count).filter_map(move |cell| {
            let at = number(page, start + head + 2 * cell);
            (at > start).then(|| row(page.get(at + prefix..)?)).flatten()
        })
    }
}

fn number(page: &[u8], at: usize) -> usize {
    page.get(at..at + 2).map_or(0, |bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
}

/// The values of a row that lies on one page as a whole, as those do that are looked for.
fn row(cell: &[u8]) -> Option<Vec<Value<'_>>> {
    let (length, cell) = varint(cell)?;
    let payload = cell.get(..usize::try_from(length).ok()?)?;
    let (head, types) = varint(payload)?;
    let (head_length, prefix) = (usize::try_from(head).ok()?, payload.len() - types.len());
    let mut types = payload.get(prefix..head_length)?;
    let mut bytes = payload.get(head_length..)?;
    let mut values = Vec::with_capacity(VALUES);
    while !types.is_empty() && values.len() < VALUES {
        let (kind, rest) = varint(types)?;
        let (found, length) = value(kind, bytes)?;
        values.push(found);
        (types, bytes) = (rest, &bytes[length..]);
    }
    (values.len() == VALUES || bytes.is_empty()).then_some(values)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(8) {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    bytes.get(8).map(|last| (number << 8 | u64::from(*last), &bytes[9..]))
}

/// The value of a type, and how long it is.
fn value(kind: u64, bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    };
    let own = bytes.get(..length)?;
    let found = match kind {
        0 => Value::Null,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => Value::Integer(integer(own)),
        12.. if kind.is_multiple_of(2) => Value::Blob(own),
        _ => Value::Other,
    };
    Some((found, length))
}

fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn rows_are_found_as_sqlite_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE t (a INTEGER, b BLOB, c INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID")
            .unwrap();
        let numbers = [0, 1, -1, 127, -128, 40_000, -8_000_000, 1 << 40, i64::MAX, i64::MIN];
        for (at, number) in (0_i64..2_000).zip(numbers.into_iter().cycle()) {
            let blob = vec![7; usize::try_from(at % 40).unwrap()];
            connection.execute("INSERT INTO t VALUES (?1, ?2, ?3)", (at, blob, number)).unwrap();
        }
        drop(connection);
        let mut pages = Pages::open(&path).unwrap();
        let mut found = Vec::new();
        while pages.advance().unwrap() {
            found.extend(pages.rows().filter_map(|row| match row[..] {
                [Value::Integer(at), Value::Blob(blob), Value::Integer(number)] => {
                    Some((at, blob.len(), number))
                }
                _ => None,
            }));
        }
        found.sort_unstable();
        let sent = (0_i64..2_000).zip(numbers.into_iter().cycle());
        let sent: Vec<_> = sent.map(|(at, number)| (at, usize::try_from(at % 40).unwrap(), number)).collect();
        assert_eq!(found, sent);
    }
}
