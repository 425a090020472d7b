//! The JSON read API.

mod support;

use serde_json::{Value, json};
use support::Filled;
use support::browser::Browser;
use support::otlp::{nanos, trace_id};
use support::samples::{hostile, research, short, wide};
use treering_otlp::{Export, Signal};

async fn reader(filled: &Filled) -> Browser {
    let (key, _) = filled.key(&filled.project, &["read"]).await;
    filled.stranger().bearing(key.reveal())
}

fn api(trace: u64, rest: &str) -> String {
    format!("/api/v1/executions/{}{rest}", trace_id(trace))
}

#[tokio::test]
async fn executions_are_listed_in_the_words_of_the_interface() {
    let filled = Filled::with([research(1), short(2, "support_triage", 60_000.0, 2100.0, true)]).await;
    let answer = reader(&filled).await.get("/api/v1/executions").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn a_search_says_how_it_was_done_and_how_far_the_index_is_behind() {
    let filled = Filled::with([research(1), short(2, "support_triage", 60_000.0, 2100.0, true)]).await;
    let mut browser = reader(&filled).await;
    let mut search = async |query: &str| {
        let answer = browser.get(&format!("/api/v1/executions?q={query}")).await.json();
        (answer["executions"].as_array().unwrap().len(), answer["search"].clone())
    };
    let (found, behind) = search("summer+RING").await;
    assert_eq!((found, &behind["waiting"]), (0, &json!(2)));
    assert!(behind["waiting_since"].as_str().unwrap().ends_with('Z'), "{behind}");
    filled.index().await;
    let words = json!({"content": "whole words", "clear": "parts of words and phrases",
        "words": ["ring", "summer"], "waiting": 0});
    assert_eq!(search("summer+RING").await, (1, words));
    let phrase = json!({"clear": "parts of words and phrases", "words": [], "waiting": 0});
    assert_eq!(search("%22port_tri%22").await, (1, phrase.clone()));
    assert_eq!(search("%22ring+width%22").await, (0, phrase));
    let id = json!({"clear": "whole id", "words": [], "waiting": 0});
    assert_eq!(search(&trace_id(2).to_string()).await, (1, id));
    let many: String = (0..10_000).map(|number| format!("w{number}+")).collect();
    let refused = browser.get(&format!("/api/v1/executions?q={many}")).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_list_goes_on_at_its_cursor() {
    let filled = Filled::with((1..=5).map(|n| short(n, "triage", n as f64 * 1000.0, 500.0, false))).await;
    let mut browser = reader(&filled).await;
    let mut path = "/api/v1/executions?limit=2".to_owned();
    let mut found = Vec::new();
    loop {
        let page = browser.get(&path).await.json();
        let ids =
            page["executions"].as_array().unwrap().iter().map(|e| e["trace_id"].as_str().unwrap().to_owned());
        found.extend(ids);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/executions?limit=2&cursor={cursor}");
    }
    assert_eq!(found, [5, 4, 3, 2, 1].map(trace_id));
}

#[tokio::test]
async fn an_execution_has_its_steps_in_the_order_of_the_tree() {
    let filled = Filled::with([research(1)]).await;
    let answer = reader(&filled).await.get(&api(1, "")).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn content_comes_when_it_is_asked_for() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = reader(&filled).await;
    let without = browser.get(&api(1, "?content=0")).await.json();
    let with = browser.get(&api(1, "?content=1&limit=5000")).await.json();
    for (outline, whole) in without["steps"].as_array().unwrap().iter().zip(with["steps"].as_array().unwrap())
    {
        assert_eq!(outline["span_id"], whole["span_id"]);
        assert_eq!(outline["depth"], whole["depth"]);
        assert_eq!(
            (outline["kind"].clone(), outline["tokens"].clone()),
            (whole["kind"].clone(), whole["tokens"].clone())
        );
        assert_eq!((outline.get("input"), outline.get("attributes")), (None, None));
        assert!(whole["attributes"].is_object());
    }
    let one = browser.get(&api(1, "/steps/0000000000000009")).await.json();
    assert_eq!(one, with["steps"][8]);
    insta::assert_json_snapshot!(one);
}

#[tokio::test]
async fn a_long_execution_goes_on_where_it_stopped() {
    let filled = Filled::with([wide(1, 2_500)]).await;
    let mut browser = reader(&filled).await;
    let first = browser.get(&api(1, "")).await.json();
    assert_eq!(first["steps"].as_array().unwrap().len(), 1_000);
    let mut spans = 0;
    let mut path = api(1, "?limit=700");
    loop {
        let page = browser.get(&path).await.json();
        spans += page["steps"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        path = api(1, &format!("?limit=700&at={next}"));
    }
    assert_eq!(spans, 2_501);
}

#[tokio::test]
async fn outlines_of_more_steps_than_could_come_whole_come_in_one_answer() {
    let filled = Filled::with([wide(1, 10_000)]).await;
    let answer = reader(&filled).await.get(&api(1, "?limit=100000")).await.json();
    assert_eq!(answer["steps"].as_array().unwrap().len(), 10_001);
    assert_eq!(answer.get("next"), None);
}

#[tokio::test]
async fn what_is_stored_comes_back_as_otlp() {
    let filled = Filled::with([research(1)]).await;
    let log = json!({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {"name": "sample"}, "logRecords": [{
        "timeUnixNano": nanos(10.0), "traceId": trace_id(1), "spanId": "0000000000000002", "severityText": "INFO",
        "eventName": "gen_ai.user.message", "body": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "write to bob@acme.dev"}}]}},
    }]}]}]});
    filled.put(&filled.project, Signal::Logs, &log).await;
    let answer = reader(&filled).await.get(&api(1, "/otlp")).await;
    assert_eq!(
        answer.header("content-disposition"),
        format!("attachment; filename=\"{}.otlp.json\"", trace_id(1))
    );
    let stored = answer.json();
    let request = |signal, field: &str| {
        Export::from_json(signal, json!({field: stored[field]}).to_string().as_bytes())
            .unwrap()
            .records_count()
    };
    assert_eq!(request(Signal::Traces, "resourceSpans"), 10);
    assert_eq!(request(Signal::Logs, "resourceLogs"), 1);
    assert!(answer.body.contains("[REDACTED:EMAIL]") && !answer.body.contains("acme.dev"));
}

#[tokio::test]
async fn errors_are_json_and_echo_nothing() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = reader(&filled).await;
    let mut errors = Vec::new();
    for path in [
        "/api/v1/executions?status=%3Cscript%3E".to_owned(),
        "/api/v1/executions?limit=0".to_owned(),
        "/api/v1/executions?cursor=x".to_owned(),
        "/api/v1/executions?project=other".to_owned(),
        "/api/v1/executions/%3Cscript%3E".to_owned(),
        api(99, ""),
        api(99, "/otlp"),
        api(1, "?at=zz"),
        api(1, "?at=00000000000000ff"),
        api(1, "?limit=100001"),
        api(1, "?content=1&limit=10001"),
        api(1, "?content=maybe"),
        api(1, "/steps/zz"),
        api(1, "/steps/00000000000000ff"),
        "/api/v1/nothing".to_owned(),
        "/api/v2".to_owned(),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert!(answer.status >= 400 && !answer.body.contains("script"), "{path}");
        errors.push(json!([path, answer.status, answer.json()["error"]]));
    }
    insta::assert_json_snapshot!(errors);
}

#[tokio::test]
async fn hostile_text_stays_valid_json() {
    let text = "\"</script>\u{202e}\u{0}\\\n";
    let filled = Filled::with([hostile(1, text)]).await;
    let step: Value = reader(&filled).await.get(&api(1, "/steps/0000000000000001")).await.json();
    assert_eq!(step["name"], text);
}
