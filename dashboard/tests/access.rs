//! Who is let in, who is not, and what every answer carries.

mod support;

use axum::body::Body;
use axum::http::Request;
use support::Filled;
use support::browser::Browser;
use support::otlp::trace_id;
use support::samples::{research, short};
use treering_dashboard::{Hosts, LocalLink};
use treering_step::Timestamp;
use treering_store::{ApiKey, Scopes, Terms};

fn paths() -> Vec<String> {
    let execution = format!("/executions/{}", trace_id(1));
    let api = format!("/api/v1{execution}");
    vec![
        "/".to_owned(),
        "/api/v1/executions".to_owned(),
        format!("{api}/otlp"),
        format!("{api}/steps/0000000000000001"),
        execution,
        api,
    ]
}

#[tokio::test]
async fn nobody_sees_anything_without_access() {
    let filled = Filled::with([research(1)]).await;
    for path in paths() {
        let answer = filled.stranger().get(&path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(!answer.body.contains("research_assistant"));
    }
    let answer = filled.stranger().get("/executions/abc?step=1&at=2").await;
    assert_eq!(answer.status, 401);
    // What changes with the style sheet and the script is left out.
    let is_versioned = |line: &&str| line.starts_with("<link") || line.starts_with("<script src=");
    insta::assert_snapshot!(
        answer.body.lines().filter(|line| !is_versioned(line)).collect::<Vec<_>>().join("\n")
    );
}

#[tokio::test]
async fn a_key_is_judged_by_its_scope_its_end_and_its_form() {
    let filled = Filled::with([research(1)]).await;
    let (reads, _) = filled.key(&filled.project, &["read"]).await;
    let (sends, _) = filled.key(&filled.project, &["ingest"]).await;
    let (revoked, record) = filled.key(&filled.project, &["read"]).await;
    assert!(filled.handles.keeper.revoke_key(record.id).await.unwrap());
    let (expired, past) = (ApiKey::generate().unwrap(), Timestamp::from_nanos(1));
    let scopes = Scopes { ingest: false, read: true };
    filled
        .handles
        .keeper
        .create_key(filled.project.clone(), &expired, Terms::from(scopes).until(past))
        .await
        .unwrap();
    let unknown = ApiKey::generate().unwrap();
    for path in paths() {
        for (key, status) in [(&reads, 200), (&sends, 403), (&revoked, 401), (&expired, 401), (&unknown, 401)]
        {
            assert_eq!(filled.stranger().bearing(key.reveal()).get(&path).await.status, status, "{path}");
        }
        for malformed in ["", "trk_", "trk_0", "Bearer"] {
            assert_eq!(filled.stranger().bearing(malformed).get(&path).await.status, 401, "{malformed}");
        }
    }
}

#[tokio::test]
async fn a_key_may_come_in_the_header_of_exporters_too() {
    let filled = Filled::with([research(1)]).await;
    let (reads, _) = filled.key(&filled.project, &["read"]).await;
    let (sends, _) = filled.key(&filled.project, &["ingest"]).await;
    for path in paths() {
        for (key, status) in [(reads.reveal(), 200), (sends.reveal(), 403), ("trk_0", 401)] {
            let request = Request::get(&path).header("x-api-key", key);
            assert_eq!(filled.stranger().send(request, Body::empty()).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn a_key_sees_its_project_and_no_other() {
    let filled = Filled::with([research(1)]).await;
    let other = filled.handles.keeper.ensure_project("other").await.unwrap();
    filled.put(&other, treering_otlp::Signal::Traces, &short(2, "secret", 0.0, 100.0, false)).await;
    let (key, _) = filled.key(&other, &["read"]).await;
    let mut browser = filled.stranger().bearing(key.reveal());
    let list = browser.get("/").await.body;
    assert!(list.contains("secret") && !list.contains("research_assistant") && !list.contains("default"));
    for path in paths().into_iter().filter(|path| path.contains(&trace_id(1))) {
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(browser.get("/?project=default").await.status, 404);
    assert_eq!(browser.get("/api/v1/executions?project=default").await.status, 404);
}

#[tokio::test]
async fn the_one_time_link_lets_in_once() {
    let filled = Filled::with([research(1)]).await;
    let (link, token) = LocalLink::new().unwrap();
    let router = treering_dashboard::router(filled.settings(Some(link)));
    let path = format!("/login?token={token}");
    assert_eq!(Browser::new(router.clone()).get("/login?token=wrong").await.status, 401);
    let ahead = Browser::new(router.clone()).send(Request::head(&path), Body::empty()).await;
    assert_eq!(ahead.status, 401, "looking ahead does not use the link up");

    let mut owner = Browser::new(router.clone());
    let answer = owner.get(&path).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    assert!(!cookie.contains(&token));
    assert_eq!(owner.get("/").await.status, 200);
    assert_eq!(owner.get(&path).await.status, 303, "whoever is in already goes on");

    let mut second = Browser::new(router);
    let answer = second.get(&path).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("This link was used already") && !answer.body.contains(&token));
    assert_eq!(second.get("/").await.status, 401);
}

#[tokio::test]
async fn a_pasted_key_opens_a_session_that_ends_with_the_key() {
    let filled = Filled::with([research(1)]).await;
    let (key, record) = filled.key(&filled.project, &["read"]).await;
    let (sends, _) = filled.key(&filled.project, &["ingest"]).await;
    let mut browser = filled.stranger();
    assert_eq!(browser.post("/login", "key=wrong").await.status, 401);
    assert_eq!(browser.post("/login", &format!("key={}", sends.reveal())).await.status, 403);
    assert_eq!(browser.post("/login", "nothing=1").await.status, 400);
    let answer =
        browser.post("/login", &format!("key=+{}+&next=%2Fexecutions%2Fabc%3Fstep%3D1", key.reveal())).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/executions/abc?step=1"));
    assert_eq!(browser.get("/").await.status, 200);
    assert!(filled.handles.keeper.revoke_key(record.id).await.unwrap());
    assert_eq!(browser.get("/").await.status, 401, "revoking a key ends its sessions");
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    let cookie = browser.cookie.clone();
    assert_eq!(browser.get("/logout").await.status, 405);
    let answer = browser.post("/logout", "").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/login"));
    browser.cookie = cookie;
    assert_eq!(browser.get("/").await.status, 401);
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let filled = Filled::new().await;
    let mut browser = filled.owner().await;
    for path in ["/login", "/logout"] {
        for site in ["cross-site", "same-site"] {
            let form = Request::post(path)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", site);
            assert_eq!(browser.send(form, Body::from("key=x")).await.status, 403, "{path} {site}");
        }
    }
    assert_eq!(browser.get("/").await.status, 200);
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered_on_loopback() {
    let filled = Filled::new().await;
    let mut browser = filled.owner().await;
    for (host, status) in
        [("localhost:4319", 200), ("evil.example", 421), ("127.0.0.1.evil.example:4319", 421)]
    {
        let answer = browser.send(Request::get("/login").header("host", host), Body::empty()).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let mut settings = filled.settings(None);
    settings.hosts = Hosts::Any;
    let mut anywhere = Browser::new(treering_dashboard::router(settings));
    let answer = anywhere.send(Request::get("/login").header("host", "traces.example"), Body::empty()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host_and_tls_stays() {
    let filled = Filled::new().await;
    let (link, token) = LocalLink::new().unwrap();
    let mut settings = filled.settings(Some(link));
    settings.https = true;
    let answer =
        Browser::new(treering_dashboard::router(settings)).get(&format!("/login?token={token}")).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-treering=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    let style = browser.get("/login").await.body;
    let style = style
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#x2f;", "/");
    let all = paths().into_iter().chain(
        [
            "/login",
            "/login?token=x",
            "/nothing",
            "/executions/x",
            "/api/v1/nothing",
            "/logout",
            style.as_str(),
        ]
        .map(str::to_owned),
    );
    for path in all {
        let answer = browser.get(&path).await;
        let policy = answer.header("content-security-policy");
        let ours =
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';";
        assert!(policy.starts_with(ours), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        let kept = if path == style { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), kept, "{path}");
    }
}

#[tokio::test]
async fn only_registered_methods_are_taken() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    for path in paths() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let answer = browser.send(Request::builder().method(method).uri(&path), Body::empty()).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"), "{method} {path}");
        }
        let head = browser.send(Request::head(&path), Body::empty()).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn a_link_on_another_site_leads_to_the_page_by_way_of_our_own() {
    let filled = Filled::with([research(1)]).await;
    let page = format!("/executions/{}?step=1", trace_id(1));
    let arrive = Request::get(&page).header("sec-fetch-site", "cross-site");
    let answer = filled.stranger().send(arrive, Body::empty()).await;
    assert_eq!(answer.status, 401);
    let again = format!("<meta http-equiv=\"refresh\" content=\"0; url={}\">", page.replace('/', "&#x2f;"));
    assert!(answer.body.contains(&again), "{}", answer.body);
    let arrive = Request::get(&page).header("sec-fetch-site", "same-origin");
    let answer = filled.stranger().send(arrive, Body::empty()).await;
    assert!(!answer.body.contains("refresh"), "it is tried once");
}
