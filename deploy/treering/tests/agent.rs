//! The whole way: an instrumented agent, the layer's exporter, the running server, the read API.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Api, PATIENCE, Server, any_file_has};
use tracing::instrument;
use tracing_subscriber::layer::SubscriberExt;
use treering_layer::{Guard, Layer, Message, Part, Protocol, Settings, Step, Usage};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

#[derive(Debug, thiserror::Error)]
#[error("the {tree} has no rings to count")]
struct NoRings {
    tree: String,
}

/// An agent that fails a little: one of its tools does not find what it looks for.
#[instrument(fields(step.kind = "agent", session.id = "larch", user.id = "ada"), ret)]
fn gardener(question: &str) -> String {
    let rings = count_rings("larch", "call_1").unwrap_or_default();
    count_rings("palm", "call_2").unwrap_or_default();
    answer(question, rings)
}

#[instrument(fields(step.kind = "tool"), ret, err)]
fn count_rings(tree: &str, call_id: &str) -> Result<usize, NoRings> {
    if tree == "palm" { Err(NoRings { tree: tree.to_owned() }) } else { Ok(300) }
}

#[instrument(skip_all, fields(step.kind = "llm", model = "claude-haiku-4-5", provider = "anthropic", temperature = 0.5))]
fn answer(question: &str, rings: usize) -> String {
    let call = Part::ToolCall {
        id: Some("call_1".to_owned()),
        name: "count_rings".to_owned(),
        arguments: json!({"tree": "larch"}),
    };
    let result = Part::ToolResult {
        id: Some("call_1".to_owned()),
        name: Some("count_rings".to_owned()),
        result: json!(rings),
    };
    let talk = [
        Message::text("system", "Count first, then answer."),
        Message::text("user", question),
        Message::new("assistant", vec![call]),
        Message::new("tool", vec![result]),
    ];
    let said = format!("It is about {rings} years old.");
    let usage = Usage {
        input: Some(1_200),
        output: Some(64),
        cache_read: Some(1_000),
        cache_write: Some(100),
        reasoning: Some(16),
    };
    let step = Step::current();
    step.input(&talk).output(&Message::text("assistant", &said)).usage(usage);
    step.reasoning("One ring a year.").set("gen_ai.response.model", "claude-haiku-4-5-20251001");
    said
}

/// The layer that exports to this server.
fn layer(server: &Server, protocol: Protocol, key: &str) -> (Layer, Guard) {
    let address = if protocol == Protocol::Grpc { &server.grpc } else { &server.http };
    Settings::new()
        .protocol(protocol)
        .endpoint(format!("http://{address}"))
        .header("authorization", format!("Bearer {key}"))
        .service("garden")
        .delay(Duration::from_millis(10))
        .layer()
        .expect("the settings are right")
}

fn traced<T>(layer: Layer, work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
}

/// One snapshot for all: how OTLP travelled makes no difference.
#[tokio::test]
async fn what_an_agent_did_is_what_the_read_api_gives_over_each_protocol() {
    for protocol in PROTOCOLS {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), &[]);
        let (layer, guard) = layer(&server, protocol, &server.key("ingest"));
        traced(layer, || gardener("How old is the larch?"));
        let stats = guard.shutdown(PATIENCE).expect("it is taken");
        assert_eq!((stats.sent, stats.failed, stats.dropped), (4, 0, 0), "{protocol:?}");

        let api = Api::of(&server);
        let execution = api.executions(1).await.remove(0);
        let path = format!("/executions/{}", execution["trace_id"].as_str().expect("an id"));
        let whole = |answer: &Value| answer["steps"].as_array().is_some_and(|steps| steps.len() == 4);
        let mut answer = api.wait_for(&format!("{path}?content=1"), whole).await;
        let last = answer["steps"][3].clone();
        let alone = api.get(&format!("{path}/steps/{}", last["span_id"].as_str().expect("an id"))).await;
        assert_eq!(alone, last, "a step asked for alone is the same");
        forget_chance(&mut answer);
        insta::assert_json_snapshot!("whole_execution", answer);
    }
}

/// Ids, times and places in the source are other ones each time.
fn forget_chance(value: &mut Value) {
    const CHANCE: [&str; 8] = [
        "trace_id",
        "span_id",
        "parent_span_id",
        "started_at",
        "ended_at",
        "duration_ns",
        "at",
        "code.line.number",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if CHANCE.contains(&name.as_str()) { *value = "…".into() } else { forget_chance(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_chance),
        _ => {}
    }
}

#[tokio::test]
async fn a_wrong_key_stores_nothing_and_the_agent_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &[]);
    let elsewhere = Server::start(&folder.path().join("elsewhere"), &[]).key("ingest");
    let api = Api::of(&server);
    for (key, why) in
        [(elsewhere, "unknown"), (server.key("read"), "may not send"), ("trk_0".into(), "malformed")]
    {
        for protocol in PROTOCOLS {
            let (layer, guard) = layer(&server, protocol, &key);
            traced(layer, || gardener("How old is the larch?"));
            guard.flush(PATIENCE).expect_err("it is refused");
            let stats = guard.stats();
            assert_eq!((stats.sent, stats.failed, stats.queued), (0, 4, 0), "{why}, {protocol:?}");
        }
    }
    assert_eq!(api.get("/executions").await["executions"], json!([]));
    assert!(!any_file_has(&server.data, b"How old is the larch?"));
}

/// One step of a long run.
#[instrument(fields(step.kind = "tool"))]
fn measure(ring: u64) {}

/// A request is under way when it dies: it was sent, and nobody answered.
#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_run_loses_nothing() {
    assert_nothing_is_lost(|server, guard, more| {
        server.freeze();
        more();
        guard.flush(Duration::from_millis(200)).expect_err("nobody answers");
        server.kill();
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_in_the_middle_of_a_run_loses_nothing() {
    assert_nothing_is_lost(|server, _, more| {
        more();
        assert!(server.terminate().success());
    })
    .await;
}

/// An agent runs while its server ends like this, is away, and comes back where it was.
async fn assert_nothing_is_lost(end: fn(Server, &Guard, &dyn Fn())) {
    const STEPS: u64 = 900;
    for protocol in PROTOCOLS {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), &[]);
        let (addresses, key) = (server.addresses(), server.key("ingest"));
        let (layer, guard) = layer(&server, protocol, &key);
        let server = traced(layer, || {
            let run = tracing::info_span!("run", step.kind = "agent");
            let _entered = run.enter();
            (0..300).for_each(measure);
            guard.flush(PATIENCE).expect("the first part is taken");
            end(server, &guard, &|| (300..600).for_each(measure));
            (600..STEPS).for_each(measure);
            guard.flush(Duration::from_millis(50)).expect_err("nobody is there");
            Server::start_again(folder.path(), &addresses)
        });
        let stats = guard.shutdown(PATIENCE).expect("the rest is taken");
        assert_eq!((stats.sent, stats.failed, stats.dropped), (STEPS + 1, 0, 0), "{protocol:?}");
        assert_eq!(rings(&server, STEPS).await, (0..STEPS).collect::<Vec<_>>(), "{protocol:?}");
    }
}

/// What was measured, once the execution has as many steps as were sent.
async fn rings(server: &Server, steps: u64) -> Vec<u64> {
    let api = Api::of(server);
    let execution = api.executions(1).await.remove(0);
    let path =
        format!("/executions/{}?content=1&limit=10000", execution["trace_id"].as_str().expect("an id"));
    let is_whole = |answer: &Value| answer["execution"]["steps"] == steps + 1;
    let answer = api.wait_for(&path, is_whole).await;
    let steps = answer["steps"].as_array().expect("steps");
    let ring = |step: &Value| step["tool"]["arguments"]["ring"].as_u64();
    let mut rings: Vec<_> = steps.iter().filter_map(ring).collect();
    rings.sort_unstable();
    rings
}
