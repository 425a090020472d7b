//! What must hold for any text.

use super::BUILTIN;
use crate::detect::{DETECTORS, TOKENS, Trigger};
use crate::steps;
use crate::walk::{pass, thorough};
use crate::{Finding, Rules};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use treering_otlp::{Export, Signal};

/// The built-in rules, and a pattern that is nowhere: nobody has a glance for those who have one.
static THOROUGH: LazyLock<Rules> = LazyLock::new(|| {
    let never = "[[pattern]]\nname = \"NEVER\"\nregex = \"never [0-9]{40} this\"";
    Rules::parse(never).expect("the file is well-formed")
});

/// Values that must go, put together here so that no scanner of secrets trips over this file.
fn canaries() -> Vec<String> {
    vec![
        "ada.lovelace@example.com".to_owned(),
        "4111 1111 1111 1111".to_owned(),
        ["ghp", "_TREERINGfake0123456789abcdefghijklmnop"].concat(),
        ["sk-", "ant-api03-TREERINGfake_0123456789abcdefghijklmnopqrstuvwxyz-AA"].concat(),
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        "DE89 3704 0044 0532 0130 00".to_owned(),
        "+44 20 7946 0958".to_owned(),
        "078-05-1120".to_owned(),
    ]
}

/// Others of their kinds, that no [`piece`] holds: glued to a word they may stand, planted by themselves they may not.
fn canary() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "grace.hopper@example.net".to_owned(),
        "5555-5555-5555-4444".to_owned(),
        ["gho", "_TREERINGfake9876543210abcdefghijklmnop"].concat(),
        ["sk-", "proj-TREERINGfake_9876543210abcdefghijklmnopqrstuvwxyz-AA"].concat(),
        ["ASIA", "QWERTYUIOP123456"].concat(),
        "GB29NWBK60161331926819".to_owned(),
        "+1 (415) 555-0132".to_owned(),
        "203.0.113.77".to_owned(),
        "579-12-8401".to_owned(),
    ])
}

/// Pieces of which nasty texts are made.
fn piece() -> impl Strategy<Value = String> {
    let signs = [
        "\\",
        "\"",
        "'",
        "\\n",
        "\\u0040",
        "\\u00",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\n",
        "=",
        "@",
        "-",
        "+",
        "%40",
        "%",
        "&#64;",
        "&",
        "\u{200b}",
        "\u{a0}",
        "é",
        "😀",
        "password",
        "api_key",
        "token: ",
        "Bearer ",
        "Basic ",
        "://",
        "eyJ",
        "4111",
        "1111",
        "-----BEGIN PRIVATE KEY-----",
        "-----",
        "[REDACTED:EMAIL]",
        "[REDACTED:",
        "\"password\": \"",
        "dob",
        "1988-02-28",
    ];
    prop_oneof![
        3 => prop::sample::select(signs.map(str::to_owned).to_vec()),
        2 => prop::sample::select(canaries()),
        1 => "[a-zA-Z0-9_.-]{1,12}",
        1 => any::<String>(),
    ]
}

fn nasty() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

/// Words as in prose, over lines and in quotes, with something among them that goes, whole or cut in two.
fn in_prose() -> impl Strategy<Value = String> {
    let words = [
        "the", "whether", "\n", "\r\n", " ", "\t", "\"", "'", "\" + \"", "' '", "=\n", "5", "(", "17",
        "e\n1", ", ",
    ];
    let word = prop::sample::select(words.map(str::to_owned).to_vec());
    let cut = (prop_oneof![canary(), prop::sample::select(canaries())], any::<prop::sample::Index>())
        .prop_map(|(canary, at)| (canary.clone(), at.index(canary.len())));
    let joint = prop::sample::select(vec!["", "\n", "\" + \"", "\n  ", "' '", "=\n", "\" \""]);
    let words = || prop::collection::vec(word.clone(), 0..24).prop_map(|words| words.concat());
    (words(), cut, joint, words()).prop_map(|(before, (canary, at), joint, after)| {
        let at = canary.floor_char_boundary(at);
        format!("{before} {}{joint}{} {after}", &canary[..at], &canary[at..])
    })
}

/// Every word and byte at which a detector looks closer.
fn triggers() -> Vec<String> {
    let of_detectors =
        DETECTORS.iter().flat_map(|detector| detector.triggers).flat_map(|trigger| match trigger {
            Trigger::Literal(words, _) => words.iter().map(|word| (*word).to_owned()).collect(),
            Trigger::Label(label) => label.words.iter().map(|word| (*word).to_owned()).collect(),
            Trigger::Byte(byte, _) => vec![char::from(*byte).to_string()],
            Trigger::Digits(..) | Trigger::Groups(..) | Trigger::DigitsBehindLetter(..) => {
                vec!["4".to_owned()]
            }
        });
    TOKENS.iter().map(|token| token.prefix.to_owned()).chain(of_detectors).collect()
}

/// A trigger, a run as long as some detector looks, and characters of several bytes where it stops looking.
fn at_a_limit() -> impl Strategy<Value = String> {
    let joint = prop::sample::select(vec!["", " ", "=", ": ", "=\"", "\": \"", " is ", "://"]);
    let limit = prop::sample::select(vec![16, 40, 64, 128, 253, 256, 300, 512, 1024, 2048, 4096]);
    let length = (limit, 0..24_usize).prop_map(|(limit, more): (usize, usize)| limit + more - 12);
    let unit =
        prop::sample::select(vec!["a", "é", "7", "aB3", "-aB3", "Ab+/9", "x.", "日", "\u{200b}a", "%2561"]);
    let wide = prop::sample::select(vec!["é", "日本", "😀", "\u{200b}", "\u{a0}é", "４", "\\u00e9é"]);
    let run = (unit, length).prop_map(|(unit, length)| unit.repeat(length / unit.len() + 1));
    (prop::sample::select(triggers()), joint, run, wide, nasty())
        .prop_map(|(word, joint, run, wide, rest)| format!("{wide}{word}{joint}{run}{wide}{rest}"))
}

/// JSON in which strings may be JSON again, twice.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        nasty().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::from(4_111_111_111_111_111_u64)),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner.clone()), 0..4)
                .prop_map(|pairs| Value::from(Map::from_iter(pairs))),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        nasty(),
        prop::sample::select(vec!["password".to_owned(), "api_key".to_owned(), "dob".to_owned()])
    ]
}

/// As [`json`], with one leaf planted so many strings deep.
fn planted() -> impl Strategy<Value = (String, String)> {
    (canary(), 0..3, json(), any::<bool>()).prop_map(|(canary, depth, beside, as_key)| {
        let text = format!("say\n{canary} \"now\"");
        let mut value = if as_key {
            serde_json::json!({ text: 1 })
        } else {
            serde_json::json!({ "content": [text], "n": beside })
        };
        for _ in 0..depth {
            value = serde_json::json!({ "arguments": value.to_string() });
        }
        (canary, value.to_string())
    })
}

/// The same containers with the same number of members, down to the leaves.
fn same_shape(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_shape(left, right))
        }
        // Keys that were redacted to the same mark fall together.
        (Value::Object(left), Value::Object(right)) => right.len() <= left.len(),
        (Value::Number(left), Value::String(mark)) => left.is_u64() && mark.starts_with("[REDACTED:"),
        (left, right) => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

fn in_order(text: &str, findings: &[Finding]) -> bool {
    let whole =
        |finding: &Finding| text.get(finding.start..finding.end).is_some_and(|place| !place.is_empty());
    findings.iter().all(whole) && findings.windows(2).all(|pair| pair[0].end <= pair[1].start)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn redacting_twice_is_redacting_once(text in nasty()) {
        let once = BUILTIN.redact(&text).text;
        prop_assert_eq!(&BUILTIN.redact(&once).text, &once);
    }

    #[test]
    fn findings_are_whole_characters_in_order(text in nasty()) {
        let findings = BUILTIN.redact(&text).findings;
        prop_assert!(in_order(&text, &findings), "{findings:?}");
    }

    /// What nothing was seen in holds nothing, and what was seen is all there is.
    #[test]
    fn a_glance_misses_nothing(text in prop_oneof![
        nasty(),
        at_a_limit(),
        in_prose(),
        json().prop_map(|value| value.to_string()),
        json().prop_map(|value| format!("{value:#}")),
        planted().prop_map(|(_, text)| text),
    ]) {
        let look = |text: &str| pass(&BUILTIN, text, (None, None), &|_| false).found;
        prop_assert_eq!(look(&text), thorough(&BUILTIN, &text), "in {:?}", text);
        // As a string of JSON, and of JSON in JSON, it is escaped.
        let once = Value::from(vec![text]).to_string();
        prop_assert_eq!(look(&once), thorough(&BUILTIN, &once), "in {}", once);
        let twice = serde_json::json!({ "content": once }).to_string();
        prop_assert_eq!(look(&twice), thorough(&BUILTIN, &twice), "in {}", twice);
    }

    /// The strings of a request stand beside each other, and rules with a pattern of their own look through each.
    #[test]
    fn a_request_is_redacted_alike_with_a_glance_and_without(texts in prop::collection::vec(
        (key(), prop_oneof![nasty(), in_prose(), planted().prop_map(|(_, text)| text)], 0..160_usize), 1..6,
    )) {
        let attribute = |(key, text, fill): &(String, String, usize)| {
            serde_json::json!({ "key": key, "value": { "stringValue": format!("{text}{}", " a".repeat(*fill / 2)) } })
        };
        let span = serde_json::json!({
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "attributes": texts.iter().map(attribute).collect::<Vec<_>>(),
        });
        let request = serde_json::json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }).to_string();
        let redact = |rules: &Rules| {
            let export = Export::from_json(Signal::Traces, request.as_bytes()).expect("it is well-formed");
            rules.redact_export(export).expect("its edits fit").as_bytes().to_vec()
        };
        prop_assert!(redact(&BUILTIN) == redact(&THOROUGH), "{}", request);
    }

    #[test]
    fn limits_are_never_inside_of_a_character(text in at_a_limit(), key in prop::sample::select(triggers())) {
        let redacted = BUILTIN.redact(&text);
        prop_assert!(in_order(&text, &redacted.findings), "{:?}", redacted.findings);
        prop_assert_eq!(&BUILTIN.redact(&redacted.text).text, &redacted.text);
        let mut findings = Vec::new();
        BUILTIN.scan_value(&key, &text, &mut findings);
        prop_assert!(in_order(&text, &findings), "{findings:?}");
    }

    #[test]
    fn json_stays_json_of_the_same_shape(value in json()) {
        for text in [value.to_string(), format!("{value:#}")] {
            let redacted = BUILTIN.redact(&text);
            prop_assert!(in_order(&text, &redacted.findings));
            prop_assert_eq!(&BUILTIN.redact(&redacted.text).text, &redacted.text);
            if value.is_array() || value.is_object() || value.is_string() {
                let after: Value = serde_json::from_str(&redacted.text)
                    .map_err(|error| TestCaseError::fail(format!("{error} in {}", redacted.text)))?;
                prop_assert!(same_shape(&value, &after), "{}", redacted.text);
            }
        }
    }

    #[test]
    fn nothing_but_findings_changes(text in prop_oneof![nasty(), json().prop_map(|value| value.to_string())]) {
        let redacted = BUILTIN.redact(&text);
        let (mut expected, mut from) = (String::new(), 0);
        for finding in &redacted.findings {
            expected.push_str(&text[from..finding.start]);
            finding.write_mark(&mut expected);
            from = finding.end;
        }
        expected.push_str(&text[from..]);
        prop_assert_eq!(redacted.text, expected);
    }

    #[test]
    fn whatever_is_repeated_costs_as_much_each_time(pieces in prop::collection::vec(piece(), 1..4)) {
        let piece = pieces.concat();
        let [short, long] =
            [1_000, 16_000].map(|length| steps_for_each_byte(&piece.repeat(length / piece.len().max(1) + 1)));
        prop_assert!(long <= MOST_LOOKS * short.max(16) && long <= MOST_STEPS, "{piece:?}: {short}, then {long}");
    }

    #[test]
    fn nothing_planted_in_json_survives((canary, text) in planted()) {
        let redacted = BUILTIN.redact(&text).text;
        prop_assert!(!redacted.contains(&canary), "{redacted}");
    }

    #[test]
    fn nothing_planted_in_text_survives(canary in canary(), before in nasty(), after in nasty()) {
        let redacted = BUILTIN.redact(&format!("{before}\n<{canary}>\n{after}")).text;
        prop_assert!(!redacted.contains(&canary), "{redacted}");
    }
}

/// Bytes that are read for each byte of a text, at the most: by all detectors, in every view, in each of eight looks.
const MOST_STEPS: usize = 256;

/// A longer text may need another look at itself, where a shorter one needed none.
const MOST_LOOKS: usize = 8;

fn steps_for_each_byte(text: &str) -> usize {
    steps::of(|| drop(BUILTIN.redact(text))) / text.len().max(1)
}

/// A glance takes them for what parts words, however they were escaped.
#[test]
fn no_word_holds_the_end_of_a_line_a_tab_or_a_quote() {
    let words: Vec<_> =
        triggers().into_iter().filter(|word| word.contains(['\n', '\r', '\t', '"'])).collect();
    assert!(words.is_empty(), "{words:?}");
}

#[test]
fn the_cost_is_linear_in_the_text() {
    let pieces = [
        "@",
        "\\",
        "{\"",
        "[",
        "eyJ",
        "://",
        "-----BEGIN PRIVATE KEY-----",
        "1:",
        "password=",
        "4 ",
        "+1 ",
        "[REDACTED:",
        "&",
        "a@b.io ",
        "password=x1y2",
        "pwd='x1y2 ",
        "eyJeyJeyJeyJ.",
        "eyJhbGciOiJub25lIn0",
        "%25",
        "%",
        "https://a:b",
        "aB3dE5gH7jK9mN1p\n",
        "aB3d\" + \"",
        "[at]",
        "6a6b6c6d6e6f\n",
    ];
    for piece in pieces {
        let [short, long] =
            [4_000, 64_000].map(|length| steps_for_each_byte(&piece.repeat(length / piece.len())));
        // A quadratic step would cost sixteen times as much for each byte.
        assert!(
            long <= MOST_LOOKS * short.max(16) && long <= MOST_STEPS,
            "{piece:?}: {short} steps a byte, and {long} in a longer text"
        );
    }
}
