//! What an answer of success is worth: a kill, a lost answer, an orderly end, and the order of disk and socket.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod order;
mod otlp;
mod secrets;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::ops::Range;

use opentelemetry_proto::tonic::trace::v1::Span;
use otlp::{Exporter, log, logs, span, trace, traces};
use serde_json::Value;
use support::{Api, PATIENCE, Server};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Steps of a request; five requests make an execution.
const STEPS: u64 = 100;
const REQUESTS: u64 = 5;
const CONNECTIONS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_answered_spans_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let load = Load::start(&server);
    load.until(20_000).await;
    server.kill();
    let answered = load.end().await;
    assert!(answered.values().sum::<u64>() * STEPS >= 20_000, "{answered:?}");
    assert_kept(&Server::start(folder.path(), &[]), &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_end_keeps_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let load = Load::start(&server);
    load.until(2_000).await;
    assert!(server.terminate().success());
    assert_kept(&Server::start(folder.path(), &[]), &load.end().await).await;
}

/// Connections that send until nobody takes anything any more, so that the end always finds requests under way.
struct Load {
    answered: watch::Sender<u64>,
    connections: JoinSet<(u64, u64)>,
}

impl Load {
    fn start(server: &Server) -> Self {
        let (answered, key) = (watch::Sender::new(0), server.key("ingest"));
        let mut connections = JoinSet::new();
        for connection in 0..CONNECTIONS {
            let (exporter, answered) = (Exporter::new(server, &key), answered.clone());
            connections.spawn(async move {
                let mut request = 0;
                while exporter.send("/v1/traces", traces(steps(connection, request))).await.is_ok() {
                    answered.send_modify(|sum| *sum += STEPS);
                    request += 1;
                }
                (connection, request)
            });
        }
        Self { answered, connections }
    }

    /// Returns once so many steps were answered with success.
    async fn until(&self, steps: u64) {
        let mut answered = self.answered.subscribe();
        let enough = answered.wait_for(|sum| *sum >= steps);
        timeout(PATIENCE, enough).await.expect("the server answers with success").unwrap();
    }

    /// The requests of each connection that were answered with success.
    async fn end(self) -> BTreeMap<u64, u64> {
        self.connections.join_all().await.into_iter().collect()
    }
}

fn steps(connection: u64, request: u64) -> Vec<Span> {
    let first = request % REQUESTS * STEPS;
    (first..first + STEPS).map(|at| span(execution(connection, request), at)).collect()
}

fn execution(connection: u64, request: u64) -> u64 {
    request / REQUESTS * CONNECTIONS + connection
}

/// Each step that was answered is there, and none twice. One more request of a connection may be: the end may
/// come between the disk and the socket.
async fn assert_kept(server: &Server, answered: &BTreeMap<u64, u64>) {
    let api = Api::of(server);
    for (&connection, &requests) in answered {
        for first in (0..requests).step_by(usize::try_from(REQUESTS).unwrap()) {
            let kept = (requests - first).min(REQUESTS);
            let stored = stored(&api, execution(connection, first), kept * STEPS).await;
            let is_right = |requests| stored == ids(first..first + requests, connection);
            let one_more = (kept < REQUESTS).then_some(kept + 1);
            assert!(is_right(kept) || one_more.is_some_and(is_right), "of {kept} requests: {stored:?}");
        }
    }
}

fn ids(requests: Range<u64>, connection: u64) -> Vec<String> {
    let steps = requests.flat_map(|request| steps(connection, request));
    steps.map(|step| otlp::hex(&step.span_id)).collect()
}

/// The ids of the steps of an execution in order, one that is there twice being named twice; once there are
/// at least so many.
async fn stored(api: &Api<'_>, execution: u64, count: u64) -> Vec<String> {
    let path = format!("/executions/{}?limit=10000", trace(execution));
    let enough = |answer: &Value| {
        answer["steps"].as_array().is_some_and(|steps| steps.len() >= usize::try_from(count).unwrap())
    };
    let answer = api.wait_for(&path, enough).await;
    let id = |step: &Value| step["span_id"].as_str().unwrap().to_owned();
    let mut ids: Vec<_> = answer["steps"].as_array().unwrap().iter().map(id).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_was_lost_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    let api = Api::of(&server);
    let requests =
        [("/v1/traces", traces(vec![span(1, 0), span(1, 1)])), ("/v1/logs", logs(vec![log(1, 0)]))];
    for (path, body) in &requests {
        let connection = send_without_reading(&server, &key, path, body);
        api.wait_for(&whole(1), |answer| arrived(answer, path)).await;
        drop(connection);
    }
    let exporter = Exporter::new(&server, &key);
    for (path, body) in requests {
        exporter.send(path, body).await.unwrap();
    }
    // What is accepted later is delivered later: with this one here, both repetitions are through.
    exporter.send("/v1/traces", traces(vec![span(2, 0)])).await.unwrap();
    stored(&api, 2, 1).await;
    let answer = api.get(&whole(1)).await;
    let steps = answer["steps"].as_array().unwrap();
    let counts: Vec<_> = steps.iter().map(|step| step["logs"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(counts, [1, 0], "{answer}");
}

fn whole(execution: u64) -> String {
    format!("/executions/{}?content=1", trace(execution))
}

fn arrived(answer: &Value, path: &str) -> bool {
    answer["steps"].as_array().is_some_and(|steps| {
        steps.len() == 2 && (path == "/v1/traces" || steps.iter().any(|step| step["logs"].is_array()))
    })
}

/// A client that dies before the answer reaches it: the connection, with the request on it.
fn send_without_reading(server: &Server, key: &str, path: &str, body: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(&server.http).unwrap();
    write!(
        connection,
        "POST {path} HTTP/1.1\r\nhost: treering\r\nauthorization: Bearer {key}\r\n\
         content-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    connection.write_all(body).unwrap();
    connection
}
