//! The binary on a ClickHouse, as somebody uses it who names one.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod support;

use serde_json::{Value, json};
use support::{Api, Server, any_file_has, client, store, treering};
use treering_test_servers::{ClickHouseDatabase, shared_clickhouse};

/// A folder of control data, and a database for its steps; nothing where there is no engine, which was said then.
fn place() -> Option<(tempfile::TempDir, ClickHouseDatabase)> {
    let (folder, database) = (tempfile::tempdir().unwrap(), shared_clickhouse()?.create_database().unwrap());
    store::put(folder.path(), &database.url);
    Some((folder, database))
}

/// One call of a model, as long as it runs or once it ended.
fn snapshot(end: Option<u64>) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let number = |key: &str, value: u64| json!({"key": key, "value": {"intValue": value}});
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.request.model", "gpt-4o-mini"),
        text("input.value", "quetzalcoatlus"),
        number("gen_ai.usage.input_tokens", 7),
        number("gen_ai.usage.output_tokens", 3),
    ];
    if end.is_none() {
        attributes.push(json!({"key": "treering.step.running", "value": {"boolValue": true}}));
    }
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "chat gpt-4o-mini",
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": end.unwrap_or(0).to_string(),
        "attributes": attributes}]}]}]})
}

async fn send(server: &Server, key: &str, body: &Value) {
    let request = client().post(format!("http://{}/v1/traces", server.http)).bearer_auth(key);
    let request = request.header("content-type", "application/json").body(body.to_string());
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_a_finished_and_a_repeated_copy_of_a_step_are_one_step_and_ten_tokens() {
    let Some((folder, _database)) = place() else { return };
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    let api = Api::of(&server);
    let (running, finished) = (snapshot(None), snapshot(Some(1_790_000_001_000_000_000)));
    for (body, status) in
        [(&running, None), (&finished, Some("unset")), (&finished, Some("unset")), (&running, Some("unset"))]
    {
        send(&server, &key, body).await;
        // Each was delivered before the next one comes, so that no batch has two of them.
        let is_there = |page: &Value| {
            let execution = &page["executions"][0];
            !execution.is_null() && status.is_none_or(|status| execution["status"] == status)
        };
        let page = api.wait_for("/executions", is_there).await;
        let [execution] = page["executions"].as_array().unwrap().as_slice() else { panic!("{page}") };
        assert_eq!(execution["steps"], 1, "{page}");
        assert_eq!(
            (&execution["tokens"]["input"], &execution["tokens"]["output"]),
            (&json!(7), &json!(3)),
            "{page}"
        );
    }
    let whole = api.get("/executions/0af7651916cd43dd8448eb211c80319c").await;
    assert_eq!(whole["steps"].as_array().map(Vec::len), Some(1), "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_shows_what_was_there_and_nobody_tells_the_password() {
    let Some((folder, database)) = place() else { return };
    let server = Server::start(folder.path(), &[]);
    let printed = server.printed.join("\n");
    assert!(printed.contains("store clickhouse+http://administrator@127.0.0.1:"), "{printed}");
    send(&server, &server.key("ingest"), &snapshot(Some(1_790_000_001_000_000_000))).await;
    Api::of(&server).executions(1).await;
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    assert_eq!(Api::of(&server).executions(1).await.len(), 1);
    let (_, rest) = database.url.split_once("//").unwrap();
    let password = rest.split_once('@').unwrap().0.split_once(':').unwrap().1;
    assert!(!printed.contains(password) && !any_file_has(folder.path(), password.as_bytes()));
    assert!(!any_file_has(folder.path(), b"quetzalcoatlus"));
}

#[test]
fn what_cannot_be_is_said_with_what_to_do() {
    let said = |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let output =
            treering().args(["migrate", "--data"]).arg(folder.path()).args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let near = "clickhouse+http://127.0.0.1:9/steps";
    assert!(said(&["--store", near]).contains("cannot be reached; check the address"));
    assert!(said(&["--store", near, "--control", near]).contains("control data cannot be in a ClickHouse"));
    assert!(said(&["--store", "sqlite:x.db", "--control", "sqlite:y.db"]).contains("leave --control out"));
    assert!(said(&["--store", "sqlite:x.db", "--cluster", "main"]).contains("leave --cluster out"));
    assert!(said(&["--store", "clickhouse+http://user:secret@host/a b"]).contains("a database's name"));
}
