//! What became of single requests.

use std::time::Duration;

use treering_step::Timestamp;
use treering_store::{ProjectId, RECEIPT_DAYS, Receipt, RequestId, Scope, Target, Transport};

use crate::support::{Store, master};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn receipt(project: ProjectId, at: Timestamp) -> Receipt {
    Receipt {
        id: RequestId::generate(at).unwrap(),
        project,
        transport: Transport::Grpc,
        signal: Some("traces".into()),
        outcome: "accepted.records".into(),
        reason: Some("a span id has 8 bytes and is not all zeros".into()),
        bytes: 4_711,
        accepted: 12,
        rejected: 1,
        redactions: [("EMAIL".to_owned(), 3), ("IBAN".to_owned(), 1)].into(),
        withheld: 2,
    }
}

fn refused(project: ProjectId, at: Timestamp) -> Receipt {
    Receipt {
        transport: Transport::Http,
        signal: None,
        outcome: "refused.unsupported".into(),
        reason: None,
        redactions: Default::default(),
        ..receipt(project, at)
    }
}

fn days_ago(days: u64, moment: Timestamp) -> Timestamp {
    let nanos = u64::try_from(DAY.as_nanos()).unwrap() * days;
    Timestamp::from_nanos(moment.as_nanos() - nanos).unwrap()
}

impl Store {
    async fn receipt(&self, project: ProjectId, id: RequestId) -> Option<Receipt> {
        self.handles.reader.receipt(Scope::of(project), id).await.unwrap()
    }
}

#[tokio::test]
async fn a_receipt_is_found_as_it_was_written_and_in_its_own_project_alone() {
    let store = Store::new().await;
    let (own, now) = (store.project.id, Timestamp::now());
    let other = store.handles.keeper.ensure_project("other").await.unwrap().id;
    let (mine, bare, theirs) = (receipt(own, now), refused(own, now), receipt(other, now));
    let all = vec![mine.clone(), bare.clone(), theirs.clone()];
    store.handles.writer.keep_receipts(all.clone()).await.unwrap();
    // Again, as after an answer of the store that got lost.
    store.handles.writer.keep_receipts(all).await.unwrap();
    store.handles.writer.keep_receipts(vec![]).await.unwrap();
    assert_eq!(store.receipt(own, mine.id).await, Some(mine.clone()));
    assert_eq!(store.receipt(own, bare.id).await, Some(bare));
    assert_eq!(store.receipt(other, theirs.id).await, Some(theirs.clone()));
    assert_eq!(store.receipt(own, theirs.id).await, None);
    assert_eq!(store.receipt(other, mine.id).await, None);
    assert_eq!(store.receipt(own, RequestId::generate(now).unwrap()).await, None);
    let reading = treering_store::open_read_only(&store.url, master()).await.unwrap().reader;
    let withheld = reading.withholding_content().receipt(Scope::of(own), mine.id).await.unwrap();
    assert_eq!(withheld, Some(mine), "it has no content to be withheld");
}

#[tokio::test]
async fn receipts_go_after_their_days_project_by_project() {
    let store = Store::new().await;
    let (own, now) = (store.project.id, Timestamp::now());
    let other = store.handles.keeper.ensure_project("other").await.unwrap().id;
    let at = |days| days_ago(days, now);
    let [old, last, of_today, theirs] = [
        receipt(own, at(RECEIPT_DAYS + 1)),
        receipt(own, at(RECEIPT_DAYS - 1)),
        receipt(own, now),
        receipt(other, at(30)),
    ];
    let all = vec![old.clone(), last.clone(), of_today.clone(), theirs.clone()];
    store.handles.writer.keep_receipts(all).await.unwrap();
    store.handles.writer.forget_receipts(own, now).await.unwrap();
    assert_eq!(store.receipt(own, old.id).await, None);
    for kept in [last, of_today, theirs] {
        assert_eq!(store.receipt(kept.project, kept.id).await, Some(kept));
    }
}

#[tokio::test]
async fn receipts_that_are_too_old_go_however_many_they_are() {
    const MANY: u64 = 20_001;
    let store = Store::new().await;
    let now = Timestamp::now();
    let first = days_ago(30, now).as_nanos();
    let old = |number: u64| refused(store.project.id, Timestamp::from_nanos(first + number * 1_000).unwrap());
    store.handles.writer.keep_receipts((0..MANY).map(old).collect()).await.unwrap();
    store.handles.writer.keep_receipts(vec![refused(store.project.id, now)]).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM receipt").await, 20_002);
    store.handles.writer.forget_receipts(store.project.id, now).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM receipt").await, 1);
}

#[tokio::test]
async fn the_receipts_of_a_project_are_erased_with_it() {
    let store = Store::new().await;
    let (own, now) = (store.project.id, Timestamp::now());
    let other = store.handles.keeper.ensure_project("other").await.unwrap().id;
    let (mine, theirs) = (receipt(own, now), receipt(other, now));
    store.handles.writer.keep_receipts(vec![mine.clone(), theirs.clone()]).await.unwrap();
    store.handles.writer.erase(own, Target::Project).await.unwrap();
    assert_eq!(store.receipt(own, mine.id).await, None);
    assert_eq!(store.receipt(other, theirs.id).await, Some(theirs));
}
