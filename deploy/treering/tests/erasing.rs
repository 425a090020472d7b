//! What somebody must be forgotten by, and what is kept no longer than wanted: with the real binary.

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::{Api, Server, any_file_has, client, treering};
use treering_otlp::{Export, Signal};
use treering_redact::Rules;
use treering_step::Timestamp;
use treering_store::{Batch, ClockNote, Handles, MasterSource, SpanEntry, StoreUrl, Writer};

/// In parts, so that no file of the tests is found.
const USER: &str = concat!("ada-", "of-the-erased");
const WORD: &str = concat!("wisteria", "-of-hers");

async fn send(server: &Server, key: &str, signal: &str, body: &Value) {
    let url = format!("http://{}/v1/{signal}", server.http);
    let request = client().post(url).header("x-api-key", key).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.expect("it answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

fn trace(number: u32) -> String {
    format!("{:032x}", 0xabc_0000 + number)
}

/// An execution of a user, who says a word.
fn chat(number: u32, user: &str, word: &str) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": word}]}]).to_string();
    let attributes = [
        text("gen_ai.operation.name", "chat"),
        text("user.id", user),
        text("session.id", &format!("session of {user}")),
        text("gen_ai.input.messages", &messages),
    ];
    let span = json!({"traceId": trace(number), "spanId": "b7ad6b7169203331", "name": format!("chat of {user}"),
        "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000", "attributes": attributes});
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn run(data: &Path, words: &[&str]) -> Output {
    treering().args(words).arg("--data").arg(data).output().expect("it starts")
}

/// What a command prints in JSON, and how it ends.
fn asked(data: &Path, words: &[&str]) -> (Value, Option<i32>) {
    let done = run(data, &[words, &["--json"]].concat());
    let said = String::from_utf8_lossy(&done.stderr);
    (serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("not JSON; {said}")), done.status.code())
}

fn erased(what: &str, executions: u64, records: u64) -> Value {
    json!({"project": "default", "target": what, "executions": executions, "records": records})
}

#[tokio::test]
async fn a_user_is_forgotten_while_the_server_takes_in_from_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (api, key) = (Api::of(&server), server.key("ingest"));
    for number in 0..20 {
        send(&server, &key, "traces", &chat(number, USER, WORD)).await;
    }
    // The last of them may still be on its way to the store: what was accepted is erased all the same.
    let data = server.data.clone();
    let erasing = std::thread::spawn(move || asked(&data, &["erase", "--user", USER, "--yes"]));
    for number in 100..140 {
        send(&server, &key, "traces", &chat(number, "grace", "a word of grace")).await;
    }
    assert_eq!(erasing.join().expect("it ends"), (erased("user", 20, 20), Some(0)));
    let left = api.executions(40).await;
    assert_eq!(left.len(), 40);
    assert!(left.iter().all(|execution| execution["user_id"] == "grace"), "{left:?}");
    for gone in [USER, WORD] {
        assert!(!any_file_has(&server.data, gone.as_bytes()), "{gone} is still below the folder");
    }
    let otlp = api.get(&format!("/executions/{}/otlp", trace(3))).await;
    assert_eq!(otlp["error"]["code"], "not_found", "{otlp}");
    let audit = String::from_utf8(run(&server.data, &["audit", "list", "--json"]).stdout).expect("in UTF-8");
    assert!(audit.contains("20 executions, 20 records") && !audit.contains(USER), "{audit}");
    let (again, code) = asked(&server.data, &["erase", "--user", USER, "--yes"]);
    assert_eq!((again, code), (erased("user", 0, 0), Some(1)), "nothing is left of her");
    assert!(server.terminate().success());
}

/// She is kept under a pseudonym, and found and forgotten by the address that she is known by elsewhere.
#[tokio::test]
async fn a_user_who_is_an_address_is_found_and_forgotten_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (api, key) = (Api::of(&server), server.key("ingest"));
    let (ada, grace) = (concat!("ada@", "example.com"), concat!("grace@", "example.com"));
    for (number, user) in [(0, ada), (1, grace), (2, ada)] {
        send(&server, &key, "traces", &chat(number, user, WORD)).await;
    }
    let users = api.executions(3).await;
    let users: Vec<_> = users.iter().map(|one| one["user_id"].as_str().expect("a name")).collect();
    assert!(users.iter().all(|user| user.starts_with("[REDACTED:EMAIL:")), "{users:?}");
    let of = |user: &str| format!("/executions?user={}", user.replace('@', "%40"));
    for (user, count) in [(ada, 2), (grace, 1), ("ADA@example.com", 2)] {
        let found = api.get(&of(user)).await;
        assert_eq!(found["executions"].as_array().map(Vec::len), Some(count), "{user}: {found}");
    }
    let (gone, code) = asked(&server.data, &["erase", "--user", ada, "--yes"]);
    assert_eq!((gone, code), (erased("user", 2, 2), Some(0)));
    assert_eq!(api.get(&of(grace)).await["executions"].as_array().map(Vec::len), Some(1));
    assert!(server.terminate().success());
}

#[tokio::test]
async fn an_execution_is_forgotten_where_no_server_runs_and_what_waits_in_the_journal_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    for number in 0..5 {
        send(&server, &key, "traces", &chat(number, USER, WORD)).await;
    }
    server.kill();
    let gone = trace(2);
    let (told, code) = asked(folder.path(), &["erase", "--execution", &gone, "--yes"]);
    assert_eq!((told, code), (erased("execution", 1, 1), Some(0)));
    let server = Server::start(folder.path(), &[]);
    let left = Api::of(&server).executions(4).await;
    assert_eq!(left.len(), 4);
    assert!(left.iter().all(|execution| execution["trace_id"] != gone.as_str()), "{left:?}");
    let session = format!("session of {USER}");
    let (told, code) = asked(folder.path(), &["erase", "--session", &session, "--yes"]);
    assert_eq!((told, code), (erased("session", 4, 4), Some(0)));
    assert!(!any_file_has(folder.path(), WORD.as_bytes()));
}

#[tokio::test]
async fn a_whole_project_is_forgotten_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (api, key) = (Api::of(&server), server.key("ingest"));
    for number in 0..5 {
        send(&server, &key, "traces", &chat(number, USER, WORD)).await;
    }
    api.executions(5).await;
    let words = ["erase", "--whole-project", "--project", "default", "--yes"];
    assert_eq!(asked(&server.data, &words), (erased("project", 5, 5), Some(0)));
    assert_eq!(api.executions(0).await.len(), 0);
    for gone in [USER, WORD] {
        assert!(!any_file_has(&server.data, gone.as_bytes()), "{gone} is still below the folder");
    }
    send(&server, &key, "traces", &chat(9, USER, WORD)).await;
    let new = api.executions(1).await;
    assert_eq!(new[0]["trace_id"], trace(9).as_str(), "its keys are good, and what comes now is new");
}

#[tokio::test]
async fn nobody_erases_by_accident() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (api, key) = (Api::of(&server), server.key("ingest"));
    send(&server, &key, "traces", &chat(1, USER, WORD)).await;
    api.executions(1).await;
    for (words, said) in [
        (&["erase", "--project", "default", "--yes"][..], "--whole-project"),
        (&["erase", "--whole-project", "--yes"], "--project"),
        (&["erase", "--user", "", "--project", "default", "--yes"], "--user"),
        (&["erase", "--user", USER, "--whole-project", "--project", "default"], "cannot be used with"),
        (&["erase", "--user", USER], "--yes"),
        (&["erase", "--user", USER, "--project", "nowhere", "--yes"], "nowhere"),
        (&["erase", "--execution", "no id", "--yes"], "no id"),
    ] {
        let done = run(&server.data, words);
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words:?}: {told}");
        assert!(told.contains(said), "{words:?}: {told}");
    }
    assert_eq!(api.executions(1).await.len(), 1);
    let done = run(&folder.path().join("nowhere"), &["erase", "--user", USER, "--yes"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(!folder.path().join("nowhere").exists(), "no folder is made to erase from it");
}

/// Puts a record into the store that came in so many days ago.
async fn came_in(data: &Path, days_ago: u32, number: u8) {
    let handles = handles(data).await;
    let project = handles.keeper.project("default").await.expect("it answers").expect("it is there").project;
    let today = u32::try_from(Timestamp::now().as_nanos() / 86_400_000_000_000).expect("of this age");
    let body = chat(number.into(), USER, WORD).to_string();
    let export = Export::from_json(Signal::Traces, body.as_bytes()).expect("a request");
    let record = Rules::builtin().redact_export(export).expect("a request").records().remove(0);
    let summary = treering_read::span_summary(&record).expect("a span");
    let spans = vec![SpanEntry::new(record, summary).expect("a span")];
    let (project, day) = (project.id, today - days_ago);
    let batch = Batch { project, day, spans, logs: vec![], signs: vec![] };
    handles.writer.append(vec![batch]).await.expect("it is written");
}

/// A folder whose project keeps content for a week and steps for a month, with three executions of different ages.
async fn aged(folder: &Path) {
    let server = Server::start(folder, &[]);
    assert!(server.terminate().success());
    for (number, days_ago) in [(1, 40), (2, 10), (3, 2)] {
        came_in(folder, days_ago, number).await;
    }
    let kept = run(folder, &["reread"]);
    assert!(kept.status.success(), "{}", String::from_utf8_lossy(&kept.stderr));
    let set = run(folder, &["project", "set", "default", "--keep", "30d", "--keep-content", "7d"]);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

#[tokio::test]
async fn what_is_older_than_it_is_kept_goes_when_asked_and_is_told_before() {
    let folder = tempfile::tempdir().expect("a folder");
    aged(folder.path()).await;
    let words = ["prune", "--dry-run", "--trust-clock"];
    let (told, code) = asked(folder.path(), &words);
    assert_eq!((&told[0]["project"], &told[0]["executions"], code), (&json!("default"), &json!(1), Some(0)));
    assert_eq!(told[0]["records"], 2, "the content of another one: {told}");
    assert!(told[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{told}");
    assert_eq!(asked(folder.path(), &words).0, told, "nothing went yet");
    let (went, _) = asked(folder.path(), &["prune", "--trust-clock"]);
    assert_eq!(went[0]["executions"], 1);
    let (left, _) = asked(folder.path(), &["prune"]);
    assert_eq!((&left[0]["executions"], &left[0]["records"]), (&json!(0), &json!(0)));
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    assert_eq!(api.executions(2).await.len(), 2);
    assert_eq!(api.get(&format!("/executions/{}/otlp", trace(2))).await["error"]["code"], "not_found");
    assert!(api.get(&format!("/executions/{}/otlp", trace(3))).await["resourceSpans"].is_array());
}

#[tokio::test]
async fn a_server_forgets_by_itself_and_nothing_by_a_clock_that_has_leapt() {
    let folder = tempfile::tempdir().expect("a folder");
    aged(folder.path()).await;
    clock(folder.path(), 3).await;
    let doubted = run(folder.path(), &["prune"]);
    assert_eq!(doubted.status.code(), Some(1), "nobody looked at the clock for days");
    assert!(String::from_utf8_lossy(&doubted.stderr).contains("--trust-clock"));
    clock(folder.path(), 3).await;
    let server = Server::start(folder.path(), &[]);
    let writer = writer(folder.path()).await;
    while writer.clock().await.expect("it answers").is_none_or(|note| note.doubted_since.is_none()) {
        tokio::task::yield_now().await;
    }
    let api = Api::of(&server);
    assert_eq!(api.executions(3).await.len(), 3, "all are there");
    assert!(server.terminate().success());
    clock(folder.path(), 0).await;
    let server = Server::start(folder.path(), &[]);
    let gone = |answer: &Value| answer["error"]["code"] == "not_found";
    let api = Api::of(&server);
    for number in [1, 2] {
        api.wait_for(&format!("/executions/{}/otlp", trace(number)), gone).await;
    }
    api.wait_for(&format!("/executions/{}", trace(1)), gone).await;
    assert!(
        api.get(&format!("/executions/{}", trace(2))).await["execution"].is_object(),
        "its summary stays"
    );
    assert!(api.get(&format!("/executions/{}/otlp", trace(3))).await["resourceSpans"].is_array());
}

/// As a server leaves it that looked at the clock so many days ago.
async fn clock(data: &Path, days_ago: u64) {
    let seen_at = Timestamp::from_nanos(Timestamp::now().as_nanos() - days_ago * 86_400_000_000_000);
    let note = ClockNote { seen_at: seen_at.expect("of this age"), doubted_since: None };
    writer(data).await.note_clock(note).await.expect("it is written");
}

async fn handles(data: &Path) -> Handles {
    let url: StoreUrl = format!("sqlite:{}", data.join("treering.db").display()).parse().expect("a store");
    treering_store::open(&url, MasterSource::File(data.join("master.key"))).await.expect("it opens")
}

async fn writer(data: &Path) -> Writer {
    handles(data).await.writer
}
