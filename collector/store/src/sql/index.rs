//! The index of words, made behind delivery: what waits for it, and how it grows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::connection::{Conflict, Connection, Delete, Find, Insert, Kind, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_redact::Record;
use treering_seal::{HashKey, KeyId};
use treering_step::Timestamp;

use super::content::Content;
use super::executions::key_of;
use super::joins::Joins;
use super::prepare::in_use;
use super::records::{came_since, came_since_to_many};
use super::rows::{self, integer, time};
use super::versions::forgot;
use crate::hashes::{Hashes, encode};
use crate::{Error, Indexed, ProjectId, Scope, SearchLag, Share, Touched, Unindexed, Wording};

/// After so long no further execution is begun: what was read is put in, and makes room.
const READING: Duration = Duration::from_millis(200);

/// Words whose hashes are remembered while some executions are read.
const REMEMBERED: usize = 1 << 16;

/// Remembers executions that have records which are not in the index.
pub(super) fn mark(connection: &Connection, touched: &[Touched], written: i64) -> Result<(), Error> {
    wait(connection, touched, written, written)
}

/// Lets executions wait whose words are missing from this version on, to the newest.
pub(super) fn wait(
    connection: &Connection,
    touched: &[Touched],
    version: i64,
    newest: i64,
) -> Result<(), Error> {
    let now = time(Some(Timestamp::now()));
    let row = |of: &Touched| [key_of(*of), vec![version.into(), newest.into(), now.into()]].concat();
    connection.put(&NEW_WAITING, &touched.iter().map(row).collect::<Vec<_>>(), |_| Ok(()))
}

const NEW_WAITING: Insert = Insert {
    table: "unindexed",
    columns: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("version", Kind::Integer),
        ("newest", Kind::Integer),
        ("since", Kind::Integer),
    ],
    // Those that wait already, wait on.
    conflict: Conflict::Changes("project, trace_id", "newest = excluded.newest"),
    told: None,
};

/// Remembers all executions, of whatever they hold.
pub(crate) fn mark_all(connection: &Connection) -> Result<(), Error> {
    let sql = "INSERT INTO unindexed (project, trace_id, version, newest, since)
        SELECT project, trace_id, 0, (SELECT coalesce(max(last), 0) FROM version), ?1 FROM execution WHERE true
        ON CONFLICT DO NOTHING";
    connection.execute(sql, params![time(Some(Timestamp::now()))])?;
    Ok(())
}

/// Those that wait longest.
pub(super) fn unindexed(
    connection: &Connection,
    share: Share,
    limit: usize,
) -> Result<Vec<Unindexed>, Error> {
    let sql = "SELECT project, trace_id, version FROM unindexed
        WHERE substr(trace_id, 16, 1) >= ?1 AND substr(trace_id, 16, 1) < ?2 ORDER BY since LIMIT ?3";
    let [from, to] = share.range();
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![from, to, integer(limit as u64)])?;
    let mut waiting = Vec::new();
    while let Some(row) = found.next()? {
        let trace_id = rows::trace_id(row.blob(1)?)?;
        waiting.push(Unindexed {
            of: Touched { project: ProjectId(row.get(0)?), trace_id },
            version: row.get(2)?,
        });
    }
    Ok(waiting)
}

pub(super) fn lag(connection: &Connection, scope: Scope) -> Result<SearchLag, Error> {
    let sql = "SELECT count(*), min(since) FROM unindexed WHERE project = ?1";
    let read = |row: Row<'_>| Ok((row.get::<i64>(0)?, row.get::<Option<i64>>(1)?));
    let (waiting, since) = connection.one(sql, params![scope.project().0], read)?;
    let since = since.and_then(|nanos| Timestamp::from_nanos(nanos.unsigned_abs()));
    Ok(SearchLag { waiting: waiting.unsigned_abs(), since })
}

/// What is new in an execution.
pub(super) struct News {
    waiting: Unindexed,
    /// All that was written up to this version was read.
    version: i64,
    read_at: Option<i64>,
    /// Words that no row of the index has, and those of the rows that they replace.
    hashes: Vec<u32>,
    replaced: Vec<i64>,
    /// What named them.
    named_by: KeyId,
    /// Where the key of some content was gone: the version that had taken something away last. If it is another one by
    /// then, the content was moved, and is there.
    gone_at: Option<i64>,
    done: Indexed,
}

/// Reads what came since the index was made, of as many of these executions as can be read in a short while, but one
/// at least.
pub(super) fn read(
    connection: &Connection,
    content: &Content,
    waiting: &[Unindexed],
    wording: Wording,
) -> Result<Vec<News>, Error> {
    let began = Instant::now();
    let moment = connection.moment()?;
    let sql = "SELECT coalesce(max(last), 0) FROM version";
    let version: i64 = moment.one(sql, params![], |row| row.get(0))?;
    let seen = Seen { version, forgot: forgot(&moment)?, read_at: time(Some(Timestamp::now())) };
    let mut words = HashMap::new();
    let mut all = Vec::new();
    for waiting in together(&moment, waiting)?.iter().take_while(|_| began.elapsed() < READING) {
        let project = waiting[0].of.project;
        let words = match words.entry(project) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(Words::new(content.vault.names(project)?))
            }
        };
        match waiting.as_slice() {
            [one] => all.push(news(&moment, content, *one, &seen, words, wording)?),
            many => all.extend(news_of_many(&moment, content, many, &seen, words, wording)?),
        }
    }
    Ok(all)
}

/// Executions that are read at once.
const AT_ONCE: usize = 50;

/// Those that are read at once: each alone, but where the store is far away and they have nothing to do with others.
fn together(connection: &Connection, waiting: &[Unindexed]) -> Result<Vec<Vec<Unindexed>>, Error> {
    if !connection.is_far() {
        return Ok(waiting.iter().map(|one| vec![*one]).collect());
    }
    let mut projects = BTreeMap::<_, Vec<_>>::new();
    for one in waiting {
        projects.entry(one.of.project).or_default().push(*one);
    }
    let mut all = Vec::new();
    for (project, waiting) in projects {
        let at_once = if (Joins { connection, project }).any_naming()? { 1 } else { AT_ONCE };
        all.extend(waiting.chunks(at_once).map(<[_]>::to_vec));
    }
    Ok(all)
}

/// The same as [`news`] of many executions of a project.
fn news_of_many(
    connection: &Connection,
    content: &Content,
    waiting: &[Unindexed],
    seen: &Seen,
    words: &mut Words,
    wording: Wording,
) -> Result<Vec<News>, Error> {
    let project = waiting[0].of.project;
    let of: Vec<_> = waiting.iter().map(|one| (one.of.trace_id, one.version)).collect();
    let mut reading: HashMap<_, _> =
        waiting.iter().map(|one| (one.of.trace_id, Reading::of(one.of))).collect();
    let is_whole = came_since_to_many(connection, content, project, &of, |trace_id, record| {
        if let Some(reading) = reading.get_mut(&trace_id) {
            reading.hear(&record, words, wording);
        }
    })?;
    let mut rows = vec![Vec::new(); waiting.len()];
    let executions: Vec<_> = waiting.iter().map(|one| key_of(one.of)).collect();
    connection.find(&ROWS, &executions, |at, row| {
        rows[at].push((row.get(0)?, row.get(1)?));
        Ok(())
    })?;
    let mut all = Vec::with_capacity(waiting.len());
    for (one, rows) in waiting.iter().zip(rows) {
        let Some(reading) = reading.remove(&one.of.trace_id) else { continue };
        all.push(reading.news(connection, *one, seen, words, (&rows, is_whole))?);
    }
    Ok(all)
}

const ROWS: Find<'_> = Find {
    told: "version, hashes",
    table: "words",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "ORDER BY version",
};

/// What is heard of an execution while its records are read.
struct Reading {
    began: Instant,
    done: Indexed,
    found: HashSet<u32>,
    contexts: HashSet<[u8; 16]>,
}

impl Reading {
    fn of(of: Touched) -> Self {
        let done = Indexed { of, records: 0, unread: 0, took: Duration::ZERO };
        Self { began: Instant::now(), done, found: HashSet::new(), contexts: HashSet::new() }
    }

    fn hear(&mut self, record: &Record, words: &mut Words, wording: Wording) {
        self.done.records += 1;
        let (found, contexts) = (&mut self.found, &mut self.contexts);
        let mut tell = |word: &str| {
            found.insert(words.hash(word));
        };
        let read = || {
            (wording.of_record)(record, &mut tell);
            if contexts.insert(record.context().hash()) {
                (wording.of_context)(record, &mut tell);
            }
        };
        // One record that a reader fails on, which is a defect, does not keep the others out.
        self.done.unread += usize::from(catch_unwind(AssertUnwindSafe(read)).is_err());
    }

    fn news(
        mut self,
        connection: &Connection,
        waiting: Unindexed,
        seen: &Seen,
        words: &Words,
        (rows, is_whole): (&[(i64, Vec<u8>)], bool),
    ) -> Result<News, Error> {
        let (hashes, replaced) = merged(connection, rows, self.found)?;
        self.done.took = self.began.elapsed();
        let Seen { version, forgot, read_at } = *seen;
        let gone_at = (!is_whole).then_some(forgot);
        Ok(News {
            waiting,
            version,
            read_at,
            hashes,
            replaced,
            named_by: words.named_by,
            gone_at,
            done: self.done,
        })
    }
}

/// The moment of which something is read.
struct Seen {
    version: i64,
    forgot: i64,
    read_at: Option<i64>,
}

fn news(
    connection: &Connection,
    content: &Content,
    waiting: Unindexed,
    seen: &Seen,
    words: &mut Words,
    wording: Wording,
) -> Result<News, Error> {
    let mut reading = Reading::of(waiting.of);
    let is_whole = came_since(connection, content, waiting.of, waiting.version, |record| {
        reading.hear(&record, words, wording);
    })?;
    let rows = rows_of(connection, waiting.of)?;
    reading.news(connection, waiting, seen, words, (&rows, is_whole))
}

/// The words that no row of the index has; together with those of the newest rows, where these are not much larger,
/// so that an execution has few rows and a word is seldom written again.
fn merged(
    connection: &Connection,
    rows: &[(i64, Vec<u8>)],
    mut found: HashSet<u32>,
) -> Result<(Vec<u32>, Vec<i64>), Error> {
    for (_, bytes) in rows {
        coded(bytes)?.iter().for_each(|hash| {
            found.remove(&hash);
        });
    }
    let mut replaced = Vec::new();
    // There, rows that are replaced cost more than rows that are there.
    if !found.is_empty() && !connection.keeps_steps_apart() {
        for (version, bytes) in rows.iter().rev() {
            let row = coded(bytes)?;
            if row.len() > 2 * found.len() {
                break;
            }
            found.extend(row.iter());
            replaced.push(*version);
        }
    }
    let mut hashes: Vec<_> = found.into_iter().collect();
    hashes.sort_unstable();
    Ok((hashes, replaced))
}

/// The rows of an execution, the oldest first.
fn rows_of(connection: &Connection, of: Touched) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let sql = "SELECT version, hashes FROM words WHERE project = ?1 AND trace_id = ?2 ORDER BY version";
    connection.all(sql, params![of.project.0, of.trace_id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(super) fn coded(bytes: &[u8]) -> Result<Hashes<'_>, Error> {
    Hashes::of(bytes).ok_or(Error::Damaged("the words of an execution"))
}

/// Puts what was read into the index, but for executions that were erased meanwhile, or indexed by somebody else; and for
/// those that could not be read as they are by now, which wait on.
pub(super) fn put(
    connection: &Connection,
    content: &Content,
    mut all: Vec<News>,
) -> Result<Vec<Indexed>, Error> {
    let transaction = connection.writing()?;
    let forgot = forgot(&transaction)?;
    all.retain(|news| news.gone_at.is_none_or(|gone_at| gone_at == forgot));
    let mut names: Vec<_> = all.iter().map(|news| news.named_by).collect();
    names.dedup();
    if !in_use(&transaction, content, &names)? {
        content.vault.look_again();
        return Ok(Vec::new());
    }
    let key = |news: &News| {
        let of = news.waiting.of;
        vec![of.project.0.into(), of.trace_id.as_bytes().to_vec().into()]
    };
    let mut newest = vec![None; all.len()];
    transaction.find(&WAITING, &all.iter().map(key).collect::<Vec<Vec<Value>>>(), |at, row| {
        // Who was indexed, erased or forgotten meanwhile is another one.
        let is_same = row.get::<i64>(0)? == all[at].waiting.version;
        newest[at] = Some(row.get::<i64>(1)?).filter(|_| is_same);
        Ok(())
    })?;
    let (mut replaced, mut new, mut done, mut behind) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (news, newest) in all.iter().zip(newest) {
        let Some(newest) = newest else { continue };
        let row = |more: &[Value]| [&key(news)[..], more].concat();
        replaced.extend(news.replaced.iter().map(|version| row(&[(*version).into()])));
        if !news.hashes.is_empty() {
            new.push(row(&[news.version.into(), encode(&news.hashes).into()]));
        }
        if newest <= news.version {
            done.push(row(&[]));
        } else {
            // What came while it was read waits at most since then.
            behind.push(row(&[(news.version + 1).into(), news.read_at.into()]));
        }
    }
    let of = "project = ?1 AND trace_id = ?2";
    transaction.delete(&REPLACED, &replaced, |_| Ok(()))?;
    transaction.put(&NEW_WORDS, &new, |_| Ok(()))?;
    transaction.many(&format!("DELETE FROM unindexed WHERE {of}"), &done)?;
    transaction.many(&format!("UPDATE unindexed SET version = ?3, since = ?4 WHERE {of}"), &behind)?;
    transaction.commit()?;
    Ok(all.into_iter().map(|news| news.done).collect())
}

const WAITING: Find<'_> = Find {
    told: "version, newest",
    table: "unindexed",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "",
};

const REPLACED: Delete<'_> = Delete {
    table: "words",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes), ("version", Kind::Integer)],
    told: None,
};

const NEW_WORDS: Insert = Insert {
    table: "words",
    columns: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("version", Kind::Integer),
        ("hashes", Kind::Bytes),
    ],
    conflict: Conflict::Impossible,
    told: None,
};

/// Names the words of a project, and remembers names, since most words come again.
struct Words {
    key: HashKey,
    named_by: KeyId,
    known: HashMap<Box<str>, u32>,
}

impl Words {
    fn new((named_by, key): (KeyId, HashKey)) -> Self {
        Self { key, named_by, known: HashMap::new() }
    }

    fn hash(&mut self, word: &str) -> u32 {
        if let Some(hash) = self.known.get(word) {
            return *hash;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let hash = self.key.word(word);
        self.known.insert(word.into(), hash);
        hash
    }
}
