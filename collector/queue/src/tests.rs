use tempfile::TempDir;
use treering_otlp::Signal;
use treering_redact::Redacted;

use crate::{Error, Journal, Settings};

/// A request of about this length: one resource, whose schema URL is as long as asked.
#[expect(clippy::disallowed_methods, reason = "a test of the journal needs what it would be given")]
fn request(length: usize) -> Redacted {
    let url = vec![b'x'; length];
    let field = |number: u8, payload: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        let (low, high) = (payload.len() % 128, payload.len() / 128);
        bytes.extend([u8::try_from(low).unwrap() | 0x80, u8::try_from(high).unwrap()]);
        bytes.extend(payload);
        bytes
    };
    Redacted::from_journal(Signal::Traces, field(1, &field(3, &url)).into()).unwrap()
}

fn journal(folder: &TempDir, max_bytes: u64) -> Journal {
    Journal::open(&folder.path().join("journal.db"), &Settings { max_bytes }).unwrap()
}

#[tokio::test]
async fn entries_come_back_in_order_after_a_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let before = journal(&folder, 1 << 20);
    for length in [10, 20, 30] {
        before.append(7, 1, request(length)).await.unwrap();
    }
    drop(before);
    let after = journal(&folder, 1 << 20);
    let lengths: Vec<_> =
        after.next(None, 1 << 20).await.unwrap().iter().map(|e| (e.project, e.form, e.bytes.len())).collect();
    let expected: Vec<_> = [10, 20, 30].map(|length| (7, 1, request(length).as_bytes().len())).into();
    assert_eq!(lengths, expected);
    assert_eq!(after.depth().entries, 3);
}

#[tokio::test]
async fn a_full_journal_refuses_and_takes_again_once_something_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 250);
    let first = journal.append(1, 0, request(200)).await.unwrap();
    assert!(matches!(journal.append(1, 0, request(200)).await, Err(Error::Full { .. })));
    journal.forget(vec![first]).await.unwrap();
    assert_eq!(journal.depth().bytes, 0);
    journal.append(1, 0, request(200)).await.unwrap();
}

#[tokio::test]
async fn many_at_once_share_commits_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 30);
    let appends: Vec<_> = (0..500)
        .map(|at| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(at, 0, request(50)).await.unwrap() })
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
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 20);
    for _ in 0..4 {
        journal.append(1, 0, request(100)).await.unwrap();
    }
    assert_eq!(journal.next(None, 250).await.unwrap().len(), 2);
    let first = journal.next(None, 1).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(journal.next(Some(first[0].id), usize::MAX).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_large_entry_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 30);
    let large = large();
    let expected = large.as_bytes().to_vec();
    let small = journal.append(1, 0, request(10)).await.unwrap();
    journal.append(1, 0, large).await.unwrap();
    assert_eq!(journal.next(None, 1 << 20).await.unwrap().len(), 1, "it does not fit beside the other");
    journal.forget(vec![small]).await.unwrap();
    assert_eq!(journal.first_length().await.unwrap(), expected.len());
    assert!(journal.next(None, 1).await.unwrap()[0].bytes == expected);
}

/// Resources of five megabytes, no two of them alike.
#[expect(clippy::disallowed_methods, reason = "a test of the journal needs what it would be given")]
fn large() -> Redacted {
    let numbers = (0..500_000).flat_map(|number: u32| {
        let digits = format!("{number:08}");
        [&[10, 10, 0x1a, 8], digits.as_bytes()].concat()
    });
    Redacted::from_journal(Signal::Traces, numbers.collect::<Vec<_>>().into()).unwrap()
}

#[tokio::test]
async fn what_is_set_aside_no_longer_stands_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 20);
    let bad = journal.append(1, 0, request(10)).await.unwrap();
    let good = journal.append(1, 0, request(20)).await.unwrap();
    journal.set_aside(bad, "the store refused it".into()).await.unwrap();
    let left: Vec<_> = journal.next(None, usize::MAX).await.unwrap().iter().map(|e| e.id).collect();
    assert_eq!(left, [good]);
    assert_eq!(journal.depth().entries, 1);
    drop(journal);
    // Behind the others, and no longer aside.
    let lengths: Vec<_> = self::journal(&folder, 1 << 20)
        .next(None, usize::MAX)
        .await
        .unwrap()
        .iter()
        .map(|e| e.bytes.len())
        .collect();
    assert_eq!(lengths, [20, 10].map(|length| request(length).as_bytes().len()));
}

#[tokio::test]
async fn news_come_with_an_append() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 20);
    let request = request(10);
    let (_, appended) = tokio::join!(journal.news(), journal.append(1, 0, request));
    appended.unwrap();
}

#[tokio::test]
async fn what_was_accepted_before_is_delivered_once_it_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, 1 << 20);
    journal.delivered().await;
    let before = journal.append(1, 0, request(10)).await.unwrap();
    let waiting = tokio::spawn({
        let journal = journal.clone();
        async move { journal.delivered().await }
    });
    tokio::task::yield_now().await;
    let later = journal.append(1, 0, request(10)).await.unwrap();
    assert!(!waiting.is_finished());
    journal.forget(vec![before]).await.unwrap();
    waiting.await.unwrap();
    assert_eq!(journal.next(None, usize::MAX).await.unwrap()[0].id, later);
}
