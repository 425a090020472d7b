use treering_store::{ApiKey, Scopes, Terms};

use crate::support::{Store, at};

#[tokio::test]
async fn a_key_is_found_by_its_secret_until_it_is_revoked() {
    let store = Store::new().await;
    let key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: true, read: false };
    let made = store
        .handles
        .keeper
        .create_key(store.project.clone(), &key, Terms::from(scopes).until(at(100)))
        .await
        .unwrap();
    let found = store.handles.keys.find(&key).await.unwrap().unwrap();
    assert_eq!(found, made);
    assert!(found.is_live(at(99).unwrap()) && !found.is_live(at(100).unwrap()));
    assert!(store.handles.keeper.revoke_key(made.id).await.unwrap());
    assert!(!store.handles.keeper.revoke_key(made.id).await.unwrap());
    let revoked = store.handles.keys.find(&key).await.unwrap().unwrap();
    assert!(!revoked.is_live(at(1).unwrap()));
    assert_eq!(store.handles.keys.find(&ApiKey::generate().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_nowhere_in_the_file() {
    let store = Store::new().await;
    let key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: true, read: true };
    store.handles.keeper.create_key(store.project.clone(), &key, scopes).await.unwrap();
    assert!(!format!("{key:?}").contains(key.reveal()));
    let secret = &key.reveal().as_bytes()[10..];
    for (part, bytes) in store.kept().await {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{part}");
    }
}

#[test]
fn a_mistyped_key_is_refused_without_a_look_up() {
    let key = ApiKey::generate().unwrap();
    let text = key.reveal();
    assert_eq!(text.len(), 4 + 32 + 6);
    assert!(ApiKey::parse(text).is_some());
    for at in 0..text.len() {
        let mut other = text.to_owned().into_bytes();
        other[at] = if other[at] == b'x' { b'y' } else { b'x' };
        assert!(ApiKey::parse(std::str::from_utf8(&other).unwrap()).is_none(), "character {at}");
    }
    assert!(ApiKey::parse(&text[1..]).is_none());
    assert!(ApiKey::parse(&format!("{text}0")).is_none());
    assert!(ApiKey::parse("trk_é").is_none());
}
