//! `treering up`, as its first user meets it.

mod support;

use serde_json::Value;
use support::{Api, Server, any_file_has};

#[tokio::test]
async fn the_demo_shows_its_tree_and_hides_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &["--demo"]);
    let api = Api::of(&server);
    let executions = api.executions(3).await;
    let largest = executions.iter().max_by_key(|one| one["steps"].as_u64()).expect("three of them");
    assert_eq!(largest["agent"], "research_assistant");
    let path = format!("/executions/{}?content=1", largest["trace_id"].as_str().expect("an id"));
    // The parts of an execution may arrive in more than one request.
    let whole = api.wait_for(&path, |answer| tree(answer).contains("summariser")).await;
    insta::assert_snapshot!(tree(&whole));
    let text = whole.to_string();
    assert!(text.contains("[REDACTED:EMAIL]") && text.contains("[REDACTED:"), "{text}");
    for secret in [concat!("@", "example"), concat!("sk-", "proj-")] {
        assert!(!text.contains(secret), "{secret} in the answer");
        assert!(!any_file_has(&server.data, secret.as_bytes()), "{secret} in a file");
    }
    assert!(server.terminate().success());
}

/// Kind and name of each step, indented by depth.
fn tree(execution: &Value) -> String {
    let steps = execution["steps"].as_array().cloned().unwrap_or_default();
    let line = |step: &Value| {
        let indent = "  ".repeat(usize::try_from(step["depth"].as_u64().unwrap_or(0)).unwrap_or(0));
        format!(
            "{indent}{} {} {}\n",
            step["kind"].as_str().unwrap_or("?"),
            step["name"].as_str().unwrap_or("?"),
            step["status"].as_str().unwrap_or("?")
        )
    };
    steps.iter().map(line).collect()
}

#[tokio::test]
async fn a_first_start_prints_a_key_and_a_second_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Server::start(folder.path(), &[]);
    assert!(first.printed.iter().any(|line| line.contains("API key    trk_")));
    assert!(first.terminate().success());
    let second = Server::start(folder.path(), &[]);
    assert!(!second.printed.iter().any(|line| line.contains("API key    trk_")));
}

#[cfg(unix)]
#[tokio::test]
async fn the_databases_are_for_their_owner_alone_in_an_open_folder_too() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let server = Server::start(folder.path(), &["--demo"]);
    Api::of(&server).executions(1).await;
    let mut databases = 0;
    for file in std::fs::read_dir(folder.path()).expect("it can be read") {
        let file = file.expect("an entry");
        let name = file.file_name().to_string_lossy().into_owned();
        if name.contains(".db") {
            databases += 1;
            let mode = file.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    assert!(databases >= 2, "the store and its log");
}

#[tokio::test]
async fn two_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = Server::start(folder.path(), &[]);
    let second = support::treering()
        .args([
            "up",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--dashboard",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(folder.path())
        .output()
        .expect("the binary starts");
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another treering uses"));
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused_without_a_proxy() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = support::treering()
        .args(["up", "--dashboard", "0.0.0.0:0", "--data"])
        .arg(folder.path())
        .output()
        .expect("the binary starts");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--behind-proxy"));
}

#[tokio::test]
async fn rules_that_are_off_are_said_aloud() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules.toml");
    std::fs::write(&rules, "builtin = false\n").expect("it can be written");
    let flags = ["--rules", rules.to_str().expect("UTF-8")];
    let server = Server::start(&folder.path().join("data"), &flags);
    assert!(server.printed.iter().any(|line| line.contains("RULES ARE OFF")));
}

#[tokio::test]
async fn an_exporter_of_metrics_hears_that_they_are_thrown_away_only_if_that_is_asked_for() {
    let point =
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}"#;
    for (flags, rejected) in [(&[][..], Value::Null), (&["--report-discarded"][..], Value::from("1"))] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), flags);
        let post = support::client().post(format!("http://{}/v1/metrics", server.http));
        let post = post.bearer_auth(server.key("ingest")).header("content-type", "application/json");
        let answer = post.body(point).send().await.expect("it answers");
        assert_eq!(answer.status(), 200);
        let answer: Value =
            serde_json::from_str(&answer.text().await.expect("a text")).expect("an answer in JSON");
        assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], rejected, "{flags:?}: {answer}");
    }
}
