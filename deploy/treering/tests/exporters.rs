//! The stock exporters of OpenTelemetry, told nothing but where to send and with which key.
//!
//! `TREERING_PYTHON` is a Python with the packages of `exporters/requirements.txt`, `TREERING_NODE_MODULES` a
//! folder in which those of `exporters/package.json` were installed. `deploy/test` makes both.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Api, Server, leave_out};

/// How a stock exporter is told to send.
#[derive(Debug, Clone, Copy)]
struct Manner {
    protocol: &'static str,
    gzip: bool,
    /// Of `OTEL_EXPORTER_OTLP_HEADERS`, before the key.
    header: &'static str,
}

const MANNERS: [Manner; 6] = [
    Manner { protocol: "grpc", gzip: false, header: "x-api-key=" },
    Manner { protocol: "grpc", gzip: true, header: "authorization=Bearer%20" },
    Manner { protocol: "http/protobuf", gzip: false, header: "authorization=Bearer%20" },
    Manner { protocol: "http/protobuf", gzip: true, header: "x-api-key=" },
    Manner { protocol: "http/json", gzip: false, header: "x-api-key=" },
    Manner { protocol: "http/json", gzip: true, header: "authorization=Bearer%20" },
];

#[tokio::test]
async fn the_stock_exporters_of_python_deliver() {
    let Some(python) = std::env::var_os("TREERING_PYTHON") else {
        let why =
            "TREERING_PYTHON names no Python with tests/exporters/requirements.txt; deploy/test makes one";
        return leave_out("the exporters of Python", why);
    };
    deliver(|| bare(&python, &[program("send.py")])).await;
}

#[tokio::test]
async fn the_stock_exporters_of_node_deliver() {
    let Some(folder) = std::env::var_os("TREERING_NODE_MODULES") else {
        let why = "TREERING_NODE_MODULES names no folder with tests/exporters/package.json installed; \
                   deploy/test makes one";
        return leave_out("the exporters of Node", why);
    };
    deliver(|| bare("node", &[program("send.mjs"), PathBuf::from(&folder)])).await;
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exporters").join(name)
}

/// A command that knows nothing of the developer's own variables.
fn bare(program: impl AsRef<std::ffi::OsStr>, arguments: &[PathBuf]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).args(arguments);
    command
}

/// Sends in every manner, and looks at what arrived.
async fn deliver(sender: impl Fn() -> Command) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    let api = Api::of(&server);
    for manner in MANNERS {
        let ids = send(sender(), manner, &server, &key);
        let path = format!("/executions/{}?content=1", text(&ids["trace_id"]));
        // The spans and the log record may arrive in any order.
        let whole = |answer: &Value| {
            answer["steps"].as_array().is_some_and(|steps| steps.len() == 2 && steps[1]["logs"].is_array())
        };
        look_at(&api.wait_for(&path, whole).await, &ids, manner);
    }
}

/// The ids that the program made. It may say nothing else: a stock exporter complains on stderr.
fn send(mut sender: Command, manner: Manner, server: &Server, key: &str) -> Value {
    let address = if manner.protocol == "grpc" { &server.grpc } else { &server.http };
    sender
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("{}{key}", manner.header))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", manner.protocol);
    if manner.gzip {
        sender.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    }
    let sent = sender.output().expect("the program starts");
    let complaints = String::from_utf8_lossy(&sent.stderr);
    assert!(sent.status.success() && complaints.is_empty(), "{manner:?}: {}\n{complaints}", sent.status);
    let said = String::from_utf8_lossy(&sent.stdout);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{manner:?}: more than the ids: {said}"))
}

fn look_at(whole: &Value, ids: &Value, manner: Manner) {
    let [agent, call] = [&whole["steps"][0], &whole["steps"][1]];
    assert_eq!(agent["span_id"], ids["agent"], "{manner:?}");
    assert_eq!(agent["name"], "invoke_agent sender", "{manner:?}");
    assert!(agent["parent_span_id"].is_null(), "{manner:?}: {agent}");
    assert_eq!(call["span_id"], ids["call"], "{manner:?}");
    assert_eq!(call["parent_span_id"], ids["agent"], "{manner:?}");
    assert_eq!(call["name"], "chat test-model", "{manner:?}");
    assert_eq!(call["model"], "test-model", "{manner:?}");
    assert_eq!(call["logs"][0]["body"], "a log record inside the call", "{manner:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
