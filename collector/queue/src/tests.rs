use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use treering_otlp::Signal;
use treering_redact::Redacted;
use treering_seal::{DataKey, KeyId, Secret};

use crate::{Depth, Entry, Error, Journal, Salvage, Sealed, Settings};

mod damage;
mod model;
mod trouble;

/// A request of about this length: one resource, whose schema URL is as long as asked.
#[expect(clippy::disallowed_methods, reason = "a test of the journal needs what it would be given")]
fn request(length: usize) -> Redacted {
    let url = vec![b'x'; length];
    let field = |number: u8, payload: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        // As wide as any length here needs.
        bytes.extend([0, 7, 14].map(|shift| u8::try_from(payload.len() >> shift & 127).unwrap() | 128));
        bytes.push(u8::try_from(payload.len() >> 21).unwrap());
        bytes.extend(payload);
        bytes
    };
    Redacted::from_journal(Signal::Traces, field(1, &field(3, &url)).into()).unwrap()
}

struct House {
    folder: TempDir,
    key: DataKey,
}

impl House {
    fn new() -> Self {
        let key = DataKey::new(KeyId([7; 8]), &Secret::generate().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), key }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn journal(&self, max_bytes: u64) -> Journal {
        Journal::open(&self.path(), &Settings { max_bytes }).unwrap()
    }

    fn sealed(&self, project: i64, length: usize) -> Sealed {
        Sealed::new(project, 1, request(length), &self.key).unwrap()
    }

    fn open(&self, entry: &Entry) -> usize {
        entry.open(&self.key).unwrap().len()
    }

    /// The lengths of what waits.
    async fn waiting(&self, journal: &Journal) -> Vec<usize> {
        journal.next(None, usize::MAX).await.unwrap().iter().map(|entry| self.open(entry)).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

fn bytes(lengths: &[usize]) -> Vec<usize> {
    lengths.iter().map(|length| request(*length).as_bytes().len()).collect()
}

#[tokio::test]
async fn entries_come_back_in_order_after_a_reopening() {
    let house = House::new();
    let before = house.journal(1 << 20);
    for length in [10, 20, 30] {
        before.append(house.sealed(7, length)).await.unwrap();
    }
    drop(before);
    let after = house.journal(1 << 20);
    let entries = after.next(None, 1 << 20).await.unwrap();
    assert!(entries.iter().all(|entry| (entry.project, entry.form, entry.records) == (7, 1, 0)));
    assert!(entries.iter().all(|entry| entry.key().unwrap() == house.key.id()));
    assert_eq!(house.waiting(&after).await, bytes(&[10, 20, 30]));
    assert_eq!(after.depth().entries, 3);
    assert_eq!(after.salvage(), Salvage::default());
    assert_eq!(after.oldest().await.unwrap(), Some(entries[0].accepted_at));
}

#[tokio::test]
async fn what_lies_on_the_disk_is_sealed() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    journal.append(house.sealed(7, 500)).await.unwrap();
    let on_disk = fs::read(&house.files()[0]).unwrap();
    assert!(on_disk.len() > 500 && !on_disk.windows(4).any(|four| four == b"xxxx"));
    let other = DataKey::new(house.key.id(), &Secret::generate().unwrap());
    assert!(journal.next(None, 1).await.unwrap()[0].open(&other).is_err());
}

#[tokio::test]
async fn a_full_journal_refuses_and_takes_again_once_something_was_forgotten() {
    let house = House::new();
    let journal = house.journal(350);
    let first = journal.append(house.sealed(1, 200)).await.unwrap();
    assert!(matches!(journal.append(house.sealed(1, 200)).await, Err(Error::Full { .. })));
    journal.forget(vec![first]).await.unwrap();
    assert_eq!(journal.depth(), Depth::default());
    journal.append(house.sealed(1, 200)).await.unwrap();
}

#[tokio::test]
async fn many_at_once_share_commits_and_none_is_lost() {
    let house = House::new();
    let journal = house.journal(1 << 30);
    let appends: Vec<_> = (0..500)
        .map(|at| {
            let (journal, sealed) = (journal.clone(), house.sealed(at, 50));
            tokio::spawn(async move { journal.append(sealed).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for append in appends {
        ids.push(append.await.unwrap());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500);
    assert_eq!(journal.next(None, usize::MAX).await.unwrap().len(), 500);
}

#[tokio::test]
async fn a_page_of_entries_holds_to_its_bytes_but_is_never_empty() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    for _ in 0..4 {
        journal.append(house.sealed(1, 100)).await.unwrap();
    }
    assert_eq!(journal.next(None, 350).await.unwrap().len(), 2);
    let first = journal.next(None, 1).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(journal.first_length().await.unwrap(), first[0].length());
    assert_eq!(journal.next(Some(first[0].id), usize::MAX).await.unwrap().len(), 3);
}

#[tokio::test]
async fn entries_may_be_forgotten_in_any_order_and_stay_forgotten() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    let mut ids = Vec::new();
    for length in [10, 20, 30, 40] {
        ids.push(journal.append(house.sealed(1, length)).await.unwrap());
    }
    journal.forget(vec![ids[2]]).await.unwrap();
    assert_eq!(house.waiting(&journal).await, bytes(&[10, 20, 40]));
    journal.forget(vec![ids[1], ids[0]]).await.unwrap();
    assert_eq!(house.waiting(&journal).await, bytes(&[40]));
    drop(journal);
    let again = house.journal(1 << 20);
    assert_eq!(house.waiting(&again).await, bytes(&[40]));
    assert_eq!(again.depth().entries, 1);
}

#[tokio::test]
async fn what_is_set_aside_no_longer_stands_in_the_way() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    let bad = journal.append(house.sealed(1, 10)).await.unwrap();
    let good = journal.append(house.sealed(1, 20)).await.unwrap();
    journal.set_aside(bad).await.unwrap();
    assert_eq!(house.waiting(&journal).await, bytes(&[20]));
    assert_eq!(journal.depth().entries, 1);
    assert!(journal.set_aside(bad).await.is_err(), "it is not there any more");
    drop(journal);
    // Behind the others, and no longer aside.
    let again = house.journal(1 << 20);
    assert_eq!(house.waiting(&again).await, bytes(&[20, 10]));
    assert!(!house.path().join("aside").exists());
    again.forget(vec![good]).await.unwrap();
}

#[tokio::test]
async fn news_come_with_an_append() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    let sealed = house.sealed(1, 10);
    let (_, appended) = tokio::join!(journal.news(), journal.append(sealed));
    appended.unwrap();
}

#[tokio::test]
async fn what_was_accepted_before_is_delivered_once_it_was_forgotten() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    journal.delivered().await;
    let before = journal.append(house.sealed(1, 10)).await.unwrap();
    let waiting = tokio::spawn({
        let journal = journal.clone();
        async move { journal.delivered().await }
    });
    tokio::task::yield_now().await;
    let later = journal.append(house.sealed(1, 10)).await.unwrap();
    assert!(!waiting.is_finished());
    journal.forget(vec![before]).await.unwrap();
    waiting.await.unwrap();
    assert_eq!(journal.next(None, usize::MAX).await.unwrap()[0].id, later);
}

#[tokio::test]
async fn files_go_once_everything_in_them_is_delivered() {
    let house = House::new();
    let journal = house.journal(1 << 30);
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(journal.append(house.sealed(1, 3 << 20)).await.unwrap());
    }
    assert_eq!(house.files().len(), 3, "each holds 64 MiB and the entry that filled it");
    let last = ids.pop().unwrap();
    journal.forget(ids).await.unwrap();
    assert_eq!(house.files().len(), 1);
    journal.forget(vec![last]).await.unwrap();
    journal.append(house.sealed(1, 10)).await.unwrap();
    assert_eq!(house.waiting(&journal).await, bytes(&[10]));
    assert!(fs::metadata(&house.files()[0]).unwrap().len() < 1_000);
}

#[tokio::test]
async fn an_empty_journal_leaves_nothing_behind() {
    let house = House::new();
    let journal = house.journal(1 << 20);
    let id = journal.append(house.sealed(1, 10)).await.unwrap();
    journal.forget(vec![id]).await.unwrap();
    let path = house.path();
    journal.rest().await.unwrap();
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[tokio::test]
async fn what_waits_in_the_journal_of_an_older_version_is_taken_over_sealed() {
    let house = House::new();
    let old = house.folder.path().join("journal.db");
    let rows = rusqlite::Connection::open(&old).unwrap();
    rows.pragma_update(None, "journal_mode", "wal").unwrap();
    rows.execute_batch(
        "CREATE TABLE entry (id INTEGER PRIMARY KEY, project INTEGER, form INTEGER, accepted_at INTEGER, bytes BLOB);
         CREATE TABLE aside (id INTEGER PRIMARY KEY, project INTEGER, form INTEGER, accepted_at INTEGER, bytes BLOB);",
    )
    .unwrap();
    for (table, length) in [("entry", 10), ("entry", 20), ("aside", 30)] {
        let sql = format!("INSERT INTO {table} (project, form, accepted_at, bytes) VALUES (3, 1, 99, ?1)");
        rows.execute(&sql, [request(length).as_bytes()]).unwrap();
    }
    drop(rows);
    let journal = house.journal(1 << 20);
    let key = |project, at| -> Result<DataKey, Error> {
        assert_eq!((project, at), (3, 99));
        Ok(house.key.clone())
    };
    assert_eq!(journal.take_over(&old, &key).await.unwrap(), 3);
    assert_eq!(house.waiting(&journal).await, bytes(&[10, 20, 30]));
    assert_eq!(fs::read_dir(house.folder.path()).unwrap().count(), 1, "the old files are gone");
    assert_eq!(journal.take_over(&old, &key).await.unwrap(), 0);
}
