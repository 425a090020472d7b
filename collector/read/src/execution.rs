use std::collections::BTreeSet;

use treering_step::{Execution, ExecutionTokens, Kind, Status, Summary, TraceId, Usage};

use crate::clock::Period;
use crate::once::leaves;
use crate::skeleton::{Bone, Bones, Skeleton};
use crate::tree::{Forest, Placed};
use crate::word::{Word, Words};

/// The row of an execution in a list, out of its merged steps.
pub fn execution(trace_id: TraceId, steps: &[Summary]) -> Execution {
    let mut bones = Bones::default();
    steps.iter().cloned().for_each(|step| bones.push(step));
    of(trace_id, &bones.joined())
}

pub(crate) fn of(trace_id: TraceId, skeleton: &Skeleton) -> Execution {
    let Skeleton { bones, words } = skeleton;
    let forest = Forest::of(bones);
    let placed = forest.placed();
    let in_order: Vec<&Bone> = placed.iter().map(|placed| &bones[placed.index]).collect();
    let roots = roots(&placed, bones);
    let first = roots.first().copied();
    let of_first = |read: fn(&Bone) -> Option<Word>| -> Option<String> {
        let told = first.and_then(read).or_else(|| in_order.iter().find_map(|step| read(step)));
        told.map(|word| words.text(word).to_owned())
    };
    let (tokens, cost_usd) = sums(&forest, &placed, skeleton);
    let period = Period::of(bones);
    Execution {
        trace_id,
        name: of_first(|step| step.name).unwrap_or_default(),
        kind: first.and_then(|root| root.kind).unwrap_or_default(),
        agent: outermost_agent(&in_order).map(|word| words.text(word).to_owned()),
        status: status(&roots, bones),
        started_at: period.map(|period| period.begin),
        duration_ns: period.map_or(0, |period| period.end.nanos_since(period.begin)),
        steps: count(bones.len()),
        errors: count(bones.iter().filter(|step| step.status == Some(Status::Error)).count()),
        redactions: bones.iter().map(|step| step.redactions).sum(),
        tokens,
        cost_usd,
        models: models(bones, words),
        session_id: of_first(|step| step.session),
        user_id: of_first(|step| step.user),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The roots; steps that only wait for their parent stand in where no true root has come. A parent in another
/// process may never come and is not waited for.
fn roots<'a>(placed: &[Placed], steps: &'a [Bone]) -> Vec<&'a Bone> {
    let top = || placed.iter().filter(|placed| placed.depth == 0);
    let is_root = |placed: &&Placed| !placed.orphan || steps[placed.index].remote_parent;
    let roots: Vec<_> = top().filter(is_root).map(|placed| &steps[placed.index]).collect();
    if roots.is_empty() { top().map(|placed| &steps[placed.index]).collect() } else { roots }
}

/// An execution fails with a root of it. A step below that failed and was coped with is counted among the
/// errors and fails nothing.
fn status(roots: &[&Bone], steps: &[Bone]) -> Status {
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

fn outermost_agent(in_order: &[&Bone]) -> Option<Word> {
    let agents = in_order.iter().filter(|step| step.kind == Some(Kind::Agent));
    let named = agents.chain(in_order).find(|step| step.agent.is_some());
    named.and_then(|step| step.agent)
}

/// The models that answered: an agent only repeats which one it was told to use.
fn models(steps: &[Bone], words: &Words) -> Vec<String> {
    let calls = |step: &&Bone| matches!(step.kind, Some(Kind::Llm | Kind::Embedding | Kind::Rerank));
    let named = |step: &Bone| step.model.map(|model| words.text(model));
    let mut told: BTreeSet<&str> = steps.iter().filter(calls).filter_map(named).collect();
    if told.is_empty() {
        told = steps.iter().filter_map(named).collect();
    }
    told.into_iter().map(str::to_owned).collect()
}

/// Tokens and cost of the leaf-most steps: frameworks repeat on a step the sum of what is below it.
fn sums(forest: &Forest<'_, Bone>, placed: &[Placed], skeleton: &Skeleton) -> (ExecutionTokens, Option<f64>) {
    // Thoughts or a cache alone do not tell what a call used.
    let used = |step: &Bone| step.tokens.input.or(step.tokens.output).is_some();
    let tokens = leaves(forest, placed, skeleton, used);
    let costs = leaves(forest, placed, skeleton, |step| step.cost_usd.is_some());
    let tokens = tokens.into_iter().map(|step| step.tokens).fold(Usage::default(), Usage::plus);
    let cost = costs.into_iter().filter_map(|step| step.cost_usd).reduce(|sum, cost| sum + cost);
    (tokens.into(), cost)
}
