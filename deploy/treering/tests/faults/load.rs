//! Clients that send as long as they may, and write down what they hear.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger::{Ledger, spans};
use crate::otlp::traces;
use crate::support::{PATIENCE, client};

/// Between two tries of a request. Exporters wait longer; a test has less time.
const PAUSE: Duration = Duration::from_millis(50);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(20);

/// What the clients have in common.
#[derive(Debug)]
struct Shared {
    url: String,
    key: String,
    next: AtomicU64,
    ledger: Mutex<Ledger>,
    acknowledged: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

/// Some clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Load {
    /// So many clients, which number their executions from here on.
    pub(crate) fn start(http: &str, key: &str, clients: usize, first: u64) -> Self {
        let shared = Arc::new(Shared {
            url: format!("http://{http}/v1/traces"),
            key: key.to_owned(),
            next: AtomicU64::new(first),
            ledger: Mutex::default(),
            acknowledged: watch::Sender::new(0),
            stop: watch::Sender::new(false),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            tasks.spawn(shared.clone().send_on());
        }
        Self { shared, clients: tasks }
    }

    /// What the clients know by now.
    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.ledger.lock().unwrap().clone()
    }

    /// Returns once so many more requests were answered with success.
    pub(crate) async fn more(&self, requests: u64) {
        self.more_within(requests, PATIENCE).await;
    }

    /// The same, within this time.
    pub(crate) async fn more_within(&self, requests: u64, time: Duration) {
        let mut acknowledged = self.shared.acknowledged.subscribe();
        let goal = *acknowledged.borrow() + requests;
        let enough = timeout(time, acknowledged.wait_for(|count| *count >= goal)).await;
        assert!(
            enough.is_ok(),
            "{requests} more requests within {time:?}; heard {:?}",
            self.ledger().statuses
        );
    }

    /// Returns once this was answered so often.
    pub(crate) async fn heard(&self, status: u16, times: u64) {
        let heard = async {
            while self.ledger().statuses.get(&status).is_none_or(|count| *count < times) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let heard = timeout(PATIENCE, heard).await;
        assert!(heard.is_ok(), "{status} was never answered; heard {:?}", self.ledger().statuses);
    }

    /// Ends the clients, each after its request under way.
    pub(crate) async fn end(self) -> Ledger {
        self.shared.stop.send_replace(true);
        self.clients.join_all().await;
        self.shared.ledger.lock().unwrap().clone()
    }
}

impl Shared {
    async fn send_on(self: Arc<Self>) {
        let client = client();
        while !*self.stop.borrow() {
            let execution = self.next.fetch_add(1, Ordering::Relaxed);
            self.ledger.lock().unwrap().sent(execution);
            let body = traces(spans(execution));
            // The same again, until it is acknowledged.
            while !*self.stop.borrow() && !self.send(&client, execution, body.clone()).await {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// True once it is acknowledged. A connection that broke tells nothing.
    async fn send(&self, client: &reqwest::Client, execution: u64, body: Vec<u8>) -> bool {
        let request = client.post(&self.url).bearer_auth(&self.key).timeout(ANSWER);
        let request = request.header("content-type", "application/x-protobuf").body(body);
        let Ok(answer) = request.send().await else { return false };
        let (status, again) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let Ok(body) = answer.bytes().await else { return false };
        assert!(matches!(status, 200 | 503), "an honest request was answered with {status}");
        assert_eq!(status == 503, again, "who is to come again is told when, and nobody else");
        assert!(status != 200 || body.is_empty(), "a part of an honest request was refused");
        self.ledger.lock().unwrap().answered(execution, status);
        self.acknowledged.send_modify(|count| *count += u64::from(status == 200));
        status == 200
    }
}
