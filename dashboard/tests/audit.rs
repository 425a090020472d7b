//! Who saw what stands in the audit log before it is shown, and nothing is shown where it cannot.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod support;

use serde_json::Value;
use support::Filled;
use support::browser::Browser;
use support::otlp::trace_id;
use support::samples::research;
use treering_dashboard::LocalLink;
use treering_store::AuditRow;

const STEP: &str = "0000000000000002";

/// The rows behind this one, as actor, action and subject.
async fn behind(filled: &Filled, row: i64) -> Vec<(String, String, String)> {
    let rows = filled.handles.audit.page(None, 1_000).await.unwrap();
    let told = |row: AuditRow| (row.actor, row.action, row.subject.unwrap_or_default());
    let mut told: Vec<_> = rows.into_iter().take_while(|found| found.id > row).map(told).collect();
    told.reverse();
    told
}

async fn last(filled: &Filled) -> i64 {
    filled.handles.audit.last().await.unwrap()
}

#[tokio::test]
async fn each_look_at_an_execution_and_at_what_was_said_has_a_row() {
    let filled = Filled::with([research(1)]).await;
    let (key, record) = filled.key(&filled.project, &["read"]).await;
    let mut reader = filled.stranger().bearing(key.reveal());
    let (trace, actor) = (trace_id(1), format!("key:{}", record.id));
    let step = format!("{trace}/{STEP}");
    let looks: [(String, Vec<(&str, &str)>); 9] = [
        ("/".into(), vec![]),
        (
            format!("/executions/{trace}?step={STEP}"),
            vec![("execution.read", &trace), ("payload.read", &step)],
        ),
        (format!("/api/v1/executions/{trace}"), vec![("execution.read", &trace)]),
        (
            format!("/api/v1/executions/{trace}?content=1"),
            vec![("execution.read", &trace), ("payload.read", &trace)],
        ),
        (
            format!("/api/v1/executions/{trace}/steps/{STEP}"),
            vec![("execution.read", &trace), ("payload.read", &step)],
        ),
        (
            format!("/api/v1/executions/{trace}/steps/{STEP}/reading"),
            vec![("execution.read", &trace), ("payload.read", &step)],
        ),
        (format!("/api/v1/executions/{trace}/otlp"), vec![("payload.read", &trace)]),
        ("/attributes".into(), vec![("payload.read", "newest 2000 records")]),
        ("/api/v1/attributes?records=7".into(), vec![("payload.read", "newest 7 records")]),
    ];
    for (path, expected) in looks {
        let before = last(&filled).await;
        assert_eq!(reader.get(&path).await.status, 200, "{path}");
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(action, subject)| (actor.clone(), action.to_owned(), subject.to_owned()))
            .collect();
        assert_eq!(behind(&filled, before).await, expected, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_shown() {
    let filled = Filled::with([research(1)]).await;
    let (key, _) = filled.key(&filled.project, &["read"]).await;
    let mut owner = filled.owner().await;
    let mut reader = filled.stranger().bearing(key.reveal());
    filled
        .execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
    let trace = trace_id(1);
    for path in [
        format!("/executions/{trace}"),
        "/attributes".to_owned(),
        "/audit".to_owned(),
        format!("/api/v1/executions/{trace}"),
        format!("/api/v1/executions/{trace}?content=1"),
        format!("/api/v1/executions/{trace}/steps/{STEP}"),
        format!("/api/v1/executions/{trace}/steps/{STEP}/reading"),
        format!("/api/v1/executions/{trace}/otlp"),
        "/api/v1/attributes".to_owned(),
        "/api/v1/audit".to_owned(),
    ] {
        for browser in [&mut owner, &mut reader] {
            let answer = browser.get(&path).await;
            assert!([503, 403].contains(&answer.status), "{path}: {}", answer.status);
            assert!(!answer.body.contains("tree ring"), "{path}");
        }
    }
    let page = owner.get(&format!("/executions/{trace}")).await;
    assert!(page.body.contains("cannot be written down that you see this"), "{}", page.body);
    // Nobody gets in either, and what comes in comes in.
    let form = format!("key={}", key.reveal());
    assert_eq!(filled.stranger().post("/login", &form).await.status, 503);
    let (link, token) = LocalLink::new().unwrap();
    let mut other = Browser::new(treering_dashboard::router(filled.settings(Some(link))));
    assert_eq!(other.get(&format!("/login?token={token}")).await.status, 503);
    filled.put(&filled.project, treering_otlp::Signal::Traces, &research(2)).await;
    filled.execute("DROP TRIGGER full");
    let answer = reader.get(&format!("/api/v1/executions/{}", trace_id(2))).await;
    assert_eq!((answer.status, answer.json()["steps"].as_array().unwrap().len()), (200, 10));
}

#[tokio::test]
async fn the_log_is_a_page_and_json_and_reading_it_is_a_row() {
    let filled = Filled::with([research(1)]).await;
    let other = filled.handles.keeper.ensure_project("other").await.unwrap();
    filled.handles.keeper.put_member(other.id, "<b>ada</b>", treering_store::Role::Auditor).await.unwrap();
    let mut owner = filled.owner().await;
    let page = owner.get("/audit").await;
    assert_eq!(page.status, 200);
    for shown in ["audit.read", "login", "project.create", "&lt;b&gt;ada&lt;&#x2f;b&gt;", "local"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let rows = |answer: &Value| answer["rows"].as_array().unwrap().clone();
    let first = owner.get("/api/v1/audit?limit=2").await.json();
    assert_eq!(rows(&first)[0]["action"], "audit.read");
    let before = first["next"].as_i64().unwrap();
    let second = owner.get(&format!("/api/v1/audit?limit=2&before={before}")).await.json();
    assert!(rows(&second).iter().all(|row| row["row"].as_i64().unwrap() < before));
    for bad in ["limit=0", "limit=1001", "before=x"] {
        assert_eq!(owner.get(&format!("/api/v1/audit?{bad}")).await.status, 400, "{bad}");
    }
}
