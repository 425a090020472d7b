//! Content is sealed, and found by its words.

mod support;

use serde_json::{Value, json};
use support::{Api, Server, client};

/// A word that stands nowhere but in the prompt.
const RARE: &str = "quokkarium";

async fn send(server: &Server, number: u8, prompt: &str) {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": prompt}]}]).to_string();
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let attributes =
        [attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.input.messages", &messages)];
    let span = json!({"traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "chat",
        "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000", "attributes": attributes});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let request = client().post(format!("http://{}/v1/traces", server.http));
    let request =
        request.header("x-api-key", server.key("ingest")).header("content-type", "application/json");
    let answer = request.body(body).send().await.expect("it answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// The ids of the executions that this finds once nothing waits for the index any more.
async fn found(api: &Api<'_>, query: &str) -> Vec<String> {
    let path = format!("/executions?q={query}");
    let answer = api.wait_for(&path, |answer| answer["search"]["waiting"] == 0).await;
    let executions = answer["executions"].as_array().cloned().unwrap_or_default();
    let id = |one: &Value| one["trace_id"].as_str().expect("an id").to_owned();
    executions.iter().map(id).collect()
}

#[tokio::test]
async fn a_prompt_is_found_by_two_of_its_words_and_stands_in_the_store_sealed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    send(&server, 1, &format!("How many keepers does the\n{RARE} employ?")).await;
    send(&server, 2, "How many keepers does the zoo employ?").await;
    api.executions(2).await;
    let first = format!("{:032x}", 1);
    assert_eq!(found(&api, &format!("KEEPERS+{RARE}")).await, std::slice::from_ref(&first));
    assert_eq!(found(&api, "keepers+employ").await.len(), 2);
    assert_eq!(found(&api, &RARE[..5]).await, [""; 0], "a part of a word");
    assert_eq!(found(&api, &format!("%22keepers+{RARE}%22")).await, [""; 0], "a phrase");
    assert!(server.terminate().success());
    for file in ["treering.db", "treering.keys"] {
        let bytes = std::fs::read(folder.path().join(file)).expect("it is there");
        assert!(!bytes.windows(RARE.len()).any(|part| part == RARE.as_bytes()), "the word stands in {file}");
    }

    let again = Server::start(folder.path(), &[]);
    assert_eq!(found(&Api::of(&again), RARE).await, [first]);
}
