//! The seeds of the fuzzer are held against what it asserts of everything that grows out of them.

#[path = "../../fuzz/src/otlp.rs"]
pub mod properties;
#[path = "../../fuzz/replay.rs"]
pub mod replay;

#[test]
fn what_holds_for_any_protobuf_holds_for_the_seeds() {
    replay::each(env!("CARGO_MANIFEST_DIR"), "protobuf", properties::protobuf);
}

#[test]
fn what_holds_for_any_json_holds_for_the_seeds() {
    replay::each(env!("CARGO_MANIFEST_DIR"), "json", properties::json);
}
