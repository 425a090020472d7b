use std::collections::{BTreeSet, HashMap, HashSet};

use treering_step::{Execution, ExecutionTokens, Kind, Status, Summary, Timestamp, TraceId, Usage};

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
    let started_at = steps.iter().filter_map(|step| step.started_at).min();
    let ended_at = steps.iter().filter_map(|step| step.ended_at.or(step.started_at)).max();
    Execution {
        trace_id,
        name: of_first(|step| &step.name).unwrap_or_default(),
        kind: first.and_then(|root| root.kind).unwrap_or_default(),
        agent: outermost_agent(&in_order),
        status: status(&roots, steps),
        started_at,
        duration_ns: ended_at.zip(started_at).map_or(0, |(end, start)| end.nanos_since(start)),
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
    let tokens = leaves(forest, placed, steps, |step| !step.tokens.is_empty());
    let costs = leaves(forest, placed, steps, |step| step.cost_usd.is_some());
    let tokens = tokens.into_iter().map(|step| step.tokens).fold(Usage::default(), Usage::plus);
    let cost = costs.into_iter().filter_map(|step| step.cost_usd).reduce(|sum, cost| sum + cost);
    (tokens.into(), cost)
}

fn leaves<'a>(
    forest: &Forest<'_>,
    placed: &[Placed],
    steps: &'a [Summary],
    reports: fn(&Summary) -> bool,
) -> Vec<&'a Summary> {
    let mut repeated = vec![false; steps.len()];
    // Children stand after their parents, so that from the back each step is complete when it is reached.
    for Placed { index, .. } in placed.iter().rev() {
        if let Some(parent) = forest.parents[*index] {
            repeated[parent] |= repeated[*index] || reports(&steps[*index]);
        }
    }
    let mut counted = Counted::default();
    let leaves = placed.iter().map(|placed| placed.index).filter(|index| !repeated[*index]);
    let reporting = leaves.filter(|index| reports(&steps[*index]));
    reporting
        .filter(|index| counted.is_new(forest.parents[*index], &steps[*index]))
        .map(|index| &steps[index])
        .collect()
}

/// Calls that were counted already. Two instrumentations of one call both report it: mostly as parent and
/// child, but of a streamed call also side by side.
#[derive(Default)]
struct Counted<'a> {
    answers: HashSet<&'a str>,
    /// Of calls with the same parent, model and tokens: the dialects that told of one, and when it ended.
    siblings: HashMap<Call<'a>, HashMap<Option<&'a str>, Timestamp>>,
}

type Call<'a> = (Option<usize>, Option<&'a str>, [Option<u64>; 5]);

impl<'a> Counted<'a> {
    fn is_new(&mut self, parent: Option<usize>, step: &'a Summary) -> bool {
        let is_new = step.response_id.as_deref().is_none_or(|id| self.answers.insert(id));
        is_new && !self.is_told_by_another(parent, step)
    }

    /// Siblings that ran at the same time with the same result, told in different dialects, are one call; told
    /// in the same dialect they are two.
    fn is_told_by_another(&mut self, parent: Option<usize>, step: &'a Summary) -> bool {
        let (Some(start), Some(end), Some(_)) = (step.started_at, step.ended_at, parent) else {
            return false;
        };
        let Usage { input, output, cache_read, cache_write, reasoning } = step.tokens;
        let call = (parent, step.model.as_deref(), [input, output, cache_read, cache_write, reasoning]);
        let told = self.siblings.entry(call).or_default();
        let dialect = step.dialect.as_deref();
        let is_told = told.iter().any(|(other, ended)| *other != dialect && *ended > start);
        if !is_told {
            told.insert(dialect, end);
        }
        is_told
    }
}
