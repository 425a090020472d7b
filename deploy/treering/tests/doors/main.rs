//! Who may send, how much, and for how long: with the real binary, and commands of other processes.

#[path = "../support/mod.rs"]
mod support;

mod limits;
mod revoking;
mod signing;

use std::path::Path;

use serde_json::{Value, json};

use support::{store, treering};

/// Runs a command on this folder, which goes well.
fn command(data: &Path, arguments: &[&str]) -> String {
    let ran = treering().args(arguments).arg("--data").arg(data).envs(store::environment(data)).output();
    let ran = ran.expect("the binary starts");
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("it prints UTF-8")
}

/// The same for one that prints JSON.
fn asked(data: &Path, arguments: &[&str]) -> Value {
    let printed = command(data, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).expect("it prints JSON")
}

/// So many spans of an execution of their own, as OTLP/JSON.
fn spans(first: u64, count: u64) -> String {
    let span = |number: u64| {
        json!({"traceId": format!("{first:032x}"), "spanId": format!("{:016x}", first + number), "name": "step",
            "startTimeUnixNano": "1", "endTimeUnixNano": "2"})
    };
    let spans: Vec<_> = (0..count).map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
}

async fn send(client: &reqwest::Client, address: &str, key: &str, body: String) -> Answer {
    let request = client.post(format!("http://{address}/v1/traces")).header("x-api-key", key);
    let answer = request.header("content-type", "application/json").body(body).send().await;
    let answer = answer.expect("each is answered");
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Answer { status: answer.status().as_u16(), retry_after }
}
