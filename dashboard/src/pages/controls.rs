//! What the rows of an execution can be narrowed to, and the addresses that say so.

use serde::{Deserialize, Serialize};
use treering_step::{SpanId, TraceId};

use crate::view::execution::TraceView;
use crate::view::filter::given;
use crate::view::format;
use crate::view::link::Query;
use crate::view::shape::Shape;

/// What the query asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    pub(super) project: Option<String>,
    /// The chosen step.
    pub(super) step: Option<String>,
    /// The first row.
    pub(super) at: Option<String>,
    /// The step whose tree is shown.
    pub(super) root: Option<String>,
    /// `errors`, or `path` for the critical path.
    pub(super) only: Option<String>,
    /// How many levels are shown.
    pub(super) levels: Option<String>,
    /// What is searched for among the steps.
    pub(super) find: Option<String>,
}

impl Look {
    /// True where not all rows are asked for.
    fn narrows(&self) -> bool {
        [&self.root, &self.only, &self.levels, &self.find].into_iter().any(|field| given(field).is_some())
    }
}

/// The addresses of an execution, as it is looked at.
pub(super) struct Address<'a> {
    pub(super) trace: TraceId,
    pub(super) look: &'a Look,
}

impl Address<'_> {
    pub(super) fn project(&self) -> Option<&str> {
        given(&self.look.project)
    }

    pub(super) fn query(&self) -> Query {
        Query::new().with("project", self.project())
    }

    /// The same rows.
    pub(super) fn rows(&self) -> Query {
        let Look { root, only, levels, find, .. } = self.look;
        [("root", root), ("only", only), ("levels", levels), ("find", find)]
            .into_iter()
            .fold(self.query(), |query, (name, value)| query.with(name, given(value)))
    }

    /// The page with this step chosen, scrolled to its row.
    pub(super) fn step(&self, span: SpanId) -> String {
        // Relative to the page itself: hundreds of rows need not repeat its path.
        format!("{}#s-{span}", self.rows().with("step", Some(span)).on(""))
    }

    /// The same with all rows.
    pub(super) fn step_of_all(&self, span: SpanId) -> String {
        format!("{}#s-{span}", self.query().with("step", Some(span)).on(""))
    }

    pub(super) fn window(&self, first: SpanId) -> String {
        self.rows().with("at", Some(first)).on("")
    }

    pub(super) fn path(&self) -> String {
        format!("/executions/{}", self.trace)
    }

    /// The same page, asked otherwise.
    pub(super) fn asking(&self, name: &str, value: Option<&str>) -> String {
        // Levels within a subtree are levels of it; anything else begins anew.
        let root = given(&self.look.root).filter(|_| matches!(name, "only" | "levels"));
        self.query().with("root", root).with(name, value).on(&self.path())
    }

    pub(super) fn step_json(&self, span: SpanId) -> String {
        self.query().on(&format!("/api/v1/executions/{}/steps/{span}", self.trace))
    }

    pub(super) fn reading(&self, span: SpanId) -> String {
        self.query().on(&format!("/api/v1/executions/{}/steps/{span}/reading", self.trace))
    }
}

/// What the rows can be narrowed to.
#[derive(Debug, Serialize)]
pub(super) struct Controls {
    choices: Vec<Control>,
    /// What was searched for.
    find: String,
    hidden: Vec<(&'static str, String)>,
    /// What is shown, where that is not all.
    note: Option<String>,
    all_url: String,
    action: String,
}

#[derive(Debug, Serialize)]
struct Control {
    label: String,
    url: String,
    current: bool,
}

impl Controls {
    pub(super) fn new(view: &TraceView, address: &Address<'_>, shape: &Shape) -> Self {
        let look = address.look;
        let only = given(&look.only);
        let levels = given(&look.levels);
        let control = |label: &str, name, value: Option<&str>, current| Control {
            label: label.to_owned(),
            url: address.asking(name, value),
            current,
        };
        let deepest = view.forest.rows.iter().map(|row| row.depth + 1).max().unwrap_or(0);
        let is_plain =
            only.is_none_or(|only| only == "all") && levels.is_none() && given(&look.find).is_none();
        let mut choices = vec![control("All", "only", None, is_plain)];
        if view.forest.first_failure.is_some() || only == Some("errors") {
            choices.push(control("Errors only", "only", Some("errors"), only == Some("errors")));
        }
        if view.forest.rows.len() > 2 {
            choices.push(control("Critical path", "only", Some("path"), only == Some("path")));
        }
        for level in [1_u32, 2, 3] {
            let text = level.to_string();
            if level < deepest {
                let label = format::counted(level as usize, "level");
                choices.push(control(&label, "levels", Some(&text), levels == Some(&text)));
            }
        }
        let shown = format::count(shape.asked_for as u64);
        let total = format::count(view.length() as u64);
        let note = look.narrows().then(|| format!("{shown} of {total} steps"));
        Self {
            choices,
            find: given(&look.find).unwrap_or_default().to_owned(),
            hidden: address.project().map(|project| ("project", project.to_owned())).into_iter().collect(),
            note,
            all_url: address.query().on(&address.path()),
            action: address.path(),
        }
    }
}
