//! What becomes of an execution by what comes later, or does not come: log records that name a step by an id,
//! processes that end, readers that get better.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Api, Server, client, treering};
use treering_store::{MasterSource, StoreUrl, Writer};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

async fn send(server: &Server, signal: &str, body: &Value) {
    let url = format!("http://{}/v1/{signal}", server.http);
    let request = client().post(url).header("x-api-key", server.key("ingest"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.expect("it answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn spans(spans: &Value) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

fn logs(records: &Value) -> Value {
    let process = attribute("service.instance.id", "a process of this test");
    json!({"resourceLogs": [{"resource": {"attributes": [process]}, "scopeLogs": [{"logRecords": records}]}]})
}

fn chat() -> Value {
    let attributes = [attribute("gen_ai.operation.name", "chat"), attribute("request_id", "req_1")];
    spans(&json!([{"traceId": TRACE, "spanId": SPAN, "name": "chat", "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": "2000000000", "attributes": attributes}]))
}

/// Without a trace, as coding agents send what a request used.
fn usage() -> Value {
    let attributes = [
        attribute("session.id", "a session"),
        attribute("request_id", "req_1"),
        json!({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}}),
    ];
    let name = "gen_ai.client.inference.operation.details";
    logs(&json!([{"timeUnixNano": "2000000000", "eventName": name, "attributes": attributes}]))
}

#[tokio::test]
async fn a_log_record_of_no_trace_goes_to_the_step_that_it_names() {
    for log_first in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), &[]);
        let api = Api::of(&server);
        if log_first {
            send(&server, "logs", &usage()).await;
            let alone = api.executions(1).await;
            assert_eq!(
                alone[0]["tokens"]["input"], 12,
                "until its step comes, it is an execution of its own"
            );
            send(&server, "traces", &chat()).await;
        } else {
            send(&server, "traces", &chat()).await;
            send(&server, "logs", &usage()).await;
        }
        let joined = |answer: &Value| {
            let executions = answer["executions"].as_array().cloned().unwrap_or_default();
            executions.len() == 1
                && executions[0]["trace_id"] == TRACE
                && executions[0]["tokens"]["input"] == 12
        };
        api.wait_for("/executions", joined).await;
        let step = api.get(&format!("/executions/{TRACE}/steps/{SPAN}")).await;
        assert_eq!(step["tokens"]["input"], 12, "{step}");
        assert_eq!(step["logs"].as_array().map(Vec::len), Some(1), "{step}");
    }
}

#[tokio::test]
async fn a_step_whose_process_says_no_more_is_interrupted_and_its_span_still_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    let heartbeat = |milliseconds: u64| {
        let interval =
            json!({"key": "treering.heartbeat.interval_ms", "value": {"intValue": milliseconds.to_string()}});
        json!({"eventName": "treering.heartbeat", "attributes": [interval]})
    };
    let running = json!({"traceId": TRACE, "spanId": SPAN, "eventName": "treering.step.running",
        "attributes": [attribute("treering.step.name", "search")]});
    send(&server, "logs", &logs(&json!([heartbeat(1_000), running]))).await;
    let path = format!("/executions/{TRACE}");
    let stands = |status: &'static str| {
        move |answer: &Value| {
            answer["steps"][0]["status"] == status && answer["execution"]["status"] == status
        }
    };
    api.wait_for(&path, stands("running")).await;
    let answer = api.wait_for(&path, stands("interrupted")).await;
    assert_eq!(answer["steps"].as_array().map(Vec::len), Some(1), "a heartbeat is no step: {answer}");
    // It was only slow.
    send(&server, "logs", &logs(&json!([heartbeat(60_000)]))).await;
    api.wait_for(&path, stands("running")).await;
    send(&server, "traces", &chat()).await;
    api.wait_for(&path, |answer| answer["steps"][0]["name"] == "chat").await;
}

fn reread(data: &Path, flags: &[&str]) -> Value {
    let done =
        treering().args(["reread", "--json", "--data"]).arg(data).args(flags).output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("it prints JSON")
}

async fn writer(data: &Path) -> Writer {
    let url: StoreUrl = format!("sqlite:{}", data.join("treering.db").display()).parse().expect("a store");
    treering_store::open(&url, MasterSource::File(data.join("master.key"))).await.expect("it opens").writer
}

/// Makes the store forget what was read, as an older reader would have left it.
async fn forget_readings(data: &Path) {
    let writer = writer(data).await;
    let mut at = None;
    while let Some(next) = writer.next_execution(at).await.expect("it answers") {
        writer.reread(next, |_| None).await.expect("it is written");
        at = Some(next);
    }
}

#[tokio::test]
async fn what_is_stored_is_read_again_beside_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    send(&server, "traces", &chat()).await;
    send(&server, "logs", &usage()).await;
    let path = format!("/executions/{TRACE}");
    let fresh = api.wait_for(&path, |answer| answer["execution"]["tokens"]["input"] == 12).await;
    forget_readings(&server.data).await;
    api.wait_for("/executions", |answer| answer["executions"] == json!([])).await;
    assert_eq!(reread(&server.data, &[]), json!({"executions": 2, "records": 2, "changed": 2, "failed": 0}));
    assert_eq!(api.get(&path).await, fresh);
    assert_eq!(
        reread(&server.data, &["--from-start"]),
        json!({"executions": 2, "records": 2, "changed": 0, "failed": 0})
    );
    assert_eq!(api.executions(1).await.len(), 1);
    assert!(server.terminate().success());
}

#[tokio::test]
async fn reading_again_goes_on_where_it_was_interrupted_unless_told_to_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    send(&server, "traces", &chat()).await;
    Api::of(&server).executions(1).await;
    let writer = writer(&server.data).await;
    let last = writer.next_execution(None).await.expect("it answers");
    writer.set_reread_until(env!("CARGO_PKG_VERSION").to_owned(), last).await.expect("it is written");
    assert_eq!(reread(&server.data, &[])["executions"], 0, "it had come to the end");
    assert_eq!(reread(&server.data, &[])["executions"], 1, "the next one begins");
    writer.set_reread_until(env!("CARGO_PKG_VERSION").to_owned(), last).await.expect("it is written");
    assert_eq!(reread(&server.data, &["--from-start"])["executions"], 1);
}

#[test]
fn a_folder_that_is_not_there_is_not_read_again() {
    let done = treering().args(["reread", "--data", "/nowhere/at/all"]).output().expect("it starts");
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("does not exist"));
}
