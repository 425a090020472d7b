use serde_json::json;

use crate::chromium::Chromium;
use crate::support::{Api, Server};

const TRACE: &str = "9f1c7a30e5d24b8896a0c3d4e5f60718";

/// Sends as the exporter of a page does, and says what came back: a status, or why the browser would not have it.
fn script(url: &str, key: &str) -> String {
    let span = json!({"traceId": TRACE, "spanId": "9f1c7a30e5d24b88", "name": "click", "kind": 1,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let headers = json!({"content-type": "application/json", "x-api-key": key});
    format!(
        "fetch({url:?}, {{method: 'POST', headers: {headers}, body: {body:?}}})
            .then(async answer => answer.status + ' ' + await answer.text(), error => String(error))"
    )
}

/// A page of another origin than the one to send to, and without a policy of its own.
fn elsewhere(server: &Server) -> String {
    format!("http://{}/v1/info", server.grpc)
}

#[tokio::test]
async fn the_exporter_of_a_page_may_send_and_hears_the_answer() {
    let Some(browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (tab, url) = (browser.tab(), format!("http://{}/v1/traces", server.http));
    assert_eq!(tab.open(&elsewhere(&server)), 200);
    assert!(tab.read(&script(&url, "trk_wrong")).starts_with("401 "), "a refusal can be read");
    assert_eq!(tab.read(&script(&url, &server.key("ingest"))), "200 {}");
    let api = Api::of(&server);
    let arrived = |answer: &serde_json::Value| answer["steps"][0]["name"] == "click";
    api.wait_for(&format!("/executions/{TRACE}"), arrived).await;
}

#[tokio::test]
async fn where_other_pages_are_named_the_browser_keeps_it_from_sending() {
    let Some(browser) = Chromium::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--cors-origin", "https://app.example.com"]);
    let (tab, url) = (browser.tab(), format!("http://{}/v1/traces", server.http));
    assert_eq!(tab.open(&elsewhere(&server)), 200);
    let said = tab.read(&script(&url, &server.key("ingest")));
    assert!(said.contains("Failed to fetch"), "{said}");
}
