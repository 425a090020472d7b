//! Rules for places: what happens where, to what.

use serde_json::{Value, json};
use treering_otlp::{Export, Signal};

use crate::budget::Budget;
use crate::edits::edits;
use crate::{Redacted, Rules};

fn named(parts: &[&[u8]]) -> [u8; 16] {
    crate::hash(parts)
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value}})
}

fn request(attributes: &[Value]) -> Export {
    let span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "ask ada@example.com",
        "attributes": attributes, "events": [{"name": "said", "attributes": [attribute("text", "hi ada@example.com")]}]});
    let schema = "https://example.com/1.0?for=ada@example.com";
    let request = json!({"resourceSpans": [{"schemaUrl": schema, "scopeSpans": [{"schemaUrl": schema, "spans": [span]}]}]});
    Export::from_json(Signal::Traces, request.to_string().as_bytes()).unwrap()
}

/// The attributes of the span under these rules, with names for values.
fn attributes(rules: &Rules, written: &[Value]) -> Value {
    attributes_of(&rules.redact_export_with(request(written), Some(&named)).unwrap())
}

fn attributes_of(redacted: &Redacted) -> Value {
    let records = redacted.records();
    records[0].span().unwrap().attributes.to_json().into()
}

fn parse(toml: &str) -> Rules {
    Rules::parse(toml).unwrap_or_else(|error| panic!("{error}"))
}

fn error(toml: &str) -> String {
    Rules::parse(toml).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn what_is_found_in_an_identity_becomes_a_name_that_equal_values_share() {
    let rules = Rules::builtin();
    let of = |user: &str| {
        attributes(&rules, &[attribute("user.id", user)])["user.id"].as_str().unwrap().to_owned()
    };
    let ada = of("ada@example.com");
    assert!(ada.starts_with("[REDACTED:EMAIL:") && ada.len() == "[REDACTED:EMAIL:]".len() + 12, "{ada}");
    assert_eq!(of("Ada@example.com"), ada);
    assert_ne!(of("eda@example.com"), ada);
    assert_eq!(of("user-42"), "user-42");
    assert_eq!(of(&ada), ada, "a name stays as it is");
    let unkeyed = rules.redact_export(request(&[attribute("user.id", "ada@example.com")])).unwrap();
    assert_eq!(attributes_of(&unkeyed)["user.id"], "[REDACTED:EMAIL]");
}

#[test]
fn secrets_go_whole_by_the_name_of_their_attribute_whatever_they_are() {
    let list = json!({"key": "db.password", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 7}]}}});
    let headers = json!({"key": "http.request.headers", "value": {"kvlistValue": {"values": [
        attribute("Authorization", "Digest of nothing"), attribute("accept", "text/html")]}}});
    let flag = json!({"key": "require_password", "value": {"boolValue": true}});
    let written = [
        list,
        headers,
        flag,
        attribute("OPENAI_API_KEY", "short"),
        number("user.pwd", 1234),
        number("gen_ai.usage.input_tokens", 12),
    ];
    let expected = json!({
        "db.password": "[REDACTED:SECRET]",
        "http.request.headers": {"Authorization": "[REDACTED:SECRET]", "accept": "text/html"},
        "require_password": true,
        "OPENAI_API_KEY": "[REDACTED:SECRET]",
        "user.pwd": "[REDACTED:SECRET]",
        "gen_ai.usage.input_tokens": 12,
    });
    assert_eq!(attributes(&Rules::builtin(), &written), expected);
}

#[test]
fn the_first_rule_that_fits_decides_what_happens_to_a_finding() {
    let rules = parse(
        r#"
        [[rule]]
        find = ["EMAIL"]
        attributes = ["support.*"]
        action = "keep"

        [[rule]]
        find = ["EMAIL"]
        action = "pseudonym"

        [[rule]]
        find = ["CREDIT_CARD"]
        action = "last-four"
        "#,
    );
    let card: i64 = format!("4111111{}", 111_111_111).parse().unwrap();
    let written = [
        attribute("support.inbox", "a@b.io 203.0.113.9"),
        attribute("other", "a@b.io"),
        number("card", card),
    ];
    let found = attributes(&rules, &written);
    assert_eq!(found["support.inbox"], "a@b.io [REDACTED:IP_ADDRESS]");
    assert!(found["other"].as_str().unwrap().starts_with("[REDACTED:EMAIL:"));
    assert_eq!(found["card"], "[REDACTED:CREDIT_CARD:*1111]");
}

#[test]
fn what_stays_hides_nothing_that_it_overlaps() {
    let rules = parse("[[rule]]\nfind = ['EMAIL']\naction = 'keep'");
    let text = "password: ada@example.com9!";
    assert!(!rules.redact(text).text.contains("ada@"), "{}", rules.redact(text).text);
}

#[test]
fn roles_and_kinds_say_whose_words_and_which_steps_are_meant() {
    let rules = parse(
        r#"
        [[rule]]
        find = ["EMAIL"]
        fields = ["input"]
        roles = ["user"]
        kinds = ["llm"]
        action = "keep"
        "#,
    );
    let messages =
        json!([{"role": "user", "content": "a@b.io"}, {"role": "tool", "content": "c@d.io"}]).to_string();
    let written = |kind| {
        [
            attribute("gen_ai.operation.name", kind),
            attribute("gen_ai.input.messages", &messages),
            attribute("llm.input_messages.0.message.role", "user"),
            attribute("llm.input_messages.0.message.content", "e@f.io"),
            attribute("output.value", "g@h.io"),
        ]
    };
    let told = attributes(&rules, &written("chat"));
    assert_eq!(told["gen_ai.input.messages"], messages.replace("c@d.io", "[REDACTED:EMAIL]"));
    assert_eq!(told["llm.input_messages.0.message.content"], "e@f.io");
    assert_eq!(told["output.value"], "[REDACTED:EMAIL]");
    let told = attributes(&rules, &written("execute_tool"));
    assert!(!told.to_string().contains("@b.io"));
}

#[test]
fn attributes_are_dropped_and_say_so() {
    let rules = parse("[[rule]]\nattributes = ['acme.*']\naction = 'drop'");
    let told = attributes(&rules, &[attribute("acme.notes", "x"), attribute("kept", "y")]);
    assert_eq!(told, json!({"treering.dropped": "[REDACTED:DROPPED]", "kept": "y"}));
    let again = rules.redact_export(request(&[attribute("acme.notes", "x")])).unwrap();
    let bytes = again.as_bytes().to_vec();
    let export = Export::from_protobuf(Signal::Traces, bytes.clone()).unwrap();
    assert_eq!(rules.redact_export(export).unwrap().as_bytes(), bytes);
}

#[test]
fn an_allow_list_keeps_what_it_names_and_nothing_else() {
    let rules = parse("[only]\nattributes = ['gen_ai.*', 'treering.*', 'text']");
    let told = attributes(
        &rules,
        &[attribute("gen_ai.system", "x"), attribute("acme.notes", "y"), number("count", 1)],
    );
    assert_eq!(told, json!({"gen_ai.system": "x", "treering.dropped": "[REDACTED:DROPPED]"}));
}

#[test]
fn a_payload_is_withheld_and_the_step_keeps_its_shape() {
    let rules = parse("[[rule]]\nkinds = ['tool']\naction = 'withhold'");
    let written = [
        attribute("gen_ai.operation.name", "execute_tool"),
        attribute("gen_ai.tool.name", "search"),
        attribute("gen_ai.tool.call.arguments", "{\"q\": 1}"),
        number("gen_ai.usage.input_tokens", 12),
    ];
    let redacted = rules.redact_export(request(&written)).unwrap();
    let expected = json!({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": "[REDACTED:WITHHELD]",
        "gen_ai.usage.input_tokens": 12,
    });
    assert_eq!(attributes_of(&redacted), expected);
    assert!(!String::from_utf8_lossy(redacted.as_bytes()).contains("hi "));
}

#[test]
fn a_whole_value_is_named_counted_or_shown_in_part_as_a_rule_says() {
    let rules = parse(
        r#"
        [[rule]]
        name = "CUSTOMER"
        attributes = ["customer.number"]
        action = "pseudonym"

        [[rule]]
        name = "CONTRACT"
        attributes = ["contract"]
        action = "last-four"

        [[rule]]
        attributes = ["app.password_hint_page"]
        action = "keep"
        "#,
    );
    let told = attributes(
        &rules,
        &[
            number("customer.number", 77),
            attribute("contract", "AB-1234567"),
            attribute("app.password_hint_page", "/hint"),
        ],
    );
    assert!(told["customer.number"].as_str().unwrap().starts_with("[REDACTED:CUSTOMER:"), "{told}");
    assert_eq!(told["contract"], "[REDACTED:CONTRACT:*4567]");
    assert_eq!(told["app.password_hint_page"], "/hint");
}

#[test]
fn a_project_shows_no_more_than_the_collector_lets_it() {
    let shows = parse(
        "[[rule]]\nfind = ['EMAIL']\naction = 'keep'\n[[rule]]\nattributes = ['password']\naction = 'keep'",
    );
    let strict = attributes(
        &Rules::builtin().joined(&shows),
        &[attribute("x", "a@b.io"), attribute("password", "abcdefgh")],
    );
    assert_eq!(strict, json!({"x": "[REDACTED:EMAIL]", "password": "[REDACTED:SECRET]"}));
    let lets = parse("[projects]\nmay_show = ['EMAIL']");
    assert_eq!(attributes(&lets.joined(&shows), &[attribute("x", "a@b.io")])["x"], "a@b.io");
    let names = parse("[[rule]]\nfind = ['EMAIL']\naction = 'pseudonym'");
    let named = attributes(&Rules::builtin().joined(&names), &[attribute("x", "a@b.io")]);
    assert!(named["x"].as_str().unwrap().starts_with("[REDACTED:EMAIL:"), "{named}");
    let marks = parse("[[rule]]\nfind = ['*']\naction = 'mark'");
    assert_eq!(attributes(&shows.joined(&marks), &[attribute("x", "a@b.io")])["x"], "[REDACTED:EMAIL]");
}

#[test]
fn a_budget_that_is_spent_withholds_what_was_not_looked_at() {
    let export = request(&[
        attribute("first", "a@b.io"),
        attribute("second", "c@d.io"),
        attribute("password", "abcdefgh"),
    ]);
    let all = export.as_bytes().len();
    for bytes in 0..300 {
        let export = Export::from_protobuf(Signal::Traces, export.as_bytes().to_vec()).unwrap();
        let edits = edits(&Rules::builtin(), &export, None, &Budget::only(bytes));
        let kept = export.with_edits(&edits).unwrap();
        let text = String::from_utf8_lossy(kept.as_bytes()).into_owned();
        assert_eq!(kept.records_count(), 1);
        assert!(!text.contains('@') && !text.contains("abcdefgh"), "{bytes} of {all}: {text}");
        assert!(text.contains("WITHHELD") || text.contains("[REDACTED:SECRET]"), "{bytes}: {text}");
    }
}

#[test]
fn a_rule_that_is_not_understood_is_refused_with_its_line() {
    let wrong = [
        (
            "[[rule]]\naction = 'mask'\nattributes = ['x']",
            "line 2: `mask` is no action; there are `keep`, `last-four`",
        ),
        ("[[rule]]\n\nfind = ['EMIAL']\naction = 'mark'", "line 3: `EMIAL` is no type of finding"),
        ("[[rule]]\nkinds = ['tools']\naction = 'withhold'", "line 2: `tools` is no kind of step"),
        ("[[rule]]\nfields = ['inptu']\naction = 'mark'", "line 2: `inptu` is no field"),
        ("[[rule]]\nfind = ['EMAIL']\naction = 'drop'", "line 1: attributes are dropped"),
        ("[[rule]]\naction = 'mark'", "line 1: say what is found"),
        ("[[rule]]\nattributes = ['x']\naction = 'withhold'", "line 1: a payload is withheld whole"),
        ("[[rule]]\nattributes = ['[x']\naction = 'mark'", "line 2: `[x` is no name of an attribute"),
        (
            "[[rule]]\nname = 'x y'\nattributes = ['x']\naction = 'mark'",
            "line 2: `x y` is no name for a rule",
        ),
        (
            "[[rule]]\nfind = ['EMAIL']\nname = 'X1'\naction = 'mark'",
            "line 1: only a rule for whole values has a name",
        ),
        ("[projects]\nmay_show = ['X']", "line 2: `X` is no type of finding"),
    ];
    for (toml, expected) in wrong {
        let told = error(toml);
        assert!(told.starts_with(expected), "{toml}: {told}");
    }
}

#[test]
fn a_panic_withholds_what_it_was_about() {
    let panics = |_: &[&[u8]]| -> [u8; 16] { panic!("this one is meant to be") };
    let redact =
        |written: &[Value]| Rules::builtin().redact_export_with(request(written), Some(&panics)).unwrap();
    let told = attributes_of(&redact(&[attribute("user.id", "a@b.io"), attribute("other", "c@d.io 1")]));
    assert_eq!(told, json!({"user.id": "[REDACTED:WITHHELD]", "other": "[REDACTED:EMAIL] 1"}));
    let whole = redact(&[attribute("user.full_name", "Ada"), attribute("other", "c@d.io 1")]);
    assert_eq!((whole.records()[0].span().unwrap().name, whole.records_count()), ("[REDACTED:WITHHELD]", 1));
    let text = String::from_utf8_lossy(whole.as_bytes()).into_owned();
    assert!(!text.contains("Ada") && !text.contains("example"), "{text}");
}

#[test]
fn what_is_split_over_chunks_and_parts_goes_from_each_of_them() {
    let chunk = |text: &str| {
        let delta = json!({"choices": [{"delta": {"role": null, "content": text}}]}).to_string();
        json!({"name": "mlflow.chunk.item", "attributes": [attribute("mlflow.chunk.value", &delta)]})
    };
    let parts = json!([
        {"role": "user", "parts": [{"type": "text", "content": "write to ada@exam"}, {"type": "text", "content": "ple.com, ok"}]},
        {"role": "user", "parts": [{"type": "text", "content": "thanks, Bob"}]},
        {"role": "tool", "parts": [{"type": "text", "content": "eve@example.com"}]},
    ]);
    let span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat",
        "attributes": [attribute("gen_ai.input.messages", &parts.to_string())],
        "events": [chunk("card 55"), chunk("55-5555-5555"), chunk("-4444; that"), chunk(" is all")]});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let export = Export::from_json(Signal::Traces, request.to_string().as_bytes()).unwrap();
    let redacted = Rules::builtin().redact_export(export).unwrap();
    let text = String::from_utf8_lossy(redacted.as_bytes()).into_owned();
    assert!(!text.contains("55") && text.contains("; that") && text.contains(" is all"), "{text}");
    assert!(
        !text.contains("exam") && !text.contains("ple.com") && text.contains("write to [REDACTED:EMAIL]"),
        "{text}"
    );
    assert!(text.contains("thanks, Bob"), "{text}");
    let again = Export::from_protobuf(Signal::Traces, redacted.as_bytes().to_vec()).unwrap();
    assert_eq!(Rules::builtin().redact_export(again).unwrap().as_bytes(), redacted.as_bytes());
}
