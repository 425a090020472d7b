//! The stock exporters of OpenTelemetry in five languages, told nothing but where to send and with which key.
//!
//! One test a language, which sends a tree, a log record and a metric in every manner that its exporters offer:
//! `cargo test -p treering --test exporters go`. What it needs comes from `deploy/test`, by these variables:
//!
//! | language | variable | what it names |
//! | --- | --- | --- |
//! | Python | `TREERING_PYTHON` | a Python with the packages of `python/requirements.txt` |
//! | Node | `TREERING_NODE_MODULES` | a folder in which those of `node/package.json` were installed |
//! | Go | `TREERING_GO_SENDER` | the program that was built of `go` |
//! | Java | `TREERING_JAVA_CLASSES` | a folder with the jars of `java/pom.xml` |

mod rust;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Api, Server, leave_out};
use treering_store::Scope;

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

const GRPC_AND_PROTOBUF: &[Manner] = MANNERS.split_at(4).0;

#[tokio::test]
async fn the_stock_exporters_of_python_deliver() {
    let Some(python) = named("Python", "TREERING_PYTHON") else { return };
    deliver(&MANNERS, || bare(&python, [program("python/send.py")]), nothing_else).await;
}

#[tokio::test]
async fn the_stock_exporters_of_node_deliver() {
    let Some(folder) = named("Node", "TREERING_NODE_MODULES") else { return };
    deliver(&MANNERS, || bare("node", [program("node/send.mjs"), folder.clone()]), nothing_else).await;
}

/// With `http/json` its spans alone are JSON: the exporters of logs and metrics know protobuf only.
#[tokio::test]
async fn the_stock_exporters_of_go_deliver() {
    let Some(sender) = named("Go", "TREERING_GO_SENDER") else { return };
    deliver(&MANNERS, || bare(&sender, [""; 0]), nothing_else).await;
}

/// Its exporters have no `http/json`.
#[tokio::test]
async fn the_stock_exporters_of_java_deliver() {
    let Some(folder) = named("Java", "TREERING_JAVA_CLASSES") else { return };
    let arguments = ["-cp".into(), folder.join("*"), program("java/Send.java")];
    deliver(GRPC_AND_PROTOBUF, || bare("java", arguments.clone()), nothing_else).await;
}

#[tokio::test]
async fn the_stock_exporters_of_rust_deliver() {
    deliver(&MANNERS, rust::command, rust::ids).await;
}

/// What a language needs, or one line that says that it is left out.
fn named(language: &str, variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        leave_out(
            &format!("the exporters of {language}"),
            &format!("{variable} is not set; deploy/test sets it"),
        );
    }
    found
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exporters").join(name)
}

/// A command that knows nothing of the developer's own variables.
fn bare(
    program: impl AsRef<std::ffi::OsStr>,
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.args(arguments.into_iter().map(Into::into));
    command
}

/// What a program printed, if that is ids and nothing else.
fn nothing_else(said: &str) -> Option<Value> {
    serde_json::from_str(said).ok()
}

/// Sends in each manner, and looks at what arrived.
async fn deliver(manners: &[Manner], sender: impl Fn() -> Command, ids: fn(&str) -> Option<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    let api = Api::of(&server);
    for &manner in manners {
        let said = send(sender(), manner, &server, &key);
        let ids = ids(&said).unwrap_or_else(|| panic!("{manner:?}: something else than the ids: {said}"));
        let path = format!("/executions/{}?content=1", text(&ids["trace_id"]));
        // The spans and the log record may arrive in any order.
        let whole = |answer: &Value| {
            answer["steps"].as_array().is_some_and(|steps| steps.len() == 2 && steps[1]["logs"].is_array())
        };
        look_at(&api.wait_for(&path, whole).await, &ids, manner);
    }
    // Some send metrics of their own as well.
    assert!(data_points(server).await >= manners.len() as u64, "a metric in each manner was counted");
}

/// What the program printed, which was to have nothing to complain of: a stock exporter does so on stderr.
fn send(mut sender: Command, manner: Manner, server: &Server, key: &str) -> String {
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
    String::from_utf8_lossy(&sent.stdout).into_owned()
}

/// How many data points of metrics the server counted until its end.
async fn data_points(server: Server) -> u64 {
    let store = format!("sqlite:{}", server.data.join("treering.db").display());
    let master = treering_store::MasterSource::File(server.data.join("master.key"));
    assert!(server.terminate().success());
    let url = store.parse().expect("a place");
    let reader = treering_store::open_read_only(&url, master).await.expect("the store is there").reader;
    let scope = Scope::of(reader.projects().await.expect("they can be read")[0].id);
    let outcomes = reader.outcomes(scope).await.expect("it can be read");
    outcomes.iter().find(|outcome| outcome.name == "discarded.data_points").map_or(0, |outcome| outcome.count)
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
