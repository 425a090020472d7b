use serde_json::{Value, json};

use crate::support::{Server, client};

/// What a page must show and never do: elements, attributes, addresses and template code.
const PAYLOAD: &str = r#"<script>alert(1)</script><img src=x onerror=alert(2)>"'><svg/onload=alert(3)>javascript:alert(4){{7*7}}"#;

pub(crate) const TRACE: &str = "5bd01eb0a8bb4f62a2c3b7a1f0d9e801";
pub(crate) const STEP: &str = "5bd01eb0a8bb4f62";

/// The payload in this field.
pub(crate) fn hostile(field: &str) -> String {
    format!("{field}{PAYLOAD}")
}

/// Every field that the page of a step shows whole.
pub(crate) const FIELDS: [&str; 15] = [
    "name", "key", "value", "session", "user", "agent", "model", "content", "error", "type", "stack",
    "event", "linked", "thought", "result",
];

/// Sends an execution of one failed step, whose every field is hostile, to a server.
pub(crate) async fn send(server: &Server) {
    let url = format!("http://{}/v1/traces", server.http);
    let answer = client()
        .post(url)
        .header("content-type", "application/json")
        .header("x-api-key", server.key("ingest"))
        .body(request().to_string())
        .send()
        .await
        .expect("it answers");
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

fn request() -> Value {
    let messages = |role: &str, parts: Value| json!([{"role": role, "parts": parts}]).to_string();
    let attributes = attributes(&[
        (&hostile("key"), &hostile("value")),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.conversation.id", &hostile("session")),
        ("user.id", &hostile("user")),
        ("gen_ai.agent.name", &hostile("agent")),
        ("gen_ai.request.model", &hostile("model")),
        (
            "gen_ai.input.messages",
            &messages(&hostile("role"), json!([{"type": "text", "content": hostile("content")}])),
        ),
        (
            "gen_ai.output.messages",
            &messages(
                "assistant",
                json!([
                    {"type": "reasoning", "content": hostile("thought")},
                    {"type": "tool_call_response", "id": "1", "result": hostile("result")},
                ]),
            ),
        ),
    ]);
    let exception = attributes_of_an_exception();
    let span = json!({
        "traceId": TRACE, "spanId": STEP, "name": hostile("name"), "kind": 1,
        "startTimeUnixNano": "1795363500000000000", "endTimeUnixNano": "1795363501000000000",
        "attributes": attributes,
        "status": {"code": 2, "message": hostile("error")},
        "events": [
            {"timeUnixNano": "1795363500500000000", "name": hostile("event")},
            {"timeUnixNano": "1795363500500000000", "name": "exception", "attributes": exception},
        ],
        "links": [{
            "traceId": TRACE, "spanId": "00000000000000ff", "attributes": self::attributes(&[("at", &hostile("linked"))]),
        }],
    });
    json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": hostile("scope")}, "spans": [span]}]}]})
}

fn attributes_of_an_exception() -> Value {
    attributes(&[
        ("exception.type", &hostile("type")),
        ("exception.message", &hostile("error")),
        ("exception.stacktrace", &hostile("stack")),
    ])
}

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}
