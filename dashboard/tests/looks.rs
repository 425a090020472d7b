//! The ways to look at an execution and at many: transcript, context, comparison, groups, twins, and what arrives.

mod support;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use support::Filled;
use support::otlp::{Span, request, span, trace_id};
use support::samples::{research, short, wide};
use tower::ServiceExt;
use treering_otlp::Signal;

/// What stands in the main part of a page, a line each.
fn main_of(body: &str) -> String {
    let begin = body.find("<main").expect("a main part");
    let end = body.find("</main>").expect("its end");
    body[begin..end].lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

async fn main_at(filled: &Filled, path: &str) -> String {
    let answer = filled.owner().await.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    main_of(&answer.body)
}

fn path(trace: u64, rest: &str) -> String {
    format!("/executions/{}{rest}", trace_id(trace))
}

/// How many executions a list shows.
async fn listed(filled: &Filled, query: &str) -> usize {
    main_at(filled, &format!("/?q={query}")).await.matches("class=\"what\"").count()
}

#[tokio::test]
async fn a_transcript_tells_an_execution_as_a_conversation() {
    let filled = Filled::with([research(1)]).await;
    insta::assert_snapshot!(main_at(&filled, &path(1, "/transcript")).await);
}

#[tokio::test]
async fn a_ledger_tells_what_filled_each_prompt() {
    let filled = Filled::with([research(1)]).await;
    insta::assert_snapshot!(main_at(&filled, &path(1, "/context")).await);
}

#[tokio::test]
async fn a_twin_in_markdown_is_made_for_an_issue() {
    let filled = Filled::with([research(1)]).await;
    let mut owner = filled.owner().await;
    let answer = owner.get(&path(1, ".md")).await;
    assert_eq!(answer.header("content-type"), "text/markdown; charset=utf-8");
    insta::assert_snapshot!(answer.body);
    let step = owner.get(&path(1, "/steps/0000000000000006.md")).await;
    assert!(step.body.starts_with("# ") && step.body.contains("Of execution"), "{}", step.body);
    let step = owner.get(&path(1, "/steps/0000000000000006.json")).await.json();
    assert_eq!(step["span_id"], "0000000000000006");
    let whole = owner.get(&path(1, ".json")).await.json();
    assert_eq!(whole["steps"].as_array().unwrap().len(), 10);
    let stored = owner.get(&path(1, "/steps/0000000000000006.otlp")).await.json();
    assert_eq!(stored["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len(), 1);
    assert_eq!(owner.get(&path(1, "/steps/0000000000000006")).await.status, 404);
    assert_eq!(owner.get(&path(1, "/steps/00000000000000ff.md")).await.status, 404);
}

/// An agent that asks a model, and calls a tool with these arguments.
fn run(trace: u64, answer: &str, arguments: &[&str]) -> Value {
    let at = |number: u64| number as f64 * 100.0;
    let chat = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak-1",
        "gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"How old?\"}]}]",
        "gen_ai.output.messages":
            format!("[{{\"role\":\"assistant\",\"parts\":[{{\"type\":\"text\",\"content\":\"{answer}\"}}]}}]")});
    let agent = json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "ranger",
        "user.id": "grace", "session.id": "s-1"});
    let tool = |(at_step, arguments): (u64, &&str)| {
        let tool = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "count_rings",
            "gen_ai.tool.call.arguments": arguments});
        span(at_step, 1, "count_rings", at(at_step), at(at_step) + 50.0).attributes(tool)
    };
    let root = span(1, 0, "ranger", 0.0, 900.0 + trace as f64).attributes(agent);
    let model = span(2, 1, "chat oak-1", 10.0, 90.0).attributes(chat);
    let tools: Vec<Span> = (3..).zip(arguments).map(tool).collect();
    request(trace, [root, model].into_iter().chain(tools))
}

#[tokio::test]
async fn two_runs_stand_beside_each_other_from_their_first_divergence_on() {
    let filled = Filled::with([run(1, "Old.", &["{\"n\":1}"]), run(2, "Very old.", &["{\"n\":2}"])]).await;
    let address = format!("/compare?a={}", trace_id(2));
    let page = main_at(&filled, &address).await;
    let first = page.split("id=\"first\"").nth(1).expect("a first divergence").split("</tr>").next().unwrap();
    assert!(first.contains("chat oak-1") && first.contains("other output"), "{first}");
    insta::assert_snapshot!(page.split("<section class=\"diff\"").nth(1).expect("message by message"));
    let same = main_at(&filled, &format!("{address}&b={}", trace_id(2))).await;
    assert!(same.contains("Nothing in the steps of these two is different."));
}

#[tokio::test]
async fn an_execution_without_a_like_says_how_to_compare_it() {
    let filled = Filled::with([research(1)]).await;
    let page = main_at(&filled, &format!("/compare?a={}", trace_id(1))).await;
    assert!(page.contains("There is no other execution of this name"));
    let mut owner = filled.owner().await;
    assert_eq!(owner.get("/compare").await.status, 400);
    assert_eq!(owner.get(&format!("/compare?a={}", trace_id(9))).await.status, 404);
}

#[tokio::test]
async fn a_loop_is_said_aloud() {
    let again = ["{\"n\":1}"; 3];
    let filled =
        Filled::with([run(1, "Old.", &again), run(2, "Old.", &["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"])])
            .await;
    let sentence = "a loop: count_rings was called 3 times with the same arguments";
    assert!(main_at(&filled, &path(1, "")).await.contains(sentence));
    assert!(!main_at(&filled, &path(2, "")).await.contains("a loop"));
}

#[tokio::test]
async fn groups_have_their_figures() {
    let filled = Filled::with([run(1, "Old.", &["{}"]), run(2, "Old.", &["{}", "{}"]), research(3)]).await;
    for (page, found) in
        [("/agents", "ranger"), ("/models", "oak-1"), ("/tools", "count_rings"), ("/users", "grace")]
    {
        let all = main_at(&filled, page).await;
        assert!(all.contains(found), "{page}: {all}");
        let one = main_at(&filled, &format!("{page}?is={found}")).await;
        assert_eq!(one.matches("class=\"what\"").count(), 2, "{page}: {one}");
        assert!(one.contains("class=\"chart\"") && one.contains("95th percentile"), "{page}");
    }
    let tools = main_at(&filled, "/tools").await;
    let row = tools.split("</tr>").find(|row| row.contains("count_rings")).unwrap();
    assert!(row.contains("<td class=\"num\">3</td>"), "{row}");
    let narrowed = main_at(&filled, "/agents?q=agent:ranger").await;
    assert!(narrowed.contains("ranger") && !narrowed.contains("research"), "{narrowed}");
    assert_eq!(filled.owner().await.get("/agents?is=nobody").await.status, 404);
}

#[tokio::test]
async fn conditions_narrow_the_list() {
    let failing = short(2, "triage", 1_000.0, 100.0, true);
    let filled = Filled::with([research(1), failing, short(3, "triage", 2_000.0, 5_000.0, false)]).await;
    for (query, expected) in [
        ("", 3),
        ("status:error", 1),
        ("-status:error", 2),
        ("name:tri*", 2),
        ("took%3E%3D2s", 2),
        ("errors%3E0+took%3C1s", 1),
        ("model:claude*", 3),
        ("model:*sonnet*", 1),
        ("steps%3A10+tokens%3E100", 1),
        ("triage+errors:0", 1),
        ("since:1s", 0),
    ] {
        assert_eq!(listed(&filled, query).await, expected, "{query}");
    }
    let refused = filled.owner().await.get("/?q=tokens%3Emany").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("is compared with a number such as 10k"));
}

#[tokio::test]
async fn the_rows_of_a_tree_are_narrowed() {
    let filled = Filled::with([research(1), wide(2, 600)]).await;
    let rows = async |rest: &str| main_at(&filled, &path(1, rest)).await.matches("class=\"row\"").count();
    assert_eq!(rows("").await, 10);
    assert_eq!(rows("?levels=1").await, 1);
    assert_eq!(rows("?root=0000000000000003").await, 4);
    let errors = rows("?only=errors").await;
    assert!((2..10).contains(&errors), "{errors}");
    assert_eq!(rows("?find=nothing").await, 0);
    assert_eq!(rows("?find=web_search").await, 2);
    let mut owner = filled.owner().await;
    for wrong in ["?only=some", "?levels=0", "?root=zz"] {
        assert_eq!(owner.get(&path(1, wrong)).await.status, 400, "{wrong}");
    }
    assert_eq!(owner.get(&path(1, "?root=00000000000000ff")).await.status, 404);
}

#[tokio::test]
async fn what_arrives_is_told_to_who_listens_and_to_nobody_who_may_not() {
    let filled = Filled::with([research(1)]).await;
    let (key, record) = filled.key(&filled.project, &["read"]).await;
    let router = treering_dashboard::router(filled.settings(None));
    let ask = axum::http::Request::get("/api/v1/live").header("host", "localhost");
    let ask = ask.header("authorization", format!("Bearer {}", key.reveal()));
    let answer = router.oneshot(ask.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    filled.put(&filled.project, Signal::Traces, &short(2, "triage", 0.0, 100.0, false)).await;
    let mut told = String::new();
    while !told.contains("event: execution") {
        let frame = body.frame().await.expect("it goes on").unwrap();
        told.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(told.contains("event: step") && told.contains(&trace_id(2)), "{told}");
    assert!(!told.contains(&trace_id(1)), "what was there before is not told: {told}");
    let scope = treering_store::Scope::of(filled.project.id);
    let rows = filled.handles.reader.audit(scope, None, 100).await.unwrap();
    let read = rows.iter().any(|row| row.subject.as_deref() == Some(trace_id(2).as_str()));
    assert!(read, "who is told of steps has read them: {rows:?}");
    // A key that is revoked hears nothing more.
    assert!(filled.handles.keeper.revoke_key(record.id).await.unwrap());
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}
