//! Sessions of which only log records tell: coding agents export no spans unless they are told to.

use std::collections::HashMap;

use treering_step::{Kind, Source, SpanId, Summary, Timestamp};

/// Gives the steps of log records without a span a place: what follows a turn belongs to it, turns belong to the
/// conversation that began before them. Both last as long as what is in them.
pub(crate) fn nest(steps: &mut [Summary]) {
    let is_alone = |step: &Summary| matches!(step.source, Source::Alone(_)) && step.parent_span_id.is_none();
    let mut alone: Vec<&mut Summary> = steps.iter_mut().filter(|step| is_alone(step)).collect();
    alone.sort_by_key(|step| (step.started_at.is_none(), step.started_at, step.span_id));
    let mut open = Open::default();
    for step in &mut alone {
        step.parent_span_id = open.take_in(step);
    }
    let ends: HashMap<_, _> = open.ends.into_iter().collect();
    for step in alone {
        step.ended_at = step.ended_at.max(ends.get(&step.span_id).copied().flatten());
    }
}

/// The conversation and the turn that are open, and how long each one lasted.
#[derive(Default)]
struct Open {
    conversation: Option<usize>,
    turn: Option<usize>,
    ends: Vec<(SpanId, Option<Timestamp>)>,
}

impl Open {
    /// The parent of the next step.
    fn take_in(&mut self, step: &Summary) -> Option<SpanId> {
        let parent = match step.kind {
            Some(Kind::Agent) => None,
            Some(Kind::Workflow) => self.conversation,
            _ => self.turn.or(self.conversation),
        };
        let end = step.ended_at.or(step.started_at);
        for container in [parent, self.conversation].into_iter().flatten() {
            self.ends[container].1 = self.ends[container].1.max(end);
        }
        let id = parent.map(|container| self.ends[container].0);
        match step.kind {
            Some(Kind::Agent) => (self.conversation, self.turn) = (Some(self.ends.len()), None),
            Some(Kind::Workflow) => self.turn = Some(self.ends.len()),
            _ => return id,
        }
        self.ends.push((step.span_id, end));
        id
    }
}
