use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use treering_otlp::{Export, Signal};
use treering_redact::{Record, Rules};

use super::fold::fold;
use super::*;

fn all(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    text::any(text, ROUNDS, &mut |word| all.push(word.to_owned()));
    all
}

fn record(signal: Signal, json: &serde_json::Value) -> Record {
    let export = Export::from_json(signal, json.to_string().as_bytes()).unwrap();
    Rules::builtin().redact_export(export).unwrap().records().remove(0)
}

fn of_record(record: &Record) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    words(record, &mut |word| {
        all.insert(word.to_owned());
    });
    all
}

#[test]
fn words_are_letters_and_digits_in_small() {
    assert_eq!(all("Refund order #4711, PLEASE!"), ["refund", "order", "4711", "please"]);
    assert_eq!(all("get_weather(city=\"Köln\")"), ["get", "weather", "city", "köln"]);
    assert_eq!(all(" \t…—„“"), Vec::<String>::new());
}

#[test]
fn the_ways_to_write_a_word_are_the_same() {
    for (one, other) in [
        ("CAFÉ", "cafe\u{301}"),
        ("ﬁnal", "FINAL"),
        ("ｆｕｌｌ", "full"),
        ("ΟΔΟΣ", "οδος"),
        ("ﾃｽﾄ", "テスト"),
        ("Ｎº", "no"),
    ] {
        assert_eq!(words_of(one), words_of(other), "{one} and {other}");
    }
    assert_ne!(words_of("für"), words_of("fur"), "accents are kept");
}

#[test]
fn what_is_written_without_spaces_is_found_by_its_characters_and_their_pairs() {
    assert_eq!(all("東京都"), ["東", "京", "東京", "都", "京都"]);
    assert_eq!(all("今日OK晴"), ["今", "日", "今日", "ok", "晴"]);
    assert!(words_of("私は東京に住んでいます。").is_superset(&words_of("東京")));
    assert!(!words_of("東の京").contains("東京"));
    assert_eq!(all("한국어 질문"), ["한국어", "질문"], "Korean has spaces");
    assert_eq!(all("हिन्दी में"), ["हिन्दी", "में"], "marks belong to their word");
}

#[test]
fn escapes_are_undone_in_json_and_in_json_inside_of_json() {
    let inner = json!({"text": "first\nsecond \"third\" \u{1f333} größe"}).to_string();
    let outer = json!([{"arguments": inner, "path": "C:\\new\\table"}]).to_string();
    let found = all(&outer);
    for word in ["first", "second", "third", "größe", "arguments", "new", "table"] {
        assert!(found.iter().any(|found| found == word), "{word} of {found:?}");
    }
    assert!(!found.iter().any(|word| word == "nsecond" || word == "ew"), "{found:?}");
    assert_eq!(all(r#"{"a":"gr\u00f6\u00dfe \ud83c\udf33 b"#), ["a", "größe", "b"], "torn JSON is read too");
    assert!(all(r#"Ok("one\ntwo")"#).contains(&"two".to_owned()), "and what Debug wrote");
    assert_eq!(all(r"C:\new\table"), ["c", "new", "table"], "what a person wrote stays what it is");
}

#[test]
fn data_has_no_words_and_long_names_have() {
    let data = "iVBORw0KGgo/AAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4".repeat(3);
    assert_eq!(
        all(&format!("see data:image/png;base64,{data}== here")),
        ["see", "data", "image", "png", "base64", "here"]
    );
    assert_eq!(all(&format!("[{data}]")), Vec::<String>::new());
    assert_eq!(all(&"0123456789abcdef".repeat(5)), Vec::<String>::new(), "long hex");
    let path = "/usr/local/lib/python3/site-packages/langChain_core/Runnables/getCustomerOrderById";
    assert!(all(path).contains(&"getcustomerorderbyid".to_owned()));
    let id = "user_550e8400-e29b-41d4-a716-446655440000_session_550e8400-e29b-41d4-a716-446655440000";
    assert!(all(id).contains(&"446655440000".to_owned()));
}

#[test]
fn a_redaction_mark_is_one_word() {
    assert_eq!(all("write to [REDACTED:EMAIL] now"), ["write", "to", "[REDACTED:EMAIL]", "now"]);
    assert_eq!(all(r#"["to [REDACTED:EMAIL]\nnow"]"#), ["to", "[REDACTED:EMAIL]", "now"]);
}

#[test]
fn a_mark_that_tells_more_is_found_by_its_type_as_well() {
    let (one, other) = ("[REDACTED:EMAIL:qwertyuiopas]", "[REDACTED:CARD:*1111]");
    assert_eq!(all(&format!("{one}, {other}")), [one, "[REDACTED:EMAIL]", other, "[REDACTED:CARD]"]);
}

#[test]
fn a_span_has_the_words_of_its_values_and_not_of_its_keys() {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let map = json!({"kvlistValue": {"values": [{"key": "order", "value": {"intValue": "4711"}}]}});
    let json = json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "billing"), text("telemetry.sdk.name", "otel")]},
        "scopeSpans": [{"spans": [{
            "traceId": "01".repeat(16), "spanId": "02".repeat(8), "name": "execute_tool",
            "attributes": [text("convention.key", "value one"), {"key": "args", "value": map},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1234"}}],
            "events": [{"name": "exception", "attributes": [text("exception.message", "disk full")]}],
            "status": {"message": "gave up", "code": 2}}]}]}]});
    let record = record(Signal::Traces, &json);
    let expected = "execute tool value one order 4711 exception disk full gave up";
    assert_eq!(of_record(&record), words_of(expected));
    let mut shared = Vec::new();
    context_words(&record, &mut |word| shared.push(word.to_owned()));
    assert_eq!(shared, ["billing"]);
}

#[test]
fn a_log_record_has_the_words_of_its_body() {
    let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "eventName": "user.prompt", "body": {"stringValue": "{\"prompt\":\"plant\\na tree\"}"}}]}]}]});
    assert_eq!(of_record(&record(Signal::Logs, &json)), words_of("user prompt plant a tree"));
}

proptest! {
    #[test]
    fn any_text_has_words(text in any::<String>()) {
        all(&text);
        all(&json!([text]).to_string());
    }

    #[test]
    fn torn_escapes_break_nothing(text in r#"[\\"{}nu0-9d\[é]{0,60}"#) {
        all(&text);
    }

    #[test]
    fn folding_twice_is_folding_once(text in any::<String>()) {
        prop_assert_eq!(fold(&fold(&text)), fold(&text));
    }

    #[test]
    fn a_word_that_was_told_is_found_by_itself(text in any::<String>()) {
        for word in words_of(&text) {
            prop_assert!(words_of(&word).contains(&word), "{:?} of {:?}", word, text);
        }
    }

    #[test]
    fn words_of_a_part_are_words_of_the_whole(before in "[ -~é東]{0,20}", part in "[a-zé東 京]{1,20}") {
        let whole = format!("{before} {part}. and");
        prop_assert!(words_of(&whole).is_superset(&words_of(&part)));
    }

    #[test]
    fn a_text_has_its_words_as_json_too(text in "([a-zA-Z0-9äöü東\n\t\"]{1,9} ){1,9}") {
        let json = json!({"k": [text]}).to_string();
        let found: BTreeSet<_> = all(&json).into_iter().collect();
        prop_assert!(found.is_superset(&words_of(&text)), "{:?} of {}", found, json);
        let twice = json!([json]).to_string();
        let found: BTreeSet<_> = all(&twice).into_iter().collect();
        prop_assert!(found.is_superset(&words_of(&text)), "{:?} of {}", found, twice);
    }
}
