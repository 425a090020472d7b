use serde::Serialize;

use super::assets::{ICON_PATH, SCRIPT_PATH, STYLE_PATH};
use crate::App;
use crate::access::{Chosen, Right};
use crate::view::link::Query;

/// What stands around every page.
#[derive(Debug, Serialize)]
pub(crate) struct Shell {
    title: String,
    style: &'static str,
    script: &'static str,
    icon: &'static str,
    /// The address of the list, in the project that is looked at.
    home: String,
    /// The address of the page of requests, in the same project.
    receipts: String,
    /// The pages of this project that may be looked at.
    pages: Vec<Link>,
    /// As what it is looked at; absent where nobody has been let in.
    role: Option<&'static str>,
    /// Absent where nobody has been let in.
    project: Option<String>,
    projects: Vec<Choice>,
    redaction_off: bool,
}

/// A page to go to.
#[derive(Debug, Serialize)]
struct Link {
    name: &'static str,
    url: String,
}

/// The pages that every page leads to, and what one has to be allowed for them.
const PAGES: &[(&str, &str, Right)] = &[
    ("Executions", "/", Right::Structure),
    ("Attributes", "/attributes", Right::Content),
    ("Requests", "/receipts", Right::Structure),
    ("Audit", "/audit", Right::Audit),
];

/// A project to go to.
#[derive(Debug, Serialize)]
struct Choice {
    name: String,
    url: String,
    current: bool,
}

impl Shell {
    /// The shell of a page that somebody may see.
    pub(crate) fn new(app: &App, title: String, chosen: &Chosen) -> Self {
        let link = |(name, path, _): &(&'static str, &str, Right)| Link {
            name,
            url: Query::new().with("project", chosen.in_url()).on(path),
        };
        let several = chosen.projects.len() > 1;
        let choice = |project: &treering_store::Project| Choice {
            name: project.name.clone(),
            url: Query::new().with("project", Some(&project.name)).on("/"),
            current: project.id == chosen.project.id,
        };
        Self {
            home: Query::new().with("project", chosen.in_url()).on("/"),
            receipts: Query::new().with("project", chosen.in_url()).on("/receipts"),
            pages: PAGES.iter().filter(|(_, _, right)| chosen.may(*right)).map(link).collect(),
            role: Some(chosen.role.as_str()),
            project: Some(chosen.project.name.clone()),
            projects: chosen.projects.iter().filter(|_| several).map(choice).collect(),
            ..Self::outside(app, title)
        }
    }

    /// The shell of a page for anybody.
    pub(crate) fn outside(app: &App, title: String) -> Self {
        Self {
            title,
            style: &STYLE_PATH,
            script: &SCRIPT_PATH,
            icon: &ICON_PATH,
            home: "/".to_owned(),
            receipts: "/receipts".to_owned(),
            pages: Vec::new(),
            role: None,
            project: None,
            projects: Vec::new(),
            redaction_off: !app.rules.borrow().builtin_enabled(),
        }
    }
}
