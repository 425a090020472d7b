//! What must hold for any text: what is redacted once stays as it is, JSON stays JSON, nothing planted
//! survives, and no text takes more time than its length allows.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use treering_otlp::{Export, Signal};
use treering_redact::{Finding, Rules};

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// Look-alikes, of which each is a finding wherever it stands by itself.
fn secrets() -> [String; 6] {
    [
        "grace.hopper@example.net".to_owned(),
        "5555-5555-5555-4444".to_owned(),
        ["gho", "_TREERINGfake9876543210abcdefghijklmnop"].concat(),
        ["sk-", "proj-TREERINGfake_9876543210abcdefghijklmnopqrstuvwxyz-AA"].concat(),
        "GB29NWBK60161331926819".to_owned(),
        "579-12-8401".to_owned(),
    ]
}

/// Any bytes, as far as they are text.
pub fn redact(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    settles(text);
    stays_json(text);
    hides_what_is_planted(text);
    settles_in_a_request(text);
    takes_its_time(text);
}

fn settles(text: &str) {
    let once = RULES.redact(text);
    assert!(in_order(text, &once.findings), "{:?}", once.findings);
    assert_eq!(RULES.redact(&once.text).text, once.text, "what is redacted once stays as it is");
    let mut findings = Vec::new();
    RULES.scan_value("password", text, &mut findings);
    assert!(in_order(text, &findings), "{findings:?}");
}

/// Whatever the text, again and again: no byte of it costs more than any byte may. A clock on a busy machine is no
/// measure, so that the bound is far above what a byte costs, and far below what a second look at all others would.
fn takes_its_time(text: &str) {
    const LENGTH: usize = 64 << 10;
    const A_BYTE: Duration = Duration::from_micros(40);
    let long = text.repeat(LENGTH / text.len().max(1) + 1);
    let start = Instant::now();
    RULES.redact(&long);
    let most = Duration::from_secs(1) + A_BYTE * u32::try_from(long.len()).unwrap_or(u32::MAX);
    assert!(start.elapsed() < most, "{} bytes took {:?}", long.len(), start.elapsed());
}

fn in_order(text: &str, findings: &[Finding]) -> bool {
    let whole =
        |finding: &Finding| text.get(finding.start..finding.end).is_some_and(|place| !place.is_empty());
    findings.iter().all(whole) && findings.windows(2).all(|pair| pair[0].end <= pair[1].start)
}

fn stays_json(text: &str) {
    let Ok(before) = serde_json::from_str::<Json>(text) else { return };
    if before.is_array() || before.is_object() || before.is_string() {
        let redacted = RULES.redact(text).text;
        let after: Json =
            serde_json::from_str(&redacted).unwrap_or_else(|error| panic!("{error} in {redacted}"));
        assert!(same_shape(&before, &after), "{redacted}");
    }
}

/// The same containers with the same number of members, down to the leaves.
fn same_shape(before: &Json, after: &Json) -> bool {
    match (before, after) {
        (Json::Array(before), Json::Array(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| same_shape(before, after))
        }
        // Keys that were redacted to the same mark fall together.
        (Json::Object(before), Json::Object(after)) => after.len() <= before.len(),
        (Json::Number(_), Json::String(mark)) => mark.starts_with("[REDACTED:"),
        (before, after) => std::mem::discriminant(before) == std::mem::discriminant(after),
    }
}

/// On a line of its own in the middle of the text, as a value in JSON, or in JSON in JSON. The text says which secret and
/// where, so that each takes one look.
fn hides_what_is_planted(text: &str) {
    let choice = text.bytes().fold(text.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let secret = &secrets()[choice % 6];
    // One that stands there already may be glued to a word, and then it is none.
    if text.contains(&**secret) {
        return;
    }
    let middle = (0..=text.len() / 2).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, after) = text.split_at(middle);
    let inner = json!({"content": [secret, text], "n": 1});
    let planted = match choice / 6 % 3 {
        0 => format!("{before}\n<{secret}>\n{after}"),
        1 => inner.to_string(),
        _ => json!({"arguments": inner.to_string(), (text): [secret]}).to_string(),
    };
    let redacted = RULES.redact(&planted).text;
    assert!(!redacted.contains(&**secret), "{redacted}");
}

/// As a name, as a key, as a value and as bytes.
fn settles_in_a_request(text: &str) {
    let attributes = json!([
        {"key": text, "value": {"stringValue": text}},
        {"key": "password", "value": {"arrayValue": {"values": [{"stringValue": text}]}}},
    ]);
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": text,
        "attributes": attributes, "status": {"message": text},
    });
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let export = Export::from_json(Signal::Traces, request.as_bytes()).expect("the request is good");
    let once = RULES.redact_export(export).expect("any text can be redacted").into_bytes();
    let export = Export::from_protobuf(Signal::Traces, once.clone()).expect("what is redacted is a request");
    assert!(export.is_whole() && export.records_count() == 1);
    let twice = RULES.redact_export(export).expect("any text can be redacted").into_bytes();
    assert!(once == twice, "what is redacted once stays as it is");
}
