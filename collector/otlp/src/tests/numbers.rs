//! Numbers that might be cards are found, and become texts.

use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use proptest::prelude::*;
use prost::Message;

use super::{ExportTraceServiceRequest, Span, good_span, one_span, pair};
use crate::{Edit, Export, Number, Signal};

const MARK: &str = "[REDACTED:CREDIT_CARD]";

fn request(values: Vec<ProtoValue>) -> Vec<u8> {
    let values: Vec<_> = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    let flat = values.iter().cloned().map(|value| pair(("flat".into(), value)));
    let list = AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values: values.clone() })) };
    let attributes: Vec<KeyValue> = flat.chain([pair(("list".into(), list))]).collect();
    one_span(Span { attributes, ..good_span() })
}

fn is_long(value: &ProtoValue) -> bool {
    match value {
        ProtoValue::IntValue(number) => (13..=19).contains(&number.unsigned_abs().to_string().len()),
        ProtoValue::DoubleValue(number) => number.fract() == 0.0 && number.abs() >= 1e12,
        _ => false,
    }
}

fn a_number() -> impl Strategy<Value = ProtoValue> {
    prop_oneof![
        any::<i64>().prop_map(ProtoValue::IntValue),
        (-20_000_000_000_000..20_000_000_000_000i64).prop_map(ProtoValue::IntValue),
        (0..10_000i64).prop_map(ProtoValue::IntValue),
        (0..10_000_000_000_000_000u64).prop_map(|number| ProtoValue::DoubleValue(number as f64)),
        any::<f64>().prop_map(ProtoValue::DoubleValue),
        ".{0,3}".prop_map(ProtoValue::StringValue),
    ]
}

#[test]
fn a_card_that_was_sent_as_a_number_is_found_by_its_value() {
    let card = 4_111_111_111_111_111i64;
    let bytes = request(vec![ProtoValue::IntValue(card), ProtoValue::DoubleValue(card as f64)]);
    let export = Export::from_protobuf(Signal::Traces, bytes).unwrap();
    assert_eq!(export.numbers().map(|number| number.value).collect::<Vec<_>>(), [card; 4]);
}

proptest! {
    #[test]
    fn every_long_number_becomes_a_text_and_nothing_else_changes(
        values in prop::collection::vec(a_number(), 0..8),
    ) {
        let export = Export::from_protobuf(Signal::Traces, request(values.clone())).unwrap();
        prop_assert_eq!(export.numbers().count(), 2 * values.iter().filter(|value| is_long(value)).count());
        let edit = |Number { start, end, .. }| Edit { start, end, replacement: MARK.into() };
        let edits: Vec<_> = export.numbers().map(edit).collect();
        let edited = export.with_edits(&edits).unwrap();
        let marked = values.into_iter().map(|value| {
            if is_long(&value) { ProtoValue::StringValue(MARK.into()) } else { value }
        });
        let expected = request(marked.collect());
        prop_assert_eq!(edited.as_bytes(), &expected[..]);
        prop_assert!(ExportTraceServiceRequest::decode(edited.as_bytes()).is_ok());
        prop_assert_eq!(edited.numbers().count(), 0);
    }
}
