//! What public instrumentations really sent, over the real binary, each request with its own headers.
//!
//! `TREERING_CORPUS` names a folder with `corpus.tar.gz`, or with what that holds. It is not a part of this
//! repository, so that nobody has to have it. Field by field the recordings are read in
//! `collector/read/tests/corpus.rs`.
#![expect(clippy::unwrap_used, reason = "where a recording is not as it should be, the test has failed")]

mod recorded;
mod send;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use recorded::{Corpus, Source};
use send::Sender;
use serde_json::Value;
use support::{Api, Server, any_file_has, treering};

#[tokio::test(flavor = "multi_thread")]
async fn every_source_is_accepted_and_its_tree_agrees() {
    let Some(corpus) = Corpus::of_environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    // The expectations hold the texts as they were sent.
    std::fs::write(&rules, "builtin = false\n").unwrap();
    let server = Server::start(&folder.path().join("data"), &["--rules", rules.to_str().unwrap()]);
    let api = Api::of(&server);
    send_all(&corpus, &server).await;
    let mut wrong = String::new();
    for source in corpus.sources() {
        for (trace, expected) in expected_trees(&source) {
            let path = format!("/executions/{trace}?limit=10000");
            let answer = api.wait_for(&path, |answer| has_all(answer, &expected)).await;
            differences(&source.name, &expected, &answer, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_values_are_on_no_disk_and_decoys_survive() {
    let Some(corpus) = Corpus::of_environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    send_all(&corpus, &server).await;
    let (planted, decoys) = (corpus.planted(), corpus.decoys());
    for source in corpus.sources() {
        let stored = stored(&api, &source).await;
        for decoy in decoys.iter().filter(|decoy| decoy.sources.contains(&source.name)) {
            assert!(stored.contains(&decoy.value), "{}: {} is gone", source.name, decoy.name);
        }
        let streamed = joined_chunks(&stored);
        for value in &planted {
            let escaped = serde_json::to_string(&value.value).unwrap();
            for written in [&*value.value, escaped.trim_matches('"')] {
                assert!(!stored.contains(written), "{}: {} in an answer", source.name, value.name);
                assert!(!streamed.contains(written), "{}: {} in pieces", source.name, value.name);
            }
        }
    }
    assert!(server.terminate().success());
    for value in &planted {
        let is_there = any_file_has(folder.path(), value.value.as_bytes());
        assert!(!is_there, "{} is below the data folder", value.name);
    }
}

/// Twice: what is taken in again changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_source_that_is_exported_and_imported_elsewhere_is_the_same() {
    let Some(corpus) = Corpus::of_environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [old, new, file] = ["old", "new", "export.jsonl"].map(|name| folder.path().join(name));
    let server = Server::start(&old, &[]);
    send_all(&corpus, &server).await;
    let before = all_stored(&Api::of(&server), &corpus).await;
    run(&["export", "--clear", "--output", file.to_str().unwrap()], &old);
    let records = |told: Value| told["records"].as_u64().unwrap();
    let first = records(run(&["import", "--json", file.to_str().unwrap()], &new));
    let moved = Server::start(&new, &[]);
    let api = Api::of(&moved);
    for _ in 0..2 {
        let after = all_stored(&api, &corpus).await;
        for ((source, before), (_, after)) in before.iter().zip(after) {
            assert_eq!(*before, after, "{source}");
        }
        assert_eq!(records(run(&["import", "--json", file.to_str().unwrap()], &new)), first);
    }
    let again = folder.path().join("again.jsonl");
    run(&["export", "--clear", "--output", again.to_str().unwrap()], &new);
    assert_eq!(
        records(run(&["import", "--json", again.to_str().unwrap()], &new)),
        first,
        "none is there twice"
    );
}

async fn all_stored(api: &Api<'_>, corpus: &Corpus) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for source in corpus.sources() {
        all.push((source.name.clone(), stored(api, &source).await));
    }
    all
}

/// What a command says that goes well.
fn run(words: &[&str], data: &Path) -> Value {
    let done = treering().args(words).arg("--data").arg(data).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap_or_default()
}

async fn send_all(corpus: &Corpus, server: &Server) {
    let sender = Sender::new(server).await;
    let mut refused = String::new();
    for source in corpus.sources() {
        for request in source.requests() {
            if let Err(why) = sender.send(&request).await {
                writeln!(refused, "{} {}: {why}", source.name, request.file).unwrap();
            }
        }
    }
    assert!(refused.is_empty(), "{refused}");
}

/// What the chunks of all streams say that stand in these answers, joined as who reads them would.
fn joined_chunks(stored: &str) -> String {
    let mut joined = String::new();
    for field in ["content", "reasoning_content"] {
        let mark = format!("\\\"{field}\\\": \\\"");
        for (at, _) in stored.match_indices(&mark) {
            let rest = &stored[at + mark.len()..];
            joined += &rest[..rest.find("\\\"").unwrap_or(0)];
        }
        joined.push('\n');
    }
    joined
}

/// What the API says of a whole source, as it is stored and as it is read.
async fn stored(api: &Api<'_>, source: &Source) -> String {
    let mut said = String::new();
    for (trace, expected) in expected_trees(source) {
        let path = format!("/executions/{trace}");
        let read = format!("{path}?content=1&limit=10000");
        said += &api.wait_for(&read, |answer| has_all(answer, &expected)).await.to_string();
        said += &api.get(&format!("{path}/otlp")).await.to_string();
    }
    said
}

/// A span that a person read in the recording.
struct Place {
    name: String,
    /// Where it is known and recorded too.
    parent: Option<String>,
}

/// The spans of a source by trace and id, without those that only announce another one.
fn expected_trees(source: &Source) -> BTreeMap<String, BTreeMap<String, Place>> {
    let mut trees: BTreeMap<String, BTreeMap<String, Place>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for span in source.expected()["tree"].as_array().unwrap() {
        if span["kind"] == "pending" {
            continue;
        }
        let parent = text(&span["parent"]).filter(|_| span["parent_in_capture"] == true);
        let place = Place { name: text(&span["name"]).unwrap(), parent };
        let tree = trees.entry(text(&span["trace_id"]).unwrap()).or_default();
        tree.insert(text(&span["span_id"]).unwrap(), place);
    }
    trees
}

fn steps(answer: &Value) -> BTreeMap<&str, &Value> {
    let steps = answer["steps"].as_array().into_iter().flatten();
    steps.map(|step| (step["span_id"].as_str().unwrap(), step)).collect()
}

fn has_all(answer: &Value, expected: &BTreeMap<String, Place>) -> bool {
    let there: BTreeSet<_> = steps(answer).into_keys().collect();
    expected.keys().all(|id| there.contains(id.as_str()))
}

fn differences(source: &str, expected: &BTreeMap<String, Place>, answer: &Value, wrong: &mut String) {
    let steps = steps(answer);
    for (id, place) in expected {
        let (name, parent) = (&steps[id.as_str()]["name"], &steps[id.as_str()]["parent_span_id"]);
        if *name != place.name {
            writeln!(wrong, "{source} {id}: {name}, not {:?}", place.name).unwrap();
        }
        if let Some(expected) = place.parent.as_deref().filter(|expected| parent != expected) {
            writeln!(wrong, "{source} {id}: parent {parent}, not {expected}").unwrap();
        }
    }
}
