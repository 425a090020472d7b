//! Requests that are signed, through somebody in the middle who reads and changes what he likes.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, request::Parts};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt as _;
use treering_layer::{Protocol, Settings};

use crate::support::{Api, PATIENCE, Server, client, outcome};
use crate::{command, send, spans};

/// Hands requests on, and keeps them.
#[derive(Clone)]
struct Middle {
    to: String,
    seen: Arc<Mutex<Vec<(Parts, Bytes)>>>,
}

impl Middle {
    async fn start(to: &str) -> (Self, String) {
        let middle = Self { to: to.to_owned(), seen: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has an address").to_string();
        let router = axum::Router::new().fallback(hand_on).with_state(middle.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (middle, address)
    }

    async fn send(&self, headers: &HeaderMap, path: &str, body: Bytes) -> StatusCode {
        let request = client().post(format!("http://{}{path}", self.to)).headers(headers.clone()).body(body);
        request.send().await.expect("each is answered").status()
    }
}

async fn hand_on(State(middle): State<Middle>, request: Request<Body>) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let status = middle.send(&parts.headers, parts.uri.path(), body.clone()).await;
    middle.seen.lock().expect("whole").push((parts, body));
    status
}

/// An agent that signs, and sends one step.
fn run_agent(endpoint: &str, key: &str) {
    let settings = Settings::new().protocol(Protocol::HttpProtobuf).endpoint(endpoint).sign(true);
    let (layer, guard) = settings.header("x-api-key", key).service("signer").layer().expect("a layer");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!("plan", step.kind = "agent").in_scope(|| {});
    });
    guard.flush(PATIENCE).expect("it is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_in_the_middle_learns_no_key_and_can_neither_change_nor_repeat() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    command(folder.path(), &["project", "set", "default", "--signed", "yes"]);
    let (client, end) = (client(), Instant::now() + PATIENCE);
    while send(&client, &server.http, &key, spans(1_000, 1)).await.status != 401 {
        assert!(Instant::now() < end, "what is asked for is in force in time");
    }
    let (middle, address) = Middle::start(&server.http).await;
    let endpoint = format!("http://{address}");
    let secret = key.clone();
    tokio::task::spawn_blocking(move || run_agent(&endpoint, &secret)).await.expect("it ends well");
    assert_eq!(Api::of(&server).executions(1).await[0]["name"], "plan");
    let (parts, body) = middle.seen.lock().expect("whole").last().cloned().expect("it went this way");
    let read = format!("{:?}", parts.headers);
    assert!(parts.headers.contains_key("signature") && !read.contains(&key[4..]), "the key does not travel");
    assert_eq!(middle.send(&parts.headers, "/v1/traces", body.clone()).await, 401, "sent once more");
    assert_eq!(middle.send(&parts.headers, "/v1/logs", body.clone()).await, 401, "sent elsewhere");
    let changed = [&body[..], &body[..]].concat();
    assert_eq!(middle.send(&parts.headers, "/v1/traces", changed.into()).await, 401, "changed");
    while outcome(&server.data, "refused.replayed").await == 0 {
        assert!(Instant::now() < end, "it is counted by name");
    }
}

#[tokio::test]
async fn what_is_imported_into_such_a_project_is_signed_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    command(folder.path(), &["project", "set", "default", "--signed", "yes"]);
    let file = folder.path().join("one.jsonl");
    std::fs::write(&file, spans(1_000, 3)).expect("it can be written");
    // Neither the wish for signatures nor the key of the import may be known before: it waits for both.
    command(folder.path(), &["import", &file.display().to_string()]);
    assert_eq!(Api::of(&server).executions(1).await[0]["steps"], 3);
}
