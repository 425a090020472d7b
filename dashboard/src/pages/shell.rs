use serde::Serialize;

use super::assets::{ICON_PATH, STYLE_PATH};
use crate::App;
use crate::access::Chosen;
use crate::view::link::Query;

/// What stands around every page.
#[derive(Debug, Serialize)]
pub(crate) struct Shell {
    title: String,
    style: &'static str,
    icon: &'static str,
    /// The address of the list, in the project that is looked at.
    home: String,
    /// The address of the page of attributes, in the same project.
    attributes: String,
    /// The address of the page of requests, in the same project.
    receipts: String,
    /// Absent where nobody has been let in.
    project: Option<String>,
    projects: Vec<Choice>,
    redaction_off: bool,
}

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
        let several = chosen.projects.len() > 1;
        let choice = |project: &treering_store::Project| Choice {
            name: project.name.clone(),
            url: Query::new().with("project", Some(&project.name)).on("/"),
            current: project.id == chosen.project.id,
        };
        Self {
            home: Query::new().with("project", chosen.in_url()).on("/"),
            attributes: Query::new().with("project", chosen.in_url()).on("/attributes"),
            receipts: Query::new().with("project", chosen.in_url()).on("/receipts"),
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
            icon: &ICON_PATH,
            home: "/".to_owned(),
            attributes: "/attributes".to_owned(),
            receipts: "/receipts".to_owned(),
            project: None,
            projects: Vec::new(),
            redaction_off: !app.rules.borrow().builtin_enabled(),
        }
    }
}
