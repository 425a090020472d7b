use serde_json::Value;
use tempfile::TempDir;

use crate::chromium::Chromium;
use crate::support::{Api, Server};
use crate::tab::Tab;

/// Kind and name of each step of the demo's first execution, from the top down.
pub(crate) const TREE: [(&str, &str); 14] = [
    ("A", "research_assistant"),
    ("P", "plan"),
    ("M", "choose_tools"),
    ("T", "web_search"),
    ("R", "retrieve"),
    ("K", "rerank"),
    ("T", "fetch_page"),
    ("S", "download"),
    ("T", "fetch_page"),
    ("S", "download"),
    ("A", "summariser"),
    ("M", "read"),
    ("M", "write"),
    ("M", "answer"),
];

/// Addresses of steps on an execution's page.
pub(crate) const STEPS: &str = "[aria-label=Steps] li > a";

/// A browser before a server that has run the demo.
pub(crate) struct Visit {
    pub(crate) browser: Chromium,
    pub(crate) server: Server,
    /// The trace id of the demo's first execution.
    pub(crate) trace: String,
    _folder: TempDir,
}

impl Visit {
    /// Nothing where there is no browser.
    pub(crate) async fn of_the_demo() -> Option<Self> {
        let browser = Chromium::start()?;
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(&folder.path().join("data"), &["--demo"]);
        let trace = whole(&Api::of(&server)).await;
        Some(Self { browser, server, trace, _folder: folder })
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.server.dashboard)
    }

    /// A tab that was let in by the printed link, and shows the list.
    pub(crate) fn tab(&self) -> Tab<'_> {
        let tab = self.browser.tab();
        assert_eq!(tab.open(&self.server.link()), 200, "the printed link lets one in");
        tab
    }

    /// The address of the demo's first execution.
    pub(crate) fn execution(&self) -> String {
        format!("{}/executions/{}", self.origin(), self.trace)
    }

    /// What links to that execution.
    pub(crate) fn row(&self) -> String {
        format!("a[href*='{}']", self.trace)
    }

    /// Addresses of the list, of the attributes, of the execution and of each of its steps.
    pub(crate) fn tour(&self, tab: &Tab<'_>) -> Vec<String> {
        tab.open(&self.execution());
        let steps = tab.look(&format!("[...document.querySelectorAll('{STEPS}')].map(step => step.href)"));
        let steps =
            steps.as_array().expect("links").iter().map(|url| url.as_str().expect("a link").to_owned());
        let attributes = format!("{}/attributes", self.origin());
        [self.origin(), attributes, self.execution()].into_iter().chain(steps).collect()
    }
}

/// Waits until the demo is over and all of it is stored; the answer is the trace id of the first execution.
async fn whole(api: &Api<'_>) -> String {
    let is_whole = |one: &&Value| one["steps"] == TREE.len();
    let first =
        |answer: &Value| Some(answer["executions"].as_array()?.iter().find(is_whole)?["trace_id"].clone());
    let is_over = |answer: &Value| answer["executions"].as_array().is_some_and(|all| all.len() == 3);
    let answer = api.wait_for("/executions", |answer| is_over(answer) && first(answer).is_some()).await;
    first(&answer).and_then(|trace| trace.as_str().map(str::to_owned)).expect("an id")
}

/// Letter and label of each row of a tree that can be seen without scrolling.
pub(crate) fn rows(tab: &Tab<'_>) -> Vec<(String, String)> {
    let seen = "row => row.checkVisibility() && row.getBoundingClientRect().bottom <= innerHeight";
    let lines = "row => row.innerText.split('\\n').slice(0, 2)";
    let rows = format!("[...document.querySelectorAll('{STEPS}')].filter({seen}).map({lines})");
    serde_json::from_value(tab.look(&rows)).expect("two lines each")
}

/// The tree of the demo, each step at its place.
pub(crate) fn assert_tree(tab: &Tab<'_>) {
    let rows = rows(tab);
    assert_eq!(rows.len(), TREE.len(), "{rows:?}");
    for ((letter, label), (kind, name)) in rows.iter().zip(TREE) {
        let named = label.split_whitespace().next();
        assert_eq!((letter.as_str(), named), (kind, Some(name)), "{rows:?}");
    }
}

/// What selects the first step of this name, among the rows of a tree.
pub(crate) fn step(tab: &Tab<'_>, name: &str) -> String {
    let is_it = format!("row => row.querySelector('bdi').innerText === {name:?}");
    let href = format!("[...document.querySelectorAll('{STEPS}')].find({is_it}).getAttribute('href')");
    format!("a[href='{}']", tab.read(&href))
}
