//! What somebody sees who may not see everything.

mod support;

use support::Filled;
use support::browser::{Answer, Browser};
use support::otlp::trace_id;
use support::samples::{research, wide};
use treering_dashboard::{LocalLink, Settings};
use treering_otlp::Signal;

/// What the research agent was asked, thought, called and answered, and how its tool failed.
const SAID: [&str; 5] =
    ["Summarise what we know", "Search first", "tree ring width summer", "narrow sharply", "did not answer"];

/// A browser of somebody to whom the store shows no content.
#[expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]
async fn outsider(filled: &Filled) -> Browser {
    let (link, token) = LocalLink::new().unwrap();
    let settings = filled.settings(Some(link));
    let reader = settings.reader.withholding_content();
    let mut browser = Browser::new(treering_dashboard::router(Settings { reader, ..settings }));
    assert_eq!(browser.get(&format!("/login?token={token}")).await.status, 303);
    browser
}

fn says_nothing(answer: &Answer) {
    for said in SAID {
        assert!(!answer.body.contains(said), "{said} in {}", answer.body);
    }
}

#[tokio::test]
async fn who_sees_no_content_sees_steps_times_and_tokens_and_that_the_rest_is_withheld() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = outsider(&filled).await;
    for step in 1..=10 {
        let page = browser.get(&format!("/executions/{}?step=000000000000000{step:x}", trace_id(1))).await;
        assert_eq!(page.status, 200);
        says_nothing(&page);
        assert!(page.body.contains("What was said in this step is withheld from you"));
        assert!(!page.body.contains("came with this"), "nobody knows what came");
        assert!(!page.body.contains(">OTLP<") && !page.body.contains("This step as JSON"));
        for shown in ["research_assistant", "8.42 s", "web_search", "Tokens", "TimeoutError"] {
            assert!(page.body.contains(shown), "{shown}");
        }
    }
    let page = browser.get(&format!("/executions/{}?step=0000000000000002", trace_id(1))).await;
    assert!(page.body.contains("1,000") && page.body.contains("204"), "the tokens of the step");
}

#[tokio::test]
async fn the_api_gives_structure_and_refuses_content_in_a_sentence() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = outsider(&filled).await;
    let api = format!("/api/v1/executions/{}", trace_id(1));
    let answer = browser.get(&api).await;
    assert_eq!((answer.status, answer.json()["steps"].as_array().unwrap().len()), (200, 10));
    says_nothing(&answer);
    let step = format!("{api}/steps/0000000000000002");
    let content = [
        format!("{api}?content=1"),
        format!("{api}/otlp"),
        step.clone(),
        format!("{step}/reading"),
        "/api/v1/attributes".to_owned(),
    ];
    for path in content {
        let answer = browser.get(&path).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (403, &"forbidden".into()), "{path}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("what was said in this project is withheld from you; "), "{message}");
        says_nothing(&answer);
    }
    let page = browser.get("/attributes").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("What was said in this project is withheld from you."));
    assert!(!page.body.contains("name=\"key\""), "a key would not help");
}

#[tokio::test]
async fn who_sees_no_content_finds_nothing_by_it() {
    let filled = Filled::with([research(1)]).await;
    filled.index().await;
    let found = async |browser: &mut Browser, words: &str| {
        let answer = browser.get(&format!("/api/v1/executions?q={words}")).await.json();
        (answer["executions"].as_array().unwrap().len(), answer["search"]["content"].clone())
    };
    let whole_words = serde_json::Value::from("whole words");
    assert_eq!(found(&mut filled.owner().await, "Tambora").await, (1, whole_words));
    let mut browser = outsider(&filled).await;
    assert_eq!(found(&mut browser, "Tambora").await, (0, serde_json::Value::Null));
    assert_eq!(found(&mut browser, "research").await.0, 1, "names are in the clear");
    let page = browser.get("/?q=Tambora").await;
    assert!(page.body.contains("what was said in this project is withheld from you"));
    assert!(!page.body.contains("whole word"));
}

#[tokio::test]
async fn a_tree_that_one_viewer_opened_is_there_for_nobody_who_may_not_see_it() {
    let filled = Filled::new().await;
    let other = filled.handles.keeper.ensure_project("other").await.unwrap();
    // Large enough to be kept, and the second one of the same id in both.
    filled.put(&filled.project, Signal::Traces, &wide(1, 700)).await;
    filled.put(&filled.project, Signal::Traces, &wide(2, 800)).await;
    filled.put(&other, Signal::Traces, &wide(2, 900)).await;
    let (here, _) = filled.key(&filled.project, &["read"]).await;
    let (there, _) = filled.key(&other, &["read"]).await;
    let (link, token) = LocalLink::new().unwrap();
    let router = treering_dashboard::router(filled.settings(Some(link)));
    let mut owner = Browser::new(router.clone());
    owner.get(&format!("/login?token={token}")).await;
    let mut here = Browser::new(router.clone()).bearing(here.reveal());
    let mut there = Browser::new(router).bearing(there.reveal());
    let steps = async |browser: &mut Browser, trace: u64, query: &str| {
        let api = format!("/api/v1/executions/{}?limit=5000{query}", trace_id(trace));
        let answer = browser.get(&api).await;
        answer.json()["steps"].as_array().map_or(Err(answer.status), |steps| Ok(steps.len()))
    };
    for _ in 0..2 {
        assert_eq!(steps(&mut owner, 1, "").await, Ok(701));
        assert_eq!(steps(&mut owner, 2, "").await, Ok(801));
        assert_eq!(steps(&mut owner, 2, "&project=other").await, Ok(901));
        assert_eq!(steps(&mut here, 1, "").await, Ok(701));
        assert_eq!(steps(&mut here, 2, "").await, Ok(801));
        assert_eq!(steps(&mut here, 2, "&project=other").await, Err(404));
        assert_eq!(steps(&mut there, 1, "").await, Err(404));
        assert_eq!(steps(&mut there, 2, "").await, Ok(901));
        assert_eq!(steps(&mut there, 1, "&project=default").await, Err(404));
    }
}
