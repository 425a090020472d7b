use treering_step::{Kind, Source, Status, Summary, Timestamp, TraceId, Usage};

use super::build::{TRACE, id};
use crate::execution;

fn trace() -> TraceId {
    TRACE.parse().unwrap()
}

fn step(own: u64, parent: u64, start: u64, end: u64) -> Summary {
    Summary {
        parent_span_id: (parent != 0).then(|| id(parent)),
        started_at: Timestamp::from_nanos(start),
        ended_at: Timestamp::from_nanos(end),
        name: Some(format!("step {own}")),
        kind: Some(Kind::Span),
        status: Some(Status::Unset),
        ..Summary::new(id(own), Source::Span)
    }
}

fn call(own: u64, parent: u64, start: u64, end: u64, input: u64) -> Summary {
    Summary {
        kind: Some(Kind::Llm),
        model: Some("oak-1".into()),
        dialect: Some("gen_ai".into()),
        tokens: Usage { input: Some(input), output: Some(1), ..Usage::default() },
        cost_usd: Some(0.5),
        ..step(own, parent, start, end)
    }
}

#[test]
fn tokens_and_cost_of_a_step_are_not_counted_where_one_below_it_has_some() {
    let agent = Summary { kind: Some(Kind::Agent), ..call(1, 0, 1, 90, 30) };
    let execution =
        execution(trace(), &[agent, step(2, 1, 2, 50), call(3, 2, 3, 9, 10), call(4, 2, 10, 20, 20)]);
    assert_eq!((execution.tokens.input, execution.tokens.output), (30, 2));
    assert_eq!(execution.cost_usd, Some(1.0));
}

#[test]
fn a_step_that_alone_knows_its_cost_is_charged_although_those_below_know_their_tokens() {
    let agent = Summary { cost_usd: Some(2.0), ..step(1, 0, 1, 90) };
    let unpriced = Summary { cost_usd: None, ..call(2, 1, 2, 9, 10) };
    let execution = execution(trace(), &[agent, unpriced]);
    assert_eq!((execution.tokens.input, execution.cost_usd), (10, Some(2.0)));
}

#[test]
fn two_spans_with_the_id_of_one_answer_are_one_call() {
    let told = |call: Summary| Summary { response_id: Some("msg_1".into()), ..call };
    let execution = execution(trace(), &[told(call(1, 0, 1, 9, 10)), told(call(2, 0, 20, 29, 10))]);
    assert_eq!(execution.tokens.input, 10);
}

#[test]
fn a_call_with_an_answer_of_its_own_is_counted_beside_the_calls_below_it() {
    let told = |id: &str, call: Summary| Summary { response_id: Some(id.into()), ..call };
    let below = told("msg_2", call(2, 1, 2, 9, 10));
    let own = execution(trace(), &[told("msg_1", call(1, 0, 1, 9, 20)), below.clone()]);
    assert_eq!(own.tokens.input, 30);
    let repeated = execution(trace(), &[told("msg_2", call(1, 0, 1, 9, 10)), below]);
    assert_eq!(repeated.tokens.input, 10);
    let nameless = execution(trace(), &[told("msg_1", call(1, 0, 1, 9, 20)), call(2, 1, 2, 9, 10)]);
    assert_eq!(nameless.tokens.input, 10);
}

#[test]
fn siblings_of_which_only_one_names_its_answer_are_one_call_told_by_two_instrumentations() {
    let root = step(1, 0, 1, 99);
    let named = |id: &str, call: Summary| {
        let model = Some("oak-1-2026-01-01".into());
        Summary { response_id: Some(id.into()), model, ..call }
    };
    let wrapped = call(2, 1, 2, 9, 10);
    let once = execution(trace(), &[root.clone(), wrapped.clone(), named("a", call(3, 1, 3, 8, 10))]);
    assert_eq!(once.tokens.input, 10);
    let other_model = Summary { model: Some("elm-1".into()), ..call(3, 1, 3, 8, 10) };
    let twice = execution(trace(), &[root.clone(), wrapped.clone(), named("a", call(3, 1, 10, 12, 10))]);
    assert_eq!(twice.tokens.input, 20);
    let of_two_models = execution(trace(), &[root, wrapped, other_model]);
    assert_eq!(of_two_models.tokens.input, 20);
}

#[test]
fn a_step_that_tells_no_more_than_its_thoughts_hides_no_count_above_it() {
    let thoughts = Usage { reasoning: Some(8), ..Usage::default() };
    let agent = Summary { kind: Some(Kind::Agent), ..call(1, 0, 1, 90, 30) };
    let execution = execution(trace(), &[agent, Summary { tokens: thoughts, ..call(2, 1, 2, 9, 10) }]);
    assert_eq!(execution.tokens.input, 30);
}

#[test]
fn siblings_told_at_once_in_two_dialects_are_one_call_and_in_one_dialect_two() {
    let root = step(1, 0, 1, 99);
    let other = |call: Summary| Summary { dialect: Some("openinference".into()), ..call };
    let once = [root.clone(), call(2, 1, 2, 9, 10), other(call(3, 1, 3, 10, 10))];
    assert_eq!(execution(trace(), &once).tokens.input, 10);
    let parallel = [root.clone(), call(2, 1, 2, 9, 10), call(3, 1, 3, 10, 10)];
    assert_eq!(execution(trace(), &parallel).tokens.input, 20);
    let later = [root, call(2, 1, 2, 9, 10), other(call(3, 1, 9, 20, 10))];
    assert_eq!(execution(trace(), &later).tokens.input, 20);
}

#[test]
fn an_execution_fails_with_its_root_and_not_with_a_step_that_was_coped_with() {
    let failed = |step: Summary| Summary { status: Some(Status::Error), ..step };
    let coped = execution(trace(), &[step(1, 0, 1, 9), failed(step(2, 1, 2, 3))]);
    assert_eq!((coped.status, coped.errors), (Status::Unset, 1));
    let broken = execution(trace(), &[failed(step(1, 0, 1, 9)), step(2, 1, 2, 3)]);
    assert_eq!(broken.status, Status::Error);
}

#[test]
fn an_execution_runs_while_a_step_of_it_does() {
    let running = Summary { status: Some(Status::Running), ended_at: None, ..step(2, 1, 5, 0) };
    let execution = execution(trace(), &[step(1, 0, 1, 3), running]);
    assert_eq!((execution.status, execution.duration_ns), (Status::Running, 4));
}

#[test]
fn orphans_speak_for_an_execution_only_until_its_root_came() {
    let failed = Summary { status: Some(Status::Error), ..step(2, 1, 1, 3) };
    let before = execution(trace(), std::slice::from_ref(&failed));
    assert_eq!((before.name.as_str(), before.status), ("step 2", Status::Error));
    let after = execution(trace(), &[failed, step(1, 0, 2, 9)]);
    assert_eq!((after.name.as_str(), after.status), ("step 1", Status::Unset));
}

#[test]
fn models_are_those_that_answered_and_people_those_of_the_first_who_names_them() {
    let agent = Summary {
        kind: Some(Kind::Agent),
        model: Some("oak".into()),
        agent: Some("forester".into()),
        ..step(1, 0, 1, 9)
    };
    let answered = Summary { user_id: Some("u-1".into()), ..call(2, 1, 2, 3, 1) };
    let execution = execution(trace(), &[agent, answered.clone(), Summary { span_id: id(3), ..answered }]);
    assert_eq!(execution.models, ["oak-1"]);
    assert_eq!((execution.agent.as_deref(), execution.user_id.as_deref()), (Some("forester"), Some("u-1")));
}

#[test]
fn nothing_at_all_is_an_execution_of_no_steps() {
    let execution = execution(trace(), &[]);
    assert_eq!((execution.steps, execution.duration_ns, execution.cost_usd), (0, 0, None));
}

#[test]
fn a_clock_that_cannot_be_believed_does_not_stretch_an_execution() {
    let day = 86_400 * 1_000_000_000;
    let now = 20_000 * day;
    let (root, unset) = (step(1, 0, now, now + 5), step(2, 1, 7, 8));
    let (late, beyond) =
        (step(3, 1, now + 2, now + 9_000 * day), step(4, 1, now + 400 * day, now + 401 * day));
    let execution = execution(trace(), &[root, unset, late, beyond, step(5, 1, now + 1, now + 4)]);
    assert_eq!((execution.started_at, execution.duration_ns), (Timestamp::from_nanos(now), 5));
}
