//! Requests that public instrumentations really sent, read and held against what a person read in their bytes.
//!
//! `TREERING_CORPUS` names a folder with `corpus.tar.gz`, or what it holds. The comparison is field by field;
//! kinds agree by [`SAME`], texts by the letters and digits of their beginning.

#![expect(clippy::unwrap_used, reason = "where a recording is not as it should be, the test has failed")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use treering_otlp::{Export, Signal};
use treering_read::{Prices, execution, log_summary, merge, span_summary, step, tree};
use treering_redact::Record;
use treering_step::{ExecutionTokens, Summary};

/// Kinds of the expectation, which are finer than ours, and what each may be read as.
const SAME: &[(&str, &[&str])] = &[
    ("workflow", &["workflow", "agent"]),
    ("chain", &["workflow", "span", "agent"]),
    ("task", &["workflow", "span", "tool", "plan", "agent", "retrieval"]),
    ("step", &["span", "workflow", "plan"]),
    ("agent_create", &["agent", "span"]),
    ("handoff", &["span", "agent", "tool"]),
    ("messaging", &["span", "workflow", "agent"]),
    ("http", &["span"]),
    ("db", &["span", "retrieval"]),
    ("span", &["span", "workflow", "agent", "tool", "retrieval"]),
    ("llm_raw", &["llm", "span"]),
    ("embedding_wrapper", &["embedding", "span"]),
];

/// Sources that tell one call twice, in two traces: no execution can know of the other.
const ACROSS_TRACES: &[&str] = &["rust_rig", "tl_anthropic"];

/// How much of the text of an expectation has to be found.
const BEGINNING: usize = 60;

#[test]
fn every_recorded_source_reads_as_a_person_read_it() {
    let Some(folder) = std::env::var_os("TREERING_CORPUS") else {
        println!("corpus: left out, TREERING_CORPUS is not set");
        return;
    };
    let unpacked = Unpacked::of(Path::new(&folder));
    let mut wrong = Vec::new();
    let mut total = 0;
    for source in sources(&unpacked.top) {
        let mut tally = Tally::default();
        check(&source, &mut tally);
        let name = source.file_name().expect("a source is a folder").to_string_lossy().into_owned();
        println!("{name:32} {}/{}", tally.total - tally.wrong.len(), tally.total);
        total += tally.total;
        wrong.extend(tally.wrong.into_iter().map(|what| format!("{name}: {what}")));
    }
    println!("fields {}/{total}", total - wrong.len());
    assert!(total > 0, "no source below {}", unpacked.top.display());
    assert!(wrong.is_empty(), "{} of {total} fields:\n{}", wrong.len(), wrong.join("\n"));
}

/// The corpus as a folder; an archive is unpacked for the time of the test.
struct Unpacked {
    top: PathBuf,
    temporary: Option<PathBuf>,
}

impl Unpacked {
    fn of(folder: &Path) -> Self {
        let archive = folder.join("corpus.tar.gz");
        if !archive.exists() {
            let inner = folder.join("corpus");
            let top = if inner.is_dir() { inner } else { folder.to_owned() };
            return Self { top, temporary: None };
        }
        let temporary = std::env::temp_dir().join(format!("treering-read-corpus-{}", std::process::id()));
        let packed = fs::File::open(&archive).expect("the archive can be read");
        tar::Archive::new(flate2::read::GzDecoder::new(packed))
            .unpack(&temporary)
            .expect("the archive is whole");
        Self { top: temporary.join("corpus"), temporary: Some(temporary) }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // A folder that stays behind in the system's temporary place fails no test.
            let _ = fs::remove_dir_all(temporary);
        }
    }
}

fn sources(top: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(top).expect("TREERING_CORPUS names a folder");
    let mut sources: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    sources.retain(|path| path.join("expected.json").exists());
    sources.sort();
    sources
}

fn read_json(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[derive(Default)]
struct Tally {
    total: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn tell(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        self.total += 1;
        if !is_right {
            self.wrong.push(what());
        }
    }
}

/// The records of one span.
#[derive(Default)]
struct Told {
    span: Option<Record>,
    logs: Vec<Record>,
}

/// Every request of a source in the order of its arrival, as records by trace and span.
fn told(source: &Path) -> BTreeMap<String, HashMap<String, Told>> {
    let mut files: Vec<_> = fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".meta.json"));
    files.sort();
    let mut traces: BTreeMap<String, HashMap<String, Told>> = BTreeMap::new();
    for meta in files {
        let name = read_json(&meta)["file"].as_str().unwrap().to_owned();
        let signal = match name.split('.').nth(1) {
            Some("traces") => Signal::Traces,
            Some("logs") => Signal::Logs,
            _ => continue,
        };
        let bytes = fs::read(source.join(&name)).unwrap();
        let is_json = name.ends_with("json");
        let export =
            if is_json { Export::from_json(signal, &bytes) } else { Export::from_protobuf(signal, bytes) };
        let export = export.unwrap_or_else(|error| panic!("{name}: {error}"));
        for record in support::records(signal, &export) {
            let Some((trace, span)) = ids(&record) else { continue };
            let told = traces.entry(trace).or_default().entry(span).or_default();
            match signal {
                Signal::Logs => told.logs.push(record),
                _ => told.span = Some(record),
            }
        }
    }
    traces
}

fn ids(record: &Record) -> Option<(String, String)> {
    let (trace, span) = match record.span() {
        Some(span) => (span.trace_id?, span.span_id?),
        None => record.log().and_then(|log| Some((log.trace_id?, log.span_id?)))?,
    };
    Some((trace.to_string(), span.to_string()))
}

/// Whole steps by id, made of the summaries, the tree and the records as a page makes them, and the tokens of
/// their executions.
fn steps(source: &Path) -> (HashMap<String, Json>, ExecutionTokens) {
    let mut steps = HashMap::new();
    let mut sum = ExecutionTokens::default();
    for (trace, spans) in told(source) {
        let prices = Prices::default();
        let summaries = merge(spans.values().flat_map(summaries).collect(), &prices);
        for placed in tree(&summaries) {
            let summary = &summaries[placed.index];
            let Some(told) = spans.get(&summary.span_id.to_string()) else { continue };
            let mut step =
                step(told.span.as_ref(), &told.logs, &prices).expect("a record has a summary and a step");
            assert_eq!(Some(step.kind), summary.kind.or(Some(step.kind)), "the step agrees with its summary");
            step.depth = placed.depth;
            steps.insert(summary.span_id.to_string(), serde_json::to_value(step).unwrap());
        }
        let execution = execution(trace.parse().unwrap(), &summaries);
        sum.input += execution.tokens.input;
        sum.output += execution.tokens.output;
    }
    (steps, sum)
}

fn summaries(told: &Told) -> Vec<Summary> {
    let of_logs = told.logs.iter().enumerate().filter_map(|(at, log)| {
        let mut identity = [0; 16];
        identity[8..].copy_from_slice(&(at as u64).to_be_bytes());
        log_summary(log, identity)
    });
    told.span.iter().filter_map(span_summary).chain(of_logs).collect()
}

fn check(source: &Path, tally: &mut Tally) {
    let expected = read_json(&source.join("expected.json"));
    let (got, sum) = steps(source);
    check_sum(source, &expected, sum, tally);
    for span in expected["tree"].as_array().unwrap() {
        check_place(span, &got, tally);
    }
    for step in expected["steps"].as_array().unwrap() {
        let id = step["span_id"].as_str().unwrap();
        let kind = step["kind"].as_str().unwrap();
        if let Some(got) = got.get(id).filter(|_| !matches!(kind, "llm_raw" | "embedding_wrapper")) {
            check_step(step, got, tally);
        }
    }
}

/// The tokens of all executions are those of the calls, each counted once, and of the embeddings.
fn check_sum(source: &Path, expected: &Json, sum: ExecutionTokens, tally: &mut Tally) {
    if ACROSS_TRACES.iter().any(|name| source.ends_with(name)) {
        return;
    }
    let steps = expected["steps"].as_array().unwrap().iter();
    let embeddings = steps.filter(|step| step["kind"] == "embedding");
    let embedded: u64 = embeddings.filter_map(|step| step["tokens"]["input"]["value"].as_u64()).sum();
    let calls = &expected["llm_token_sum_without_duplicates"];
    let right = [calls["input"].as_u64().unwrap() + embedded, calls["output"].as_u64().unwrap()];
    tally.tell([sum.input, sum.output] == right, || {
        format!("sums {} {}, not {right:?}", sum.input, sum.output)
    });
}

fn label(expected: &Json) -> String {
    let name: String = expected["name"].as_str().unwrap_or_default().chars().take(40).collect();
    format!("{name} {}", expected["span_id"].as_str().unwrap_or_default())
}

fn check_place(expected: &Json, got: &HashMap<String, Json>, tally: &mut Tally) {
    let kind = expected["kind"].as_str().unwrap();
    if kind == "pending" {
        return;
    }
    let step = got.get(expected["span_id"].as_str().unwrap());
    tally.tell(step.is_some(), || format!("{} missing", label(expected)));
    let Some(step) = step else { return };
    let parent_agrees = step.get("parent_span_id").unwrap_or(&Json::Null) == &expected["parent"];
    let is_here = expected["parent_in_capture"].as_bool().unwrap_or_default();
    tally
        .tell(parent_agrees || !is_here, || format!("{} parent {}", label(expected), step["parent_span_id"]));
    tally.tell(step["name"] == expected["name"], || format!("{} name {}", label(expected), step["name"]));
    let read = step["kind"].as_str().unwrap();
    let same = SAME.iter().find(|(name, _)| *name == kind);
    let agrees = same.map_or(kind == read, |(_, same)| same.contains(&read));
    tally.tell(agrees, || format!("{} kind {read}, not {kind}", label(expected)));
    if expected["status"] == 2 {
        tally.tell(step["status"] == "error", || format!("{} status {}", label(expected), step["status"]));
    }
}

fn check_step(expected: &Json, step: &Json, tally: &mut Tally) {
    let says = |fields: &[&str]| -> Json { fields.iter().map(|field| step[*field].clone()).collect() };
    if let Some(model) = expected["model"]["value"].as_str() {
        let read = step["model"].as_str().unwrap_or_default();
        tally.tell(read.ends_with(model), || format!("{} model {read}, not {model}", label(expected)));
    }
    check_tokens(expected, step, tally);
    let input = &expected["input"];
    let asked = [&input["last_user_text"], &input["text"]].into_iter().find_map(|text| filled(text.as_str()));
    check_text("input", asked, expected, &says(&["input", "tool"]), tally);
    let answered = filled(expected["output"]["text"].as_str());
    check_text("output", answered, expected, &says(&["output", "tool"]), tally);
    let thought = expected["reasoning"].as_str().or_else(|| expected["reasoning"]["text"].as_str());
    check_text("reasoning", filled(thought), expected, &says(&["reasoning", "output"]), tally);
    for call in expected["tool_calls"].as_array().into_iter().flatten() {
        let name = call["name"].as_str().unwrap_or_default();
        let found = has(&step["output"], name) || has(&step["tool"], name);
        tally.tell(found, || format!("{} lacks the call of {name}", label(expected)));
    }
    if !expected["error"].is_null() {
        let is_error = !step["error"].is_null() || step["status"] == "error";
        tally.tell(is_error, || format!("{} error not read", label(expected)));
    }
    for (field, read) in [("session", "session_id"), ("user", "user_id")] {
        let value = expected[field].as_str().or_else(|| expected[field]["value"].as_str());
        check_text(field, filled(value), expected, &step[read], tally);
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn check_tokens(expected: &Json, step: &Json, tally: &mut Tally) {
    for class in ["input", "output", "cache_read", "reasoning"] {
        let count = &expected["tokens"][class]["value"];
        if count.is_null() || expected["kind"] != "llm" {
            continue;
        }
        let read = step["tokens"].get(class).cloned();
        let read = read.unwrap_or(if count == &json!(0) { json!(0) } else { Json::Null });
        tally.tell(&read == count, || format!("{} tokens.{class} {read}, not {count}", label(expected)));
    }
}

fn check_text(what: &str, text: Option<&str>, expected: &Json, read: &Json, tally: &mut Tally) {
    let Some(text) = text else { return };
    let beginning: String = text.chars().take(BEGINNING).collect();
    tally.tell(has(read, text), || format!("{} {what} lacks {beginning:?}", label(expected)));
}

/// Is the beginning of the text to be found in what was read?
///
/// Two expectations (`support_agent` of langfuse, `support_agent.workflow` of tl_sdk) quote the JSON of their
/// attribute with its escapes, `Zo\\u00eb` for `Zoë`; a reader that decodes it is right, so they are decoded too.
fn has(read: &Json, text: &str) -> bool {
    let beginning = |text: &str| squashed(text).chars().take(BEGINNING).collect::<String>();
    let found = |text: &str| {
        squashed(&dumped(read)).contains(&beginning(text))
            || squashed(&unescaped(read)).contains(&beginning(text))
    };
    found(text) || found(&without_unicode_escapes(text))
}

fn squashed(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || *letter == '_')
        .flat_map(char::to_lowercase)
        .collect()
}

fn dumped(read: &Json) -> String {
    read.as_str().map_or_else(|| read.to_string(), str::to_owned)
}

/// Three levels of JSON in texts undone, whatever they are.
fn unescaped(read: &Json) -> String {
    let mut text = read.to_string();
    for _ in 0..3 {
        text = text.replace("\\\\", "\\").replace("\\\"", "\"").replace("\\n", " ").replace("\\/", "/");
        text = without_unicode_escapes(&text);
    }
    text
}

fn without_unicode_escapes(text: &str) -> String {
    let mut pieces = text.split("\\u");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32) {
            Some(letter) => plain.extend([letter.to_string().as_str(), &piece[4..]]),
            None => plain.extend(["\\u", piece]),
        }
    }
    plain
}
