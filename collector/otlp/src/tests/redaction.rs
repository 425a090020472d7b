//! No string passes that nobody could redact, and no edit loses a record.

use proptest::prelude::*;

use crate::wire::{put_bytes, put_tag, put_varint};
use crate::{Edit, Export, Malformed, Signal, Span};

const SECRET: &[u8] = b"a secret where nobody looks";

type Fields<'a> = &'a [(u32, &'a [u8])];

fn message(fields: Fields<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, payload)| put_bytes(&mut message, *number, payload));
    message
}

/// A request of one record, this one.
fn request(record: &[u8]) -> Vec<u8> {
    message(&[(1, &message(&[(2, &message(&[(2, record)]))]))])
}

fn span(fields: Fields<'_>) -> Vec<u8> {
    [message(&[(1, &[1; 16]), (2, &[2; 8])]), message(fields), message(&[(5, b"name")])].concat()
}

fn holds(export: &Export, secret: &[u8]) -> bool {
    export.as_bytes().windows(secret.len()).any(|window| window == secret)
}

#[test]
fn a_secret_in_a_field_of_tomorrow_goes_no_further() {
    let planted: [Fields<'_>; 3] =
        [&[(99, SECRET)], &[(11, &message(&[(99, SECRET)]))], &[(15, &message(&[(1, SECRET)]))]];
    for fields in planted {
        let export = Export::from_protobuf(Signal::Traces, request(&span(fields))).unwrap();
        assert_eq!((export.records_count(), export.rejected().count), (1, 0));
        assert!(!holds(&export, SECRET) && !export.is_whole());
    }
}

#[test]
fn a_secret_in_an_odd_id_goes_no_further() {
    let link = |number| message(&[(number, SECRET), (1, &[1; 16]), (2, &[2; 8]), (3, b"state")]);
    let twice = message(&[(4, SECRET), (4, &[3; 8])]);
    let spans =
        [span(&[(4, SECRET)]), [span(&[]), twice].concat(), span(&[(13, &link(1))]), span(&[(13, &link(2))])];
    for span in spans {
        let export = Export::from_protobuf(Signal::Traces, request(&span)).unwrap();
        assert_eq!((export.records_count(), export.rejected().count), (1, 0));
        assert!(!holds(&export, SECRET) && holds(&export, b"name"));
    }
    for log in [[(9, SECRET), (3, b"INFO")], [(10, SECRET), (3, b"INFO")]] {
        let export = Export::from_protobuf(Signal::Logs, request(&message(&log))).unwrap();
        assert_eq!((export.records_count(), export.rejected().count), (1, 0));
        assert!(!holds(&export, SECRET) && holds(&export, b"INFO"));
    }
}

#[test]
fn a_span_of_which_any_id_is_odd_goes_whole() {
    let good: Fields<'_> = &[(1, &[1; 16]), (2, &[2; 8])];
    let planted: [(Fields<'_>, _); 2] =
        [(&[(1, SECRET)], Malformed::InvalidTraceId), (&[(2, SECRET)], Malformed::InvalidSpanId)];
    for (odd, reason) in planted {
        for span in [[message(odd), message(good)].concat(), [message(good), message(odd)].concat()] {
            let export = Export::from_protobuf(Signal::Traces, request(&span)).unwrap();
            assert_eq!((export.records_count(), export.rejected().reason), (0, Some(reason)));
            assert!(!holds(&export, SECRET));
        }
    }
}

#[test]
fn an_edit_that_would_lose_something_is_an_error() {
    let bytes = request(&span(&[(4, &[3; 8])]));
    let place = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    let (trace, name) = (place(&[1; 16]), place(b"name"));
    let edits = [
        ("in an id", trace + 2, trace + 4, ""),
        ("over an id", trace - 2, trace + 16, ""),
        ("a text in the place of an id", trace - 2, trace + 16, "text"),
        ("over a record", place(&[0x12]), bytes.len(), ""),
        ("over all", 0, bytes.len(), ""),
        ("behind the end", bytes.len() + 1, bytes.len() + 2, "x"),
        ("back to front", name + 2, name + 1, "x"),
    ];
    for (what, start, end, text) in edits {
        let export = Export::from_protobuf(Signal::Traces, bytes.clone()).unwrap();
        let edit = Edit { start, end, replacement: text.into() };
        assert_eq!(export.with_edits(&[edit]).unwrap_err(), Malformed::BrokenByEdit, "{what}");
    }
    let export = Export::from_protobuf(Signal::Traces, bytes.clone()).unwrap();
    let edit = |start, end| Edit { start, end, replacement: "x".into() };
    assert!(export.with_edits(&[edit(name + 2, name + 4), edit(name, name + 1)]).is_err(), "not sorted");
    let export = Export::from_protobuf(Signal::Traces, bytes).unwrap();
    assert!(export.with_edits(&[edit(name, name + 1), edit(name + 2, name + 4)]).unwrap().is_whole());
}

#[test]
fn a_resource_that_would_be_repeated_without_measure_is_refused() {
    let resource = message(&[(1, &message(&[(1, &vec![b'k'; 1 << 20])]))]);
    let scopes = |records: &[u8]| message(&[(2, &message(&[(2, records)]))]).repeat(100);
    let group = |records: &[u8]| message(&[(1, &[message(&[(1, &resource)]), scopes(records)].concat())]);
    let refused = Export::from_protobuf(Signal::Logs, group(&message(&[(3, b"INFO")])));
    assert_eq!(refused.unwrap_err(), Malformed::TooManyScopes);
    let empty = message(&[(1, &[message(&[(1, &resource)]), message(&[(2, b"")]).repeat(100)].concat())]);
    assert!(Export::from_protobuf(Signal::Logs, empty).unwrap().records().is_empty());
}

#[test]
fn records_of_a_scope_share_their_context() {
    let record = message(&[(3, b"INFO")]);
    let scoped = message(&[(2, &record), (2, &record)]);
    let bytes = message(&[(1, &message(&[(2, &scoped), (2, &scoped)]))]);
    let export = Export::from_protobuf(Signal::Logs, bytes).unwrap();
    let contexts: Vec<_> = export.records().into_iter().map(|(context, _)| context).collect();
    let shared: Vec<_> = contexts.windows(2).map(|pair| std::sync::Arc::ptr_eq(&pair[0], &pair[1])).collect();
    assert_eq!(shared, [true, false, true]);
}

#[test]
fn a_key_of_any_length_lends_its_end_to_its_values() {
    for (key, expected) in
        [("k".repeat(256), "k".repeat(256)), ("é".repeat(500) + "k", "é".repeat(127) + "k")]
    {
        let pair = message(&[(2, &message(&[(1, b"value")])), (1, key.as_bytes())]);
        let export = Export::from_protobuf(Signal::Traces, request(&span(&[(9, &pair)]))).unwrap();
        let keys: Vec<_> = export.texts().filter(|text| text.text == "value").map(|text| text.key).collect();
        assert_eq!(keys, [Some(expected.as_str())]);
    }
}

/// Fields as they come, of any number, wire type and nesting: known, unknown, bad.
fn any_fields() -> impl Strategy<Value = Vec<u8>> {
    let leaf = (1..20u32, prop::collection::vec(any::<u8>(), 0..4), any::<bool>()).prop_map(
        |(number, payload, is_number)| {
            let mut field = Vec::new();
            if is_number {
                put_tag(&mut field, number, 0);
                put_varint(&mut field, payload.len() as u64);
            } else {
                put_bytes(&mut field, number, &payload);
            }
            field
        },
    );
    leaf.prop_recursive(5, 60, 6, |inner| {
        (1..4u32, prop::collection::vec(inner, 0..6))
            .prop_map(|(number, parts)| message(&[(number, &parts.concat())]))
    })
}

proptest! {
    #[test]
    fn what_is_left_after_all_that_must_go_is_whole(
        fields in prop::collection::vec((any::<bool>(), any_fields()), 0..12),
    ) {
        let record = |(good, fields): (bool, Vec<u8>)| {
            let ids = if good { span(&[]) } else { Vec::new() };
            message(&[(2, &[ids, fields].concat())])
        };
        let scoped: Vec<u8> = fields.into_iter().flat_map(record).collect();
        let bytes = message(&[(1, &message(&[(2, &scoped), (77, SECRET)])), (9, SECRET)]);
        let export = Export::from_protobuf(Signal::Traces, bytes).unwrap();
        prop_assert!(!holds(&export, SECRET));
        let again = Export::from_protobuf(Signal::Traces, export.as_bytes().to_vec()).unwrap();
        prop_assert!(again.is_whole());
        prop_assert_eq!(again.as_bytes(), export.as_bytes());
        prop_assert_eq!(again.records_count(), export.records_count());
        for (context, record) in again.records() {
            prop_assert!(Span::parse(&context, record).span_id.is_some());
        }
    }
}
