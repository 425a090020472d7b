//! A key that is revoked opens nothing two seconds later, in whatever process.

use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, client};
use crate::{asked, command, send, spans};

/// How long a revoked key may still open.
const PROMISE: Duration = Duration::from_secs(2);

/// Sends without a pause until it is refused, and then on. When the last good request was sent.
async fn last_accepted(address: String, key: String, number: u64) -> Instant {
    let (client, mut last, end) = (client(), Instant::now(), Instant::now() + PATIENCE);
    let mut refused = 0;
    while refused < 100 {
        let sent = Instant::now();
        assert!(sent < end, "it was never refused");
        match send(&client, &address, &key, spans(number, 1)).await.status {
            200 => (last, refused) = (sent, 0),
            401 => refused += 1,
            status => panic!("answered with {status}"),
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_lets_nothing_in_two_seconds_later_under_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let made = asked(folder.path(), &["key", "create"]);
    let (key, id) = (made["key"].as_str().expect("a key").to_owned(), made["id"].to_string());
    let mut senders = tokio::task::JoinSet::new();
    for number in 1..=4 {
        senders.spawn(last_accepted(server.http.clone(), key.clone(), number * 1_000));
    }
    let data = folder.path().to_owned();
    let revoked = tokio::task::spawn_blocking(move || {
        command(&data, &["key", "revoke", &id]);
        Instant::now()
    });
    let revoked = revoked.await.expect("it is revoked");
    let last = senders.join_all().await.into_iter().max().expect("four of them");
    let after = last.saturating_duration_since(revoked);
    assert!(after <= PROMISE, "let in {after:?} later");
    println!("the last one was let in {after:?} after the command had ended");
}

#[tokio::test]
async fn two_keys_are_good_while_one_takes_the_place_of_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let old = asked(folder.path(), &["key", "create", "--rate", "500/s"]);
    let id = old["id"].to_string();
    let new = asked(folder.path(), &["key", "rotate", &id, "--overlap", "1h"]);
    let client = client();
    for key in [&old, &new] {
        let key = key["key"].as_str().expect("a key");
        assert_eq!(send(&client, &server.http, key, spans(1, 1)).await.status, 200);
    }
    let listed = asked(folder.path(), &["key", "list"]);
    let of = |id: &serde_json::Value| {
        listed.as_array().expect("a list").iter().find(|key| key["id"] == *id).cloned()
    };
    let (old, new) = (of(&old["id"]).expect("listed"), of(&new["id"]).expect("listed"));
    assert!(old["expires_at"].is_string() && new["expires_at"].is_null());
    assert_eq!((&new["rate"], &new["scopes"]), (&old["rate"], &old["scopes"]));
    let third = asked(folder.path(), &["key", "rotate", &new["id"].to_string(), "--overlap", "0s"]);
    let end = Instant::now() + PATIENCE;
    let key = third["key"].as_str().expect("a key");
    while send(&client, &server.http, key, spans(1, 1)).await.status != 200 {
        assert!(Instant::now() < end, "the new one is good in time");
    }
}
