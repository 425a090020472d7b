//! Executions leave as OTLP/JSON lines and come in again, with the real binary.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use support::{Api, Server, any_file_has, client, treering};

/// In two parts, so that this file holds it nowhere.
const WORD: &str = concat!("wisteria", "-of-hers");
const SECRET: &str = concat!("planted.address", "@example.com");

async fn send(server: &Server, signal: &str, body: &Value) {
    let url = format!("http://{}/v1/{signal}", server.http);
    let request = client().post(url).header("x-api-key", server.key("ingest"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.expect("it answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

fn trace(number: u32) -> String {
    format!("{:032x}", 0xdef_0000 + number)
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// An execution of a call with a root, a tool and an error.
fn spans(number: u32) -> Value {
    let span = |id: u64, parent: u64, name: &str, attributes: Value| {
        let mut span = json!({"traceId": trace(number), "spanId": format!("{id:016x}"), "name": name,
            "startTimeUnixNano": (u64::from(number) * 1_000_000_000 + id).to_string(),
            "endTimeUnixNano": (u64::from(number) * 1_000_000_000 + 500 + id).to_string(), "attributes": attributes});
        if parent > 0 {
            span["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        span
    };
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": WORD}]}]).to_string();
    let root =
        json!([text("gen_ai.operation.name", "invoke_agent"), text("user.id", &format!("user-{number}"))]);
    let call = json!([text("gen_ai.operation.name", "chat"), text("request_id", &format!("req_{number}")),
        text("gen_ai.input.messages", &messages),
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}}]);
    let mut tool = span(3, 1, "search", json!([text("gen_ai.operation.name", "execute_tool")]));
    tool["status"] = json!({"code": 2, "message": "it failed"});
    json!({"resourceSpans": [{"resource": {"attributes": [text("service.name", "an agent")]}, "scopeSpans": [
        {"scope": {"name": "a scope"}, "spans": [span(1, 0, "agent", root), span(2, 1, "chat", call), tool]}]}]})
}

/// Of no trace, two of them equal; they belong to the call of the execution with this number.
fn logs(number: u32) -> Value {
    let attributes = [text("session.id", "a session"), text("request_id", &format!("req_{number}"))];
    let record = json!({"timeUnixNano": "2000000000", "eventName": "gen_ai.client.inference.operation.details",
        "attributes": attributes});
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, record]}]}]})
}

async fn fill(server: &Server) {
    for number in 1..=3 {
        send(server, "traces", &spans(number)).await;
    }
    send(server, "logs", &logs(2)).await;
    Api::of(server)
        .wait_for(&format!("/executions/{}/steps/{:016x}", trace(2), 2), |step| {
            step["logs"].as_array().is_some_and(|logs| logs.len() == 2)
        })
        .await;
    Api::of(server).executions(3).await;
}

fn run(data: &Path, words: &[&str]) -> Output {
    treering().args(words).arg("--data").arg(data).output().expect("it starts")
}

/// What a command wrote that went well.
fn well(done: Output) -> String {
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    String::from_utf8(done.stdout).expect("it writes UTF-8")
}

fn import(data: &Path, lines: &str) -> Output {
    let mut child = treering()
        .args(["import", "--json", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// What a server shows of everything.
async fn shown(server: &Server) -> Value {
    let api = Api::of(server);
    let executions = api.executions(3).await;
    let mut all = vec![json!(executions)];
    for number in 1..=3 {
        all.push(api.get(&format!("/executions/{}?content=1", trace(number))).await);
        all.push(api.get(&format!("/executions/{}/otlp", trace(number))).await);
    }
    json!(all)
}

#[tokio::test]
async fn what_is_exported_and_imported_elsewhere_is_the_same() {
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let server = Server::start(old.path(), &[]);
    fill(&server).await;
    let lines = well(run(old.path(), &["export"]));
    let before = shown(&server).await;
    assert_eq!(lines.lines().count(), 4, "{lines}");
    let told: Value = serde_json::from_str(&well(import(new.path(), &lines))).expect("it prints JSON");
    let expected = json!({"requests": 4, "records": 11, "rejected_records": 0, "refused_lines": 0,
        "erased_lines": 0, "cut_off": false});
    assert_eq!(told, expected);
    let moved = Server::start(new.path(), &[]);
    Api::of(&moved).executions(3).await;
    assert_eq!(shown(&moved).await, before);
    well(import(new.path(), &lines));
    assert_eq!(shown(&moved).await, before, "taken in again, by a running server, it changes nothing");
    assert_eq!(well(run(new.path(), &["export"])), lines);
    well(import(old.path(), &lines));
    assert_eq!(shown(&server).await, before, "nor where it came from");
}

#[tokio::test]
async fn what_is_imported_is_redacted_as_whatever_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines =
        spans(1).to_string().replace(WORD, SECRET) + "\n\nthis is no request\n" + &logs(1).to_string();
    let done = import(folder.path(), &lines);
    let told: Value = serde_json::from_slice(&done.stdout).expect("it prints JSON");
    assert_eq!((&told["requests"], &told["refused_lines"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(done.status.code(), Some(1), "something was refused");
    assert!(String::from_utf8_lossy(&done.stderr).contains("line 3 was refused"));
    assert!(!any_file_has(folder.path(), SECRET.as_bytes()));
    let server = Server::start(folder.path(), &[]);
    let execution = Api::of(&server).get(&format!("/executions/{}?content=1", trace(1))).await;
    assert!(execution.to_string().contains("[REDACTED:EMAIL]"), "{execution}");
}

#[tokio::test]
async fn an_export_holds_what_is_asked_for_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    fill(&server).await;
    let of_two = trace(2);
    for (words, lines, records) in [
        (&["--user", "user-1"][..], 1, 3),
        (&["--execution", &of_two], 2, 5),
        (&["--from", "1970-01-01T00:00:03Z"], 1, 3),
        (&["--to", "1970-01-01T00:00:02Z"], 1, 3),
    ] {
        let done = run(folder.path(), &[&["export"], words].concat());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains(&format!("{records} records")), "{words:?}: {told}");
        assert_eq!(well(done).lines().count(), lines, "{words:?}");
    }
    for words in [&["--user", "nobody"][..], &["--session", "nobody"]] {
        let done = run(folder.path(), &[&["export"], words].concat());
        assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0));
    }
    assert_eq!(run(folder.path(), &["export", "--project", "nowhere"]).status.code(), Some(2));
}

#[tokio::test]
async fn a_sealed_export_opens_until_what_it_holds_is_erased() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &[]);
    fill(&server).await;
    let file = folder.path().join("export.treering");
    let path = file.to_str().expect("in UTF-8");
    well(run(&server.data, &["export", "--output", path]));
    assert!(!any_file_has(folder.path(), WORD.as_bytes()), "it is sealed");
    assert_eq!(
        run(&server.data, &["export", "--output", path]).status.code(),
        Some(2),
        "it is not written over"
    );
    let told: Value =
        serde_json::from_str(&well(run(&server.data, &["import", "--json", path]))).expect("JSON");
    assert_eq!((&told["records"], &told["erased_lines"]), (&json!(11), &json!(0)), "{told}");
    let cut = folder.path().join("cut.treering");
    let whole = std::fs::read_to_string(&file).expect("it can be read");
    std::fs::write(&cut, whole.lines().take(3).collect::<Vec<_>>().join("\n")).expect("it can be written");
    let done = run(&server.data, &["import", cut.to_str().expect("in UTF-8")]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stdout).contains("cut off"));
    well(run(&server.data, &["erase", "--user", "user-1", "--yes"]));
    let done = run(&server.data, &["import", "--json", path]);
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(
        (&told["records"], &told["erased_lines"]),
        (&json!(0), &json!(4)),
        "all came in on that day: {told}"
    );
    assert_eq!(Api::of(&server).executions(2).await.len(), 2);
    let clear = folder.path().join("clear.jsonl");
    well(run(&server.data, &["export", "--clear", "--output", clear.to_str().expect("in UTF-8")]));
    assert!(any_file_has(folder.path(), WORD.as_bytes()));
}
