//! Requests as agents send them, for measuring: behind the feature `sample`, and in no server.
//!
//! A step is about 1.5 KB: an agent, its chats and its tools, ten to an execution, with messages in JSON. No two spans
//! have an id, a time or a text in common, so that nothing that remembers is faster than with real ones. A share of the
//! spans holds something that redaction takes away.

use crate::schema::{GROUP_RESOURCE, GROUP_SCOPES, GROUPS, SCOPED_RECORDS, SCOPED_SCOPE, Signal};
use crate::wire::{put_bytes, put_tag, put_varint};
use crate::{Assembly, Export};

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Spans in a request.
    pub spans: usize,
    /// Spans in an execution.
    pub steps: usize,
    /// Bytes of the messages that a model was sent in one step; all the rest of a span is some 950.
    pub prompt_bytes: usize,
    /// Of a hundred spans so many hold one address, number or key that is redacted.
    pub secrets: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self { spans: 100, steps: 10, prompt_bytes: 600, secrets: 20 }
    }
}

/// One request, encoded once. [`Sample::stamp`] makes another one of it, at the cost of its ids.
#[derive(Debug, Clone)]
pub struct Sample {
    shape: Shape,
    bytes: Vec<u8>,
    is_json: bool,
    /// Where a number of the span stands that is unlike that of any other.
    places: Vec<(usize, Stamp)>,
}

#[derive(Debug, Clone, Copy)]
enum Stamp {
    Trace(u64),
    Span(u64),
    /// Nanoseconds since the first span of all began.
    Time(u64),
    /// Sixteen hexadecimal digits within a text.
    Word(u64),
}

const AGENT: &str = "research-planner";
const MODELS: [&str; 3] = ["gpt-4o-2024-08-06", "claude-sonnet-4-20250514", "gemini-2.5-pro"];
/// Two spans of a sample begin so many nanoseconds apart.
const APART: u64 = 2_000_003;
/// 2026-01-01 UTC.
const FIRST: u64 = 1_767_225_600_000_000_000;

impl Sample {
    /// The one of this number. Those of other numbers have other texts.
    pub fn new(shape: Shape, number: u64) -> Self {
        let mut random = Random(mix(number));
        let (mut spans, mut places) = (Vec::new(), Vec::new());
        for place in 0..shape.spans as u64 {
            let mut span = Building { shape, place, bytes: Vec::new(), places: Vec::new() };
            span.build(&mut random);
            let from = header(&mut spans, SCOPED_RECORDS, span.bytes.len());
            spans.extend(span.bytes);
            places.extend(span.places.into_iter().map(|(at, stamp)| (from + at, stamp)));
        }
        let (mut group, mut bytes) = (Vec::new(), Vec::new());
        put_bytes(&mut group, GROUP_RESOURCE, &resource());
        let scope = scope();
        let spans_at = header(&mut group, GROUP_SCOPES, scope.len() + spans.len()) + scope.len();
        group.extend(scope);
        group.extend(spans);
        let group_at = header(&mut bytes, GROUPS, group.len());
        bytes.extend(group);
        places.iter_mut().for_each(|(at, _)| *at += spans_at + group_at);
        Self { shape, bytes, is_json: false, places }
    }

    /// The request as the one of this number: with ids, times and texts of its own.
    pub fn stamp(&mut self, number: u64) -> &[u8] {
        let first = number * self.shape.spans as u64;
        for (at, stamp) in &self.places {
            let written = stamp.written(self.shape, first, self.is_json);
            self.bytes[*at..at + written.len()].copy_from_slice(&written);
        }
        &self.bytes
    }

    /// The same in OTLP/JSON.
    pub fn into_json(mut self) -> Self {
        self.stamp(0);
        let bytes = self.json();
        let mut from = 0;
        // What is stamped stands in the order in which it stood in protobuf.
        let place = |(_, stamp): &(usize, Stamp)| {
            let written = stamp.written(self.shape, 0, true);
            let found = bytes[from..].windows(written.len()).position(|window| window == &*written);
            let at = from + found.expect("nothing was left out");
            from = at + written.len();
            (at, *stamp)
        };
        let places = self.places.iter().map(place).collect();
        Self { bytes, is_json: true, places, ..self }
    }

    /// The ids of the executions of the request of this number, each with how many of its spans it has.
    pub fn executions(&self, number: u64) -> impl Iterator<Item = ([u8; 16], usize)> {
        let (shape, first) = (self.shape, number * self.shape.spans as u64);
        let ids: Vec<_> = (first..first + shape.spans as u64).map(|span| trace_id(shape, span)).collect();
        let mut counted: Vec<([u8; 16], usize)> = Vec::new();
        for id in ids {
            match counted.last_mut().filter(|(last, _)| *last == id) {
                Some((_, count)) => *count += 1,
                None => counted.push((id, 1)),
            }
        }
        counted.into_iter()
    }

    fn json(&self) -> Vec<u8> {
        let export = Export::from_protobuf(Signal::Traces, self.bytes.clone()).expect("it is well-formed");
        let (records, mut assembly) = (export.records(), Assembly::new(Signal::Traces));
        records.iter().for_each(|(context, record)| assembly.add(context, record));
        serde_json::json!({ "resourceSpans": assembly.to_json() }).to_string().into_bytes()
    }
}

impl Stamp {
    /// As it stands in a request whose first span has this number.
    fn written(self, shape: Shape, first: u64, is_json: bool) -> Vec<u8> {
        let hexadecimal =
            |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        let id = |id: &[u8]| if is_json { hexadecimal(id) } else { id.to_vec() };
        match self {
            Self::Trace(place) => id(&trace_id(shape, first + place)),
            Self::Span(place) => id(&span_id(first + place)),
            Self::Time(after) if is_json => (FIRST + first * APART + after).to_string().into_bytes(),
            Self::Time(after) => (FIRST + first * APART + after).to_le_bytes().to_vec(),
            Self::Word(place) => format!("{:016x}", mix(!(first + place))).into_bytes(),
        }
    }
}

/// Begins a message of so many bytes within another; tells where they will stand.
fn header(out: &mut Vec<u8>, number: u32, length: usize) -> usize {
    put_tag(out, number, 2);
    put_varint(out, length as u64);
    out.len()
}

fn resource() -> Vec<u8> {
    let mut resource = Vec::new();
    for (key, value) in [
        ("service.name", "research-agent"),
        ("service.version", "1.4.2"),
        ("deployment.environment.name", "measure"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", "0.33.1"),
        ("host.name", "worker-17"),
    ] {
        put_bytes(&mut resource, 1, &attribute(key, 1, value.as_bytes()).0);
    }
    resource
}

fn scope() -> Vec<u8> {
    let (mut scope, mut out) = (Vec::new(), Vec::new());
    put_bytes(&mut scope, 1, b"research");
    put_bytes(&mut scope, 2, b"1.4.2");
    put_bytes(&mut out, SCOPED_SCOPE, &scope);
    out
}

/// A key and a value whose variant has this number and is no plain number, and where the value begins.
fn attribute(key: &str, variant: u32, value: &[u8]) -> (Vec<u8>, usize) {
    let (mut any, mut out) = (Vec::new(), Vec::new());
    let in_any = header(&mut any, variant, value.len());
    any.extend_from_slice(value);
    put_bytes(&mut out, 1, key.as_bytes());
    let at = header(&mut out, 2, any.len()) + in_any;
    out.extend(any);
    (out, at)
}

/// A span that is being built.
struct Building {
    shape: Shape,
    /// Among all of its sample.
    place: u64,
    bytes: Vec<u8>,
    places: Vec<(usize, Stamp)>,
}

impl Building {
    fn build(&mut self, random: &mut Random) {
        let steps = self.shape.steps.max(1) as u64;
        let step = self.place % steps;
        let is_tool = step % 3 == 2;
        let model = MODELS[(step % 3) as usize];
        self.stamped(1, &[0; 16], Stamp::Trace(self.place));
        self.stamped(2, &[0; 8], Stamp::Span(self.place));
        if step > 0 {
            self.stamped(4, &[0; 8], Stamp::Span(self.place - step + (step - 1) / 3));
        }
        let name = match (step, is_tool) {
            (0, _) => format!("invoke_agent {AGENT}"),
            (_, true) => "execute_tool web_search".to_owned(),
            (_, false) => format!("chat {model}"),
        };
        put_bytes(&mut self.bytes, 5, name.as_bytes());
        put_tag(&mut self.bytes, 6, 0);
        put_varint(&mut self.bytes, if is_tool || step == 0 { 1 } else { 3 });
        self.time(7, self.place * APART);
        self.time(8, self.place * APART + 1_500_000_007);
        self.attributes(step, name.split(' ').next().unwrap_or_default(), random);
        if is_tool {
            self.tool(random)
        } else {
            self.chat(model, random)
        }
        if step % 17 == 16 {
            let mut status = Vec::new();
            put_bytes(&mut status, 2, b"tool timed out");
            put_tag(&mut status, 3, 0);
            put_varint(&mut status, 2);
            put_bytes(&mut self.bytes, 15, &status);
        }
    }

    fn attributes(&mut self, step: u64, operation: &str, random: &mut Random) {
        let secret = (random.below(100) < self.shape.secrets).then(|| random.of(SECRETS));
        let mut prompt = String::from(r#"[{"role":"user","parts":[{"type":"text","content":""#);
        let word = prompt.len();
        prompt.push_str("0000000000000000 ");
        random.words(self.shape.prompt_bytes, secret, &mut prompt);
        prompt.push_str(r#""}]}]"#);
        self.text("gen_ai.operation.name", operation);
        self.text("gen_ai.provider.name", "openai");
        self.text("gen_ai.agent.name", AGENT);
        self.text("gen_ai.agent.id", "asst_5j66UpCpwteGg4YSxUnt7lPY");
        self.worded("gen_ai.conversation.id", "conv_0000000000000000", 5);
        self.worded("gen_ai.input.messages", &prompt, word);
        self.number("treering.step.index", step);
        self.text("server.address", "api.openai.com");
        self.number("server.port", 443);
    }

    fn chat(&mut self, model: &str, random: &mut Random) {
        let mut answer = String::from(r#"[{"role":"assistant","parts":[{"type":"text","content":""#);
        let word = answer.len();
        answer.push_str("0000000000000000 ");
        random.words(160, None, &mut answer);
        answer.push_str(r#""}]}]"#);
        self.text("gen_ai.request.model", model);
        self.text("gen_ai.response.model", model);
        self.worded("gen_ai.response.id", "chatcmpl-0000000000000000", 9);
        self.number("gen_ai.usage.input_tokens", 100 + random.below(4_000));
        self.number("gen_ai.usage.output_tokens", 10 + random.below(900));
        let (mut list, mut value) = (Vec::new(), Vec::new());
        put_bytes(&mut value, 1, b"stop");
        put_bytes(&mut list, 1, &value);
        self.attribute("gen_ai.response.finish_reasons", 5, &list);
        self.worded("gen_ai.output.messages", &answer, word);
    }

    fn tool(&mut self, random: &mut Random) {
        let (mut arguments, mut result) =
            (String::from(r#"{"query":""#), String::from(r#"{"ok":true,"text":""#));
        random.words(120, None, &mut arguments);
        random.words(160, None, &mut result);
        self.text("gen_ai.tool.name", "web_search");
        self.text("gen_ai.tool.type", "function");
        self.worded("gen_ai.tool.call.id", "call_0000000000000000", 5);
        self.text("gen_ai.tool.call.arguments", &(arguments + r#""}"#));
        self.text("gen_ai.tool.call.result", &(result + r#""}"#));
    }

    fn stamped(&mut self, number: u32, zeros: &[u8], stamp: Stamp) {
        let at = header(&mut self.bytes, number, zeros.len());
        self.bytes.extend_from_slice(zeros);
        self.places.push((at, stamp));
    }

    fn time(&mut self, number: u32, after: u64) {
        put_tag(&mut self.bytes, number, 1);
        self.places.push((self.bytes.len(), Stamp::Time(after)));
        self.bytes.extend_from_slice(&[0; 8]);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.attribute(key, 1, value.as_bytes());
    }

    /// A text that is unlike all others: from `word` on it has sixteen digits.
    fn worded(&mut self, key: &str, value: &str, word: usize) {
        let at = self.attribute(key, 1, value.as_bytes());
        self.places.push((at + word, Stamp::Word(self.place)));
    }

    fn attribute(&mut self, key: &str, variant: u32, value: &[u8]) -> usize {
        let (attribute, at) = attribute(key, variant, value);
        let from = header(&mut self.bytes, 9, attribute.len());
        self.bytes.extend(attribute);
        from + at
    }

    fn number(&mut self, key: &str, number: u64) {
        let (mut any, mut attribute) = (Vec::new(), Vec::new());
        put_tag(&mut any, 3, 0);
        put_varint(&mut any, number);
        put_bytes(&mut attribute, 1, key.as_bytes());
        put_bytes(&mut attribute, 2, &any);
        put_bytes(&mut self.bytes, 9, &attribute);
    }
}

/// Distinct numbers give distinct ids.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn span_id(span: u64) -> [u8; 8] {
    mix(span).max(1).to_be_bytes()
}

fn trace_id(shape: Shape, span: u64) -> [u8; 16] {
    let (requests, within) = (span / shape.spans as u64, span % shape.spans as u64);
    let execution = (requests << 20) | (within / shape.steps.max(1) as u64);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&mix(execution).max(1).to_be_bytes());
    id[8..].copy_from_slice(&mix(!execution).to_be_bytes());
    id
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % end
    }

    fn of(&mut self, words: &'static [&'static str]) -> &'static str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap_or_default()]
    }

    /// So many bytes of words, and somewhere in the first half the secret.
    fn words(&mut self, bytes: usize, secret: Option<&str>, out: &mut String) {
        let (from, mut secret) = (out.len(), secret);
        let at = usize::try_from(self.below(bytes as u64 / 2 + 1)).unwrap_or_default();
        while out.len() - from < bytes {
            let word = match secret.take_if(|_| out.len() - from >= at) {
                Some(secret) => secret,
                None => self.of(WORDS),
            };
            out.push_str(word);
            out.push(' ');
        }
    }
}

/// Put together where they are sent, so that scanners of repositories stay calm; none is anybody's.
const SECRETS: &[&str] = &[
    "jane.doe@example.com",
    "+1 415-555-0132",
    concat!("4111 1111 ", "1111 1111"),
    concat!("sk-proj-", "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcd"),
    concat!("AKIA", "IOSFODNN7EXAMPLE"),
    "192.168.10.24",
    concat!("123-45", "-6789"),
    concat!("Bearer ", "8f14e45fceea167a5a36dedd4bea2543aabbccdd"),
];

const WORDS: &[&str] = &[
    "the",
    "agent",
    "should",
    "compare",
    "last",
    "year's",
    "figures",
    "for",
    "a",
    "customer",
    "and",
    "then",
    "write",
    "an",
    "outline",
    "with",
    "sources",
    "because",
    "time",
    "is",
    "short",
    "find",
    "papers",
    "about",
    "shipping",
    "costs",
    "returns",
    "please",
    "say",
    "whether",
    "weather",
    "in",
    "Oslo",
    "changes",
    "demand",
    "however",
    "we",
    "need",
    "more",
    "context",
    "from",
    "earlier",
    "turns",
    "before",
    "calling",
    "another",
    "tool",
    "index",
    "table",
    "column",
    "query",
    "failed",
    "once",
    "again",
    "step",
    "result",
    "thought",
    "finally",
    "return",
    "structured",
    "output",
    "object",
    "list",
    "number",
    "0.42",
    "17",
    "1,204",
    "(see",
    "above)",
    "retrieval",
    "ranking",
    "summary",
    "draft",
    "Lisbon",
    "plan",
    "done.",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn spans(bytes: &[u8]) -> Vec<(Vec<u8>, u64, String)> {
        let export = Export::from_protobuf(Signal::Traces, bytes.to_vec()).unwrap();
        assert!(export.is_whole());
        let span = |(context, record): (std::sync::Arc<[u8]>, &[u8])| {
            let span = crate::Span::parse(&context, record);
            let ids =
                [&span.trace_id.unwrap().as_bytes()[..], &span.span_id.unwrap().as_bytes()[..]].concat();
            let prompt = span.attributes.get("gen_ai.input.messages").and_then(|value| value.as_text());
            (ids, span.started_at.unwrap().as_nanos(), prompt.unwrap().to_owned())
        };
        export.each_record().map(span).collect()
    }

    #[test]
    fn no_two_spans_have_an_id_or_a_prompt_in_common() {
        let mut sample = Sample::new(Shape::default(), 1);
        let (mut ids, mut prompts) = (HashSet::new(), HashSet::new());
        for number in 0..20 {
            for (id, _, prompt) in spans(sample.stamp(number)) {
                assert!(ids.insert(id) && prompts.insert(prompt));
            }
        }
        assert_eq!(ids.len(), 2_000);
    }

    #[test]
    fn a_span_is_about_as_large_as_those_of_agents() {
        let length = Sample::new(Shape::default(), 1).stamp(0).len() / 100;
        assert!((1_400..1_700).contains(&length), "{length}");
    }

    #[test]
    fn executions_are_told_as_the_spans_have_them() {
        let mut sample = Sample::new(Shape { spans: 25, ..Shape::default() }, 3);
        let told: Vec<_> = sample.executions(7).collect();
        assert_eq!(told.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [10, 10, 5]);
        let sent: HashSet<_> =
            spans(sample.stamp(7)).into_iter().map(|(ids, ..)| ids[..16].to_vec()).collect();
        assert_eq!(sent, told.iter().map(|(id, _)| id.to_vec()).collect());
    }

    #[test]
    fn the_same_is_said_in_json() {
        let mut sample = Sample::new(Shape::default(), 2);
        let mut json = sample.clone().into_json();
        for number in [4, 400_000] {
            let read = Export::from_json(Signal::Traces, json.stamp(number)).unwrap();
            assert!(spans(read.as_bytes()) == spans(sample.stamp(number)), "the request {number}");
        }
    }
}
