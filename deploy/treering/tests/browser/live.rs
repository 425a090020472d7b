//! What arrives is seen on a page that stands open.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::support::{Server, client};
use crate::tab::Tab;
use crate::visit::Visit;
use crate::{Api, executions};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// Sends a step of this execution, as one that runs or as one that ended.
async fn send(server: &Server, key: &str, id: u64, name: &str, ended: bool) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
    let parent = if id == 1 { String::new() } else { format!("{:016x}", 1) };
    let (signal, body) = if ended {
        let span = json!({"traceId": TRACE, "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
            "startTimeUnixNano": (now - 1_000_000).to_string(), "endTimeUnixNano": now.to_string(),
            "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}}]});
        ("traces", json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    } else {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let started = json!({"key": "treering.step.started_at", "value": {"intValue": now.to_string()}});
        let log = json!({"traceId": TRACE, "spanId": format!("{id:016x}"), "eventName": "treering.step.running",
            "timeUnixNano": now.to_string(), "attributes": [text("treering.step.name", name),
            text("treering.step.parent_id", &parent), started]});
        let resource = json!({"attributes": [text("service.instance.id", "one")]});
        ("logs", json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [log]}]}]}))
    };
    let request = client().post(format!("http://{}/v1/{signal}", server.http)).header("x-api-key", key);
    let request = request.header("content-type", "application/json").body(body.to_string());
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

/// Waits until the page shows this, and says after how long.
fn seen(tab: &Tab<'_>, what: &str, since: Instant) -> Duration {
    tab.wait_until(&format!("document.querySelector('main').innerText.includes({what:?})"));
    since.elapsed()
}

#[tokio::test]
async fn a_step_appears_on_the_page_that_stands_open() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let key = visit.server.key("ingest");
    let tab = visit.tab();
    let since = Instant::now();
    send(&visit.server, &key, 1, "whole_run", true).await;
    println!("on the list after {:?}", seen(&tab, "whole_run", since));
    assert_eq!(executions(&tab), 4);

    Api::of(&visit.server).executions(4).await;
    tab.open(&format!("{}/executions/{TRACE}", visit.origin()));
    let since = Instant::now();
    send(&visit.server, &key, 2, "second_step", true).await;
    println!("in the tree after {:?}", seen(&tab, "second_step", since));
    // One that runs is seen while it runs.
    let since = Instant::now();
    send(&visit.server, &key, 4, "running_step", false).await;
    println!("while it runs after {:?}", seen(&tab, "running_step", since));
    // What one looks at stays as it is.
    tab.press("j");
    let before = tab.read("document.activeElement.id");
    send(&visit.server, &key, 3, "third_step", true).await;
    seen(&tab, "third_step", Instant::now());
    assert_eq!(tab.read("document.activeElement.id"), before);
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}
