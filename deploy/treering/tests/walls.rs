//! The walls of the house: who may depend on whom, and what a room must never be able to touch. A promise made by
//! the absence of a dependency is checked over the whole graph, not only over what a crate names itself.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each room, and the rooms that it may build on.
const ROOMS: &[(&str, &[&str])] = &[
    ("treering-step", &[]),
    ("treering-layer", &["treering-step"]),
    ("treering-otlp", &["treering-step"]),
    ("treering-redact", &["treering-otlp", "treering-step"]),
    ("treering-read", &["treering-otlp", "treering-redact", "treering-step"]),
    ("treering-queue", &["treering-redact", "treering-seal"]),
    ("treering-seal", &[]),
    ("treering-store", &["treering-otlp", "treering-redact", "treering-seal", "treering-step"]),
    // Real servers for tests: of the house it knows nothing.
    ("treering-test-servers", &[]),
    // One of them is an engine of its own.
    ("treering-test-clickhouse", &[]),
    // It counts, and knows of nothing.
    ("treering-test-allocator", &[]),
    (
        "treering-collector",
        &[
            "treering-otlp",
            "treering-queue",
            "treering-read",
            "treering-redact",
            "treering-seal",
            "treering-step",
            "treering-store",
        ],
    ),
    (
        "treering-dashboard",
        &["treering-otlp", "treering-read", "treering-redact", "treering-step", "treering-store"],
    ),
];

/// Rooms that compute and do nothing else.
const PURE: &[&str] =
    &["treering-step", "treering-otlp", "treering-redact", "treering-read", "treering-seal"];

/// What must be out of reach, with the reason, and for whom.
const OUT_OF_REACH: &[(&str, &str, &[&str])] = &[
    ("tokio", "it is pure: no I/O, no clock of a runtime", PURE),
    ("rusqlite", "only the store and the journal know a database driver", PURE),
    ("rusqlite", "only the store and the journal know a database driver", &["treering-layer"]),
    ("axum", "it knows no HTTP", PURE),
    ("axum", "it knows no HTTP", &["treering-queue", "treering-store"]),
    ("tonic", "it knows no gRPC", PURE),
    ("tonic", "it knows no gRPC", &["treering-queue", "treering-store", "treering-dashboard"]),
    (
        "minijinja",
        "only the dashboard writes HTML",
        &["treering-layer", "treering-collector", "treering-store", "treering-read"],
    ),
    ("regex-automata", "an agent's author does not pay for redaction", &["treering-layer"]),
    ("opentelemetry_sdk", "behind the door nobody needs it", &["treering-collector", "treering-dashboard"]),
];

/// Whoever names these directly, and nobody else.
const ONLY: &[(&str, &[&str])] = &[
    ("rusqlite", &["treering-queue", "treering-store"]),
    // The servers that tests start are asked for databases and logins by the driver that is tested.
    ("tokio-postgres", &["treering-store", "treering-test-servers"]),
    ("clickhouse", &["treering-store"]),
    ("minijinja", &["treering-dashboard"]),
];

/// The normal dependencies of each package, by name.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo prints JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<_, _> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let is_normal =
        |dependency: &Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    let node = |node: &Value| {
        let dependencies =
            list(&node["deps"]).into_iter().filter(is_normal).map(|one| names[&text(&one["pkg"])].clone());
        (names[&text(&node["id"])].clone(), dependencies.collect())
    };
    list(&metadata["resolve"]["nodes"]).iter().map(node).collect()
}

/// What is linked with a crate that asks for nothing but its default features; at a depth of one, what it names itself. What
/// the tests of the house switch on beside them is not what others build.
fn linked(room: &str, depth: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", room, "--edges", "normal", "--prefix", "none", "--depth", depth])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).expect("cargo prints UTF-8");
    let names = lines.lines().skip(1).filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn each_room_builds_on_the_rooms_that_it_may() {
    for (room, may) in ROOMS {
        let rooms = linked(room, "1").into_iter().filter(|name| name.starts_with("treering"));
        let others: Vec<_> = rooms.filter(|name| !may.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "{room} must not depend on {others:?}");
    }
    let graph = graph();
    let known = graph.keys().filter(|name| name.starts_with("treering-"));
    for room in known {
        assert!(ROOMS.iter().any(|(name, _)| name == room), "{room} has no place in this table");
    }
}

#[test]
fn what_a_room_must_not_touch_is_out_of_its_reach() {
    let mut reach = BTreeMap::new();
    for (thing, reason, rooms) in OUT_OF_REACH {
        for room in *rooms {
            let linked = reach.entry(*room).or_insert_with(|| linked(room, "99"));
            assert!(!linked.contains(*thing), "{room} reaches {thing}, but {reason}");
        }
    }
}

#[test]
fn drivers_and_templates_have_their_owners() {
    let graph = graph();
    for (thing, owners) in ONLY {
        let users = graph.iter().filter(|(name, dependencies)| {
            name.starts_with("treering") && dependencies.contains(*thing) && !owners.contains(&name.as_str())
        });
        let users: Vec<_> = users.map(|(name, _)| name).collect();
        assert!(users.is_empty(), "{users:?} must not name {thing}");
    }
}
