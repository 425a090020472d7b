//! Redaction rules of a project.

use std::time::Instant;

use serde_json::json;

use crate::support::{Api, PATIENCE, Server, client, outcome};
use crate::{command, into_one_file, run};

const RULES: &str = "builtin = false\n[[pattern]]\nname = 'TICKET'\nregex = 'ACME-[0-9]{4}'\n";

/// Who sends to a project and reads there.
struct Sender<'a> {
    server: &'a Server,
    api: Api<'a>,
    key: String,
}

impl<'a> Sender<'a> {
    fn of(server: &'a Server, project: &str) -> Self {
        let words = ["key", "create", "--json", "--scope", "ingest,read", "--project", project];
        let made = crate::Ran::of(command(words, &server.data)).json();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { server, api: Api::with(server, &key), key }
    }

    /// What is kept of a step with this name.
    async fn kept(&self, number: u64, name: &str) -> String {
        assert_eq!(self.send(number, name).await.status(), 200);
        let path = format!("/executions/{}", crate::send::trace(number));
        let whole = self.api.wait_for(&path, |answer| answer["steps"].is_array()).await;
        whole["steps"][0]["name"].as_str().unwrap().to_owned()
    }

    async fn send(&self, number: u64, name: &str) -> reqwest::Response {
        let trace = crate::send::trace(number);
        let span = json!({"traceId": trace, "spanId": format!("{:016x}", number + 1), "name": name,
            "startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "1767225600001000000"});
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        let request = client().post(format!("http://{}/v1/traces", self.server.http));
        let request = request.header("x-api-key", &self.key).header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    }

    /// Sends until it is kept like this, and tells how many were sent then.
    async fn until_kept(&self, mut number: u64, name: &str, expected: &str) -> u64 {
        let end = Instant::now() + PATIENCE;
        while self.kept(number, name).await != expected {
            assert!(Instant::now() < end, "{name} is never kept as {expected}");
            number += 1;
        }
        number + 1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_project_are_in_force_in_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data, &[]);
    run("project create other", data).well();
    let (own, other) = (Sender::of(&server, "default"), Sender::of(&server, "other"));
    let (text, plain) = ("ACME-1234 of a@b.io", "ACME-1234 of [REDACTED:EMAIL]");
    assert_eq!(own.kept(0, text).await, plain);
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, RULES).unwrap();
    let set = format!("project rules --project default --set {}", file.display());
    assert!(run(&set, data).well().out.contains("in force everywhere within two seconds"));
    let next = own.until_kept(1, text, "[REDACTED:TICKET] of [REDACTED:EMAIL]").await;
    assert_eq!(other.kept(next, text).await, plain);
    run("project rules --project default --clear", data).well();
    own.until_kept(next + 1, text, plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_of_a_newer_version_would_redact_is_not_taken_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data, &[]);
    run("project create other", data).well();
    let file = data.join("rules.toml");
    std::fs::write(&file, RULES).unwrap();
    run(&format!("project rules --project default --set {}", file.display()), data).well();
    assert!(server.terminate().success());
    let store = data.join("treering.db");
    into_one_file(&store);
    let mut bytes = std::fs::read(&store).unwrap();
    let (today, tomorrow) = (b"[[pattern]]", b"[[drawing]]");
    let places: Vec<_> =
        (0..bytes.len() - today.len()).filter(|at| bytes[*at..].starts_with(today)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + today.len()].copy_from_slice(tomorrow);
    }
    std::fs::write(&store, bytes).unwrap();
    let server = Server::start(data, &[]);
    let (own, other) = (Sender::of(&server, "default"), Sender::of(&server, "other"));
    let refused = own.send(0, "ACME-1234").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.text().await.unwrap().contains("not understood by this collector"));
    assert_eq!(other.kept(1, "ACME-1234").await, "ACME-1234");
    run("project rules --project default --clear", data).well();
    let end = Instant::now() + PATIENCE;
    while own.send(2, "chat").await.status() != 200 {
        assert!(Instant::now() < end, "it never takes anything again");
    }
    assert!(server.terminate().success());
    assert!(outcome(data, "refused.rules_unreadable").await > 0);
}

#[test]
fn rules_of_a_project_are_shown_changed_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    drop(Server::start(data, &[]));
    let show = || run("project rules --project default", data).well().out;
    assert_eq!(show(), "# project default has no rules of its own\n");
    let file = data.join("rules.toml");
    let set = format!("project rules --project default --set {}", file.display());
    assert_eq!(run(&set, data).code, 2);
    std::fs::write(&file, RULES).unwrap();
    run(&set, data).well();
    assert_eq!(show(), RULES);
    std::fs::write(&file, "\n[[pattern]]\nname = 'TICKET'\nregex = '('").unwrap();
    let refused = run(&set, data);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("rules.toml") && refused.err.contains("line 4"), "{}", refused.err);
    assert_eq!(show(), RULES);
    let shown = run("project rules --project default --json", data).json();
    assert_eq!(shown, json!({"project": "default", "rules": RULES}));
    assert_eq!(run(&format!("{set} --clear"), data).code, 2);
    assert_eq!(run("project rules --project absent", data).code, 2);
    let cleared = run("project rules --project default --clear --json", data).json();
    assert_eq!(cleared, json!({"project": "default", "rules": null}));
    let rows = run("audit list --json", data).json();
    let details: Vec<_> =
        rows.as_array().unwrap().iter().filter(|row| row["action"] == "rules.change").collect();
    assert_eq!(details[0]["detail"], "no rules of its own");
    assert!(details[1]["detail"].as_str().unwrap().starts_with("rules 1, blake3 "), "{}", details[1]);
    assert_eq!(details.len(), 2);
}

/// Replaces the file as deployments do: at once.
fn put(file: &std::path::Path, rules: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, rules).unwrap();
    std::fs::rename(&new, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_file_that_changes_is_in_force_without_a_restart_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    let pattern = |name: &str| format!("[[pattern]]\nname = '{name}'\nregex = 'ACME-[0-9]{{4}}'\n");
    put(&file, &pattern("TICKET"));
    let server = Server::start(&folder.path().join("data"), &["--rules", file.to_str().unwrap()]);
    let sender = Sender::of(&server, "default");
    let text = "ACME-1234 of a@b.io";
    assert_eq!(sender.kept(0, text).await, "[REDACTED:TICKET] of [REDACTED:EMAIL]");
    put(&file, &pattern("ISSUE"));
    let next = sender.until_kept(1, text, "[REDACTED:ISSUE] of [REDACTED:EMAIL]").await;
    put(&file, &format!("{}\n[[rule]]\nattributes = ['x']\naction = 'hide'", pattern("BROKEN")));
    // It is looked at each second; meanwhile nothing else is in force.
    let (mut number, begun) = (next, Instant::now());
    while begun.elapsed().as_millis() < 2_500 {
        assert_eq!(sender.kept(number, text).await, "[REDACTED:ISSUE] of [REDACTED:EMAIL]");
        number += 1;
    }
    put(&file, &pattern("LATER"));
    let mut kept = sender.kept(number, text).await;
    let end = Instant::now() + PATIENCE;
    while kept != "[REDACTED:LATER] of [REDACTED:EMAIL]" {
        assert_eq!(kept, "[REDACTED:ISSUE] of [REDACTED:EMAIL]");
        assert!(Instant::now() < end, "the rules never come in force");
        number += 1;
        kept = sender.kept(number, text).await;
    }
}

#[test]
fn a_broken_rule_file_is_refused_at_the_start_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, "builtin = true\n\n[[rule]]\nfind = ['EMIAL']\naction = 'mark'\n").unwrap();
    let refused = run(&format!("collect --rules {}", file.display()), folder.path());
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("line 4: `EMIAL` is no type of finding"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_on_stored_steps_which_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("rules.toml"));
    std::fs::write(&file, RULES).unwrap();
    let server = Server::start(&data, &[]);
    let sender = Sender::of(&server, "default");
    for number in 0..3 {
        sender.kept(number, "ACME-1234 of a@b.io").await;
    }
    let line = format!("redact --stored --rules {}", file.display());
    let table = run(&line, &data).well().out;
    insta::assert_snapshot!(table);
    assert_eq!(run(&format!("{line} --check"), &data).code, 1);
    assert_eq!(sender.kept(3, "plain").await, "plain");
    let path = format!("/executions/{}", crate::send::trace(0));
    assert_eq!(sender.api.get(&path).await["steps"][0]["name"], "ACME-1234 of [REDACTED:EMAIL]");
}
