//! Barriers that axe-core finds on the pages.

use serde_json::Value;

use crate::support::leave_out;
use crate::tab::{DESK, PHONE, Scheme, Tab};
use crate::visit::Visit;
use crate::{hostile, pages};

/// The rules, as a script; says what is left out where there are none.
fn axe() -> Option<String> {
    let Some(path) = std::env::var_os("TREERING_AXE") else {
        leave_out("the search for barriers on the pages", "TREERING_AXE names no axe.min.js");
        return None;
    };
    Some(std::fs::read_to_string(&path).expect("TREERING_AXE is a file"))
}

/// Each rule that is broken, and by what.
fn broken(tab: &Tab<'_>, axe: &str) -> Vec<String> {
    tab.look(&format!("{axe}; 0"));
    let found = tab.look("axe.run(document, {resultTypes: ['violations']}).then(told => told.violations)");
    let told = |rule: &Value| {
        let nodes = rule["nodes"].as_array().expect("nodes").iter();
        let nodes: Vec<_> =
            nodes.take(3).map(|node| format!("{} {}", node["html"], node["failureSummary"])).collect();
        format!("{}: {}", rule["id"].as_str().unwrap_or_default(), nodes.join(" | "))
    };
    found.as_array().expect("a list").iter().map(told).collect()
}

#[tokio::test]
async fn no_page_has_a_barrier_by_day_or_by_night_with_script_or_without() {
    let Some(axe) = axe() else { return };
    let Some(visit) = Visit::of_the_demo().await else { return };
    hostile::send(&visit.server).await;
    crate::Api::of(&visit.server).executions(4).await;
    let (tab, outside) = (visit.tab(), visit.browser.tab());
    let pages = pages(&visit, &tab);
    let mut wrong = Vec::new();
    for (size, scheme, script) in [
        (DESK, Scheme::Light, true),
        (DESK, Scheme::Dark, true),
        (PHONE, Scheme::Light, true),
        (DESK, Scheme::Light, false),
    ] {
        if !script {
            // The rules themselves are a script that waits: only ours is kept away.
            [&tab, &outside].into_iter().for_each(Tab::keep_scripts_away);
        }
        for (name, url) in &pages {
            let tab = if name.starts_with("outside") { &outside } else { &tab };
            tab.resize(size);
            tab.paint(scheme);
            tab.open(url);
            let broken = broken(tab, &axe);
            wrong.extend(
                broken
                    .iter()
                    .map(|rule| format!("{name}, {scheme:?}, {} px, script {script}: {rule}", size.width)),
            );
        }
    }
    assert!(wrong.is_empty(), "{} barriers:\n{}", wrong.len(), wrong.join("\n"));
}
