//! The dashboard as its reader meets it: the demo of the very binary, in a real browser.
//!
//! `TREERING_CHROMIUM` names the browser where it is not on the path. `TREERING_SCREENSHOTS` names a folder
//! for pictures of every page, at two sizes, light and dark.

mod barriers;
mod chromium;
mod hostile;
mod live;
mod sender;
mod strange;
#[path = "../support/mod.rs"]
mod support;
mod tab;
mod visit;
mod ways;

use std::path::{Path, PathBuf};

use hostile::hostile;
use support::Api;
use tab::{DESK, PHONE, Scheme, Size, Tab};
use visit::{STEPS, Visit, assert_tree, step};

#[tokio::test]
async fn the_printed_link_and_one_click_show_the_whole_tree() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    tab.click(&visit.row());
    assert_tree(&tab);
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}

#[tokio::test]
async fn all_of_it_works_where_scripts_are_off() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.browser.tab();
    tab.switch_scripts_off();
    assert_scripts_are_off(&visit);
    assert_eq!(tab.open(&visit.server.link()), 200);
    tab.click(&visit.row());
    assert_tree(&tab);
    tab.click(&step(&tab, "choose_tools"));
    assert!(tab.text().contains("Search first, then read both."));

    tab.click("nav a");
    tab.fill("input[name=q]", "ledger");
    tab.click(".filter button");
    assert_eq!(executions(&tab), 1, "one of three belongs to that session");
    tab.click("form[action='/logout'] button");
    assert!(tab.read("location.pathname") == "/login", "out again");
    let_in_by_key(&tab, &visit.server.key("read"));
    assert_eq!(executions(&tab), 3);
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}

/// Switching them off does what its name says, shown on a page that has a script.
fn assert_scripts_are_off(visit: &Visit) {
    let tab = visit.browser.tab();
    for expected in ["on", "off"] {
        tab.visit("data:text/html,<title>off</title><script>document.title = 'on'</script>");
        assert_eq!(tab.read("document.title"), expected);
        tab.switch_scripts_off();
    }
}

pub(crate) fn executions(tab: &Tab<'_>) -> u64 {
    tab.look("document.querySelectorAll('tbody tr').length").as_u64().expect("a count")
}

fn let_in_by_key(tab: &Tab<'_>, key: &str) {
    tab.fill("input[name=key]", key);
    tab.click(".door button");
}

#[tokio::test]
async fn a_step_shows_its_messages_and_marks_what_was_redacted() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    tab.click(&visit.row());
    tab.click(&step(&tab, "choose_tools"));
    let text = tab.text();
    for said in
        ["Answer from sources.", "the summer of 1540?", "I need a source on the drought", "web_search"]
    {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
    assert!(marks(&tab).iter().any(|mark| mark == "email"), "{:?}", marks(&tab));
    for url in visit.tour(&tab) {
        tab.open(&url);
        let html = tab.html();
        for secret in [concat!("ada.lindgren", "@"), concat!("sk-", "proj-")] {
            assert!(!html.contains(secret), "{secret} is in {url}");
        }
    }
}

/// The marks in a chosen step that can be seen.
fn marks(tab: &Tab<'_>) -> Vec<String> {
    let marks = "[...document.querySelectorAll('#step [title^=redacted]')]";
    let seen = format!("{marks}.filter(mark => mark.checkVisibility()).map(mark => mark.innerText)");
    serde_json::from_value(tab.look(&seen)).expect("texts")
}

#[tokio::test]
async fn no_page_complains_or_asks_anybody_else() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    for url in visit.tour(&tab) {
        assert_eq!(tab.open(&url), 200, "{url}");
        assert_eq!(tab.complaints(&visit.origin()), [""; 0], "{url}");
    }
    // And it would be heard.
    tab.look("document.body.append(Object.assign(document.createElement('style'), {innerText: 'a {}'}))");
    tab.look("fetch('https://elsewhere.example/').catch(() => 0), 0");
    let complaints = tab.complaints(&visit.origin()).concat();
    assert!(complaints.contains("style-src") && complaints.contains("elsewhere"), "{complaints}");
}

#[tokio::test]
async fn the_back_button_leads_to_where_one_was() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    tab.click(&visit.row());
    tab.click(&step(&tab, "answer"));
    assert!(tab.read("location.search").contains("step="));
    tab.back();
    assert_eq!(tab.read("location.href"), visit.execution());
    assert_tree(&tab);
    tab.back();
    assert_eq!(tab.read("location.href"), format!("{}/", visit.origin()));
    assert_eq!(executions(&tab), 3);
}

#[tokio::test]
async fn a_link_that_was_used_says_what_to_do_instead() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let first = visit.tab();
    let second = visit.browser.tab();
    assert_eq!(second.open(&visit.server.link()), 401);
    let text = second.text();
    assert!(text.contains("used already") && text.contains("treering key create"), "{text}");
    assert_eq!(second.open(&visit.execution()), 401, "a refused link opens nothing");
    let_in_by_key(&second, &visit.server.key("read"));
    assert_tree(&second);
    assert_eq!(first.open(&visit.execution()), 200, "the first one stays in");
}

#[tokio::test]
async fn what_a_stranger_sends_stays_text() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    hostile::send(&visit.server).await;
    Api::of(&visit.server).executions(4).await;
    let tab = visit.tab();
    assert_harmless(&tab, &["name", "agent"]);
    tab.click(&format!("a[href*='{}']", hostile::TRACE));
    assert!(tab.read("document.title").contains(&hostile("name")));
    assert_harmless(&tab, &["name", "session", "user"]);
    tab.click(STEPS);
    assert_harmless(&tab, &hostile::FIELDS);
    for filter in ["session", "user"] {
        tab.open(&format!("{}/executions/{}", visit.origin(), hostile::TRACE));
        tab.click(&format!(".facts a[href*='{filter}s?is=']"));
        assert_eq!(executions(&tab), 1, "one execution of that {filter}");
        assert_harmless(&tab, &["name"]);
    }
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}

#[tokio::test]
async fn whatever_a_text_is_no_page_runs_it_fetches_for_it_or_breaks() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    strange::send(&visit.server).await;
    let count = strange::texts().len();
    Api::of(&visit.server).executions(3 + count).await;
    let (tab, origin) = (visit.tab(), visit.origin());
    let mut pages = ["/", "/?status=error", "/attributes", "/receipts", "/audit"].map(str::to_owned).to_vec();
    pages.extend((0..count).map(|at| format!("/executions/{}", strange::trace(at))));
    for size in [DESK, PHONE] {
        tab.resize(size);
        for page in &pages {
            tab.open(&format!("{origin}{page}"));
            assert_nothing_active(&tab);
            assert_fits(&tab, page, size);
            assert!(!tab.read("document.title").starts_with("taken"), "{page}");
            assert!(tab.read("location.href").starts_with(&origin), "{page} leads away");
        }
    }
    // Where somebody asks for such a text, too.
    for (at, text) in strange::texts().iter().enumerate().filter(|(_, text)| text.len() < 200) {
        let query: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for page in [format!("/?q={query}"), format!("/?session={query}"), format!("/executions/{query}")] {
            tab.open(&format!("{origin}{page}"));
            assert_nothing_active(&tab);
            assert_fits(&tab, &format!("{at}: {page}"), PHONE);
        }
    }
    // The browser says of itself that an address with no id in it was refused.
    let refused = |told: &String| told.contains("status of 400 (Bad Request)");
    let complaints: Vec<_> = tab.complaints(&origin).into_iter().filter(|told| !refused(told)).collect();
    assert_eq!(complaints, [""; 0]);
}

/// These fields are on the page as they were sent, and nothing of them became an element. A dialog would
/// have ended the test.
fn assert_harmless(tab: &Tab<'_>, fields: &[&str]) {
    let text = tab.read("document.body.textContent");
    for field in fields {
        assert!(text.contains(&hostile(field)), "{field} is not in {text}");
    }
    assert_nothing_active(tab);
}

fn assert_nothing_active(tab: &Tab<'_>) {
    let active = "script:not([src^=\"/static/\"]), style, img, iframe, object, embed, base, [onerror], [onload], [srcdoc], [style], \
                  [href^=javascript]";
    let found =
        tab.look(&format!("[...document.querySelectorAll('{active}')].map(found => found.outerHTML)"));
    assert_eq!(found, serde_json::json!([]));
}

#[tokio::test]
async fn every_page_fits_its_window_by_day_and_by_night() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    hostile::send(&visit.server).await;
    Api::of(&visit.server).executions(4).await;
    let (tab, outside) = (visit.tab(), visit.browser.tab());
    let pages = pages(&visit, &tab);
    for size in [DESK, PHONE] {
        for scheme in [Scheme::Light, Scheme::Dark] {
            for (name, url) in &pages {
                let tab = if name.starts_with("outside") { &outside } else { &tab };
                tab.resize(size);
                tab.paint(scheme);
                tab.open(url);
                assert_fits(tab, name, size);
                assert_eq!(is_dark(tab), matches!(scheme, Scheme::Dark), "{name} in {scheme:?}");
                if let Some(path) = picture(name, size, scheme) {
                    tab.picture(&path, size);
                }
            }
        }
    }
}

pub(crate) fn pages(visit: &Visit, tab: &Tab<'_>) -> Vec<(&'static str, String)> {
    let (origin, execution) = (visit.origin(), visit.execution());
    tab.open(&execution);
    let step = |name: &str| tab.read(&format!("document.querySelector({:?}).href", step(tab, name)));
    let nth = |at: usize| tab.read(&format!("document.querySelectorAll('{STEPS}')[{at}].href"));
    let stranger = format!("{origin}/executions/{}", hostile::TRACE);
    vec![
        ("list", origin.clone()),
        ("list-filtered", format!("{origin}/?status=error")),
        ("list-empty", format!("{origin}/?q=nobody")),
        ("list-columns", format!("{origin}/?cols=agent,model,session,user,started,took,bar&q=tokens%3E0")),
        ("agents", format!("{origin}/agents")),
        ("agent", format!("{origin}/agents?is=research_assistant")),
        ("models", format!("{origin}/models")),
        ("tools", format!("{origin}/tools")),
        ("tool", format!("{origin}/tools?is=fetch_page")),
        ("users", format!("{origin}/users")),
        ("sessions", format!("{origin}/sessions")),
        ("transcript", format!("{execution}/transcript")),
        ("context", format!("{execution}/context")),
        ("compare", format!("{origin}/compare?a={}", visit.trace)),
        ("errors-only", format!("{execution}?only=errors")),
        ("critical-path", format!("{execution}?only=path")),
        ("one-level", format!("{execution}?levels=1")),
        ("found", format!("{execution}?find=fetch")),
        ("found-nothing", format!("{execution}?find=nothing")),
        ("attributes", format!("{origin}/attributes")),
        ("requests", format!("{origin}/receipts")),
        ("audit", format!("{origin}/audit")),
        ("execution", execution),
        ("step-model", step("choose_tools")),
        ("step-tool", step("web_search")),
        ("step-redacted", nth(6)),
        ("step-failed", nth(8)),
        ("step-agent", step("summariser")),
        ("hostile-execution", stranger.clone()),
        ("hostile-step", format!("{stranger}?step={}", hostile::STEP)),
        ("not-found", format!("{origin}/nowhere")),
        ("outside-link-used", visit.server.link()),
        ("outside-login", format!("{origin}/login")),
    ]
}

/// Nothing reaches out of the window sideways.
fn assert_fits(tab: &Tab<'_>, name: &str, Size { width, .. }: Size) {
    let page = tab.look("document.documentElement.scrollWidth").as_u64().expect("pixels");
    let beyond = format!(
        "[...document.querySelectorAll('main *')].filter(found => found.getBoundingClientRect().right > {width})
            .map(found => [...Array(4)].reduce((path, _) => [path[0].parentElement, ...path], [found])
                .map(place => `${{place.tagName}}.${{place.className}}`).join(' > '))"
    );
    let wide = page > u64::from(width);
    assert!(!wide, "{name} is {page} px wide, in a window of {width} px: {}", tab.look(&beyond));
}

fn is_dark(tab: &Tab<'_>) -> bool {
    let channels = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)";
    let channels: [u32; 3] = serde_json::from_value(tab.look(channels)).expect("a colour");
    channels.iter().sum::<u32>() < 3 * 128
}

/// Where a picture is wanted.
fn picture(name: &str, size: Size, scheme: Scheme) -> Option<PathBuf> {
    let folder = std::env::var_os("TREERING_SCREENSHOTS")?;
    Some(Path::new(&folder).join(format!("{name}-{}-{}.png", size.width, scheme.word())))
}
