use std::cmp::Reverse;

use treering_step::{Kind, Source, Status, Summary};

use crate::{Prices, session};

/// One summary a step out of what its span and its log records say, in any order of arrival: the span is
/// believed, the log records fill its holes in the order of their identity. What costs money and has no price
/// tag gets the price of the table. Steps of which log records alone tell find their place among each other.
///
/// The result is ordered by span id.
pub fn merge(mut partials: Vec<Summary>, prices: &Prices) -> Vec<Summary> {
    partials.sort_by_key(|partial| partial.span_id);
    let mut partials = partials.into_iter().peekable();
    let mut steps = Vec::new();
    while let Some(first) = partials.next() {
        let mut of_step = vec![first];
        while let Some(next) = partials.next_if(|next| next.span_id == of_step[0].span_id) {
            of_step.push(next);
        }
        steps.extend(join(of_step, prices));
    }
    session::nest(&mut steps);
    steps
}

/// What the records of one step say together; `None` where there are none.
pub(crate) fn join(mut partials: Vec<Summary>, prices: &Prices) -> Option<Summary> {
    partials.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| tie_break(a).cmp(&tie_break(b))));
    // Of what one record said at two times, the later snapshot stands first.
    partials.dedup_by(|later, first| later.source == first.source);
    let mut step = partials.into_iter().reduce(complete)?;
    settle(&mut step, prices);
    Some(step)
}

fn rank(summary: &Summary) -> impl Ord + use<> {
    let age = Reverse((summary.ended_at.is_some(), summary.ended_at));
    (summary.source, age)
}

/// Two snapshots that ended at the same time are rare, and any order will do that is the same everywhere.
fn tie_break(summary: &Summary) -> Reverse<String> {
    Reverse(format!("{summary:?}"))
}

fn complete(mut step: Summary, mut log: Summary) -> Summary {
    macro_rules! fill {
        ($($field:ident)*) => { $(step.$field = step.$field.take().or(log.$field);)* };
    }
    let failed = log.status == Some(Status::Error);
    if step.status == Some(Status::Unset) && failed {
        step.status = Some(Status::Error);
    }
    let is_root = step.parent_span_id.is_none() && step.source == Source::Span;
    if !is_root {
        fill!(parent_span_id);
    }
    if let Source::Alone(_) = log.source {
        extend(&mut step, &mut log);
    }
    fill!(name kind status started_at ended_at agent model provider tool response_id);
    fill!(cost_usd session_id user_id error_type dialect);
    step.remote_parent |= log.remote_parent;
    step.tokens = step.tokens.or(log.tokens);
    for (kind, count) in log.redactions {
        *step.redactions.entry(kind).or_insert(0) += count;
    }
    step
}

/// Several records of one call tell its whole time; beside a span, a record only knows when it was written.
fn extend(step: &mut Summary, log: &mut Summary) {
    let (started_at, ended_at) = (log.started_at.take(), log.ended_at.take());
    if let Source::Alone(_) = step.source {
        step.started_at = step.started_at.into_iter().chain(started_at).min();
        step.ended_at = step.ended_at.max(ended_at);
    }
}

/// What nobody said: the kind of a plain span, a name for a step that only log records tell of, that of a tool
/// for one that is called as its step is, and a price.
fn settle(step: &mut Summary, prices: &Prices) {
    let kind = *step.kind.get_or_insert(Kind::Span);
    let name = step.name.get_or_insert_with(|| kind.as_str().to_owned());
    if kind == Kind::Tool {
        step.tool.get_or_insert_with(|| name.clone());
    }
    if step.cost_usd.is_none() {
        step.cost_usd = step.model.as_deref().and_then(|model| prices.price(model, &step.tokens));
    }
}
