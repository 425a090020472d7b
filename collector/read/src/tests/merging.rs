use serde_json::json;
use treering_step::{Source, Status, Summary, Usage};

use super::build::{A, id, log, merge};
use crate::{log_summary, span_summary};

#[test]
fn the_span_is_believed_and_its_logs_fill_its_holes() {
    let span =
        A::span("chat").attributes(json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "oak"}));
    let details = json!({"gen_ai.request.model": "elm", "user.id": "u-1", "gen_ai.usage.input_tokens": 5});
    let details = log("gen_ai.client.inference.operation.details", json!(null), details);
    let [step] =
        &merge(vec![log_summary(&details, [7; 16]).unwrap(), span_summary(&span.record()).unwrap()])[..]
    else {
        panic!("one step")
    };
    assert_eq!((step.model.as_deref(), step.user_id.as_deref()), (Some("oak"), Some("u-1")));
    assert_eq!((step.tokens.input, step.source), (Some(5), Source::Span));
}

#[test]
fn a_record_that_came_twice_counts_once() {
    let told = log("x", json!("[REDACTED:EMAIL]"), json!({}));
    let partial = log_summary(&told, [7; 16]).unwrap();
    let merged = merge(vec![partial.clone(), partial.clone(), partial]);
    assert_eq!(merged[0].redactions["EMAIL"], 1);
}

#[test]
fn of_two_snapshots_of_a_span_the_finished_one_is_believed() {
    let running = Summary { status: Some(Status::Running), ..Summary::new(id(1), Source::Span) };
    let ended = span_summary(&A::span("x").field("spanId", json!("0000000000000001")).record()).unwrap();
    for partials in [vec![running.clone(), ended.clone()], vec![ended, running]] {
        assert_eq!(merge(partials)[0].status, Some(Status::Unset));
    }
}

#[test]
fn a_root_gets_no_parent_from_a_log_record() {
    let root = Summary::new(id(1), Source::Span);
    let told = Summary { parent_span_id: Some(id(2)), ..Summary::new(id(1), Source::Log([1; 16])) };
    assert_eq!(merge(vec![told, root])[0].parent_span_id, None);
}

#[test]
fn what_has_no_price_tag_gets_the_price_of_the_table_and_a_reported_cost_stays() {
    let tokens = Usage { input: Some(1_000_000), ..Usage::default() };
    let call = |cost_usd| Summary {
        model: Some("gpt-4o-mini".into()),
        tokens,
        cost_usd,
        ..Summary::new(id(1), Source::Span)
    };
    assert_eq!(merge(vec![call(None)])[0].cost_usd, Some(0.15));
    assert_eq!(merge(vec![call(Some(9.0))])[0].cost_usd, Some(9.0));
}
