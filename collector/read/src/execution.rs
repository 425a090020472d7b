use std::collections::BTreeSet;

use treering_step::{Execution, ExecutionTokens, Kind, Status, Summary, TraceId, Usage};

use crate::clock::Period;
use crate::once::leaves;
use crate::tree::{Forest, Placed};

/// The row of an execution in a list, out of its merged steps. It is made anew whenever one of them changes,
/// since leaf-most sums and duplicates cannot be added up.
pub fn execution(trace_id: TraceId, steps: &[Summary]) -> Execution {
    let forest = Forest::of(steps);
    let placed = forest.placed();
    let in_order: Vec<&Summary> = placed.iter().map(|placed| &steps[placed.index]).collect();
    let roots = roots(&placed, steps);
    let first = roots.first().copied();
    let of_first = |read: fn(&Summary) -> &Option<String>| -> Option<String> {
        let told = first.and_then(|root| read(root).clone());
        told.or_else(|| in_order.iter().find_map(|step| read(step).clone()))
    };
    let (tokens, cost_usd) = sums(&forest, &placed, steps);
    let period = Period::of(steps);
    Execution {
        trace_id,
        name: of_first(|step| &step.name).unwrap_or_default(),
        kind: first.and_then(|root| root.kind).unwrap_or_default(),
        agent: outermost_agent(&in_order),
        status: status(&roots, steps),
        started_at: period.map(|period| period.begin),
        duration_ns: period.map_or(0, |period| period.end.nanos_since(period.begin)),
        steps: count(steps.len()),
        errors: count(steps.iter().filter(|step| step.status == Some(Status::Error)).count()),
        redactions: steps.iter().flat_map(|step| step.redactions.values()).sum(),
        tokens,
        cost_usd,
        models: models(steps),
        session_id: of_first(|step| &step.session_id),
        user_id: of_first(|step| &step.user_id),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The roots; steps that only wait for their parent stand in where no true root has come. A parent in another
/// process may never come and is not waited for.
fn roots<'a>(placed: &[Placed], steps: &'a [Summary]) -> Vec<&'a Summary> {
    let top = || placed.iter().filter(|placed| placed.depth == 0);
    let is_root = |placed: &&Placed| !placed.orphan || steps[placed.index].remote_parent;
    let roots: Vec<_> = top().filter(is_root).map(|placed| &steps[placed.index]).collect();
    if roots.is_empty() { top().map(|placed| &steps[placed.index]).collect() } else { roots }
}

/// An execution fails with a root of it. A step below that failed and was coped with is counted among the
/// errors and fails nothing.
fn status(roots: &[&Summary], steps: &[Summary]) -> Status {
    let any_root = |status| roots.iter().any(|step| step.status == Some(status));
    let any = |status| steps.iter().any(|step| step.status == Some(status));
    if any_root(Status::Error) {
        Status::Error
    } else if any(Status::Running) {
        Status::Running
    } else if any_root(Status::Interrupted) {
        Status::Interrupted
    } else if any_root(Status::Ok) {
        Status::Ok
    } else {
        Status::Unset
    }
}

fn outermost_agent(in_order: &[&Summary]) -> Option<String> {
    let agents = in_order.iter().filter(|step| step.kind == Some(Kind::Agent));
    let named = agents.chain(in_order).find(|step| step.agent.is_some());
    named.and_then(|step| step.agent.clone())
}

/// The models that answered: an agent only repeats which one it was told to use.
fn models(steps: &[Summary]) -> Vec<String> {
    let calls = |step: &&Summary| matches!(step.kind, Some(Kind::Llm | Kind::Embedding | Kind::Rerank));
    let named = |step: &Summary| step.model.clone();
    let of_calls: BTreeSet<String> = steps.iter().filter(calls).filter_map(named).collect();
    if of_calls.is_empty() {
        return steps.iter().filter_map(named).collect::<BTreeSet<_>>().into_iter().collect();
    }
    of_calls.into_iter().collect()
}

/// Tokens and cost of the leaf-most steps: frameworks repeat on a step the sum of what is below it.
fn sums(forest: &Forest<'_>, placed: &[Placed], steps: &[Summary]) -> (ExecutionTokens, Option<f64>) {
    // Thoughts or a cache alone do not tell what a call used.
    let used = |step: &Summary| step.tokens.input.or(step.tokens.output).is_some();
    let tokens = leaves(forest, placed, steps, used);
    let costs = leaves(forest, placed, steps, |step| step.cost_usd.is_some());
    let tokens = tokens.into_iter().map(|step| step.tokens).fold(Usage::default(), Usage::plus);
    let cost = costs.into_iter().filter_map(|step| step.cost_usd).reduce(|sum, cost| sum + cost);
    (tokens.into(), cost)
}
