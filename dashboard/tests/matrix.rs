//! Every address × everybody × the own and a foreign project: whoever does not stand in the table as allowed is refused, and
//! what is refused shows nothing.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod support;

use serde_json::json;
use support::Filled;
use support::browser::{Answer, Browser};
use support::issuer::Issuer;
use support::otlp::trace_id;
use support::samples::research;
use treering_dashboard::{LocalLink, Settings};
use treering_otlp::Signal;
use treering_store::{Project, Receipt, Role, Transport};

/// What one has to be allowed for an address.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Asks {
    /// Nothing.
    Nothing,
    Structure,
    Content,
    Audit,
    /// It takes no GET.
    Post,
    /// It is there only where people log in by a provider.
    Provider,
}

/// All addresses, and what each shows of an execution.
const ROUTES: &[(&str, &str, Asks)] = &[
    ("/", "/", Asks::Structure),
    ("/executions/{trace_id}", "/executions/TRACE", Asks::Structure),
    ("/executions/{trace_id}", "/executions/TRACE.md", Asks::Structure),
    ("/executions/{trace_id}", "/executions/TRACE.json", Asks::Structure),
    ("/executions/{trace_id}", "/executions/TRACE.otlp", Asks::Content),
    ("/executions/{trace_id}", "/executions/TRACE?only=path&find=a&levels=2", Asks::Structure),
    ("/executions/{trace_id}/transcript", "/executions/TRACE/transcript", Asks::Content),
    ("/executions/{trace_id}/context", "/executions/TRACE/context", Asks::Content),
    ("/executions/{trace_id}/steps/{span_id}", "/executions/TRACE/steps/SPAN.md", Asks::Content),
    ("/executions/{trace_id}/steps/{span_id}", "/executions/TRACE/steps/SPAN.otlp", Asks::Content),
    ("/compare", "/compare?a=TRACE&b=TRACE", Asks::Structure),
    ("/agents", "/agents", Asks::Structure),
    ("/models", "/models", Asks::Structure),
    ("/tools", "/tools", Asks::Structure),
    ("/users", "/users", Asks::Structure),
    ("/sessions", "/sessions", Asks::Structure),
    ("/attributes", "/attributes", Asks::Content),
    ("/audit", "/audit", Asks::Audit),
    ("/receipts", "/receipts", Asks::Structure),
    ("/receipts/{id}", "/receipts/RECEIPT", Asks::Structure),
    ("/login", "/login", Asks::Nothing),
    ("/login/start", "/login/start", Asks::Provider),
    ("/login/callback", "/login/callback", Asks::Provider),
    ("/logout", "/logout", Asks::Post),
    ("/api/v1/executions", "/api/v1/executions", Asks::Structure),
    ("/api/v1/executions/{trace_id}", "/api/v1/executions/TRACE", Asks::Structure),
    ("/api/v1/executions/{trace_id}", "/api/v1/executions/TRACE?content=1", Asks::Content),
    ("/api/v1/executions/{trace_id}/steps/{span_id}", "/api/v1/executions/TRACE/steps/SPAN", Asks::Content),
    (
        "/api/v1/executions/{trace_id}/steps/{span_id}/reading",
        "/api/v1/executions/TRACE/steps/SPAN/reading",
        Asks::Content,
    ),
    ("/api/v1/executions/{trace_id}/otlp", "/api/v1/executions/TRACE/otlp", Asks::Content),
    ("/api/v1/live", "/api/v1/live", Asks::Structure),
    ("/api/v1/attributes", "/api/v1/attributes", Asks::Content),
    ("/api/v1/audit", "/api/v1/audit", Asks::Audit),
    ("/api/v1/receipts/{id}", "/api/v1/receipts/RECEIPT", Asks::Structure),
    ("/api/v1/openapi.json", "/api/v1/openapi.json", Asks::Nothing),
];

const RECEIPT: &str = "01a2034647f600000000000000000010";
/// What is shown wherever an execution is, and what was said in it.
const HAPPENED: [&str; 2] = ["research_assistant", "web_search"];
const SAID: [&str; 4] =
    ["Summarise what we know", "Search first", "tree ring width summer", "narrow sharply"];

/// Somebody, and what that one may in the own project and in the foreign one.
struct One {
    name: &'static str,
    browser: Browser,
    /// What is answered whatever is asked for, to who was not let in at all.
    outside: Option<u16>,
    own: &'static [Asks],
    foreign: &'static [Asks],
}

const ALL: &[Asks] = &[Asks::Structure, Asks::Content, Asks::Audit];
const READER: &[Asks] = &[Asks::Structure, Asks::Content];

async fn everybody(filled: &Filled, issuer: &Issuer) -> Vec<One> {
    let keeper = &filled.handles.keeper;
    let foreign = keeper.ensure_project("foreign").await.unwrap();
    for role in [Role::Auditor, Role::Viewer, Role::Reader, Role::Owner] {
        keeper.put_member(filled.project.id, role.as_str(), role).await.unwrap();
        // The same names have other roles elsewhere, which count for nothing here.
        keeper.put_member(foreign.id, &format!("{}-elsewhere", role.as_str()), role).await.unwrap();
    }
    let (link, token) = LocalLink::new().unwrap();
    let settings = Settings { login: Some(issuer.login()), ..filled.settings(Some(link)) };
    let router = treering_dashboard::router(settings);
    let browser = || Browser::new(router.clone());
    let person = |subject: &str| browser().bearing(&issuer.token(&issuer.claims(subject)));
    let claimed = |role: &str| {
        let mut claims = issuer.claims("by-claim");
        claims["treering"] = json!({"default": role});
        browser().bearing(&issuer.token(&claims))
    };
    let mut local = browser();
    assert_eq!(local.get(&format!("/login?token={token}")).await.status, 303);
    let (read, _) = filled.key(&filled.project, &["read"]).await;
    let (ingest, _) = filled.key(&filled.project, &["ingest"]).await;
    let (revoked, record) = filled.key(&filled.project, &["ingest", "read"]).await;
    assert!(keeper.revoke_key(record.id).await.unwrap());
    let one = |name, browser, own, foreign| One { name, browser, outside: None, own, foreign };
    let out = |name, browser, status| One { name, browser, outside: Some(status), own: &[], foreign: &[] };
    vec![
        out("nobody", browser(), 401),
        out("a key that sends", browser().bearing(ingest.reveal()), 403),
        one("a key that reads", browser().bearing(read.reveal()), READER, &[]),
        out("no key", browser().bearing("trk_nothing"), 401),
        out("a key that was revoked", browser().bearing(revoked.reveal()), 401),
        out("no token", browser().bearing("a.b.c"), 401),
        one("auditor", person("auditor"), &[Asks::Audit], &[]),
        one("viewer", person("viewer"), &[Asks::Structure], &[]),
        one("reader", person("reader"), READER, &[]),
        one("owner", person("owner"), ALL, &[]),
        one("auditor by claim", claimed("auditor"), &[Asks::Audit], &[]),
        one("viewer by claim", claimed("viewer"), &[Asks::Structure], &[]),
        one("reader by claim", claimed("reader"), READER, &[]),
        one("owner by claim", claimed("owner"), ALL, &[]),
        one("no role by claim", claimed("root"), &[], &[]),
        one("an owner of another project", person("owner-elsewhere"), &[], ALL),
        one("a person of no project", person("nobody"), &[], &[]),
        one("the owner of the machine", local, ALL, ALL),
    ]
}

#[tokio::test]
async fn nobody_sees_what_the_table_does_not_allow() {
    let issuer = Issuer::start().await;
    let filled = Filled::with([research(1)]).await;
    let mut everybody = everybody(&filled, &issuer).await;
    let foreign = filled.handles.keeper.project("foreign").await.unwrap().unwrap().project;
    filled.put(&foreign, Signal::Traces, &research(1)).await;
    let receipts = vec![receipt(&filled.project), receipt(&foreign)];
    filled.handles.writer.keep_receipts(receipts).await.unwrap();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for one in &mut everybody {
        for (_, path, asks) in ROUTES {
            for (project, allowed) in [("default", one.own), ("foreign", one.foreign), ("nowhere", &[][..])] {
                let answer = one.browser.get(&address(path, project)).await;
                let expected = expected(one.outside, *asks, allowed);
                // The owner of the machine is told what there is to choose from.
                let shown = shows_too_much(&answer, allowed, one.outside.is_none() && one.foreign.is_empty());
                if answer.status != expected || shown.is_some() {
                    let (name, status) = (one.name, answer.status);
                    wrong.push(format!("{name}: {path} of {project}: {status}, not {expected}; {shown:?}"));
                }
                asked += 1;
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(asked, 18 * ROUTES.len() * 3);
}

fn address(path: &str, project: &str) -> String {
    let path = path.replace("TRACE", &trace_id(1)).replace("SPAN", "0000000000000002");
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{}{mark}project={project}", path.replace("RECEIPT", RECEIPT))
}

fn expected(outside: Option<u16>, asks: Asks, allowed: &[Asks]) -> u16 {
    match (asks, outside) {
        (Asks::Nothing, _) => 200,
        (Asks::Post, _) => 405,
        (Asks::Provider, _) => 404,
        (_, Some(status)) => status,
        (asks, None) if allowed.contains(&asks) => 200,
        // Who may see nothing of a project is not told that it is there.
        (_, None) if allowed.is_empty() => 404,
        _ => 403,
    }
}

/// What stands in an answer and is not for who asked.
fn shows_too_much(answer: &Answer, allowed: &[Asks], hides_foreign: bool) -> Option<&'static str> {
    let hidden = |right, words: &'static [&'static str]| if allowed.contains(&right) { &[] } else { words };
    let foreign: &[_] = if hides_foreign { &["foreign"] } else { &[] };
    let mut all = [hidden(Asks::Structure, &HAPPENED), hidden(Asks::Content, &SAID), foreign].concat();
    all.retain(|word| answer.body.contains(word));
    all.first().copied()
}

fn receipt(project: &Project) -> Receipt {
    Receipt {
        id: RECEIPT.parse().unwrap(),
        project: project.id,
        transport: Transport::Grpc,
        signal: Some("traces".into()),
        outcome: "accepted.records".into(),
        reason: None,
        bytes: 1,
        accepted: 1,
        rejected: 0,
        redactions: Default::default(),
        withheld: 0,
    }
}

#[tokio::test]
async fn nobody_changes_anything() {
    let issuer = Issuer::start().await;
    let filled = Filled::with([research(1)]).await;
    for mut one in everybody(&filled, &issuer).await {
        for (route, path, _) in ROUTES {
            for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
                if method == "POST" && ["/login", "/logout"].contains(route) {
                    continue;
                }
                let request = axum::http::Request::builder().method(method).uri(address(path, "default"));
                let answer = one.browser.send(request, axum::body::Body::empty()).await;
                assert_eq!(answer.status, 405, "{}: {method} {path}", one.name);
            }
        }
    }
}

#[test]
fn every_address_stands_in_the_table() {
    let mut known: Vec<_> = ROUTES.iter().map(|(route, _, _)| *route).collect();
    known.dedup();
    assert_eq!(treering_dashboard::routes(), known);
}
