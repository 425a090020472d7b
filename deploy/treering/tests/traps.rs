//! The traps of agent telemetry that show only from the door to the answer: content that comes on other
//! connections and in other orders, parents that never come, spans that come twice, records that are broken.
//! Those of reading alone are tested in `collector/read`, under the same numbers.

#![expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it is used")]

mod support;

use serde_json::{Value, json};
use support::{Api, Server, client};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A server, a key for it, and its read API.
struct Lab {
    server: Server,
    key: String,
    _folder: tempfile::TempDir,
}

impl Lab {
    fn new(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(&folder.path().join("data"), flags);
        Self { key: server.key("ingest"), server, _folder: folder }
    }

    /// What the request is answered, which every exporter would take for success.
    async fn send(&self, signal: &str, request: &Value) -> Value {
        let url = format!("http://{}/v1/{signal}", self.server.http);
        let post = client().post(url).bearer_auth(&self.key).header("content-type", "application/json");
        let answer = post.body(request.to_string()).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
    }

    async fn spans(&self, spans: &[Value]) -> Value {
        self.send("traces", &json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})).await
    }

    async fn logs(&self, records: &[Value]) -> Value {
        self.send("logs", &json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})).await
    }

    /// The steps of an execution, once they satisfy.
    async fn steps(&self, trace: &str, satisfies: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let steps = |answer: &Value| answer["steps"].as_array().cloned().unwrap_or_default();
        let path = format!("/executions/{trace}?content=1");
        steps(&Api::of(&self.server).wait_for(&path, |answer| satisfies(&steps(answer))).await)
    }
}

fn id(number: u64) -> String {
    format!("{number:016x}")
}

/// A span that begins and ends at these seconds; 0 is no parent.
fn span(own: u64, parent: u64, name: &str, [start, end]: [u64; 2], attributes: &Value) -> Value {
    let nanos = |second: u64| (1_767_225_600_000_000_000 + second * 1_000_000_000).to_string();
    let parent = if parent == 0 { String::new() } else { id(parent) };
    json!({
        "traceId": TRACE, "spanId": id(own), "parentSpanId": parent, "name": name, "attributes": pairs(attributes),
        "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(end),
    })
}

fn pairs(attributes: &Value) -> Value {
    let value = |value: &Value| match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        other => json!({"intValue": other}),
    };
    attributes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, of)| json!({"key": key, "value": value(of)}))
        .collect()
}

fn call(own: u64, attributes: Value) -> Value {
    let mut all = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak-1"});
    all.as_object_mut().expect("an object").extend(attributes.as_object().cloned().unwrap_or_default());
    span(own, 0, "chat oak-1", [1, 2], &all)
}

fn said(text: &str) -> Value {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": text}]}]);
    json!({"gen_ai.input.messages": messages.to_string()})
}

/// The event that brings the content of a call, as a log record with these ids.
fn details(ids: Value, text: &str, attributes: Value) -> Value {
    let mut all = said(text);
    all.as_object_mut().expect("an object").extend(attributes.as_object().cloned().unwrap_or_default());
    let mut record = json!({
        "eventName": "gen_ai.client.inference.operation.details", "timeUnixNano": "1767225601500000000",
        "attributes": pairs(&all),
    });
    record.as_object_mut().expect("an object").extend(ids.as_object().cloned().unwrap_or_default());
    record
}

fn names(steps: &[Value]) -> Vec<String> {
    let name = |step: &Value| {
        let depth = usize::try_from(step["depth"].as_u64().unwrap_or_default()).unwrap_or_default();
        format!("{}{}", "  ".repeat(depth), step["name"].as_str().unwrap_or("?"))
    };
    steps.iter().map(name).collect()
}

#[tokio::test]
async fn t03_content_on_log_records_is_joined_in_whatever_order_it_comes() {
    let lab = Lab::new(&[]);
    let of_span = |own: u64| json!({"traceId": TRACE, "spanId": id(own)});
    lab.logs(&[details(of_span(1), "before its span", json!({}))]).await;
    lab.spans(&[call(1, json!({})), call(2, json!({})), call(3, json!({"gen_ai.response.id": "r3"}))]).await;
    lab.logs(&[details(of_span(2), "after its span", json!({}))]).await;
    lab.logs(&[details(json!({}), "by the id of the answer", json!({"gen_ai.response.id": "r3"}))]).await;
    // The log record of an answer comes before the span of it, and of another process knows no trace either.
    lab.logs(&[details(json!({}), "before the answer", json!({"gen_ai.response.id": "r4"}))]).await;
    lab.spans(&[call(4, json!({"gen_ai.response.id": "r4"}))]).await;
    let whole = |steps: &[Value]| steps.len() == 4 && steps.iter().all(|step| step["input"].is_object());
    let steps = lab.steps(TRACE, whole).await;
    let inputs: Vec<_> =
        steps.iter().map(|step| &step["input"]["messages"][0]["parts"][0]["content"]).collect();
    assert_eq!(inputs, ["before its span", "after its span", "by the id of the answer", "before the answer"]);
    let executions = Api::of(&lab.server).executions(1).await;
    assert_eq!(executions.len(), 1, "what found its span is no execution of its own: {executions:?}");
}

#[tokio::test]
async fn t05_a_tree_is_drawn_of_what_came_and_drawn_anew_when_more_comes() {
    let lab = Lab::new(&[]);
    let none = json!({});
    lab.spans(&[span(4, 3, "leaf", [3, 4], &none)]).await;
    lab.spans(&[span(9, 9, "its own parent", [7, 8], &none)]).await;
    lab.spans(&[span(11, 12, "circle a", [9, 10], &none), span(12, 11, "circle b", [10, 11], &none)]).await;
    let steps = lab.steps(TRACE, |steps| steps.len() == 4).await;
    assert_eq!(names(&steps), ["leaf", "its own parent", "circle a", "  circle b"]);
    lab.spans(&[span(3, 2, "middle", [2, 5], &none)]).await;
    let mut remote = span(1, 77, "of another process", [1, 6], &none);
    remote["flags"] = json!(0x301);
    lab.spans(&[span(2, 1, "top", [1, 6], &none), remote]).await;
    let steps = lab.steps(TRACE, |steps| steps.len() == 7).await;
    let expected = ["of another process", "  top", "    middle", "      leaf", "its own parent", "circle a"];
    assert_eq!(names(&steps)[..6], expected);
    let executions = Api::of(&lab.server).executions(1).await;
    assert_eq!((&executions[0]["name"], &executions[0]["steps"]), (&json!("of another process"), &json!(7)));
}

#[tokio::test]
async fn t06_a_pending_span_runs_until_its_span_comes_and_is_never_counted() {
    let lab = Lab::new(&[]);
    let pending = |own: u64, of: u64, parent: u64| {
        let parent = if parent == 0 { "0".repeat(16) } else { id(parent) };
        let attributes = json!({"logfire.span_type": "pending_span", "logfire.pending_parent_id": parent});
        span(own, of, "agent run", [1, 1], &attributes)
    };
    lab.spans(&[pending(101, 1, 0), pending(102, 2, 1)]).await;
    let steps = lab.steps(TRACE, |steps| steps.len() == 2).await;
    let told: Vec<_> = steps.iter().map(|step| (&step["span_id"], &step["status"], &step["depth"])).collect();
    let running = json!("running");
    assert_eq!(told, [(&json!(id(1)), &running, &json!(0)), (&json!(id(2)), &running, &json!(1))]);
    lab.spans(&[span(1, 0, "agent run", [1, 9], &json!({}))]).await;
    let steps = lab.steps(TRACE, |steps| steps[0]["status"] != running).await;
    assert_eq!(steps.len(), 2);
    assert_eq!((&steps[0]["status"], &steps[1]["status"]), (&json!("unset"), &running));
    assert_eq!(steps[0]["duration_ns"], 8_000_000_000_u64);
}

/// Log records of a process with a name.
async fn of_process(lab: &Lab, name: &str, records: &[Value]) {
    let resource = json!({"attributes": pairs(&json!({"service.instance.id": name}))});
    lab.send(
        "logs",
        &json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}),
    )
    .await;
}

fn heartbeat(attributes: &Value) -> Value {
    json!({"eventName": "treering.heartbeat", "attributes": pairs(attributes)})
}

fn runs(own: u64, parent: u64, name: &str) -> Value {
    let attributes = json!({"treering.step.name": name, "treering.step.parent_id": id(parent)});
    json!({"traceId": TRACE, "spanId": id(own), "eventName": "treering.step.running",
        "timeUnixNano": "1767225603000000000", "attributes": pairs(&attributes)})
}

#[tokio::test]
async fn t06_a_running_step_is_interrupted_with_its_process_and_gives_way_to_its_span() {
    let lab = Lab::new(&[]);
    let often = json!({"treering.heartbeat.interval_ms": 3_600_000});
    of_process(&lab, "alive", &[heartbeat(&often), runs(1, 0, "agent")]).await;
    of_process(&lab, "ended", &[heartbeat(&often), runs(2, 1, "tool"), runs(3, 1, "search")]).await;
    let status = |steps: &[Value]| steps.iter().map(|step| step["status"].clone()).collect::<Vec<_>>();
    let steps = lab.steps(TRACE, |steps| steps.len() == 3).await;
    assert_eq!(
        (names(&steps), status(&steps)),
        (vec!["agent".into(), "  tool".into(), "  search".into()], vec![json!("running"); 3],)
    );
    of_process(&lab, "ended", &[heartbeat(&json!({"treering.process.ended": true}))]).await;
    let gone = ["running", "interrupted", "interrupted"].map(Value::from);
    lab.steps(TRACE, |steps| status(steps) == gone).await;
    // Its last batch was late.
    let mut ended = span(2, 1, "tool", [2, 3], &json!({}));
    ended["status"] = json!({"code": 1});
    lab.spans(&[ended]).await;
    let late = ["running", "ok", "interrupted"].map(Value::from);
    let steps = lab.steps(TRACE, |steps| status(steps) == late).await;
    assert_eq!(steps.len(), 3);
    let executions = Api::of(&lab.server).executions(1).await;
    assert_eq!((executions.len(), &executions[0]["status"]), (1, &json!("running")));
}

#[tokio::test]
async fn t06_a_process_that_falls_silent_is_gone_and_one_that_speaks_again_is_not() {
    let lab = Lab::new(&[]);
    let often = heartbeat(&json!({"treering.heartbeat.interval_ms": 1}));
    of_process(&lab, "p", &[often, runs(1, 0, "agent")]).await;
    lab.steps(TRACE, |steps| steps.first().is_some_and(|step| step["status"] == "interrupted")).await;
    of_process(&lab, "p", &[heartbeat(&json!({"treering.heartbeat.interval_ms": 3_600_000}))]).await;
    lab.steps(TRACE, |steps| steps[0]["status"] == "running").await;
}

#[tokio::test]
async fn t07_a_span_that_comes_again_is_one_step_and_its_last_state_stands() {
    let lab = Lab::new(&[]);
    let early = span(
        1,
        0,
        "half",
        [1, 2],
        &json!({"gen_ai.usage.input_tokens": 10, "gen_ai.operation.name": "chat"}),
    );
    let late = span(
        1,
        0,
        "whole",
        [1, 5],
        &json!({"gen_ai.usage.input_tokens": 10, "gen_ai.operation.name": "chat"}),
    );
    for sent in [&early, &early, &late, &early] {
        lab.spans(std::slice::from_ref(sent)).await;
    }
    let steps = lab.steps(TRACE, |steps| steps[0]["name"] == "whole").await;
    assert_eq!((steps.len(), &steps[0]["duration_ns"]), (1, &json!(4_000_000_000_u64)));
    let executions = Api::of(&lab.server).executions(1).await;
    assert_eq!((&executions[0]["steps"], &executions[0]["tokens"]["input"]), (&json!(1), &json!(10)));
}

#[tokio::test]
async fn t14_one_bad_record_costs_nothing_but_itself() {
    let lab = Lab::new(&[]);
    let mut nulls = span(1, 0, "with nulls", [1, 2], &json!({}));
    (nulls["kind"], nulls["attributes"], nulls["events"]) = (Value::Null, Value::Null, Value::Null);
    let mut named = span(2, 1, "with names of enums", [1, 2], &json!({}));
    (named["kind"], named["status"]) = (json!("SPAN_KIND_CLIENT"), json!({"code": "STATUS_CODE_ERROR"}));
    let mut bad = span(3, 1, "with a short id", [1, 2], &json!({}));
    bad["spanId"] = json!("abcd");
    let answer = lab.spans(&[nulls, named, bad]).await;
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");
    assert!(
        answer["partialSuccess"]["errorMessage"].as_str().is_some_and(|reason| reason.len() > 10),
        "{answer}"
    );
    let steps = lab.steps(TRACE, |steps| steps.len() == 2).await;
    assert_eq!(names(&steps), ["with nulls", "  with names of enums"]);
    assert_eq!(steps[1]["status"], "error");
}

#[tokio::test]
async fn t16_spans_of_no_agent_stay_in_the_tree_and_hold_it_together() {
    let lab = Lab::new(&[]);
    let agent = |name: &str| json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name});
    lab.spans(&[
        span(1, 0, "invoke_agent outer", [1, 9], &agent("outer")),
        span(2, 1, "POST /agents/inner", [2, 8], &json!({"http.request.method": "POST"})),
        span(3, 2, "invoke_agent inner", [3, 7], &agent("inner")),
        span(4, 3, "SELECT", [4, 5], &json!({"db.system.name": "postgresql"})),
    ])
    .await;
    let steps = lab.steps(TRACE, |steps| steps.len() == 4).await;
    let kinds: Vec<_> = steps.iter().map(|step| (&step["kind"], &step["depth"])).collect();
    let (agent, plain) = (json!("agent"), json!("span"));
    assert_eq!(kinds, [(&agent, &json!(0)), (&plain, &json!(1)), (&agent, &json!(2)), (&plain, &json!(3))]);
    assert_eq!(steps[1]["attributes"]["http.request.method"], "POST");
}

#[tokio::test]
async fn a_price_of_the_user_s_own_is_charged_and_an_unknown_model_costs_nothing_that_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let prices = folder.path().join("prices.csv");
    std::fs::write(&prices, "# ours, of 2026\noak-1,0,2,8,,\n").expect("it can be written");
    let lab = Lab::new(&["--prices", prices.to_str().expect("UTF-8")]);
    let used = json!({"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 500_000});
    let unknown = span(
        2,
        0,
        "chat elm-2",
        [3, 4],
        &json!({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "elm-2", "gen_ai.usage.input_tokens": 5,
        }),
    );
    lab.spans(&[call(1, used), unknown]).await;
    let steps = lab.steps(TRACE, |steps| steps.len() == 2).await;
    assert_eq!((&steps[0]["cost_usd"], &steps[1]["cost_usd"]), (&json!(6.0), &Value::Null));
    let executions = Api::of(&lab.server).executions(1).await;
    assert_eq!(executions[0]["cost_usd"], 6.0);
}

#[test]
fn a_file_of_prices_that_cannot_be_read_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let prices = folder.path().join("prices.csv");
    std::fs::write(&prices, "oak-1,0,2,8,,\nelm-2,0,cheap,8,,\n").expect("it can be written");
    let refused = support::treering()
        .args(["up", "--prices"])
        .arg(&prices)
        .arg("--data")
        .arg(folder.path())
        .output()
        .expect("the binary starts");
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("prices.csv") && why.contains("line 2"), "{why}");
}
