//! What became of requests: the page that says it of all, and those of single ones.

mod support;

use serde_json::json;
use support::Filled;
use support::browser::Browser;
use treering_dashboard::{LocalLink, Settings};
use treering_store::{Project, Receipt, Transport};

/// Each of these came at 12:41:07.318 on 2026-11-22.
const TAKEN: &str = "01a2034647f600000000000000000010";
const REFUSED: &str = "01a2034647f600000000000000000020";
const DISCARDED: &str = "01a2034647f600000000000000000030";

fn taken(project: &Project) -> Receipt {
    Receipt {
        id: TAKEN.parse().expect("an id"),
        project: project.id,
        transport: Transport::Grpc,
        signal: Some("traces".into()),
        outcome: "accepted.records".into(),
        reason: Some("a span id has 8 bytes and is not all zeros".into()),
        bytes: 48_213,
        accepted: 1_024,
        rejected: 1,
        redactions: [("CREDIT_CARD".to_owned(), 1), ("EMAIL".to_owned(), 12)].into(),
        withheld: 2,
    }
}

fn refused(project: &Project) -> Receipt {
    Receipt {
        id: REFUSED.parse().expect("an id"),
        transport: Transport::Http,
        signal: None,
        outcome: "refused.unsupported".into(),
        reason: Some("compression not supported; send gzip, zstd or none".into()),
        bytes: 0,
        accepted: 0,
        rejected: 0,
        redactions: Default::default(),
        withheld: 0,
        ..taken(project)
    }
}

fn discarded(project: &Project) -> Receipt {
    Receipt {
        id: DISCARDED.parse().expect("an id"),
        signal: Some("metrics".into()),
        outcome: "discarded.requests".into(),
        reason: None,
        rejected: 3,
        ..refused(project)
    }
}

async fn filled() -> Filled {
    let filled = Filled::new().await;
    let all = [taken, refused, discarded].map(|receipt| receipt(&filled.project));
    filled.handles.writer.keep_receipts(all.into()).await.expect("they are kept");
    filled
}

async fn reader(filled: &Filled, project: &Project) -> Browser {
    let (key, _) = filled.key(project, &["read"]).await;
    filled.stranger().bearing(key.reveal())
}

/// What stands between head and foot of a page.
fn main(body: &str) -> String {
    let begin = body.find("<main").expect("a page has a main part");
    body[begin..].lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn what_became_of_a_request_is_shown_in_words_and_counts() {
    let filled = filled().await;
    let mut browser = filled.owner().await;
    let mut shown = String::new();
    for id in [TAKEN, REFUSED, DISCARDED] {
        let answer = browser.get(&format!("/receipts/{id}")).await;
        assert_eq!(answer.status, 200);
        shown.push_str(&main(&answer.body));
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn a_receipt_is_json_as_well() {
    let filled = filled().await;
    let mut browser = reader(&filled, &filled.project).await;
    let all = [
        browser.get(&format!("/api/v1/receipts/{TAKEN}")).await.json(),
        browser.get(&format!("/api/v1/receipts/{REFUSED}?project=default")).await.json(),
    ];
    insta::assert_json_snapshot!(all);
}

#[tokio::test]
async fn the_page_of_requests_has_the_outcomes_and_a_form_that_leads_to_a_receipt() {
    let filled = filled().await;
    let mut browser = filled.owner().await;
    assert!(browser.get("/receipts").await.body.contains("No request has arrived for this project yet."));
    filled.count("accepted.records", 1_024).await;
    filled.count("lost.set_aside", 2).await;
    insta::assert_snapshot!(main(&browser.get("/receipts?id=").await.body));
    let typed = TAKEN.to_uppercase();
    let answer = browser.get(&format!("/receipts?id=+{typed}+")).await;
    assert_eq!((answer.status, answer.header("location")), (303, &*format!("/receipts/{TAKEN}")));
    filled.handles.keeper.ensure_project("other").await.expect("a project");
    let form = browser.get("/receipts?project=other").await;
    assert!(form.body.contains(r#"<input type="hidden" name="project" value="other">"#));
    let answer = browser.get(&format!("/receipts?id={TAKEN}&project=other")).await;
    assert_eq!(answer.header("location"), format!("/receipts/{TAKEN}?project=other"));
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_where_else_it_may_be() {
    let filled = filled().await;
    let other = filled.handles.keeper.ensure_project("other").await.expect("a project");
    let mut browser = filled.owner().await;
    let unknown = "f".repeat(32);
    for (path, status, sentence) in [
        (format!("/receipts/{unknown}"), 404, "older than 7 days"),
        (format!("/receipts/{TAKEN}?project=other"), 404, "It may be of another project"),
        (format!("/receipts/{TAKEN}?project=nowhere"), 404, "There is no such project"),
        ("/receipts/%3Cb%3E".to_owned(), 400, "A request's id has 32 hexadecimal digits."),
        ("/receipts/%ff".to_owned(), 400, "A request's id has 32 hexadecimal digits."),
        ("/receipts?id=%3Cb%3E".to_owned(), 400, "A request's id has 32 hexadecimal digits."),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        let body = answer.body.replace("&#x27;", "'");
        assert!(body.contains(sentence) && !body.contains("<b>"), "{path}: {body}");
    }
    // The key of another project sees nothing of it, however it asks.
    let mut stranger = reader(&filled, &other).await;
    for (path, status) in [("", 404), ("?project=default", 404), ("?project=other", 404)] {
        assert_eq!(stranger.get(&format!("/receipts/{TAKEN}{path}")).await.status, status);
        let answer = stranger.get(&format!("/api/v1/receipts/{TAKEN}{path}")).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!("not_found")));
    }
    for path in [format!("/receipts/{TAKEN}"), format!("/api/v1/receipts/{TAKEN}"), "/receipts".to_owned()] {
        assert_eq!(filled.stranger().get(&path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn who_sees_no_content_sees_receipts_since_they_have_none() {
    let filled = filled().await;
    let (link, token) = LocalLink::new().expect("a link");
    let settings = filled.settings(Some(link));
    let reader = settings.reader.withholding_content();
    let mut browser = Browser::new(treering_dashboard::router(Settings { reader, ..settings }));
    browser.get(&format!("/login?token={token}")).await;
    assert_eq!(browser.get(&format!("/receipts/{TAKEN}")).await.status, 200);
}
