//! What pages say of how steps were read, of what is missing, and of what nobody knows.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Filled;
use support::otlp::{from, log, logs, request, span, trace_id};
use support::samples::{circles, clocks, research, session, short, unfinished, wordless};
use treering_otlp::Signal;

fn execution(trace: u64) -> String {
    format!("/executions/{}", trace_id(trace))
}

fn step(trace: u64, span: u64) -> String {
    format!("{}?step={span:016x}", execution(trace))
}

/// A part of a page, from this text to that one, without empty lines.
fn part(body: &str, from: &str, to: &str) -> String {
    let begin = body.find(from).unwrap_or_else(|| panic!("{from} is not in {body}"));
    let end = begin + body[begin..].find(to).unwrap_or_else(|| panic!("{to} is not behind {from}"));
    let lines = body[begin..end + to.len()].lines().filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// The row of a step in a tree.
fn row(body: &str, span: u64) -> String {
    part(body, &format!("<li id=\"s-{span:016x}\""), "</a>")
}

fn why(body: &str) -> String {
    part(body, "<details class=\"raw why\"", "</details>")
}

#[tokio::test]
async fn a_step_without_content_says_which_switch_brings_it_and_what_was_made_of_the_rest() {
    let filled = Filled::with([wordless(1)]).await;
    let answer = filled.owner().await.get(&step(1, 1)).await;
    for (place, sentence) in [("Input", "No input came"), ("Output", "No output came")] {
        let link = "<a href=\"#why\">Why is this empty?</a></p>";
        let absent = format!("<h3>{place}</h3>\n<p class=\"absent\">{sentence} with this step. {link}");
        assert!(answer.body.contains(&absent), "{absent}");
    }
    insta::assert_snapshot!(why(&answer.body));
}

#[tokio::test]
async fn an_attribute_that_nobody_understood_leads_to_its_value() {
    let filled = Filled::with([wordless(1)]).await;
    let body = filled.owner().await.get(&step(1, 1)).await.body;
    let link = part(&why(&body), "Understood by nobody:", "acme.shard");
    let place = link.rsplit("href=\"#").next().unwrap().split('"').next().unwrap();
    let value = part(&body, &format!("<div id=\"{place}\""), "</dd>");
    assert!(value.contains("acme.shard") && value.contains('7'), "{value}");
}

#[tokio::test]
async fn a_reading_is_json_as_well() {
    let filled = Filled::with([wordless(1), research(2)]).await;
    let mut owner = filled.owner().await;
    let path = format!("/api/v1{}/steps/0000000000000001/reading", execution(1));
    insta::assert_json_snapshot!(owner.get(&path).await.json());
    let whole = format!("/api/v1{}/steps/0000000000000009/reading", execution(2));
    assert_eq!(owner.get(&whole).await.json()["missing"], json!([]));
    for (path, status) in [
        (format!("/api/v1{}/steps/00000000000000ff/reading", execution(1)), 404),
        (format!("/api/v1{}/steps/x/reading", execution(1)), 400),
        (format!("/api/v1{}/steps/0000000000000001/reading", execution(9)), 404),
    ] {
        assert_eq!(owner.get(&path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_whole_step_is_not_asked_why_it_is_empty() {
    let filled = Filled::with([research(1)]).await;
    let mut owner = filled.owner().await;
    let whole = owner.get(&step(1, 9)).await.body;
    assert!(!whole.contains("Why is this empty?"));
    assert!(why(&whole).starts_with("<details class=\"raw why\" id=\"why\"><summary>how this was read"));
    // A failure explains itself.
    let failed = owner.get(&step(1, 6)).await.body;
    assert!(failed.contains("<p class=\"absent\">It failed, and no output came.</p>"), "{failed}");
}

#[tokio::test]
async fn what_was_withheld_is_said() {
    let hidden = span(1, 0, "llm", 0.0, 10.0)
        .attributes(json!({"openinference.span.kind": "LLM", "input.value": "__REDACTED__"}));
    let filled = Filled::with([request(1, [hidden])]).await;
    let why = why(&filled.owner().await.get(&step(1, 1)).await.body);
    assert!(why.contains("The exporter sent a placeholder in the place of <code><a href=\"#a-1\">"), "{why}");
    assert!(why.contains("OPENINFERENCE_HIDE_INPUTS"), "{why}");
}

#[tokio::test]
async fn attributes_that_nobody_understands_are_counted_by_who_sent_them() {
    let filled = Filled::with([wordless(1), wordless(2), short(3, "triage", 0.0, 100.0, false)]).await;
    let told = log(1, "acme.note", 5.0, json!({"acme.note.id": "x"}));
    filled.put(&filled.project, Signal::Logs, &from(logs(1, [told]), "acme", "")).await;
    let mut owner = filled.owner().await;
    let answer = owner.get("/attributes").await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!("attributes", part(&answer.body, "<main", "</main>"));
    insta::assert_json_snapshot!("attributes_as_json", owner.get("/api/v1/attributes").await.json());
    let example = part(&answer.body, "acme.shard", "</tr>");
    let url = part(&example, "href=\"", "\">").replace("&#x2f;", "/").replace("href=\"", "");
    assert_eq!(owner.get(url.trim_end_matches("\">").split('#').next().unwrap()).await.status, 200);
}

#[tokio::test]
async fn as_many_records_are_looked_at_as_somebody_asks_for() {
    let filled = Filled::with((1..=5).map(wordless)).await;
    let mut owner = filled.owner().await;
    let found = |json: Value| {
        json["scopes"][0]["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["count"].clone())
            .max_by_key(|count| count.as_u64())
    };
    assert_eq!(found(owner.get("/api/v1/attributes?records=2").await.json()), Some(json!(4)));
    assert!(
        owner
            .get("/attributes?records=2")
            .await
            .body
            .contains("2 spans looked at: the newest of this project, up to 2 of each")
    );
    for wrong in ["0", "10001", "many"] {
        assert_eq!(owner.get(&format!("/attributes?records={wrong}")).await.status, 400);
        assert_eq!(owner.get(&format!("/api/v1/attributes?records={wrong}")).await.status, 400);
    }
}

#[tokio::test]
async fn a_project_without_records_says_so_and_shows_nothing_of_another() {
    let filled = Filled::new().await;
    let other = filled.handles.keeper.ensure_project("other").await.unwrap();
    filled.put(&other, Signal::Traces, &wordless(1)).await;
    let mut owner = filled.owner().await;
    let empty = owner.get("/attributes").await.body;
    assert!(empty.contains("No record has arrived in this project yet.") && !empty.contains("acme.shard"));
    let full = owner.get("/attributes?project=other").await.body;
    assert!(full.contains("acme.shard") && full.contains("?project=other&amp;step="), "{full}");
    assert_eq!(filled.stranger().get("/attributes").await.status, 401);
    assert_eq!(filled.stranger().get("/api/v1/attributes").await.status, 401);
}

#[tokio::test]
async fn keys_without_end_make_no_page_without_end() {
    let attributes = |span: u64| {
        let key = |at: u64| (format!("{}-{span}-{at}", "k".repeat(300)), json!(1));
        let alike = (0..20).map(|at| (format!("acme.{span}x{at}"), json!(1)));
        Value::Object((0..20).map(key).chain(alike).collect())
    };
    let spans = (1..=400).map(|id| span(id, 0, "s", 0.0, 1.0).attributes(attributes(id)));
    let filled = Filled::with([request(1, spans)]).await;
    let mut owner = filled.owner().await;
    let page = owner.get("/attributes").await.body;
    assert!(page.len() < 60_000, "{} bytes", page.len());
    assert!(page.contains("440 more keys are in") && page.contains("were too many to be told apart"));
    let scope = &owner.get("/api/v1/attributes").await.json()["scopes"][0];
    assert_eq!(scope["attributes"].as_array().unwrap().len(), 500);
    assert!(scope["other_attributes"].as_u64().unwrap() > 7_000);
}

#[tokio::test]
async fn two_thousand_records_are_counted_in_a_moment() {
    let spans = |trace| from(request(trace, (1..=1_000).map(chatter)), "acme", "1");
    let filled = Filled::with([spans(1), spans(2)]).await;
    let mut owner = filled.owner().await;
    let begin = Instant::now();
    let page = owner.get("/attributes").await.body;
    let took = begin.elapsed();
    eprintln!("2,000 records in {took:?}");
    assert!(page.contains("2,000 spans"));
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// A model call with a conversation, in two dialects.
fn chatter(id: u64) -> support::otlp::Span {
    let text = "What do the rings of 1816 say about the summer of that year? ".repeat(8);
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": text}]}]).to_string();
    let mut attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "oak-1", "gen_ai.input.messages": messages,
        "gen_ai.output.messages": messages, "gen_ai.usage.input_tokens": 3, "input.value": text, "acme.shard": id,
    });
    for at in 0..12 {
        attributes[format!("llm.input_messages.{at}.message.role")] = json!("user");
        attributes[format!("llm.input_messages.{at}.message.content")] = json!(text);
        attributes[format!("acme.of.{at}")] = json!(at);
    }
    span(id, 0, "chat", 0.0, 10.0).attributes(attributes)
}

#[tokio::test]
async fn tokens_without_a_price_are_unpriced_everywhere_and_never_free() {
    let priced = json!({"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 1000});
    let unknown = json!({"gen_ai.request.model": "oak-1", "gen_ai.usage.input_tokens": 1000});
    let call = |id: u64, attributes: &Value| {
        let mut attributes = attributes.clone();
        attributes["gen_ai.operation.name"] = json!("chat");
        span(id, 1, "call", id as f64, id as f64 + 1.0).attributes(attributes)
    };
    let root = || span(1, 0, "agent", 0.0, 10.0);
    let mixed = request(1, [root(), call(2, &priced), call(3, &unknown), call(4, &unknown)]);
    let filled = Filled::with([mixed, wordless(2)]).await;
    let mut owner = filled.owner().await;
    let body = owner.get(&step(1, 3)).await.body;
    assert!(body.contains("title=\"the step that cost the most\"><bdi>$0.0030 + 2 unpriced</bdi>"), "{body}");
    assert!(row(&body, 1).contains("cost\">$0.0030+<") && row(&body, 3).contains("cost\">unpriced<"));
    assert!(body.contains("<dt>Cost</dt><dd><bdi>unpriced</bdi>"));
    assert!(body.contains("<dt>Price</dt><dd><bdi>genai-prices "), "the table is named");
    let priced = owner.get(&step(1, 2)).await.body;
    assert!(priced.contains("<dt>Price</dt><dd><bdi>list price of genai-prices "), "{priced}");
    let list = owner.get("/").await.body;
    assert!(list.contains("cost\">$0.0030<") && list.contains("cost\">unpriced<"), "{list}");
}

#[tokio::test]
async fn what_is_not_over_says_so_in_the_list_the_tree_and_the_step() {
    let [spans, announced] = unfinished(1);
    let filled = Filled::with([spans]).await;
    filled.put(&filled.project, Signal::Logs, &announced).await;
    let mut owner = filled.owner().await;
    let list = owner.get("/").await.body;
    assert!(list.contains("<span class=\"state\">running</span>"), "{list}");
    let body = owner.get(&step(1, 3)).await.body;
    assert!(body.contains("<dt>So far</dt>"));
    for (id, class, word) in [(1, "open", "running"), (3, "open", "running"), (4, "torn", "interrupted")] {
        let row = row(&body, id);
        assert!(row.contains(&format!("<rect class=\"{class}\"")) && row.contains(word), "{row}");
    }
    assert!(row(&body, 1).contains("x=\"0.00%\" width=\"100.00%\""), "as long as anything is known");
    assert!(body.contains("<p class=\"about\"><span class=\"state\">running</span>"));
    assert!(body.contains("It still runs: there is no output yet.</p>"), "{body}");
    let cut = owner.get(&step(1, 4)).await.body;
    assert!(cut.contains("It was interrupted before an output came."), "{cut}");
}

#[tokio::test]
async fn a_conversation_of_which_only_log_records_tell_has_turns() {
    let filled = Filled::new().await;
    filled.put(&filled.project, Signal::Logs, &session(1)).await;
    let body = filled.owner().await.get(&execution(1)).await.body;
    let rows: Vec<_> = body.split("<li id=\"s-").skip(1).map(outline).collect();
    let expected = [
        (0, "A", "acme.conversation"),
        (16, "W", "acme.turn"),
        (32, "M", "acme.answer"),
        (32, "T", "acme.tool"),
        (16, "W", "acme.turn"),
        (32, "M", "acme.answer"),
    ];
    assert_eq!(rows, expected.map(|(depth, kind, name)| (depth, kind.to_owned(), name.to_owned())));
    assert!(body.contains("took\">2.00 s<"), "a tool lasts from its call to its result");
    assert!(body.contains("<dt>Session</dt><dd><a href=\"&#x2f;sessions?is=spring-1816\">"));
}

/// Where a row stands, its letter and its name.
fn outline(row: &str) -> (u32, String, String) {
    let indent = between(row, "<svg width=\"", "\"");
    let badge = between(row, "<b class=\"k\"", "</b>").unwrap_or_default();
    let letter = badge.rsplit('>').next().unwrap_or_default();
    let indent = indent.and_then(|width| width.parse().ok()).unwrap_or(0);
    (indent, letter.to_owned(), between(row, "<bdi>", "</bdi>").unwrap_or_default().to_owned())
}

/// What stands first between these two.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(found, _)| found)
}

#[tokio::test]
async fn clocks_that_cannot_be_right_are_drawn_within_the_others_and_said_as_they_came() {
    let filled = Filled::with([clocks(1)]).await;
    let mut owner = filled.owner().await;
    let body = owner.get(&execution(1)).await.body;
    for (id, drawn) in [
        (1, "x=\"0.00%\" width=\"66.67%\""),
        (2, "x=\"80.00%\" width=\"20.00%\""),
        (3, "x=\"53.33%\" width=\"0.35%\""),
        (4, "its clock: 1970-01-01"),
        (5, "its clock: 2262-04-11"),
        (6, "x=\"40.00%\" width=\"60.00%\""),
        (7, "no time"),
    ] {
        assert!(row(&body, id).contains(drawn), "{}", row(&body, id));
    }
    // The store counts moments up to the year 2262.
    for (id, said) in [
        (3, "by its clock it ended before it began"),
        (4, "<dt>Began</dt><dd><bdi>1970-01-01 00:00:01.000 UTC"),
        (5, "<dt>Began</dt><dd><bdi>2262-04-11 "),
        (6, "<dt>Ended</dt><dd><bdi>2262-04-11 "),
    ] {
        assert!(owner.get(&step(1, id)).await.body.contains(said), "{said}");
    }
    assert_eq!(owner.get("/").await.status, 200);
}

#[tokio::test]
async fn who_is_its_own_parent_or_stands_in_a_circle_is_shown_once() {
    let filled = Filled::with([circles(1)]).await;
    let mut owner = filled.owner().await;
    let body = owner.get(&execution(1)).await.body;
    let rows: Vec<_> = body.split("<li id=\"s-").skip(1).map(outline).collect();
    let expected = [(0, "self"), (0, "hen"), (16, "egg")];
    assert_eq!(rows, expected.map(|(depth, name)| (depth, "S".to_owned(), name.to_owned())));
    for id in 1..=3 {
        assert_eq!(owner.get(&step(1, id)).await.status, 200);
    }
}
