//! A damaged write-ahead log.
//!
//! SQLite reads such a log up to the first frame whose checksum is wrong, and takes what follows for the unfinished
//! work of a process that died. Committed pages behind a damaged one would thus vanish in silence. How many frames
//! were committed stands in the shared index beside it, which a kill leaves where it is; so the loss is known, and each
//! frame can be checked by itself, since its checksum goes on from the one that the frame before it says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of the log's head, and of the head of each frame.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
/// Bytes of the index's head, of which there are two copies, and where it says how much the database has already.
const INDEX_HEAD: usize = 48;
const INDEX_BACKFILL: usize = 96;
const INDEX_VERSION: u32 = 3_007_000;
/// The log's first bytes; the last bit says in which order its checksums take bytes.
const MAGIC: u32 = 0x377f_0682;

/// What the shared index knows of the log.
#[derive(Debug, Clone, Copy)]
struct Index {
    page_size: usize,
    /// How many frames were committed, how many pages the database had then, and how many of the frames it has.
    frames: u32,
    pages: u32,
    backfilled: u32,
    salts: [u8; 8],
}

/// A committed frame that is whole, and not in the database yet.
type Frames = BTreeMap<u32, Vec<u8>>;

/// The file beside a database, such as its `-wal`.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Where the log of a database that nobody has open is damaged, moves every whole page of it to the database, and puts
/// the log aside. Tells how many committed pages are lost, and nothing where SQLite can go on by itself.
pub(super) fn mend(database: &Path) -> io::Result<Option<u32>> {
    let Some(index) = Index::read(&beside(database, "-shm"))? else { return Ok(None) };
    let log = read_if_there(&beside(database, "-wal"))?;
    let Checked { whole, damaged, lost } = check(&log, index);
    if !damaged {
        return Ok(None);
    }
    apply(database, index, &whole)?;
    let aside = beside(database, "-wal.damaged");
    match fs::rename(beside(database, "-wal"), aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::remove_file(beside(database, "-shm"))?,
    }
    Ok(Some(lost))
}

/// Puts every whole page of the log into the database, which is made where there is none, and ends the log. The log has
/// the newest of each of its pages, so that it mends what is damaged there. Tells whether there was anything to put.
pub(super) fn flush(database: &Path) -> io::Result<bool> {
    let Some(index) = Index::read(&beside(database, "-shm"))? else { return Ok(false) };
    let log = read_if_there(&beside(database, "-wal"))?;
    let mut checked = check(&log, Index { backfilled: 0, ..index });
    if checked.damaged {
        // An old page must not come in the place of a newer one that was put there before.
        checked = check(&log, index);
    }
    if checked.whole.is_empty() {
        return Ok(false);
    }
    apply(database, index, &checked.whole)?;
    fs::remove_file(beside(database, "-wal"))?;
    fs::remove_file(beside(database, "-shm"))?;
    Ok(true)
}

impl Index {
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = read_if_there(path)?;
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let both = (bytes.get(..INDEX_HEAD), bytes.get(INDEX_HEAD..2 * INDEX_HEAD));
        if both.0.is_none() || both.0 != both.1 || number(0) != Some(INDEX_VERSION) {
            return Ok(None);
        }
        let index = || {
            let size = u16::from_ne_bytes(bytes.get(14..16)?.try_into().ok()?);
            Some(Self {
                page_size: if size == 1 { 1 << 16 } else { size.into() },
                frames: number(16)?,
                pages: number(20)?,
                backfilled: number(INDEX_BACKFILL)?,
                salts: bytes.get(32..40)?.try_into().ok()?,
            })
        };
        Ok(index().filter(|index| index.page_size >= 512 && index.frames > 0))
    }
}

/// The outcome of looking at each committed frame.
struct Checked {
    whole: Frames,
    damaged: bool,
    /// Damaged frames that the database does not have either.
    lost: u32,
}

fn check(log: &[u8], index: Index) -> Checked {
    let big_endian = log.get(..4).is_some_and(|magic| magic == (MAGIC | 1).to_be_bytes());
    let mut before = log.get(24..HEAD).map(|sum| vec![sums(sum)]).unwrap_or_default();
    // A damaged head does not make the first frame a damaged one.
    let mut trusted = !head_is_whole(log, big_endian);
    let mut checked = Checked { whole: Frames::new(), damaged: trusted, lost: 0 };
    for at in 1..=index.frames {
        let length = FRAME_HEAD + index.page_size;
        let start = HEAD + (at as usize - 1) * length;
        let frame = log.get(start..start + length).unwrap_or_default();
        let found = Frame::of(frame, &before, big_endian);
        let is_whole = found
            .as_ref()
            .is_some_and(|found| (found.is_whole || trusted) && frame.get(8..16) == Some(&index.salts[..]));
        trusted = false;
        checked.damaged |= !is_whole;
        if at > index.backfilled {
            match &found {
                Some(found) if is_whole => {
                    drop(checked.whole.insert(found.page, frame[FRAME_HEAD..].to_vec()))
                }
                _ => checked.lost += 1,
            }
        }
        before = found.map(|found| found.sums.to_vec()).unwrap_or_default();
    }
    checked
}

fn head_is_whole(log: &[u8], big_endian: bool) -> bool {
    let (Some(head), Some(sum)) = (log.get(..24), log.get(24..HEAD)) else { return false };
    checksum([0, 0], head, big_endian) == sums(sum)
}

struct Frame {
    page: u32,
    is_whole: bool,
    /// From which the next frame may go on: what it says, and what it should say.
    sums: [[u32; 2]; 2],
}

impl Frame {
    fn of(frame: &[u8], before: &[[u32; 2]], big_endian: bool) -> Option<Self> {
        let (head, page) = frame.split_at_checked(FRAME_HEAD)?;
        let said = sums(&head[16..24]);
        let computed = |from: &[u32; 2]| checksum(checksum(*from, &head[..8], big_endian), page, big_endian);
        let is_whole = before.iter().any(|from| computed(from) == said);
        let should = before.first().map_or(said, computed);
        Some(Self { page: number(&head[..4]), is_whole, sums: [said, should] })
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn sums(bytes: &[u8]) -> [u32; 2] {
    [number(&bytes[..4]), number(&bytes[4..8])]
}

/// SQLite's checksum, going on from another one.
fn checksum([mut first, mut second]: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let word =
        |bytes: [u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks().0 {
        first = first.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(second);
        second = second.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(first);
    }
    [first, second]
}

/// What a checkpoint does.
fn apply(database: &Path, index: Index, frames: &Frames) -> io::Result<()> {
    let mut file = File::options().create(true).truncate(false).write(true).open(database)?;
    file.set_len(u64::from(index.pages) * index.page_size as u64)?;
    for (page, bytes) in frames.range(1..=index.pages) {
        file.seek(SeekFrom::Start(u64::from(page - 1) * index.page_size as u64))?;
        file.write_all(bytes)?;
    }
    file.sync_all()
}

fn read_if_there(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map(|_| bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(bytes),
        Err(error) => Err(error),
    }
}
