//! Loops: tools that are called again with what they were called with before.

use std::collections::HashMap;

use treering_step::Kind;

use super::execution::{TraceView, whole_steps};
use super::findings::{self, Finding, MOST};
use crate::App;
use crate::access::Chosen;
use crate::error::Error;

/// Steps of an execution that is looked at: those of a larger one lie in so many sealed blocks that its page would wait.
const STEPS: usize = 2_000;
/// Calls of tools that are looked at: an agent that runs in a circle is seen long before.
const CALLS: usize = 300;
/// Calls whose arguments are read, and how many calls of one tool make it worth the while.
const READ: usize = 60;
const SUSPICIOUS: usize = 3;

/// All that is strange about an execution: what its skeleton tells, and its loops, for who may read arguments.
pub(crate) async fn findings(app: &App, chosen: &Chosen, view: &TraceView) -> Result<Vec<Finding>, Error> {
    let mut found = view.forest.findings.clone();
    if chosen.sight()?.has_content() {
        found.extend(loops(app, chosen, view).await?);
    }
    found.sort_by_key(|finding| finding.row);
    found.truncate(MOST);
    Ok(found)
}

async fn loops(app: &App, chosen: &Chosen, view: &TraceView) -> Result<Vec<Finding>, Error> {
    let rows = view.forest.rows.iter().enumerate();
    let calls: Vec<_> =
        rows.filter(|(_, row)| row.kind == Kind::Tool).map(|(at, _)| at).take(CALLS).collect();
    if calls.len() < SUSPICIOUS || view.length() > STEPS {
        return Ok(Vec::new());
    }
    let window = view.rows(app, chosen.sight()?, calls).await?;
    let mut by_tool = HashMap::<String, Vec<usize>>::new();
    for (row, step) in window.rows.iter().zip(&window.steps) {
        let name = step.tool.clone().or_else(|| step.name.clone()).unwrap_or_default();
        by_tool.entry(name).or_default().push(*row);
    }
    by_tool.retain(|_, rows| rows.len() >= SUSPICIOUS);
    let mut names = HashMap::new();
    for (name, rows) in by_tool {
        names.extend(rows.into_iter().map(|row| (row, name.clone())));
    }
    let mut rows: Vec<_> = names.keys().copied().collect();
    rows.sort_unstable();
    rows.truncate(READ);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let window = view.rows(app, chosen.sight()?, rows).await?;
    let steps = whole_steps(app, chosen, view, &window).await?;
    let calls = window.rows.iter().zip(&steps).filter_map(|(row, step)| {
        let arguments = step.tool.as_ref().map(|tool| &tool.arguments).filter(|told| !told.is_null());
        let said = match arguments {
            Some(arguments) => arguments.to_string(),
            None => serde_json::to_string(step.input.as_ref()?).ok()?,
        };
        Some((*row, names.get(row)?.clone(), said))
    });
    Ok(findings::repeated(calls))
}
