//! Keys as somebody looks them up who may only read.

use treering_step::Timestamp;

use super::house::{House, at, master};
use crate::{ApiKey, KeyRecord, Scope, StoreUrl, Viewer};

#[tokio::test]
async fn a_key_that_was_revoked_or_has_expired_is_refused_at_once() {
    let Some(house) = House::new().await else { return };
    let handles =
        crate::open_read_only(&StoreUrl::Postgres(Box::new(house.reading())), master()).await.unwrap();
    let now = Timestamp::now;
    let (live, record) = house.key(&house.mine, None).await;
    let (past, expired) = house.key(&house.mine, at(1)).await;
    let mine = Scope::of(house.mine.id);
    let lag = async |id| handles.reader.seen_by(Viewer::Key(id)).search_lag(mine).await.unwrap().waiting;
    let executions = async |id| {
        let reader = handles.reader.seen_by(Viewer::Key(id));
        reader.executions(mine, Default::default()).await.unwrap().executions.len()
    };

    let found = handles.keys.find(&live).await.unwrap().unwrap();
    // By what a request's signature is verified is the collector's to know: who reads is not given it.
    assert_eq!(found, KeyRecord { verifier: None, ..record.clone() });
    assert!(found.is_live(now()));
    assert_eq!((executions(record.id).await, lag(record.id).await), (3, 1));

    let found = handles.keys.find(&past).await.unwrap().unwrap();
    assert!(!found.is_live(now()));
    assert_eq!(
        (executions(expired.id).await, lag(expired.id).await),
        (0, 0),
        "the database looks for itself"
    );

    assert!(house.handles.keeper.revoke_key(record.id).await.unwrap());
    let found = handles.keys.find(&live).await.unwrap().unwrap();
    assert!(found.revoked_at.is_some() && !found.is_live(now()), "nothing is remembered of it");
    assert_eq!((executions(record.id).await, lag(record.id).await), (0, 0));

    assert_eq!(handles.keys.find(&ApiKey::generate().unwrap()).await.unwrap(), None);
    assert!(handles.keys.all().await.is_err(), "who reads gets no list of keys");
}
