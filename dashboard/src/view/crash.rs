//! The crash card: what was under way when a process died.

use serde::Serialize;
use treering_step::{SpanId, Status};

use super::execution::TraceView;
use super::format;
use super::kind::Badge;
use super::text::Text;
use crate::App;
use crate::access::Sight;
use crate::error::Error;

/// Open steps that are shown; the deepest ones say the most.
const MOST: usize = 12;

/// The steps that were open, from the outermost inwards.
#[derive(Debug, Serialize)]
pub(crate) struct Crash {
    open: Vec<Open>,
    /// How many more were.
    more: Option<String>,
    /// The last moment that its steps tell of.
    last: Option<String>,
}

#[derive(Debug, Serialize)]
struct Open {
    #[serde(skip)]
    span_id: SpanId,
    url: String,
    badge: Badge,
    name: Text,
    note: Option<Text>,
    since: Option<String>,
}

impl Crash {
    /// Nothing where the execution was not interrupted: a step that was merely cancelled is one of many.
    pub(crate) async fn of(app: &App, sight: &Sight, view: &TraceView) -> Result<Option<Self>, Error> {
        if view.execution.status != Status::Interrupted {
            return Ok(None);
        }
        let rows = view.forest.rows.iter().enumerate();
        let all: Vec<_> =
            rows.filter(|(_, row)| row.status == Status::Interrupted).map(|(at, _)| at).collect();
        if all.is_empty() {
            return Ok(None);
        }
        // What one agent waited for stands last.
        let open = all[all.len().saturating_sub(MOST)..].to_vec();
        let more = all.len() - open.len();
        let window = view.rows(app, sight, open).await?;
        let open = window.steps.iter().map(|step| {
            let name = step.name.as_deref().unwrap_or("(no name)");
            let note = step.model.as_deref().or(step.tool.as_deref()).filter(|note| !name.contains(note));
            Open {
                span_id: step.span_id,
                url: String::new(),
                badge: step.kind.unwrap_or_default().into(),
                name: Text::line(name, 160),
                note: note.map(|note| Text::line(note, 120)),
                since: step.started_at.map(format::moment),
            }
        });
        let last = view.forest.last_at.map(format::moment);
        let more = (more > 0).then(|| format::count(more as u64));
        Ok(Some(Self { open: open.collect(), more, last }))
    }

    /// With the address of each step.
    pub(crate) fn linked(mut self, url: impl Fn(SpanId) -> String) -> Self {
        self.open.iter_mut().for_each(|open| open.url = url(open.span_id));
        self
    }
}
