//! Texts of every strange kind, each in an execution of its own.

use serde_json::{Value, json};

use crate::support::{Server, client};

/// What a browser, a terminal, a spreadsheet or a template might take for more than text, and what an eye cannot tell or
/// a line cannot hold.
pub(crate) fn texts() -> Vec<String> {
    let wide = |letter: &str| letter.repeat(4_000);
    let mut texts: Vec<String> = [
        "<script>document.title = 'taken'</script>",
        "\"><img src=/nowhere onerror=\"document.title='taken'\">",
        "'><svg/onload=document.title='taken'>",
        "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
        "<a href=\"javascript:document.title='taken'\">here</a>",
        "javascript:document.title='taken'",
        "data:text/html,<script>document.title='taken'</script>",
        "<style>*{display:none}</style><link rel=stylesheet href=//evil.example/x.css>",
        "<base href=//evil.example/><form action=//evil.example><button>go</button></form>",
        "<meta http-equiv=refresh content=\"0;url=//evil.example\">",
        "</title></textarea></script></style><script>document.title='taken'</script>",
        "<!-- --!> <![CDATA[ <script>document.title='taken'</script> ]]>",
        "<math><mtext><table><mglyph><style><img src=x onerror=document.title='taken'>",
        "\u{ff1c}script\u{ff1e}document.title='taken'\u{ff1c}/script\u{ff1e}",
        "![steal](https://evil.example/?q=1) [link](javascript:void) <https://evil.example>",
        "{{ 7 * 7 }} {% include \"/etc/passwd\" %} ${7*7} #{7*7} <%= 7*7 %>",
        "=HYPERLINK(\"https://evil.example\") @SUM(1) +1 -1",
        "\u{1b}[2J\u{1b}]0;taken\u{7}\u{1b}[31mred\u{1b}[0m",
        "left \u{202e}thgir ot\u{202c} \u{2066}isolated\u{2069} \u{200f}",
        "in\u{200b}vis\u{200d}ible\u{feff}\u{2060}\u{ad}",
        "a\u{0}b\u{1}c\u{7f}d\u{85}e\r\nf\tg\u{2028}h",
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}",
        "../../etc/passwd?x=1#y&amp;&lt;script&gt;%3Cscript%3E",
        "'; DROP TABLE span; -- \" OR 1=1",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{fdfd} \u{12019}",
    ]
    .map(str::to_owned)
    .into();
    texts.extend([
        wide("W"),
        wide("\u{fdfd}"),
        wide("<b>"),
        wide("a "),
        format!("{}\u{200b}", wide("\u{a0}")),
    ]);
    texts
}

/// The id of the execution of this text.
pub(crate) fn trace(at: usize) -> String {
    format!("5bd01eb0a8bb4f62a2c3b7a1f0d9{at:04x}")
}

/// Sends one execution a text, with the text in every place.
pub(crate) async fn send(server: &Server) {
    let (key, client) = (server.key("ingest"), client());
    for (at, text) in texts().iter().enumerate() {
        let request = client.post(format!("http://{}/v1/traces", server.http)).header("x-api-key", &key);
        let body = request_with(&trace(at), text).to_string();
        let answer = request.header("content-type", "application/json").body(body).send().await;
        assert_eq!(answer.expect("it answers").status(), 200, "{text:?}");
    }
}

fn request_with(trace: &str, text: &str) -> Value {
    let messages = json!([{"role": text, "parts": [{"type": "text", "content": text}]}]).to_string();
    let attributes = |pairs: &[(&str, &str)]| -> Value {
        pairs.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
    };
    let span = json!({
        "traceId": trace, "spanId": &trace[12..28], "name": text,
        "startTimeUnixNano": "1795363500000000000", "endTimeUnixNano": "1795363501000000000",
        "attributes": attributes(&[
            (text, text), ("gen_ai.operation.name", "chat"), ("gen_ai.conversation.id", text), ("user.id", text),
            ("gen_ai.agent.name", text), ("gen_ai.request.model", text), ("gen_ai.input.messages", &messages),
            ("gen_ai.output.messages", &messages), ("gen_ai.tool.name", text),
        ]),
        "status": {"code": 2, "message": text},
        "events": [{"timeUnixNano": "1795363500500000000", "name": "exception", "attributes": attributes(&[
            ("exception.type", text), ("exception.message", text), ("exception.stacktrace", text),
        ])}],
    });
    let resource = json!({"attributes": attributes(&[("service.name", text)])});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": text}, "spans": [span]}]}]})
}
