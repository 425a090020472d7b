//! Spans as agents send them, with texts that are the same at each run.

use std::fmt;

use serde_json::{Value, json};

/// How a dialect writes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// All of them as JSON in one attribute, as the conventions of GenAI have it.
    Json,
    /// An attribute for each role and each text, as OpenInference has it.
    Flat,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON in one attribute",
            Self::Flat => "an attribute a message",
        })
    }
}

/// Words out of 20,000, the common ones more often, as in texts.
pub(crate) struct Words {
    state: u64,
}

impl Words {
    const COUNT: f64 = 20_000.0;

    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// A text of at least so many bytes.
    pub(crate) fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            let even = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is below 20,000")]
            let rank = Self::COUNT.powf(even) as u64;
            text.push_str(&word(rank));
            text.push(' ');
        }
        text
    }
}

fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The word of a rank: common ones are short.
fn word(rank: u64) -> String {
    const SYLLABLES: [&str; 32] = [
        "an", "ber", "con", "de", "er", "fi", "gen", "ha", "in", "ja", "ker", "lo", "men", "na", "on", "per",
        "qua", "re", "sta", "ti", "un", "ver", "wa", "xe", "yo", "zu", "th", "sh", "pra", "gli", "ous",
        "ing",
    ];
    let mut bits = mixed(rank + 1);
    let count = 1 + (rank + 2).ilog2() / 4;
    let mut word = String::new();
    for _ in 0..count {
        word.push_str(SYLLABLES[usize::try_from(bits % 32).unwrap_or(0)]);
        bits /= 32;
    }
    word
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: usize) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// A request of one span: a call of a model with everything that was said before.
pub(crate) fn call(form: Form, turn: usize, history: &[String], words: &mut Words) -> Value {
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o-mini"),
        text("gen_ai.conversation.id", "conv-agent"),
    ];
    match form {
        Form::Json => attributes.push(text("gen_ai.input.messages", &messages(history))),
        Form::Flat => {
            for (at, said) in history.iter().enumerate() {
                attributes.push(text(&format!("llm.input_messages.{at}.message.role"), role(at)));
                attributes.push(text(&format!("llm.input_messages.{at}.message.content"), said));
            }
        }
    }
    attributes.push(text("gen_ai.response.id", &format!("chatcmpl-{:016x}", words.next())));
    attributes.push(number("gen_ai.usage.input_tokens", history.len() * 250));
    attributes.push(number("gen_ai.usage.output_tokens", 50 + turn % 40));
    request(&[span(u128::from(u64::MAX), turn, "chat gpt-4o-mini", &attributes)])
}

fn messages(history: &[String]) -> String {
    let message = |(at, said): (usize, &String)| {
        json!({"role": role(at), "parts": [{"type": "text", "content": said}]}).to_string()
    };
    format!("[{}]", history.iter().enumerate().map(message).collect::<Vec<_>>().join(","))
}

fn role(at: usize) -> &'static str {
    if at.is_multiple_of(2) { "user" } else { "assistant" }
}

/// A span of some 1,500 bytes that shares nothing with others but the names of its attributes.
pub(crate) fn independent(at: usize, words: &mut Words) -> Value {
    const MODELS: [&str; 3] = ["gpt-4o-2024-08-06", "claude-sonnet-4-20250514", "gemini-2.5-flash"];
    let (model, trace) = (MODELS[at % 3], mixed((at / 10) as u64));
    let attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.agent.name", "research-planner"),
        text("gen_ai.conversation.id", &format!("conv_{trace:016x}")),
        text("gen_ai.request.model", model),
        text("gen_ai.response.model", model),
        text("gen_ai.response.id", &format!("chatcmpl-{:016x}", words.next())),
        number("gen_ai.usage.input_tokens", 200 + at % 3_000),
        number("gen_ai.usage.output_tokens", 20 + at % 500),
        text("gen_ai.input.messages", &messages(&[words.text(560)])),
        text("gen_ai.output.messages", &messages(&[words.text(260)])),
        text("server.address", "api.openai.com"),
    ];
    span(u128::from(trace) << 64 | u128::from(trace), at, &format!("chat {model}"), &attributes)
}

fn span(trace: u128, at: usize, name: &str, attributes: &[Value]) -> Value {
    let start = 1_795_383_755_823_222_676 + at as u64 * 1_000_003;
    json!({
        "traceId": format!("{trace:032x}"),
        "spanId": format!("{:016x}", mixed(at as u64 + 1)),
        "parentSpanId": format!("{:016x}", mixed(at as u64)),
        "name": name, "kind": 3,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_500_000_007).to_string(),
        "attributes": attributes, "flags": 257,
    })
}

/// A request of these spans.
pub(crate) fn request(spans: &[Value]) -> Value {
    let resource = json!({"attributes": [text("service.name", "agent")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "agent"}, "spans": spans}]}]})
}
