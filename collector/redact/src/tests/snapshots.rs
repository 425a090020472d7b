//! Whole redactions, as a person would read them.

use super::BUILTIN;

fn shown(text: &str) -> String {
    BUILTIN.redact(text).text
}

#[test]
fn prose() {
    insta::assert_snapshot!(shown(
        "Hi, I am Ada <ada.lovelace@example.com>, phone +1 (415) 555-0132, SSN 078-05-1120.\n\
         Charge 4111 1111 1111 1111, not 4111 1111 1111 1112; v1.2.3.4567; order 20240611-000123."
    ));
}

#[test]
fn messages_of_a_model() {
    let arguments = r#"{\"to\": \"ada@example.com\", \"card\": 4111111111111111, \"limit\": 12}"#;
    insta::assert_snapshot!(shown(&format!(
        r#"[{{"role": "user", "content": "mail me:\nada@example.com"}}, {{"role": "assistant", "tool_calls": [{{"id": "call_1", "function": {{"name": "pay", "arguments": "{arguments}"}}}}]}}]"#
    )));
}

#[test]
fn json_in_json_in_json() {
    let inner = serde_json::json!({ "card": 4_111_111_111_111_111_u64, "mail": "ada@example.com" });
    let middle = serde_json::json!({ "body": inner.to_string() });
    insta::assert_snapshot!(shown(&serde_json::json!({ "args": middle.to_string() }).to_string()));
}

#[test]
fn keys_and_what_stands_beside_them() {
    insta::assert_snapshot!(shown(
        r#"{"user": {"password": "correct horse", "api_key": "xXrwPLsCPUtuc5yFkGBL93rn", "ada@example.com": 1}, "max_tokens": 4096, "token_count": 12, "stream": true}"#
    ));
}

#[test]
fn json_that_was_cut_off() {
    insta::assert_snapshot!(shown(
        r#"{"messages": [{"content": "card 4111 1111 1111 1111 and ada\u0040example.com, then the pa"#
    ));
}

#[test]
fn a_stack_trace() {
    insta::assert_snapshot!(shown(
        "Traceback (most recent call last):\n  File \"/home/lovelace/agent/main.py\", line 12, in main\n\
         ConnectionError: postgres://svc:hunter2-Tr33ring@db.example.internal:5432/crm refused 203.0.113.77"
    ));
}

#[test]
fn a_command_line() {
    insta::assert_snapshot!(shown(
        r#"curl -H 'Authorization: Bearer df307HMXl9arUmHXlLi5' -u ada -d '{"password": "hunter2!", "model": "o4-mini-2025-04-16"}'"#
    ));
}

#[test]
fn an_environment() {
    insta::assert_snapshot!(shown(
        "DB_PASSWORD=\"Welcome7484!\"\nAPI_KEY=$API_KEY\nHOST=198.51.100.23\nPASSWORD_POLICY=strict\nMAX_TOKENS=4096\nDOB=1988-02-28"
    ));
}

#[test]
fn an_address_of_the_web() {
    insta::assert_snapshot!(shown(
        "GET https://api.example.io/v1/search?mail=ada%40example.com&access_token=tok_fake9f8e7d6c5b4a&page=2 -> 200"
    ));
}

#[test]
fn ids_times_and_numbers_stay() {
    insta::assert_snapshot!(shown(
        r#"{"trace_id": "75e8b1c62ce6b0b0fdaff7e887e9541a", "span_id": "8cdb6e99b653aea4", "start": 1763368826120696935, "ms": 1767224246250, "id": "0fd6b833-b726-f4d8-62f2-e3281ed41f89", "at": "2026-08-07T10:12:22.491320Z", "embedding": [0.0123, -0.4111111111111111, 13.396907], "call": "call_hV7gmR4NZD2FeJgymL1Haq2k"}"#
    ));
}

#[test]
fn a_picture() {
    let data = "iVBORw0KGgo/AAAANSUhEUg+".repeat(20);
    let text = serde_json::json!([{ "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{data}") } }, { "type": "text", "text": "from ada@example.com" }]);
    let redacted = shown(&text.to_string());
    assert!(redacted.contains(&data));
    insta::assert_snapshot!(redacted.replace(&data, "…"));
}

#[test]
fn marks_stay_as_they_are() {
    let text = "password: [REDACTED:PASSWORD], mail [REDACTED:EMAIL]";
    assert_eq!(shown(text), text);
    let groups = shown(&format!("cpf:{}", "4111 ".repeat(45)));
    assert_eq!(shown(&groups), groups);
}

#[test]
fn a_name_in_a_path_is_cut_at_whole_escapes() {
    for (json, clean) in [
        (r#"{"path":"C:\\Users\nina and Bob"}"#, r#"{"path":"C:\\Users\nina and Bob"}"#),
        (r#"{"path":"C:\\Users\\nina\\x"}"#, r#"{"path":"C:\\Users\\[REDACTED:USER_PATH]\\x"}"#),
        (r#"{"path":"C:\\Users\\\u00e9ric\\x"}"#, r#"{"path":"C:\\Users\\[REDACTED:USER_PATH]\\x"}"#),
        (
            r#"["{\"p\":\"C:\\\\Users\\\\\\u00e9ric\\\\x\"}"]"#,
            r#"["{\"p\":\"C:\\\\Users\\\\[REDACTED:USER_PATH]\\\\x\"}"]"#,
        ),
    ] {
        assert_eq!(shown(json), clean);
    }
}
