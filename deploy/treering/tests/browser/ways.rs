//! Every link and every form leads somewhere; keys do what the page says; pages are light.

use std::collections::{BTreeSet, VecDeque};

use crate::executions;
use crate::tab::Tab;
use crate::visit::{STEPS, TREE, Visit, step};

/// Addresses that one walk visits at the most; the demo has fewer of each kind.
const WALK: usize = 260;

/// Where the links of this page lead to, on this dashboard.
fn links(tab: &Tab<'_>, origin: &str) -> Vec<String> {
    let found = tab.look("[...document.querySelectorAll('a[href]')].map(link => link.href.split('#')[0])");
    let found: Vec<String> = serde_json::from_value(found).expect("addresses");
    found.into_iter().filter(|url| url.starts_with(origin)).collect()
}

/// What is answered for an address that no page shows: a twin, or the read API.
fn fetched(tab: &Tab<'_>, url: &str) -> u64 {
    tab.look(&format!("fetch({url:?}).then(answer => answer.status)")).as_u64().expect("a status")
}

fn is_page(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default();
    !path.contains("/api/") && ![".md", ".json", ".otlp"].iter().any(|form| path.ends_with(form))
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let (tab, origin) = (visit.tab(), visit.origin());
    let mut known = BTreeSet::from([format!("{origin}/")]);
    let mut waiting = VecDeque::from([format!("{origin}/")]);
    let mut visited = 0;
    while let Some(url) = waiting.pop_front() {
        visited += 1;
        if !is_page(&url) {
            assert_eq!(fetched(&tab, &url), 200, "{url}");
            continue;
        }
        assert_eq!(tab.open(&url), 200, "{url}");
        for link in links(&tab, &origin) {
            if known.len() < WALK && known.insert(link.clone()) {
                waiting.push_back(link);
            }
        }
    }
    assert!(visited > 100, "{visited}");
    assert_eq!(tab.complaints(&origin), [""; 0]);
}

/// Every form and every kind of link, once with scripts and once without.
#[tokio::test]
async fn every_control_works_with_script_and_without() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    for script in [false, true] {
        let tab = if script { visit.browser.tab() } else { visit.tab() };
        if script {
            tab.open(&format!("{}/login", visit.origin()));
            tab.fill("input[name=key]", &visit.server.key("read"));
            tab.click(".door button");
        } else {
            tab.switch_scripts_off();
        }
        walk(&visit, &tab);
    }
}

fn walk(visit: &Visit, tab: &Tab<'_>) {
    tab.open(&visit.origin());
    tab.fill("input[name=q]", "kind:tool steps>10 -agent:nobody");
    tab.click(".filter button");
    assert_eq!(executions(tab), 1);
    tab.click(".filter .do a");
    assert_eq!(executions(tab), 3);
    tab.press_on("details.more:has(.choices) summary");
    tab.click(".choices a");
    tab.wait_until("[...document.querySelectorAll('th')].some(head => head.innerText === 'Agent')");
    tab.click("nav[aria-label='Seen by'] a[href^='/agents']");
    tab.click(".groups tbody a");
    assert!(tab.text().contains("95th percentile"));
    assert_eq!(executions(tab), 3);
    tab.click(&visit.row());

    let rows = || tab.look(&format!("document.querySelectorAll('{STEPS}').length"));
    let controls = |label: &str| format!(".controls a[href*='{label}']");
    assert_eq!(rows(), TREE.len());
    tab.click(&controls("only=errors"));
    assert!(rows().as_u64() < Some(TREE.len() as u64) && tab.text().contains("Show all"));
    tab.click(".controls p a");
    tab.click(&controls("only=path"));
    assert!(tab.text().contains(" of 14 steps"));
    tab.click(&controls("levels=1"));
    assert_eq!(rows(), 1);
    assert!(tab.text().contains("+13"));
    tab.click(".controls a");
    tab.fill("input[name=find]", "summar");
    tab.click(".controls button");
    assert_eq!(rows(), 2, "the agent that was found, and what it hangs from");
    tab.click(&step(tab, "summariser"));
    tab.click(".take a[href*='root=']");
    assert_eq!(rows(), 3, "the sub-agent and its two calls");
    tab.click(".controls p a");
    assert_eq!(rows(), TREE.len());

    tab.click("nav[aria-label='This execution'] a[href$='/transcript']");
    assert!(tab.text().contains("web_search answers"));
    tab.click("nav[aria-label='This execution'] a[href$='/context']");
    assert!(tab.text().contains("characters were sent to models"));
    tab.click("nav[aria-label='This execution'] a[href*='/compare']");
    assert!(tab.text().contains("first divergence"));
    tab.click(".pairs-of td a");
    assert!(tab.text().contains("message by message"));
    for page in ["/attributes", "/receipts", "/audit"] {
        if tab.look(&format!("!!document.querySelector('nav a[href=\"{page}\"]')")) == true {
            tab.click(&format!("nav a[href=\"{page}\"]"));
            assert_eq!(tab.read("location.pathname"), page);
        }
    }
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}

#[tokio::test]
async fn the_three_questions_take_two_interactions_each() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    // To the cause of the failure.
    tab.click(&visit.row());
    tab.click(".facts .alarm a");
    assert!(tab.text().contains("did not answer within"), "{}", tab.text());
    // To the first divergence of two runs.
    tab.open(&visit.origin());
    tab.click(&visit.row());
    tab.click("nav[aria-label='This execution'] a[href*='/compare']");
    let seen = "document.querySelector('#first').getBoundingClientRect().top < innerHeight";
    assert_eq!(tab.look(seen), true, "it is in sight");
    // To the step that cost the most.
    tab.open(&visit.origin());
    tab.click(&visit.row());
    tab.click(".facts a[title='the step that cost the most']");
    assert!(tab.look("!!document.querySelector('#step .bill')") == true);
}

#[tokio::test]
async fn keys_move_and_fold_and_search() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    let focused = |what: &str| tab.look(&format!("document.activeElement.matches({what:?})")) == true;
    tab.press("j");
    assert!(
        focused(".executions tbody tr:nth-child(1) a"),
        "{}",
        tab.read("document.activeElement.outerHTML")
    );
    tab.press("j");
    tab.press("j");
    tab.press("j");
    tab.press("k");
    assert!(focused(".executions tbody tr:nth-child(2) a"));
    tab.press("/");
    assert!(focused("input[type=search]"));
    tab.press("j");
    assert_eq!(tab.read("document.activeElement.value"), "j", "typed, and nothing else");
    tab.press("Escape");
    tab.press("?");
    assert!(tab.text().contains("fold, unfold"));
    tab.press("Escape");
    assert!(!tab.text().contains("fold, unfold"));

    tab.click(&visit.row());
    let shown = || tab.look("document.querySelectorAll('.steps > li:not([hidden])').length");
    assert_eq!(tab.read("document.querySelector('.steps').getAttribute('role')"), "tree");
    tab.press("j");
    assert!(focused(".steps > li:nth-child(1)"));
    tab.press("ArrowLeft");
    assert_eq!(shown(), 1);
    assert!(focused("[aria-expanded=false]"));
    tab.press("ArrowRight");
    assert_eq!(shown(), TREE.len());
    tab.press("ArrowRight");
    assert!(focused(".steps > li:nth-child(2)"));
    tab.press("ArrowDown");
    tab.press("ArrowLeft");
    assert!(focused(".steps > li:nth-child(2)"), "a leaf leads to what it hangs from");
    tab.press_to_go("Enter");
    assert!(tab.read("location.search").contains("step="));
    assert_eq!(tab.complaints(&visit.origin()), [""; 0]);
}

#[tokio::test]
async fn pages_are_light() {
    let Some(visit) = Visit::of_the_demo().await else { return };
    let tab = visit.tab();
    for url in [visit.origin(), visit.execution()] {
        let since = tab.told();
        tab.look("caches.keys()");
        tab.open(&format!("{url}?q="));
        let came = tab.transferred(since);
        let page: u64 = came.iter().map(|(_, bytes)| bytes).sum();
        assert!(page > 1_000 && page < 60_000, "{url}: {page} bytes in {came:?}");
    }
    // The first page came with them.
    let files: Vec<_> =
        tab.transferred(0).into_iter().filter(|(url, _)| url.contains("/static/treering.")).collect();
    let weight: u64 = files.iter().filter(|(url, _)| !url.ends_with("svg")).map(|(_, bytes)| bytes).sum();
    assert!(weight > 1_000 && weight < 30_000, "{files:?}");
}
