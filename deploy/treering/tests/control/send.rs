//! Executions of one step each, sent until somebody has enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::support::{Api, PATIENCE, Server, client};

const CONNECTIONS: u64 = 4;

pub(crate) fn trace(number: u64) -> String {
    format!("{:032x}", number + 1)
}

/// Sends one execution; true where that was answered with success.
pub(crate) async fn send(http: &str, key: &str, number: u64) -> bool {
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{:016x}","name":"chat {number}",
        "startTimeUnixNano":"1767225600000000000","endTimeUnixNano":"1767225600001000000",
        "attributes":[{{"key":"input.value","value":{{"stringValue":"asked {number}"}}}}]}}]}}]}}]}}"#,
        trace(number),
        number + 1
    );
    let request = client().post(format!("http://{http}/v1/traces")).header("x-api-key", key);
    let answer = request.header("content-type", "application/json").body(body).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// What everybody sees of these executions.
pub(crate) async fn assert_kept(server: &Server, numbers: &[u64]) {
    let api = Api::of(server);
    for number in numbers {
        let path = format!("/executions/{}?content=1", trace(*number));
        let whole = api.wait_for(&path, |answer| answer["steps"].is_array()).await;
        assert_eq!(whole["steps"][0]["name"], format!("chat {number}"));
        assert_eq!(whole["steps"][0]["input"]["value"], format!("asked {number}"), "{whole}");
    }
}

/// A load that goes on beside whatever a test does.
pub(crate) struct Load {
    answered: Arc<Mutex<Vec<u64>>>,
    news: watch::Receiver<u64>,
    over: Arc<AtomicBool>,
    connections: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(server: &Server) -> Self {
        let (next, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, news) = watch::channel(0);
        let (answered, count, key) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(count), server.key("ingest"));
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (http, key) = (server.http.clone(), key.clone());
            let (next, over) = (next.clone(), over.clone());
            let (answered, count) = (answered.clone(), count.clone());
            connections.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if send(&http, &key, number).await {
                        answered.lock().await.push(number);
                        count.send_modify(|count| *count += 1);
                    }
                }
            });
        }
        Self { answered, news, over, connections }
    }

    /// What was answered with success, once it is so many.
    pub(crate) async fn until(&mut self, count: u64) -> Vec<u64> {
        let enough = self.news.wait_for(|answered| *answered >= count);
        tokio::time::timeout(PATIENCE, enough).await.expect("it takes them").expect("somebody sends");
        self.answered.lock().await.clone()
    }

    pub(crate) async fn end(self) -> Vec<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.connections.join_all().await;
        self.answered.lock().await.clone()
    }
}
