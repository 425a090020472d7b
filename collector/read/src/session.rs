//! Sessions of which only log records tell: coding agents export no spans unless they are told to.

use std::collections::HashMap;

use treering_step::{Kind, SpanId, Timestamp};

use crate::Node;

/// Gives the steps of log records without a span a place: what follows a turn belongs to it, turns belong to the
/// conversation that began before them. Both last as long as what is in them.
pub(crate) fn nest<N: Node>(steps: &mut [N]) {
    let is_alone = |step: &N| step.is_alone() && step.parent_span_id().is_none();
    let mut alone: Vec<&mut N> = steps.iter_mut().filter(|step| is_alone(step)).collect();
    // A conversation of which the beginning is not known (yet) began before whatever is.
    let is_late = |step: &N| step.started_at().is_none() && step.kind() != Some(Kind::Agent);
    alone.sort_by_key(|step| (is_late(step), step.started_at(), step.span_id()));
    let mut open = Open::default();
    for step in &mut alone {
        let parent = open.take_in(*step);
        step.place(parent, step.started_at(), step.ended_at());
    }
    let times: HashMap<_, _> = open.times.into_iter().map(|(id, start, end)| (id, (start, end))).collect();
    for step in alone {
        let Some((start, end)) = times.get(&step.span_id()).copied() else { continue };
        let (start, end) = (step.started_at().or(start), step.ended_at().max(end));
        step.place(step.parent_span_id(), start, end);
    }
}

/// The conversation and the turn that are open, and how long each one lasted.
#[derive(Default)]
struct Open {
    conversation: Option<usize>,
    turn: Option<usize>,
    times: Vec<(SpanId, Option<Timestamp>, Option<Timestamp>)>,
}

impl Open {
    /// The parent of the next step.
    fn take_in(&mut self, step: &impl Node) -> Option<SpanId> {
        let parent = match step.kind() {
            Some(Kind::Agent) => None,
            Some(Kind::Workflow) => self.conversation,
            _ => self.turn.or(self.conversation),
        };
        let end = step.ended_at().or(step.started_at());
        for container in [parent, self.conversation].into_iter().flatten() {
            let (_, first, last) = &mut self.times[container];
            (*first, *last) = (first.or(step.started_at()), (*last).max(end));
        }
        let id = parent.map(|container| self.times[container].0);
        match step.kind() {
            Some(Kind::Agent) => (self.conversation, self.turn) = (Some(self.times.len()), None),
            Some(Kind::Workflow) => self.turn = Some(self.times.len()),
            _ => return id,
        }
        self.times.push((step.span_id(), step.started_at(), end));
        id
    }
}
