//! No more comes in than is allowed, and whoever sends too much is told when to come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server, client, outcome};
use crate::{asked, command, send, spans};

const RATE: u64 = 2_000;
const BATCH: u64 = 50;

/// What a flood came to.
#[derive(Default)]
struct Flood {
    accepted: AtomicU64,
    refused: AtomicU64,
    next: AtomicU64,
}

impl Flood {
    /// Sends as fast as it is answered, for this long.
    async fn send(self: Arc<Self>, address: String, key: String, until: Instant) {
        let client = client();
        while Instant::now() < until {
            let first = (self.next.fetch_add(1, Ordering::Relaxed) + 1) * 1_000;
            let answer = send(&client, &address, &key, spans(first, BATCH)).await;
            let count = match answer.status {
                200 => &self.accepted,
                429 => &self.refused,
                status => panic!("answered with {status}"),
            };
            assert_eq!(answer.status == 429, answer.retry_after.is_some_and(|delay| delay >= 1));
            count.fetch_add(BATCH, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_sends_too_much_gets_its_rate_and_leaves_others_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let rate = format!("{RATE}/s");
    let limited = asked(folder.path(), &["key", "create", "--rate", &rate]);
    let key = limited["key"].as_str().expect("a key").to_owned();
    let free = asked(folder.path(), &["key", "create", "--project", "other"])["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    let (flood, start) = (Arc::new(Flood::default()), Instant::now());
    let until = start + Duration::from_secs(4);
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        senders.spawn(flood.clone().send(server.http.clone(), key.clone(), until));
    }
    let others = client();
    while Instant::now() < until {
        let answer = send(&others, &server.http, &free, spans(1, 1)).await;
        assert_eq!(answer.status, 200, "another project is not touched");
    }
    senders.join_all().await;
    let most = RATE * u64::try_from(start.elapsed().as_millis()).expect("seconds") / 1_000;
    let (accepted, refused) = (flood.accepted.load(Ordering::Relaxed), flood.refused.load(Ordering::Relaxed));
    assert!(accepted <= most + RATE / 10 + BATCH, "{accepted} came in, {most} at the most");
    assert!(refused > 0, "the flood was none");
    let counted = counts(&server, "limited.key_rate", refused).await;
    assert_eq!(counted, refused, "each span has its outcome, by name");
    println!("{accepted} of {most} came in, {refused} were told to come again");
}

/// How often this happened, once it is written down as often.
async fn counts(server: &Server, name: &str, expected: u64) -> u64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let counted = outcome(&server.data, name).await;
        if counted >= expected || Instant::now() > end {
            return counted;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_quota_ends_with_its_day_and_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    command(folder.path(), &["project", "set", "default", "--quota", "100"]);
    let client = client();
    // In force within two seconds; until then all of it comes in.
    let end = Instant::now() + PATIENCE;
    let delay = loop {
        let answer = send(&client, &server.http, &key, spans(7_000, 60)).await;
        if answer.status == 429 {
            break answer.retry_after.expect("it says when");
        }
        assert!(Instant::now() < end, "a quota that was set is in force in time");
    };
    assert!((1..=24 * 60 * 60).contains(&delay), "it ends with the day: {delay}");
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    assert_eq!(send(&client, &server.http, &key, spans(8_000, 1)).await.status, 429);
    command(folder.path(), &["project", "set", "default", "--quota", "none"]);
    while send(&client, &server.http, &key, spans(8_000, 1)).await.status != 200 {
        assert!(Instant::now() < end, "a quota that was taken away is gone in time");
    }
}
