//! `treering bench`, against a server of its own and against one that runs.

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Server, store, treering};

fn bench(flags: &[&str]) -> Command {
    let mut command = treering();
    command.args(["bench", "--json", "--spans", "60", "--batch", "20", "--variants", "4"]).args(flags);
    command
}

/// What it told, and its exit code.
#[track_caller]
fn told(command: &mut Command) -> (Value, Option<i32>) {
    let output = command.output().expect("the binary starts");
    let [text, said] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}{said}")), output.status.code())
}

#[test]
fn what_a_server_of_its_own_acknowledged_is_stored_whole_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bench(&["--in-flight", "2"]);
    command.arg("--folder").arg(folder.path());
    let (told, code) = told(&mut command);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told["spans"], 60);
    assert_eq!(told["answers"], json!([{ "status": "OK", "taken": true, "delay": false, "requests": 3 }]));
    let stored = &told["stored"];
    assert_eq!([&stored["acknowledged"], &stored["missing"], &stored["doubled"]], [60, 0, 0]);
    if cfg!(target_os = "linux") {
        let server = &told["server"];
        let [answered, stored] = ["answered", "stored"]
            .map(|until| server[format!("processor_us_a_span_until_{until}")].as_f64().expect("a number"));
        assert!(answered > 0.0 && stored >= answered, "{server}");
        assert!(server["peak_bytes"].as_u64() >= server["resident_bytes"].as_u64(), "{server}");
    }
    assert_eq!(folder.path().read_dir().expect("it is there").count(), 0);
}

#[test]
fn a_server_that_runs_is_sent_to_in_every_protocol_and_compression() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    for protocol in ["grpc", "http", "http-json"] {
        for compression in ["none", "gzip", "zstd"] {
            let address = if protocol == "grpc" { &server.grpc } else { &server.http };
            let mut command =
                bench(&["--protocol", protocol, "--compression", compression, "--rate", "1000"]);
            command.args(["--url", &format!("http://{address}"), "--pid", &server.pid.to_string()]);
            command.arg("--data").arg(folder.path()).envs(store::environment(folder.path()));
            let (told, code) = told(command.env("TREERING_API_KEY", &key));
            assert_eq!(code, Some(0), "{protocol}, {compression}: {told}");
            assert_eq!([&told["stored"]["acknowledged"], &told["stored"]["missing"]], [60, 0]);
        }
    }
}

#[test]
fn answers_that_refuse_are_counted_by_their_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let refused = |status: &str| json!([{ "status": status, "taken": false, "delay": false, "requests": 3 }]);
    for (protocol, address, status) in [("grpc", &server.grpc, "gRPC 16"), ("http", &server.http, "401")] {
        let mut command = bench(&["--protocol", protocol, "--url", &format!("http://{address}")]);
        let (told, code) = told(command.env("TREERING_API_KEY", "trk_nobody"));
        assert_eq!((&told["answers"], code), (&refused(status), Some(1)));
    }
}

#[test]
fn what_cannot_be_sent_to_is_told_with_what_to_do() {
    for (flags, key, word) in [
        (["--url", "https://127.0.0.1:4317"], "trk_x", "http://127.0.0.1:4317"),
        (["--url", "http://127.0.0.1:1"], "trk_x", "--protocol"),
        (["--url", "http://127.0.0.1:1"], "", "TREERING_API_KEY"),
    ] {
        let mut command = bench(&flags);
        let command = if key.is_empty() { &mut command } else { command.env("TREERING_API_KEY", key) };
        let output = command.output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word), "{said}");
    }
}
